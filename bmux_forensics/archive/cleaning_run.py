"""Which files a cleaning is of, where copies of them go, and who does the work on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bmux_forensics.archive.asking import Source, meant_by
from bmux_forensics.archive.chunks import chunked, spread, workers_for
from bmux_forensics.archive.cleaning_copies import (
    Where,
    copy_names,
    is_only_here,
    require_apart,
)
from bmux_forensics.archive.cleaning_rows import ChunkCleaned, FileCleaned, Meant, merged
from bmux_forensics.archive.cleaning_work import CleanWork, Due, due_of, lost
from bmux_forensics.archive.executors import Executor
from bmux_forensics.archive.finding import STDIN, Found, find_files
from bmux_forensics.archive.loading import Progress
from bmux_forensics.archive.spelling import is_url
from bmux_forensics.archive.stores import Destination, Options
from bmux_forensics.errors import UsageError


def destination_of(output: Where | None, options: Options | None) -> Destination | None:
    """Return where copies go, if any are made."""
    return None if output is None else Destination(output, options)


def files_due(
    sources: Sequence[Source], copies: Destination | None, options: Options | None
) -> tuple[Due, ...]:
    """Return the files that are meant, each with the name of its copy where there is to be one."""
    if not sources:
        raise UsageError("clean", "no paths", expected="files, folders or globs")
    files: Sequence[Found]
    archive, paths = meant_by(sources)
    if archive is not None:
        files = archive.files
        paths = [file.path if file.store is None else file.name for file in files]
    else:
        files = find_files(paths, options=options)
    if any(file.path == STDIN for file in files):
        raise UsageError("clean", "standard input", expected="files", advice="save it to a file")
    names = copy_names(files) if copies is not None else [""] * len(files)
    if copies is not None:
        require_apart(copies, paths, names)
    return tuple(due_of(file, copy=name) for file, name in zip(files, names, strict=True))


def require_output(
    files: Sequence[Found], copies: Destination | None, executor: Executor | None
) -> None:
    """Refuse to change in place what is not a file of this machine."""
    if copies is not None:
        return
    found = "an executor" if executor is not None else ""
    if any(file.store is not None or is_url(file.path) for file in files):
        found = "files in a store"
    if found:
        raise UsageError("clean", f"{found}, and no output", advice="say where copies are to go")


@dataclass(frozen=True)
class Run:
    """Who does the work, and who is told.

    Parameters
    ----------
    jobs, executor, on_progress
        As in `bmux_forensics.archive.cleaning.preview_clean`.
    """

    jobs: int | None
    executor: Executor | None
    on_progress: Progress | None

    def done(
        self, work: CleanWork, files: Sequence[Due]
    ) -> tuple[tuple[FileCleaned, ...], tuple[Meant, ...], tuple[str, ...]]:
        """Do some work on all files, in order."""
        if self.jobs is not None and self.jobs < 1:
            raise UsageError("jobs", str(self.jobs), expected="at least 1")
        rows: list[FileCleaned] = []
        notes: list[str] = []
        meant: list[Meant] = []
        for part in self._parts(work, files):
            rows += part.files
            notes += part.notes
            meant = merged([*meant, *part.meant])
            if self.on_progress is not None:
                self.on_progress(len(rows), len(files))
        if work.copies is not None and not work.look_only:
            work.copies.tidy(file.copy for file in files)
        return tuple(rows), tuple(meant), tuple(dict.fromkeys(notes))

    def _parts(self, work: CleanWork, files: Sequence[Due]) -> Iterator[ChunkCleaned]:
        here = any(file.is_only_here for file in files)
        here = here or (work.copies is not None and is_only_here(work.copies))
        jobs = 1 if here else workers_for(files, self.jobs)
        executor = None if here else self.executor
        return spread(work, chunked(files), jobs=jobs, lost=lost, executor=executor)
