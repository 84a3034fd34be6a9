"""The look at 2,000 processes, measured against bare passes of `psutil.process_iter`.

The machine is given 2,000 sleeping children in a session of their own, and freed of them
again. Two passes stand beside the census: one with the very fields that it reads, for
that is what its tables cost, and a lean one with the fields that need no close look.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Final

import pandas as pd
import psutil

from benchmarks.report import Figure, show
from bmux_forensics.host.census import take_census
from bmux_forensics.host.strays import find_strays
from bmux_forensics.host.verdicts import judge_groups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CHILDREN: Final = 2000
_ROUNDS: Final = 5
_BOUND: Final = 3.0

_LEAN: Final = ["pid", "ppid", "uids", "create_time", "status", "name"]
_SAME: Final = [*_LEAN, "cmdline", "cwd", "environ"]

# The crowd ends with its leader's standard input, even if this process is killed.
_CROWD: Final = f"""
import os, signal, sys
children = []
for _ in range({_CHILDREN}):
    pid = os.fork()
    if not pid:
        signal.pause()
        os._exit(0)
    children.append(pid)
print("ready", flush=True)
sys.stdin.read()
for pid in children:
    os.kill(pid, signal.SIGKILL)
"""


@contextmanager
def _crowd() -> Iterator[int]:
    """Run the children; yield their group, and leave none of them."""
    leader = subprocess.Popen(
        [sys.executable, "-S", "-c", _CROWD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert leader.stdout is not None  # noqa: S101  # it was asked for above
        leader.stdout.readline()
        yield leader.pid
    finally:
        if leader.pid != os.getpgrp():
            os.killpg(leader.pid, signal.SIGKILL)
        leader.communicate()


def _seconds(step: Callable[[], object]) -> float:
    # Both sides start from nothing: the iterator keeps what it knows between two passes.
    psutil.process_iter.cache_clear()
    gc.collect()
    start = perf_counter()
    step()
    return perf_counter() - start


def _processes(group: int) -> None:
    """Do what the verb does: look, judge, and search for strays."""
    census = take_census(groups=[group])
    claims = pd.DataFrame({"pgid": [group]})
    verdicts = judge_groups(claims, census, saved_at=census.taken_at, owner_uid=os.getuid())
    find_strays(verdicts, census)


def main() -> bool:
    """Measure, show, and say whether every figure is within its bound."""
    with _crowd() as group:
        steps: dict[str, Callable[[], object]] = {
            "same": lambda: list(psutil.process_iter(_SAME)),
            "lean": lambda: list(psutil.process_iter(_LEAN)),
            "census": lambda: take_census(groups=[group]),
            "all": lambda: _processes(group),
        }
        # Round by round, so that a machine that changes its speed changes it for all.
        rounds = [{name: _seconds(step) for name, step in steps.items()} for _ in range(_ROUNDS)]
    best = {name: min(times[name] for times in rounds) for name in steps}
    return show(
        f"processes ({_CHILDREN} of them)",
        [
            Figure("census / bare pass, same fields", best["census"] / best["same"], _BOUND),
            Figure("census / bare pass, lean fields", best["census"] / best["lean"], _BOUND),
            Figure("look, judge, strays / bare pass", best["all"] / best["same"], _BOUND),
        ],
    )


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
