"""Whose backups a folder holds: one list of the paths of all files that were ever backed up.

A folder of backups is named by a hash of the file's path, and this list leads back from the
hash to the path. It is one file, only ever added to: a file for each folder would cost as
much as the backup itself. An entry proves itself, for its hash is the name of the folder.
So what was cut off in the middle, or changed, leads nowhere and does no harm.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bmux_forensics.store.folder import READ, Folder, open_log, read_at, write_all

if TYPE_CHECKING:
    from collections.abc import Iterable

ORIGINS: Final = "origins"
"""The list, in the folder of all backups; between two paths stands what none can have."""
ORIGIN: Final = "origin"
"""Older versions kept the path in a file of this name beside the backups."""

_BETWEEN: Final = b"\0"
_LONGEST_PATH: Final = 1 << 16


def path_mark(path: Path) -> str:
    """Hash a file's path: the name of the folder of its backups."""
    return _mark(os.fsencode(path))


def _mark(path: bytes) -> str:
    return hashlib.sha256(path).hexdigest()[:32]


def note_origins(folder: Folder, paths: Iterable[Path]) -> None:
    """Add paths to the list; when this returns they, and the folders' names, are on the disk.

    Parameters
    ----------
    folder : Folder
        Of all backups.
    paths : iterable of Path
        The files that have a new folder there.
    """
    # One write of whole entries, apart from whatever an earlier one left unfinished.
    entries = _BETWEEN.join((b"", *map(os.fsencode, paths), b""))
    fd = open_log(folder, ORIGINS)
    try:
        write_all(fd, entries)
        os.fsync(fd)
    finally:
        os.close(fd)
    folder.sync()


def noted_origins(root: Path) -> dict[str, Path]:
    """Return the path for each mark that the list knows; empty where there is no list."""
    try:
        with Folder(root) as folder:
            data = _read(folder, ORIGINS, None)
    except OSError:
        return {}
    return {_mark(path): Path(os.fsdecode(path)) for path in data.split(_BETWEEN) if path}


def origin_beside(path: Path) -> Path | None:
    """Read whose backups a folder of an older version holds; None where it does not say."""
    try:
        with Folder(path) as folder:
            found = _read(folder, ORIGIN, _LONGEST_PATH)
    except OSError:
        return None
    return Path(os.fsdecode(found)) if found else None


def _read(folder: Folder, name: str, limit: int | None) -> bytes:
    """Read a file of ours; what is no regular file is not waited for."""
    fd = folder.open(name, READ)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return b""
        return read_at(fd, 0, status.st_size if limit is None else min(limit, status.st_size))
    finally:
        os.close(fd)
