"""Killed before any system call that changes something, nothing is lost, and it goes on."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.figures import Figures

from .aftermath import require_whole
from .forks import Forks, Run
from .operations import OPERATIONS, Scene, lay_out
from .tracing import changing, distinct, injected, require_strace, traced

FEWEST = 10


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_crash_at_every_step(
    name: str, forks: Forks, scene: Scene, figures: Figures, tmp_path: Path, *, soak: bool
) -> None:
    require_strace()
    operation = OPERATIONS[name]

    def start() -> Run:
        lay_out(operation, scene)
        return forks.start(scene.arguments, env=scene.env)

    steps = changing(traced(start, tmp_path, tmp_path / "log"))
    scene.new = scene.bytes_now()
    points = steps if soak else distinct(steps)
    assert len(points) >= FEWEST
    seen = set()
    for step in points:
        with figures.trying(f"crash (SIGKILL) during {operation.name}", about=step):
            lay_out(operation, scene)
            run = forks.start(scene.arguments, env=scene.env)
            ended = injected(run, step, "signal=SIGKILL", tmp_path)
            assert ended.code == -signal.SIGKILL, ended
            seen.add(require_whole(operation, scene, forks))
    assert seen == {False, True}
