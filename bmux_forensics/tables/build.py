"""DataFrames out of snapshots: every table, built when it is first asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bmux_forensics.errors import UsageError
from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.snapshot.reading import Reading
from bmux_forensics.tables.catalog import BY_NAME, TABLES
from bmux_forensics.tables.cells import cells, column
from bmux_forensics.tables.lookup import Lookup
from bmux_forensics.tables.provenance import sections_table, snapshots_table
from bmux_forensics.tables.schema import MASK, Kind, Table
from bmux_forensics.tables.walk import Rows, place_columns, steps, walk

_PROVENANCE = {"snapshots": snapshots_table, "sections": sections_table}


class Tables(Mapping[str, pd.DataFrame]):
    """The tables of one snapshot or of many, as a mapping from name to DataFrame.

    A table is built when it is first asked for and kept. A row is identified by its
    place: ``snapshot`` (category), ``section`` (``int64``, the section's position) and
    the table's place columns (``int64`` for an index, ``str`` for a key as spelled).
    Ids are ``str`` in canonical form, null when not text that parses; they may repeat.
    A section that is absent, does not decode or is of an unknown version has no rows,
    and an empty table has the columns and dtypes of a full one.

    Parameters
    ----------
    snapshots : sequence of Snapshot
        The snapshots, each with a name of its own.
    show_env : bool
        Show the values of environment variables instead of a mask.

    Raises
    ------
    UsageError
        Two snapshots have the same name.
    """

    def __init__(self, snapshots: Sequence[Snapshot], *, show_env: bool = False) -> None:
        self.snapshots = tuple(snapshots)
        self.show_env = show_env
        self._built: dict[str, pd.DataFrame] = {}
        self._lookups: dict[str, Lookup] = {}
        self._names = pd.Index([s.name for s in self.snapshots], dtype="str")
        if not self._names.is_unique:
            twice = str(self._names[self._names.duplicated()][0])
            raise UsageError(twice, "two snapshots of that name", expected="names that differ")
        self._dtype = pd.CategoricalDtype(self._names)

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Return a table by name."""
        if name not in self._built:
            self._built[name] = self._build(name)
        return self._built[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of all tables."""
        yield from _PROVENANCE
        yield from BY_NAME

    def __len__(self) -> int:
        """Return how many tables there are."""
        return len(_PROVENANCE) + len(BY_NAME)

    def __repr__(self) -> str:
        """Name the snapshots, at most three of them."""
        names = ", ".join(self._names[:3]) + (", …" if len(self._names) > 3 else "")  # noqa: PLR2004 - as documented
        return f"<Tables of {len(self._names)} snapshots: {names}>"

    @property
    def snapshot_dtype(self) -> pd.CategoricalDtype:
        """The one category dtype of every ``snapshot`` column of the batch."""
        return self._dtype

    def lookup(self, name: str) -> Lookup:
        """Return a table as one to find rows in by value; kept like the table."""
        if name not in self._lookups:
            self._lookups[name] = Lookup(self[name])
        return self._lookups[name]

    def under(self, name: str, parents: Collection[tuple[int, int | str]]) -> pd.DataFrame:
        """Return the rows of a table that stand inside some elements, building only those.

        Parameters
        ----------
        name : str
            A table with more than one place.
        parents : collection of (int, place)
            Snapshot code and the value of the table's first place.
        """
        return self._rows(BY_NAME[name], parents)

    def _build(self, name: str) -> pd.DataFrame:
        if name in _PROVENANCE:
            return _PROVENANCE[name](self.snapshots, self._dtype)
        return self._rows(BY_NAME[name], None)

    def _rows(self, table: Table, only: Collection[tuple[int, int | str]] | None) -> pd.DataFrame:
        parts = [
            self._part(table, template, codes, readings, only)
            for template, codes, readings in self._by_template(table)
        ]
        if len(parts) == 1:
            return parts[0]
        frame = pd.concat(parts, ignore_index=True)
        order = np.argsort(frame["snapshot"].cat.codes.to_numpy(), kind="stable")
        return frame.take(order).reset_index(drop=True)

    def _by_template(self, table: Table) -> list[tuple[str, list[int], list[Reading]]]:
        """Group the readings by the pointer template of their version; never an empty list."""
        groups: dict[str, tuple[list[int], list[Reading]]] = {}
        for code, snapshot in enumerate(self.snapshots):
            reading = snapshot.reading(table.section)
            if reading is not None and reading.has_rows:
                since = [t for v, t in table.pointers if v <= reading.section.version]
                if since:
                    codes, readings = groups.setdefault(since[-1], ([], []))
                    codes.append(code)
                    readings.append(reading)
        if not groups:
            return [(table.pointers[0][1], [], [])]
        return [(template, codes, readings) for template, (codes, readings) in groups.items()]

    def _part(
        self,
        table: Table,
        template: str,
        codes: list[int],
        readings: list[Reading],
        only: Collection[tuple[int, int | str]] | None,
    ) -> pd.DataFrame:
        if only is not None:
            number = {code: i for i, code in enumerate(codes)}
            only = {(number[code], place) for code, place in only if code in number}
        rows = walk([reading.tree for reading in readings], template, only=only)
        positions = np.array([reading.position for reading in readings], dtype=np.int64)
        tree = np.array(rows.tree, dtype=np.int64)
        frame: dict[str, Any] = {
            "snapshot": pd.Categorical.from_codes(
                np.array(codes, dtype=np.int64)[tree], dtype=self._dtype
            ),
            "section": positions[tree],
        }
        for step in steps(template):
            if step.each == "list":
                frame[step.name] = np.array(rows.places[step.name], dtype=np.int64)
            elif step.each:
                frame[step.name] = cells(Kind.KEY, rows.places[step.name])
        frame.update(self._columns(table, rows))
        return pd.DataFrame(frame, copy=False)

    def _columns(self, table: Table, rows: Rows) -> Iterator[tuple[str, Any]]:
        for spec in table.columns:
            if spec.key_of:
                yield spec.name, column(spec.kind, rows.places[spec.key_of])
            elif spec.kind is Kind.SECRET and not self.show_env:
                yield spec.name, cells(Kind.KEY, [MASK] * len(rows.nodes))
            else:
                nodes = rows.within[spec.at] if spec.at else rows.nodes
                yield spec.name, column(spec.kind, nodes, spec.path)


def table_names() -> tuple[str, ...]:
    """Return the names of all tables, provenance first.

    Examples
    --------
    >>> table_names()[:3]
    ('snapshots', 'sections', 'sessions')
    """
    return (*_PROVENANCE, *(table.name for table in TABLES))


def places_of(name: str) -> tuple[str, ...]:
    """Return a table's place columns.

    Examples
    --------
    >>> places_of("panes")
    ('runtime', 'position')
    """
    return place_columns(BY_NAME[name].pointers[0][1])
