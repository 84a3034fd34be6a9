"""Every change that the journal knows, with what became of those that were cut short."""

from __future__ import annotations

import os
from pathlib import Path

from bmux_forensics.actions.custody_judging import judge
from bmux_forensics.actions.custody_record import STATES, Recorded, mark_undone, records
from bmux_forensics.store.journal import Journal, read_journal
from bmux_forensics.store.process import is_gone


def owner_of(path: Path | None) -> int | None:
    """Tell whose journal and backups a file's are: its owner's, or its folder's if it is gone."""
    if path is None:
        return None
    for place in (path, path.parent):
        try:
            return place.stat().st_uid
        except OSError:
            continue
    return None


def resolved(path: str | os.PathLike[str]) -> Path:
    """Return a path as the journal names it: absolute, every symbolic link resolved."""
    return Path(os.path.realpath(path))


def known_changes(uid: int | None, journal: Journal | None = None) -> list[Recorded]:
    """Return every change, oldest first; nothing is written.

    A change that was announced by a process that is gone, and never concluded, is judged
    by the bytes of its file; its note says so.
    """
    entries = (journal or read_journal(uid)).entries
    changes = records(entries)
    for change in changes:
        if change.state != "open" or not is_gone(change.maker):
            continue
        verdict = judge(change, changes)
        if verdict is None:
            change.note = "cut short; its file can't be looked at"
            continue
        change.state = STATES[verdict.state]
        change.aside = verdict.aside or change.aside
        change.note = f"cut short: {verdict.why}"
    mark_undone(changes)
    return changes
