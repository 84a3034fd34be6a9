"""Thousands of snapshots as one set of tables, a batch at a time, so that memory stays flat."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import tzinfo
from typing import Any, Final, TypeVar

import pandas as pd

from bmux_forensics.actions.opening import SIZE_LIMIT, own_snapshot_path
from bmux_forensics.archive.batch import Batch, Pack
from bmux_forensics.archive.chunks import chunked, spread, workers_for
from bmux_forensics.archive.executors import Executor
from bmux_forensics.archive.finding import Found, find_files
from bmux_forensics.archive.reading import ChunkWork, FileStatus, Status, lost
from bmux_forensics.archive.stores import Options
from bmux_forensics.errors import UsageError
from bmux_forensics.tables.build import Tables, table_names
from bmux_forensics.tables.cells import cells
from bmux_forensics.tables.schema import Kind

T = TypeVar("T")
Progress = Callable[[int, int], None]
"""Told how many of how many files are done."""

_CATEGORY: Final = "snapshot"


class Archive:
    """Many snapshots, in batches.

    Nothing is read before somebody asks. Every walk over the batches reads the files anew
    and lets go of a batch when the next one comes.

    Parameters
    ----------
    files : sequence of Found
        The files, each with a name of its own.
    jobs : int, optional
        Worker processes; 1 reads in this process. By default one a processor where there
        is enough to read, else none.
    show_env : bool
        Show the values of environment variables instead of a mask.
    size_limit : int or None
        Refuse larger snapshots, decompressed; None lifts the limit.
    on_progress : callable, optional
        Told how many of how many files are done.
    executor : Executor, optional
        Who reads, instead of worker processes of this machine: see
        `bmux_forensics.archive.executors`. What only this process can read (standard
        input, say) is read here all the same.
    """

    def __init__(  # noqa: PLR0913 - one parameter a choice
        self,
        files: Sequence[Found],
        *,
        jobs: int | None = None,
        show_env: bool = False,
        size_limit: int | None = SIZE_LIMIT,
        on_progress: Progress | None = None,
        executor: Executor | None = None,
    ) -> None:
        if jobs is not None and jobs < 1:
            raise UsageError("jobs", str(jobs), expected="at least 1")
        self.files = tuple(files)
        self.jobs = workers_for(self.files, jobs)
        self._show_env = show_env
        self.size_limit = size_limit
        self._on_progress = on_progress
        self._executor = None if any(f.is_only_here for f in self.files) else executor
        self._known: dict[str, FileStatus] = {}

    def read_by(self, executor: Executor) -> Archive:
        """Return an archive of the same files that an executor reads."""
        return Archive(
            self.files,
            jobs=self.jobs,
            show_env=self._show_env,
            size_limit=self.size_limit,
            on_progress=self._on_progress,
            executor=executor,
        )

    def __len__(self) -> int:
        """Return how many files there are, readable or not."""
        return len(self.files)

    def __repr__(self) -> str:
        """Say how many files there are."""
        return f"<Archive of {len(self.files)} files>"

    def __iter__(self) -> Iterator[Batch]:
        """Iterate over the batches with all of their tables."""
        return self.batches()

    def batches(self, *names: str) -> Iterator[Batch]:
        """Give the tables of some 100 files after another, in the order of the files.

        A damaged file is there with what can be read of it; ``snapshots.error`` says what
        is wrong. ``snapshots.saved_at`` is the moment of capture.

        Parameters
        ----------
        *names : str
            Only these tables: reading fewer of them is faster. By default all.

        Raises
        ------
        UsageError
            There is no such table.
        """
        for name in names:
            if name not in table_names():
                raise UsageError("tables", f"no table {name!r}", expected=", ".join(table_names()))
        return self._batches(names or table_names())

    def _batches(self, names: tuple[str, ...]) -> Iterator[Batch]:
        for statuses, columns in self._walk(Pack(names)):
            if columns is not None:
                yield Batch(columns, _frame(statuses))

    def ask(self, question: Callable[[Tables], T]) -> Iterator[T]:
        """Ask something of every batch, where it is read, and give the answers in order.

        Parameters
        ----------
        question : callable
            Takes the tables of a batch, snapshots included; it and its answer must be
            picklable (a function of a module, not a lambda), for a worker process does it.
        """
        for _, answer in self._walk(question):
            if answer is not None:
                yield answer

    def table(self, name: str) -> pd.DataFrame:
        """Return one table of the whole archive: the same as that of one snapshot.

        Returns
        -------
        DataFrame
            The columns and dtypes of the table; the ``snapshot`` column has one category
            a file that could be read, in the order of the files. Memory grows with the
            number of rows.
        """
        return self.tables(name)[name]

    def tables(self, *names: str) -> dict[str, pd.DataFrame]:
        """Return some tables of the whole archive, reading each file once.

        Parameters
        ----------
        *names : str
            The tables; by default all.

        Returns
        -------
        dict of str to DataFrame
            Each as `table` gives it.
        """
        wanted = tuple(dict.fromkeys(names or table_names()))
        frames: dict[str, list[pd.DataFrame]] = {name: [] for name in wanted}
        for batch in self.batches(*wanted):
            for name in wanted:
                frames[name].append(batch[name])
        loaded = [f.file.name for f in self._statuses() if f.in_tables]
        dtype = pd.CategoricalDtype(pd.Index(loaded, dtype="str"))
        empty = Tables(())
        return {name: joined(frames.pop(name) or [empty[name]], dtype) for name in wanted}

    @property
    def status(self) -> pd.DataFrame:
        """What became of each file; reads those that nobody asked about yet.

        Returns
        -------
        DataFrame
            One row a file, in the order of the files: ``path`` str, its name in all
            tables; ``captured_at`` datetime64[us, UTC], null where unknown; ``host`` str,
            null where no pattern says so; ``size`` Int64 and ``sha256`` str, of the
            snapshot, decompressed, null when nothing could be read; ``status`` str, one
            of loaded, damaged, unreadable; ``reason`` str, null when loaded. Empty, with
            the same columns, for an archive of no files.
        """
        return _frame(self._statuses())

    @property
    def counts(self) -> dict[str, int]:
        """How many files there are of each status; they add up to the number of files."""
        found = [str(f.status) for f in self._statuses()]
        return {"files": len(found), **{str(s): found.count(s) for s in Status}}

    def _statuses(self) -> list[FileStatus]:
        if len(self._known) < len(self.files):
            for _ in self._walk(None):
                pass
        return [self._known[file.name] for file in self.files]

    def _walk(
        self, ask: Callable[[Tables], T] | None
    ) -> Iterator[tuple[tuple[FileStatus, ...], T | None]]:
        """Read all files, asking something of each chunk, and remember what became of them."""
        work: ChunkWork[Any] = ChunkWork(ask, self._show_env, self.size_limit)
        done = 0
        results = spread(
            work, chunked(self.files), jobs=self.jobs, lost=lost, executor=self._executor
        )
        for result in results:
            self._known.update((status.file.name, status) for status in result.files)
            done += len(result.files)
            if self._on_progress is not None:
                self._on_progress(done, len(self.files))
            yield result.files, result.value


def joined(parts: Sequence[pd.DataFrame], dtype: pd.CategoricalDtype) -> pd.DataFrame:
    """Return the parts of a table as one, whose ``snapshot`` has the given dtype.

    Parameters
    ----------
    parts : sequence of DataFrame
        At least one; the ``snapshot`` of each has categories of its own.
    dtype : CategoricalDtype
        All of these categories.
    """
    frames = []
    for part in parts:
        codes = dtype.categories.get_indexer(part[_CATEGORY].cat.categories)
        own = codes[part[_CATEGORY].cat.codes.to_numpy()]
        frames.append(part.assign(snapshot=pd.Categorical.from_codes(own, dtype=dtype)))
    return pd.concat(frames, ignore_index=True)


def _frame(statuses: Sequence[FileStatus]) -> pd.DataFrame:
    moments = pd.Series([s.file.captured_at for s in statuses], dtype="object")
    return pd.DataFrame(
        {
            "path": cells(Kind.TEXT, [s.file.name for s in statuses]),
            "captured_at": pd.to_datetime(moments, utc=True).astype("datetime64[us, UTC]"),
            "host": cells(Kind.TEXT, [s.file.host for s in statuses]),
            "size": cells(Kind.INTEGER, [s.size for s in statuses]),
            "sha256": cells(Kind.TEXT, [s.sha256 for s in statuses]),
            "status": cells(Kind.TEXT, [str(s.status) for s in statuses]),
            "reason": cells(Kind.TEXT, [s.reason for s in statuses]),
        }
    )


def load_archive(  # noqa: PLR0913 - one parameter a choice
    *paths: str | os.PathLike[str],
    tz: str | tzinfo | None = None,
    host_pattern: str | None = None,
    jobs: int | None = None,
    show_env: bool = False,
    size_limit: int | None = SIZE_LIMIT,
    on_progress: Progress | None = None,
    executor: Executor | None = None,
    storage_options: Options | None = None,
) -> Archive:
    """Find the files of an archive; they are read when its tables are asked for.

    In a script, call it below ``if __name__ == "__main__":``, as Python asks of every
    program that starts worker processes, or say ``jobs=1``.

    Parameters
    ----------
    *paths : path-like
        Files (plain, .gz, .xz, .zst), folders with all that is below them, globs, and URLs
        of any of these (``s3://bucket/folder``); bmux's own snapshot without any.
    tz : str or tzinfo, optional
        The zone of moments in file names without ``Z``: a name or an offset; by default
        UTC. A file whose name carries no moment was captured at its mtime.
    host_pattern : str, optional
        Where a path names the host: ``backups/{host}/``.
    jobs, show_env, size_limit, on_progress, executor
        As in `Archive`.
    storage_options : dict, optional
        What fsspec is told about the stores of URLs, beside its own configuration.

    Returns
    -------
    Archive
        The files in argument order, then by path, each once. A path that is not there is
        a row of its `status`.

    Raises
    ------
    UsageError
        There is no such zone, the pattern has no ``{host}``, or `jobs` is below 1.
    FileMissingError
        No path was given, and bmux has no snapshot here.

    Examples
    --------
    >>> day = load_archive("sample_snapshots/alpha4-day")
    >>> len(day), day.counts["files"] == day.counts["loaded"] + day.counts["unreadable"]
    (11, True)
    """
    files = find_files(
        paths or (own_snapshot_path(),), tz=tz, host=host_pattern, options=storage_options
    )
    return Archive(
        files,
        jobs=jobs,
        show_env=show_env,
        size_limit=size_limit,
        on_progress=on_progress,
        executor=executor,
    )
