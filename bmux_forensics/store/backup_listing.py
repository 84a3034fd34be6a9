"""Which backups there are of a file: a name says all that an undo needs, and is read here.

Names are made of numbers and hashes only:

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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bmux_forensics.store.folder import READ, Folder
from bmux_forensics.store.state import state_path

if TYPE_CHECKING:
    from collections.abc import Iterator

BACKUPS = "backups"
"""The folder of all backups, in the state folder."""
ORIGIN = "origin"
"""The file that says whose backups a folder holds."""
MOMENT = "%Y%m%dT%H%M%S.%fZ"
"""How a name tells when its backup was taken."""
NAME = re.compile(
    r"(?P<taken>\d{8}T\d{6}\.\d{6}Z)_(?P<sha256>[0-9a-f]{64})"
    r"_(?P<mode>[0-7]{1,7})_(?P<uid>\d+)_(?P<gid>\d+)_(?P<mtime>-?\d+)\.backup",
    re.ASCII,
)
"""The name of a backup."""

_LONGEST_PATH = 1 << 16


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


def path_mark(path: Path) -> str:
    """Hash a file's path: the name of the folder of its backups."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:32]


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
    root = state_path(uid) / BACKUPS
    if not root.is_dir():
        return
    marks = sorted(p.name for p in root.iterdir()) if origin is None else [path_mark(origin)]
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
            fd = folder.open(ORIGIN, READ)
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
    found = NAME.fullmatch(name)
    if found is None:
        return None
    try:
        taken = dt.datetime.strptime(found["taken"], MOMENT).replace(tzinfo=dt.UTC)
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
