"""Plans: what a change will do, one row a change, before anything is done.

A plan holds resolved ids and JSON pointers, never selectors, so that what a person
has seen is what is carried out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa

from bmux_forensics.analysis.cascade import Cause, Touched, cascade
from bmux_forensics.snapshot.edits import DELETE, SET, Edit, resolve
from bmux_forensics.tables.build import Tables, places_of
from bmux_forensics.tables.catalog import BY_NAME
from bmux_forensics.tables.cells import TEXT_DTYPE, cells
from bmux_forensics.tables.graph import FOREIGN_KEYS
from bmux_forensics.tables.lookup import Key
from bmux_forensics.tables.schema import ForeignKey, Kind
from bmux_forensics.tables.walk import pointer_at

ACTIONS: Final = ("delete", "set-null", "set", "insert", "keep")
"""What a plan row does; ``keep`` changes nothing: the row is left dangling, and shown."""

COLUMNS: Final[dict[str, Any]] = {
    "snapshot": None,
    "section": np.dtype("int64"),
    "table": TEXT_DTYPE,
    "key": TEXT_DTYPE,
    "column": TEXT_DTYPE,
    "action": TEXT_DTYPE,
    "old": TEXT_DTYPE,
    "new": TEXT_DTYPE,
    "json_pointer": TEXT_DTYPE,
    "contained": np.dtype("bool"),
    "cause": TEXT_DTYPE,
    "depth": np.dtype("int64"),
}
"""The columns of a plan and their dtypes; ``snapshot`` has the category dtype of its tables."""

_TABLE_ORDER: Final = {name: number for number, name in enumerate(BY_NAME)}


def plan_kill(  # noqa: PLR0913 - each is a part of what goes
    tables: Tables,
    sessions: pd.DataFrame,
    *,
    contexts: pd.DataFrame | None = None,
    scrub: bool = False,
    contained: bool = True,
    brief: bool = False,
    references: Sequence[ForeignKey] = FOREIGN_KEYS,
) -> pd.DataFrame:
    """Plan the kill of some sessions, in one snapshot or in many.

    Parameters
    ----------
    tables : Tables
        The tables of the snapshots.
    sessions : DataFrame
        What to kill: columns ``snapshot`` and ``session_id`` (resolved, canonical). A
        session without a row is killed too: what still refers to it goes.
    contexts : DataFrame, optional
        Contexts that go as if they were bound to such a session: columns ``snapshot``
        and ``context_id``.
    scrub : bool
        Also clean what bmux would leave dangling.
    contained : bool
        Also list the rows that go because they stand inside a row that goes; they
        need no edit of their own.
    brief : bool
        Leave out what only a person reads: ``old`` and ``cause`` are null.
    references : sequence of ForeignKey
        What refers to what, and what becomes of it.

    Returns
    -------
    DataFrame
        One row a change: ``snapshot`` category; ``section`` int64, its position;
        ``table``, ``key`` (which row, in its own words), ``column`` (of a reference that
        becomes null or dangles), ``action`` (one of `ACTIONS`), ``old``, ``new`` (compact
        JSON; null for an element with members), ``json_pointer``, all str; ``contained``
        bool; ``cause`` str, the row and reference that led here; ``depth`` int64, 0 for
        the sessions themselves. Empty, with the same columns, when nothing matches.

    Examples
    --------
    >>> plan_kill(Tables([]), pd.DataFrame({"snapshot": [], "session_id": []})).empty
    True
    """
    wanted = _keys(tables, sessions, "session_id")
    rows = tables.lookup("sessions").rows(("session_id",), wanted)
    absent = {"sessions": {"session_id": wanted - set(rows.values())}}
    if contexts is not None:
        absent["bindings"] = {"context_id": _keys(tables, contexts, "context_id")}
    followed = [key for key in references if contained or not key.contained]
    touched = cascade(tables, followed, {"sessions": rows}, absent=absent, scrub=scrub)
    return plan_from(tables, touched, brief=brief)


def _keys(tables: Tables, frame: pd.DataFrame, column: str) -> set[Key]:
    codes = pd.Categorical(frame["snapshot"], dtype=tables.snapshot_dtype).codes.tolist()
    return set(zip(codes, frame[column].tolist(), strict=True))


def plan_from(tables: Tables, touched: Touched, *, brief: bool = False) -> pd.DataFrame:
    """Return the plan for what a cascade found; the columns are those of `plan_kill`."""
    rows = sorted(_rows(tables, touched, brief=brief), key=lambda row: row[0])
    return frame_of(tables, [row for _, row in rows])


def frame_of(tables: Tables, rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    """Return plan rows as a DataFrame with the dtypes of `COLUMNS`.

    Parameters
    ----------
    tables : Tables
        The tables that the plan was made from.
    rows : sequence of tuple
        The cells in the order of `COLUMNS`; the snapshot by its code.
    """
    columns = list(zip(*rows, strict=True)) or [()] * len(COLUMNS)
    frame: dict[str, Any] = {}
    for (name, dtype), values in zip(COLUMNS.items(), columns, strict=True):
        if dtype is None:
            codes = np.array(values, dtype=np.int64)
            frame[name] = pd.Categorical.from_codes(codes, dtype=tables.snapshot_dtype)
        elif dtype is TEXT_DTYPE:
            frame[name] = cells(Kind.TEXT, list(values))
        else:
            frame[name] = np.array(values, dtype=dtype)
    return pd.DataFrame(frame, copy=False)


_Row = tuple[tuple[int, int, int, str], tuple[Any, ...]]


def _rows(tables: Tables, touched: Touched, *, brief: bool) -> Iterator[_Row]:
    describe = _Describer(tables, brief=brief)
    contained = {key.name for key in FOREIGN_KEYS if key.contained}
    for table, gone in touched.deleted.items():
        inside = {row: cause.reference in contained for row, cause in gone.items()}
        yield from describe.rows(table, gone, None, "delete", inside)
    for reference, nulled in touched.nulled.items():
        yield from describe.rows(reference.table, nulled, reference, "set-null", {})
    for reference, kept in touched.dangling.items():
        yield from describe.rows(reference.table, kept, reference, "keep", {})


class _Describer:
    """Says of touched rows where they stand and what they are."""

    def __init__(self, tables: Tables, *, brief: bool) -> None:
        self.tables = tables
        self.brief = brief

    def rows(
        self,
        table: str,
        causes: Mapping[int, Cause],
        reference: ForeignKey | None,
        action: str,
        inside: Mapping[int, bool],
    ) -> Iterator[_Row]:
        """Yield a sort key and the plan row of each touched row."""
        numbers = list(causes)
        codes = self.tables.lookup(table).codes[numbers].tolist()
        sections = self.values(table, "section", numbers)
        keys = self.keys(table, numbers)
        column = reference.columns[-1] if reference else None
        member = "".join(f"/{name}" for name in reference.member) if reference else ""
        for i, place in enumerate(self.pointers(table, numbers, codes)):
            row, cause, pointer = numbers[i], causes[numbers[i]], place + member
            contained = inside.get(row, False)
            old = None if contained or self.brief else self.old(codes[i], sections[i], pointer)
            values = (codes[i], sections[i], table, keys[i], column, action, old)
            new = "null" if action == "set-null" else None
            order = (codes[i], _TABLE_ORDER[table], row, member)
            why = None if self.brief else self.cause(cause)
            yield order, (*values, new, pointer, contained, why, cause.depth)

    def values(self, table: str, column: str, numbers: Sequence[int]) -> list[Any]:
        """Return the values of a column in some rows; None for null."""
        array = self.tables.lookup(table).column(column)
        values: list[Any] = array.take(pa.array(numbers, pa.int64())).to_pylist()
        return values

    def keys(self, table: str, numbers: Sequence[int]) -> list[str]:
        """Return what each row is called: the values of its key columns."""
        columns = [self.values(table, name, numbers) for name in BY_NAME[table].key]
        return [
            " ".join("?" if value is None else str(value) for value in values)
            for values in zip(*columns, strict=True)
        ]

    def pointers(self, table: str, numbers: Sequence[int], codes: Sequence[int]) -> Iterator[str]:
        """Yield the JSON pointer of each row."""
        spec = BY_NAME[table]
        names = places_of(table)
        places = zip(*(self.values(table, name, numbers) for name in names), strict=True)
        for code, place in zip(codes, places, strict=True):
            reading = self.tables.snapshots[code].reading(spec.section)
            template = spec.pointer(reading.section.version if reading else 1)
            yield pointer_at(template, dict(zip(names, place, strict=True)))

    def old(self, code: int, section: int, pointer: str) -> str | None:
        """Return the compact JSON of a value without members, else None."""
        value = resolve(self.tables.snapshots[code].readings[section].tree, pointer)
        return None if isinstance(value, dict | list) else orjson.dumps(value).decode()

    def cause(self, cause: Cause) -> str:
        """Name the row a change comes from, and the reference that leads to it."""
        if cause.row < 0:
            return cause.reference
        return f"{cause.reference}: {cause.table} {self.keys(cause.table, [cause.row])[0]}"


def edits_of(plan: pd.DataFrame) -> dict[int, list[Edit]]:
    """Return the edits of the plan of one snapshot, by section position.

    Rows that go inside another, and rows that are kept, need none.
    """
    changes = plan[~plan["contained"] & (plan["action"] != "keep")]
    names = ("section", "action", "json_pointer", "new")
    # Out of Arrow at once: one by one costs five times as much.
    columns = (changes[n].to_numpy(dtype=object).tolist() for n in names)
    return edits_of_rows(zip(*columns, strict=True))


def edits_of_rows(rows: Iterable[tuple[int, str, str, Any]]) -> dict[int, list[Edit]]:
    """Return edits by section, of plan rows: section, action, JSON pointer, new value."""
    edits: dict[int, list[Edit]] = {}
    for section, action, pointer, new in rows:
        kind = DELETE if action == "delete" else SET if action == "set-null" else action
        value = None if pd.isna(new) else orjson.loads(new)
        edits.setdefault(section, []).append(Edit(kind, pointer, value))
    return edits


def removed_contexts(plan: pd.DataFrame) -> list[str]:
    """Return the contexts that a plan unbinds and removes, sorted."""
    gone = plan[(plan["table"] == "bindings") & (plan["action"] == "delete")]
    return sorted(set(gone["key"]))


def process_groups(tables: Tables, sessions: pd.DataFrame) -> pd.DataFrame:
    """Return the panes of some sessions that record a process group.

    A pane row that names its session by 16 byte values counts: bmux ends its processes
    although it keeps the row.

    Parameters
    ----------
    tables : Tables
        The tables of the snapshots.
    sessions : DataFrame
        Columns ``snapshot`` and ``session_id``.

    Returns
    -------
    DataFrame
        The rows of the ``panes`` table whose session is meant and whose ``pgid`` is
        positive, in file order; empty when there is none.
    """
    runtimes = tables.lookup("runtimes")
    rows = runtimes.rows(("owner_id",), _keys(tables, sessions, "session_id"))
    positions = runtimes.column("position").to_numpy()
    places = {(key[0], int(positions[row])) for row, key in rows.items()}
    panes = tables.under("panes", places)
    return panes[(panes["pgid"] > 0).fillna(value=False)].reset_index(drop=True)
