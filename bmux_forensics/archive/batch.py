"""The tables of a batch that was decoded elsewhere: Arrow columns, DataFrames when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from bmux_forensics.tables.build import Tables, places_of
from bmux_forensics.tables.catalog import BY_NAME
from bmux_forensics.tables.cells import from_arrow
from bmux_forensics.tables.lookup import Lookup
from bmux_forensics.tables.rowset import Parents
from bmux_forensics.tables.schema import Kind

_CODE = "snapshot"


@dataclass(frozen=True, slots=True)
class Columns:
    """The tables of a batch as they come home from a worker.

    Parameters
    ----------
    names : tuple of str
        The snapshots.
    arrow : dict of str to pyarrow.Table
        The columns of each table of the format, ``snapshot`` as a position in `names`.
    frames : dict of str to DataFrame
        The tables that tell where rows come from.
    """

    names: tuple[str, ...]
    arrow: Mapping[str, pa.Table]
    frames: Mapping[str, pd.DataFrame]

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as Arrow's own stream: half the price of the columns one by one."""
        streams = {name: _streamed(table) for name, table in self.arrow.items()}
        return _arrived, (self.names, streams, dict(self.frames))


def _streamed(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _arrived(
    names: tuple[str, ...], streams: Mapping[str, bytes], frames: Mapping[str, pd.DataFrame]
) -> Columns:
    tables = {name: pa.ipc.open_stream(data).read_all() for name, data in streams.items()}
    return Columns(names, tables, frames)


@dataclass(frozen=True, slots=True)
class Pack:
    """Turn tables into columns: what a worker is asked.

    Parameters
    ----------
    names : tuple of str
        The tables that are wanted.
    """

    names: tuple[str, ...]

    def __call__(self, tables: Tables) -> Columns:
        """Do it."""
        arrow = {name: _packed(tables.lookup(name), name) for name in self.names if name in BY_NAME}
        frames = {name: tables[name] for name in self.names if name not in BY_NAME}
        return Columns(tuple(s.name for s in tables.snapshots), arrow, frames)


def _packed(rows: Lookup, name: str) -> pa.Table:
    columns = ["section", *places_of(name), *(column.name for column in BY_NAME[name].columns)]
    arrays = {column: rows.column(column) for column in columns}
    return pa.table({_CODE: pa.array(rows.codes), **arrays})


class Batch(Tables):
    """The tables of one batch of an archive: a mapping from name to DataFrame.

    Everything is as in `Tables`, but the snapshots themselves were let go of (so
    `snapshots` is empty), and only the tables that were asked for are there.

    Parameters
    ----------
    columns : Columns
        The columns.
    files : DataFrame
        One row a file of the batch, as in `Archive.status`.
    """

    def __init__(self, columns: Columns, files: pd.DataFrame) -> None:
        super().__init__(())
        self.files = files
        self._columns = columns
        self._names = pd.Index(columns.names, dtype="str")
        self._dtype = pd.CategoricalDtype(self._names)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of the tables that are there."""
        yield from self._columns.frames
        yield from self._columns.arrow

    def __len__(self) -> int:
        """Return how many tables are there."""
        return len(self._columns.frames) + len(self._columns.arrow)

    def lookup(self, name: str) -> Lookup:
        """Return a table as one to find rows in by value; kept like the table."""
        if name not in self._lookups:
            self._lookups[name] = Lookup.of_frame(self[name])
        return self._lookups[name]

    def under(self, name: str, parents: Parents) -> pd.DataFrame:
        """Return the rows of a table that stand inside some elements, as `Tables.under`."""
        frame = self[name]
        codes = frame["snapshot"].cat.codes.tolist()
        keys = zip(codes, frame[places_of(name)[0]].tolist(), strict=True)
        return frame[[key in parents for key in keys]].reset_index(drop=True)

    def _build(self, name: str) -> pd.DataFrame:
        if name in self._columns.frames:
            return self._columns.frames[name]
        packed = self._columns.arrow[name]
        codes = packed[_CODE].to_numpy()
        frame = {
            "snapshot": pd.Categorical.from_codes(codes, dtype=self._dtype),
            "section": packed["section"].to_numpy(),
        }
        for place in places_of(name):
            column = packed[place]
            whole = pa.types.is_integer(column.type)
            frame[place] = column.to_numpy() if whole else from_arrow(Kind.KEY, column)
        for spec in BY_NAME[name].columns:
            frame[spec.name] = from_arrow(spec.kind, packed[spec.name])
        return pd.DataFrame(frame, index=pd.RangeIndex(len(codes), dtype=np.int64), copy=False)
