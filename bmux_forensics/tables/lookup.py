"""A table read by value: which rows have one of a few keys, in any snapshot of a batch.

Rows are found by a sieve (one membership test of a whole column against the few
values) and then matched exactly. That is a join whose cost does not depend on how
many rows do *not* match.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from bmux_forensics.tables.schema import ForeignKey

Key = tuple[Any, ...]
"""A row's snapshot code and the values of some of its columns."""


class Lookup:
    """A table to find rows in by value.

    Parameters
    ----------
    codes : array of int64
        The snapshot code of each row.
    column : callable
        Gives a column as one Arrow array, by name.
    """

    def __init__(self, codes: npt.NDArray[np.int64], column: Callable[[str], pa.Array]) -> None:
        self.codes = codes
        self.column = column

    @classmethod
    def of_frame(cls, frame: pd.DataFrame) -> Self:
        """Return a DataFrame with a ``snapshot`` column as a table to find rows in."""

        def column(name: str) -> pa.Array:
            array = pa.array(frame[name].array)
            return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array

        return cls(frame["snapshot"].cat.codes.to_numpy().astype(np.int64), column)

    def keys(self, columns: Sequence[str], rows: Iterable[int]) -> list[tuple[int, Key]]:
        """Return the key of each row that has one (a null in a column means none)."""
        numbers = list(rows)
        if not numbers:
            return []
        taken = pa.array(numbers, pa.int64())
        values = [self.column(name).take(taken).to_pylist() for name in columns]
        keys = zip(self.codes[numbers].tolist(), *values, strict=True)
        return [(row, key) for row, key in zip(numbers, keys, strict=True) if None not in key]

    def rows(self, columns: Sequence[str], keys: Iterable[Key]) -> dict[int, Key]:
        """Return the rows whose columns have one of some keys, with the key of each."""
        wanted = set(keys)
        if not wanted or not len(self.codes):
            return {}
        sieved = self._sieve(columns[-1], {(key[0], key[-1]) for key in wanted})
        return {row: key for row, key in self.keys(columns, sieved) if key in wanted}

    def _sieve(self, column: str, keys: set[Key]) -> list[int]:
        """Return the rows that may have one of some (snapshot code, value) keys; never too few."""
        array = self.column(column)
        if not pa.types.is_integer(array.type):
            values = pa.array([value for _, value in keys], array.type)
            mask = pc.is_in(array, value_set=values).to_numpy(zero_copy_only=False)
            return np.flatnonzero(mask).tolist()
        # Places are small numbers that every snapshot has, so the snapshot goes into the key.
        wanted = np.array([(code << 32) + value for code, value in keys], dtype=np.int64)
        return np.flatnonzero(np.isin((self.codes << 32) + array.to_numpy(), wanted)).tolist()

    def where(self, reference: ForeignKey, rows: Iterable[int]) -> list[int]:
        """Return those rows that a reference's `where` lets refer at all."""
        numbers = list(rows)
        if reference.where is None or not numbers:
            return numbers
        column, value = reference.where
        cells = self.column(column).take(pa.array(numbers, pa.int64())).to_pylist()
        return [row for row, cell in zip(numbers, cells, strict=True) if cell == value]
