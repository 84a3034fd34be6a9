"""``find``: which snapshots speak of something, and when it was there first and last."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

import bmux_forensics as bf
from bmux_forensics.cli.archives import (
    ARCHIVE,
    OUTPUT,
    check_output,
    ending,
    moments,
    not_loaded,
    opened,
)
from bmux_forensics.cli.endings import REFUSALS, failure
from bmux_forensics.cli.options import JSON, QUIET, SCHEMA, SIZE_LIMIT
from bmux_forensics.cli.output import put_json, put_rows, say
from bmux_forensics.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

_SHOWN: Final = (
    *("what", "value", "name", "session_id"),
    *("count", "first_at", "last_at", "last_snapshot"),
)


@click.command(name="find")
@click.argument("arguments", nargs=-1, metavar="[TEXT] [PATH...]")
@click.option("--command", "command_text", metavar="TEXT", help="Look in what panes run.")
@click.option("--folder", metavar="TEXT", help="Look in the folders of panes.")
@click.option("--session", metavar="TEXT", help="Look in names and ids of sessions.")
@click.option("--pane", metavar="TEXT", help="Look in names and ids of panes.")
@ARCHIVE
@OUTPUT
@JSON
@QUIET
@SIZE_LIMIT
def command(  # noqa: PLR0913 - one parameter an option
    arguments: tuple[str, ...],
    *,
    command_text: str | None,
    folder: str | None,
    session: str | None,
    pane: str | None,
    tz: str | None,
    host_pattern: str | None,
    jobs: int | None,
    scheduler: str | None,
    form: str | None,
    output: Path | None,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
    size_limit: int,
) -> int:
    """Say which snapshots speak of something, and when it was there first and last.

    A text is found anywhere in a value, in any letter case; an id by its beginning. With
    --command, --folder, --session or --pane all arguments are PATHs; else the first one is
    the TEXT, looked for everywhere. --json names all of the snapshots. Exit code 1 when
    there is no such thing, 5 when some files were damaged or unreadable, 3 when there was
    nothing to read.
    """
    chosen = {"command": command_text, "folder": folder, "session": session, "pane": pane}
    try:
        check_output("find", form, output, as_json=as_json)
        text, what, paths = _question(arguments, chosen)
        archive = opened(
            paths,
            output,
            quiet=quiet,
            tz=tz,
            host_pattern=host_pattern,
            jobs=jobs,
            scheduler=scheduler,
            size_limit=size_limit or None,
        )
        found = bf.find(text, archive, what=what)
        error = ending(archive, has_told=bool(len(found)))
    except REFUSALS as refusal:
        if as_json:
            nothing: dict[str, Any] = {"counts": None, "not_loaded": [], "found": []}
            put_json({"schema": SCHEMA, **failure(refusal), **nothing})
        raise
    code = error.exit_code if error else int(not len(found))
    if as_json:
        put_json(_document(archive, found, {**failure(error), "exit_code": code}))
    else:
        _put(found, form, output, overwrite=overwrite)
        if not len(found):
            say(f"not found: {text}")
    return code


def _question(
    arguments: tuple[str, ...], chosen: dict[str, str | None]
) -> tuple[str, str | None, tuple[str, ...]]:
    """Return what to look for, in what, and the paths."""
    asked = [(what, text) for what, text in chosen.items() if text is not None]
    if len(asked) > 1:
        found = " and ".join(f"--{what}" for what, _ in asked)
        raise UsageError("find", found, expected="one of them")
    if asked:
        what, text = asked[0]
        return text, what, arguments
    if not arguments:
        raise UsageError("find", "nothing to look for", expected="a TEXT, or --session TEXT")
    return arguments[0], None, arguments[1:]


def _document(archive: bf.Archive, found: pd.DataFrame, ending: dict[str, Any]) -> dict[str, Any]:
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    told = {"counts": archive.counts, "not_loaded": not_loaded(archive), "found": records(found)}
    return {"schema": SCHEMA, **ending, **told}


def _put(found: pd.DataFrame, form: str | None, output: Path | None, *, overwrite: bool) -> None:
    from bmux_forensics.cli.frames import (  # noqa: PLC0415 - pandas: not for --help
        put_frame,
        records,
    )

    if output is not None or form not in (None, "table"):
        put_frame(found, "Found", form, output, overwrite=overwrite)
        return
    if not len(found):
        return
    shown = found.assign(
        **{name: moments(found, name) for name in ("first_at", "last_at")},
        last_snapshot=[names[-1] for names in found["snapshots"]],
    )
    columns = ("host", *_SHOWN) if found["host"].notna().any() else _SHOWN
    put_rows(columns, [[row[name] for name in columns] for row in records(shown)], title="Found")
