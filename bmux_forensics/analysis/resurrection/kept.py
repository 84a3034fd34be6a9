"""Everything that one snapshot says of one session, as a kill would take it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.snapshot.identifiers import canonical_id
from bmux_forensics.snapshot.reading import Reading

Record = dict[str, Any]
Order = tuple[str | None, ...]

NEEDED: Final = ("sessions", "contexts")
"""Sections that a server can't do without."""
ALL: Final = (*NEEDED, "panes", "tabs", "workspaces")
"""Sections that a resurrection reads or writes."""


@dataclass(frozen=True)
class State:
    """The sections of a snapshot as trees, with ids in canonical form where they are keys.

    A section that is absent is an empty one.
    """

    snapshot: Snapshot

    def reading(self, name: str) -> Reading | None:
        """Return a section that its typed reader takes, or None; raise what is wrong with it."""
        reading = self.snapshot.reading(name)
        if reading is not None and reading.problem is not None:
            raise reading.problem
        return reading

    def tree(self, name: str, empty: Any) -> Any:
        """Return a section's payload."""
        reading = self.reading(name)
        return empty if reading is None else reading.tree

    @property
    def sessions(self) -> list[Record]:
        """The rows of the session manager."""
        rows: list[Record] = self.tree("sessions", [])
        return rows

    @property
    def contexts(self) -> dict[str | None, Record]:
        """The contexts by their key."""
        return _by_id(self.tree("contexts", {}).get("contexts", {}))

    @property
    def bindings(self) -> dict[str | None, str | None]:
        """The session of each bound context."""
        bound = _by_id(self.tree("contexts", {}).get("session_by_context", {}))
        return {context: canonical_id(session) for context, session in bound.items()}

    @property
    def mru(self) -> Order:
        """The contexts used last."""
        return _ids(self.tree("contexts", {}).get("mru_contexts", ()))

    @property
    def clients(self) -> frozenset[str | None]:
        """The clients that are listed as connected; none where the section can't be read."""
        reading = self.snapshot.reading("clients")
        sound = reading is not None and reading.problem is None
        return (
            frozenset(_ids(reading.tree["connected_clients"])) if reading and sound else frozenset()
        )

    def rows(self, name: str = "panes") -> list[Record]:
        """Return the pane rows."""
        rows: list[Record] = self.tree(name, {}).get("sessions", [])
        return rows

    @property
    def orders(self) -> dict[str, tuple[str, Order]]:
        """The order of tabs of each scope: the scope's key as spelled, and the contexts."""
        reading = self.reading("tabs")
        if reading is None:
            return {}
        scopes = reading.tree if reading.section.version == 1 else reading.tree["orders"]
        return {canonical_id(key) or key: (key, _ids(order)) for key, order in scopes.items()}

    @property
    def pending(self) -> dict[str | None, str | None]:
        """The scope of each tab that waits for its context."""
        reading = self.reading("tabs")
        if reading is None or reading.section.version == 1:
            return {}
        waiting = _by_id(reading.tree["pending"])
        return {context: canonical_id(scope) for context, scope in waiting.items()}

    @property
    def workspaces(self) -> dict[str, str]:
        """The name of each workspace."""
        return {canonical_id(row["id"]) or "": row["name"] for row in self.tree("workspaces", [])}

    def version(self, name: str) -> int | None:
        """Return a section's version, or None where it is absent."""
        reading = self.snapshot.reading(name)
        return None if reading is None else reading.section.version


@dataclass(frozen=True)
class Kept:
    """What a snapshot says of one session.

    Parameters
    ----------
    state : State
        The snapshot.
    session_id : str
        The session.
    name : str or None
        Its name.
    contexts : dict of str to dict
        The contexts that are bound to it.
    bound : tuple of str
        The bound context ids, those without a context too.
    rows : tuple of dict
        Its pane rows: those under the older section id where there are no others.
    """

    state: State
    session_id: str
    name: str | None
    contexts: dict[str, Record]
    bound: tuple[str, ...]
    rows: tuple[Record, ...]


def kept_of(snapshot: Snapshot, session_id: str) -> Kept:
    """Return what a snapshot says of a session that it lists.

    Raises
    ------
    EvidenceError
        A section that speaks of sessions does not decode.
    """
    state = State(snapshot)
    row = next(r for r in state.sessions if canonical_id(r["id"]) == session_id)
    bound = tuple(c for c, s in state.bindings.items() if s == session_id and c is not None)
    known = state.contexts
    rows = _rows_of(state, "panes", session_id) or _rows_of(state, "older_panes", session_id)
    contexts = {context: known[context] for context in bound if context in known}
    return Kept(state, session_id, row.get("name"), contexts, bound, rows)


def _rows_of(state: State, name: str, session_id: str) -> tuple[Record, ...]:
    return tuple(r for r in state.rows(name) if canonical_id(r["session_id"]) == session_id)


def _ids(values: Any) -> Order:
    return tuple(canonical_id(value) for value in values)


def _by_id(rows: dict[str, Any]) -> dict[str | None, Any]:
    return {canonical_id(key): value for key, value in rows.items()}
