"""The old bytes of a change, proven, with the owner, permissions and time they had."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

from bmux_forensics.actions.custody_record import Recorded, backup_key
from bmux_forensics.errors import EvidenceError, FileMissingError, ProofError, path_text
from bmux_forensics.store.backup_listing import Backup, backups
from bmux_forensics.store.reading import FileIdentity, read_regular


@dataclass(frozen=True)
class OldBytes:
    """What a file was.

    Parameters
    ----------
    path : Path
        Where it is kept: a backup, or the file itself where it was moved aside.
    data : bytes
        The content.
    like : FileIdentity
        Everything else; where `path` is the file itself, its identity.
    """

    path: Path
    data: bytes
    like: FileIdentity


def old_bytes(change: Recorded, uid: int | None) -> OldBytes:
    """Return what a change replaced or moved aside.

    Raises
    ------
    FileMissingError
        It is not kept any more.
    ProofError
        What is kept has other bytes.
    """
    aside = _read_aside(change)
    if aside is not None:
        return aside
    backup = _backup_of(change, uid)
    data, identity = read_regular(backup.path, limit=None)
    if hashlib.sha256(data).hexdigest() != change.before:
        raise ProofError(
            path_text(backup.path),
            "other bytes",
            expected=f"the old ones, sha256 {change.before}",
            advice="the backup was altered; `verify` shows what else is not whole",
        )
    return OldBytes(backup.path, data, _like(backup, identity, change.file, uid))


def _read_aside(change: Recorded) -> OldBytes | None:
    if change.aside is None:
        return None
    try:
        data, identity = read_regular(change.aside, limit=None)
    except EvidenceError:
        return None
    if hashlib.sha256(data).hexdigest() != change.before:
        return None
    return OldBytes(change.aside, data, identity)


def _backup_of(change: Recorded, uid: int | None) -> Backup:
    """Find the backup among those of the file; a path that the journal names is not followed."""
    fits = [b for b in backups(change.file, uid=uid) if b.sha256 == change.before]
    named = [b for b in fits if backup_key(b.path) == change.backup_key]
    if named or fits:
        return (named or fits)[-1]
    raise FileMissingError(
        path_text(change.backup or change.aside or change.file),
        "it is not there any more",
        expected=f"the old bytes, sha256 {change.before}",
        advice="they were pruned or removed; look for another copy with `backups`",
    )


def _like(backup: Backup, identity: FileIdentity, file: Path, uid: int | None) -> FileIdentity:
    """Say what the file had besides its bytes.

    Root takes a user's word for the bytes of that user's file, but neither for an owner
    nor for permissions that could make it more than a file of that user.
    """
    mode, owner = backup.mode, backup.uid
    if uid and hasattr(os, "geteuid") and os.geteuid() == 0:
        mode, owner = mode & ~0o7000, uid
    return replace(
        identity, path=file, mode=mode, uid=owner, gid=backup.gid, mtime_ns=backup.mtime_ns
    )
