"""Follow the relation graph from rows that go to everything that goes, or dangles, with them.

The engine names no table: it knows references only. It works on a whole batch of
snapshots at once; rows are found by a sieve (a membership test of a whole column
against the few values that go) and then matched exactly, snapshot by snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bmux_forensics.tables.build import Tables
from bmux_forensics.tables.lookup import Key
from bmux_forensics.tables.schema import ForeignKey, OnKill


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
    tables: Tables,
    references: Sequence[ForeignKey],
    roots: Mapping[str, Iterable[int]],
    *,
    absent: Mapping[str, Mapping[str, Iterable[Key]]] | None = None,
    scrub: bool = False,
) -> Touched:
    """Find what goes, what becomes null and what is left dangling when some rows go.

    Parameters
    ----------
    tables : Tables
        The tables, of one snapshot or of many.
    references : sequence of ForeignKey
        The references to follow.
    roots : mapping of str to iterable of int
        The rows that go first, by row number of their table.
    absent : mapping of str to mapping of str to iterable of Key, optional
        Values that go although no row may have them: by table and column, as pairs of a
        snapshot code and a value.
    scrub : bool
        Also do what each reference declares for one that would be left dangling.
    """
    sweep = _Sweep(tables, references)
    for table, rows in roots.items():
        sweep.delete(table, dict.fromkeys(rows, Cause("asked", table, -1, 0)))
    for table, columns in (absent or {}).items():
        for column, keys in columns.items():
            sweep.without(table, column, keys)
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

    def __init__(self, tables: Tables, references: Sequence[ForeignKey]) -> None:
        self.lookup = tables.lookup
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

    def without(self, table: str, column: str, keys: Iterable[Key]) -> None:
        """Let what refers to some values go, whether or not a row has them."""
        causes = dict.fromkeys(keys, Cause("asked", table, -1, 0))
        for reference in self.by_parent.get(table, ()):
            if reference.parent_columns == (column,):
                self.follow(reference, causes)

    def run(self) -> None:
        """Follow references until nothing new goes, nearest first."""
        while self.queue:
            table, rows = self.queue.pop(0)
            for reference in self.by_parent.get(table, ()):
                if reference.on_kill is not OnKill.NO_ACTION:
                    self.follow(reference, self.causes(reference, rows))

    def follow(self, reference: ForeignKey, causes: Mapping[Key, Cause]) -> None:
        """Do to the rows that refer to some values what their reference declares."""
        if reference.on_kill is OnKill.CASCADE:
            self.delete(reference.table, self.referring(reference, causes))
        elif reference.on_kill is OnKill.SET_NULL:
            hit = self.referring(reference, causes)
            self.nulled.setdefault(reference, {}).update(hit)

    def causes(self, reference: ForeignKey, rows: Mapping[int, Cause]) -> dict[Key, Cause]:
        """Return the values that rows of the parent are referred to by, each with its cause."""
        keys = self.lookup(reference.parent).keys(reference.parent_columns, rows)
        return {
            key: Cause(reference.name, reference.parent, row, rows[row].depth + 1)
            for row, key in keys
        }

    def referring(self, reference: ForeignKey, causes: Mapping[Key, Cause]) -> dict[int, Cause]:
        """Return the rows that refer to some values, each with its cause."""
        child = self.lookup(reference.table)
        if not len(child.codes):
            return {}
        found = child.rows(reference.columns, causes)
        return {row: causes[found[row]] for row in child.where(reference, found)}

    def surviving(self, table: str, rows: dict[int, Cause]) -> dict[int, Cause]:
        """Return those rows that do not go."""
        gone = self.deleted.get(table, {})
        return {row: cause for row, cause in rows.items() if row not in gone}

    def dangling(self) -> dict[ForeignKey, dict[int, Cause]]:
        """Return the surviving rows whose reference leads to nothing any more."""
        found = {}
        for parent, rows in self.deleted.items():
            for reference in self.by_parent.get(parent, ()):
                if rows and reference.on_kill is OnKill.NO_ACTION:
                    hit = self.referring(reference, self.causes(reference, rows))
                    stay = self.surviving(reference.table, hit)
                    found[reference] = self._unresolved(reference, stay)
        return found

    def _unresolved(self, reference: ForeignKey, rows: dict[int, Cause]) -> dict[int, Cause]:
        """Leave out the rows that refer to nothing now, or to a row of the parent that stays."""
        nulled = self._nulled(reference)
        rows = {row: cause for row, cause in rows.items() if row not in nulled}
        keys = dict(self.lookup(reference.table).keys(reference.columns, rows))
        same = self.lookup(reference.parent).rows(reference.parent_columns, keys.values())
        gone = self.deleted[reference.parent]
        kept = {key for row, key in same.items() if row not in gone}
        return {row: cause for row, cause in rows.items() if keys[row] not in kept}

    def _nulled(self, reference: ForeignKey) -> set[int]:
        """Return the rows whose same column becomes null, on behalf of any reference."""
        return {
            row
            for other, rows in self.nulled.items()
            if other.table == reference.table and other.columns == reference.columns
            for row in rows
        }

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
