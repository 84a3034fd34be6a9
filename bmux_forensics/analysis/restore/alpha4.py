"""alpha.4: sections in the order they need each other; one that fails blocks every save."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from bmux_forensics.analysis.audit.naming import BLANK
from bmux_forensics.analysis.restore.outcome import Outcome, is_envelope, session_ids
from bmux_forensics.analysis.restore.pane_rows import Fate, fate, pane_ids
from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.snapshot.identifiers import canonical_id

_NEEDED: Final = ("sessions", "contexts")
_OPTIONAL: Final = ("clients", "panes", "tabs", "workspaces")


def start(snapshot: Snapshot) -> Outcome:
    """Return what alpha.4 makes of a snapshot.

    Examples
    --------
    >>> from bmux_forensics.snapshot.document import read_snapshot
    >>> start(read_snapshot(b"", "empty.json")).blocked
    True
    """
    ids = [reading.section.id for reading in snapshot.readings]
    if not is_envelope(snapshot) or len(set(ids)) < len(ids):
        return Outcome(blocked=True)
    sessions = session_ids(snapshot.reading("sessions"))
    whole = all(decodes(snapshot, name) for name in _NEEDED)
    whole &= all(decodes(snapshot, name) for name in _OPTIONAL if snapshot.reading(name))
    result, panes = _panes(snapshot, sessions)
    if result is Fate.PANIC:
        return Outcome(starts=False, blocked=True)
    whole &= result is Fate.RESTORED and _tabs(snapshot) and _workspaces(snapshot)
    return Outcome(blocked=not whole, sessions=sessions, panes=panes if whole else {})


def decodes(snapshot: Snapshot, name: str) -> bool:
    """Tell whether a section is there and its typed reader takes it."""
    reading = snapshot.reading(name)
    return reading is not None and reading.problem is None


def _panes(snapshot: Snapshot, sessions: Collection[str]) -> tuple[Fate, dict[str, int]]:
    """Return what becomes of the pane section, and the panes that come back."""
    restored: dict[str, int] = {}
    if not decodes(snapshot, "panes") or not decodes(snapshot, "sessions"):
        return Fate.RESTORED, restored  # that it fails, if it does, is known already
    rows = _tree(snapshot, "panes")["sessions"]
    # Before any row: somebody has to decide about these.
    if any(p.get("resume_policy") == "nonresumable" for row in rows for p in row["panes"]):
        return Fate.FAILED, {}
    for row in rows:
        result = fate(row, sessions, restored)
        if result is not Fate.RESTORED:
            return result, {}
        restored[canonical_id(row["session_id"]) or ""] = len(pane_ids(row))
    return Fate.RESTORED, restored


def _tabs(snapshot: Snapshot) -> bool:
    if not decodes(snapshot, "tabs"):
        return True
    reading, tree = snapshot.reading("tabs"), _tree(snapshot, "tabs")
    orders = tree if reading and reading.section.version == 1 else tree["orders"]
    return all(len({canonical_id(c) for c in order}) == len(order) for order in orders.values())


def _workspaces(snapshot: Snapshot) -> bool:
    if not decodes(snapshot, "workspaces"):
        return True
    rows = _tree(snapshot, "workspaces")
    ids, names = {canonical_id(row["id"]) for row in rows}, {row["name"] for row in rows}
    blank = any(BLANK.fullmatch(name) for name in names)
    return len(ids) == len(rows) == len(names) and not blank


def _tree(snapshot: Snapshot, name: str) -> Any:
    reading = snapshot.reading(name)
    return reading.tree if reading else None
