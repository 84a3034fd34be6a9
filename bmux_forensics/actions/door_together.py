"""The door for many files at once: what can be shared is done once, in the order of one.

Every file goes the way that `door.change_file` takes: lock, read again, look for a server,
back up, stage and bring to the disk, announce, look once more, rename, bring the folder to
the disk, prove, tell the outcome, release. All files take a step before any takes the next,
so that one look, one line-up of the journal and one fsync of a folder serve all of them. A
file that is refused falls out and stops no other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, replace
from os.path import samestat
from pathlib import Path

from bmux_forensics.actions.custody import Notice, announce_all, complete_all, settle
from bmux_forensics.actions.custody_facts import Deed
from bmux_forensics.actions.door import Passage, locked_names
from bmux_forensics.actions.serving import Watch
from bmux_forensics.errors import BusyError, ForensicsError, SnapshotChangedError
from bmux_forensics.host.paths import find_paths
from bmux_forensics.store.at_once import at_once
from bmux_forensics.store.backup import Shelf
from bmux_forensics.store.folder import Folder
from bmux_forensics.store.leftovers import sweep_once
from bmux_forensics.store.lock import LockLeftError
from bmux_forensics.store.lock_bundle import LockBundle
from bmux_forensics.store.reading import FileIdentity, read_regular
from bmux_forensics.store.refusals import NotDurableError
from bmux_forensics.store.replace import Staged, stage


@dataclass(frozen=True, slots=True)
class Change:
    """New bytes for one file, and the bytes that they were made from.

    Parameters
    ----------
    path : Path
        The file.
    old : bytes
        What it must still hold.
    sha256 : str
        Of those bytes.
    new : bytes
        What it shall hold.
    deed : Deed
        What the journal is to know.
    """

    path: Path
    old: bytes
    sha256: str
    new: bytes
    deed: Deed


Result = Passage | ForensicsError | None
"""What became of a file; None when its lock was not free at once."""


def change_together(
    changes: Sequence[Change],
    *,
    verb: str,
    lock_timeout: float | None = None,
    keep_backups: bool = True,
) -> list[Result]:
    """Change some files, each wholly or not at all.

    Parameters
    ----------
    changes : sequence of Change
        The files, each once.
    verb : str
        What the journal calls it.
    lock_timeout : float, optional
        Seconds to wait for each lock. By default nobody is waited for, and nobody waits
        for us for long: what is not free at once, and bmux's own snapshot, whose lock
        others want, are left for a call of their own.
    keep_backups : bool
        Keep the old bytes; without them a change can't be undone.

    Returns
    -------
    list of Passage, ForensicsError or None
        One a change, in order. An error says why a file is as it was, or that its new
        bytes are there and can't be brought to the disk or proven.
    """
    passing = [_Passing(change, verb, lock_timeout) for change in changes]
    by_owner: dict[int, list[_Passing]] = {}
    own = _own_snapshot()
    for one in passing:
        with suppress(OSError):  # reading it will say why
            status = one.change.path.stat()
            one.uid = status.st_uid
            one.going = lock_timeout is not None or own is None or not samestat(status, own)
        by_owner.setdefault(one.uid, []).append(one)
    if lock_timeout is None:
        _tidy(passing)
    for uid, some in by_owner.items():
        _cross(some, uid, keep_backups=keep_backups)
    return [one.result for one in passing]


def _own_snapshot() -> os.stat_result | None:
    """Look at bmux's own snapshot; None where there is none."""
    try:
        return find_paths().snapshot.stat()
    except OSError:
        return None


def _tidy(passing: list[_Passing]) -> None:
    """Remove what killed runs left, once for each folder and not for each file."""
    folders = {os.path.dirname(one.change.path) for one in passing}  # noqa: PTH120 - of every file
    for path in {Path(os.path.realpath(folder)) for folder in folders}:
        with suppress(OSError), Folder(path) as folder:
            sweep_once(folder)


def _cross(passing: list[_Passing], uid: int, *, keep_backups: bool) -> None:
    """Take the files of one owner through the door, step by step."""
    with ExitStack() as stack:
        bundle = stack.enter_context(LockBundle())
        for one in passing:
            stack.push(one.leave)
        going = _each([o for o in passing if o.going], lambda one: one.enter(bundle))
        going = _look(going)
        shelf = stack.enter_context(Shelf(uid, eager=False)) if keep_backups and going else None
        if shelf is not None:
            going = _each(going, lambda one: shelf.open(one.identity.path))
            going = _all(going, lambda _: shelf.note())
            going = _each(going, lambda one: one.keep(shelf))
        going = _each(going, _Passing.stage)
        if shelf is not None:
            going = _all(going, lambda _: shelf.settle())
        going = _each_at_once(going, _Passing.settle)
        going = _all(going, lambda some: announce_all([o.notice for o in some], uid))
        going = _each(_look(going), _Passing.put)
        going = _each(going, _Synced())
        going = _each(going, _Passing.prove)
        if going:
            complete_all([one.notice for one in going], uid)
        _each(going, _Passing.release)


def _look(going: list[_Passing]) -> list[_Passing]:
    """Let only those files on whose lock is ours and that no server owns."""
    watch = Watch()
    return _each(going, lambda one: one.look(watch))


