"""The audit, measured against the load of the tables that it reads."""

from __future__ import annotations

import gc
from collections.abc import Callable
from time import perf_counter
from typing import Final

from benchmarks.report import Figure, show
from benchmarks.worlds import make_snapshot
from bmux_forensics.analysis.audit.run import audit
from bmux_forensics.snapshot.document import read_snapshot
from bmux_forensics.tables.build import Tables

_BOUND: Final = 1.0
_ROUNDS: Final = 5


def _load(raws: list[bytes]) -> Tables:
    tables = Tables([read_snapshot(raw, f"{i}.json") for i, raw in enumerate(raws)])
    for name in tables:
        tables[name]
    return tables


def _seconds(step: Callable[[], object]) -> float:
    gc.collect()
    start = perf_counter()
    step()
    return perf_counter() - start


def _figure(name: str, raws: list[bytes]) -> Figure:
    """Return the ratio of the fastest audit to the fastest load; both start from nothing."""
    load, look = [], []
    for _ in range(_ROUNDS):
        load.append(_seconds(lambda: _load(raws)))
        tables = _load(raws)
        look.append(_seconds(lambda: audit(tables)))  # noqa: B023 - called at once
    return Figure(name, min(look) / min(load), _BOUND)


def main() -> bool:
    """Measure; tell whether every ratio is within its bound."""
    return show(
        "audit, in loads of all its tables",
        [
            _figure("1 snapshot of 1,000 sessions", [make_snapshot(1000)]),
            _figure("1,000 snapshots of 10", [make_snapshot(10, seed) for seed in range(1000)]),
        ],
    )


if __name__ == "__main__":
    main()
