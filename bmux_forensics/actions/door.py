"""The one way a file is changed: lock, read, back up, stage, announce, look, rename, prove."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from bmux_forensics.actions.custody import Notice, settle
from bmux_forensics.actions.custody_facts import Deed
from bmux_forensics.actions.custody_judging import find_aside
from bmux_forensics.actions.opening import SIZE_LIMIT, open_for_change
from bmux_forensics.actions.serving import require_no_server
from bmux_forensics.errors import BusyError, EvidenceError, ForensicsError, SnapshotChangedError
from bmux_forensics.host.paths import find_paths
from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.store.aside import move_aside
from bmux_forensics.store.backup import keep_backup
from bmux_forensics.store.folder import Folder
from bmux_forensics.store.leftovers import sweep
from bmux_forensics.store.lock import locked
from bmux_forensics.store.reading import FileIdentity, read_regular
from bmux_forensics.store.refusals import writing
from bmux_forensics.store.replace import stage

LOCK_TIMEOUT: Final = 3.0
"""Seconds to wait for the lock: as long as bmux does."""


@dataclass(frozen=True)
class Passage:
    """What became of one file.

    Parameters
    ----------
    path : Path
        The file as it was named.
    sha256_before : str or None
        Of the bytes that were read under the lock.
    sha256_after : str or None
        Of the bytes that are there now.
    applied : bool
        The file was changed.
    backup : Path or None
        Where the old bytes are kept.
    moved_aside : Path or None
        Where an unreadable file was moved.
    entry : str or None
        What the journal calls this change, and `undo` too.
    notes : tuple of str
        What became of earlier changes that were cut short, and what could not be journalled.
    processes : tuple of mapping
        What became of process groups afterwards.
    """

    path: Path
    sha256_before: str | None = None
    sha256_after: str | None = None
    applied: bool = False
    backup: Path | None = None
    moved_aside: Path | None = None
    entry: str | None = None
    notes: tuple[str, ...] = ()
    processes: tuple[Mapping[str, Any], ...] = ()


Ending = Callable[[Passage], Sequence[Mapping[str, Any]]]
"""Ends processes once the file is changed and its lock released; returns what became of each."""


def change_file(  # noqa: PLR0913 - each is a part of the request
    path: Path,
    prepare: Callable[[Snapshot], Snapshot | None],
    *,
    verb: str = "edit",
    account: Callable[[], Deed] = Deed,
    expect_sha256: str | None = None,
    lock_timeout: float = LOCK_TIMEOUT,
    unreadable: Callable[[EvidenceError], bool] | None = None,
    like: FileIdentity | None = None,
    assume_no_server: bool = False,
    packed: bool = False,
    ending: Ending | None = None,
    size_limit: int | None = SIZE_LIMIT,
) -> Passage:
    """Change one snapshot file, or leave it exactly as it is.

    Parameters
    ----------
    path : Path
        The file.
    prepare : callable
        Given the snapshot as read under the lock, returns the snapshot as it shall be,
        or None to leave the file alone. Whatever it raises leaves the file alone too.
    verb : str
        What the journal calls it.
    account : callable
        Says what else the journal is to know; asked once the file is to be changed.
    expect_sha256 : str, optional
        Refuse any other bytes than these: the ones a plan was made from.
    lock_timeout : float
        Seconds to wait for the lock.
    unreadable : callable, optional
        Given the problem of a snapshot that `prepare` could not read, tells whether the
        file is to be moved aside. The problem is raised when it says no.
    like : FileIdentity, optional
        Whose owner, permissions and time of change the file gets; its own by default.
    assume_no_server : bool
        Go ahead although it can't be told whether a server owns the file.
    packed : bool
        Take a compressed copy too, as the bytes that it is.
    ending : callable, optional
        Called when the file was changed, proven and its lock released, to end the
        processes that the journal's intent names; it looks for a live server again first.
        What it returns is journalled. Where it does not get that far, the journal says so.
    size_limit : int or None
        Refuse a file with more bytes than this; None lifts the limit.

    Raises
    ------
    EvidenceError
        The file can't be read, or not be rewritten safely (exit code 3).
    BusyError
        The lock is held, a server owns the file, or it is not the expected one (4).
    WriteError
        The system would not let us write; nothing was changed (6).
    """
    with _locked(path, lock_timeout) as last_look:
        snapshot, identity = open_for_change(path, packed=packed, size_limit=size_limit)

        def look() -> None:
            last_look()
            require_no_server(path, assume_none=assume_no_server)

        way = _Way(path, identity, snapshot, verb, look)
        with way.told():
            require_bytes(snapshot, expect_sha256)
            try:
                changed = prepare(snapshot)
            except EvidenceError as problem:
                if unreadable is None or not unreadable(problem):
                    raise
                return way.aside(account())
            if changed is None:
                return Passage(path, snapshot.sha256, snapshot.sha256, notes=tuple(way.notes))
            passage, notice = way.replace(changed.raw, account(), like)
    if ending is None:
        return passage
    outcomes = tuple(ending(passage))
    notice.tell_processes(outcomes)
    return replace(passage, processes=outcomes, notes=(*way.notes, *notice.notes))


class _Way:
    """The way of one locked file through the door."""

    def __init__(
        self,
        path: Path,
        identity: FileIdentity,
        old: Snapshot,
        verb: str,
        last_look: Callable[[], None],
    ) -> None:
        self.path = path
        self.identity = identity
        self.old = old
        self.verb = verb
        self.last_look = last_look
        self.notes = settle(identity.uid, identity.path, lambda: old.sha256)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Let a refusal, too, say what became of earlier changes."""
        try:
            yield
        except ForensicsError as error:
            for note in self.notes:
                error.add_note(note)
            raise

    def replace(self, data: bytes, deed: Deed, like: FileIdentity | None) -> tuple[Passage, Notice]:
        """Put new bytes in the old ones' place."""
        self.last_look()  # a first time: what is refused now leaves no backup and no entry
        backup = keep_backup(self.identity, self.old.raw, self.old.sha256)
        with stage(self.identity, data, like=like) as staged:
            notice = self.notice(deed, sha256_after=staged.sha256, backup=str(backup))
            with notice.concluded(lambda: not staged.is_waiting()):
                staged.commit(notice.before(self.last_look))
            notice.complete()
            passage = Passage(
                self.path,
                self.old.sha256,
                staged.sha256,
                applied=True,
                backup=backup,
                entry=notice.id,
                notes=(*self.notes, *notice.notes),
            )
        return passage, notice

    def aside(self, deed: Deed) -> Passage:
        """Move the file out of the way."""
        self.last_look()
        now = dt.datetime.now(dt.UTC)
        moment = f"{now:%Y%m%dT%H%M%SZ}"
        path, sha256 = self.identity.path, self.old.sha256
        with writing(path, "opening its folder"), Folder(path.parent) as folder:
            sweep(folder, path.name)
        notice = self.notice(deed, sha256_after=None, moment=moment)
        with notice.concluded(lambda: find_aside(path, moment, sha256) is not None):
            aside = move_aside(self.identity, sha256, now, last_look=notice.before(self.last_look))
        notice.complete(aside=str(aside))
        return Passage(
            self.path,
            sha256,
            moved_aside=aside,
            entry=notice.id,
            notes=(*self.notes, *notice.notes),
        )

    def notice(self, deed: Deed, **facts: str | None) -> Notice:
        """Prepare what the journal will say."""
        intent = {"verb": self.verb, "file": str(self.identity.path)}
        before = {"sha256_before": self.old.sha256}
        return Notice(self.identity.uid, {**intent, **before, **facts, **deed.facts()})


