"""What looking at a kill costs in its panel, against loading the tables that it is about.

Both sides read the same file: the floor opens it and builds every table; the panel reads
it anew, refuses other bytes, plans the kill, proves what comes out, and shows it in words.
The picture of the plan, which is drawn once the plan is on the screen, is measured too.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import bmux_forensics as bf
from benchmarks.report import Figure, show
from benchmarks.worlds import make_snapshot

_SESSIONS = 1000
_RUNS = 7
_BOUND = 2.0


def _load(path: Path) -> None:
    tables = bf.load_tables(path)
    for name in tables:
        _ = tables[name]


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _until_shown(panel: bf.KillPanel) -> float:
    """Return the time from the press of the button until the plan is on the screen."""
    start = time.perf_counter()
    shown: list[float] = []

    def changed(change: dict[str, str]) -> None:
        if change["new"]:
            shown.append(time.perf_counter() - start)

    panel._plan_area.observe(changed, "value")  # noqa: SLF001 - what the browser is told
    panel._preview.click()  # noqa: SLF001 - what a person presses
    panel._plan_area.unobserve(changed, "value")  # noqa: SLF001 - as above
    return shown[0]


def main() -> bool:
    """Measure, show, and say whether every figure is within its bound."""
    with tempfile.TemporaryDirectory() as name:
        os.environ["BMUX_FORENSICS_STATE_DIR"] = str(Path(name) / "state")
        path = Path(name) / "many.json"
        path.write_bytes(make_snapshot(_SESSIONS))
        panel = bf.KillPanel(path)
        ids = [i for i, _ in bf.summarize(bf.open_snapshot(path)).sessions]
        plans, pictures = [], []
        for run in range(_RUNS + 1):
            load = _seconds(lambda: _load(path))
            panel.sessions.pick(ids[run])
            start = time.perf_counter()
            plans.append(_until_shown(panel) / load)
            pictures.append((time.perf_counter() - start) / load)
        assert panel.last_error is None  # noqa: S101  # a refusal would be quick
    return show(
        f"panels (a snapshot of {_SESSIONS:,} sessions)",
        [
            Figure("pick to plan / load of its tables", statistics.median(plans[1:]), _BOUND),
            Figure("the same, picture drawn in both themes", statistics.median(pictures[1:]), 4.0),
        ],
    )


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
