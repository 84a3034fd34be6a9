"""What cleaning an archive costs, against the least that any tool must do with each file.

The floor is the one of the kill benchmark, done for every file after the other. A session
that is in every snapshot goes out of 1,000 of them with two worker processes, started and
warm before the clock runs: their imports are not what is measured. Floors and cleans
take turns, and the ratio of the pair counts.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import bmux_forensics as bf
from benchmarks.kill import floor
from benchmarks.report import Figure, show
from benchmarks.worlds import make_snapshot

_FILES: Final = 1000
_SESSIONS: Final = 10
_JOBS: Final = 2
_ROUNDS: Final = 3


def _archive(folder: Path) -> str:
    """Write the snapshots; return a session that all of them have."""
    folder.mkdir()
    raw = make_snapshot(_SESSIONS, seed=1)
    for number in range(_FILES):
        (folder / f"bmux-snapshot-v1.{number:06}.json").write_bytes(raw)
    return bf.summarize(bf.read_snapshot(raw, "x")).sessions[0][0]


def _floors(folder: Path, scratch: Path) -> None:
    for path in sorted(folder.iterdir()):
        floor(path, scratch)


def _seconds(work: Callable[[], object]) -> float:
    os.sync()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _ratio(folder: Path, number: int, *, name: bool) -> float:
    archive = folder / f"archive-{number}-{name}"
    session = _archive(archive)
    least = _seconds(lambda: _floors(archive, folder / "floor.json"))
    wish = "work-0" if name else session
    with bf.worker_pool(_JOBS) as pool:
        spent = _seconds(lambda: _clean(archive, wish, pool))
    return spent / least


def _clean(archive: Path, wish: str, pool: bf.Executor) -> None:
    done = bf.clean(archive, sessions=[wish], jobs=_JOBS, executor=pool)
    assert done.counts["cleaned"] == _FILES  # noqa: S101 - a figure of something else is none


def main() -> bool:
    """Measure everything; tell whether every figure is within its bound."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        os.environ["BMUX_FORENSICS_STATE_DIR"] = str(folder / "state")
        ratios = {
            name: statistics.median(_ratio(folder, i, name=name) for i in range(_ROUNDS))
            for name in (False, True)
        }
    return show(
        f"clean one session out of {_FILES} snapshots of {_SESSIONS}, {_JOBS} jobs",
        [
            Figure("by id / floors of the same files", ratios[False], 1.0),
            Figure("by name, looked up in all files first / floors", ratios[True], 2.0),
        ],
    )


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
