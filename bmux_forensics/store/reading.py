"""Read a whole file, know exactly which file it was, and never wait for one that is none.

A FIFO, a socket or a device under the snapshot's name is refused before anything
is opened; the descriptor is looked at again after it was opened, because the name
may mean something else by then. The identity that comes with the bytes is what a
later rename is checked against.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import threading
from dataclasses import dataclass
from pathlib import Path

from bmux_forensics.errors import FileMissingError, FileUnreadableError, SnapshotChangedError
from bmux_forensics.store.refusals import meaning

DEFAULT_LIMIT = 4 * 2**30
"""Bytes that are read without being asked to read more."""

_PIECE = 1 << 30  # the kernel hands out at most 2 GiB a call
_TRIES = 5
_INLINE = 1 << 18  # below this, starting a thread costs more than hashing
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a symbolic link",
}


class FileTooLargeError(FileUnreadableError):
    """The file is larger than the limit for reading.

    Parameters
    ----------
    where, found : str
        As in `bmux_forensics.errors.ForensicsError`.
    size, limit : int
        Bytes of the file, and bytes that would be read.
    """

    kind = "too-large"

    def __init__(self, where: str, found: str, *, size: int = 0, limit: int = 0) -> None:
        advice = "raise the size limit to read it all the same"
        super().__init__(where, found, expected=f"at most {limit} bytes", advice=advice)
        self.size = size
        self.limit = limit


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """Which file it was: its place, its inode and what it looked like when it was read.

    Parameters
    ----------
    path : Path
        Absolute, with every symbolic link resolved.
    dev, ino : int
        The inode.
    size, mtime_ns : int
        Bytes, and the moment of the last change of content.
    mode, uid, gid : int
        Permissions with the file type, and the owner.
    """

    path: Path
    dev: int
    ino: int
    size: int
    mtime_ns: int
    mode: int
    uid: int
    gid: int

    @classmethod
    def of(cls, path: Path, status: os.stat_result) -> FileIdentity:
        """Take the facts from a status that was read for this path."""
        return cls(
            path,
            status.st_dev,
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
            status.st_mode,
            status.st_uid,
            status.st_gid,
        )

    def is_still(self, status: os.stat_result) -> bool:
        """Tell whether this is the same inode with the same content.

        The change time is left out on purpose: a backup's hard link changes it.
        """
        return (self.dev, self.ino, self.size, self.mtime_ns) == _content(status)


def _content(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


class Digest:
    """The SHA-256 of some bytes, computed beside the caller's own work.

    hashlib lets go of the interpreter lock, so a large hash costs no time on a
    second core. Small data is hashed at once.

    Parameters
    ----------
    data : bytes
        Must not change until the digest was asked for.

    Examples
    --------
    >>> Digest(b"").hexdigest()[:16]
    'e3b0c44298fc1c14'
    """

    def __init__(self, data: bytes) -> None:
        self._hash = hashlib.sha256()
        self._thread: threading.Thread | None = None
        if len(data) < _INLINE:
            self._hash.update(data)
            return
        self._thread = threading.Thread(target=self._hash.update, args=(data,), daemon=True)
        self._thread.start()

    def hexdigest(self) -> str:
        """Wait for the hash and return it in lower-case hex."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        return self._hash.hexdigest()


def read_regular(
    path: str | os.PathLike[str], *, limit: int | None = DEFAULT_LIMIT
) -> tuple[bytes, FileIdentity]:
    """Return the bytes of one regular file as they stood at one moment, and which file it was.

    Parameters
    ----------
    path : path-like
        The file; symbolic links are followed.
    limit : int or None
        Refuse a file with more bytes than this; None reads any size.

    Returns
    -------
    tuple of (bytes, FileIdentity)
        The whole content, and the identity to check a later change against.

    Raises
    ------
    FileMissingError
        Nothing is there, or no regular file.
    FileUnreadableError
        The system would not let us read it, or it is larger than the limit.
    SnapshotChangedError
        The file was being rewritten in place all the while.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     file.write(b"abc") and file.flush()
    ...     data, identity = read_regular(file.name)
    >>> data, identity.size
    (b'abc', 3)
    """
    name = os.fspath(path)
    try:
        real = os.path.realpath(name)
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from error
    data, status = _read_at(name, real, limit)
    return data, FileIdentity.of(Path(real), status)


def read_bytes(path: str | os.PathLike[str], *, limit: int | None = DEFAULT_LIMIT) -> bytes:
    """Return what `read_regular` does without looking for the file's place; raises as it does."""
    return read_with_status(path, limit=limit)[0]


def read_with_status(
    path: str | os.PathLike[str], *, limit: int | None = DEFAULT_LIMIT
) -> tuple[bytes, os.stat_result]:
    """Return the bytes as `read_bytes` does, and what the file had besides them."""
    name = os.fspath(path)
    return _read_at(name, name, limit)


def _read_at(name: str, place: str, limit: int | None) -> tuple[bytes, os.stat_result]:
    try:
        _refuse_irregular(name, os.stat(place))  # noqa: PTH116 - a thousand times over
        fd = os.open(place, _FLAGS)
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from error
    try:
        return _read_stable(name, fd, limit)
    except OSError as error:
        raise _unreadable(name, error) from error
    finally:
        os.close(fd)


def _read_stable(name: str, fd: int, limit: int | None) -> tuple[bytes, os.stat_result]:
    """Read until the file looks the same before and after."""
    for _ in range(_TRIES):
        before = os.fstat(fd)
        _refuse_irregular(name, before)
        _refuse_large(name, before.st_size, limit)
        os.lseek(fd, 0, os.SEEK_SET)
        data = _read_whole(fd, before.st_size)
        if len(data) == before.st_size and _content(before) == _content(os.fstat(fd)):
            return data, before
    raise SnapshotChangedError(
        name, "the file keeps changing while it is read", advice="wait for its writer and try again"
    )


def _read_whole(fd: int, size: int) -> bytes:
    """Read to the end, in one piece where the system allows, one byte over when it grew."""
    pieces = []
    wanted = size + 1
    while wanted > 0:
        piece = os.read(fd, min(wanted, _PIECE))
        if not piece:
            break
        pieces.append(piece)
        wanted -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _refuse_irregular(name: str, status: os.stat_result) -> None:
    if stat.S_ISREG(status.st_mode):
        return
    kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
    raise FileMissingError(name, kind, expected="a regular file", advice="name a snapshot file")


def _refuse_large(name: str, size: int, limit: int | None) -> None:
    if limit is None or size <= limit:
        return
    raise FileTooLargeError(name, f"{size} bytes", size=size, limit=limit)


def _unreadable(name: str, error: OSError | ValueError) -> FileMissingError | FileUnreadableError:
    """Tell a missing file, a dangling link and a forbidden one apart."""
    if not isinstance(error, OSError):
        return FileMissingError(name, "no path can be spelled like this", advice="look at the path")
    if error.errno == errno.ELOOP:
        return FileMissingError(name, "a symbolic link that leads in a circle")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        if Path(name).is_symlink():
            return FileMissingError(
                name, f"a symbolic link to {os.path.realpath(name)}, which is not there"
            )
        return FileMissingError(name, "no such file", advice="look at the path")
    if error.errno in (errno.EACCES, errno.EPERM):
        return FileUnreadableError(
            name, "no permission to read it", advice="run as its owner, or ask for permission"
        )
    return FileUnreadableError(name, f"it can't be read: {meaning(error)[0]}")
