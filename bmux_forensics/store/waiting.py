"""Waiting for a lock in a queue that only our own processes know of.

The marker is written under a name of its own before it is linked to the lock, and
as long as it waits there its name tells when its process came. Whoever finds the
lock free and an older one waiting leaves the lock to it for a moment. bmux knows
nothing of this and may come in between, as it always may.
"""

from __future__ import annotations

import os
import secrets
import stat
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from bmux_forensics.errors import WriteError
from bmux_forensics.store.folder import MAKE, Folder, write_all
from bmux_forensics.store.leftovers import Leftover, parse, siblings, sweep, temp_name
from bmux_forensics.store.marker import render
from bmux_forensics.store.process import is_alive, this_process
from bmux_forensics.store.refusals import NO_LINKS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POLL = 0.004
"""Seconds between looks; bmux looks every 50 ms, but a short gap needs a quick look."""

COURTESY = 0.06
"""Seconds for which a free lock is left to whoever waits longer; it may be stopped."""

_BREAKER_TRIES = 50  # a tenth of a second


class Claim:
    """One try for one lock, from the wait to the release: its open folder and its marker."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = Folder(path.parent)
        self.name = ""
        self.fd = -1
        self._content = b""
        self._pid = os.getpid()
        self._free_since: float | None = None

    def prepare(self) -> None:
        """Write the marker under a name of its own; that name is our place in the queue."""
        if self.name:
            return
        sweep(self.folder, self.path.name)
        self._content = render(this_process(), secrets.token_hex(8))
        # The name is known before the file is there: a signal in between must not lose it.
        self.name = temp_name(self.path.name, "lock")
        self._make(self.name)

    def _make(self, name: str) -> None:
        """Write a marker; its open descriptor keeps the inode from being handed out again."""
        fd = self.folder.open(name, MAKE, 0o644)
        try:
            write_all(fd, self._content)
            os.fsync(fd)  # a power cut must not leave a lock that does not say whose it was
        except BaseException:
            self.folder.discard(name)
            os.close(fd)
            raise
        old, self.fd = self.fd, fd
        if old >= 0:
            os.close(old)

    def claim(self) -> bool:
        """Take the lock if it is free and our turn."""
        if self._taken() or not self._our_turn():
            return False
        try:
            self.folder.link(self.name, self.path.name)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            try:
                self._make(self.path.name)
            except FileExistsError:
                return False
        self.folder.discard(self.name)
        return True

    def _taken(self) -> bool:
        try:
            status = self.folder.status(self.path.name)
        except FileNotFoundError:
            return False
        if stat.S_ISDIR(status.st_mode):
            advice = "remove that folder; bmux can't edit offline while it is there"
            raise WriteError(str(self.path), "the lock is a folder", advice=advice)
        self._free_since = None
        return True

    def _our_turn(self) -> bool:
        """Let whoever waits longer go first, but not for long: it may be stopped."""
        now = time.monotonic()
        if self._free_since is None:
            self._free_since = now
        mine = parse(self.name)
        if mine is None or now - self._free_since > COURTESY:
            return True
        return not any(self._waits_longer(other, mine) for other in siblings(self.folder))

    def _waits_longer(self, other: Leftover, mine: Leftover) -> bool:
        if (other.role, other.target) != (mine.role, mine.target):
            return False
        if (other.moment, other.name) >= (mine.moment, mine.name):
            return False
        owner = other.owner
        here = owner.is_place(mine.owner) and (owner.boot, owner.pidns) == (
            mine.owner.boot,
            mine.owner.pidns,
        )
        return here and is_alive(owner.pid, owner.start) is True

    def is_ours(self) -> bool:
        """Tell whether the marker on disk is the one that this claim made."""
        try:
            return os.path.samestat(self.folder.status(self.path.name), os.fstat(self.fd))
        except OSError:
            return False

    def let_go(self) -> None:
        """Leave no trace, wherever it stands; may be called again when it was interrupted.

        Raises
        ------
        OSError
            The marker can't be removed; all else is let go of.
        """
        problem = None
        if self._pid == os.getpid():  # a forked child has a copy of the claim, not the lock
            try:
                if self.fd >= 0:
                    remove_own(self.folder, self.path.name, self.fd)
            except OSError as error:
                problem = error
            if self.name:
                self.folder.discard(self.name)
        fd, self.fd, self.name = self.fd, -1, ""
        if fd >= 0:
            os.close(fd)
        self.folder.close()
        if problem is not None:
            raise problem


def remove_own(folder: Folder, name: str, fd: int) -> bool:
    """Remove a marker by name while it is the open one; False when it is not there any more.

    Whoever breaks a lock holds a kernel lock on the marker's inode from looking at
    it until it is gone; so do we, and the name can't change hands in between.
    """
    with exclusive(fd), suppress(FileNotFoundError):
        if os.path.samestat(folder.status(name), os.fstat(fd)):
            folder.unlink(name)
            return True
    return False


@contextmanager
def exclusive(fd: int) -> Iterator[bool]:
    """Hold the kernel's lock on an open file; yield False where that can't be had.

    Nobody holds it for longer than a few system calls, so waiting is short; a
    stranger who keeps it must not keep us, so waiting is bounded too.
    """
    try:
        import fcntl  # noqa: PLC0415 - POSIX only
    except ImportError:
        yield False
        return
    for _ in range(_BREAKER_TRIES):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(POLL / 2)
        except OSError:  # this file system has no such locks
            break
        else:
            try:
                yield True
            finally:
                fcntl.flock(fd, fcntl.LOCK_UN)
            return
    yield False
