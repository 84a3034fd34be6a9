"""Every change that the journal knows, with what became of those that were cut short."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from bmux_forensics.actions.custody_judging import judge
from bmux_forensics.actions.custody_record import COMPLETED, STATES, Recorded, mark_undone, records
from bmux_forensics.store.journal import Journal, read_journal
from bmux_forensics.store.process import is_gone, this_process

UNACCOUNTED: Final = "what became of its processes is not known: `kill --resume` ends the proven"
"""What a person is told of a change that `is_unaccounted`."""

LEFT: Final = "processes that it meant to end were left: `kill --resume` ends the proven"
"""What a person is told instead where the journal says so."""

_LEFT: Final = ("skipped", "survived")


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


def is_unaccounted(change: Recorded) -> bool:
    """Tell whether nobody knows, or will say, what became of processes that a change meant to end.

    They are unaccounted for when its process is gone, or is this one, and no outcome of
    theirs stands in the journal; when they were left alone because of a server; and when
    they were there all the same in the end, because the system refused a signal, say.
    """
    if change.state != STATES[COMPLETED] or not change.groups:
        return False
    if change.processes is None:
        return change.maker == this_process() or is_gone(change.maker)
    return any(g.get("outcome") in _LEFT and g.get("ok") is False for g in change.processes)


def advice_on(change: Recorded) -> str:
    """Return what a person is told of a change that `is_unaccounted`."""
    return UNACCOUNTED if change.processes is None else LEFT


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
    for change in changes:
        if is_unaccounted(change):
            change.note = "; ".join(filter(None, (change.note, advice_on(change))))
    return changes
