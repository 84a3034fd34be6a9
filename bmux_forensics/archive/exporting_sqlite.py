"""All tables as one SQLite database that knows what refers to what.

A row's key is its place: snapshot, section, and where it stands in there. An id may repeat,
which is evidence, so no id can be a key; references by value lead to ``TABLE_keys``, which
has every id once. ``PRAGMA foreign_key_check`` then finds exactly the references that an
audit calls dangling, for they are never enforced.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pandas as pd
import pyarrow as pa

from bmux_forensics.analysis.redaction import Redaction
from bmux_forensics.archive.exporting_keys import (
    CONTAINED,
    KEYED,
    REFERENCES,
    Sheet,
    Sheets,
    key_of,
)
from bmux_forensics.archive.exporting_places import FILES
from bmux_forensics.archive.loading import Archive
from bmux_forensics.tables.build import Tables, table_names
from bmux_forensics.tables.catalog import BY_NAME
from bmux_forensics.tables.schema import ForeignKey

LISTED: Final = "listed"
"""The column of a table of keys that is 0 where nobody can tell whether the id is there."""


class Database:
    """A new database, filled batch by batch.

    Parameters
    ----------
    path : Path
        Where; what is there is replaced.
    redaction : Redaction or None
        What hides names, folders and commands.
    """

    def __init__(self, path: Path, redaction: Redaction | None = None) -> None:
        path.unlink(missing_ok=True)
        self._redaction = redaction
        self._connection = sqlite3.connect(path)
        self._columns: dict[str, list[str]] = {}

    def __enter__(self) -> Self:
        """Make the tables."""
        # Nothing reads the file before it is whole: it needs no journal of its own.
        self._connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
        empty = Tables(())
        for name in table_names():
            self._make(name, empty[name])
        for parent, columns in KEYED.items():
            types = [f"{_quoted(c)} {_type(empty[parent][c].dtype)}" for c in columns]
            key = _listing(("snapshot", *columns))
            members = ", ".join(["snapshot TEXT", *types, f"{LISTED} INTEGER NOT NULL"])
            statement = f"CREATE TABLE {_quoted(parent + '_keys')} ({members}, PRIMARY KEY ({key}))"
            self._connection.execute(statement)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it, and write what is left where nothing went wrong."""
        with closing(self._connection):
            if kind is None:
                self._connection.commit()

    def fill(self, archive: Archive) -> dict[str, int]:
        """Add all tables of an archive, and return how many rows each has now."""
        rows = dict.fromkeys(table_names(), 0)
        for sheet in archive.ask(Sheets(self._redaction)):
            for name, count in self._add(sheet):
                rows[name] += count
            self._connection.commit()
        return rows

    def add_files(self, status: pd.DataFrame) -> int:
        """Add the table of what became of each file."""
        self._make(FILES, status)
        self._insert(FILES, pa.Table.from_pandas(status, preserve_index=False))
        return len(status)

    def _add(self, sheet: Sheet) -> Iterator[tuple[str, int]]:
        for name, table in sheet.frames.items():
            self._insert(name, table)
            yield name, table.num_rows
        for parent, keys in sheet.keys.items():
            columns = ["snapshot", *KEYED[parent], LISTED]
            self._put(f"{parent}_keys", columns, keys)

    def _make(self, name: str, frame: pd.DataFrame) -> None:
        self._columns[name] = list(map(str, frame.columns))
        members = [f"{_quoted(c)} {_type(frame[c].dtype)}" for c in self._columns[name]]
        members += [_reference_column(key) for key in REFERENCES if key.table == name and key.where]
        members.append(f"PRIMARY KEY ({_listing(key_of(name))})")
        members += _foreign_keys(name)
        self._connection.execute(f"CREATE TABLE {_quoted(name)} ({', '.join(members)})")

    def _insert(self, name: str, table: pa.Table) -> None:
        columns = [_cells(table[column]) for column in self._columns[name]]
        self._put(name, self._columns[name], zip(*columns, strict=True))

    def _put(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        holes = ", ".join("?" * len(columns))
        statement = f"INSERT INTO {_quoted(name)} ({_listing(columns)}) VALUES ({holes})"  # noqa: S608 - names of our own tables and columns
        self._connection.executemany(statement, rows)


def _foreign_keys(name: str) -> Iterator[str]:
    if name in BY_NAME:
        yield _foreign_key(("snapshot", "section"), "sections", ("snapshot", "section"))
    elif name == "sections":
        yield _foreign_key(("snapshot",), "snapshots", ("snapshot",))
    for key in CONTAINED:
        if key.table == name:
            place = ("snapshot", "section")
            yield _foreign_key((*place, *key.columns), key.parent, (*place, *key.parent_columns))
    for key in REFERENCES:
        if key.table == name:
            child = (*key.columns[:-1], key.name) if key.where else key.columns
            parent = ("snapshot", *key.parent_columns)
            yield _foreign_key(("snapshot", *child), f"{key.parent}_keys", parent)


def _foreign_key(columns: Sequence[str], parent: str, parent_columns: Sequence[str]) -> str:
    return (
        f"FOREIGN KEY ({_listing(columns)}) "
        f"REFERENCES {_quoted(parent)} ({_listing(parent_columns)})"
    )


def _reference_column(key: ForeignKey) -> str:
    """Declare a column that has a reference's value in those rows alone that refer."""
    column, value = key.where or ("", None)
    met = f"{_quoted(column)} IS NULL" if value is None else f"{_quoted(column)} = '{value}'"
    refers = f"CASE WHEN {met} THEN {_quoted(key.columns[-1])} END"
    return f"{_quoted(key.name)} TEXT GENERATED ALWAYS AS ({refers}) STORED"


def _cells(column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_timestamp(column.type):
        return [None if m is None else f"{m:%Y-%m-%dT%H:%M:%S.%fZ}" for m in column.to_pylist()]
    if column.type == pa.uint64():
        return [None if v is None else str(v) for v in column.to_pylist()]
    found: list[Any] = column.to_pylist()
    return found


def _type(dtype: Any) -> str:
    """Return the type of a column; numbers that 64 signed bits do not hold are text."""
    if pd.api.types.is_unsigned_integer_dtype(dtype):
        return "TEXT"
    if pd.api.types.is_bool_dtype(dtype) or pd.api.types.is_integer_dtype(dtype):
        return "INTEGER"
    return "REAL" if pd.api.types.is_float_dtype(dtype) else "TEXT"


def _quoted(name: str) -> str:
    return f'"{name}"'


def _listing(names: Iterable[str]) -> str:
    return ", ".join(map(_quoted, names))
