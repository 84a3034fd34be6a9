"""Find values that repeat in a snapshot: one finding a value, however many rows have it."""

from __future__ import annotations

import numpy as np

from bmux_forensics.analysis.audit.antijoin import NO_KEY, numbers_of
from bmux_forensics.analysis.audit.evidence import Evidence, Mask, rows_where
from bmux_forensics.analysis.audit.findings import Found


def once_each(
    evidence: Evidence, rule: str, table: str, column: str, where: Mask | None = None
) -> Found:
    """Find the values of a column that repeat in a snapshot: the first row of each, counted."""
    (numbers,) = numbers_of(evidence, (table, (column,)))
    mask = (numbers != NO_KEY) & evidence.counted(table)
    rows = np.flatnonzero(mask if where is None else mask & where)
    _, first, counts = np.unique(numbers[rows], return_index=True, return_counts=True)
    several = {int(rows[i]): int(n) for i, n in zip(first, counts, strict=True) if n > 1}
    shared = np.zeros(len(mask), dtype=bool)
    shared[list(several)] = True
    keys = evidence.texts(table, column, rows_where(shared))
    details = [several[row] for row in rows_where(shared).tolist()]
    return Found(rule, table, shared, column, keys=keys, details=details)
