"""``diff``: what one snapshot says and another does not, row by row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import orjson

import bmux_forensics as bf
from bmux_forensics.cli.archives import OUTPUT, check_output, check_target
from bmux_forensics.cli.endings import REFUSALS, failure
from bmux_forensics.cli.options import JSON, SCHEMA, SHOW_ENV, SIZE_LIMIT, STDIN
from bmux_forensics.cli.output import put_json, put_rows, say
from bmux_forensics.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

_OBJECTS: Final = ("key", "old", "new")


@click.command(name="diff")
@click.argument("a")
@click.argument("b")
@OUTPUT
@JSON
@SHOW_ENV
@SIZE_LIMIT
def command(  # noqa: PLR0913 - one parameter an option
    a: str,
    b: str,
    form: str | None,
    output: Path | None,
    *,
    overwrite: bool,
    as_json: bool,
    show_env: bool,
    size_limit: int,
) -> int:
    """Say which rows snapshot B added to A, removed from it and changed.

    Two snapshots that say the same are equal, however they are written. Exit code 0 when
    they are equal, 1 when they differ, 3 when one of them can't be read, or not whole.
    """
    try:
        check_output("diff", form, output, as_json=as_json)
        check_target(output, [Path(a), Path(b)])
        if a == b == STDIN:
            raise UsageError("diff", "standard input twice", expected="two snapshots")
        opened = [bf.open_snapshot(path, size_limit=size_limit or None) for path in (a, b)]
        changes = bf.diff(opened[0], opened[1], show_env=show_env)
    except REFUSALS as refusal:
        if as_json:
            nothing: dict[str, Any] = {"a": None, "b": None, "changes": []}
            put_json({"schema": SCHEMA, **failure(refusal), **nothing})
        raise
    problems = [problem for snapshot in opened for problem in snapshot.problems]
    first = problems[0] if problems else None
    code = first.exit_code if first else int(bool(len(changes)))
    if as_json:
        put_json(_document(opened, changes, {**failure(first), "exit_code": code}))
    else:
        _put(changes, form, output, overwrite=overwrite)
    for problem in problems:
        say(f"bmux-forensics: {problem}")
    return code


def _document(
    opened: list[bf.Snapshot], changes: pd.DataFrame, ending: dict[str, Any]
) -> dict[str, Any]:
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    a, b = ({"path": s.name, "sha256": s.sha256} for s in opened)
    rows = records(changes)
    for row in rows:
        row.update((name, orjson.loads(row[name] or "null")) for name in _OBJECTS)
        row["columns"] = row["columns"].split(", ") if row["columns"] else []
    return {"schema": SCHEMA, **ending, "a": a, "b": b, "changes": rows}


def _put(changes: pd.DataFrame, form: str | None, output: Path | None, *, overwrite: bool) -> None:
    from bmux_forensics.cli.frames import (  # noqa: PLC0415 - pandas: not for --help
        put_frame,
        records,
    )

    if output is not None or form not in (None, "table"):
        put_frame(changes, "Changes", form, output, overwrite=overwrite)
    elif len(changes):
        rows = [list(row.values()) for row in records(changes)]
        put_rows(list(changes.columns), rows, title="Changes")
