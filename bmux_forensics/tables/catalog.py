"""Every table of the format. Facts only: `build` turns them into DataFrames."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from bmux_forensics.tables.schema import Column, Kind, Table


def _column(name: str, kind: Kind, *path: str, at: str = "") -> Column:
    return Column(name, kind, path or (name,), at)


def _value(name: str, kind: Kind) -> Column:
    return Column(name, kind)


def _of_key(name: str, place: str) -> Column:
    return Column(name, Kind.ID, key_of=place)


_SESSIONS: Final = (
    Table(
        "sessions",
        "sessions",
        ((1, "/{position:list}"),),
        (_column("session_id", Kind.ID, "id"), _column("name", Kind.TEXT)),
        key=("session_id",),
        unique=(("session_id",),),
        meaning="A session, as the session manager knows it.",
    ),
    Table(
        "session_clients",
        "sessions",
        ((1, "/{session:list}/clients/{position:list}"),),
        (_column("session_id", Kind.ID, "id", at="session"), _value("client_id", Kind.ID)),
        key=("session_id", "client_id"),
        meaning="A client that a session lists as attached.",
    ),
)

_CONTEXTS: Final = (
    Table(
        "bindings",
        "contexts",
        ((1, "/session_by_context/{context:map}"),),
        (_of_key("context_id", "context"), _value("session_id", Kind.ID)),
        key=("context_id",),
        meaning="A context is bound to a session: showing the one leads to the other.",
    ),
    Table(
        "contexts",
        "contexts",
        ((1, "/contexts/{context:map}"),),
        (
            _of_key("context_id", "context"),
            _column("inner_id", Kind.ID, "id"),
            _column("name", Kind.TEXT),
        ),
        key=("context_id",),
        meaning="A context: what a tab shows.",
    ),
    Table(
        "context_attributes",
        "contexts",
        ((1, "/contexts/{context:map}/attributes/{key:map}"),),
        (
            _of_key("context_id", "context"),
            _value("value", Kind.TEXT),
            _value("value_id", Kind.ID),
        ),
        key=("context_id", "key"),
        meaning="An attribute of a context; `bmux.session_id` repeats the bound session.",
    ),
    Table(
        "mru_contexts",
        "contexts",
        ((1, "/mru_contexts/{position:list}"),),
        (_value("context_id", Kind.ID),),
        key=("position", "context_id"),
        meaning="A place in the list of contexts used last, the latest first.",
    ),
    Table(
        "context_selections",
        "contexts",
        ((1, "/selected_by_client/{client:map}"),),
        (_of_key("client_id", "client"), _value("context_id", Kind.ID)),
        key=("client_id",),
        meaning="The context a client selected, as the context manager knows it.",
    ),
)

_CLIENTS: Final = (
    Table(
        "clients",
        "clients",
        ((1, "/connected_clients/{position:list}"),),
        (_value("client_id", Kind.ID),),
        key=("client_id",),
        meaning="A client that was connected; long-gone ones stay in the list.",
    ),
    Table(
        "client_contexts",
        "clients",
        ((1, "/selected_contexts/{client:map}"),),
        (_of_key("client_id", "client"), _value("context_id", Kind.ID)),
        key=("client_id",),
        meaning="The context a client selected, as the follow state knows it; null for none.",
    ),
    Table(
        "client_sessions",
        "clients",
        ((1, "/selected_sessions/{client:map}"),),
        (_of_key("client_id", "client"), _value("session_id", Kind.ID)),
        key=("client_id",),
        meaning="The session a client selected; null for none.",
    ),
    Table(
        "attached_streams",
        "clients",
        ((1, "/attached_stream_sessions/{client:map}"),),
        (_of_key("client_id", "client"), _value("session_id", Kind.ID)),
        key=("client_id",),
        meaning="The session whose output a client was receiving; null for none.",
    ),
    Table(
        "detach_permissions",
        "clients",
        ((1, "/attach_detach_allowed/{client:map}"),),
        (_of_key("client_id", "client"), _value("allowed", Kind.BOOLEAN)),
        key=("client_id",),
        meaning="Whether a client may detach.",
    ),
    Table(
        "follows",
        "clients",
        ((1, "/follows/{client:map}"),),
        (
            _of_key("client_id", "client"),
            _column("leader_client_id", Kind.ID),
            _column("is_global", Kind.BOOLEAN, "global"),
        ),
        key=("client_id",),
        meaning="A client follows another one.",
    ),
)

_PANES: Final = (
    Table(
        "runtimes",
        "panes",
        ((1, "/sessions/{position:list}"),),
        (
            _column("session_id", Kind.ID),
            _column("owner_id", Kind.OWNER, "session_id"),
            _column("session_id_type", Kind.TYPE, "session_id"),
            _column("pane_count", Kind.COUNT, "panes"),
            _column("focused_pane_id", Kind.ID),
            _column("zoomed_pane_id", Kind.ID),
            _column("layout_type", Kind.TYPE, "layout_root"),
            _column("viewport_type", Kind.TYPE, "attach_viewport"),
            _column("cols", Kind.INTEGER, "attach_viewport", "cols"),
            _column("rows", Kind.INTEGER, "attach_viewport", "rows"),
            _column("viewport", Kind.JSON, "attach_viewport"),
        ),
        key=("owner_id",),
        unique=(("session_id",),),
        meaning="A session's panes and how they lie on the screen: its pane-runtime row.",
    ),
    Table(
        "panes",
        "panes",
        ((1, "/sessions/{runtime:list}/panes/{position:list}"),),
        (
            _column("session_id", Kind.OWNER, "session_id", at="runtime"),
            _column("pane_id", Kind.ID, "id"),
            _column("name", Kind.TEXT),
            _column("shell", Kind.TEXT),
            _column("launch_program", Kind.TEXT, "launch_command", "program"),
            _column("launch_args", Kind.JSON, "launch_command", "args"),
            _column("launch_cwd", Kind.TEXT, "launch_command", "cwd"),
            _column("pgid", Kind.PGID, "process_group_id"),
            _column("pgid_type", Kind.TYPE, "process_group_id"),
            _column("active_command", Kind.TEXT),
            _column("active_command_source", Kind.TEXT),
            _column("last_known_cwd", Kind.TEXT),
            _column("resume_policy", Kind.TEXT),
            _column("execution_token", Kind.JSON),
            _column("padding_override", Kind.JSON),
        ),
        key=("session_id", "pane_id"),
        unique=(("pane_id",),),
        meaning="A pane, and the process group that its shell led when the snapshot was saved.",
    ),
    Table(
        "pane_environment",
        "panes",
        ((1, "/sessions/{runtime:list}/panes/{pane:list}/launch_command/env/{key:map}"),),
        (_column("pane_id", Kind.ID, "id", at="pane"), _value("value", Kind.SECRET)),
        key=("pane_id", "key"),
        meaning="An environment variable of a pane's launch command; its value is private.",
    ),
    Table(
        "layout",
        "panes",
        ((1, "/sessions/{runtime:list}/layout_root{path:tree}"),),
        (
            _column("session_id", Kind.OWNER, "session_id", at="runtime"),
            _column("kind", Kind.TEXT),
            _column("pane_id", Kind.ID),
            _column("direction", Kind.TEXT),
            _column("ratio", Kind.NUMBER),
        ),
        key=("session_id", "path"),
        meaning="A node of a session's layout: a leaf shows a pane, a split divides the space.",
    ),
    Table(
        "floating_surfaces",
        "panes",
        ((1, "/sessions/{runtime:list}/floating_surfaces/{position:list}"),),
        (
            _column("session_id", Kind.OWNER, "session_id", at="runtime"),
            _column("surface_id", Kind.ID, "id"),
            _column("pane_id", Kind.ID),
            _column("anchor_pane_id", Kind.ID),
            _column("context_id", Kind.ID),
            _column("client_id", Kind.ID),
            *(_column(name, Kind.INTEGER) for name in ("x", "y", "w", "h", "z")),
            _column("scope", Kind.JSON),
            _column("layer", Kind.JSON),
            *(
                _column(name, Kind.BOOLEAN)
                for name in ("visible", "opaque", "accepts_input", "cursor_owner")
            ),
        ),
        key=("session_id", "surface_id"),
        meaning="A pane that floats above the layout.",
    ),
)

_OLDER_PANES: Final = tuple(
    replace(
        table,
        name=f"older_{table.name}",
        section="older_panes",
        meaning=f"{table.meaning} Under the older section id, which newer servers skip.",
    )
    for table in _PANES
)

_TABS: Final = (
    Table(
        "tab_scopes",
        "tabs",
        ((1, "/{scope:map}"), (2, "/orders/{scope:map}")),
        (_of_key("scope_id", "scope"), Column("tabs", Kind.COUNT)),
        key=("scope_id",),
        meaning="A scope that has an order of tabs, perhaps an empty one.",
    ),
    Table(
        "tab_orders",
        "tabs",
        ((1, "/{scope:map}/{position:list}"), (2, "/orders/{scope:map}/{position:list}")),
        (_of_key("scope_id", "scope"), _value("context_id", Kind.ID)),
        key=("scope_id", "position", "context_id"),
        unique=(("scope", "context_id"),),
        meaning="A tab's place in a scope: a workspace, or the nil id.",
    ),
    Table(
        "pending_tabs",
        "tabs",
        ((2, "/pending/{context:map}"),),
        (_of_key("context_id", "context"), _value("scope_id", Kind.ID)),
        key=("context_id",),
        meaning="A tab that waits for its context.",
    ),
    Table(
        "workspaces",
        "workspaces",
        ((1, "/{position:list}"),),
        (_column("workspace_id", Kind.ID, "id"), _column("name", Kind.TEXT)),
        key=("workspace_id",),
        unique=(("workspace_id",), ("name",)),
        meaning="A workspace.",
    ),
)

TABLES: Final = (*_SESSIONS, *_CONTEXTS, *_CLIENTS, *_PANES, *_OLDER_PANES, *_TABS)
"""Every table, in the order they are shown."""

BY_NAME: Final = {table.name: table for table in TABLES}
