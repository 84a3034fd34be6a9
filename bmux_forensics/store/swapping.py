"""Swap two names in one step, so that what is replaced is in our hand and not destroyed.

A server saves without any lock. Between the last look at a file and a rename over it, it
may put a newer file there, and the rename would destroy that. Linux can exchange two names
instead: then what was there is still there, under our name, and is looked at. If it is not
the file that was read, it goes back, and the edit is refused.

A run that is killed with somebody's save in its hand leaves it under a name that says whose
hand it was; `rescue` gives it a name that a person finds.
"""

from __future__ import annotations

import ctypes
import datetime as dt
import errno
import hashlib
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from bmux_forensics.store.aside import free_name
from bmux_forensics.store.backup_listing import backups
from bmux_forensics.store.folder import READ, Folder
from bmux_forensics.store.leftovers import is_made_here, parse, target_mark
from bmux_forensics.store.placing import place
from bmux_forensics.store.process import is_gone

_EXCHANGE = 2  # RENAME_EXCHANGE of linux/fs.h
_CANNOT = frozenset(
    {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM, errno.EXDEV}
)
_TRIES = 100
_HELD = ("swap", "aside")

Exchange = Callable[[int, bytes, int, bytes, int], int]


@lru_cache(maxsize=1)
def _system_call() -> Exchange | None:
    """Return the C library's renameat2, None where it has none."""
    if os.name != "posix":
        return None
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is None:
        return None
    text, number = ctypes.c_char_p, ctypes.c_int
    function.argtypes = (number, text, number, text, ctypes.c_uint)
    call: Exchange = function
    return call


def swap(folder: Folder, one: str, other: str) -> bool:
    """Exchange two names of a folder in one step; False where this system can't.

    Raises
    ------
    OSError
        The system refused; nothing was changed.
    """
    call, fd = _system_call(), folder.fd
    if call is None or fd is None:
        return False
    if call(fd, os.fsencode(one), fd, os.fsencode(other), _EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT:
        return False
    raise OSError(number, os.strerror(number), one)


def give_back(folder: Folder, held: str, name: str, ours: int) -> None:
    """Put back what a swap took, and whatever was saved meanwhile: the newest has the name.

    Parameters
    ----------
    folder : Folder
        Where both names are.
    held : str
        The name under which we hold what is not ours.
    name : str
        The name it had, which our own file has now.
    ours : int
        Our own file's inode.

    Raises
    ------
    OSError
        The system refused; nothing is lost, `rescue` finds it.
    """
    expected = ours
    for _ in range(_TRIES):
        in_hand = folder.status(held).st_ino
        if not swap(folder, held, name):
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), name)
        if folder.status(held).st_ino == expected:
            return
        expected = in_hand  # somebody saved again: that is newer than what we have just put back


def rescue(folder: Folder, name: str) -> list[str]:
    """Give a save that a killed run had in its hand a name that a person finds.

    Parameters
    ----------
    folder : Folder
        Where the file is.
    name : str
        The name of the file.

    Returns
    -------
    list of str
        The new names, `<name>.rival-<UTC>-<8 hex of its sha256>`. What a backup holds too
        is removed instead. Nothing that goes wrong is raised: it stays where it is.
    """
    mark, found = target_mark(name), []
    with suppress(OSError):
        for known in filter(None, map(parse, folder.names())):
            if known.role not in _HELD or known.target != mark or not is_gone(known.owner):
                continue
            if is_made_here(known, folder.status(known.name)):
                folder.discard(known.name)  # killed before it was in place: that never happened
            else:
                found += _rescued(folder, known.name, name)
    return found


def _rescued(folder: Folder, held: str, name: str) -> list[str]:
    fd = folder.open(held, READ)
    with os.fdopen(fd, "rb") as file:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return []
        data = file.read()
    digest = hashlib.sha256(data).hexdigest()
    if _is_kept(folder.path / name, status.st_uid, digest, data):
        folder.discard(held)
        return []
    moment = dt.datetime.fromtimestamp(status.st_mtime, dt.UTC)
    final = free_name(folder, name, f".rival-{moment:%Y%m%dT%H%M%SZ}-{digest[:8]}")
    place(folder, held, final)
    folder.sync()
    return [final]


def _is_kept(path: Path, uid: int, sha256: str, data: bytes) -> bool:
    return any(
        backup.sha256 == sha256 and backup.path.read_bytes() == data
        for backup in backups(path, uid=uid)
    )
