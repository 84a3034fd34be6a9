"""One chunk of files: opened, judged, and given to whatever is asked of them.

This is what a worker process does. Nothing that a file holds stops the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from bmux_forensics.actions.compression import decompressed
from bmux_forensics.actions.opening import bytes_of
from bmux_forensics.archive.finding import Found
from bmux_forensics.archive.remote import Fetched, fetched
from bmux_forensics.errors import ForensicsError, printable
from bmux_forensics.snapshot.collection import no_collection
from bmux_forensics.snapshot.document import Snapshot, read_snapshot
from bmux_forensics.snapshot.sieve import settle
from bmux_forensics.tables.build import Tables

T = TypeVar("T")


class Status(StrEnum):
    """What became of a file."""

    LOADED = "loaded"
    """All of it is in the tables."""
    DAMAGED = "damaged"
    """Something in it is not as bmux writes it; what can be read is in the tables."""
    UNREADABLE = "unreadable"
    """No bytes could be read."""


@dataclass(frozen=True, slots=True)
class FileStatus:
    """What became of one file: a row of the status table."""

    file: Found
    status: Status
    reason: str | None = None
    size: int | None = None
    sha256: str | None = None

    @property
    def in_tables(self) -> bool:
        """Whether the file may have rows."""
        return self.sha256 is not None


@dataclass(frozen=True, slots=True)
class ChunkDone(Generic[T]):
    """A chunk that was worked on: a row a file, and the answer to what was asked."""

    files: tuple[FileStatus, ...]
    value: T | None


@dataclass(frozen=True, slots=True)
class ChunkWork(Generic[T]):
    """Open the files of a chunk and ask something of their tables.

    Parameters
    ----------
    ask : callable or None
        Asked of the tables of the files that could be read; None asks nothing.
    show_env : bool
        Show the values of environment variables instead of a mask.
    size_limit : int or None
        Refuse larger snapshots, decompressed.
    """

    ask: Callable[[Tables], T] | None
    show_env: bool = False
    size_limit: int | None = None

    def __call__(self, files: tuple[Found, ...]) -> ChunkDone[T]:
        """Do it."""
        with no_collection():
            done = opened(files, self.size_limit)
            snapshots = [snapshot for snapshot, _ in done if snapshot is not None]
            value = self.ask(Tables(snapshots, show_env=self.show_env)) if self.ask else None
            return ChunkDone(tuple(status for _, status in done), value)


def lost(files: tuple[Found, ...]) -> ChunkDone[Any]:
    """Return what is known of a chunk whose worker process was ended, whenever it was tried."""
    reason = "the process that read it was ended; out of memory, perhaps"
    return ChunkDone(tuple(FileStatus(f, Status.UNREADABLE, reason) for f in files), None)


def opened(
    files: tuple[Found, ...], size_limit: int | None
) -> list[tuple[Snapshot | None, FileStatus]]:
    """Open files wherever they are; what can't be read is no snapshot."""
    remote = fetched([f for f in files if f.store is not None and not f.problem], size_limit)
    done = [_opened(file, remote.pop(file.name, None), size_limit) for file in files]
    settle(reading for found in done if isinstance(found, Snapshot) for reading in found.readings)
    pairs = zip(files, done, strict=True)
    return [
        _judged(found, file) if isinstance(found, Snapshot) else (None, found)
        for file, found in pairs
    ]


def _opened(file: Found, data: Fetched | None, size_limit: int | None) -> Snapshot | FileStatus:
    if file.problem:
        return FileStatus(file, Status.UNREADABLE, file.problem)
    try:
        raw = _bytes(file, data, size_limit)
        return read_snapshot(raw, file.name, saved_at=file.captured_at)
    except ForensicsError as error:
        return FileStatus(file, Status.UNREADABLE, reason_of(error, file))
    except MemoryError:
        return FileStatus(file, Status.UNREADABLE, "more than memory holds")


def _judged(snapshot: Snapshot, file: Found) -> tuple[Snapshot, FileStatus]:
    problems = snapshot.problems
    status = Status.DAMAGED if problems else Status.LOADED
    reason = reason_of(problems[0], file) if problems else None
    return snapshot, FileStatus(file, status, reason, len(snapshot.raw), snapshot.sha256)


def _bytes(file: Found, data: Fetched | None, size_limit: int | None) -> bytes:
    if data is None:
        return bytes_of(file.path, size_limit=size_limit)
    if isinstance(data, ForensicsError):
        raise data
    return decompressed(data, file.name, size_limit)


def reason_of(error: ForensicsError, file: Found) -> str:
    """Return what is wrong without the path, which has a column of its own.

    Examples
    --------
    >>> from bmux_forensics.errors import FileMissingError
    >>> reason_of(FileMissingError("a.json", "no such file"), Found("a.json", "/day/a.json"))
    'no such file'
    >>> reason_of(FileMissingError("a.json.lock", "no such file"), Found("a.json", "/day/a.json"))
    'a.json.lock: no such file'
    """
    text = str(error)
    for path in (file.name, file.path):
        name = printable(path)
        if text.startswith((f"{name}:", f"{name},")):  # and not what stands beside the file
            return text[len(name) :].lstrip(":, ")
    return text
