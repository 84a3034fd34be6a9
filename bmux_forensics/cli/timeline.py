"""``timeline``: what happened to sessions and contexts, from snapshot to snapshot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from bmux_forensics.cli.options import JSON, PATHS, QUIET, SCHEMA, SIZE_LIMIT
from bmux_forensics.cli.output import put_json, put_rows
from bmux_forensics.errors import ForensicsError

if TYPE_CHECKING:
    import pandas as pd


@click.command(name="timeline")
@PATHS
@ARCHIVE
@OUTPUT
@JSON
@QUIET
@SIZE_LIMIT
def command(  # noqa: PLR0913 - one parameter an option
    paths: tuple[str, ...],
    *,
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
    """Tell what happened to sessions and contexts, a line an event.

    PATHs are snapshots, folders of them and globs, compressed or not. An event lies
    between two snapshots; its moment is that of the first one that shows it. Exit code 5
    when some files were damaged or unreadable (a damaged one proves nothing and is left
    out), 3 when there was nothing to read.
    """
    try:
        check_output("timeline", form, output, as_json=as_json)
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
        events = bf.timeline(archive)
        error = ending(archive, has_told=bool(len(events)))
    except REFUSALS as refusal:
        if as_json:
            put_json({"schema": SCHEMA, **failure(refusal), "counts": None, **_lists([], [])})
        raise
    if as_json:
        put_json(_document(archive, events, error))
    else:
        _put(events, form, output, overwrite=overwrite)
    return error.exit_code if error else 0


def _lists(bad: list[Any], events: list[Any]) -> dict[str, Any]:
    return {"not_loaded": bad, "events": events}


def _document(
    archive: bf.Archive, events: pd.DataFrame, error: ForensicsError | None
) -> dict[str, Any]:
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    told = {"counts": archive.counts, **_lists(not_loaded(archive), records(events))}
    return {"schema": SCHEMA, **failure(error), **told}


def _put(events: pd.DataFrame, form: str | None, output: Path | None, *, overwrite: bool) -> None:
    from bmux_forensics.cli.frames import (  # noqa: PLC0415 - pandas: not for --help
        put_frame,
        records,
    )

    if output is not None or form not in (None, "table"):
        put_frame(events, "Timeline", form, output, overwrite=overwrite)
        return
    hosts = events["host"].notna().any()
    columns = ("captured_at", *(("host",) if hosts else ()), "event", "subject", "name", "detail")
    rows = [
        {**row, "captured_at": moment, "detail": _detail(row)}
        for row, moment in zip(records(events), moments(events, "captured_at"), strict=True)
    ]
    put_rows(columns, [[row[name] for name in columns] for row in rows], title="Timeline")


def _detail(row: dict[str, Any]) -> str:
    """Say what the columns old, new and count say of an event.

    Examples
    --------
    >>> _detail({"event": "renamed", "old": "a", "new": "b", "count": None})
    'a -> b'
    >>> _detail({"event": "server restart", "old": None, "new": None, "count": 7})
    'the process groups of all 7 panes that stayed are new'
    """
    if row["event"] == "server restart":
        if row["count"] == 1:
            return "the process group of the one pane that stayed is new"
        return f"the process groups of all {row['count']} panes that stayed are new"
    if row["old"] is None and row["new"] is None:
        return ""
    panes = " panes" if row["count"] is not None else ""
    return f"{row['old'] or 'nothing'} -> {row['new'] or 'nothing'}{panes}"
