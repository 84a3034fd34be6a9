"""What a kill costs, against the least that any tool must do with the same file.

The floor is: read, orjson.loads, bytes() of each section, orjson.dumps with
indentation, write and fsync. Each kill is measured next to a floor of its own,
and the ratio of the pair counts, so that a machine that changes its speed half-way
does not decide.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import orjson

import bmux_forensics as bf
from benchmarks.report import Figure, show
from benchmarks.worlds import make_snapshot

_RUNS = 9
_IMPORTS = "import pandas, pydantic"


def floor(source: Path, target: Path) -> None:
    """Do what no tool that edits a snapshot can do without."""
    tree = orjson.loads(source.read_bytes())
    for section in tree["sections"]:
        bytes(section["bytes"])
    data = orjson.dumps(tree, option=orjson.OPT_INDENT_2)
    with target.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_process(sessions: int, folder: Path) -> float:
    """Return the median ratio of a kill of one session to the floor of the same file."""
    raw = make_snapshot(sessions, seed=1)
    path, scratch = folder / f"{sessions}.json", folder / "floor.json"
    ids = [i for i, _ in bf.summarize(bf.read_snapshot(raw, "x")).sessions]
    ratios = []
    for run in range(_RUNS + 1):
        path.write_bytes(raw)
        os.sync()
        least = _seconds(lambda: floor(path, scratch))
        target = [ids[run]]
        ratios.append(_seconds(lambda t=target: bf.kill(path, t)) / least)  # type: ignore[misc]  # the default binds the loop's value
    return statistics.median(ratios[1:])  # the first one warms up


def peak_memory(sessions: int, folder: Path) -> float:
    """Return the peak of a kill above that of the imports, in sizes of the file."""
    path = folder / "memory.json"
    path.write_bytes(make_snapshot(sessions, seed=2))
    target = bf.summarize(bf.open_snapshot(path)).sessions[0][0]
    imports = "import bmux_forensics as bf; bf.kill"
    # getrusage would tell the peak of this process, from which that one is forked.
    tell = "print(next(x for x in open('/proc/self/status') if x[:5] == 'VmHWM').split()[1])"
    kill = f"bf.kill({str(path)!r}, [{target!r}])"
    base = int(_python("-c", f"{imports}; {tell}"))
    peak = int(_python("-c", f"{imports}; {kill}; {tell}"))
    return (peak - base) * 1024 / path.stat().st_size


def _python(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True)
    return done.stdout


def command_ratios(folder: Path) -> dict[str, float]:
    """Return whole commands' CPU time against that of importing pandas and pydantic."""
    raw = make_snapshot(10, seed=3)
    path = folder / "ten.json"
    path.write_bytes(raw)
    session = bf.summarize(bf.open_snapshot(path)).sessions[0][0]
    commands = {
        "kill": ("kill", session, "--yes", "--snapshot", str(path)),
        "info": ("info", str(path)),
        "--help": ("--help",),
        "--version": ("--version",),
    }
    ratios: dict[str, list[float]] = {name: [] for name in commands}
    for run in range(_RUNS + 1):
        base = _cpu("-c", _IMPORTS)
        for name, arguments in commands.items():
            path.write_bytes(raw)
            ratio = _cpu("-m", "bmux_forensics", *arguments) / base
            if run:
                ratios[name].append(ratio)
    return {name: statistics.median(values) for name, values in ratios.items()}


def _cpu(*arguments: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    _python(*arguments)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return max(wall, spent) if os.environ.get("BENCH_WALL") else spent


def main() -> bool:
    """Measure everything; tell whether every figure is within its bound."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["BMUX_FORENSICS_STATE_DIR"] = str(folder / "state")
        one = in_process(1000, folder)
        five = in_process(5000, folder)
        commands = command_ratios(folder)
        figures = [
            Figure("kill one of 1,000 sessions / floor", one, 2.0),
            Figure("kill one of 5,000 sessions / floor", five, 2.0),
            Figure("5,000 sessions against 1,000", five / one, 1.1),
            Figure("peak memory of a kill, in file sizes", peak_memory(1000, folder), 6.0),
            Figure("`kill` of 10 sessions / import pandas, pydantic", commands["kill"], 1.35),
            *(
                Figure(f"`{name}` / import pandas, pydantic", commands[name], 0.4)
                for name in ("info", "--help", "--version")
            ),
        ]
    return show("kill", figures)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
