"""When bmux saved a snapshot: the oldest moment that its file or our own records know."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from bmux_forensics.actions.custody_reading import known_changes, owner_of, resolved
from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.store.backup import backups


def oldest_save(path: Path, snapshot: Snapshot) -> datetime:
    """Return the oldest moment (UTC) at which a snapshot's content can have been saved.

    An edit of ours keeps the file's time, but something else may touch it. So the way back
    through our own edits is gone, and the oldest time of what they replaced counts: a
    process that started after that can't be one that the snapshot speaks of.

    Parameters
    ----------
    path : Path
        The snapshot's file.
    snapshot : Snapshot
        What is in it.
    """
    moments = [datetime.fromtimestamp(path.stat().st_mtime, UTC)]
    if snapshot.saved_at is not None:
        moments.append(snapshot.saved_at)
    file, owner = resolved(path), owner_of(path)
    edits = {change.after: change for change in known_changes(owner) if change.file == file}
    if edits:
        kept = {backup.sha256: backup.mtime_ns for backup in backups(file, uid=owner)}
        digest: str | None = snapshot.sha256
        while digest in edits:
            digest = edits.pop(digest).before
            if digest in kept:
                moments.append(datetime.fromtimestamp(kept[digest] / 1e9, UTC))
    return min(moments)
