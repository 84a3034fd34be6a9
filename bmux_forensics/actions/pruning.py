"""List the backups, and remove those that nobody is likely to want back.

Never removed: the newest backup of a file, those that undoing its newest change and its
newest undo need, and those of changes whose outcome is not known. A file that was changed
back and forth is kept once for each of its states, so a backup counts as old as its
last use, not as its making.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Final

import pandas as pd

from bmux_forensics.actions.custody_reading import known_changes, owner_of, resolved
from bmux_forensics.actions.custody_record import PRUNED, Recorded, backup_key
from bmux_forensics.actions.door import LOCK_TIMEOUT, locked_names
from bmux_forensics.errors import UsageError, path_text
from bmux_forensics.store.backup_listing import Backup
from bmux_forensics.store.backup_listing import backups as _backups
from bmux_forensics.store.folder import Folder
from bmux_forensics.store.journal import append
from bmux_forensics.store.refusals import writing

BACKUP_DTYPES: Final[Mapping[str, str]] = {
    "path": "str",
    "file": "str",
    "taken": "datetime64[us, UTC]",
    "used": "datetime64[us, UTC]",
    "size": "Int64",
    "sha256": "str",
    "changes": "str",
    "needed": "str",
    "prune": "bool",
}
"""Columns and dtypes of `backups` and `prune_backups`."""


def backups(path: str | Path | None = None) -> pd.DataFrame:
    """Return the backups that are kept, oldest use first for each file; nothing is written.

    Parameters
    ----------
    path : path-like, optional
        Only those of this file. For root it also says whose.

    Returns
    -------
    DataFrame
        One row a backup: ``path``, ``file`` str; ``taken`` and ``used``, UTC, when it was
        made and when a change last needed it; ``size`` Int64; ``sha256`` str; ``changes``
        str, the ids of the changes that need it, with spaces between; ``needed`` str, why
        it is never pruned, else null; ``prune`` bool, False. Empty, with the same columns,
        when there is none.
    """
    file = resolved(path) if path is not None else None
    return _frame(_looked_at(file, owner_of(file)))


def prune_backups(
    *,
    keep: int | None = None,
    older_than: dt.timedelta | None = None,
    path: str | Path | None = None,
    dry_run: bool = False,
    lock_timeout: float = LOCK_TIMEOUT,
) -> pd.DataFrame:
    """Remove old backups; what is needed to undo the newest change of a file always stays.

    Parameters
    ----------
    keep : int, optional
        How many backups of each file stay, the most recently used ones; at least 1.
    older_than : timedelta, optional
        Remove only what was last used longer ago. With `keep`, both have to agree.
    path : path-like, optional
        Only backups of this file.
    dry_run : bool
        Only say what would go.
    lock_timeout : float
        Seconds to wait for the lock of each file, so that no change needs meanwhile what goes.

    Returns
    -------
    DataFrame
        As `backups`; ``prune`` is True for those that went, or would.

    Raises
    ------
    UsageError
        Neither or a senseless limit.
    BusyError
        A file's lock is held, or the journal's.
    WriteError
        The journal can't be written, or a backup can't be removed.
    """
    if keep is None and older_than is None:
        raise UsageError("backups", "no limit", expected="how many to keep, or how old to remove")
    if keep is not None and keep < 1:
        raise UsageError("backups", f"keep {keep}", expected="1 or more of each file")
    file = resolved(path) if path is not None else None
    uid = owner_of(file)
    rows = _mark(_looked_at(file, uid), keep, older_than)
    if not dry_run:
        gone: set[Path] = set()
        for origin in sorted({row.backup.origin for row in rows if row.prune}):
            gone |= _prune_one(origin, uid, keep, older_than, lock_timeout)
        for row in rows:
            row.prune = row.backup.path in gone
    return _frame(rows)


class _Row:
    """A backup, and what is known about it."""

    def __init__(self, backup: Backup, users: Sequence[Recorded], needed: str) -> None:
        self.backup = backup
        self.users = users
        self.needed = needed
        self.size = _size(backup.path)
        moments = [moment for change in users if (moment := _moment(change.when)) is not None]
        self.used = max([backup.taken, *moments])
        self.prune = False


def _moment(text: str) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _looked_at(file: Path | None, uid: int | None) -> list[_Row]:
    changes = known_changes(uid)
    by_file: dict[Path, list[Backup]] = {}
    for backup in _backups(file, uid=uid):
        by_file.setdefault(backup.origin, []).append(backup)
    rows = []
    for origin, kept in sorted(by_file.items()):
        rows += _of_one_file(kept, [c for c in changes if c.file == origin])
    return rows


def _of_one_file(kept: Iterable[Backup], changes: Sequence[Recorded]) -> list[_Row]:
    stays = {
        c.backup_key: f"nobody knows what became of {c.id}"
        for c in changes
        if c.state in ("open", "unknown")
    }
    holding = [c for c in changes if c.state == "done" and c.backup]
    for group in (holding, [c for c in holding if c.undoes is None]):
        if group:
            stays[group[-1].backup_key] = f"undoing {group[-1].id} needs it"
    rows = []
    for backup in kept:
        key = backup_key(backup.path)
        users = [c for c in changes if c.backup_key == key]
        rows.append(_Row(backup, users, stays.get(key, "")))
    rows.sort(key=lambda row: row.used)
    rows[-1].needed = rows[-1].needed or "it is the newest of its file"
    return rows


def _mark(rows: list[_Row], keep: int | None, older_than: dt.timedelta | None) -> list[_Row]:
    limit = None if older_than is None else dt.datetime.now(dt.UTC) - older_than
    newer: dict[Path, int] = {}
    for row in reversed(rows):
        before = newer.get(row.backup.origin, 0)
        newer[row.backup.origin] = before + 1
        beyond = keep is None or before >= keep
        old = limit is None or row.used < limit
        row.prune = beyond and old and not row.needed
    return rows


def _prune_one(
    file: Path,
    uid: int | None,
    keep: int | None,
    older_than: dt.timedelta | None,
    lock_timeout: float,
) -> set[Path]:
    """Remove the old backups of one file, looked at anew under its lock."""
    with locked_names(file, lock_timeout) if file.parent.is_dir() else nullcontext():
        rows = _mark(_looked_at(file, uid), keep, older_than)
        gone = [row.backup.path for row in rows if row.prune]
        if gone:
            facts = {"verb": "prune", "file": str(file), "backups": [str(path) for path in gone]}
            # Said before it is done: a backup that is gone without a word is a loss.
            append(PRUNED, facts, uid=uid)
        for path in gone:
            with writing(path, "removing a backup"), Folder(path.parent) as folder:
                folder.unlink(path.name)
                folder.sync()
    return set(gone)


def _frame(rows: Sequence[_Row]) -> pd.DataFrame:
    facts = [
        {
            "path": path_text(row.backup.path),
            "file": path_text(row.backup.origin),
            "taken": row.backup.taken,
            "used": row.used,
            "size": row.size,
            "sha256": row.backup.sha256,
            "changes": " ".join(change.id for change in row.users) or None,
            "needed": row.needed or None,
            "prune": row.prune,
        }
        for row in rows
    ]
    frame = pd.DataFrame(facts, columns=list(BACKUP_DTYPES))
    for name in ("taken", "used"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame.astype(dict(BACKUP_DTYPES))


def _size(path: Path) -> int | None:
    try:
        return path.lstat().st_size
    except OSError:
        return None
