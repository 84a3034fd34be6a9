"""Pane rows in the form of another section version: which member came when, as data."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from bmux_forensics.snapshot.identifiers import canonical_id

Record = dict[str, Any]
Member = tuple[str, int, Any]
"""A member's name, the version it came with, and what stands for it where it is absent."""

OMITTED: Final = object()
"""An absent member that stays absent: nobody knows what would stand for it."""

_RUNTIME: Final[tuple[Member, ...]] = (
    ("session_id", 1, OMITTED),
    ("panes", 1, OMITTED),
    ("focused_pane_id", 1, None),
    ("zoomed_pane_id", 3, None),
    ("layout_root", 1, None),
)
_PANE: Final[tuple[Member, ...]] = (
    ("resume_policy", 3, "resumable"),
    ("execution_token", 3, None),
    ("id", 1, OMITTED),
    ("name", 1, None),
    ("shell", 1, OMITTED),
    ("active_command", 1, None),
    ("active_command_source", 1, None),
    ("last_known_cwd", 1, None),
    ("padding_override", 3, None),
)
_COMMAND: Final[tuple[Member, ...]] = (
    ("program", 1, OMITTED),
    ("args", 1, ()),
    ("cwd", 1, None),
    ("env", 1, {}),
)
_SURFACE: Final[tuple[Member, ...]] = (
    ("id", 1, OMITTED),
    ("pane_id", 1, OMITTED),
    ("anchor_pane_id", 3, None),
    ("context_id", 3, None),
    ("client_id", 3, None),
    *((name, 1, OMITTED) for name in ("x", "y", "w", "h", "z")),
    ("scope", 3, OMITTED),
    ("layer", 3, OMITTED),
    *((name, 1, OMITTED) for name in ("visible", "opaque", "accepts_input", "cursor_owner")),
)
_INSETS: Final = ("top", "right", "bottom", "left")
_RENAMED: Final = ("top", "bottom")  # the only ones there were, as `status_*_inset`


def pane_row(row: Record, version: int, clients: Collection[str | None]) -> Record:
    """Return a pane row in the form of a section version, without what is stale.

    Members that the version does not know are left out; those that it adds get what bmux
    takes for their absence. No process group comes along, nor a client that is not there.

    Parameters
    ----------
    row : dict
        A row that bmux's typed reader takes, of any version.
    version : int
        The version of the pane-runtime section that the row comes to.
    clients : collection of str
        The clients that the other snapshot lists.

    Examples
    --------
    >>> old = {"cols": 80, "rows": 24, "status_top_inset": 0, "status_bottom_inset": 1}
    >>> row = {"session_id": "s", "panes": [], "attach_viewport": old}
    >>> pane_row(row, 3, ())["attach_viewport"]["bottom_inset"]
    1
    """
    return {
        **_members(row, _RUNTIME, version),
        "panes": [_pane(pane, version) for pane in row["panes"]],
        "attach_viewport": _viewport(row.get("attach_viewport"), version),
        "floating_surfaces": [
            _surface(surface, version, clients) for surface in row.get("floating_surfaces") or ()
        ],
    }


def _members(record: Mapping[str, Any], members: tuple[Member, ...], version: int) -> Record:
    found = {name: record.get(name, absent) for name, since, absent in members if since <= version}
    return {name: value for name, value in found.items() if value is not OMITTED}


def _pane(pane: Record, version: int) -> Record:
    command = pane.get("launch_command")
    return {
        **_members(pane, _PANE, version),
        "launch_command": None if command is None else _members(command, _COMMAND, version),
        "process_group_id": None,
    }


def _viewport(viewport: Record | None, version: int) -> Record | None:
    if viewport is None:
        return None
    insets = {
        side: viewport.get(f"{side}_inset", viewport.get(f"status_{side}_inset", 0))
        for side in _INSETS
    }
    size = {"cols": viewport["cols"], "rows": viewport["rows"]}
    if version == 1:
        return {**size, **{f"status_{side}_inset": insets[side] for side in _RENAMED}}
    return {**size, **{f"{side}_inset": value for side, value in insets.items()}}


def _surface(surface: Record, version: int, clients: Collection[str | None]) -> Record:
    done = _members(surface, _SURFACE, version)
    if "client_id" in done and canonical_id(done["client_id"]) not in clients:
        done["client_id"] = None
    return done
