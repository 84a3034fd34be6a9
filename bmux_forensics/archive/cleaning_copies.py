"""Cleaned copies of an archive: where each goes, and how it is written there.

A copy's name is the path of its file below the folder that all files have in common, so
the names are known before anything is done, and work that was lost is simply done again.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from bmux_forensics.archive.finding import Found
from bmux_forensics.archive.spelling import is_url, plain_path
from bmux_forensics.archive.stores import Destination
from bmux_forensics.errors import NotRewritableError, UsageError

Where = str | os.PathLike[str]
"""A folder or a URL."""


def is_only_here(destination: Destination) -> bool:
    """Tell whether no other process can write there: the memory of this one."""
    return os.fspath(destination.where).lower().startswith("memory:")


def copy_names(files: Sequence[Found]) -> list[str]:
    """Return the name of each file's copy.

    Examples
    --------
    >>> copy_names([Found("x", "/a/b/c.json"), Found("y", "/a/d.json")])
    ['b/c.json', 'd.json']
    >>> copy_names([Found("x", "/a/b/c.json")])
    ['c.json']
    """
    parts = [_parts(file) for file in files]
    if not parts:
        return []
    shortest = min(len(each) - 1 for each in parts)
    common = 0
    while common < shortest and len({each[common] for each in parts}) == 1:
        common += 1
    return ["/".join(each[common:]) for each in parts]


def _parts(file: Found) -> list[str]:
    """Return a place as words, so that no two files have the same ones."""
    if file.store is not None or is_url(file.path):
        scheme, _, rest = file.name.partition("://")
        return [scheme, *(word for word in rest.split("/") if word not in ("", ".", ".."))]
    path = os.path.abspath(file.path)  # noqa: PTH100 - a link stays the file that was named
    return ["file", *PurePosixPath(path).parts[1:]]


def require_apart(destination: Destination, sources: Sequence[Where], names: Sequence[str]) -> None:
    """Refuse to write among what is read, or two copies under one name.

    Raises
    ------
    UsageError
        The destination is one of the sources or in it, or a file, or two names are the same.
    """
    where = plain_path(os.fspath(destination.where))
    if not destination.is_remote and Path(where).is_file():
        raise UsageError(where, "a file", expected="a folder")
    for each in sources:
        source = plain_path(os.fspath(each))
        if is_url(source) == destination.is_remote and _is_within(where, source):
            raise UsageError(where, "a place that is read", expected="another place for the copies")
    if len(set(names)) < len(names):
        raise UsageError(where, "two copies of one name", advice="clean the folders one by one")


def _is_within(where: str, source: str) -> bool:
    if is_url(source):
        return f"{where.rstrip('/')}/".startswith(f"{source.rstrip('/')}/")
    target, place = os.path.realpath(where), os.path.realpath(source)
    return target == place or target.startswith(place.rstrip(os.sep) + os.sep)


def put_copy(destination: Destination, name: str, data: bytes, mtime_ns: int | None) -> str:
    """Write a copy unless it is there already, and return where it is.

    Parameters
    ----------
    destination : Destination
        The folder or the URL.
    name : str
        The copy's name.
    data : bytes
        The copy.
    mtime_ns : int or None
        The time that a local copy gets.

    Raises
    ------
    NotRewritableError
        Something else has the name; it is left alone.
    WriteError
        It can't be written.
    """
    there = destination.get(name)
    place = destination.place(name)
    if there is not None:
        if there != data:
            raise NotRewritableError(
                place, "another file of that name", advice="write the copies elsewhere"
            )
        return place
    place = destination.put(name, data)
    if not destination.is_remote and mtime_ns is not None:
        with suppress(OSError):  # a courtesy: the copy itself is there
            os.utime(Path(place), ns=(mtime_ns, mtime_ns))
    return place
