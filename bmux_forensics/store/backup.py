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
from bmux_forensics.store.backup_listing import BACKUPS, MOMENT, NAME
from bmux_forensics.store.backup_origins import note_origins, path_mark
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
    with Shelf(identity.uid) as shelf:
        shelf.open(identity.path)
        shelf.note()
        path = shelf.keep(identity, data, sha256, now=now)
        shelf.settle()
        return path


class Shelf:
    """Backups of many files of one owner, brought to the disk together.

    Each step is for all files: `open`, `note` once, `keep`, `settle` once.

    Parameters
    ----------
    uid : int
        Whose state folder.
    eager : bool
        Bring each copy to the disk before it has its name; else `settle` does, which is
        quicker for many.
    """

    def __init__(self, uid: int, *, eager: bool = True) -> None:
        self._uid = uid
        self._eager = eager
        self._all = open_state(uid, BACKUPS)
        self._open: dict[Path, Folder] = {}
        self._names: dict[Path, list[str]] = {}
        self._new: list[Path] = []
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
        for folder in (self._all, *self._open.values()):
            folder.close()

    def open(self, path: Path) -> None:
        """Open the folder of a file's backups, making it where it is missing.

        Raises
        ------
        WriteError
            It can't be made.
        """
        if path in self._open:
            return
        folder = self._open[path] = open_below(self._all, path_mark(path), self._uid)
        with writing(folder.path, "keeping a backup"):
            names = self._names[path] = folder.names()
            if names:
                sweep(folder)
            else:  # nothing to be tidied up, and nobody knows yet whose it is
                self._new.append(path)

    def note(self) -> None:
        """Let the new folders be known as those of their files; raises `WriteError`."""
        new, self._new = self._new, []
        if new:
            with writing(self._all.path, "keeping a backup"):
                note_origins(self._all, new)

    def keep(
        self, identity: FileIdentity, data: bytes, sha256: str, *, now: dt.datetime | None = None
    ) -> Path:
        """Keep a backup, as `keep_backup`; it is safe on the disk after `settle` alone."""
        if not re.fullmatch("[0-9a-f]{64}", sha256):
            message = "sha256 must be 64 lower-case hex digits"
            raise ValueError(message)
        folder = self._open[identity.path]
        taken = (now or dt.datetime.now(dt.UTC)).astimezone(dt.UTC).strftime(MOMENT)
        facts = f"_{sha256}_{identity.mode:o}_{identity.uid}_{identity.gid}_{identity.mtime_ns}"
        facts += ".backup"
        with writing(folder.path, "keeping a backup"):
            name = _known(folder, self._names[identity.path], facts, data)
            if name is None:
                name = taken + facts
                if not _link(folder, name, identity):
                    self._copy(folder, name, data, identity.mtime_ns)
                _prove(folder, name, data)
        return folder.path / name

    def _copy(self, folder: Folder, name: str, data: bytes, mtime_ns: int) -> None:
        """Write a private copy in full, then give it its name.

        A name that is taken is left alone: somebody kept the same in the same
        microsecond, and the proof looks whether it holds the right bytes.
        """
        temp = temp_name(name, "copy")
        try:
            fd = folder.open(temp, MAKE)
            try:
                write_all(fd, data)
                folder.take_in(fd)
                if os.utime in os.supports_fd:
                    os.utime(fd, ns=(mtime_ns, mtime_ns))
                if self._eager:
                    os.fsync(fd)
                else:
                    self._unsynced.append(os.dup(fd))
            finally:
                os.close(fd)
            with suppress(FileExistsError):
                place(folder, temp, name)
        finally:
            folder.discard(temp)

    def settle(self) -> None:
        """Bring every backup to the disk; raises `WriteError` where that fails."""
        with writing(self._all.path, "keeping a backup"):
            at_once(os.fsync, self._unsynced)
            at_once(Folder.sync, list(self._open.values()))


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


def _prove(folder: Folder, name: str, data: bytes) -> None:
    """Read the backup back; what holds other bytes is none."""
    if _holds(folder, name, data):
        return
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
