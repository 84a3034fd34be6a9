"""Who does the work: processes of this machine, or an executor that somebody brings.

An executor is anything with the ``submit`` of `concurrent.futures`: a pool, or a Dask
cluster through its `distributed.Client` (or that client's ``get_executor()``). It is used
and never shut down. Dask itself does the work of a worker that was lost once more; what any
other executor leaves undone when it breaks is done by processes of this machine.
"""

from __future__ import annotations

import gc
import multiprocessing
import signal
import sys
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.context import BaseContext
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from bmux_forensics.errors import UsageError, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")
C = TypeVar("C")

BROKEN: Final = (BrokenExecutor, CancelledError)
"""What a future raises whose work was not done, through no fault of the work itself."""

_RARELY: Final = 500_000  # new objects before the collector looks
_PRELOAD: Final = ["bmux_forensics.archive.reading"]
_CONNECT: Final = 10.0  # seconds until a scheduler that does not answer is none


class Executor(Protocol):
    """What `executor=` takes: `concurrent.futures.Executor`, `distributed.Client`, or alike."""

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Any:
        """Begin some work, and return a future of its result."""


class Workers(Generic[C, T]):
    """Worker processes of this machine that do one kind of work, replaced when one dies.

    Parameters
    ----------
    work : callable
        What is done; it, what it takes and what it returns must be picklable.
    jobs : int
        How many processes.
    """

    def __init__(self, work: Callable[[C], T], jobs: int) -> None:
        self._work = work
        self._jobs = jobs
        self._executor = _pool(jobs)
        self._starts = False

    @property
    def width(self) -> int:
        """How much is worked on at once."""
        return self._jobs

    def submit(self, task: C) -> Future[T]:
        """Begin the work on something."""
        try:
            return self._executor.submit(self._work, task)
        except BrokenExecutor:
            self.renew()
            return self._executor.submit(self._work, task)

    def renew(self) -> None:
        """Replace the processes: all of them are gone when one is.

        Raises
        ------
        UsageError
            None can be started at all, so nothing is wrong with what they were given.
        """
        self.close()
        if not self._starts:
            _require_start()
            self._starts = True
        self._executor = _pool(self._jobs)

    def alone(self, task: C) -> T:
        """Do the work in a process of its own, which shows whether the task ends it."""
        with _pool(1) as executor:
            return executor.submit(self._work, task).result()

    def is_deadly(self, error: Exception) -> bool:
        """Tell whether an error means that the task ends every worker that it is given to."""
        del error
        return False

    def close(self) -> None:
        """End the processes."""
        self._executor.shutdown(cancel_futures=True)


class Brought(Workers[C, T]):
    """An executor that somebody brought; when it breaks, processes of this machine go on.

    Parameters
    ----------
    work : callable
        As in `Workers`.
    jobs : int
        How many processes of this machine go on.
    executor : Executor
        The executor.
    """

    def __init__(self, work: Callable[[C], T], jobs: int, executor: Executor) -> None:
        self._work = work
        self._jobs = jobs
        client = executor if hasattr(executor, "get_executor") else None
        self._brought: Any = client.get_executor(pure=False) if client else executor
        self._width = _width(self._brought, jobs)
        self._own: Workers[C, T] | None = None
        self._begun: set[Future[T]] = set()

    @property
    def width(self) -> int:
        """How much is worked on at once."""
        return self._own.width if self._own else self._width

    def submit(self, task: C) -> Future[T]:
        """Begin the work on something."""
        if self._own is None:
            try:
                future: Future[T] = self._brought.submit(self._work, task)
            except (*BROKEN, RuntimeError):  # shut down by others, perhaps
                self.renew()
            else:
                self._begun.add(future)
                future.add_done_callback(self._begun.discard)
                return future
        assert self._own is not None  # noqa: S101 - renewed just now
        return self._own.submit(task)

    def renew(self) -> None:
        """Go on with processes of this machine."""
        if self._own is None:
            self._own = Workers(self._work, self._jobs)
        else:
            self._own.renew()

    def is_deadly(self, error: Exception) -> bool:
        """Tell whether a cluster gave the task up because it ended several workers."""
        distributed = sys.modules.get("distributed")
        return distributed is not None and bool(type(error) is distributed.KilledWorker)

    def close(self) -> None:
        """Take back what was not begun; the executor is not ours to end."""
        for future in list(self._begun):
            future.cancel()
        if self._own is not None:
            self._own.close()


def _width(executor: Any, jobs: int) -> int:
    client = getattr(executor, "_client", None)
    if client is not None:
        return max(jobs, int(sum(client.nthreads().values())))
    return int(getattr(executor, "_max_workers", None) or jobs)


def _pool(jobs: int) -> ProcessPoolExecutor:
    """Start workers from a clean process: a fork of one with threads may hang."""
    methods = multiprocessing.get_all_start_methods()
    if "forkserver" in methods:
        context: BaseContext = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_PRELOAD)
    else:
        context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(jobs, context, initializer=_settle)


def _require_start() -> None:
    with _pool(1) as executor:
        try:
            executor.submit(_settle).result()
        except BrokenExecutor:
            raise UsageError(
                "worker processes",
                "none that starts",
                expected='a program file, its work below `if __name__ == "__main__":`',
                advice="write it so, or say jobs=1",
            ) from None


def _settle() -> None:
    """Make a process a worker: quick with large trees, and deaf to what is not for it."""
    # Ctrl-C reaches every process of the terminal; the parent alone decides what ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # JSON trees hold no cycles; looking for some among millions of values costs a fifth.
    gc.freeze()
    gc.set_threshold(_RARELY)


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """Connect to the scheduler of a Dask cluster, and let go of it at the end.

    Parameters
    ----------
    address : str
        The scheduler's address: ``tcp://host:8786``.

    Raises
    ------
    UsageError
        Nothing answers there, or the extra ``cluster`` is not installed.
    """
    try:
        import distributed  # noqa: PLC0415 - an extra, and a second to import
    except ImportError:
        raise UsageError(
            "scheduler", "no Dask here", advice="pip install 'bmux-forensics[cluster]'"
        ) from None
    try:
        client: Any = distributed.Client(address, timeout=_CONNECT, set_as_default=False)  # type: ignore[no-untyped-call]  # it has no types
    except (OSError, TimeoutError, ValueError) as error:
        raise UsageError(
            "scheduler",
            f"nothing that answers at {address!r} ({printable(str(error))[:120]})",
            expected="the address of a Dask scheduler, like tcp://host:8786",
        ) from None
    with client:
        yield client
