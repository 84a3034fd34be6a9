"""The lock that bmux and this tool share: `<snapshot>.lock`, made by whoever edits offline.

bmux makes the file, and fails when it is there; nobody reads it, nobody notices a
stale one. We keep to that and add two things that bmux need not know. The marker
appears whole, as a hard link to a file that was written before, so that a process
killed at any moment leaves a marker that names it. And the files that wait to be
linked are a queue: among our own processes whoever came first goes first, so that
nobody times out because rivals were luckier.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import filelock

from bmux_forensics.errors import BusyError, PartlyDoneError
from bmux_forensics.store.marker import holder_alive, links_of, lock_path, look
from bmux_forensics.store.process import this_process
from bmux_forensics.store.refusals import meaning, writing
from bmux_forensics.store.waiting import POLL, Claim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Self

    from bmux_forensics.store.folder import Folder
    from bmux_forensics.store.marker import Seen

DEFAULT_TIMEOUT = 3.0
"""Seconds to wait for a rival, as bmux does."""


class LockHeldError(BusyError):
    """Somebody else holds the lock, and did so for as long as we were willing to wait.

    Parameters
    ----------
    where, found, advice
        As in `bmux_forensics.errors.ForensicsError`.
    seen : Seen or None
        The lock as it was seen at the end.
    timeout : float
        Seconds that we waited.

    Attributes
    ----------
    path : Path
        The lock.
    age : float or None
        Seconds since its marker was made.
    pid : int or None
        The holder's process number.
    host : str
        The holder's host, "" when the marker does not say.
    alive : bool or None
        Whether the holder runs; None when that can't be told.
    """

    kind = "lock-held"

    def __init__(
        self,
        where: str,
        found: str,
        *,
        advice: str = "",
        seen: Seen | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        super().__init__(where, found, advice=advice)
        self.path = Path(where)
        self.age = seen.age if seen else None
        self.timeout = timeout
        holder = seen.marker.holder if seen else None
        self.pid = holder.pid if holder else None
        self.host = holder.host if holder else ""
        self.alive = holder_alive(seen.marker) if seen else None


class LockLeftError(PartlyDoneError):
    """The lock could not be removed; what was done while it was held is done."""

    kind = "lock-left"


class SnapshotLock(filelock.BaseFileLock):
    """Hold `<snapshot>.lock`, in bmux's protocol and with filelock's interface.

    Parameters
    ----------
    snapshot : path-like
        The snapshot as it is named; a symbolic link is not followed, for bmux does
        not either. `locked` takes the locks of all its names.
    timeout : float
        Seconds to wait for a rival. filelock itself fills in -1, so a negative one
        means the default of 3 s here; `acquire(timeout=-1)` waits for ever.
    thread_local : bool
        Whether every thread holds it on its own.
    blocking : bool
        Whether to wait at all.

    Notes
    -----
    Acquiring raises `LockHeldError` instead of `filelock.Timeout`, and `WriteError`
    at once where no lock can be made. A marker that was broken and made anew by
    somebody else is left alone on release.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with SnapshotLock(Path(folder, "snap.json")) as lock:
    ...         Path(lock.lock_file).read_text().startswith(f"pid={os.getpid()}")
    True
    """

    def __init__(
        self,
        snapshot: str | os.PathLike[str],
        timeout: float = -1,
        thread_local: bool = True,  # noqa: FBT001, FBT002, RUF100 - filelock's own signature
        *,
        blocking: bool = True,
    ) -> None:
        super().__init__(
            str(lock_path(snapshot)),
            timeout=DEFAULT_TIMEOUT if timeout < 0 else timeout,
            thread_local=thread_local,
            blocking=blocking,
        )
        self._claims = threading.local()
        self._holds: dict[int, Claim] = {}

    def acquire(
        self,
        timeout: float | None = None,
        poll_interval: float | None = None,
        **options: Any,  # whatever else the installed filelock takes
    ) -> filelock.AcquireReturnProxy[Self]:
        """Take the lock, waiting as long as the timeout says.

        Raises
        ------
        LockHeldError
            Somebody else held it all the while.
        WriteError
            No lock can be made here.
        """
        poll = POLL if poll_interval is None else poll_interval
        if self.is_locked:
            return super().acquire(timeout, poll, **options)
        path, done = Path(self.lock_file), False
        with writing(path, "making the lock"):
            claim = self._claims.current = Claim(path)
        try:
            proxy = super().acquire(timeout, poll, **options)
            done = True
        except filelock.Timeout as error:
            waited = self.timeout if timeout is None else timeout
            raise _held_error(path, claim.folder, waited) from error
        finally:
            if not done:  # a signal handler may have raised at any moment since
                with suppress(OSError):
                    claim.let_go()
                self._forget()
        return proxy

    def _acquire(self) -> None:
        claim: Claim = self._claims.current
        with writing(claim.path, "making the lock"):
            claim.prepare()
            if not claim.claim():
                return
        self._holds[claim.fd] = claim
        self._context.lock_file_fd = claim.fd

    def _release(self) -> None:
        claim = self._holds.get(self._context.lock_file_fd or -1)
        try:
            if claim is not None:
                claim.let_go()
        except OSError as error:
            self._forget()
            raise left_error(self.lock_file, error) from error
        self._forget()  # only now: whatever interrupts the removal, it can be done again

    def _forget(self) -> None:
        fd, self._context.lock_file_fd = self._context.lock_file_fd, None
        if fd is not None:
            self._holds.pop(fd, None)

    @property
    def is_ours(self) -> bool:
        """Whether the marker on disk is still the one that this lock made."""
        claim = self._holds.get(self._context.lock_file_fd or -1)
        return claim is not None and claim.is_ours()


def _held_error(path: Path, folder: Folder, timeout: float) -> LockHeldError:
    """Say who holds the lock and what to do about it."""
    seen = look(folder, path.name)
    if seen is None:
        advice = "many edits at once; try again"
        return LockHeldError(
            str(path), "the lock was free only for moments", timeout=timeout, advice=advice
        )
    error = LockHeldError(str(path), "", seen=seen, timeout=timeout)
    who = "somebody unknown" if error.pid is None else f"process {error.pid}"
    if error.host not in ("", this_process().host):
        who += f" on {error.host}"
    error.found = f"the lock is held by {who} since {seen.age:.0f} s ago"
    if error.alive is False:
        error.found += ", which is gone"
        error.advice = "break it with `bmux-forensics unlock`"
    elif error.alive:
        error.advice = f"wait for it; gave up after {timeout:g} s"
    else:
        error.advice = "if nobody is editing, break it with `bmux-forensics unlock`"
    return error


@contextmanager
def locked(
    snapshot: str | os.PathLike[str], *, timeout: float = DEFAULT_TIMEOUT
) -> Iterator[Callable[[], bool]]:
    """Hold the locks of a snapshot's every name, so that whoever edits by one of them waits.

    Parameters
    ----------
    snapshot : path-like
        The snapshot; where it is a symbolic link, the lock of each name on the way
        to the file is taken, in one order for everybody.
    timeout : float
        Seconds for all of them together.

    Yields
    ------
    callable
        Tells whether every lock is still ours; ask it before the rename.

    Raises
    ------
    LockHeldError
        Somebody else held one all the while.
    WriteError
        A lock can't be made.
    LockLeftError
        The block is through, and a lock can't be removed.
    """
    end = time.monotonic() + timeout
    with ExitStack() as stack:
        locks = [SnapshotLock(name) for name in sorted(links_of(snapshot))]
        for lock in locks:
            stack.push(release_of(lock.release))  # first: a signal may come as soon as it is taken
            lock.acquire(timeout=max(0.0, end - time.monotonic()))
        yield lambda: all(lock.is_ours for lock in locks)


def release_of(let_go: Callable[[], object]) -> Callable[..., None]:
    """Return what lets go of a lock; a failure to do so hides no other error."""

    def release(kind: object, error: BaseException | None, trace: object) -> None:
        del kind, trace
        try:
            let_go()
        except LockLeftError as left:
            if error is None:
                raise
            error.add_note(str(left))

    return release


def left_error(where: str, error: OSError) -> LockLeftError:
    """Return what is to be said of a lock that could not be removed."""
    return LockLeftError(
        where,
        f"removing the lock failed: {meaning(error)[0]}",
        advice="what was done is done; then `bmux-forensics unlock`",
    )
