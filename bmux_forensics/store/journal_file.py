"""The journal's file: private, opened without following a link, held while it is used."""

from __future__ import annotations

import os
import stat
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from bmux_forensics.errors import BusyError, FileUnreadableError, WriteError
from bmux_forensics.store.folder import READ, Folder, open_log, read_at, write_all
from bmux_forensics.store.journal_lines import Entry, parse, read
from bmux_forensics.store.refusals import meaning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME: Final = "journal.jsonl"

_WAIT: Final = 10.0  # seconds; an append takes milliseconds, so its holder is stopped by then
_POLL: Final = 0.001
_LAST: Final = 1 << 16  # bytes that hold the last line nearly always


@contextmanager
def held_for_append(folder: Folder) -> Iterator[int]:
    """Open the journal, making it where there is none, and hold it alone.

    Raises
    ------
    WriteError
        It is no regular file.
    BusyError
        Somebody else held it all the while.
    OSError
        The system refuses.
    """
    fd = open_log(folder, NAME)
    try:
        path = folder.path / NAME
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise WriteError(str(path), "it is no regular file", advice="move it away")
        if status.st_mode & 0o077 and hasattr(os, "fchmod"):
            os.fchmod(fd, 0o600)
        with _held(fd, path, alone=True):
            yield fd
    finally:
        os.close(fd)


@contextmanager
def held_for_reading(path: Path) -> Iterator[int | None]:
    """Open the journal while nobody appends to it; None where there is none.

    Raises
    ------
    FileUnreadableError
        The system does not let us, or it is no regular file.
    BusyError
        Somebody else held it all the while.
    """
    try:
        fd = os.open(path, READ | getattr(os, "O_BINARY", 0))
    except (FileNotFoundError, NotADirectoryError):
        yield None
        return
    except OSError as error:
        found = f"the journal can't be read: {meaning(error)[0]}"
        raise FileUnreadableError(str(path), found) from error
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            found = "no regular file"
            raise FileUnreadableError(str(path), found, expected="the journal")
        with _held(fd, path, alone=False):
            yield fd
    finally:
        os.close(fd)


@contextmanager
def _held(fd: int, path: Path, *, alone: bool) -> Iterator[None]:
    """Hold the kernel's lock on the open file, for which nobody has to clean up."""
    end = time.monotonic() + _WAIT
    while not _try_lock(fd, alone=alone):
        if time.monotonic() > end:
            found = f"somebody has held the journal for {_WAIT:g} s"
            raise BusyError(str(path), found, advice="look for a stopped bmux-forensics process")
        time.sleep(_POLL)
    try:
        yield
    finally:
        _unlock(fd)  # closing is not enough where a child was forked meanwhile


if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 40  # a byte that is never written: a lock there keeps nobody from reading

    def _try_lock(fd: int, *, alone: bool) -> bool:
        del alone
        os.lseek(fd, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(fd: int) -> None:
        os.lseek(fd, _FAR, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(fd: int, *, alone: bool) -> bool:
        try:
            fcntl.flock(fd, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_UN)


def find_last(fd: int, size: int) -> tuple[Entry | None, int]:
    """Find the last whole entry and where its line ends, reading no more than is needed.

    The end is one behind the end of the file where just the last newline is missing.
    """
    window = min(size, _LAST)
    while size:
        data = read_at(fd, size - window, window)
        before = data.rfind(b"\n", 0, -1)
        if before >= 0 or window == size:
            found = parse(data[before + 1 :].removesuffix(b"\n"), size - window + before + 1)
            if found is not None:
                return found, found.offset + found.size
            break
        window = min(size, window * 4)
    entries, _ = read(read_at(fd, 0, size))
    return (entries[-1], entries[-1].offset + entries[-1].size) if entries else (None, 0)


def write_lines(fd: int, lines: bytes, size: int) -> None:
    """Add lines to a file of that size, and return when they are on the disk."""
    try:
        write_all(fd, lines)
        os.fsync(fd)
    except BaseException:
        # What was not promised must not stand there; where it has to, the next entry seals it.
        with suppress(OSError):
            os.ftruncate(fd, size)
        raise
