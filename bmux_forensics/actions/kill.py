"""Kill sessions in a snapshot file: plan, show, carry out, prove, end the processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bmux_forensics.actions.custody_facts import Deed
from bmux_forensics.actions.door import LOCK_TIMEOUT, Passage, change_file, require_bytes
from bmux_forensics.actions.kill_plan import KillPlan, Reach, bound_to, plan_of_kill
from bmux_forensics.actions.opening import (
    SIZE_LIMIT,
    has_own_snapshot,
    open_for_change,
    own_snapshot_path,
)
from bmux_forensics.errors import (
    ChecksumMismatchError,
    EvidenceError,
    FileMissingError,
    NoSuchSessionError,
    NotASnapshotError,
    SnapshotChangedError,
)
from bmux_forensics.host.paths import find_paths
from bmux_forensics.snapshot.document import Snapshot


@dataclass(frozen=True)
class KillOutcome:
    """What a kill did.

    Parameters
    ----------
    passage : Passage
        What became of the file.
    plan : KillPlan or None
        What was carried out; None when there was no file, or it was moved aside.
    had_snapshot : bool
        There was a file.
    """

    passage: Passage
    plan: KillPlan | None
    had_snapshot: bool = True


def apply_kill(
    plan: KillPlan,
    *,
    lock_timeout: float = LOCK_TIMEOUT,
    assume_no_server: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> KillOutcome:
    """Carry out a plan that somebody has seen, on exactly the bytes it was made from.

    Parameters
    ----------
    plan : KillPlan
        The plan; the process groups it shows are the ones that are ended, after fresh proof.
    lock_timeout : float
        Seconds to wait for the lock.
    assume_no_server : bool
        Go ahead although it can't be told whether a server owns the file.
    on_progress : callable, optional
        Called while processes are ended: with how many of the groups have gone, and of how
        many.

    Raises
    ------
    SnapshotChangedError
        The file is not the one that the plan was made from.
    ForensicsError
        As `bmux_forensics.actions.door.change_file`.
    """
    changed = plan.after if plan.session_ids else None

    def end(_: Passage) -> Sequence[Mapping[str, Any]]:
        return plan.end(assume_no_server=assume_no_server, on_progress=on_progress)

    try:
        passage = change_file(
            plan.path or Path(plan.snapshot.name),
            lambda _: changed,
            verb="kill",
            account=plan.deed,
            expect_sha256=plan.snapshot.sha256,
            size_limit=None,  # the plan's own bytes passed the limit already
            lock_timeout=lock_timeout,
            assume_no_server=assume_no_server,
            ending=end if plan.reach else None,
        )
    except FileMissingError as gone:
        raise SnapshotChangedError(gone.where, gone.found, advice="look at a new plan") from gone
    return KillOutcome(passage, plan)


def kill(  # noqa: PLR0913 - each is a word of the request
    path: str | Path | None = None,
    selectors: Sequence[str] = (),
    *,
    all_sessions: bool = False,
    scrub: bool = False,
    reach: Reach | None = None,
    expect_sha256: str | None = None,
    lock_timeout: float = LOCK_TIMEOUT,
    assume_no_server: bool = False,
    size_limit: int | None = SIZE_LIMIT,
) -> KillOutcome:
    """Kill sessions in a snapshot file, reading and planning under the lock.

    Killing all sessions of a file that was read whole but is no snapshot, or has a wrong
    checksum, moves the file aside; nothing is ever deleted.

    Parameters
    ----------
    path : path-like, optional
        The file; by default bmux's own snapshot, which may be absent.
    selectors, all_sessions, scrub
        As in `plan_of_kill`.
    reach : Reach, optional
        Which processes to end; by default those of bmux's own snapshot alone.
    expect_sha256 : str, optional
        Refuse any other bytes.
    lock_timeout : float
        Seconds to wait for the lock.
    assume_no_server : bool
        Go ahead although it can't be told whether a server owns the file.
    size_limit : int or None
        Refuse a file with more bytes than this; None lifts the limit.

    Returns
    -------
    KillOutcome
        Its plan has no sessions when there was nothing to kill; the file is then untouched.

    Raises
    ------
    ForensicsError
        As `plan_of_kill` and `bmux_forensics.actions.door.change_file`.
    """
    target = Path(path) if path is not None else find_paths().snapshot
    if path is None and not has_own_snapshot():
        if expect_sha256 is not None:
            raise SnapshotChangedError(str(target), "no such file", advice="look at a new plan")
        if selectors:
            raise NoSuchSessionError.of(selectors, str(target))
        return KillOutcome(Passage(target), None, had_snapshot=False)
    going = _Going(target, selectors, all_sessions, scrub, reach or Reach(), assume_no_server)
    passage = change_file(
        target,
        going.prepare,
        verb="kill",
        account=lambda: going.plan.deed() if going.plan else Deed(),
        expect_sha256=expect_sha256,
        lock_timeout=lock_timeout,
        unreadable=is_beyond_reading if all_sessions else None,
        assume_no_server=assume_no_server,
        ending=going.end if going.reach.covers(target) else None,
        size_limit=size_limit,
    )
    return KillOutcome(passage, going.plan)


@dataclass
class _Going:
    """A kill that reads and plans under the lock."""

    path: Path
    selectors: Sequence[str]
    all_sessions: bool
    scrub: bool
    reach: Reach
    assume_no_server: bool
    plan: KillPlan | None = None

    def prepare(self, snapshot: Snapshot) -> Snapshot | None:
        """Plan, and return what shall be."""
        found = plan_of_kill(
            snapshot, self.selectors, all_sessions=self.all_sessions, scrub=self.scrub
        )
        self.plan = bound_to(found, self.path, self.reach)
        return self.plan.after if self.plan.session_ids else None

    def end(self, passage: Passage) -> Sequence[Mapping[str, Any]]:
        """End the processes of the plan."""
        del passage
        return self.plan.end(assume_no_server=self.assume_no_server) if self.plan else []


def is_beyond_reading(problem: EvidenceError) -> bool:
    """Tell whether a file is no snapshot at all, or has a wrong checksum: no kill can read it."""
    return isinstance(problem, NotASnapshotError | ChecksumMismatchError)


def preview_kill(  # noqa: PLR0913 - each is a word of the request
    path: str | Path | None = None,
    selectors: Sequence[str] = (),
    *,
    all_sessions: bool = False,
    scrub: bool = False,
    reach: Reach | None = None,
    expect_sha256: str | None = None,
    size_limit: int | None = SIZE_LIMIT,
) -> KillPlan:
    """Read a snapshot file and plan a kill in it; as `plan_of_kill`, and nothing is written.

    Raises
    ------
    SnapshotChangedError
        The file has other bytes than expected.
    ForensicsError
        As `plan_of_kill` and `bmux_forensics.actions.opening.open_for_change`.
    """
    target = Path(path) if path is not None else own_snapshot_path()
    snapshot, _ = open_for_change(target, size_limit=size_limit)
    require_bytes(snapshot, expect_sha256)
    plan = plan_of_kill(snapshot, selectors, all_sessions=all_sessions, scrub=scrub)
    return bound_to(plan, target, reach or Reach())
