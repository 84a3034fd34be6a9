"""What can be wrong with pane rows, their panes and their layouts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from bmux_forensics.analysis.audit.antijoin import having, lacking, numbers_of, repeated
from bmux_forensics.analysis.audit.evidence import Evidence, Mask, equals, is_null, rows_where
from bmux_forensics.analysis.audit.findings import Found

RATIO_MIN: Final = 0.1
RATIO_MAX: Final = 0.9

_PANE: Final = ("runtime", "pane_id")
_LEAF: Final = ("layout", _PANE)
_FLOATING: Final = ("floating_surfaces", _PANE)
_OWN: Final = ("panes", _PANE)


def bad_rows(evidence: Evidence) -> Iterator[Found]:
    """Find pane rows that are empty, repeat a session, or name none."""
    counted = evidence.counted("runtimes")
    empty = _filled(evidence.column("runtimes", "pane_count"), 1) == 0
    yield Found("pane-row-without-panes", "runtimes", empty & counted, "pane_count")
    yield Found(
        "pane-row-twice", "runtimes", repeated(evidence, ("runtimes", ("owner_id",))), "session_id"
    )
    nameless = is_null(evidence.column("runtimes", "session_id")) & counted
    types = evidence.texts("runtimes", "session_id_type", rows_where(nameless))
    yield Found(
        "pane-row-id-not-text",
        "runtimes",
        nameless,
        "session_id",
        shown=types,
        details=["text that is no id" if t == "text" else f"of type {t}" for t in types],
    )


def bad_cells(evidence: Evidence) -> Iterator[Found]:
    """Find panes that keep their section from decoding, or from being restored."""
    counted, types = evidence.counted("panes"), evidence.column("panes", "pgid_type")
    none = is_null(evidence.column("panes", "pgid"))
    invalid = none & ~equals(types, "null") & ~equals(types, "absent") & counted
    shown = evidence.texts("panes", "pgid_type", rows_where(invalid))
    yield Found("pane-pgid-invalid", "panes", invalid, "pgid", shown=shown)
    policy = evidence.column("panes", "resume_policy")
    yield Found(
        "pane-nonresumable", "panes", equals(policy, "nonresumable") & counted, "resume_policy"
    )


def bad_layouts(evidence: Evidence) -> Iterator[Found]:
    """Find layouts that do not show exactly the tiled panes, each once, in sound splits."""
    leaves = equals(evidence.column("layout", "kind"), "leaf")
    own = having(evidence, _LEAF, _OWN) & leaves
    floating = having(evidence, _LEAF, _FLOATING) & own
    yield Found("floating-pane-in-layout", "layout", floating, "pane_id")
    twice = repeated(evidence, _LEAF, own & ~floating)
    yield Found("layout-pane-twice", "layout", twice, "pane_id")
    loose = lacking(evidence, _OWN, _LEAF) & lacking(evidence, _OWN, _FLOATING)
    types = evidence.column("runtimes", "layout_type")
    loose &= _in_rows(evidence, ~equals(types, "null") & ~equals(types, "absent"))
    yield Found("pane-outside-layout", "panes", loose & ~repeated(evidence, _OWN, loose), "pane_id")
    ratio = _filled(evidence.column("layout", "ratio"), RATIO_MIN)
    outside = ((ratio < RATIO_MIN) | (ratio > RATIO_MAX)) & evidence.counted("layout")
    splits = equals(evidence.column("layout", "kind"), "split")
    yield Found("split-ratio-out-of-range", "layout", outside & splits, "ratio")


def _in_rows(evidence: Evidence, rows: Mask) -> Mask:
    """Tell which panes stand in one of some pane rows."""
    places, numbers = numbers_of(evidence, ("panes", ("runtime",)), ("runtimes", ("position",)))
    mask: Mask = np.isin(places, numbers[rows])
    return mask


def without_panes(evidence: Evidence) -> Iterator[Found]:
    """Find sessions that no pane row belongs to."""
    rows = lacking(evidence, ("sessions", ("session_id",)), ("runtimes", ("owner_id",)))
    yield Found("session-without-panes", "sessions", rows, "session_id", "runtimes")


def shared_pane_ids(evidence: Evidence) -> Iterator[Found]:
    """Find pane ids that stand more than once in a snapshot, each id once.

    The panes of a row that belongs to nobody or repeats a session do not count: that
    row's own finding stands for them.
    """
    rows = ("runtimes", ("session_id",))
    astray = lacking(evidence, rows, ("sessions", ("session_id",)))
    astray |= repeated(evidence, ("runtimes", ("owner_id",)))
    sound = ~_in_rows(evidence, astray)
    yield once_each(evidence, "pane-id-twice", "panes", "pane_id", sound)


def once_each(
    evidence: Evidence, rule: str, table: str, column: str, where: Mask | None = None
) -> Found:
    """Find the values of a column that repeat in a snapshot: the first row of each, counted."""
    (numbers,) = numbers_of(evidence, (table, (column,)))
    mask = (numbers >= 0) & evidence.counted(table)
    rows = np.flatnonzero(mask if where is None else mask & where)
    _, first, counts = np.unique(numbers[rows], return_index=True, return_counts=True)
    several = {int(rows[i]): int(n) for i, n in zip(first, counts, strict=True) if n > 1}
    shared = np.zeros(len(mask), dtype=bool)
    shared[list(several)] = True
    keys = evidence.texts(table, column, rows_where(shared))
    details = [several[row] for row in rows_where(shared).tolist()]
    return Found(rule, table, shared, column, keys=keys, details=details)


def _filled(array: Any, value: float) -> Any:
    """Return an Arrow array of numbers as NumPy's, nulls replaced."""
    return array.fill_null(value).to_numpy(zero_copy_only=False)
