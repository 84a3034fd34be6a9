"""What refers to what, and what a kill does about it. Facts only: engines walk them.

Selections and the MRU list hang on the *binding*, not the context: bmux prunes
by the context ids that were bound, even where the context itself is missing.
References to clients drive nothing; bmux itself leaves gone clients behind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from bmux_forensics.tables.schema import ForeignKey, OnKill

if TYPE_CHECKING:
    import pandas as pd

_CASCADE, _SET_NULL, _NO_ACTION = OnKill.CASCADE, OnKill.SET_NULL, OnKill.NO_ACTION


def _reference(  # noqa: PLR0913 - one argument a fact
    name: str,
    source: str,
    target: str,
    on_kill: OnKill = _NO_ACTION,
    on_scrub: OnKill = _NO_ACTION,
    *,
    where: tuple[str, str | None] | None = None,
    member: tuple[str, ...] = (),
) -> ForeignKey:
    """Declare ``table(column, ...)`` referring to ``table(column, ...)`` by value."""
    table, columns = _parse(source)
    parent, parent_columns = _parse(target)
    return ForeignKey(
        name,
        table,
        columns,
        parent,
        parent_columns,
        on_kill,
        on_scrub,
        where=where,
        counts=parent != "clients",
        member=member,
    )


def _parse(text: str) -> tuple[str, tuple[str, ...]]:
    table, _, columns = text.rstrip(")").partition("(")
    return table, tuple(columns.split(", "))


def _inside(source: str, target: str) -> ForeignKey:
    """Declare that a row stands inside its parent's JSON element, by place."""
    reference = _reference(f"{_parse(source)[0]}-inside", source, target, _CASCADE, _CASCADE)
    return replace(reference, contained=True)


_SESSIONS_AND_CONTEXTS: Final = (
    _inside("session_clients(session)", "sessions(position)"),
    _reference("session-client", "session_clients(client_id)", "clients(client_id)"),
    _reference("binding-session", "bindings(session_id)", "sessions(session_id)", _CASCADE),
    _reference("binding-context", "bindings(context_id)", "contexts(context_id)"),
    _reference("context-bound", "contexts(context_id)", "bindings(context_id)", _CASCADE),
    _inside("context_attributes(context)", "contexts(context)"),
    _reference(
        "attribute-session",
        "context_attributes(value_id)",
        "sessions(session_id)",
        _NO_ACTION,
        _CASCADE,
        where=("key", "bmux.session_id"),
    ),
    _reference("mru-bound", "mru_contexts(context_id)", "bindings(context_id)", _CASCADE),
    _reference("mru-context", "mru_contexts(context_id)", "contexts(context_id)"),
    _reference(
        "selection-bound", "context_selections(context_id)", "bindings(context_id)", _CASCADE
    ),
    _reference("selection-context", "context_selections(context_id)", "contexts(context_id)"),
    _reference("selection-client", "context_selections(client_id)", "clients(client_id)"),
)

_CLIENTS: Final = (
    _reference(
        "client-context-bound", "client_contexts(context_id)", "bindings(context_id)", _SET_NULL
    ),
    _reference("client-context", "client_contexts(context_id)", "contexts(context_id)"),
    _reference("client-context-client", "client_contexts(client_id)", "clients(client_id)"),
    _reference("client-session", "client_sessions(session_id)", "sessions(session_id)", _SET_NULL),
    _reference("client-session-client", "client_sessions(client_id)", "clients(client_id)"),
    _reference(
        "stream-session",
        "attached_streams(session_id)",
        "sessions(session_id)",
        _NO_ACTION,
        _SET_NULL,
    ),
    _reference("stream-client", "attached_streams(client_id)", "clients(client_id)"),
    _reference("permission-client", "detach_permissions(client_id)", "clients(client_id)"),
    _reference("follow-client", "follows(client_id)", "clients(client_id)"),
    _reference("follow-leader", "follows(leader_client_id)", "clients(client_id)"),
)

