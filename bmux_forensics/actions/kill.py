"""Kill sessions in a snapshot file: plan, show, carry out, prove."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import pandas as pd

from bmux_forensics.actions.custody import Deed, plan_facts
from bmux_forensics.actions.door import LOCK_TIMEOUT, Passage, change_file, require_bytes
from bmux_forensics.actions.opening import (
    has_own_snapshot,
    no_bmux_here,
    open_for_change,
)
from bmux_forensics.analysis.encoding import carry_out
from bmux_forensics.analysis.plans import plan_kill, process_groups, removed_contexts
from bmux_forensics.analysis.selectors import resolve
from bmux_forensics.errors import (
    ChecksumMismatchError,
    EvidenceError,
    FileMissingError,
    NoSuchSessionError,
    NotASnapshotError,
    ProofError,
    SnapshotChangedError,
    UsageError,
)
from bmux_forensics.host.paths import find_paths
from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.tables.build import Tables

REWRITTEN: Final = ("sessions", "contexts", "clients", "panes")
"""The sections that bmux encodes anew in every kill that matched."""


@dataclass(frozen=True)
class KillPlan:
    """What killing some sessions does to one snapshot: resolved, bound to its bytes.

    Parameters
    ----------
    snapshot : Snapshot
        The snapshot that was looked at.
    session_ids : tuple of str
        The sessions that go, in file order (with all sessions: one for each row).
    context_ids : tuple of str
        The contexts that go with them, sorted.
    scrub : bool
        Also clean what bmux would leave dangling.
    path : Path or None
        The file to change; by default the one that the snapshot's name means.
    """

    snapshot: Snapshot
    session_ids: tuple[str, ...]
    context_ids: tuple[str, ...]
    scrub: bool = False
    path: Path | None = None
    _tables: Tables = field(repr=False, compare=False, kw_only=True)
    _edits: pd.DataFrame = field(repr=False, compare=False, kw_only=True)

    @cached_property
    def changes(self) -> pd.DataFrame:
        """Every change and every reference left dangling, a row each.

        The columns are those of `bmux_forensics.analysis.plans.plan_kill`.
        """
        return plan_kill(self._tables, self._targets, scrub=self.scrub)

    @cached_property
    def process_groups(self) -> pd.DataFrame:
        """The panes that go and record a process group: rows of the panes table."""
        return process_groups(self._tables, self._targets)

    @cached_property
    def after(self) -> Snapshot:
        """The snapshot as it will be, proven: the same plan finds nothing left to do.

        Raises
        ------
        NotRewritableError
            Writing it back would lose something.
        ProofError
            The plan did not do what it says; nothing is written.
        """
        changed = carry_out(self.snapshot, self._edits, rewrite=REWRITTEN)
        contexts = pd.DataFrame(
            {"snapshot": self.snapshot.name, "context_id": list(self.context_ids)}
        )
        left = plan_kill(
            Tables([changed]), self._targets, contexts=contexts, scrub=self.scrub, contained=False
        )
        if not left.empty:
            raise ProofError(
                self.snapshot.name,
                f"{len(left)} changes are left after the plan",
                expected="none",
                advice="this is a fault of bmux_forensics: please report it",
            )
        return changed

    def deed(self) -> Deed:
        """Return what the journal says of it: ids, counts and hashes."""
        return Deed(sessions=self.session_ids, plan=plan_facts(self._edits))

    @property
    def _targets(self) -> pd.DataFrame:
        return _targets(self.snapshot, self.session_ids)


def _targets(snapshot: Snapshot, session_ids: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame({"snapshot": snapshot.name, "session_id": list(session_ids)})


def plan_of_kill(
    snapshot: Snapshot,
    selectors: Sequence[str] = (),
    *,
    all_sessions: bool = False,
    scrub: bool = False,
) -> KillPlan:
    """Plan the kill of some sessions, or of all, in one snapshot; nothing is written.

    Only the sessions section is looked at until a session matched; from then on every
    section that the kill must rewrite has to decode.

    Parameters
    ----------
    snapshot : Snapshot
        The snapshot.
    selectors : sequence of str
        A UUID, an exact name or the start of an id each.
    all_sessions : bool
        Kill every session; then there are no selectors.
    scrub : bool
        Also clean what bmux would leave dangling.

    Raises
    ------
    UsageError
        Neither selectors nor all sessions, or both; a selector that is empty or ambiguous.
    NoSuchSessionError
        A selector means no session.
    EvidenceError
        The envelope or a section that is needed is not one that bmux would take.
    """
    if bool(selectors) == all_sessions:
        raise UsageError(
            "kill",
            "both" if selectors else "neither",
            expected="selectors or all sessions",
            advice="name sessions by id, name or start of an id",
        )
    snapshot.require_envelope()
    tables = Tables([snapshot])
    ids = _resolved(snapshot, tables, selectors)
    if ids:
        for name in REWRITTEN:
            if (reading := snapshot.reading(name)) is not None:
                reading.require()
    edits = plan_kill(tables, _targets(snapshot, ids), scrub=scrub, contained=False)
    contexts = tuple(removed_contexts(edits))
    return KillPlan(snapshot, tuple(ids), contexts, scrub, _tables=tables, _edits=edits)


def _resolved(snapshot: Snapshot, tables: Tables, selectors: Sequence[str]) -> list[str]:
    reading = snapshot.reading("sessions")
    if reading is not None:
        reading.require()
    if selectors:
        return resolve(tables["sessions"], selectors, snapshot.name)
    return tables["sessions"]["session_id"].tolist()


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


def apply_kill(plan: KillPlan, *, lock_timeout: float = LOCK_TIMEOUT) -> KillOutcome:
    """Carry out a plan that somebody has seen, on exactly the bytes it was made from.

    Raises
    ------
    SnapshotChangedError
        The file is not the one that the plan was made from.
    ForensicsError
        As `bmux_forensics.actions.door.change_file`.
    """
    changed = plan.after if plan.session_ids else None
    try:
        passage = change_file(
            plan.path or Path(plan.snapshot.name),
            lambda _: changed,
            verb="kill",
            account=plan.deed,
            expect_sha256=plan.snapshot.sha256,
            lock_timeout=lock_timeout,
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
    expect_sha256: str | None = None,
    lock_timeout: float = LOCK_TIMEOUT,
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
    expect_sha256 : str, optional
        Refuse any other bytes.
    lock_timeout : float
        Seconds to wait for the lock.

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
    plans: list[KillPlan] = []

    def prepare(snapshot: Snapshot) -> Snapshot | None:
        plans.append(plan_of_kill(snapshot, selectors, all_sessions=all_sessions, scrub=scrub))
        return plans[0].after if plans[0].session_ids else None

    passage = change_file(
        target,
        prepare,
        verb="kill",
        account=lambda: plans[0].deed() if plans else Deed(),
        expect_sha256=expect_sha256,
        lock_timeout=lock_timeout,
        unreadable=is_beyond_reading if all_sessions else None,
    )
    return KillOutcome(passage, plans[0] if plans else None)


def is_beyond_reading(problem: EvidenceError) -> bool:
    """Tell whether a file is no snapshot at all, or has a wrong checksum: no kill can read it."""
    return isinstance(problem, NotASnapshotError | ChecksumMismatchError)


def preview_kill(
    path: str | Path | None = None,
    selectors: Sequence[str] = (),
    *,
    all_sessions: bool = False,
    scrub: bool = False,
    expect_sha256: str | None = None,
) -> KillPlan:
    """Read a snapshot file and plan a kill in it; as `plan_of_kill`, and nothing is written.

    Raises
    ------
    SnapshotChangedError
        The file has other bytes than expected.
    ForensicsError
        As `plan_of_kill` and `bmux_forensics.actions.opening.open_for_change`.
    """
    if path is None and not has_own_snapshot():
        raise no_bmux_here(find_paths())
    target = Path(path) if path is not None else find_paths().snapshot
    snapshot, _ = open_for_change(target)
    require_bytes(snapshot, expect_sha256)
    plan = plan_of_kill(snapshot, selectors, all_sessions=all_sessions, scrub=scrub)
    return replace(plan, path=target)
