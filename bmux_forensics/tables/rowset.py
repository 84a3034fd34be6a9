"""The rows of one table over a batch of snapshots, and its columns as they are asked for.

The engines that follow references need a few columns of a few tables; a DataFrame
has them all. So the rows are found once, a column is read out of them when somebody
wants it, and the DataFrame is the sum of all columns.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.snapshot.reading import Reading
from bmux_forensics.tables.cells import arrow_values, from_arrow, read
from bmux_forensics.tables.schema import MASK, Kind, Table
from bmux_forensics.tables.walk import Known, Rows, steps, walk

Parents = Collection[tuple[int, int | str]]
"""Places that rows must stand under: a snapshot's code and the table's first place."""


@dataclass(frozen=True)
class _Part:
    """The rows found by one pointer template: those of the sections of some versions."""

    rows: Rows
    codes: npt.NDArray[np.int64]
    sections: npt.NDArray[np.int64]


_Version = tuple[int, list[tuple[int, Reading]], Known]
Group = tuple[str, list[tuple[int, Reading]], Known]
"""A pointer template, the sections that it holds in, and what was walked in them."""


class Sections:
    """The sections of a batch that rows are built from, and what was walked in them.

    Tables share sections, and their rows stand below one another: each way down is gone
    once.

    Parameters
    ----------
    snapshots : sequence of Snapshot
        The batch.
    """

    def __init__(self, snapshots: Sequence[Snapshot]) -> None:
        self._snapshots = snapshots
        self._present: dict[str, list[tuple[int, Reading]]] = {}
        self._groups: dict[tuple[str, tuple[int, ...]], list[_Version]] = {}

    def present(self, name: str) -> list[tuple[int, Reading]]:
        """Return the sections of a short name that have rows, with their snapshots' codes."""
        if name not in self._present:
            readings = ((code, s.reading(name)) for code, s in enumerate(self._snapshots))
            self._present[name] = [(code, r) for code, r in readings if r and r.has_rows]
        return self._present[name]

    def by_template(self, table: Table) -> list[Group]:
        """Group a table's sections by the pointer template that holds in their version."""
        # Tables of a section that tell its versions apart alike have the same groups.
        key = table.section, tuple(since for since, _ in table.pointers)
        if key not in self._groups:
            self._groups[key] = self._grouped(table)
        return [(table.pointer(since), group, known) for since, group, known in self._groups[key]]

    def _grouped(self, table: Table) -> list[_Version]:
        groups: dict[int, list[tuple[int, Reading]]] = {}
        for code, reading in self.present(table.section):
            version = reading.section.version
            since = [since for since, _ in table.pointers if since <= version]
            if since:
                groups.setdefault(since[-1], []).append((code, reading))
        return [(since, group, {}) for since, group in groups.items()]


class RowSet:
    """The rows of one table, in the order of the snapshots and of each file.

    Parameters
    ----------
    table : Table
        The table.
    sections : Sections
        The sections of the batch; a row's snapshot code is an index into it.
    show_env : bool
        Show the values of environment variables instead of a mask.
    only : collection of (int, place), optional
        Keep to rows that stand under these places.
    """

    def __init__(
        self,
        table: Table,
        sections: Sections,
        *,
        show_env: bool = False,
        only: Parents | None = None,
    ) -> None:
        self.table = table
        self._show_env = show_env
        self._parts = [
            _walked(template, group, known, only)
            for template, group, known in sections.by_template(table)
        ]
        codes = _joined([part.codes for part in self._parts])
        self._order = np.argsort(codes, kind="stable") if len(self._parts) > 1 else None
        self.codes = codes if self._order is None else codes[self._order]
        template = table.pointers[0][1]
        self._places = {step.name: step.each for step in steps(template) if step.each}
        self._specs = {column.name: column for column in table.columns}
        self._columns: dict[str, pa.Array] = {}

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.codes)

    def column(self, name: str) -> pa.Array:
        """Return a column as one Arrow array, ``section`` and the places included."""
        if name not in self._columns:
            self._columns[name] = self._read(name)
        return self._columns[name]

    def frame(self, dtype: pd.CategoricalDtype) -> pd.DataFrame:
        """Return all columns as a DataFrame whose ``snapshot`` has the given dtype."""
        frame = {
            "snapshot": pd.Categorical.from_codes(self.codes, dtype=dtype),
            "section": self.column("section").to_numpy(),
        }
        for name, each in self._places.items():
            array = self.column(name)
            frame[name] = array.to_numpy() if each == "list" else from_arrow(Kind.KEY, array)
        for name, spec in self._specs.items():
            frame[name] = from_arrow(spec.kind, self.column(name))
        return pd.DataFrame(frame, copy=False)

    def _read(self, name: str) -> pa.Array:
        arrays = [self._read_part(part, name) for part in self._parts]
        if len(arrays) == 1:
            return arrays[0]
        if not arrays:
            return self._read_part(_NOTHING, name)
        return pa.concat_arrays(arrays).take(pa.array(self._order))

    def _read_part(self, part: _Part, name: str) -> pa.Array:
        if name == "section":
            return pa.array(part.sections)
        if name in self._places:
            kind = pa.int64() if self._places[name] == "list" else pa.large_string()
            return pa.array(part.rows.places.get(name, []), kind)
        spec = self._specs[name]
        if spec.key_of:
            return read(spec.kind, part.rows.places.get(spec.key_of, []), ())
        if spec.kind is Kind.SECRET and not self._show_env:
            return arrow_values(Kind.KEY, [MASK] * len(part.rows.nodes))
        nodes = part.rows.within.get(spec.at, []) if spec.at else part.rows.nodes
        return read(spec.kind, nodes, spec.path)


_NOTHING = _Part(Rows([], []), np.empty(0, np.int64), np.empty(0, np.int64))


def _joined(arrays: Sequence[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    return np.concatenate(arrays) if arrays else np.empty(0, np.int64)


def _walked(
    template: str, group: list[tuple[int, Reading]], known: Known, only: Parents | None
) -> _Part:
    codes = [code for code, _ in group]
    if only is not None:
        number = {code: i for i, code in enumerate(codes)}
        only = {(number[code], place) for code, place in only if code in number}
    rows = walk([reading.tree for _, reading in group], template, only=only, known=known)
    tree = np.array(rows.tree, dtype=np.int64)
    positions = np.array([reading.position for _, reading in group], dtype=np.int64)
    return _Part(rows, np.array(codes, dtype=np.int64)[tree], positions[tree])
