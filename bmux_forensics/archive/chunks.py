"""The files of an archive, a chunk at a time, in worker processes where that pays.

No more than a few chunks are on their way at once, so memory does not grow with the
archive. A worker that dies takes every other one with it (that is how the process pool
works): what was lost is then done again, and only a chunk that brings down a process of
its own twice is given up.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Final, TypeVar

from bmux_forensics.archive.executors import BROKEN, Brought, Executor, Workers
from bmux_forensics.archive.finding import COMPRESSED, Found

T = TypeVar("T")
Chunk = tuple[Found, ...]

FILES: Final = 100
"""At most so many files are a chunk: between 50 and 200 the cost per file is lowest."""
BYTES: Final = 64 << 20
"""At most so many bytes are a chunk, unless one file alone has more."""

_WORTH: Final = 64 << 20  # below this, starting workers costs more than they save
_SWOLLEN: Final = 12  # a byte of a payload takes a line of the file: it compresses well
_AHEAD: Final = 2  # chunks on their way, for each worker


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
    if any(file.is_only_here for file in files):
        return 1
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
    executor: Executor | None = None,
) -> Iterator[T]:
    """Do some work on every chunk and give the results in order.

    This is the one way in which anything is done to many files at once. Work may be done
    more than once, when a worker is lost after it or in the middle of it: so what it writes
    must go under names that are fixed beforehand (`bmux_forensics.archive.stores`). A
    result travels home to this process: keep it small where there are many.

    Parameters
    ----------
    work : callable
        What is done with a chunk: a function of a module, or an instance of a frozen
        dataclass with ``__call__``. It and its result must be picklable. What it raises is
        raised here and ends everything, so faults of a file belong into the result.
    chunks : iterable of Chunk
        The chunks, as `chunked` makes them; they are drawn as they are needed.
    jobs : int
        Worker processes of this machine, as `workers_for` says; 1 works in this process.
    lost : callable
        Gives the result of a chunk that ended every worker process it was given to.
    executor : Executor, optional
        Who does it, instead of processes of this machine. It is not shut down. Where files
        are `Found.is_only_here`, leave it out.

    Yields
    ------
    object
        What `work` or `lost` returned, one for each chunk, in the order of the chunks.

    Examples
    --------
    >>> chunks = chunked([Found("a", "a"), Found("b", "b")])
    >>> list(spread(len, chunks, jobs=1, lost=len))
    [2]
    """
    if jobs == 1 and executor is None:
        yield from map(work, chunks)
        return
    workers = Workers(work, jobs) if executor is None else Brought(work, jobs, executor)
    try:
        yield from _in_order(workers, iter(chunks), lost)
    finally:
        workers.close()


def _in_order(
    workers: Workers[Chunk, T], chunks: Iterator[Chunk], lost: Callable[[Chunk], T]
) -> Iterator[T]:
    pending: deque[tuple[Chunk, Future[T]]] = deque()
    while True:
        while len(pending) < _AHEAD * workers.width and (chunk := next(chunks, None)) is not None:
            pending.append((chunk, workers.submit(chunk)))
        if not pending:
            return
        chunk, future = pending.popleft()
        try:
            result = future.result()
        except BROKEN:
            # Any chunk on its way may be the guilty one: this one shows by itself whether it is.
            workers.renew()
            result = lost(chunk)
            with suppress(*BROKEN):
                result = workers.alone(chunk)
            pending = deque(
                (each, f if _is_done(f) else workers.submit(each)) for each, f in pending
            )
        except Exception as error:
            if not workers.is_deadly(error):
                raise
            result = lost(chunk)
        yield result


def _is_done(future: Future[T]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None
