"""Findings in words and rows: what a check found becomes rows of one DataFrame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from bmux_forensics.analysis.audit.evidence import Evidence, Mask, rows_where
from bmux_forensics.analysis.rules.book import BY_ID, POSITION
from bmux_forensics.analysis.rules.model import SEVERITIES
from bmux_forensics.errors import EvidenceError
from bmux_forensics.tables.build import places_of
from bmux_forensics.tables.catalog import BY_NAME
from bmux_forensics.tables.cells import TEXT_DTYPE, arrow_values, from_arrow
from bmux_forensics.tables.schema import Kind
from bmux_forensics.tables.walk import pointer_at

COLUMNS: Final = {
    "snapshot": None,
    "rule": TEXT_DTYPE,
    "severity": TEXT_DTYPE,
    "table": TEXT_DTYPE,
    "key": TEXT_DTYPE,
    "column": TEXT_DTYPE,
    "value": TEXT_DTYPE,
    "ref_table": TEXT_DTYPE,
    "message": TEXT_DTYPE,
    "fix": TEXT_DTYPE,
    "section_id": TEXT_DTYPE,
    "json_pointer": TEXT_DTYPE,
}
"""The columns of findings and their dtypes; ``snapshot`` is the category of its tables."""

ENVELOPE: Final = -1
"""The section position of what is about the envelope, not about a payload."""

_TABLE_ORDER: Final = {name: number for number, name in enumerate(BY_NAME)}


@dataclass(frozen=True)
class Found:
    """Rows of one table that break one rule.

    Parameters
    ----------
    rule : str
        The rule's id.
    table : str
        The table.
    rows : Mask
        Which of its rows.
    column : str, optional
        The column that breaks it; its values are shown unless `shown` is given.
    ref_table : str, optional
        The table that a reference leads to.
    keys, shown, details : sequence, optional
        What to show for each row instead of its key, its value, and as the detail.
    """

    rule: str
    table: str
    rows: Mask
    column: str | None = None
    ref_table: str | None = None
    keys: Sequence[Any] | None = None
    shown: Sequence[Any] | None = None
    details: Sequence[Any] | None = None


@dataclass(frozen=True)
class Noted:
    """One thing that is no row of a table: about an envelope, a section, a field.

    Parameters
    ----------
    rule, table, key, column, value, detail
        As in a finding; the table may be one of provenance.
    code : int
        The snapshot's code.
    section : int
        The section's position, or `ENVELOPE`.
    pointer : str
        Where it stands in the section, or in the envelope.
    severity : str, optional
        Where this one weighs less than the rule says.
    """

    rule: str
    code: int
    section: int
    table: str
    key: str | None = None
    column: str | None = None
    value: str | None = None
    detail: str = ""
    pointer: str = ""
    severity: str | None = None


_SLICE: Final = 4096
"""So many findings at a time are Python objects; then they are columns, a fifth of the room."""

_ORDER: Final = 7
"""What findings are ordered by: snapshot, severity, rule, table, row, pointer, and as found."""


@dataclass(frozen=True)
class _Block:
    """Some findings, column by column, and what they are to be ordered by."""

    order: Any  # int64, a row for each of `_ORDER`
    codes: Any
    texts: dict[str, Any]


def frame_of(evidence: Evidence, found: Iterable[Found | Noted]) -> pd.DataFrame:
    """Return findings as a DataFrame, in an order that no input order changes.

    Rules that do not concern the target are left out.

    Returns
    -------
    DataFrame
        The columns of `COLUMNS`, one row a finding, by snapshot, from worst to least,
        then by rule and place. Empty, with the same columns, when nothing was found.
    """
    blocks: list[_Block] = []
    noted: list[Noted] = []
    for item in found:
        if evidence.target not in BY_ID[item.rule].severity:
            continue
        if isinstance(item, Noted):
            noted.append(item)
        else:
            blocks.extend(_found(evidence, item))
    blocks.extend(_noted(evidence, noted))
    for number, block in enumerate(blocks):
        block.order[-1] = number  # of findings that are alike in all else the first stays first
    blocks.sort(key=lambda block: block.order[:, 0].tolist())  # then there is often nothing to move
    order = np.concatenate([np.empty((_ORDER, 0), np.int64), *(b.order for b in blocks)], axis=1)
    place = np.lexsort(order[::-1])
    is_sorted = bool((place == np.arange(len(place))).all())
    del order
    codes = np.concatenate([np.empty(0, np.int64), *(b.codes for b in blocks)])[place]
    frame: dict[str, Any] = {}
    for name, dtype in COLUMNS.items():
        if dtype is None:
            frame[name] = pd.Categorical.from_codes(codes, dtype=evidence.tables.snapshot_dtype)
        else:
            # Out of the blocks one by one: what is in the frame need not be there twice.
            parts = [arrow_values(Kind.TEXT, []), *(b.texts.pop(name) for b in blocks)]
            column = pa.chunked_array(parts)
            del parts
            if not is_sorted:
                column = column.take(pa.array(place))
            elif len(place) <= _SLICE:
                column = column.combine_chunks()
            frame[name] = from_arrow(Kind.TEXT, column)
    return pd.DataFrame(frame, copy=False)


def _block(order: Sequence[Any], rows: Sequence[tuple[Any, ...]]) -> _Block:
    codes, *texts = zip(*rows, strict=True)
    names = [name for name, dtype in COLUMNS.items() if dtype is not None]
    columns = {
        name: arrow_values(Kind.TEXT, list(values))
        for name, values in zip(names, texts, strict=True)
    }
    orders = np.array([np.broadcast_to(each, len(rows)) for each in order], np.int64)
    return _Block(orders, np.array(codes, np.int64), columns)


def _found(evidence: Evidence, found: Found) -> Iterator[_Block]:
    numbers = rows_where(found.rows)
    for start in range(0, len(numbers), _SLICE):
        part = slice(start, start + _SLICE)
        rows = list(_rows(evidence, found, numbers[part], part))
        codes = [row[0] for row in rows]
        severity = SEVERITIES.index(BY_ID[found.rule].severity[evidence.target])
        place = (_TABLE_ORDER[found.table], numbers[part], 0, 0)
        yield _block((codes, severity, POSITION[found.rule], *place), rows)


def _rows(evidence: Evidence, found: Found, numbers: Any, part: slice) -> Iterator[tuple[Any, ...]]:
    blank = [None] * len(numbers)
    codes = evidence.codes(found.table)[numbers].tolist()
    sections = evidence.texts(found.table, "section", numbers)
    keys = found.keys[part] if found.keys is not None else _keys(evidence, found.table, numbers)
    values: Sequence[Any] = blank
    if found.shown is not None:
        values = found.shown[part]
    elif found.column:
        values = evidence.texts(found.table, found.column, numbers)
    details = found.details[part] if found.details is not None else blank
    pointers = _pointers(evidence, found, numbers)
    severity = BY_ID[found.rule].severity[evidence.target]
    for i in range(len(numbers)):
        section_id = evidence.tables.snapshots[codes[i]].readings[sections[i]].section.id
        row = (found.table, _text(keys[i]), found.column, _text(values[i]), found.ref_table)
        words = _words(found.rule, row, details[i])
        yield (codes[i], found.rule, severity, *row, *words, section_id, pointers[i])


def _noted(evidence: Evidence, noted: Sequence[Noted]) -> Iterator[_Block]:
    places = {pointer: i for i, pointer in enumerate(sorted({n.pointer for n in noted}))}
    for start in range(0, len(noted), _SLICE):
        orders, rows = [], []
        for each in noted[start : start + _SLICE]:
            readings = evidence.tables.snapshots[each.code].readings
            section_id = None if each.section == ENVELOPE else readings[each.section].section.id
            row = (each.table, each.key, each.column, each.value, None)
            severity = each.severity or BY_ID[each.rule].severity[evidence.target]
            words = _words(each.rule, row, each.detail)
            rows.append((each.code, each.rule, severity, *row, *words, section_id, each.pointer))
            order = (each.code, SEVERITIES.index(severity), POSITION[each.rule])
            orders.append((*order, -1, each.section, places[each.pointer], 0))
        yield _block(list(zip(*orders, strict=True)), rows)


def _words(rule_id: str, row: tuple[str | None, ...], detail: Any) -> tuple[str, str]:
    """Return the message and the fix of one finding."""
    rule, (_, key, _, value, ref_table) = BY_ID[rule_id], row
    message = rule.says.format(key=key, value=value, ref_table=ref_table, detail=detail)
    return message, rule.fix


def _keys(evidence: Evidence, table: str, numbers: Any) -> list[str]:
    columns = [evidence.texts(table, name, numbers) for name in BY_NAME[table].key]
    return [
        " ".join("?" if value is None else str(value) for value in values)
        for values in zip(*columns, strict=True)
    ]


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _pointers(evidence: Evidence, found: Found, numbers: Any) -> list[str]:
    """Return where each row stands, down to the member that the column was read from."""
    table, names = BY_NAME[found.table], places_of(found.table)
    member = ""
    for column in table.columns:
        if column.name == found.column and not column.at and not column.key_of:
            member = "".join(f"/{name}" for name in column.path)
    codes = evidence.codes(found.table)[numbers].tolist()
    places = zip(*(evidence.texts(found.table, name, numbers) for name in names), strict=True)
    pointers = []
    for code, place in zip(codes, places, strict=True):
        reading = evidence.tables.snapshots[code].reading(table.section)
        template = table.pointer(reading.section.version if reading else 1)
        pointers.append(pointer_at(template, dict(zip(names, place, strict=True))) + member)
    return pointers


def fact(error: EvidenceError) -> str:
    """Return what an error says, without where: the finding's own columns say that."""
    return f"expected {error.expected}, found {error.found}" if error.expected else error.found
