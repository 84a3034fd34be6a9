"""The one way a file is changed: lock, read again, back up, stage, look, rename, prove."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bmux_forensics.actions.opening import open_for_change
from bmux_forensics.errors import BusyError, EvidenceError, SnapshotChangedError
from bmux_forensics.host.paths import find_paths
from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.store.aside import move_aside
from bmux_forensics.store.backup import keep_backup
from bmux_forensics.store.lock import locked
from bmux_forensics.store.reading import FileIdentity, read_regular
from bmux_forensics.store.replace import stage

LOCK_TIMEOUT: Final = 3.0
"""Seconds to wait for the lock: as long as bmux does."""


@dataclass(frozen=True)
class Passage:
    """What became of one file.

    Parameters
    ----------
    path : Path
        The file as it was named.
    sha256_before : str or None
        Of the bytes that were read under the lock.
    sha256_after : str or None
        Of the bytes that are there now.
    applied : bool
        The file was changed.
    backup : Path or None
        Where the old bytes are kept.
    moved_aside : Path or None
        Where an unreadable file was moved.
    """

    path: Path
    sha256_before: str | None = None
    sha256_after: str | None = None
    applied: bool = False
    backup: Path | None = None
    moved_aside: Path | None = None


def change_file(
    path: Path,
    prepare: Callable[[Snapshot], Snapshot | None],
    *,
    expect_sha256: str | None = None,
    lock_timeout: float = LOCK_TIMEOUT,
    unreadable: Callable[[EvidenceError], bool] | None = None,
) -> Passage:
    """Change one snapshot file, or leave it exactly as it is.

    Parameters
    ----------
    path : Path
        The file.
    prepare : callable
        Given the snapshot as read under the lock, returns the snapshot as it shall be,
        or None to leave the file alone. Whatever it raises leaves the file alone too.
    expect_sha256 : str, optional
        Refuse any other bytes than these: the ones a plan was made from.
    lock_timeout : float
        Seconds to wait for the lock.
    unreadable : callable, optional
        Given the problem of a snapshot that `prepare` could not read, tells whether the
        file is to be moved aside. The problem is raised when it says no.

    Raises
    ------
    EvidenceError
        The file can't be read, or not be rewritten safely (exit code 3).
    BusyError
        The lock is held, or the file is not the expected one (4).
    WriteError
        The system would not let us write; nothing was changed (6).
    """
    with _locked(path, lock_timeout) as last_look:
        snapshot, identity = open_for_change(path)
        require_bytes(snapshot, expect_sha256)
        try:
            changed = prepare(snapshot)
        except EvidenceError as problem:
            if unreadable is None or not unreadable(problem):
                raise
            aside = move_aside(identity, snapshot.sha256, last_look=last_look)
            return Passage(path, snapshot.sha256, moved_aside=aside)
        if changed is None:
            return Passage(path, snapshot.sha256, snapshot.sha256)
        return _replace(path, identity, snapshot, changed, last_look)


def _replace(
    path: Path,
    identity: FileIdentity,
    old: Snapshot,
    new: Snapshot,
    last_look: Callable[[], None],
) -> Passage:
    backup = keep_backup(identity, old.raw, old.sha256)
    with stage(identity, new.raw) as staged:
        staged.commit(last_look)
        return Passage(path, old.sha256, staged.sha256, applied=True, backup=backup)


def require_bytes(snapshot: Snapshot, expected: str | None) -> None:
    """Raise `SnapshotChangedError` unless the snapshot has the expected SHA-256, if any."""
    if expected is not None and snapshot.sha256 != expected.lower():
        raise SnapshotChangedError(
            snapshot.name,
            f"sha256 {snapshot.sha256}",
            expected=f"the bytes that the plan was made from, sha256 {expected.lower()}",
            advice="look at a new plan",
        )


def is_own_snapshot(path: Path) -> bool:
    """Tell whether a file is bmux's own snapshot: the same inode, however it is named."""
    try:
        return path.samefile(find_paths().snapshot)
    except OSError:
        return False


@contextmanager
def _locked(path: Path, timeout: float) -> Iterator[Callable[[], None]]:
    """Hold the file's locks; yields what looks whether they are still ours.

    bmux's own snapshot is locked as bmux locks it, by whatever name we were given it.
    """
    if not os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises where we may not look
        read_regular(path)  # says what is wrong, and no lock is left in the file's place
    name = find_paths().snapshot if is_own_snapshot(path) else path
    with locked(name, timeout=timeout) as is_ours:

        def look() -> None:
            if not is_ours():
                raise BusyError(
                    str(path),
                    "the lock was broken and taken by somebody else",
                    advice="nothing was changed; try again",
                )

        yield look
