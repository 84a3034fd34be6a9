"""Fuzz the targets, guided by coverage: each in a child that forked after the imports.

``python -m tests.fuzz.drive FOLDER RUNS SECONDS [TARGET...]`` tries every target (or the
named ones) on RUNS inputs, or for SECONDS where that is not 0, with a working folder below
FOLDER, and writes what became of each to ``FOLDER/<target>.log``. A child that fails
leaves the input that it failed on there.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Final

import atheris

with atheris.instrument_imports(include=["bmux_forensics"], enable_loader_override=False):
    import bmux_forensics as bf
    from tests.fuzz.targets import TARGETS, WEIGHTS, attempt

    for name in bf.__all__:
        getattr(bf, name)  # the facade imports late: now, or nothing would be seen of it
from tests.fuzz.guard import forbid_changes, limit
from tests.fuzz.seeds import regressions, seeds

_LONGEST: Final = 8192
_HANG: Final = 60  # seconds, for one input, on a machine that is busy with something else
_RSS: Final = 2048  # MiB
_WORDS: Final = (
    "sessions session_id panes id name clients contexts session_by_context selected_by_client "
    "mru_contexts connected_clients selected_contexts selected_sessions follows leader_client_id "
    "attached_stream_sessions attach_detach_allowed attributes bmux.session_id focused_pane_id "
    "zoomed_pane_id layout_root kind leaf split direction vertical horizontal ratio first second "
    "pane_id attach_viewport cols rows floating_surfaces process_group_id launch_command env "
    "resume_policy nonresumable orders pending version checksum bytes number prev sha256 entry"
)


def dictionary() -> str:
    """Return the words of the format, as the fuzzer reads them."""
    return "".join(f'"\\"{word}\\":"\n' for word in _WORDS.split())


def main(folder: Path, runs: int, seconds: int, names: list[str]) -> int:
    """Fuzz one target after another; return how many children failed."""
    words = folder / "words"
    words.write_text(dictionary())
    failed = 0
    for name in names or list(TARGETS):
        runs_here = runs // WEIGHTS.get(name, 1)
        starts = prepare(folder / name, name, runs_here)
        child = os.fork()
        if child == 0:
            log = os.open(folder / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            fuzz(name, folder / name, words, runs_here + starts, seconds)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        failed += code != 0
        sys.stdout.write(json.dumps({"target": name, "code": code}) + "\n")
        sys.stdout.flush()
    return failed


def prepare(folder: Path, name: str, runs: int) -> int:
    """Lay out what a target starts from; return how many inputs that are."""
    folder.mkdir()
    starts = [*regressions(name), *seeds(name, max(20, runs // 10))]
    for number, start in enumerate(starts):
        (folder / f"seed-{number}").write_bytes(start)
    return len(starts)


def fuzz(name: str, folder: Path, words: Path, runs: int, seconds: int) -> None:
    """Never come back: the fuzzer ends the process, with 0 when nothing was found."""
    target = TARGETS[name]
    options = {
        "max_len": _LONGEST,
        "len_control": 0,
        "timeout": _HANG,
        "rss_limit_mb": _RSS,
        "dict": words,
        "artifact_prefix": f"{folder.parent}/{name}-",
        "print_final_stats": 1,
        "seed": 0 if seconds else 1,
        "max_total_time" if seconds else "runs": seconds or runs,
    }
    arguments = [name, str(folder), *(f"-{key}={value}" for key, value in options.items())]
    atheris.Setup(arguments, lambda data: attempt(target, data))
    attempt(target, b"")  # what is imported late is imported now
    for start in sorted(folder.iterdir())[:20]:
        attempt(target, start.read_bytes())
    forbid_changes()
    limit(cpu_seconds=max(seconds * 2, 600))
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]))
