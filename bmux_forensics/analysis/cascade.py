"""Follow the relation graph from rows that go to everything that goes, or dangles, with them.

The engine names no table: it knows references only. It works on a whole batch of
snapshots at once; rows are found by a sieve (a membership test of a whole column
against the few values that go) and then matched exactly, snapshot by snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from bmux_forensics.tables.schema import ForeignKey, OnKill

Key = tuple[Any, ...]
"""A row's snapshot code and the values of some of its columns."""


@dataclass(frozen=True)
class Cause:
    """Why a row is touched: the reference that led to it, and the row it led from."""

    reference: str
    table: str
    row: int
    depth: int


@dataclass(frozen=True)
class Touched:
    """Everything a cascade found: for each table the rows and why.

    Parameters
    ----------
    deleted : dict of str to dict of int to Cause
        Rows that go, by row number of their table.
    nulled, dangling : dict of ForeignKey to dict of int to Cause
        Rows that stay but whose reference becomes null, or is left dangling.
    """

    deleted: dict[str, dict[int, Cause]]
    nulled: dict[ForeignKey, dict[int, Cause]]
    dangling: dict[ForeignKey, dict[int, Cause]]


def cascade(
    tables: Mapping[str, pd.DataFrame],
    references: Sequence[ForeignKey],
    roots: Mapping[str, Iterable[int]],
    *,
    scrub: bool = False,
) -> Touched:
    """Find what goes, what becomes null and what is left dangling when some rows go.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        The tables, of one snapshot or of many.
    references : sequence of ForeignKey
        The references to follow.
    roots : mapping of str to iterable of int
        The rows that go first, by row number of their table.
    scrub : bool
        Also do what each reference declares for one that would be left dangling.
    """
    sweep = _Sweep(tables, references)
    for table, rows in roots.items():
        sweep.delete(table, dict.fromkeys(rows, Cause("asked", table, -1, 0)))
    sweep.run()
    dangling = sweep.dangling()
    while scrub and sweep.scrub(dangling):
        sweep.run()
        dangling = sweep.dangling()
    nulled = {fk: sweep.surviving(fk.table, rows) for fk, rows in sweep.nulled.items()}
    return Touched(
        {table: rows for table, rows in sweep.deleted.items() if rows},
        {reference: rows for reference, rows in nulled.items() if rows},
        {reference: rows for reference, rows in dangling.items() if rows},
    )


class _Sweep:
    """The state of one cascade."""

    def __init__(
        self, tables: Mapping[str, pd.DataFrame], references: Sequence[ForeignKey]
    ) -> None:
        self.tables = tables
        self.by_parent: dict[str, list[ForeignKey]] = {}
        for reference in references:
            self.by_parent.setdefault(reference.parent, []).append(reference)
        self.deleted: dict[str, dict[int, Cause]] = {}
        self.nulled: dict[ForeignKey, dict[int, Cause]] = {}
        self.queue: list[tuple[str, dict[int, Cause]]] = []

    def delete(self, table: str, rows: dict[int, Cause]) -> None:
        """Let rows go; what refers to them is looked at later."""
        gone = self.deleted.setdefault(table, {})
        fresh = {row: cause for row, cause in rows.items() if row not in gone}
        if fresh:
            gone.update(fresh)
            self.queue.append((table, fresh))

    def run(self) -> None:
        """Follow references until nothing new goes, nearest first."""
        while self.queue:
            table, rows = self.queue.pop(0)
            for reference in self.by_parent.get(table, ()):
                if reference.on_kill is OnKill.NO_ACTION:
                    continue
                hit = self.referring(reference, rows)
                if reference.on_kill is OnKill.CASCADE:
                    self.delete(reference.table, hit)
                else:
                    self.nulled.setdefault(reference, {}).update(hit)

    def referring(self, reference: ForeignKey, rows: dict[int, Cause]) -> dict[int, Cause]:
        """Return the rows that refer to some rows of the parent, each with its cause."""
        keys = {
            key: Cause(reference.name, reference.parent, row, rows[row].depth + 1)
            for row, key in keys_of(self.tables[reference.parent], reference.parent_columns, rows)
        }
        found = rows_with(self.tables[reference.table], reference.columns, keys.keys())
        wanted = keep_where(self.tables[reference.table], reference, found)
        return {row: keys[found[row]] for row in wanted}

    def surviving(self, table: str, rows: dict[int, Cause]) -> dict[int, Cause]:
        """Return those rows that do not go."""
        gone = self.deleted.get(table, {})
        return {row: cause for row, cause in rows.items() if row not in gone}

    def dangling(self) -> dict[ForeignKey, dict[int, Cause]]:
        """Return the surviving rows whose reference leads to nothing any more."""
        found = {}
        for parent, rows in self.deleted.items():
            for reference in self.by_parent.get(parent, ()):
                if reference.on_kill is OnKill.NO_ACTION:
                    lost = self._without_survivor(reference, rows)
                    hit = self.surviving(reference.table, self.referring(reference, lost))
                    nulled = self._nulled(reference)
                    found[reference] = {r: c for r, c in hit.items() if r not in nulled}
        return found

    def _nulled(self, reference: ForeignKey) -> set[int]:
        """Return the rows whose same column becomes null, on behalf of any reference."""
        return {
            row
            for other, rows in self.nulled.items()
            if other.table == reference.table and other.columns == reference.columns
            for row in rows
        }

    def _without_survivor(self, reference: ForeignKey, rows: dict[int, Cause]) -> dict[int, Cause]:
        parent = self.tables[reference.parent]
        keys = dict(keys_of(parent, reference.parent_columns, rows))
        same = rows_with(parent, reference.parent_columns, set(keys.values()))
        kept = {key for row, key in same.items() if row not in self.deleted[reference.parent]}
        return {row: cause for row, cause in rows.items() if keys.get(row) not in kept}

    def scrub(self, dangling: dict[ForeignKey, dict[int, Cause]]) -> bool:
        """Do what dangling references declare; tell whether anything was done."""
        done = False
        for reference, rows in dangling.items():
            if reference.on_scrub is OnKill.CASCADE and rows:
                self.delete(reference.table, rows)
                done = True
            elif reference.on_scrub is OnKill.SET_NULL and rows:
                self.nulled.setdefault(reference, {}).update(rows)
                done = True
        return done