_PANES: Final = (
    _reference("runtime-session", "runtimes(session_id)", "sessions(session_id)", _CASCADE),
    _reference(
        "runtime-owner",
        "runtimes(owner_id)",
        "sessions(session_id)",
        _NO_ACTION,
        _CASCADE,
        where=("session_id", None),
    ),
    _reference("focused-pane", "runtimes(position, focused_pane_id)", "panes(runtime, pane_id)"),
    _reference("zoomed-pane", "runtimes(position, zoomed_pane_id)", "panes(runtime, pane_id)"),
    _inside("panes(runtime)", "runtimes(position)"),
    _inside("pane_environment(runtime, pane)", "panes(runtime, position)"),
    _inside("layout(runtime)", "runtimes(position)"),
    _reference(
        "layout-pane",
        "layout(runtime, pane_id)",
        "panes(runtime, pane_id)",
        where=("kind", "leaf"),
    ),
    _inside("floating_surfaces(runtime)", "runtimes(position)"),
    _reference("floating-pane", "floating_surfaces(runtime, pane_id)", "panes(runtime, pane_id)"),
    _reference(
        "floating-anchor", "floating_surfaces(runtime, anchor_pane_id)", "panes(runtime, pane_id)"
    ),
    _reference(
        "floating-context",
        "floating_surfaces(context_id)",
        "contexts(context_id)",
        _NO_ACTION,
        _SET_NULL,
        member=("context_id",),
    ),
    _reference("floating-client", "floating_surfaces(client_id)", "clients(client_id)"),
)

_PANE_TABLES: Final = frozenset(key.table for key in _PANES)


def _older(keys: Iterable[ForeignKey]) -> tuple[ForeignKey, ...]:
    """Declare the same references for the rows under the older section id.

    bmux's kill leaves that section alone, so nothing there cascades from a session.
    """
    renamed = (
        replace(
            key,
            name=f"older-{key.name}",
            table=f"older_{key.table}",
            parent=f"older_{key.parent}" if key.parent in _PANE_TABLES else key.parent,
        )
        for key in keys
    )
    return tuple(
        replace(key, on_kill=_NO_ACTION, on_scrub=_CASCADE)
        if key.name == "older-runtime-session"
        else key
        for key in renamed
    )


_TABS: Final = (
    _reference(
        "tab-context", "tab_orders(context_id)", "contexts(context_id)", _NO_ACTION, _CASCADE
    ),
    _reference("tab-scope", "tab_scopes(scope_id)", "workspaces(workspace_id)"),
    _reference(
        "pending-context", "pending_tabs(context_id)", "contexts(context_id)", _NO_ACTION, _CASCADE
    ),
    _reference("pending-scope", "pending_tabs(scope_id)", "workspaces(workspace_id)"),
)

FOREIGN_KEYS: Final = (*_SESSIONS_AND_CONTEXTS, *_CLIENTS, *_PANES, *_older(_PANES), *_TABS)
"""Every reference of the format."""


def relations() -> pd.DataFrame:
    """Return the relation graph itself, to read and to join on.

    Returns
    -------
    DataFrame
        One row a reference: ``name``; ``table``, ``columns`` (who refers; several columns
        with ", " between); ``parent``, ``parent_columns`` (to whom); ``on_kill``,
        ``on_scrub`` (what happens to the referring row), all str; ``contained`` bool, the
        row stands inside its parent; ``counts`` bool, False for references to clients,
        which are information only.

    Examples
    --------
    >>> relations().set_index("name").loc["binding-session", "on_kill"]
    'cascade'
    """
    import pandas as pd  # noqa: PLC0415 - the graph itself is read without tables

    return pd.DataFrame(
        {
            "name": [key.name for key in FOREIGN_KEYS],
            "table": [key.table for key in FOREIGN_KEYS],
            "columns": [", ".join(key.columns) for key in FOREIGN_KEYS],
            "parent": [key.parent for key in FOREIGN_KEYS],
            "parent_columns": [", ".join(key.parent_columns) for key in FOREIGN_KEYS],
            "on_kill": [str(key.on_kill) for key in FOREIGN_KEYS],
            "on_scrub": [str(key.on_scrub) for key in FOREIGN_KEYS],
            "contained": [key.contained for key in FOREIGN_KEYS],
            "counts": [key.counts for key in FOREIGN_KEYS],
        }
    )


def referring_to(table: str) -> tuple[ForeignKey, ...]:
    """Return the references whose parent is a table.

    Examples
    --------
    >>> [key.name for key in referring_to("workspaces")]
    ['tab-scope', 'pending-scope']
    """
    return tuple(key for key in FOREIGN_KEYS if key.parent == table)


def reachable_from(table: str, *, contained: bool = True) -> frozenset[str]:
    """Return a table and every table that something happens to, or dangles, when its rows go.

    Parameters
    ----------
    table : str
        Where the change starts.
    contained : bool
        False leaves out the tables whose rows only ever go inside another row.

    Examples
    --------
    >>> sorted(reachable_from("mru_contexts"))
    ['mru_contexts']
    >>> "panes" in reachable_from("sessions", contained=False)
    False
    """
    found, queue = {table}, [table]
    while queue:
        for key in referring_to(queue.pop()):
            if key.table not in found and (contained or not key.contained):
                found.add(key.table)
                queue.append(key.table)
    return frozenset(found)
