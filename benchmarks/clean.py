"""What cleaning an archive costs, against the least that any tool must do with each file.

The floor is the one of the kill benchmark, done for every file after the other. A session
that is in every snapshot goes out of 1,000 of them with two worker processes. What it
takes to start those and to import, measured by cleaning a handful of files in a new pool,
is taken off. Floors and cleans take turns, and the ratio of the pair counts.

The floor writes one file over and over, a clean makes new ones. On ext4 making a file costs
up to a millisecond more for some minutes after thousands were removed nearby (it looks
through their inodes first): run this where nothing was, or set TMPDIR.
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
_FEW: Final = 2
_SESSIONS: Final = 10
_JOBS: Final = 2
_ROUNDS: Final = 3


def _archive(folder: Path, files: int) -> str:
    """Write the snapshots; return a session that all of them have."""
    folder.mkdir()
    raw = make_snapshot(_SESSIONS, seed=1)
    for number in range(files):
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


def _clean(archive: Path, session: str, files: int) -> None:
    done = bf.clean(archive, sessions=[session], jobs=_JOBS)
    assert done.counts["cleaned"] == files  # noqa: S101 - a figure of something else is none


def _ratio(folder: Path, number: int) -> float:
    few, many = folder / f"few-{number}", folder / f"many-{number}"
    session = _archive(few, _FEW)
    _archive(many, _FILES)
    least = _seconds(lambda: _floors(many, folder / "floor.json"))
    begun = _seconds(lambda: _clean(few, session, _FEW))
    spent = _seconds(lambda: _clean(many, session, _FILES))
    return (spent - begun) / least


def main() -> bool:
    """Measure; tell whether the figure is within its bound."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        os.environ["BMUX_FORENSICS_STATE_DIR"] = str(folder / "state")
        ratio = statistics.median(_ratio(folder, number) for number in range(_ROUNDS))
    title = f"clean one session out of {_FILES} snapshots of {_SESSIONS}, {_JOBS} jobs"
    return show(title, [Figure("clean / single floors of the same files", ratio, 1.0)])


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
