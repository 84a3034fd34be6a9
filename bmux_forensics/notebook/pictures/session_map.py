"""Sessions, contexts, panes and clients, and what leads to what: what stands where, as data.

A line a session, the most troubled first; what leads to nothing stands below. Of many
sessions the first are told in full, and each of the others is one mark.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bmux_forensics.notebook.evidence import Evidence, rows

if TYPE_CHECKING:
    import pandas as pd

LINES: Final = 30
"""How many sessions are told in full."""

STATES: Final = ("broken", "lost", "hollow", "dangling", "unbound", "bound")
"""What a session is marked as, from most to least troubled.

``broken``: an error is found about it. ``lost``, ``hollow``, ``unbound``, ``bound``: its
status. ``dangling``: it is bound, and a warning is found about it.
"""

_MISSING: Final = "-missing"


@dataclass(frozen=True)
class Thing:
    """A mark: a context, a pane or a client.

    Parameters
    ----------
    id : str
        Its id; empty when it has none.
    state : str
        A context is ``bound``, ``unbound`` or ``missing``; a pane ``tiled``, ``floating``
        or ``older`` (under the older section id); a client ``selects`` the session, is
        ``remembered`` by it, or is ``unknown`` to the list of clients.
    label : str
        What identifies it to a person.
    """

    id: str
    state: str
    label: str = ""


@dataclass(frozen=True)
class Line:
    """A session and everything that hangs on it."""

    session_id: str
    name: str
    state: str
    findings: tuple[str, ...]
    contexts: tuple[Thing, ...]
    clients: tuple[Thing, ...]
    panes: tuple[Thing, ...]


@dataclass(frozen=True)
class SessionMap:
    """What a session map shows.

    Parameters
    ----------
    snapshot : str
        The snapshot.
    lines : tuple of Line
        The sessions that are told in full, most troubled first.
    rest : tuple of Line
        The other sessions, in the same order.
    loose : tuple of Thing
        Contexts that lead to no session, and missing ones that something else names; the
        label says what does.
    unattached : int
        Clients that are recorded and that no session knows of.
    """

    snapshot: str
    lines: tuple[Line, ...]
    rest: tuple[Line, ...]
    loose: tuple[Thing, ...]
    unattached: int

    @property
    def counts(self) -> dict[str, int]:
        """How many sessions there are of each state, most troubled first."""
        found = Counter(line.state for line in (*self.lines, *self.rest))
        return {state: found[state] for state in STATES if found[state]}


def session_map(evidence: Evidence, *, lines: int = LINES) -> SessionMap:
    """Return what a session map of a snapshot shows, of at most so many sessions in full."""
    tables = evidence.tables
    told = sorted(_lines(evidence), key=lambda line: STATES.index(line.state))
    known = {thing.id for line in told for thing in line.contexts}
    attached = {thing.id for line in told for thing in line.clients}
    recorded = set(tables["clients"]["client_id"].dropna())
    return SessionMap(
        evidence.name,
        tuple(told[:lines]),
        tuple(told[lines:]),
        tuple(_loose(evidence, known)),
        len(recorded - attached),
    )


def _lines(evidence: Evidence) -> Iterator[Line]:
    tables, findings = evidence.tables, _findings(evidence)
    contexts, panes, clients = _contexts(tables), _panes(tables), _clients(tables)
    for row in rows(evidence.status, "session_id", "name", "status"):
        session_id, name, status = row
        worst, rules = findings.get(session_id, ("", ()))
        state = status
        if worst == "error":
            state = "broken"
        elif worst == "warning" and status in ("bound", "unbound"):
            state = "dangling"
        yield Line(
            session_id,
            name or "",
            state,
            rules,
            tuple(contexts.get(session_id, ())),
            tuple(clients.get(session_id, {}).values()),
            tuple(panes.get(session_id, ())),
        )


def _findings(evidence: Evidence) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return for each session the worst severity found about it, and the rules, infos left out."""
    found = evidence.findings[evidence.findings["severity"] != "info"]
    known = set(evidence.status["session_id"])
    bound = dict(rows(evidence.tables["bindings"], "context_id", "session_id"))
    about: dict[str, dict[str, str]] = {}
    for rule, severity, table, key, value in rows(
        found, "rule", "severity", "table", "key", "value"
    ):
        ids = [*(key or "").split(), value]
        if table == "bindings":  # known by its context, and about the session that it leads to
            ids += [bound.get(one) for one in ids if one]
        meant = next((i for i in ids if i in known), None)
        if meant:
            about.setdefault(meant, {})[rule] = severity
    return {
        session_id: ("error" if "error" in rules.values() else "warning", tuple(rules))
        for session_id, rules in about.items()
    }


def _contexts(tables: Mapping[str, pd.DataFrame]) -> dict[str, list[Thing]]:
    names = dict(rows(tables["contexts"], "context_id", "name"))
    bound: dict[str, list[Thing]] = {}
    for context_id, session_id in rows(tables["bindings"], "context_id", "session_id"):
        state = "bound" if context_id in names else "missing"
        thing = Thing(context_id or "", state, names.get(context_id) or "")
        bound.setdefault(session_id, []).append(thing)
    return bound


def _loose(evidence: Evidence, known: set[str]) -> Iterator[Thing]:
    """Yield contexts that lead nowhere, and missing ones that are named all the same."""
    tables, found = evidence.tables, evidence.findings
    bindings = set(tables["bindings"]["context_id"].dropna())
    for context_id, name in rows(tables["contexts"], "context_id", "name"):
        if context_id not in bindings:
            yield Thing(context_id or "", "unbound", name or "")
    found = found[found["rule"].str.endswith(_MISSING) & (found["ref_table"] == "contexts")]
    naming: dict[str, list[str]] = {}
    for table, value in rows(found, "table", "value"):
        naming.setdefault(value or "", []).append(table)
    for value, by in naming.items():
        if value not in known:
            yield Thing(value, "missing", ", ".join(dict.fromkeys(by)))


def _panes(tables: Mapping[str, pd.DataFrame]) -> dict[str, list[Thing]]:
    floating = set(tables["floating_surfaces"]["pane_id"].dropna())
    panes: dict[str, list[Thing]] = {}
    columns = ("session_id", "pane_id", "name", "active_command", "launch_program")
    for table in ("panes", "older_panes"):
        for session_id, pane_id, name, active, launched in rows(tables[table], *columns):
            state = "floating" if pane_id in floating else "tiled"
            state = "older" if table == "older_panes" else state
            thing = Thing(pane_id or "", state, active or launched or name or "")
            panes.setdefault(session_id, []).append(thing)
    return panes


def _clients(tables: Mapping[str, pd.DataFrame]) -> dict[str, dict[str, Thing]]:
    recorded = set(tables["clients"]["client_id"].dropna())
    known: dict[str, dict[str, Thing]] = {}
    for table, state in (
        ("client_sessions", "selects"),
        ("session_clients", "remembered"),
        ("attached_streams", "remembered"),
    ):
        for client_id, session_id in rows(tables[table], "client_id", "session_id"):
            if client_id and session_id:
                thing = Thing(client_id, state if client_id in recorded else "unknown")
                known.setdefault(session_id, {}).setdefault(client_id, thing)
    return known


def summary(shown: SessionMap, words: Mapping[str, str]) -> str:
    """Say in words what a map shows."""
    total = sum(shown.counts.values())
    parts = [f"{number} {words[state]}" for state, number in shown.counts.items()]
    return f"{total} session{'' if total == 1 else 's'}: {', '.join(parts) or 'none'}"