def require_bytes(snapshot: Snapshot, expected: str | None) -> None:
    """Raise `SnapshotChangedError` unless the snapshot has the expected SHA-256, if any."""
    if expected is not None and snapshot.sha256 != expected.lower():
        raise SnapshotChangedError(
            snapshot.name,
            f"sha256 {snapshot.sha256}",
            expected=f"the bytes that the plan was made from, sha256 {expected.lower()}",
            advice="look at a new plan",
        )


def is_own_snapshot(path: Path) -> bool:
    """Tell whether a file is bmux's own snapshot: the same inode, however it is named."""
    own = find_paths().snapshot
    try:
        return path.samefile(own)
    except OSError:
        return os.path.realpath(path) == os.path.realpath(own)


@contextmanager
def _locked(path: Path, timeout: float) -> Iterator[Callable[[], None]]:
    """Hold the locks of a file that is there; as `locked_names`."""
    if not (os.path.isfile(path) and os.access(path, os.R_OK)):  # noqa: PTH113 - Path.is_file raises where we may not look
        _tidy(path)
        read_regular(path)  # says what is wrong, and no lock is left in the file's place
    with locked_names(path, timeout) as last_look:
        yield last_look


def _tidy(path: Path) -> None:
    """Remove what a run left that was killed after it had moved the file away."""
    with suppress(OSError), Folder(path.parent) as folder:
        sweep(folder, path.name)


@contextmanager
def locked_names(path: Path, timeout: float) -> Iterator[Callable[[], None]]:
    """Hold the locks of a file, there or not; yields what looks whether they are still ours.

    bmux's own snapshot is locked as bmux locks it, by whatever name we were given it.
    """
    name = find_paths().snapshot if is_own_snapshot(path) else path
    with locked(name, timeout=timeout) as is_ours:

        def look() -> None:
            if not is_ours():
                raise BusyError(
                    str(path),
                    "the lock was broken and taken by somebody else",
                    advice="nothing was changed; try again",
                )

        yield look
