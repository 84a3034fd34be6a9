"""Take a change back: the exact old bytes, owner, permissions and time, from the backup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypedDict

from bmux_forensics.actions.custody_facts import Deed
from bmux_forensics.actions.custody_judging import sha256_now
from bmux_forensics.actions.custody_reading import known_changes, owner_of, resolved
from bmux_forensics.actions.custody_record import Recorded
from bmux_forensics.actions.door import LOCK_TIMEOUT, Passage, change_file
from bmux_forensics.actions.undo_source import old_bytes
from bmux_forensics.actions.undo_ways import make_file, move_file_aside, put_file_back
from bmux_forensics.errors import (
    FileMissingError,
    ForensicsError,
    SnapshotChangedError,
    UsageError,
    path_text,
)
from bmux_forensics.host.paths import find_paths
from bmux_forensics.snapshot.document import read_snapshot
from bmux_forensics.store.reading import FileIdentity

_SHORTEST = 4  # characters of an id that are enough to mean one


class NothingToUndoError(ForensicsError):
    """There is no such change, or it is not one that holds now."""

    kind = "nothing-to-undo"
    exit_code = 1


@dataclass(frozen=True)
class UndoPlan:
    """What taking back one change does, bound to the bytes that are there now.

    Parameters
    ----------
    change : str
        The id of the change.
    verb, when : str
        What it was, and its moment (RFC 3339, UTC).
    path : Path
        The file.
    way : str
        "replace" the file, "make" it anew, "put back" what was moved aside, or "move
        aside" a file where there was none before.
    sha256_now, sha256_restored : str or None
        Of the bytes before and after the undo; None where there is no file.
    source : Path or None
        Where the old bytes come from.
    discards : tuple of str
        Later changes that go with it; they are undone too, and can be had back by
        undoing the undo.
    changed_since : bool
        The file is not as the change left it, so that something is discarded.
    """

    change: str
    verb: str
    when: str
    path: Path
    way: str
    sha256_now: str | None
    sha256_restored: str | None
    source: Path | None = None
    discards: tuple[str, ...] = ()
    changed_since: bool = False
    _data: bytes = field(default=b"", repr=False, kw_only=True)
    _like: FileIdentity | None = field(default=None, repr=False, kw_only=True)


def plan_undo(
    change: str = "last",
    path: str | Path | None = None,
    *,
    discard_later_changes: bool = False,
) -> UndoPlan:
    """Look what taking back a change would do; nothing is written.

    Parameters
    ----------
    change : str
        Its id, or the start of it; "last" is the newest change of the file that holds,
        undos not counted: undoing twice goes back two steps. To take back an undo, name it.
    path : path-like, optional
        The file; with "last" bmux's own snapshot by default.
    discard_later_changes : bool
        Go ahead although the file has changed since. Its present bytes are backed up.

    Raises
    ------
    NothingToUndoError
        There is no such change, or it was undone, or it never happened (exit code 1).
    UsageError
        The id means more than one change (2).
    EvidenceError
        The backup is missing, or not the bytes that it should be (3).
    SnapshotChangedError
        The file has changed since (4).
    """
    if path is None and change == "last":
        path = find_paths().snapshot
    file = resolved(path) if path is not None else None
    uid = owner_of(file)
    changes = known_changes(uid)
    found = _newest(changes, file) if change == "last" else _named(changes, change, file)
    _require_undoable(found, changes)
    now = sha256_now(found.file)
    # Where the file is gone there is nothing to lose: it is made anew.
    changed_since = now not in (None, found.after)
    if changed_since and not discard_later_changes:
        raise SnapshotChangedError(
            path_text(found.file),
            _hash_text(now),
            expected=f"{_hash_text(found.after)}, as {found.verb} {found.id} left it",
            advice="to lose what was changed since (it is backed up), discard later changes",
        )
    if now == found.before:
        raise NothingToUndoError(path_text(found.file), f"it is as before {found.id} already")
    plan = UndoPlan(
        change=found.id,
        verb=found.verb,
        when=found.when,
        path=found.file,
        way="replace",
        sha256_now=now,
        sha256_restored=found.before,
        discards=_later(changes, found) if now != found.after else (),
        changed_since=changed_since,
    )
    return _with_source(plan, found, owner_of(found.file) if file is None else uid)


def _hash_text(sha256: str | None) -> str:
    return "no file" if sha256 is None else f"sha256 {sha256}"


def _newest(changes: Sequence[Recorded], file: Path | None) -> Recorded:
    holding = [c for c in changes if c.file == file and c.state == "done" and c.undoes is None]
    if holding:
        return holding[-1]
    undos = [c for c in changes if c.file == file and c.state == "done"]
    others = [c for c in changes if c.state == "done" and c.undoes is None]
    advice = f"the newest of another file is {others[-1].id}" if others else ""
    if undos:
        advice = f"the last one was taken back by {undos[-1].id}: undo that to have it again"
    raise NothingToUndoError(path_text(file or ""), "no change of it can be undone", advice=advice)


def _named(changes: Sequence[Recorded], name: str, file: Path | None) -> Recorded:
    name = name.lower()
    if len(name) < _SHORTEST:
        raise UsageError("undo", repr(name), expected=f"at least {_SHORTEST} characters of an id")
    fits = [c for c in changes if c.id.startswith(name) and file in (None, c.file)]
    if not fits:
        where = "the journal" if file is None else f"the journal of {path_text(file)}"
        raise NothingToUndoError(where, f"no change {name!r}", advice="look at the history")
    if len(fits) > 1 and fits[0].id != name:
        found = ", ".join(c.id for c in fits)
        raise UsageError("undo", f"{name!r} means {found}", expected="one change")
    return fits[0]


def _require_undoable(change: Recorded, changes: Sequence[Recorded]) -> None:
    if change.state in ("done", "unknown"):
        return
    found = {
        "failed": "nothing was changed by it",
        "open": f"process {change.maker.pid} is still at it",
    }.get(change.state, "it is undone already")
    by = [c.id for c in changes if change.id in (c.undoes, *c.discards) and c.state == "done"]
    advice = f"undo {by[-1]} to have it again" if by else ""
    raise NothingToUndoError(f"{change.verb} {change.id}", found, advice=advice)


def _later(changes: Sequence[Recorded], found: Recorded) -> tuple[str, ...]:
    return tuple(
        c.id
        for c in changes
        if c.file == found.file and c.number > found.number and c.state == "done"
    )


def _with_source(plan: UndoPlan, change: Recorded, uid: int | None) -> UndoPlan:
    """Find the old bytes, prove them, and decide how they get back."""
    if change.before is None:
        return replace(plan, way="move aside")
    source = old_bytes(change, uid)
    way = "replace"
    if plan.sha256_now is None:
        beside = source.path.parent == change.file.parent
        way = "put back" if beside and source.path == change.aside else "make"
    return replace(plan, way=way, source=source.path, _data=source.data, _like=source.like)


def apply_undo(
    plan: UndoPlan, *, lock_timeout: float = LOCK_TIMEOUT, assume_no_server: bool = False
) -> Passage:
    """Carry out an undo that somebody has seen, on exactly the bytes that were there.

    It goes through the same door as any change: locked, the present bytes backed up,
    journalled, and it can be undone itself.

    Parameters
    ----------
    plan : UndoPlan
        From `plan_undo`.
    lock_timeout : float
        Seconds to wait for the lock.
    assume_no_server : bool
        Go ahead although it can't be told whether a server owns the file.

    Returns
    -------
    Passage
        Its `entry` is the undo's own id.

    Raises
    ------
    SnapshotChangedError
        The file has changed meanwhile.
    ForensicsError
        As `bmux_forensics.actions.door.change_file`.
    """
    deed = Deed(undoes=plan.change, discards=plan.discards)
    how = _How(lock_timeout=lock_timeout, assume_no_server=assume_no_server)
    if plan.way == "move aside":
        return move_file_aside(plan.path, plan.sha256_now, deed, **how)
    data, like = plan._data, plan._like  # noqa: SLF001 - the same module
    assert like is not None  # noqa: S101 - every other way has a source
    if plan.way == "put back":
        return put_file_back(plan.path, like, plan.sha256_restored, deed, **how)
    if plan.way == "make":
        return make_file(plan.path, data, like, deed, **how)
    try:
        return change_file(
            plan.path,
            lambda old: read_snapshot(data, old.name),
            verb="undo",
            account=lambda: deed,
            expect_sha256=plan.sha256_now,
            like=like,
            packed=True,
            size_limit=None,  # what we changed can be taken back, whatever its size
            **how,
        )
    except FileMissingError as gone:
        raise SnapshotChangedError(gone.where, gone.found, advice="look at it again") from gone


class _How(TypedDict):
    """What is handed on as it was asked for."""

    lock_timeout: float
    assume_no_server: bool


def undo(
    change: str = "last",
    path: str | Path | None = None,
    *,
    discard_later_changes: bool = False,
    lock_timeout: float = LOCK_TIMEOUT,
    assume_no_server: bool = False,
) -> Passage:
    """Take a change back; parameters and refusals are those of `plan_undo` and `apply_undo`.

    Returns
    -------
    Passage
        Its `entry` is the undo's own id.
    """
    plan = plan_undo(change, path, discard_later_changes=discard_later_changes)
    return apply_undo(plan, lock_timeout=lock_timeout, assume_no_server=assume_no_server)
