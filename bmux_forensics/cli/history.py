"""``history``: every change that was made, when, by whom, and what became of it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import bmux_forensics as bf
from bmux_forensics.cli.endings import REFUSALS, failure
from bmux_forensics.cli.options import FORMATS, JSON, SCHEMA, SNAPSHOT
from bmux_forensics.cli.output import put, put_json, put_rows, say
from bmux_forensics.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = ("id", "when", "user", "verb", "state", "sessions", "file")


@click.command(name="history")
@SNAPSHOT
@click.option("--format", "form", type=click.Choice(FORMATS), help="How to print the table.")
@click.option(
    "-o", "--output", type=click.Path(readable=False, path_type=Path), help="Write to a new file."
)
@click.option("--overwrite", is_flag=True, help="Replace the output file.")
@JSON
def command(
    snapshot: Path | None,
    form: str | None,
    output: Path | None,
    *,
    overwrite: bool,
    as_json: bool,
) -> int:
    """Show every change that was made: of every snapshot, or of one (--snapshot).

    A change is done, undone, failed (nothing was changed), open (somebody may still be
    at it) or unknown (it was cut short, and the file has been changed since).
    """
    if as_json and (form or output):
        raise UsageError("history", "--json with --format or -o", expected="one of them")
    if form == "parquet" and output is None:
        raise UsageError("--format parquet", "no file to write to", advice="add -o FILE")
    try:
        changes = bf.history(snapshot)
    except REFUSALS as error:
        if as_json:
            put_json({"schema": SCHEMA, **failure(error), "changes": []})
        raise
    if as_json:
        put_json({"schema": SCHEMA, **failure(None), "changes": _rows(changes)})
    elif form or output:
        from bmux_forensics.cli.frames import put_frame  # noqa: PLC0415 - pandas: not for --help

        put_frame(changes, "History", form, output, overwrite=overwrite)
    else:
        _put(changes)
    return 0


def _rows(changes: pd.DataFrame) -> list[dict[str, Any]]:
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    rows = records(changes)
    for row in rows:
        row["session_ids"] = (row["session_ids"] or "").split()
    return rows


def _put(changes: pd.DataFrame) -> None:
    rows = _rows(changes)
    if not rows:
        put("no changes")
        return
    for row in rows:
        row["when"] = local_time(row["when"])
    put_rows(_SHOWN, [[row[name] for name in _SHOWN] for row in rows], title="History")
    for row in rows:
        if row["note"]:
            say(f"{row['verb']} {row['id']}: {row['note']}")


def local_time(moment: str | None) -> str | None:
    """Return a moment of the data as it is shown: local time with its offset."""
    if moment is None:
        return None
    return datetime.fromisoformat(moment).astimezone().isoformat(sep=" ", timespec="seconds")
