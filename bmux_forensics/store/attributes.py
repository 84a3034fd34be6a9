"""Everything of a file that is not its bytes: owner, permissions, times, extended attributes.

The moment bmux saved a snapshot is evidence, and so is who owns it. A replacement
that can't carry them is refused before anything is changed, except for labels
that only the system itself may set.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from bmux_forensics.errors import WriteError

if TYPE_CHECKING:
    from bmux_forensics.store.reading import FileIdentity

_SYSTEM_ONLY = ("security.", "trusted.", "system.")
_ACLS = ("system.posix_acl_access", "system.nfs4_acl")
_FORBIDDEN = frozenset({errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL})


def carry(fd: int, like: FileIdentity, source: int | None = None) -> None:
    """Give an open file the owner, permissions, times and extended attributes of another.

    Parameters
    ----------
    fd : int
        The new file, written to the end: a later write would change its time again.
    like : FileIdentity
        Owner, permissions and time of the last change.
    source : int, optional
        A descriptor of the old file, for its extended attributes and access time.

    Raises
    ------
    WriteError
        The owner or group can't be kept.
    OSError
        Anything else that the system refuses.
    """
    _carry_owner(fd, like)
    if source is not None:
        _carry_extended(fd, source)
    if hasattr(os, "fchmod"):
        os.fchmod(fd, stat.S_IMODE(like.mode))  # after the owner: a change of owner clears bits
    if os.utime in os.supports_fd:
        atime = like.mtime_ns if source is None else os.fstat(source).st_atime_ns
        os.utime(fd, ns=(atime, like.mtime_ns))


def _carry_owner(fd: int, like: FileIdentity) -> None:
    found = os.fstat(fd)
    if (found.st_uid, found.st_gid) == (like.uid, like.gid) or not hasattr(os, "fchown"):
        return
    try:
        os.fchown(fd, like.uid, like.gid)
    except OSError as error:
        raise WriteError(
            str(like.path),
            f"it belongs to user {like.uid}, group {like.gid}, and the new file would not",
            advice="run as its owner or as root",
        ) from error


def _carry_extended(fd: int, source: int) -> None:
    if not hasattr(os, "listxattr"):
        return
    try:
        names = os.listxattr(source)
    except OSError:  # this file system has none
        return
    for name in names:
        try:
            os.setxattr(fd, name, os.getxattr(source, name))
        except OSError as error:
            only_system = name.startswith(_SYSTEM_ONLY) and name not in _ACLS
            if not (only_system and error.errno in _FORBIDDEN):
                raise
