"""Keep the old bytes of a file before it is replaced, so that everything can be taken back.

On the same file system a backup is a second name of the old inode: it costs
nothing, and owner, permissions and times come with it. Elsewhere it is a copy.
How it is named, and which there are: see `backup_listing`.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bmux_forensics.errors import ProofError, SnapshotChangedError
from bmux_forensics.store.at_once import at_once
from bmux_forensics.store.backup_listing import BACKUPS, MOMENT, NAME, ORIGIN, path_mark
from bmux_forensics.store.folder import MAKE, READ, Folder, write_all
from bmux_forensics.store.leftovers import sweep, temp_name
from bmux_forensics.store.placing import place, same_bytes
from bmux_forensics.store.refusals import NO_LINKS, writing
from bmux_forensics.store.state import open_below, open_state

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from bmux_forensics.store.reading import FileIdentity


def keep_backup(
    identity: FileIdentity, data: bytes, sha256: str, *, now: dt.datetime | None = None
) -> Path:
    """Return a backup that is proven to hold these bytes and is safe on the disk.

    Parameters
    ----------
    identity : FileIdentity
        The file, as it was read.
    data : bytes
        What was read from it.
    sha256 : str
        The hash of `data`, in lower-case hex.
    now : datetime, optional
        The moment that goes into the name; the present one by default.

    Returns
    -------
    Path
        The backup. The same file in the same state is kept once, however often
        it is asked for.

    Raises
    ------
    WriteError
        The state folder or the backup can't be made; nothing else was changed.
    SnapshotChangedError
        The file is no longer the one that was read.
    """
    with open_state(identity.uid, BACKUPS, path_mark(identity.path)) as folder:
        path = _kept(folder, identity, data, sha256, now=now or dt.datetime.now(dt.UTC))
        with writing(folder.path, "keeping a backup"):
            folder.sync()
        return path


def _kept(  # noqa: PLR0913 - what `keep_backup` is given, and how
    folder: Folder,
    identity: FileIdentity,
    data: bytes,
    sha256: str,
    *,
    now: dt.datetime,
    unsynced: list[int] | None = None,
) -> Path:
    """Keep a backup in its open folder, whose names are not on the disk yet.

    With a list, new files are not brought to the disk: their descriptors are put there.
    """
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        message = "sha256 must be 64 lower-case hex digits"
        raise ValueError(message)
    taken = now.astimezone(dt.UTC).strftime(MOMENT)
    facts = f"_{sha256}_{identity.mode:o}_{identity.uid}_{identity.gid}_{identity.mtime_ns}.backup"
    with writing(folder.path, "keeping a backup"):
        names = folder.names()
        if names:  # a new folder has nothing to be tidied up
            sweep(folder)
        if ORIGIN not in names:
            _store(folder, ORIGIN, os.fsencode(identity.path), None, unsynced)
        name = _known(folder, names, facts, data)
        name = name or _keep(folder, taken + facts, identity, data, unsynced)
    return folder.path / name


class Shelf:
    """Backups of many files of one owner, brought to the disk together.

    Parameters
    ----------
    uid : int
        Whose state folder.
    """

    def __init__(self, uid: int) -> None:
        self._uid = uid
        self._all = open_state(uid, BACKUPS)
        self._open: list[Folder] = []
        self._unsynced: list[int] = []

    def __enter__(self) -> Self:
        """Hand the shelf to the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close whatever is open."""
        for fd in self._unsynced:
            os.close(fd)
        for folder in (self._all, *self._open):
            folder.close()

    def keep(self, identity: FileIdentity, data: bytes, sha256: str) -> Path:
        """Keep a backup, as `keep_backup`; it is safe on the disk after `settle` alone."""
        folder = open_below(self._all, path_mark(identity.path), self._uid)
        self._open.append(folder)
        now = dt.datetime.now(dt.UTC)
        return _kept(folder, identity, data, sha256, now=now, unsynced=self._unsynced)

    def settle(self) -> None:
        """Bring every backup to the disk; raises `WriteError` where that fails."""
        with writing(self._all.path, "keeping a backup"):
            at_once(os.fsync, self._unsynced)
            at_once(Folder.sync, self._open)


def _known(folder: Folder, names: list[str], facts: str, data: bytes) -> str | None:
    """Find a backup of the same state whose bytes are still right."""
    for name in sorted(names):
        if name.endswith(facts) and NAME.fullmatch(name) and _holds(folder, name, data):
            return name
    return None


def _holds(folder: Folder, name: str, data: bytes) -> bool:
    try:
        fd = folder.open(name, READ)
    except OSError:
        return False
    try:
        return stat.S_ISREG(os.fstat(fd).st_mode) and same_bytes(fd, data)
    except OSError:
        return False
    finally:
        os.close(fd)


def _keep(
    folder: Folder, name: str, identity: FileIdentity, data: bytes, unsynced: list[int] | None
) -> str:
    if not _link(folder, name, identity):
        _store(folder, name, data, identity.mtime_ns, unsynced)
    if _holds(folder, name, data):
        return name
    folder.discard(name)
    raise ProofError(
        str(folder.path / name),
        "other bytes",
        expected="the bytes that were read",
        advice="the file was written to meanwhile; try again",
    )


def _link(folder: Folder, name: str, identity: FileIdentity) -> bool:
    """Give the old inode a second name; False where only a copy will do."""
    try:
        with Folder(identity.path.parent) as source:
            source.link(identity.path.name, name, folder)
    except FileNotFoundError:
        found = "the file is gone"
        raise SnapshotChangedError(str(identity.path), found, advice="plan anew") from None
    except OSError as error:
        if error.errno in NO_LINKS:
            return False
        raise
    if identity.is_still(folder.status(name)):
        return True
    folder.discard(name)
    found = "somebody else changed the file since it was read"
    raise SnapshotChangedError(str(identity.path), found, advice="read it again and plan anew")


def _store(
    folder: Folder, name: str, data: bytes, mtime_ns: int | None, unsynced: list[int] | None
) -> None:
    """Write a private file in full, then give it its name.

    A name that is taken is left alone: somebody kept the same in the same
    microsecond, and the caller looks whether it holds the right bytes.
    """
    temp = temp_name(name, "copy")
    try:
        fd = folder.open(temp, MAKE)
        try:
            write_all(fd, data)
            owner = folder.status()
            if os.fstat(fd).st_uid != owner.st_uid:
                os.fchown(fd, owner.st_uid, owner.st_gid)
            if mtime_ns is not None and os.utime in os.supports_fd:
                os.utime(fd, ns=(mtime_ns, mtime_ns))
            if unsynced is None:
                os.fsync(fd)
            else:
                unsynced.append(os.dup(fd))
        finally:
            os.close(fd)
        with suppress(FileExistsError):
            place(folder, temp, name)
    finally:
        folder.discard(temp)
