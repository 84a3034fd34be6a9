"""Find rows that match none, and rows that match another one: over a whole batch at once.

Values of several columns become one number a row, the snapshot among them, so that
nothing ever matches across snapshots; then a match is a membership test. A null
matches nothing, not even another null.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bmux_forensics.analysis.audit.evidence import Evidence, Mask, equals, is_null
from bmux_forensics.tables.catalog import BY_NAME
from bmux_forensics.tables.schema import ForeignKey

Numbers = npt.NDArray[np.int64]
NO_KEY: Final = -1
"""The number of a row that has a null in one of its columns."""

Side = tuple[str, Sequence[str]]
"""A table and some of its columns."""


def numbers_of(evidence: Evidence, *sides: Side) -> list[Numbers]:
    """Return for each row of some tables a number that stands for its snapshot and values.

    Equal numbers mean equal snapshot and values, within one table and between them.
    """
    result = [evidence.codes(table).copy() for table, _ in sides]
    nulls = [np.zeros(len(codes), dtype=bool) for codes in result]
    for columns in zip(*(names for _, names in sides), strict=True):
        arrays = [
            evidence.column(table, name) for (table, _), name in zip(sides, columns, strict=True)
        ]
        for i, values in enumerate(_joint(arrays)):
            nulls[i] |= values < 0
            arrays[i] = values
        size = 1 + max((int(values.max()) for values in arrays if len(values)), default=0)
        result = [codes * size + values for codes, values in zip(result, arrays, strict=True)]
    for codes, null in zip(result, nulls, strict=True):
        codes[null] = NO_KEY
    return result


def _joint(arrays: list[Any]) -> list[Numbers]:
    """Return small numbers for the values of some arrays, the same for the same value."""
    if all(pa.types.is_integer(array.type) for array in arrays):
        return [_plain(array) for array in arrays]
    whole = pa.concat_arrays([array.cast(pa.large_string()) for array in arrays])
    numbers = _plain(whole.dictionary_encode().indices)
    ends = np.cumsum([len(array) for array in arrays])
    return np.split(numbers, ends[:-1])


def _plain(array: Any) -> Numbers:
    if array.null_count:
        array = array.fill_null(NO_KEY)
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=np.int64)


def lacking(evidence: Evidence, child: Side, parent: Side) -> Mask:
    """Tell which rows of a table name something that another table does not have.

    Rows that name nothing (a null), and rows of snapshots where either section can't
    be gone by, do not count.

    Parameters
    ----------
    evidence : Evidence
        The tables.
    child, parent : (str, sequence of str)
        The table and columns that name, and those that are named.
    """
    if not len(evidence.codes(child[0])):
        return np.zeros(0, dtype=bool)
    names, there = numbers_of(evidence, child, parent)
    there = there[evidence.counted(parent[0])]
    known = evidence.usable(BY_NAME[parent[0]].section)[evidence.codes(child[0])]
    mask: Mask = (names != NO_KEY) & known & evidence.counted(child[0])
    if mask.any():
        mask[mask] = ~np.isin(names[mask], there)
    return mask


def having(evidence: Evidence, child: Side, parent: Side) -> Mask:
    """Tell which rows of a table name something that another table does have."""
    names, there = numbers_of(evidence, child, parent)
    mask: Mask = (names != NO_KEY) & np.isin(names, there) & evidence.counted(child[0])
    return mask


def dangling(evidence: Evidence, reference: ForeignKey) -> Mask:
    """Tell which rows have a reference that leads to nothing."""
    child = (reference.table, reference.columns)
    mask = lacking(evidence, child, (reference.parent, reference.parent_columns))
    if reference.where is not None and mask.any():
        column, value = reference.where
        array = evidence.column(reference.table, column)
        mask &= is_null(array) if value is None else equals(array, value)
    return mask


def repeated(evidence: Evidence, side: Side, where: Mask | None = None) -> Mask:
    """Tell which rows repeat the values of an earlier row of the same snapshot.

    Parameters
    ----------
    evidence : Evidence
        The tables.
    side : (str, sequence of str)
        The table and the columns that should not repeat.
    where : Mask, optional
        Look at these rows only.
    """
    (numbers,) = numbers_of(evidence, side)
    mask: Mask = (numbers != NO_KEY) & evidence.counted(side[0])
    if where is not None:
        mask &= where
    rows = np.flatnonzero(mask)
    _, first = np.unique(numbers[rows], return_index=True)
    mask[rows[first]] = False
    return mask
