"""Keep the old bytes of a file before it is replaced, so that everything can be taken back.

On the same file system a backup is a second name of the old inode: it costs
nothing, and owner, permissions and times come with it. Elsewhere it is a copy.
Its file name says all that an undo needs and is made of numbers and hashes only:

    <state>/backups/<hash of the file's path>/
        origin                        the path of the file, as bytes
        <UTC>_<sha256>_<mode>_<uid>_<gid>_<mtime ns>.backup
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bmux_forensics.errors import ProofError, SnapshotChangedError
from bmux_forensics.store.at_once import at_once
from bmux_forensics.store.folder import MAKE, READ, Folder, write_all
from bmux_forensics.store.leftovers import sweep, temp_name
from bmux_forensics.store.placing import place, same_bytes
from bmux_forensics.store.refusals import NO_LINKS, writing
from bmux_forensics.store.state import open_below, open_state, state_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from bmux_forensics.store.reading import FileIdentity

_BACKUPS = "backups"
_ORIGIN = "origin"
_LONGEST_PATH = 1 << 16
_MOMENT = "%Y%m%dT%H%M%S.%fZ"
_NAME = re.compile(
    r"(?P<taken>\d{8}T\d{6}\.\d{6}Z)_(?P<sha256>[0-9a-f]{64})"
    r"_(?P<mode>[0-7]{1,7})_(?P<uid>\d+)_(?P<gid>\d+)_(?P<mtime>-?\d+)\.backup",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Backup:
    """One kept state of one file.

    Parameters
    ----------
    path : Path
        The backup itself.
    origin : Path
        The file it was taken of.
    taken : datetime
        When, in UTC.
    sha256 : str
        Of the content.
    mode, uid, gid, mtime_ns : int
        What the file had besides its bytes.
    """

    path: Path
    origin: Path
    taken: dt.datetime
    sha256: str
    mode: int
    uid: int
    gid: int
    mtime_ns: int


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
    with open_state(identity.uid, _BACKUPS, _path_mark(identity.path)) as folder:
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
    taken = now.astimezone(dt.UTC).strftime(_MOMENT)
    facts = f"_{sha256}_{identity.mode:o}_{identity.uid}_{identity.gid}_{identity.mtime_ns}.backup"
    with writing(folder.path, "keeping a backup"):
        names = folder.names()
        if names:  # a new folder has nothing to be tidied up
            sweep(folder)
        if _ORIGIN not in names:
            _store(folder, _ORIGIN, os.fsencode(identity.path), None, unsynced)
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
        self._all = open_state(uid, _BACKUPS)
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
        folder = open_below(self._all, _path_mark(identity.path), self._uid)
        self._open.append(folder)
        now = dt.datetime.now(dt.UTC)
        return _kept(folder, identity, data, sha256, now=now, unsynced=self._unsynced)

    def settle(self) -> None:
        """Bring every backup to the disk; raises `WriteError` where that fails."""
        with writing(self._all.path, "keeping a backup"):
            at_once(os.fsync, self._unsynced)
            at_once(Folder.sync, self._open)


def _path_mark(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:32]


def _known(folder: Folder, names: list[str], facts: str, data: bytes) -> str | None:
    """Find a backup of the same state whose bytes are still right."""
    for name in sorted(names):
        if name.endswith(facts) and _NAME.fullmatch(name) and _holds(folder, name, data):
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


def backups(origin: Path | None = None, *, uid: int | None = None) -> Iterator[Backup]:
    """List what is kept, oldest first for each file; makes no folder.

    Parameters
    ----------
    origin : Path, optional
        Only the backups of this file, as a resolved path.
    uid : int, optional
        The owner of the snapshots; it matters only to root.

    Yields
    ------
    Backup
        One for each file whose name is a backup's; nothing when there are none.
    """
    root = state_path(uid) / _BACKUPS
    if not root.is_dir():
        return
    marks = sorted(p.name for p in root.iterdir()) if origin is None else [_path_mark(origin)]
    for mark in marks:
        yield from _list_one(root / mark)


def _list_one(path: Path) -> Iterator[Backup]:
    if not path.is_dir():
        return
    origin = _origin(path)
    if origin is None:
        return
    for name in sorted(p.name for p in path.iterdir()):
        found = parse_name(name, path, origin)
        if found is not None:
            yield found


def _origin(path: Path) -> Path | None:
    """Read whose backups a folder holds; what is no file of ours is not waited for."""
    try:
        with Folder(path) as folder:
            fd = folder.open(_ORIGIN, READ)
            try:
                if not stat.S_ISREG(os.fstat(fd).st_mode):
                    return None
                return Path(os.fsdecode(os.read(fd, _LONGEST_PATH)))
            finally:
                os.close(fd)
    except OSError:
        return None


def parse_name(name: str, folder: Path, origin: Path) -> Backup | None:
    """Read a backup's name; None for every other.

    Examples
    --------
    >>> parse_name("snap.json.backup", Path(), Path("snap.json")) is None
    True
    """
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    try:
        taken = dt.datetime.strptime(found["taken"], _MOMENT).replace(tzinfo=dt.UTC)
    except ValueError:
        return None  # digits that are no moment: nobody who keeps backups wrote them
    return Backup(
        path=folder / name,
        origin=origin,
        taken=taken,
        sha256=found["sha256"],
        mode=int(found["mode"], 8),
        uid=int(found["uid"]),
        gid=int(found["gid"]),
        mtime_ns=int(found["mtime"]),
    )
