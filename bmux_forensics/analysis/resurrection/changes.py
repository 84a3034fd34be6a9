"""Every row that comes back with a session, as the change of a plan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from bmux_forensics.analysis.repair.changes import Change
from bmux_forensics.analysis.resurrection.conflicts import name_of_context
from bmux_forensics.analysis.resurrection.forms import pane_row
from bmux_forensics.analysis.resurrection.kept import Kept, Record, State
from bmux_forensics.analysis.resurrection.placing import among, beside
from bmux_forensics.analysis.resurrection.workspaces import Scopes
from bmux_forensics.snapshot.edits import APPEND, INSERT
from bmux_forensics.snapshot.identifiers import canonical_id
from bmux_forensics.snapshot.sections import BY_NAME as SECTIONS
from bmux_forensics.tables.catalog import BY_NAME as TABLES

_CAUSE: Final = ("comes back with its session",)


def changes_of(kept: Kept, there: State, new_name: str | None) -> Iterator[Change]:
    """Yield the insertion of every row that comes back, by section.

    Parameters
    ----------
    kept : Kept
        The session and all that belongs to it.
    there : State
        The snapshot that it comes back to, which has room for it.
    new_name : str or None
        The name that it gets instead of its own.
    """
    scopes = Scopes(kept.state, there)
    yield _session(kept, there, new_name)
    yield from _contexts(kept, there, new_name, scopes)
    yield from _panes(kept, there)
    if there.reading("tabs") is not None:
        yield from _tabs(kept, there, scopes)
    if there.reading("workspaces") is not None:
        yield from _workspaces(kept, there, scopes)


def _insert(there: State, table: str, key: str, pointer: str, new: Any) -> Change:
    position = there.snapshot.first_position(SECTIONS[TABLES[table].section].id)
    return Change(position, table, key, None, INSERT, pointer, _CAUSE, new)


def _session(kept: Kept, there: State, new_name: str | None) -> Change:
    place = among([canonical_id(row["id"]) for row in there.sessions], kept.session_id)
    name = kept.name if new_name is None else new_name
    row: Record = {"id": kept.session_id, "name": name, "clients": []}
    return _insert(there, "sessions", kept.session_id, f"/{place}", row)


def _contexts(kept: Kept, there: State, new_name: str | None, scopes: Scopes) -> Iterator[Change]:
    for context, record in kept.contexts.items():
        name = name_of_context(record.get("name"), kept, there, new_name)
        attributes = scopes.attributes(dict(record["attributes"]))
        row = {"id": canonical_id(record["id"]), "name": name, "attributes": attributes}
        yield _insert(there, "contexts", context, f"/contexts/{context}", row)
    for context in kept.bound:
        pointer = f"/session_by_context/{context}"
        yield _insert(there, "bindings", context, pointer, kept.session_id)
    new = set(kept.bound) - set(there.mru)
    for place, context in beside(there.mru, kept.state.mru, new):
        key = f"{'?' if place == APPEND else place} {context}"
        yield _insert(there, "mru_contexts", key, f"/mru_contexts/{place}", context)


def _panes(kept: Kept, there: State) -> Iterator[Change]:
    for row in kept.rows:
        place = among([canonical_id(r["session_id"]) for r in there.rows()], kept.session_id)
        new = pane_row(row, there.version("panes") or 1, there.clients)
        key = kept.session_id
        yield _insert(there, "runtimes", key, f"/sessions/{place}", new)


def _tabs(kept: Kept, there: State, scopes: Scopes) -> Iterator[Change]:
    placed = {context for _, order in there.orders.values() for context in order}
    new = set(kept.bound) - placed - set(there.pending)
    root = "" if there.version("tabs") == 1 else "/orders"
    orders = there.orders
    for scope, before in scopes.orders(kept).items():
        spelled, order = orders.get(scope, (scope, None))
        found = list(beside(order or (), before, new))
        if order is None and found:
            key, value = f"{scope} 0 {found[0][1]}", [context for _, context in found]
            yield _insert(there, "tab_orders", key, f"{root}/{scope}", value)
            continue
        for place, context in found:
            key = f"{scope} {'?' if place == APPEND else place} {context}"
            pointer = f"{root}/{spelled}/{place}"
            yield _insert(there, "tab_orders", key, pointer, context)
    for context, scope in scopes.pending(kept).items():
        if root and context in new:
            yield _insert(there, "pending_tabs", context, f"/pending/{context}", scope)


def _workspaces(kept: Kept, there: State, scopes: Scopes) -> Iterator[Change]:
    for identity, name in scopes.needed(kept).items():
        place = among(list(there.workspaces), identity)
        row = {"id": identity, "name": name}
        yield _insert(there, "workspaces", identity, f"/{place}", row)
