"""When bmux saved a snapshot: the oldest moment that its file or our own records know."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from bmux_forensics.actions.custody_reading import known_changes, owner_of, resolved
from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.store.backup_listing import backups


def oldest_save(path: Path, snapshot: Snapshot) -> datetime | None:
    """Return the oldest moment (UTC) at which a snapshot's content can have been saved.

    An edit of ours keeps the file's time, but something else may touch it. So the way back
    through our own edits is gone, and the oldest time of what they replaced counts: a
    process that started after that can't be one that the snapshot speaks of.

    Parameters
    ----------
    path : Path
        The snapshot's file, there or not any more.
    snapshot : Snapshot
        What is, or was, in it.

    Returns
    -------
    datetime or None
        None where nothing knows it, as for standard input.
    """
    moments = [moment for moment in (_time_of(path), snapshot.saved_at) if moment is not None]
    file, owner = resolved(path), owner_of(path)
    edits = {change.after: change for change in known_changes(owner) if change.file == file}
    if edits:
        kept = _kept(file, owner)
        digest: str | None = snapshot.sha256
        while digest is not None:
            moments += kept.get(digest, [])
            digest = edits.pop(digest).before if digest in edits else None
    return min(moments, default=None)


def _time_of(path: Path) -> datetime | None:
    try:
        return _moment(path.stat().st_mtime_ns)
    except OSError:
        return None


def _kept(file: Path, owner: int | None) -> dict[str, list[datetime]]:
    """Return for each kept content the times that the file had with it."""
    kept: dict[str, list[datetime]] = {}
    for backup in backups(file, uid=owner):
        moment = _moment(backup.mtime_ns)
        if moment is not None:
            kept.setdefault(backup.sha256, []).append(moment)
    return kept


def _moment(mtime_ns: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(mtime_ns / 1e9, UTC)
    except (ValueError, OverflowError, OSError):
        return None  # a file system can hold moments that no calendar has
