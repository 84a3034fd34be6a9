"""Rows as text for other programs: JSON values, and CSV that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, Final

import orjson
import pandas as pd

from bmux_forensics.errors import printable

_FORMULA: Final = ("=", "+", "-", "@")


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a row a dict, ready for JSON: nulls are None, times RFC 3339 in UTC.

    Examples
    --------
    >>> records(pd.DataFrame({"pgid": pd.array([1, None], dtype="Int64")}))
    [{'pgid': 1}, {'pgid': None}]
    """
    columns = list(map(str, frame.columns))
    return [dict(zip(columns, row, strict=True)) for row in rows_of(frame)]


def rows_of(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    """Return the rows of a frame as tuples of plain values, as in `records`."""
    return list(zip(*(_plain(frame[name]) for name in frame.columns), strict=True))


def _plain(column: pd.Series[Any]) -> list[Any]:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return [None if pd.isna(m) else m.isoformat().replace("+00:00", "Z") for m in column]
    return [_null(value) for value in column.tolist()]


def _null(value: Any) -> Any:
    """Turn every spelling of nothing into None; lists and dicts stay as they are."""
    return value if isinstance(value, list | dict) or not pd.isna(value) else None


def csv_text(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, header: bool = True
) -> str:
    """Write CSV (RFC 4180) in which no cell is run by a spreadsheet.

    A text cell that a spreadsheet would take for a formula gets an apostrophe in front; a
    list or a dict is JSON.

    Examples
    --------
    >>> print(csv_text(["name", "pgid", "paths"], [["=1+1", -1, ["a", "b"]]]), end="")
    name,pgid,paths
    '=1+1,-1,"[""a"",""b""]"
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    if header:
        writer.writerow(columns)
    writer.writerows([_harmless(value) for value in row] for row in rows)
    return buffer.getvalue()


def _harmless(value: object) -> object:
    if isinstance(value, list | dict):
        value = orjson.dumps(value).decode()
    if isinstance(value, str):
        # Spreadsheets skip leading white space; control characters are spelled as on a terminal.
        formula = value.lstrip().startswith(_FORMULA)
        return ("'" if formula else "") + printable(value)
    return "" if value is None else value
