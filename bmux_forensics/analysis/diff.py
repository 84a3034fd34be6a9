"""What one snapshot says and another does not, row by row.

Two rows are the same row when their keys are the same *by value*: where a row stands in
its file, how an id is spelled and how the JSON is laid out say nothing. Rows that share a
key are counted, so that a duplicate is a row of its own. Whatever the tables do not hold
(a member that bmux does not write either) is not compared; a section that no rows are
built from is compared as a whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import orjson
import pandas as pd

from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.snapshot.reading import Reading
from bmux_forensics.tables.build import Tables, places_of
from bmux_forensics.tables.catalog import TABLES
from bmux_forensics.tables.cells import cells
from bmux_forensics.tables.schema import MASK, Kind, Table

CHANGES: Final = ("added", "removed", "changed")
"""What can be said of a row, seen from the first snapshot."""

SECTIONS: Final = "sections"
"""The table whose rows are sections: which there are, in which version."""

Row = dict[str, Any]


def diff(a: Snapshot, b: Snapshot, *, show_env: bool = False) -> pd.DataFrame:
    """Return what differs between two snapshots, and nothing else.

    Parameters
    ----------
    a, b : Snapshot
        The older and the newer one; their names may be equal.
    show_env : bool
        Show the values of environment variables; they are compared in any case.

    Returns
    -------
    DataFrame
        One row a row that differs: ``table`` str; ``change`` str, one of `CHANGES`;
        ``key`` str, the row's key as a JSON object; ``columns`` str, those that differ,
        with ", " between, null unless changed; ``old``, ``new`` str, JSON objects of the
        differing columns (of all but the key when added or removed), null where there is
        no such row. By table, then as the rows stand in their files. Empty, with the same
        columns, when both say the same.

    Examples
    --------
    >>> from bmux_forensics.snapshot.document import read_snapshot
    >>> whole = b'{"version":1,"checksum":675868731199239589,"sections":[]}'
    >>> snapshot = read_snapshot(whole, "empty.json")
    >>> diff(snapshot, snapshot).columns.tolist()
    ['table', 'change', 'key', 'columns', 'old', 'new']
    """
    found: list[tuple[str | None, ...]] = []
    if a.raw != b.raw:
        found += _differing(SECTIONS, _sections(a), _sections(b), frozenset())
        tables = [Tables([snapshot], show_env=True) for snapshot in (a, b)]
        for table in TABLES:
            hidden = frozenset() if show_env else _secrets(table)
            old, new = (_rows(each, table) for each in tables)
            found += _differing(table.name, old, new, hidden)
    names = ("table", "change", "key", "columns", "old", "new")
    return pd.DataFrame(
        {name: cells(Kind.TEXT, [row[i] for row in found]) for i, name in enumerate(names)}
    )


def _secrets(table: Table) -> frozenset[str]:
    return frozenset(column.name for column in table.columns if column.kind is Kind.SECRET)


Keyed = list[tuple[Row, Row]]
"""Key and other values of each row, in file order."""


def _rows(tables: Tables, table: Table) -> Keyed:
    """Return the rows of a table by value; an id that does not parse stands as it is spelled."""
    lookup = tables.lookup(table.name)
    values = {name: lookup.column(name).to_pylist() for name in _compared(table)}
    for text, identity in _read_twice(table):
        ids = zip(values[text], values[identity], strict=True)
        values[text] = [spelled if known is None else None for spelled, known in ids]
    for column in table.columns:
        if column.kind is Kind.JSON:
            values[column.name] = [_plain(text) for text in values[column.name]]
        if column.kind is Kind.TYPE:  # a member that may be null may as well be absent
            types = values[column.name]
            values[column.name] = ["null" if known == "absent" else known for known in types]
        if column.key_of:
            spelled = lookup.column(column.key_of).to_pylist()
            ids = zip(values[column.name], spelled, strict=True)
            values[column.name] = [text if known is None else known for known, text in ids]
    rows = (dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True))
    return [
        ({k: row[k] for k in table.key}, {k: v for k, v in row.items() if k not in table.key})
        for row in rows
    ]


def _read_twice(table: Table) -> list[tuple[str, str]]:
    """Return text columns that another column reads as an id: their spelling says nothing."""
    ids = {(c.path, c.at): c.name for c in table.columns if c.kind is Kind.ID and not c.key_of}
    texts = [c for c in table.columns if c.kind is Kind.TEXT and (c.path, c.at) in ids]
    return [(column.name, ids[column.path, column.at]) for column in texts]


def _compared(table: Table) -> list[str]:
    """Return the columns that say something; a place does only where it is part of the key."""
    places = [place for place in places_of(table.name) if place in table.key]
    return [*places, *(column.name for column in table.columns)]


def _plain(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)


def _sections(snapshot: Snapshot) -> Keyed:
    return [
        (
            {"section_id": reading.section.id},
            {
                "version": reading.section.version,
                "name": reading.spec.name if reading.spec else None,
                "content": None if _has_rows(snapshot, reading) else _content(reading),
            },
        )
        for reading in snapshot.readings
    ]


def _has_rows(snapshot: Snapshot, reading: Reading) -> bool:
    first = snapshot.first_position(reading.section.id) == reading.position
    return reading.has_rows and first


def _content(reading: Reading) -> Any:
    """Return the payload of a section without rows: as JSON where it is that, else in hex."""
    return reading.section.payload.hex() if reading.json_problem else reading.tree


def _differing(
    table: str, old: Keyed, new: Keyed, hidden: frozenset[str]
) -> Iterator[tuple[str | None, ...]]:
    """Pair the rows of each key: equal ones first, then as they stand in their files."""
    both = Counter(map(_identity, old)) & Counter(map(_identity, new))
    left, right = _without(old, both.copy()), _without(new, both)
    waiting: dict[bytes, list[tuple[Row, Row]]] = {}
    for row in right:
        waiting.setdefault(_text(row[0]), []).append(row)
    for key, before in left:
        partners = waiting.get(_text(key))
        if not partners:
            yield (table, "removed", _shown(key), None, _shown(before, hidden), None)
            continue
        _, after = partners.pop(0)
        names = [name for name in before if _text(before[name]) != _text(after[name])]
        yield (
            table,
            "changed",
            _shown(key),
            ", ".join(names),
            _shown({name: before[name] for name in names}, hidden),
            _shown({name: after[name] for name in names}, hidden),
        )
    for rows in waiting.values():
        for key, after in rows:
            yield (table, "added", _shown(key), None, None, _shown(after, hidden))


def _without(rows: Keyed, equal: Counter[bytes]) -> Keyed:
    """Leave out as many rows of each kind as the other snapshot has too."""
    kept = []
    for row in rows:
        identity = _identity(row)
        if equal[identity] > 0:
            equal[identity] -= 1
        else:
            kept.append(row)
    return kept


def _identity(row: tuple[Row, Row]) -> bytes:
    return _text(row)


def _text(value: Any) -> bytes:
    """Return JSON text that is equal for equal values."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _shown(row: Row, hidden: frozenset[str] = frozenset()) -> str:
    masked = {k: MASK if k in hidden and v is not None else v for k, v in row.items()}
    return orjson.dumps(masked).decode()
