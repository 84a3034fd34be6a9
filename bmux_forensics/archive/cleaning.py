"""Clean sessions out of a whole archive: look at what it would do, do it, know what it did."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from bmux_forensics.actions.opening import SIZE_LIMIT
from bmux_forensics.analysis.cleaning import Wish
from bmux_forensics.analysis.selectors import listed
from bmux_forensics.archive.asking import Source
from bmux_forensics.archive.cleaning_copies import Where
from bmux_forensics.archive.cleaning_rows import (
    FileCleaned,
    Meant,
    Status,
    counted,
    files_frame,
    sessions_frame,
)
from bmux_forensics.archive.cleaning_run import (
    Run,
    destination_of,
    files_due,
    require_output,
)
from bmux_forensics.archive.cleaning_work import CleanWork, Due, due_of
from bmux_forensics.archive.executors import Executor
from bmux_forensics.archive.loading import Progress
from bmux_forensics.archive.stores import Destination, Options
from bmux_forensics.errors import SelectorError
from bmux_forensics.snapshot.identifiers import canonical_id


@dataclass(frozen=True)
class _Told:
    """Some files, and the sessions that were meant in them."""

    wish: Wish
    rows: tuple[FileCleaned, ...] = field(repr=False)
    meant: tuple[Meant, ...] = field(repr=False)

    @cached_property
    def files(self) -> pd.DataFrame:
        """What becomes of each file.

        Returns
        -------
        DataFrame
            One row a file, in argument order, then by path: ``path``, ``status`` (cleaned,
            unchanged, would-clean, skipped, refused, damaged or failed), ``reason`` (null
            where there is none) str; ``removed_session_ids`` and ``removed_context_ids``
            object, lists of str; ``sha256_before`` and ``sha256_after`` str, of the file
            as it lies there, null where it could not be read or is not changed safely;
            ``backup``, ``output`` str, where the old bytes are kept and where a cleaned
            copy is; ``entry`` str, what the journal and `undo` call the change. Empty,
            with the same columns, for no files.
        """
        return files_frame(self.rows)

    @cached_property
    def sessions(self) -> pd.DataFrame:
        """Which sessions are meant.

        Returns
        -------
        DataFrame
            One row a session and selector: ``selector`` str, null for orphans and for all
            sessions; ``session_id``, ``name`` str, the last one it had; ``files`` int64, in
            how many. Empty, with the same columns, when nothing matches.
        """
        return sessions_frame(self.meant)

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many files there are of each status; they add up to the number of files."""
        return counted(self.rows)

    @cached_property
    def ambiguous(self) -> tuple[str, ...]:
        """The names and starts of ids that mean more than one distinct session."""
        return tuple(
            selector
            for selector in dict.fromkeys(self.wish.selectors)
            if canonical_id(selector) is None
            and len({m.session_id for m in self.meant if m.selector == selector}) > 1
        )

    def require_unambiguous(self) -> None:
        """Raise `SelectorError`, with the candidates, where a selector is ambiguous."""
        for selector in self.ambiguous:
            candidates = tuple((m.session_id, m.name) for m in self.meant if m.selector == selector)
            shown = ", ".join(f"{i} ({n})" if n else i for i, n in candidates[:5])
            rest = f" and {len(candidates) - 5} more" if len(candidates) > 5 else ""  # noqa: PLR2004 - five fit a line
            raise SelectorError(
                "clean",
                f"{len(candidates)} sessions for the selector {selector!r}: {shown}{rest}",
                expected="a selector that means one session in all of the files",
                advice="name one by its id, or add --each to clean out every one of them",
                candidates=candidates,
            )


@dataclass(frozen=True)
class CleanPlan(_Told):
    """What cleaning an archive would do: resolved, and each file bound to its bytes."""

    _files: tuple[Due, ...] = field(repr=False, kw_only=True)
    _copies: Destination | None = field(default=None, repr=False, kw_only=True)
    _size_limit: int | None = field(default=SIZE_LIMIT, repr=False, kw_only=True)

    def __repr__(self) -> str:
        """Say how many files would be cleaned."""
        return f"<CleanPlan of {len(self.rows)} files, {self.counts['would-clean']} to clean>"


