"""DataFrames out of snapshots: every table, built when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from bmux_forensics.errors import UsageError
from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.tables.catalog import BY_NAME, TABLES
from bmux_forensics.tables.lookup import Lookup
from bmux_forensics.tables.provenance import sections_table, snapshots_table
from bmux_forensics.tables.rowset import Parents, RowSet, Sections
from bmux_forensics.tables.walk import place_columns

_PROVENANCE = {"snapshots": snapshots_table, "sections": sections_table}
_MEANINGS = {
    "snapshots": "A snapshot, and its hash.",
    "sections": "A section of a snapshot.",
}


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
        self._row_sets: dict[str, RowSet] = {}
        self._sections = Sections(self.snapshots)
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

    def overview(self) -> pd.DataFrame:
        """Return one row a table: ``table`` str, ``rows`` int64, ``meaning`` str (of a row)."""
        meanings = _MEANINGS | {table.name: table.meaning for table in TABLES}
        names = list(self)
        return pd.DataFrame(
            {
                "table": names,
                "rows": [len(self.lookup(name).codes) for name in names],
                "meaning": [meanings[name] for name in names],
            }
        )

    @property
    def snapshot_dtype(self) -> pd.CategoricalDtype:
        """The one category dtype of every ``snapshot`` column of the batch."""
        return self._dtype

    def lookup(self, name: str) -> Lookup:
        """Return a table as one to find rows in by value; kept like the table."""
        if name not in self._lookups:
            if name in _PROVENANCE:
                self._lookups[name] = Lookup.of_frame(self[name])
            else:
                rows = self._rows(name)
                self._lookups[name] = Lookup(rows.codes, rows.column)
        return self._lookups[name]

    def under(self, name: str, parents: Parents) -> pd.DataFrame:
        """Return the rows of a table that stand inside some elements, building only those.

        Parameters
        ----------
        name : str
            A table with more than one place.
        parents : collection of (int, place)
            Snapshot code and the value of the table's first place.
        """
        rows = RowSet(BY_NAME[name], self._sections, show_env=self.show_env, only=parents)
        return rows.frame(self._dtype)

    def _build(self, name: str) -> pd.DataFrame:
        if name in _PROVENANCE:
            return _PROVENANCE[name](self.snapshots, self._dtype)
        return self._rows(name).frame(self._dtype)

    def _rows(self, name: str) -> RowSet:
        if name not in self._row_sets:
            self._row_sets[name] = RowSet(BY_NAME[name], self._sections, show_env=self.show_env)
        return self._row_sets[name]


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
