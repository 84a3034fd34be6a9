"""The history of a snapshot file: every change that went through the door."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd

from bmux_forensics.actions.custody_reading import known_changes, owner_of, resolved
from bmux_forensics.actions.custody_record import Recorded
from bmux_forensics.errors import path_text

HISTORY_DTYPES: Final[Mapping[str, str]] = {
    "id": "str",
    "number": "Int64",
    "when": "datetime64[us, UTC]",
    "user": "str",
    "verb": "str",
    "file": "str",
    "state": "str",
    "sessions": "Int64",
    "session_ids": "str",
    "sha256_before": "str",
    "sha256_after": "str",
    "backup": "str",
    "moved_aside": "str",
    "undoes": "str",
    "note": "str",
}
"""Columns and dtypes of `history`."""


def history(path: str | Path | None = None) -> pd.DataFrame:
    """Return every change that was announced in the journal, oldest first; nothing is written.

    Parameters
    ----------
    path : path-like, optional
        Only the changes of this file, whether or not it is still there. By default those
        of every file. For root it also says whose journal to read: the file's owner's.

    Returns
    -------
    DataFrame
        One row a change: ``id`` str, what `undo` takes; ``number`` Int64, its place in
        the journal; ``when``, UTC; ``user``, ``verb``, ``file`` str; ``state`` str:
        ``done``, ``undone``, ``failed`` (nothing was changed), ``open`` (announced by a
        process that may still be at it) or ``unknown`` (cut short, and the file has been
        changed since); ``sessions`` Int64 and ``session_ids`` str, how many sessions it
        removed and which, with spaces between; ``sha256_before`` and ``sha256_after``
        str, null where there was no file; ``backup``, ``moved_aside`` str, where the old
        bytes are; ``undoes`` str, the change that it took back; ``note`` str, how a state
        is known that nobody wrote down. Empty, with the same columns, without a journal.

    Raises
    ------
    FileUnreadableError
        The system does not let us read the journal.
    """
    file = resolved(path) if path is not None else None
    changes = [c for c in known_changes(owner_of(file)) if file in (None, c.file)]
    rows = [_row(change) for change in changes]
    frame = pd.DataFrame(rows, columns=list(HISTORY_DTYPES))
    frame["when"] = pd.to_datetime(frame["when"], utc=True, errors="coerce", format="ISO8601")
    return frame.astype(dict(HISTORY_DTYPES))


def _row(change: Recorded) -> dict[str, Any]:
    return {
        "id": change.id,
        "number": change.number,
        "when": change.when,
        "user": change.user,
        "verb": change.verb,
        "file": path_text(change.file),
        "state": change.state,
        "sessions": len(change.sessions),
        "session_ids": " ".join(change.sessions) or None,
        "sha256_before": change.before,
        "sha256_after": change.after,
        "backup": path_text(change.backup) if change.backup else None,
        "moved_aside": path_text(change.aside) if change.aside else None,
        "undoes": change.undoes,
        "note": change.note or None,
    }