@dataclass(frozen=True)
class CleanOutcome(_Told):
    """What cleaning an archive did.

    Parameters
    ----------
    notes : tuple of str
        What became of earlier changes that were cut short, and what could not be journalled.
    """

    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Say how many files were cleaned."""
        return f"<CleanOutcome of {len(self.rows)} files, {self.counts['cleaned']} cleaned>"


def preview_clean(  # noqa: PLR0913 - each is a word of the request
    *sources: Source,
    sessions: Sequence[str] = (),
    orphans: Collection[str] = (),
    all_sessions: bool = False,
    repair: bool = False,
    scrub: bool = False,
    output: Where | None = None,
    jobs: int | None = None,
    executor: Executor | None = None,
    storage_options: Options | None = None,
    size_limit: int | None = SIZE_LIMIT,
    on_progress: Progress | None = None,
) -> CleanPlan:
    """Look what cleaning sessions out of many snapshots would do; nothing is written.

    Parameters
    ----------
    *sources : path-like or Archive
        Files, folders and globs as in `load_archive`, or one archive.
    sessions : sequence of str
        A UUID, an exact name or the start of an id each, resolved in each file as `kill`
        does; a file that has none of them stays as it is.
    orphans : collection of str
        Instead: the sessions of these statuses, as `session_status` tells them (lost and
        hollow, say). Whatever row still speaks of such a session goes with it.
    all_sessions : bool
        Instead: every session.
    repair : bool
        Also mend what is safe to mend, in every file.
    scrub : bool
        Also clean what bmux would leave dangling.
    output : path-like, optional
        A folder or a URL for cleaned copies: then no file is changed, every sound file has
        a copy there, and those that need no cleaning have the same bytes. Files in stores
        need it.
    jobs : int, optional
        Worker processes; 1 works in this process. By default one a processor where it pays.
    executor : Executor, optional
        Who does it instead: a Dask client, say. To write it needs an `output`.
    storage_options : dict, optional
        What fsspec is told about the stores of URLs, those of the output too.
    size_limit : int or None
        Refuse larger snapshots, decompressed; None lifts the limit.
    on_progress : callable, optional
        Told how many of how many files are done.

    Raises
    ------
    UsageError
        There are no paths, or not exactly one of sessions, orphans and all sessions; or
        the output is in what is read.

    Examples
    --------
    >>> plan = preview_clean("sample_snapshots/alpha4-day", sessions=["ops"])
    >>> plan.counts["would-clean"], plan.sessions[["name", "files"]].values.tolist()
    (1, [['ops', 1]])
    """
    wants = listed(sessions, "clean"), listed(orphans, "clean")
    wish = Wish(*wants, all_sessions, repair, scrub)
    copies = destination_of(output, storage_options)
    files = files_due(sources, copies, storage_options)
    work = CleanWork(wish, look_only=True, copies=copies, size_limit=size_limit)
    rows, meant, _ = Run(jobs, executor, on_progress).done(work, files)
    return CleanPlan(wish, rows, meant, _files=files, _copies=copies, _size_limit=size_limit)


def apply_clean(
    plan: CleanPlan,
    *,
    backup: bool = True,
    jobs: int | None = None,
    executor: Executor | None = None,
    on_progress: Progress | None = None,
) -> CleanOutcome:
    """Carry out a cleaning that somebody has seen: each file only if it has the bytes seen.

    Parameters
    ----------
    plan : CleanPlan
        The plan; the sessions that it shows go, and no others.
    backup : bool
        Keep the old bytes of each file, so that `undo` can bring them back.
    jobs, executor, on_progress
        As in `preview_clean`.

    Returns
    -------
    CleanOutcome
        One row a file of the plan. A file that changed since is refused.

    Raises
    ------
    UsageError
        There are files in stores, or an executor, and the plan has no output.
    """
    copies, size_limit = plan._copies, plan._size_limit  # noqa: SLF001 - the same module
    require_output(plan._files, copies, executor)  # noqa: SLF001 - the same module
    wanted = (Status.WOULD_CLEAN,) if copies is None else (Status.WOULD_CLEAN, Status.UNCHANGED)
    due = [
        due_of(file, sha256=row.sha256_before or "", ids=row.session_ids, copy=file.copy)
        for file, row in zip(plan._files, plan.rows, strict=True)  # noqa: SLF001 - the same module
        if row.status in wanted
    ]
    work = CleanWork(plan.wish, keep_backups=backup, copies=copies, size_limit=size_limit)
    rows, _, notes = Run(jobs, executor, on_progress).done(work, due)
    done = {row.path: row for row in rows}
    told = tuple(done.get(row.path, row) for row in plan.rows)
    return CleanOutcome(plan.wish, told, plan.meant, notes)


def clean(  # noqa: PLR0913 - each is a word of the request
    *sources: Source,
    sessions: Sequence[str] = (),
    orphans: Collection[str] = (),
    all_sessions: bool = False,
    each: bool = False,
    repair: bool = False,
    scrub: bool = False,
    output: Where | None = None,
    backup: bool = True,
    jobs: int | None = None,
    executor: Executor | None = None,
    storage_options: Options | None = None,
    size_limit: int | None = SIZE_LIMIT,
    on_progress: Progress | None = None,
) -> CleanOutcome:
    """Clean sessions out of many snapshots, each file wholly or not at all.

    The cascade of a batch runs in the same joins; then every file goes through the lock,
    a backup, one atomic step and a proof, with an entry in the journal of its own. A
    compressed copy stays in its form, every file keeps its time, and no process is ever
    signalled. Stopped anywhere and run again it continues; what is clean is not written.

    Parameters
    ----------
    *sources, sessions, orphans, all_sessions, repair, scrub, output
        As in `preview_clean`.
    each : bool
        Go ahead where a name or the start of an id means more than one distinct session
        over all files. Without it, names are looked up in all files before one is written.
    backup : bool
        Keep the old bytes of each file, so that `undo` can bring them back.
    jobs, executor, storage_options, size_limit, on_progress
        As in `preview_clean`.

    Returns
    -------
    CleanOutcome
        One row a file; no bad file stops the others.

    Raises
    ------
    SelectorError
        A selector is ambiguous over all files; nothing was changed.
    UsageError
        As `preview_clean` and `apply_clean`.
    """
    wants = listed(sessions, "clean"), listed(orphans, "clean")
    wish = Wish(*wants, all_sessions, repair, scrub)
    copies = destination_of(output, storage_options)
    files = files_due(sources, copies, storage_options)
    require_output(files, copies, executor)
    if wish.may_be_ambiguous and not each:
        work = CleanWork(wish, look_only=True, size_limit=size_limit)
        rows, meant, _ = Run(jobs, executor, None).done(work, files)
        CleanOutcome(wish, rows, meant).require_unambiguous()
    work = CleanWork(wish, keep_backups=backup, copies=copies, size_limit=size_limit)
    rows, meant, notes = Run(jobs, executor, on_progress).done(work, files)
    return CleanOutcome(wish, rows, meant, notes)
