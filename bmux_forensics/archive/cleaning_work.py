"""Cleaning one chunk of files: read, one cascade for all of them, each through the door.

This is what a worker process does. Nothing that a file holds stops the others.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from bmux_forensics.actions.compression import decompressed, packed_like
from bmux_forensics.actions.custody import settle
from bmux_forensics.actions.custody_facts import Deed, row_facts
from bmux_forensics.actions.door import LOCK_TIMEOUT, Passage
from bmux_forensics.actions.door_together import Change, Result, change_together
from bmux_forensics.actions.serving import Watch
from bmux_forensics.actions.unlocking import inspect_lock, unlock
from bmux_forensics.analysis.cleaning import Cleaning, Sighting, Wish, plan_cleaning
from bmux_forensics.archive.chunks import Chunk
from bmux_forensics.archive.cleaning_copies import put_copy
from bmux_forensics.archive.cleaning_rows import ChunkCleaned, FileCleaned, Status, gather
from bmux_forensics.archive.finding import Found
from bmux_forensics.archive.reading import reason_of
from bmux_forensics.archive.remote import Fetched, fetched
from bmux_forensics.archive.stores import Destination
from bmux_forensics.errors import (
    BusyError,
    EvidenceError,
    FileMissingError,
    FileUnreadableError,
    ForensicsError,
    NotRewritableError,
    ProofError,
    ServerLiveError,
    SnapshotChangedError,
    UnknownVersionError,
    UsageError,
    path_text,
)
from bmux_forensics.snapshot.collection import no_collection
from bmux_forensics.snapshot.document import read_snapshot
from bmux_forensics.store.reading import Digest, read_with_status
from bmux_forensics.store.state import state_path

VERB: Final = "clean"
"""What the journal calls it."""

_TOGETHER: Final = 50  # files whose locks are held at once
_FACTS: Final = (
    *("raw", "sha256", "mtime_ns", "uid"),
    *("cleaning", "new", "problem", "unreadable"),
)
"""What of an `Open` comes of reading and planning."""
_TRIES: Final = 3  # of a file that others change meanwhile


@dataclass(frozen=True, slots=True)
class Due(Found):
    """A file that is to be cleaned.

    Parameters
    ----------
    sha256 : str
        Of the file as somebody has seen it; empty where nobody has.
    ids : tuple of str
        The sessions that go, as they were seen.
    copy : str
        The name of its cleaned copy.
    """

    sha256: str = ""
    ids: tuple[str, ...] = ()
    copy: str = ""

    @property
    def is_bound(self) -> bool:
        """Whether only the bytes that were seen may be cleaned."""
        return bool(self.sha256)


def due_of(file: Found, *, sha256: str = "", ids: tuple[str, ...] = (), copy: str = "") -> Due:
    """Return a file as one that is to be cleaned."""
    facts = {f.name: getattr(file, f.name) for f in fields(Found)}
    return Due(**facts, sha256=sha256, ids=ids, copy=copy)


@dataclass(slots=True)
class Open:
    """A file of the chunk: as it was read, and what is to become of it."""

    file: Due
    raw: bytes = b""
    sha256: str | None = None
    mtime_ns: int | None = None
    uid: int = -1
    cleaning: Cleaning | None = None
    new: bytes | None = None
    problem: ForensicsError | None = None
    unreadable: bool = False

    @property
    def trouble(self) -> ForensicsError | None:
        """Why it can't be cleaned, if it can't."""
        return self.problem or (self.cleaning.problem if self.cleaning else None)


@dataclass(frozen=True, slots=True)
class CleanWork:
    """Clean the files of a chunk, or say what that would do.

    Parameters
    ----------
    wish : Wish
        What is to be cleaned out of them.
    look_only : bool
        Write nothing.
    keep_backups : bool
        Keep the old bytes of what is changed.
    copies : Destination, optional
        Write cleaned copies there, of all files, and change none.
    size_limit : int or None
        Refuse larger snapshots, decompressed.
    """

    wish: Wish
    look_only: bool = False
    keep_backups: bool = True
    copies: Destination | None = None
    size_limit: int | None = None

    def __call__(self, files: Chunk) -> ChunkCleaned:
        """Do it."""
        with no_collection():
            return self._done(files)

    def _done(self, files: Chunk) -> ChunkCleaned:
        seen: list[Sighting] = []
        opened = list(self._opened([f if isinstance(f, Due) else due_of(f) for f in files], seen))
        if self.look_only or self.copies is not None:
            watch = Watch() if self.copies is None else None  # a copy is no server's
            rows = [_looked_at(o, watch) if self.look_only else self._copied(o) for o in opened]
            return ChunkCleaned(tuple(rows), gather(seen))
        for file in files:  # also of those that a run which was cut short has cleaned
            _free_lock(file.path)
        # Also where nothing is left to do: a run may have been cut short right before it said so.
        notes = _settled({one.uid for one in opened if one.cleaning is not None})
        results = self._changed([one for one in opened if one.new is not None])
        rows = [_row(one, results.get(one.file.name)) for one in opened]
        told = (n for r in results.values() if isinstance(r, Passage) for n in r.notes)
        return ChunkCleaned(tuple(rows), gather(seen), (*notes, *told))

    def _opened(self, files: Sequence[Due], seen: list[Sighting]) -> Iterator[Open]:
        """Read and plan; where memory does not hold them together, one after another."""
        try:
            yield from self.planned(files, seen)
        except MemoryError:
            for file in files:
                try:
                    yield from self.planned([file], seen)
                except MemoryError:
                    error = FileUnreadableError(file.name, "more than memory holds")
                    yield Open(file, problem=error, unreadable=True)

    def planned(self, files: Sequence[Due], seen: list[Sighting]) -> list[Open]:
        """Read some files and say what is to become of each."""
        remote = fetched([f for f in files if f.store is not None and not f.problem], None)
        opened = [_read(file, remote.pop(file.name, None), self.size_limit) for file in files]
        sound = [one for one in opened if one.cleaning is not None]
        bound = {one.file.name: one.file.ids for one in sound if one.file.is_bound}
        snapshots = [one.cleaning.snapshot for one in sound if one.cleaning is not None]
        cleanings, sightings = plan_cleaning(snapshots, self.wish, bound or None)
        seen += sightings
        for one, cleaning in zip(sound, cleanings, strict=True):
            one.cleaning = cleaning
            if cleaning.problem is None and cleaning.after is not None:
                new = packed_like(one.raw, cleaning.after.raw)
                one.new = new if new != one.raw else None
        return opened

    def _changed(self, opened: list[Open]) -> dict[str, Result]:
        results: dict[str, Result] = {}
        for some in (opened[i : i + _TOGETHER] for i in range(0, len(opened), _TOGETHER)):
            changes = [_change(one) for one in some]
            done = change_together(changes, verb=VERB, keep_backups=self.keep_backups)
            for one, result in zip(some, done, strict=True):
                left = result is None or (type(result) is SnapshotChangedError)
                results[one.file.name] = self._alone(one) if left else result
                one.new = None if isinstance(result, Passage) else one.new
        return results

    def _alone(self, one: Open) -> Result:
        """Change a file that somebody else is at, too: wait for its lock, and plan anew."""
        result: Result = None
        for _ in range(_TRIES):
            if one.new is None or one.trouble is not None:
                return one.trouble
            (result,) = change_together(
                [_change(one)],
                verb=VERB,
                lock_timeout=LOCK_TIMEOUT,
                keep_backups=self.keep_backups,
            )
            if type(result) is not SnapshotChangedError or one.file.is_bound:
                return result
            (again,) = self.planned([one.file], [])
            for name in _FACTS:
                setattr(one, name, getattr(again, name))
        return result

    def _copied(self, one: Open) -> FileCleaned:
        """Write the cleaned copy of a file, which may be one that needs no cleaning."""
        row = _row(one, None)
        if self.copies is None or row.status not in (Status.WOULD_CLEAN, Status.UNCHANGED):
            return row
        data = one.raw if one.new is None else one.new
        try:
            place = put_copy(self.copies, one.file.copy, data, one.mtime_ns)
        except ForensicsError as error:
            return replace(row, status=_status(error), reason=str(error))
        cleaned = Status.UNCHANGED if one.new is None else Status.CLEANED
        return replace(row, status=cleaned, output=path_text(place))


def _read(file: Due, data: Fetched | None, limit: int | None) -> Open:
    if file.problem:
        missing = FileMissingError(file.name, file.problem)
        return Open(file, problem=missing, unreadable=True)
    try:
        raw, status = _bytes(file, data, limit)
        digest = Digest(raw)
        unpacked = decompressed(raw, file.name, limit)
    except ForensicsError as error:
        return Open(file, problem=error, unreadable=True)
    one = Open(file, raw, digest.hexdigest())
    if status is not None:
        one.mtime_ns, one.uid = status.st_mtime_ns, status.st_uid
    if file.is_bound and one.sha256 != file.sha256:
        one.problem = SnapshotChangedError(
            file.name, "it is not the file that was looked at", advice="look at a new plan"
        )
        return one
    snapshot = read_snapshot(unpacked, file.name, saved_at=file.captured_at)
    one.cleaning = Cleaning(snapshot)
    return one


def _bytes(
    file: Due, data: Fetched | None, limit: int | None
) -> tuple[bytes, os.stat_result | None]:
    if isinstance(data, ForensicsError):
        raise data
    if data is not None:
        return data, None
    return read_with_status(file.path, limit=limit)


def _change(one: Open) -> Change:
    assert one.cleaning is not None and one.new is not None and one.sha256 is not None  # noqa: S101, PT018 - only such files get here
    deed = Deed(sessions=one.cleaning.session_ids, plan=row_facts(one.cleaning.rows))
    return Change(Path(one.file.path), one.raw, one.sha256, one.new, deed)


def _free_lock(path: str) -> None:
    """Break a lock of ours whose process is proven gone: a clean that was cut short, say."""
    if not os.path.lexists(f"{path}.lock"):
        return
    try:
        state = inspect_lock(Path(path))
        if state.breakable == "proven":
            unlock(Path(path), inspected=state)
    except (ForensicsError, OSError):
        return  # taking the lock will say what is wrong


def _settled(owners: Iterable[int]) -> tuple[str, ...]:
    """Conclude what earlier runs left open in the journals of some owners, once a process."""
    return tuple(
        note for uid in owners for note in _settled_once(os.getpid(), uid, state_path(uid))
    )


@lru_cache
def _settled_once(pid: int, uid: int, state: Path) -> tuple[str, ...]:
    del pid, state  # a forked worker, or another state folder, has its own
    return tuple(settle(uid))


def _looked_at(one: Open, watch: Watch | None) -> FileCleaned:
    if watch is not None and one.new is not None and one.trouble is None:
        try:
            watch.require_none(Path(one.file.path))
        except ServerLiveError as error:
            one.problem = error
    return _row(one, None)


def _row(one: Open, result: Result) -> FileCleaned:
    """Say in a row what became of a file, or what would."""
    cleaning = one.cleaning
    row = FileCleaned(one.file.name, Status.UNCHANGED, sha256_before=one.sha256)
    trouble = result if isinstance(result, ForensicsError) else one.trouble
    if isinstance(result, Passage):
        row = replace(
            row,
            status=Status.CLEANED,
            sha256_before=result.sha256_before,
            sha256_after=result.sha256_after,
            backup=None if result.backup is None else path_text(result.backup),
            entry=result.entry,
        )
    elif trouble is not None:
        status = Status.FAILED if one.unreadable else _status(trouble)
        return replace(row, status=status, reason=reason_of(trouble, one.file))
    elif one.new is not None:
        row = replace(row, status=Status.WOULD_CLEAN, sha256_after=Digest(one.new).hexdigest())
    else:
        return replace(row, sha256_after=one.sha256)
    assert cleaning is not None  # noqa: S101 - it was planned
    return replace(row, session_ids=cleaning.session_ids, context_ids=cleaning.context_ids)


_STATUSES: Final = (
    (ServerLiveError, Status.SKIPPED),
    (NotRewritableError | UnknownVersionError | BusyError | UsageError, Status.REFUSED),
    (FileMissingError | FileUnreadableError | ProofError, Status.FAILED),
    (EvidenceError, Status.DAMAGED),
)


def _status(error: ForensicsError) -> Status:
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), Status.FAILED)


def lost(files: Chunk) -> ChunkCleaned:
    """Return what is known of a chunk whose worker process was ended, whenever it was tried."""
    reason = "the process that cleaned it was ended; out of memory, perhaps: run it again"
    return ChunkCleaned(tuple(FileCleaned(f.name, Status.FAILED, reason) for f in files))
