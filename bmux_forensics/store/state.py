"""The folder where this tool keeps backups and its journal, private to the snapshot's owner.

Panes carry environment variables and commands, so nobody but the owner may look
into it. A folder that somebody else owns, or may write to, is refused: whoever can
put a file there could make us trust it. Root, at work on a user's snapshot, uses
that user's folder and hands over what it makes; every step there is taken from an
open folder and never through a symbolic link, because that user could move
everything meanwhile.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from bmux_forensics.errors import WriteError
from bmux_forensics.store.folder import Folder
from bmux_forensics.store.refusals import writing

VARIABLE = "BMUX_FORENSICS_STATE_DIR"
_NAME = "bmux-forensics"
_BELOW_HOME = (".local", "state", _NAME)
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_MOVE = f"set {VARIABLE} to a folder of your own"


def _me() -> int:
    return os.geteuid() if hasattr(os, "geteuid") else -1


def _home(uid: int | None) -> Path | None:
    """Tell whose home root has to use; None where our own state folder is the right one.

    A user whom the machine does not know, or who has no home, can't be handed
    anything: root then keeps it in its own folder, where nobody else looks.
    """
    if uid in (None, 0) or _me() != 0 or os.environ.get(VARIABLE):
        return None
    import pwd  # noqa: PLC0415 - POSIX only, and only root gets here

    try:
        home = Path(pwd.getpwuid(uid).pw_dir)
    except KeyError:
        return None
    return home if home.is_dir() else None


def state_path(uid: int | None = None) -> Path:
    """Name the state folder, and make nothing.

    Parameters
    ----------
    uid : int, optional
        The snapshot's owner; it matters only to root.

    Returns
    -------
    Path
        `$BMUX_FORENSICS_STATE_DIR`, else the user's state folder of the platform;
        for root on the snapshot of a user with a home, that user's.

    Examples
    --------
    >>> state_path().is_absolute()
    True
    """
    home = _home(uid)
    if home is not None:
        return home.joinpath(*_BELOW_HOME)
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).absolute()
    import platformdirs  # noqa: PLC0415 - not needed when the variable names the folder

    return platformdirs.user_state_path(_NAME)


def open_state(uid: int | None = None, *below: str) -> Folder:
    """Open the state folder, or one inside it, making what is missing.

    Parameters
    ----------
    uid : int, optional
        The snapshot's owner; it matters only to root.
    *below : str
        Names of folders inside it, one level each.

    Returns
    -------
    Folder
        Open, owned by the right user, entered by nobody else. Close it.

    Raises
    ------
    WriteError
        It can't be made, or somebody else owns it or may write to it.
    """
    home = _home(uid)
    if home is None or uid is None:
        path = state_path()
        with writing(path, "making the state folder"):
            _make(path)
        return _descend(_open_own(path), below, _me())
    with writing(home, "opening the user's home"):
        folder = Folder(home)
    folder = _descend(folder, _BELOW_HOME[:-1], uid, private=False)
    return _descend(folder, (_BELOW_HOME[-1], *below), uid)


def open_below(folder: Folder, name: str, uid: int) -> Folder:
    """Open a folder inside an open one that `open_state` gave, making it where it is missing.

    It is owned and private as that one is, which stays open. Raises as `open_state`.
    """
    return _enter(folder, name, uid if _home(uid) is not None else _me(), private=True)


def _make(path: Path) -> None:
    """Make the folder and what leads to it, private, without touching what is there."""
    missing = []
    while not path.is_symlink() and not path.exists():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)


def _open_own(path: Path) -> Folder:
    with writing(path, "opening the state folder"):
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode) and status.st_uid not in (0, _me()):
            raise WriteError(str(path), f"a link that user {status.st_uid} planted", advice=_MOVE)
        folder = Folder(path)
    return _checked(folder, _me(), private=True)


def _descend(folder: Folder, names: tuple[str, ...], uid: int, *, private: bool = True) -> Folder:
    """Go down one open folder at a time; what is made belongs to the user it is for."""
    for name in names:
        try:
            inner = _enter(folder, name, uid, private=private)
        finally:
            folder.close()
        folder = inner
    return folder


def _enter(folder: Folder, name: str, uid: int, *, private: bool) -> Folder:
    with writing(folder.path / name, "making the state folder"):
        made = folder.make_sub(name)
        inner = _open_inside(folder, name)
        if made:
            _hand_over(inner, uid)
    return _checked(inner, uid, private=private)


def _open_inside(folder: Folder, name: str) -> Folder:
    try:
        return folder.sub(name)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            found = "a symbolic link or a file where a folder should be"
            raise WriteError(str(folder.path / name), found, advice=_MOVE) from error
        raise


def _hand_over(folder: Folder, uid: int) -> None:
    # The user may have put another folder there since; only one that root made is handed over.
    if _me() != 0 or uid == 0 or folder.status().st_uid != 0:
        return
    import pwd  # noqa: PLC0415 - POSIX only, and only root gets here

    folder.own(uid, pwd.getpwuid(uid).pw_gid)


def _checked(folder: Folder, uid: int, *, private: bool) -> Folder:
    """Let only a folder pass that this user owns and, where it is ours, that is private."""
    if os.name != "posix":
        return folder
    status = folder.status()
    problem = None
    if status.st_uid != uid:
        problem = f"it belongs to user {status.st_uid}, not to {uid}"
    elif private and status.st_mode & _OTHERS_WRITE:
        problem = f"others may write to it (mode {stat.S_IMODE(status.st_mode):04o})"
    if problem is not None:
        folder.close()
        raise WriteError(str(folder.path), problem, advice=_MOVE)
    if private and status.st_mode & _OTHERS:
        with writing(folder.path, "making the state folder private"):
            folder.restrict(0o700)
    return folder
