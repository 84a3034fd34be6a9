"""What an archive of 1,000 snapshots costs, against the least that any reader must do.

The floor is: read each file, orjson.loads, bytes() of each section, orjson.loads of
those, one file after another and nothing kept. The load makes all tables as DataFrames of
this process, with two worker processes. Each load stands beside a floor of its own, and
the ratio of the pair counts. Imports are not measured: the workers start from a process
that has them, and that one is started before.

Memory is that of a fresh process and all of its workers, each at its peak.
"""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

import orjson
import pandas as pd

import bmux_forensics as bf
from benchmarks.report import Figure, show
from benchmarks.worlds import make_snapshot
from bmux_forensics.archive.batch import Batch, Columns, Pack
from bmux_forensics.tables.build import Tables, table_names

_FILES: Final = 1000
_MORE: Final = 5
_SESSIONS: Final = 10
_JOBS: Final = 2
_ROUNDS: Final = 3
_WARM: Final = 2

_PEAK: Final = """
import sys
from benchmarks.archive import peaks
if __name__ == "__main__":
    print(sum(peaks(sys.argv[1:]).values()))
"""


@dataclass(frozen=True)
class _Packed:
    """Ask for all tables, and for how much memory the worker has had at most."""

    def __call__(self, tables: Tables) -> tuple[Columns, int, int]:
        return Pack(table_names())(tables), os.getpid(), _own_peak()


def _own_peak() -> int:
    # getrusage would tell the peak of the process from which this one is forked.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line[:5] == "VmHWM")


def peaks(paths: list[str]) -> dict[int, int]:
    """Load all tables; return the peak memory of each process, in kilobytes."""
    found: dict[int, int] = {}
    archive = bf.load_archive(*paths, jobs=_JOBS)
    for columns, worker, memory in archive.ask(_Packed()):
        batch = Batch(columns, pd.DataFrame())
        _ = [batch[name] for name in batch]
        found[worker] = max(memory, found.get(worker, 0))
    return {**found, os.getpid(): _own_peak()}


def floor(paths: list[Path]) -> None:
    """Do what nobody who reads snapshots can do without."""
    for path in paths:
        for section in orjson.loads(path.read_bytes())["sections"]:
            orjson.loads(bytes(section["bytes"]))


def load(paths: list[Path] | list[str]) -> int:
    """Make all tables of an archive, batch by batch; return how many rows there were."""
    archive = bf.load_archive(*paths, jobs=_JOBS)
    return sum(len(batch[name]) for batch in archive for name in batch)


def _seconds(step: object, paths: list[Path]) -> float:
    assert callable(step)  # noqa: S101 - one of the two above
    gc.collect()
    start = perf_counter()
    step(paths)
    return perf_counter() - start


def ratio(paths: list[Path]) -> float:
    """Return the median of loads in floors of the same files."""
    load(paths[:_WARM])
    pairs = [(_seconds(load, paths), _seconds(floor, paths)) for _ in range(_ROUNDS)]
    return statistics.median(loaded / least for loaded, least in pairs)


def peak(folder: Path) -> float:
    """Return the peak memory of a load in a fresh process, workers included."""
    script = folder.parent / "load.py"
    script.write_text(_PEAK)
    command = [sys.executable, str(script), str(folder)]
    root = Path(__file__).parents[1]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env={"PYTHONPATH": str(root)}
    )
    return float(done.stdout)


def _made(folder: Path, count: int) -> list[Path]:
    """Write snapshots that are in no other folder, and give their paths."""
    folder.mkdir()
    paths = [folder / f"{i:05}.json" for i in range(count)]
    for i, path in enumerate(paths):
        path.write_bytes(make_snapshot(_SESSIONS, seed=i))
    return paths


def main() -> bool:
    """Measure everything; tell whether every figure is within its bound."""
    with tempfile.TemporaryDirectory() as name:
        few = _made(Path(name, "few"), _FILES)
        many = _made(Path(name, "many"), _FILES * _MORE)
        one, five = ratio(few), ratio(many)
        figures = [
            Figure("load to tables, 2 jobs / orjson.loads of the files", one, 1.5),
            Figure("cost per file, 5,000 files against 1,000", five / one, 1.0),
            Figure(
                "peak memory, 5,000 files against 1,000",
                peak(many[0].parent) / peak(few[0].parent),
                1.3,
            ),
        ]
    return show("archive (snapshots of 10 sessions)", figures)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
