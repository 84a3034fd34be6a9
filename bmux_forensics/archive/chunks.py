"""The files of an archive, a chunk at a time, in worker processes where that pays.

No more than a few chunks are on their way at once, so memory does not grow with the
archive. A worker that dies takes every other one with it (that is how the process pool
works): what was lost is then done again, and only a chunk that brings down a process of
its own twice is given up.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.context import BaseContext
from typing import Final, Generic, TypeVar

from bmux_forensics.archive.finding import COMPRESSED, STDIN, Found

T = TypeVar("T")
Chunk = tuple[Found, ...]

FILES: Final = 100
"""At most so many files are a chunk: between 50 and 200 the cost per file is lowest."""
BYTES: Final = 64 << 20
"""At most so many bytes are a chunk, unless one file alone has more."""

_WORTH: Final = 64 << 20  # below this, starting workers costs more than they save
_SWOLLEN: Final = 12  # a byte of a payload takes a line of the file: it compresses well
_AHEAD: Final = 2  # chunks on their way, for each worker
_RARELY: Final = 500_000  # new objects before the collector looks
_PRELOAD: Final = ["bmux_forensics.archive.reading"]


def chunked(files: Iterable[Found]) -> Iterator[Chunk]:
    """Cut a list of files into chunks, in order.

    Examples
    --------
    >>> [len(chunk) for chunk in chunked([Found(str(i), str(i)) for i in range(250)])]
    [100, 100, 50]
    """
    chunk: list[Found] = []
    size = 0
    for file in files:
        if chunk and (len(chunk) == FILES or size + _weight(file) > BYTES):
            yield tuple(chunk)
            chunk, size = [], 0
        chunk.append(file)
        size += _weight(file)
    if chunk:
        yield tuple(chunk)


def workers_for(files: Sequence[Found], jobs: int | None) -> int:
    """Return how many worker processes some files are worth; 1 means none but this one."""
    if any(file.path == STDIN for file in files):
        return 1  # only this process has that standard input
    if jobs is not None:
        return max(1, jobs)
    worth = sum(map(_weight, files)) >= _WORTH
    return len(os.sched_getaffinity(0)) if worth and hasattr(os, "sched_getaffinity") else 1


def _weight(file: Found) -> int:
    return file.size * (_SWOLLEN if file.path.endswith(COMPRESSED) else 1)


def spread(
    work: Callable[[Chunk], T],
    chunks: Iterable[Chunk],
    *,
    jobs: int,
    lost: Callable[[Chunk], T],
) -> Iterator[T]:
    """Do some work on every chunk and give the results in order.

    Parameters
    ----------
    work : callable
        What is done with a chunk; it and its result must be picklable.
    chunks : iterable of Chunk
        The chunks; they are drawn as they are needed.
    jobs : int
        Worker processes; 1 works in this process.
    lost : callable
        Gives the result of a chunk whose worker process was ended, twice.
    """
    if jobs == 1:
        yield from map(work, chunks)
        return
    pool = _Pool(work, jobs)
    try:
        yield from _in_order(pool, iter(chunks), jobs, lost)
    finally:
        pool.close()


class _Pool(Generic[T]):
    """Worker processes that do one kind of work, replaced when one of them dies."""

    def __init__(self, work: Callable[[Chunk], T], jobs: int) -> None:
        self._work = work
        self._jobs = jobs
        self._executor = _executor(jobs)

    def submit(self, chunk: Chunk) -> Future[T]:
        try:
            return self._executor.submit(self._work, chunk)
        except BrokenProcessPool:
            self.renew()
            return self._executor.submit(self._work, chunk)

    def renew(self) -> None:
        self.close()
        self._executor = _executor(self._jobs)

    def alone(self, chunk: Chunk) -> T:
        """Do the work in a process of its own."""
        with _executor(1) as executor:
            return executor.submit(self._work, chunk).result()

    def close(self) -> None:
        self._executor.shutdown(cancel_futures=True)


def _in_order(
    pool: _Pool[T], chunks: Iterator[Chunk], jobs: int, lost: Callable[[Chunk], T]
) -> Iterator[T]:
    pending: deque[tuple[Chunk, Future[T]]] = deque()
    while True:
        while len(pending) < _AHEAD * jobs and (chunk := next(chunks, None)) is not None:
            pending.append((chunk, pool.submit(chunk)))
        if not pending:
            return
        chunk, future = pending.popleft()
        try:
            result = future.result()
        except BrokenProcessPool:
            # Any chunk on its way may be the guilty one: this one shows by itself whether it is.
            pool.renew()
            result = lost(chunk)
            with suppress(BrokenProcessPool):
                result = pool.alone(chunk)
            pending = deque((each, pool.submit(each)) for each, _ in pending)
        yield result


def _executor(jobs: int) -> ProcessPoolExecutor:
    """Start workers from a clean process: a fork of one with threads may hang."""
    methods = multiprocessing.get_all_start_methods()
    if "forkserver" in methods:
        context: BaseContext = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(_PRELOAD)
    else:
        context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(jobs, context, initializer=_settle)


def _settle() -> None:
    """Make a process a worker: quick with large trees, and deaf to what is not for it."""
    # Ctrl-C reaches every process of the terminal; the parent alone decides what ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # JSON trees hold no cycles; looking for some among millions of values costs a fifth.
    gc.freeze()
    gc.set_threshold(_RARELY)
