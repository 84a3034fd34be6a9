"""When the system refuses a step, the old bytes stay, a line says why, and nobody is ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from bmux_forensics.store.journal import append
from tests.figures import Figures
from tests.host.conftest import is_running

from .aftermath import require_whole
from .forks import Ended, Forks, Run
from .operations import OPERATIONS, Operation, Scene, lay_out
from .tracing import distinct, injected, require_strace, traced

ERRORS = ("ENOSPC", "EIO", "EROFS", "EACCES", "EDQUOT", "EINTR")
PROGRAM = "bmux-forensics: "
REFUSED = (3, 4, 6)
"""Exit codes that promise an unchanged file."""


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_error_at_every_step(
    name: str, forks: Forks, scene: Scene, figures: Figures, tmp_path: Path, *, soak: bool
) -> None:
    require_strace()
    operation = OPERATIONS[name]

    def start() -> Run:
        lay_out(operation, scene)
        return forks.start(scene.arguments, env=scene.env)

    steps = traced(start, tmp_path, tmp_path / "log")
    scene.new = scene.bytes_now()
    places = list(enumerate(steps if soak else distinct(steps)))
    points = [
        (step, error)
        for place, step in places
        for error in (ERRORS if soak else [ERRORS[place % len(ERRORS)]])
    ]
    codes = set()
    for step, error in points:
        fault = f"error during {operation.name}"
        with figures.trying(fault, about=f"{error} at {step}"):
            lay_out(operation, scene)
            run = forks.start(scene.arguments, env=scene.env)
            ended = injected(run, step, f"error={error}", tmp_path)
            codes.add(ended.code)
            _check(operation, scene, forks, ended)
            # Evidence that can't be read is 3, and what is busy 4: a refused write is neither.
            assert ended.code not in (3, 4) or not step.changes, ended
    assert 6 in codes


@pytest.mark.parametrize("where", ["the new file", "the journal"])
def test_a_write_that_stops_half_way(
    where: str, forks: Forks, scene: Scene, figures: Figures, *, soak: bool
) -> None:
    """A limit on the size of files: the system writes what fits, and then refuses."""
    operation = OPERATIONS["repair"]
    lay_out(operation, scene)
    assert forks.run(scene.arguments, env=scene.env).code == 0
    scene.new = scene.bytes_now()
    assert scene.new is not None
    journal = scene.folder / "state" / "journal.jsonl"
    if where == "the new file":
        limits = [*range(2048, len(scene.new), 1000 if soak else 20_000), len(scene.new) + 4096]
    else:
        limits = list(range(1, 2000, 10 if soak else 250))
    codes = set()
    for limit in limits:
        with figures.trying(f"short write, then an error, in {where}", about=limit):
            lay_out(operation, scene)
            if where == "the journal":
                while not journal.exists() or journal.stat().st_size < len(scene.new):
                    append("note", {"why": "x" * 20_000})
            size = journal.stat().st_size if journal.exists() else 0
            run = forks.start(scene.arguments, env=scene.env, limit=size + limit)
            run.go()
            ended = run.ended()
            codes.add(ended.code)
            _check(operation, scene, forks, ended)
    assert codes == {0, 6}


def _check(operation: Operation, scene: Scene, forks: Forks, ended: Ended) -> None:
    changed = scene.changed()
    assert "Traceback" not in ended.err, ended
    assert ended.code in (0, 5, *REFUSED), ended
    if ended.code in REFUSED:
        (line,) = [line for line in ended.err.splitlines() if line.startswith(PROGRAM)]
        unproven = "the new file can't be read back" in line
        assert changed == (scene.paths if unproven else []), ended
    elif operation.batch and ended.code == 5:
        for path in scene.paths:  # a row for a file that is as it was, or its folder, says why
            told = [f"failed\t{place}\t" in ended.out for place in (path, path.parent)]
            assert path in changed or any(told), ended
    else:
        assert changed == scene.paths, ended
    if ended.code == 5:
        assert PROGRAM in ended.err, ended
    if operation.name == "kill" and not changed:
        assert all(is_running(child.pid) for child in scene.children), ended
    require_whole(operation, scene, forks)
