"""Findings in words and rows: what a check found becomes rows of one DataFrame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from bmux_forensics.analysis.audit.evidence import Evidence, Mask, rows_where
from bmux_forensics.analysis.rules.book import BY_ID, POSITION
from bmux_forensics.analysis.rules.model import SEVERITIES
from bmux_forensics.errors import EvidenceError
from bmux_forensics.tables.build import places_of
from bmux_forensics.tables.catalog import BY_NAME
from bmux_forensics.tables.cells import TEXT_DTYPE, cells
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


_Row = tuple[tuple[Any, ...], tuple[Any, ...]]


def frame_of(evidence: Evidence, found: Iterable[Found | Noted]) -> pd.DataFrame:
    """Return findings as a DataFrame, in an order that no input order changes.

    Rules that do not concern the target are left out.

    Returns
    -------
    DataFrame
        The columns of `COLUMNS`, one row a finding, by snapshot, from worst to least,
        then by rule and place. Empty, with the same columns, when nothing was found.
    """
    rows: list[_Row] = []
    for item in found:
        if evidence.target in BY_ID[item.rule].severity:
            rows.extend(
                _noted(evidence, item) if isinstance(item, Noted) else _rows(evidence, item)
            )
    rows.sort(key=lambda row: row[0])
    columns = list(zip(*(row[1] for row in rows), strict=True)) or [()] * len(COLUMNS)
    frame: dict[str, Any] = {}
    for (name, dtype), values in zip(COLUMNS.items(), columns, strict=True):
        if dtype is None:
            codes = np.array(values, dtype=np.int64)
            frame[name] = pd.Categorical.from_codes(codes, dtype=evidence.tables.snapshot_dtype)
        else:
            frame[name] = cells(Kind.TEXT, list(values))
    return pd.DataFrame(frame, copy=False)


def _rows(evidence: Evidence, found: Found) -> Iterator[_Row]:
    numbers = rows_where(found.rows)
    if not len(numbers):
        return
    blank = [None] * len(numbers)
    codes = evidence.codes(found.table)[numbers].tolist()
    sections = evidence.texts(found.table, "section", numbers)
    keys = found.keys if found.keys is not None else _keys(evidence, found.table, numbers)
    values = found.shown
    if values is None:
        values = evidence.texts(found.table, found.column, numbers) if found.column else blank
    details = found.details if found.details is not None else blank
    pointers = _pointers(evidence, found, numbers)
    severity = BY_ID[found.rule].severity[evidence.target]
    for i, number in enumerate(numbers.tolist()):
        section_id = evidence.tables.snapshots[codes[i]].readings[sections[i]].section.id
        row = (found.table, _text(keys[i]), found.column, _text(values[i]), found.ref_table)
        words = _words(found.rule, row, details[i])
        order = _order(codes[i], severity, found.rule)
        columns = (codes[i], found.rule, severity, *row, *words, section_id, pointers[i])
        yield (*order, _TABLE_ORDER[found.table], number, ""), columns


def _noted(evidence: Evidence, noted: Noted) -> Iterator[_Row]:
    readings = evidence.tables.snapshots[noted.code].readings
    section_id = None if noted.section == ENVELOPE else readings[noted.section].section.id
    row = (noted.table, noted.key, noted.column, noted.value, None)
    severity = noted.severity or BY_ID[noted.rule].severity[evidence.target]
    words = _words(noted.rule, row, noted.detail)
    place = (section_id, noted.pointer)
    order = _order(noted.code, severity, noted.rule)
    columns = (noted.code, noted.rule, severity, *row, *words, *place)
    yield (*order, -1, noted.section, noted.pointer), columns


def _order(code: int, severity: str, rule: str) -> tuple[int, int, int]:
    return code, SEVERITIES.index(severity), POSITION[rule]


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