def _each(passing: Iterable[_Passing], step: Callable[[_Passing], object]) -> list[_Passing]:
    """Let each file take a step, and return those that are still on their way."""
    going = []
    for one in passing:
        try:
            step(one)
        except ForensicsError as error:
            one.fail(error)
        if one.going:
            going.append(one)
    return going


def _each_at_once(passing: list[_Passing], step: Callable[[_Passing], object]) -> list[_Passing]:
    """Let all files take a step in which the system has to be waited for, as `_each`."""

    def problem_of(one: _Passing) -> ForensicsError | None:
        try:
            step(one)
        except ForensicsError as error:
            return error
        return None

    for one, problem in zip(passing, at_once(problem_of, passing), strict=True):
        if problem is not None:
            one.fail(problem)
    return [one for one in passing if one.going]


def _all(passing: list[_Passing], step: Callable[[list[_Passing]], object]) -> list[_Passing]:
    """Let all files take a step together; what stops one stops all."""
    if not passing:
        return []
    try:
        step(passing)
    except ForensicsError as error:
        for one in passing:
            one.fail(error)
    return [one for one in passing if one.going]


class _Synced:
    """Brings the folder of each file to the disk, once; a failure is that of all its files."""

    def __init__(self) -> None:
        self._done: dict[Path, str] = {}

    def __call__(self, one: _Passing) -> None:
        folder = one.staged.path.parent
        if folder not in self._done:
            self._done[folder] = ""
            try:
                one.staged.sync_folder()
            except NotDurableError as error:
                self._done[folder] = error.found
        if found := self._done[folder]:
            raise NotDurableError(str(one.staged.path), found)


class _Passing:
    """One file on its way."""

    staged: Staged
    notice: Notice
    identity: FileIdentity

    def __init__(self, change: Change, verb: str, lock_timeout: float | None) -> None:
        self.change = change
        self.uid = -1
        self.result: Result = None
        self.going = True
        self._verb = verb
        self._timeout = lock_timeout
        self._stack = ExitStack()
        self._is_ours: Callable[[], object] = lambda: True
        self._backup: Path | None = None
        self._notes: tuple[str, ...] = ()

    def leave(self, *exception: object) -> None:
        """Let go of everything, whichever way it ended; a `concluded` of ours is told how."""
        self._stack.__exit__(*exception)  # type: ignore[arg-type]  # as an exit stack calls it

    def fail(self, error: ForensicsError) -> None:
        """Fall out: nothing of ours is left behind, and the journal knows the outcome."""
        self.result, self.going = error, False
        with suppress(ForensicsError):  # the same error, on its way out
            self._stack.__exit__(type(error), error, error.__traceback__)

    def enter(self, bundle: LockBundle) -> None:
        """Take the lock and read the file again."""
        path = self.change.path
        if not self._lock(path, bundle):
            self.going = False
            return
        raw, self.identity = read_regular(path, limit=None)
        if raw != self.change.old or self.identity.uid != self.uid:
            raise SnapshotChangedError(
                str(path), "somebody changed it since it was read", advice="try again"
            )
        if self._timeout is not None:  # alone, there is time to look what became of others
            held, sha256 = self.identity.path, self.change.sha256
            self._notes = tuple(settle(self.uid, held, lambda: sha256))

    def _lock(self, path: Path, bundle: LockBundle) -> bool:
        way: AbstractContextManager[Callable[[], object] | None]
        if self._timeout is not None:
            way = locked_names(path, self._timeout)
        else:
            way = bundle.locked(path)
        ours = self._stack.enter_context(way)
        if ours is None:
            return False
        self._is_ours = ours
        return True

    def look(self, watch: Watch) -> None:
        """Raise unless the lock is ours (a lock that waits raises by itself) and no server is."""
        if self._is_ours() is False:
            raise BusyError(
                str(self.change.path),
                "the lock was broken and taken by somebody else",
                advice="nothing was changed; try again",
            )
        watch.require_none(self.change.path)

    def keep(self, shelf: Shelf) -> None:
        """Keep the old bytes."""
        self._backup = shelf.keep(self.identity, self.change.old, self.change.sha256)

    def stage(self) -> None:
        """Write the new bytes beside the old ones."""
        staging = stage(self.identity, self.change.new, eager=False)
        self.staged = self._stack.enter_context(staging)
        facts = {
            "verb": self._verb,
            "file": str(self.identity.path),
            "sha256_before": self.change.sha256,
            "sha256_after": self.staged.sha256,
            "backup": None if self._backup is None else str(self._backup),
        }
        self.notice = Notice(self.identity.uid, {**facts, **self.change.deed.facts()})
        concluded = self.notice.concluded(lambda: not self.staged.is_waiting())
        self._stack.enter_context(concluded)

    def settle(self) -> None:
        """Bring the new bytes to the disk."""
        self.staged.settle()

    def put(self) -> None:
        """Rename."""
        self.staged.put()

    def prove(self) -> None:
        """Read back what is there now."""
        self.staged.prove()

    def release(self) -> None:
        """Be done: the outcome is told, the lock goes."""
        self.going = False
        done = Passage(
            self.change.path,
            self.change.sha256,
            self.staged.sha256,
            applied=True,
            backup=self._backup,
            entry=self.notice.id,
            notes=(*self._notes, *self.notice.notes),
        )
        self.result = done
        try:
            self._stack.close()
        except LockLeftError as left:
            self.result = replace(done, notes=(*done.notes, str(left)))
