"""What can be wrong with the rows of the pane section as such."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from bmux_forensics.analysis.audit.antijoin import lacking, numbers_of, repeated
from bmux_forensics.analysis.audit.evidence import Evidence, Mask, is_null, rows_where
from bmux_forensics.analysis.audit.findings import Found
from bmux_forensics.analysis.audit.repeats import once_each


def moot_rows(evidence: Evidence) -> Mask:
    """Tell which pane rows no server comes to lay out.

    They are empty, belong to nobody or repeat a session: that is their finding, and it
    stands for whatever else is wrong with their focus or layout.
    """
    astray = _astray(evidence)
    return astray | _again(evidence, astray)


def _astray(evidence: Evidence) -> Mask:
    """Tell which pane rows are empty or belong to nobody."""
    owner = ("runtimes", ("owner_id",))
    nobody = lacking(evidence, owner, ("sessions", ("session_id",)))
    return nobody | is_null(evidence.column("runtimes", "owner_id")) | _empty(evidence)


def _again(evidence: Evidence, astray: Mask) -> Mask:
    return repeated(evidence, ("runtimes", ("owner_id",)), ~astray)


def _empty(evidence: Evidence) -> Mask:
    mask: Mask = filled(evidence.column("runtimes", "pane_count"), 1) == 0
    return mask


def bad_rows(evidence: Evidence) -> Iterator[Found]:
    """Find pane rows that are empty, repeat a session, or name none."""
    counted = evidence.counted("runtimes")
    empty = _empty(evidence) & counted
    yield Found("pane-row-without-panes", "runtimes", empty, "pane_count")
    again = _again(evidence, _astray(evidence))
    yield Found("pane-row-twice", "runtimes", again, "session_id")
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


def in_rows(evidence: Evidence, table: str, rows: Mask) -> Mask:
    """Tell which rows of a table stand in one of some pane rows."""
    places, numbers = numbers_of(evidence, (table, ("runtime",)), ("runtimes", ("position",)))
    mask: Mask = np.isin(places, numbers[rows])
    return mask


def without_panes(evidence: Evidence) -> Iterator[Found]:
    """Find sessions that no pane row belongs to."""
    rows = lacking(evidence, ("sessions", ("session_id",)), ("runtimes", ("owner_id",)))
    yield Found("session-without-panes", "sessions", rows, "session_id", "runtimes")


def shared_pane_ids(evidence: Evidence, moot: Mask) -> Iterator[Found]:
    """Find pane ids that stand more than once in a snapshot, each id once."""
    sound = ~in_rows(evidence, "panes", moot)
    yield once_each(evidence, "pane-id-twice", "panes", "pane_id", sound)


def filled(array: Any, value: float) -> Any:
    """Return an Arrow array of numbers as NumPy's, nulls replaced."""
    return array.fill_null(value).to_numpy(zero_copy_only=False)
