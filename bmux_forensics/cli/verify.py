"""``verify``: whether the journal and every backup are whole, byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import bmux_forensics as bf
from bmux_forensics.cli.endings import REFUSALS, failure
from bmux_forensics.cli.options import JSON, SCHEMA, SNAPSHOT
from bmux_forensics.cli.output import put, put_json, put_rows

_SHOWN = ("severity", "kind", "number", "change", "path", "found")
_NOT_WHOLE = 1


@click.command(name="verify")
@SNAPSHOT
@JSON
def command(snapshot: Path | None, *, as_json: bool) -> int:
    """Prove that the journal and every backup are whole; exit code 1 when they are not.

    Every hash is computed anew. A note is no damage: a run that was cut short, for
    example, of which the journal still tells what happened.
    """
    try:
        problems = bf.verify(snapshot)
    except REFUSALS as error:
        if as_json:
            put_json({"schema": SCHEMA, **failure(error), "whole": None, "problems": []})
        raise
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    rows = records(problems)
    whole = not any(row["severity"] == "damage" for row in rows)
    code = 0 if whole else _NOT_WHOLE
    if as_json:
        ending = {**failure(None), "exit_code": code}
        put_json({"schema": SCHEMA, **ending, "whole": whole, "problems": rows})
    else:
        _put(rows, whole=whole, snapshot=snapshot)
    return code


def _put(rows: list[dict[str, Any]], *, whole: bool, snapshot: Path | None) -> None:
    if rows:
        put_rows(_SHOWN, [[row[name] for name in _SHOWN] for row in rows], title="Problems")
    if whole:
        changes, kept = len(bf.history(snapshot)), len(bf.backups(snapshot))
        put(f"whole: the journal ({changes} changes) and {kept} backups")
