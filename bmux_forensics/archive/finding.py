"""Which files an archive is made of: paths, folders and globs become one list of files.

Everything else in this room works on that list and does not ask where it came from, so
another kind of place (an object store, say) is one more way to make it.
"""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Final

from bmux_forensics.archive.moments import host_in, host_pattern, moment_in, zone
from bmux_forensics.errors import path_text

SUFFIXES: Final = (".json", ".gz", ".xz", ".zst")
"""How the names of the files end that are taken from a folder; others need to be named."""

COMPRESSED: Final = (".gz", ".xz", ".zst")
STDIN: Final = "-"


@dataclass(frozen=True, slots=True)
class Found:
    """A file of an archive, before it is opened.

    Parameters
    ----------
    name : str
        What tables and messages call it: its path as text, different for every file.
    path : str
        The path as the system has it, absolute: a worker may stand in another folder.
    captured_at : datetime or None
        From the file's name, else its mtime (UTC); None where neither can be had.
    host : str or None
        From the path, where a pattern says so.
    size : int
        Bytes of the file as it lies there; 0 where that can't be told.
    problem : str
        Why it can't be read, where that is known already.
    """

    name: str
    path: str
    captured_at: datetime | None = None
    host: str | None = None
    size: int = 0
    problem: str = ""


def find_files(
    paths: Iterable[str | os.PathLike[str]],
    *,
    tz: str | tzinfo | None = None,
    host: str | None = None,
) -> list[Found]:
    """Return every file that some paths mean: in argument order, then by path, each once.

    A path that exists is taken as it is; one that does not and has wildcards is a glob
    (``**`` for any depth). A folder gives the files below it whose names end as in
    `SUFFIXES`; hidden ones and folders behind symbolic links are left out. What can't be
    read or is not there is in the list too, with its problem, so that nothing is lost.

    Parameters
    ----------
    paths : iterable of path-like
        Files, folders, globs, or ``-`` for standard input.
    tz : str or tzinfo, optional
        The zone of moments in names that are not marked as UTC; by default UTC.
    host : str, optional
        A pattern as in `bmux_forensics.archive.moments.host_pattern`.

    Raises
    ------
    UsageError
        There is no such zone, or the pattern has no ``{host}``.
    """
    assumed, pattern = zone(tz), host_pattern(host)
    found: dict[str, Found] = {}
    names: set[str] = set()
    for argument in paths:
        for file in _meant_by(os.fspath(argument)):
            identity = file.path if file.path == STDIN else os.path.abspath(file.path)  # noqa: PTH100 - a link stays the file that was named
            if identity not in found:
                found[identity] = _described(file, assumed, pattern, names)
    return list(found.values())


def _meant_by(path: str) -> Iterator[Found]:
    if path == STDIN:
        yield Found(path, path)
    elif os.path.lexists(path):
        yield from _below(path)
    elif not glob.has_magic(path):
        yield Found(path, path, problem="no such file")
    elif matches := sorted(glob.glob(path, recursive=True)):  # noqa: PTH207 - an absolute pattern works too
        for match in matches:
            yield from _below(match)
    else:
        yield Found(path, path, problem="no file matches")


def _below(path: str) -> Iterator[Found]:
    """Return a file itself, or the files below a folder, by path."""
    if not Path(path).is_dir():
        yield Found(path, path)
        return
    unread: list[Found] = []

    def remember(error: OSError) -> None:
        where = str(error.filename)
        unread.append(Found(where, where, problem=(error.strerror or str(error)).lower()))

    files = []
    for folder, inner, names in os.walk(path, onerror=remember):
        inner[:] = [name for name in inner if not name.startswith(".")]
        files += [Path(folder, name) for name in names if _is_taken(name)]
    yield from sorted([*(Found(str(f), str(f)) for f in files), *unread], key=lambda f: f.path)


def _is_taken(name: str) -> bool:
    return name.endswith(SUFFIXES) and not name.startswith(".")


def _described(
    file: Found, assumed: tzinfo, pattern: re.Pattern[str] | None, names: set[str]
) -> Found:
    text = path_text(file.path)
    status = None if file.path == STDIN else _status(file.path)
    captured = moment_in(os.path.basename(text), assumed)  # noqa: PTH119 - of the spelled path
    if captured is None and status is not None:
        captured = _mtime(status)
    if file.path == STDIN:
        captured = datetime.now(UTC)
    size = status.st_size if status is not None and stat.S_ISREG(status.st_mode) else 0
    host = host_in(text, pattern)
    return Found(
        _unused(text, names), _absolute(file.path), captured, host, size, problem=file.problem
    )


def _absolute(path: str) -> str:
    """Put the folder in front, and no more: `..` after a symbolic link is not what it seems."""
    return path if path == STDIN else os.path.join(Path.cwd(), path)  # noqa: PTH118 - as said


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 - the path may hold what no Path likes
    except (OSError, ValueError):
        return None  # opening it will say why


def _mtime(status: os.stat_result) -> datetime | None:
    try:
        return datetime.fromtimestamp(status.st_mtime_ns / 1e9, UTC)
    except (ValueError, OverflowError, OSError):
        return None  # a file system can hold moments that no calendar has


def _unused(text: str, names: set[str]) -> str:
    """Return a name that no other file has: undecodable bytes may be spelled like another name."""
    name, number = text, 1
    while name in names:
        number += 1
        name = f"{text} ({number})"
    names.add(name)
    return name
