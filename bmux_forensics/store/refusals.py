"""What the system's refusals mean, in a line that a user understands.

Every system call of this room that changes something runs inside `writing`, so
that a full disk, a read-only file system or a missing permission comes out as one
`WriteError` that names the file, the step and the way out.
"""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bmux_forensics.errors import BusyError, PartlyDoneError, WriteError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bmux_forensics.store.reading import FileIdentity

_MEANINGS = {
    errno.ENOSPC: ("the disk is full", "free some space and try again"),
    errno.EDQUOT: ("the disk quota is used up", "free some space and try again"),
    errno.EROFS: ("the file system is read-only", "remount it writable, or work on a copy"),
    errno.EACCES: ("permission denied", "run as the owner, or ask for write permission"),
    errno.EPERM: ("the system does not permit it", "run as the owner; look for lock attributes"),
    errno.EIO: ("the disk reported an input/output error", "check the disk before trying again"),
    errno.ENAMETOOLONG: ("the file name gets too long", "use a shorter file name"),
    errno.EMFILE: ("too many files are open", "close some, or raise the limit"),
    errno.ENFILE: ("too many files are open on this machine", "close some and try again"),
    errno.ENOENT: ("the folder is not there", "look whether it was moved"),
    errno.ENOTDIR: ("a part of the path is no folder", "look at the path"),
    errno.ELOOP: ("the path leads through a symbolic link it must not follow", "use the real path"),
}

NO_LINKS = frozenset(
    {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}
)
"""A hard link can't be made here, which says nothing about other ways."""

NO_FOLDER_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EBADF})
"""This file system does not sync folders at all, as opposed to failing at it."""


class NotDurableError(PartlyDoneError):
    """The new bytes are in place, but a power cut could still bring the old ones back.

    Parameters
    ----------
    where, found : str
        As in `bmux_forensics.errors.ForensicsError`.
    identity : FileIdentity, optional
        The file that now stands at the path.
    """

    kind = "not-durable"

    def __init__(self, where: str, found: str, *, identity: FileIdentity | None = None) -> None:
        super().__init__(where, found, advice="check the disk; the backup keeps the old bytes")
        self.identity = identity


class LockChangedError(BusyError):
    """The lock is no longer the one that was looked at, so it was left alone."""

    kind = "lock-changed"


def meaning(error: OSError) -> tuple[str, str]:
    """Name what happened and what to do about it.

    Examples
    --------
    >>> meaning(OSError(errno.ENOSPC, "No space left on device"))
    ('the disk is full', 'free some space and try again')
    >>> meaning(OSError(errno.EBUSY, "Device or resource busy"))[0]
    'device or resource busy'
    """
    known = _MEANINGS.get(error.errno or 0)
    if known:
        return known
    return (error.strerror or os.strerror(error.errno or errno.EIO)).lower(), "nothing was changed"


def write_error(where: str | os.PathLike[str], step: str, error: OSError) -> WriteError:
    """Say which step at which file failed, and why.

    Examples
    --------
    >>> print(write_error("snap.json", "writing the new bytes", OSError(errno.ENOSPC, "")))
    snap.json: writing the new bytes failed: the disk is full; free some space and try again
    """
    what, advice = meaning(error)
    return WriteError(os.fspath(where), f"{step} failed: {what}", advice=advice)


@contextmanager
def writing(where: str | os.PathLike[str], step: str) -> Iterator[None]:
    """Turn what the system refuses inside the block into a `WriteError`."""
    try:
        yield
    except OSError as error:
        raise write_error(where, step, error) from error
