"""alpha.1: sections in file order; it always starts, always saves, and drops what fails."""

from __future__ import annotations

from bmux_forensics.analysis.audit.envelopes import version_refused
from bmux_forensics.analysis.audit.refusals import refusal
from bmux_forensics.analysis.restore.outcome import Outcome, is_envelope, session_ids
from bmux_forensics.analysis.restore.pane_rows import Fate, fate, pane_ids
from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.snapshot.identifiers import canonical_id
from bmux_forensics.snapshot.reading import Reading


def start(snapshot: Snapshot) -> Outcome:
    """Return what alpha.1 makes of a snapshot.

    Examples
    --------
    >>> from bmux_forensics.snapshot.document import read_snapshot
    >>> start(read_snapshot(b"", "empty.json"))
    Outcome(starts=True, blocked=False, sessions=(), panes={})
    """
    if not is_envelope(snapshot):
        return Outcome()
    sessions: dict[str, int] = {}
    for reading in snapshot.readings:
        name = reading.spec.name if reading.spec else None
        if name == "sessions" and reads(reading):
            for session_id in session_ids(reading):
                sessions.setdefault(session_id, 0)
        elif name == "panes" and reads(reading):
            _restore_panes(reading, sessions)
    panes = {session_id: count for session_id, count in sessions.items() if count}
    return Outcome(sessions=tuple(sessions), panes=panes)


def reads(reading: Reading) -> bool:
    """Tell whether alpha.1 takes a section that it knows."""
    return not version_refused(reading, "alpha1") and refusal(reading, "alpha1") is None


def _restore_panes(reading: Reading, sessions: dict[str, int]) -> None:
    """Give sessions their panes; a session whose row fails goes, and stays away."""
    for row in reading.tree["sessions"]:
        session_id = canonical_id(row["session_id"]) or ""
        if session_id not in sessions or not row["panes"]:
            continue
        restored = [session_id] if sessions[session_id] else []
        if fate(row, sessions, restored) is Fate.RESTORED:
            sessions[session_id] = len(pane_ids(row))
        else:
            del sessions[session_id]
