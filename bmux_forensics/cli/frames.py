"""DataFrames for people, pipes and programs."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

from bmux_forensics import csv_text, records, rows_of
from bmux_forensics.cli.options import write_output
from bmux_forensics.cli.output import emit, json_for, put_rows, safe_json

__all__ = ["put_frame", "records"]


def put_frame(
    frame: pd.DataFrame, title: str, form: str | None, output: Path | None, *, overwrite: bool
) -> None:
    """Print a frame, or write it to a file, in one of `options.FORMATS`."""
    if output is not None:
        write_output(output, _encoded(frame, form or "csv"), overwrite=overwrite)
    elif form in (None, "table"):
        put_rows(list(map(str, frame.columns)), rows_of(frame), title=title)
    else:
        text = _encoded(frame, form).decode()
        emit(text if form == "csv" else json_for(sys.stdout, text))


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
    return csv_text(list(map(str, frame.columns)), rows_of(frame)).encode()