def keys_of(
    frame: pd.DataFrame, columns: Sequence[str], rows: Iterable[int]
) -> list[tuple[int, Key]]:
    """Return the key of each row that has one (a null in a column means none)."""
    numbers = np.fromiter(rows, dtype=np.int64)
    codes = frame["snapshot"].cat.codes.to_numpy()[numbers].tolist()
    values = [frame[column].array.take(numbers) for column in columns]
    nulls = np.zeros(len(numbers), dtype=bool)
    for value in values:
        nulls |= np.asarray(pd.isna(value))
    keys = zip(codes, *(value.tolist() for value in values), strict=True)
    return [
        (row, key)
        for row, key, null in zip(numbers.tolist(), keys, nulls.tolist(), strict=True)
        if not null
    ]


def rows_with(frame: pd.DataFrame, columns: Sequence[str], keys: Iterable[Key]) -> dict[int, Key]:
    """Return the rows whose columns have one of some keys, with the key of each."""
    wanted = set(keys)
    if not wanted or frame.empty:
        return {}
    sieved = _sieve(frame, columns[-1], {(key[0], key[-1]) for key in wanted})
    return {row: key for row, key in keys_of(frame, columns, sieved) if key in wanted}


def _sieve(frame: pd.DataFrame, column: str, keys: set[Key]) -> list[int]:
    """Return the rows that may have one of some (snapshot code, value) keys; never too few."""
    array = frame[column].array
    if isinstance(array, pd.arrays.ArrowStringArray):
        values = pa.array([value for _, value in keys], pa.large_string())
        mask = pc.is_in(array.__arrow_array__(), value_set=values)
        return np.flatnonzero(mask.to_numpy(zero_copy_only=False)).tolist()
    # Places are small numbers that every snapshot has, so the snapshot goes into the key.
    codes = frame["snapshot"].cat.codes.to_numpy().astype(np.int64)
    wanted = np.array([(code << 32) + value for code, value in keys], dtype=np.int64)
    return np.flatnonzero(np.isin((codes << 32) + np.asarray(array), wanted)).tolist()


def keep_where(frame: pd.DataFrame, reference: ForeignKey, rows: Iterable[int]) -> list[int]:
    """Return those rows that a reference's `where` lets refer at all."""
    numbers = list(rows)
    if reference.where is None:
        return numbers
    column, value = reference.where
    cells = frame[column].array.take(np.array(numbers, dtype=np.int64))
    kept = pd.isna(cells) if value is None else cells == value
    return [row for row, keep in zip(numbers, np.asarray(kept), strict=True) if keep]
