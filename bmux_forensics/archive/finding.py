"""Which files an archive is made of: paths, folders, globs and URLs become one list of files.

Everything else in this room works on that list and does not ask where it came from.
"""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Final

from bmux_forensics.archive.moments import host_in, host_pattern, moment_in, zone
from bmux_forensics.archive.remote import remote_files
from bmux_forensics.archive.spelling import is_url, plain_path
from bmux_forensics.archive.stores import Options
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
        The path as the system has it, absolute: a worker may stand in another folder;
        or the path in its store.
    captured_at : datetime or None
        From the file's name, else its mtime (UTC); None where neither can be had.
    host : str or None
        From the path, where a pattern says so.
    size : int
        Bytes of the file as it lies there; 0 where that can't be told.
    problem : str
        Why it can't be read, where that is known already.
    store : fsspec file system, optional
        Where the file is, when that is no folder of this machine.
    """

    name: str
    path: str
    captured_at: datetime | None = None
    host: str | None = None
    size: int = 0
    problem: str = ""
    store: Any = field(default=None, repr=False, compare=False)

    @property
    def is_only_here(self) -> bool:
        """Whether no other process can read it: standard input, or the memory of this one."""
        return self.path == STDIN or getattr(self.store, "protocol", None) == "memory"


def find_files(
    paths: Iterable[str | os.PathLike[str]],
    *,
    tz: str | tzinfo | None = None,
    host: str | None = None,
    options: Options | None = None,
) -> list[Found]:
    """Return every file that some paths mean: in argument order, then by path, each once.

    A path that exists is taken as it is; one that does not and has wildcards is a glob
    (``**`` for any depth). A folder gives the files below it whose names end as in
    `SUFFIXES`; hidden ones and folders behind symbolic links are left out. A URL means the
    same in its store. What can't be read or is not there is in the list too, with its
    problem, so that nothing is lost.

    Parameters
    ----------
    paths : iterable of path-like
        Files, folders, globs, URLs of them, or ``-`` for standard input.
    tz : str or tzinfo, optional
        The zone of moments in names that are not marked as UTC; by default UTC.
    host : str, optional
        A pattern as in `bmux_forensics.archive.moments.host_pattern`.
    options : dict, optional
        What the stores of URLs are told (``storage_options``).

    Raises
    ------
    UsageError
        There is no such zone, or the pattern has no ``{host}``.
    """
    assumed, pattern = zone(tz), host_pattern(host)
    found: dict[tuple[str, ...], Found] = {}
    names: set[str] = set()
    for argument in paths:
        for file in _meant_by(os.fspath(argument), options):
            identity = _identity(file)
            if identity not in found:
                found[identity] = _described(file, assumed, pattern, names)
    return list(found.values())


def _identity(file: Found) -> tuple[str, ...]:
    """Return what two names of one file have in common."""
    if file.store is not None:
        return str(file.store._fs_token), file.path  # noqa: SLF001 - fsspec's way to say which store it is
    if file.path == STDIN or is_url(file.path):
        return (file.path,)
    return (os.path.abspath(file.path),)  # noqa: PTH100 - a link stays the file that was named


def _meant_by(path: str, options: Options | None) -> Iterator[Found]:
    if is_url(path):
        yield from remote_files(path, options, _is_taken, Found(path, path))
        return
    path = plain_path(path)
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
    if not os.path.isdir(path):  # noqa: PTH112 - asked of every file
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
    yield from sorted([*(Found(f, f) for f in map(str, files)), *unread], key=lambda f: f.path)


def _is_taken(name: str) -> bool:
    return name.endswith(SUFFIXES) and not name.startswith(".")


def _described(
    file: Found, assumed: tzinfo, pattern: re.Pattern[str] | None, names: set[str]
) -> Found:
    text = path_text(file.name)
    there = file if file.store is not None or is_url(file.path) else _looked_at(file)
    last = os.path.basename(text.partition("::")[0] if file.store is not None else text)  # noqa: PTH119 - of the spelled path
    captured = moment_in(last, assumed) or there.captured_at
    name = _unused(text, names)
    return replace(there, name=name, captured_at=captured, host=host_in(text, pattern))


def _looked_at(file: Found) -> Found:
    """Return a local file with its time and size, and its path from the root."""
    if file.path == STDIN:
        return replace(file, captured_at=datetime.now(UTC))
    status = _status(file.path)
    captured = None if status is None else _mtime(status)
    size = status.st_size if status is not None and stat.S_ISREG(status.st_mode) else 0
    return replace(file, path=_absolute(file.path), captured_at=captured, size=size)


def _absolute(path: str) -> str:
    """Put the folder in front, and no more: `..` after a symbolic link is not what it seems."""
    return path if os.path.isabs(path) else os.path.join(Path.cwd(), path)  # noqa: PTH117, PTH118 - as said, and a thousand times over


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
