"""What is gone for good at the next save: all that was in the file and did not come back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from bmux_forensics.analysis.restore import alpha1
from bmux_forensics.analysis.restore.outcome import Outcome, is_envelope
from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.snapshot.identifiers import canonical_id
from bmux_forensics.snapshot.reading import Reading
from bmux_forensics.tables.build import Tables

NOBODY: Final = "?"
"""Whose panes those are whose row names no session that can be read."""

RULES: Final = {"sections": "unknown-section", "fields": "unknown-field"}
"""The rule that says what is lost, where no error does, by kind of loss."""

_PANE_TABLES: Final = ("panes", "older_panes")

Counts = dict[int, dict[str, int]]
"""For each snapshot code the panes of each session."""


def panes_in_file(tables: Tables) -> Counts:
    """Count the distinct panes of each session, those under the older section id included."""
    parts = [tables[name][["snapshot", "session_id", "pane_id"]] for name in _PANE_TABLES]
    frame = pd.concat(parts, ignore_index=True)
    frame["code"] = frame["snapshot"].cat.codes
    frame["session_id"] = frame["session_id"].fillna(NOBODY)
    counts: Counts = {}
    grouped = frame.groupby(["code", "session_id"], sort=True)["pane_id"].nunique(dropna=False)
    for level, session_id, count in grouped.reset_index().itertuples(index=False):
        counts.setdefault(level, {})[session_id] = int(count)
    return counts


def lost(
    snapshot: Snapshot,
    target: str,
    outcome: Outcome,
    panes: Mapping[str, int],
    fields: list[str],
) -> dict[str, Any]:
    """Return what the next save does away with; nothing where no save is made.

    Parameters
    ----------
    snapshot : Snapshot
        The snapshot.
    target : str
        The server.
    outcome : Outcome
        What the server makes of the snapshot.
    panes : mapping of str to int
        How many panes of each session the file has.
    fields : list of str
        The fields that the server does not know.

    Returns
    -------
    dict
        With the keys of what is lost only: ``everything`` (true, where nothing of the
        file can be told apart), ``sessions`` (ids), ``panes`` (how many of each session),
        ``sections`` (ids), ``fields`` (where unknown ones stand).
    """
    if outcome.blocked:
        return {}
    if snapshot.envelope is None:
        return {"everything": True}
    reading = snapshot.reading("sessions")
    sessions = _ids(reading)
    found: dict[str, Any] = {
        "sessions": [s for s in sessions if s not in outcome.sessions],
        "panes": {s: n - outcome.panes.get(s, 0) for s, n in panes.items()},
        "sections": [r.section.id for r in snapshot.readings if not _reads(snapshot, r, target)],
        "fields": fields,
    }
    found["panes"] = {s: n for s, n in found["panes"].items() if n > 0}
    return {kind: what for kind, what in found.items() if what}


def _ids(reading: Reading | None) -> list[str]:
    tree = reading.tree if reading and reading.json_problem is None else None
    rows = tree if isinstance(tree, list) else []
    ids = [row.get("id") for row in rows if isinstance(row, dict)]
    return list(dict.fromkeys(i for i in map(canonical_id, ids) if i is not None))


def _reads(snapshot: Snapshot, reading: Reading, target: str) -> bool:
    """Tell whether the server, which saves, keeps what a section says."""
    name = reading.spec.name if reading.spec else None
    if target == "alpha4":
        return name not in (None, "older_panes")
    known = name in ("sessions", "contexts", "clients", "panes")
    return known and is_envelope(snapshot) and alpha1.reads(reading)
