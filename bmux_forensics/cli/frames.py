"""DataFrames for people, pipes and programs."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from bmux_forensics.cli.options import write_output
from bmux_forensics.cli.output import csv_text, emit, json_for, put_rows, safe_json


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a row a dict, ready for JSON: nulls are None, times RFC 3339 in UTC.

    Examples
    --------
    >>> records(pd.DataFrame({"pgid": pd.array([1, None], dtype="Int64")}))
    [{'pgid': 1}, {'pgid': None}]
    """
    columns = {str(name): _plain(frame[name]) for name in frame.columns}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _plain(column: pd.Series[Any]) -> list[Any]:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return [None if pd.isna(m) else m.isoformat().replace("+00:00", "Z") for m in column]
    return [_null(value) for value in column.tolist()]


def _null(value: Any) -> Any:
    """Turn every spelling of nothing into None; lists and dicts stay as they are."""
    return value if isinstance(value, list | dict) or not pd.isna(value) else None


def put_frame(
    frame: pd.DataFrame, title: str, form: str | None, output: Path | None, *, overwrite: bool
) -> None:
    """Print a frame, or write it to a file, in one of `options.FORMATS`."""
    if output is not None:
        write_output(output, _encoded(frame, form or "csv"), overwrite=overwrite)
    elif form in (None, "table"):
        put_rows(list(map(str, frame.columns)), _cells(frame), title=title)
    else:
        text = _encoded(frame, form).decode()
        emit(text if form == "csv" else json_for(sys.stdout, text))


def _cells(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    return list(zip(*(_plain(frame[name]) for name in frame.columns), strict=True))


def _encoded(frame: pd.DataFrame, form: str) -> bytes:
    if form == "parquet":
        buffer = io.BytesIO()
        frame.to_parquet(buffer, index=False)
        return buffer.getvalue()
    if form == "json":
        return (safe_json(records(frame)) + "\n").encode()
    if form == "jsonl":
        lines = (safe_json(row, indent=False) for row in records(frame))
        return "".join(f"{line}\n" for line in lines).encode()
    return csv_text(list(map(str, frame.columns)), _cells(frame)).encode()
