"""Which backups there are of a file: a name says all that an undo needs, and is read here.

Names are made of numbers and hashes only:

    <state>/backups/
        origins                       the paths of the files, as bytes
        <hash of a file's path>/
            <UTC>_<sha256>_<mode>_<uid>_<gid>_<mtime ns>.backup
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bmux_forensics.store.backup_origins import noted_origins, origin_beside, path_mark
from bmux_forensics.store.state import state_path

if TYPE_CHECKING:
    from collections.abc import Iterator

BACKUPS = "backups"
"""The folder of all backups, in the state folder."""
MOMENT = "%Y%m%dT%H%M%S.%fZ"
"""How a name tells when its backup was taken."""
NAME = re.compile(
    r"(?P<taken>\d{8}T\d{6}\.\d{6}Z)_(?P<sha256>[0-9a-f]{64})"
    r"_(?P<mode>[0-7]{1,7})_(?P<uid>\d+)_(?P<gid>\d+)_(?P<mtime>-?\d+)\.backup",
    re.ASCII,
)
"""The name of a backup."""


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
    if origin is not None:
        yield from _list_one(root / path_mark(origin), origin)
        return
    origins = noted_origins(root)
    for folder in sorted(root.iterdir()):
        found = origins.get(folder.name) or origin_beside(folder)
        if found is not None:
            yield from _list_one(folder, found)


def _list_one(path: Path, origin: Path) -> Iterator[Backup]:
    if not path.is_dir():
        return
    for name in sorted(p.name for p in path.iterdir()):
        found = parse_name(name, path, origin)
        if found is not None:
            yield found


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
