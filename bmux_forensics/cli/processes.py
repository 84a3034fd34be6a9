"""``processes``: whose are the process groups that a snapshot names, and what has strayed."""

from __future__ import annotations

from typing import Any, Final

import click

import bmux_forensics as bf
from bmux_forensics.cli.endings import REFUSALS, failure
from bmux_forensics.cli.options import JSON, SCHEMA, SIZE_LIMIT
from bmux_forensics.cli.output import put, put_json, put_rows, say
from bmux_forensics.errors import path_text

_SHOWN: Final = ("pgid", "verdict", "session_id", "pane_id", "members", "member_commands", "reason")
_STRAYS: Final = ("pid", "pgid", "score", "endable", "session_id", "command", "evidence", "reason")


@click.command(name="processes")
@click.argument("path", required=False, metavar="[SNAPSHOT]")
@click.option("--strays", is_flag=True, help="Also list what left its pane's group and lives on.")
@JSON
@SIZE_LIMIT
def command(path: str | None, *, strays: bool, as_json: bool, size_limit: int) -> int:
    """Judge every process group that a snapshot names; nothing is signalled.

    Only a group that is `confirmed` is one that `kill` would end: the snapshot's owner,
    the recorded session, older than the save, and bmux's environment read in a member.
    """
    try:
        scene = bf.processes(path, size_limit=size_limit or None)
    except REFUSALS as error:
        if as_json:
            nothing: dict[str, Any] = {"servers": [], "groups": [], "strays": []}
            put_json({"schema": SCHEMA, **failure(error), "snapshot": None, **nothing})
        raise
    if as_json:
        put_json(_document(scene))
        return 0
    _put(scene, strays=strays)
    return 0


def _put(scene: bf.ProcessScene, *, strays: bool) -> None:
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    for server in scene.servers:
        say(f"{path_text(server.folder)}: {server.reason}")
    groups = records(scene.verdicts)
    if groups:
        rows = [[row[name] for name in _SHOWN] for row in groups]
        put_rows(_SHOWN, rows, title="Process groups")
    else:
        put("no panes")
    if strays:
        found = [[row[name] for name in _STRAYS] for row in records(scene.strays)]
        if found:
            put_rows(_STRAYS, found, title="Strays")
        else:
            put("no strays")


def _document(scene: bf.ProcessScene) -> dict[str, Any]:
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    servers = [
        {"pid": s.pid, "folder": path_text(s.folder), "reason": s.reason} for s in scene.servers
    ]
    return {
        "schema": SCHEMA,
        **failure(None),
        "snapshot": path_text(scene.path),
        "servers": servers,
        "groups": records(scene.verdicts),
        "strays": records(scene.strays),
    }
