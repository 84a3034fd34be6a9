"""Mend a snapshot with the smallest change that makes its restore forecast good."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from bmux_forensics.actions.custody_facts import Deed, plan_facts
from bmux_forensics.actions.door import LOCK_TIMEOUT, Passage, change_file, require_bytes
from bmux_forensics.actions.opening import SIZE_LIMIT, open_for_change, own_snapshot_path
from bmux_forensics.analysis.audit.run import audit
from bmux_forensics.analysis.encoding import carry_out
from bmux_forensics.analysis.repair.plan import plan_repair
from bmux_forensics.analysis.restore.forecast import forecast
from bmux_forensics.errors import ProofError
from bmux_forensics.snapshot.collection import no_collection
from bmux_forensics.snapshot.document import Snapshot, read_snapshot
from bmux_forensics.tables.build import Tables


@dataclass(frozen=True)
class RepairPlan:
    """What mending one snapshot for one server changes: bound to its bytes.

    Parameters
    ----------
    snapshot : Snapshot
        The snapshot that was looked at.
    target : str
        The server it is mended for.
    changes : DataFrame
        Every change, a row each; the columns are those of a kill's plan, and the
        cause of a change names the rules it mends.
    path : Path or None
        The file to change; by default the one that the snapshot's name means.
    """

    snapshot: Snapshot
    target: str
    changes: pd.DataFrame = field(repr=False, compare=False)
    path: Path | None = None
    _tables: Tables = field(repr=False, compare=False, kw_only=True)

    @cached_property
    def remaining(self) -> pd.DataFrame:
        """The errors that stay: those without a fix, and those that nobody asked to mend."""
        found = audit(self._tables_after, target=self.target)
        return found[found["severity"] == "error"].reset_index(drop=True)

    @cached_property
    def before(self) -> pd.DataFrame:
        """The restore forecast of the snapshot as it is: one row."""
        return forecast(self._tables, target=self.target)

    @cached_property
    def forecast(self) -> pd.DataFrame:
        """The restore forecast of the snapshot as it will be: one row."""
        return forecast(self._tables_after, target=self.target)

    @cached_property
    def after(self) -> Snapshot | None:
        """The snapshot as it will be, proven: read again, nothing is left to mend.

        None when the plan changes nothing.

        Raises
        ------
        NotRewritableError
            Writing it back would lose something.
        ProofError
            The plan did not do what it says; nothing is written.
        """
        return None if self.changes.empty else self._tables_after.snapshots[0]

    @cached_property
    @no_collection()
    def _tables_after(self) -> Tables:
        if self.changes.empty:
            return self._tables
        raw = carry_out(self.snapshot, self.changes).raw
        changed = read_snapshot(raw, self.snapshot.name, saved_at=self.snapshot.saved_at)
        changed.require_envelope()
        tables = Tables([changed])
        if not plan_repair(tables, target=self.target).empty:
            raise ProofError(
                self.snapshot.name,
                "something is left to mend after the plan",
                expected="nothing",
                advice="this is a fault of bmux_forensics: please report it",
            )
        return tables

    def deed(self) -> Deed:
        """Return what the journal says of it: ids, counts and hashes."""
        return Deed(plan=plan_facts(self.changes))


@dataclass(frozen=True)
class RepairOutcome:
    """What a repair did.

    Parameters
    ----------
    passage : Passage
        What became of the file.
    plan : RepairPlan
        What was carried out.
    """

    passage: Passage
    plan: RepairPlan


def plan_of_repair(
    snapshot: Snapshot,
    *,
    target: str = "alpha4",
    rules: Collection[str] | None = None,
    all_fixable: bool = False,
) -> RepairPlan:
    """Plan the mend of one snapshot; nothing is written.

    Parameters
    ----------
    snapshot : Snapshot
        The snapshot.
    target : str
        The server to mend it for: ``alpha4`` or ``alpha1``.
    rules : collection of str, optional
        Rules whose fix gives something up, and that are to be mended all the same.
    all_fixable : bool
        Mend every rule that has a fix.

    Raises
    ------
    UsageError
        There is no such target or rule, or a rule that is named has no fix.
    """
    tables = Tables([snapshot])
    with no_collection():
        changes = plan_repair(tables, target=target, rules=rules, all_fixable=all_fixable)
    return RepairPlan(snapshot, target, changes, _tables=tables)


def preview_repair(  # noqa: PLR0913 - each is a word of the request
    path: str | Path | None = None,
    *,
    target: str = "alpha4",
    rules: Collection[str] | None = None,
    all_fixable: bool = False,
    expect_sha256: str | None = None,
    size_limit: int | None = SIZE_LIMIT,
) -> RepairPlan:
    """Read a snapshot file and plan its mend; as `plan_of_repair`, and nothing is written.

    Raises
    ------
    SnapshotChangedError
        The file has other bytes than expected.
    ForensicsError
        As `plan_of_repair` and `bmux_forensics.actions.opening.open_for_change`.
    """
    file = _file(path)
    snapshot, _ = open_for_change(file, size_limit=size_limit)
    require_bytes(snapshot, expect_sha256)
    plan = plan_of_repair(snapshot, target=target, rules=rules, all_fixable=all_fixable)
    return replace(plan, path=file)


def apply_repair(
    plan: RepairPlan, *, lock_timeout: float = LOCK_TIMEOUT, assume_no_server: bool = False
) -> RepairOutcome:
    """Carry out a repair that somebody has seen, on exactly the bytes it was made from.

    Parameters
    ----------
    plan : RepairPlan
        The plan.
    lock_timeout : float
        Seconds to wait for the lock.
    assume_no_server : bool
        Go ahead where a live server can't be ruled out; one that answers is never ignored.

    Raises
    ------
    SnapshotChangedError
        The file is not the one that the plan was made from.
    ForensicsError
        As `bmux_forensics.actions.door.change_file`.
    """
    changed = plan.after
    passage = change_file(
        plan.path or Path(plan.snapshot.name),
        lambda _: changed,
        verb="repair",
        account=plan.deed,
        expect_sha256=plan.snapshot.sha256,
        size_limit=None,  # the plan's own bytes passed the limit already
        lock_timeout=lock_timeout,
        assume_no_server=assume_no_server,
    )
    return RepairOutcome(passage, plan)


def repair(  # noqa: PLR0913 - each is a word of the request
    path: str | Path | None = None,
    *,
    target: str = "alpha4",
    rules: Collection[str] | None = None,
    all_fixable: bool = False,
    expect_sha256: str | None = None,
    lock_timeout: float = LOCK_TIMEOUT,
    assume_no_server: bool = False,
    size_limit: int | None = SIZE_LIMIT,
) -> RepairOutcome:
    """Mend a snapshot file, reading and planning under the lock.

    Parameters
    ----------
    path : path-like, optional
        The file; by default bmux's own snapshot.
    target, rules, all_fixable
        As in `plan_of_repair`.
    expect_sha256 : str, optional
        Refuse any other bytes.
    lock_timeout : float
        Seconds to wait for the lock.
    assume_no_server : bool
        As in `apply_repair`.
    size_limit : int or None
        Refuse a file with more bytes than this; None lifts the limit.

    Raises
    ------
    ForensicsError
        As `plan_of_repair` and `bmux_forensics.actions.door.change_file`.
    """
    plans: list[RepairPlan] = []

    def prepare(snapshot: Snapshot) -> Snapshot | None:
        plans.append(plan_of_repair(snapshot, target=target, rules=rules, all_fixable=all_fixable))
        return plans[0].after

    passage = change_file(
        _file(path),
        prepare,
        verb="repair",
        account=lambda: plans[0].deed(),  # noqa: PLW0108 - there is no plan yet
        expect_sha256=expect_sha256,
        lock_timeout=lock_timeout,
        assume_no_server=assume_no_server,
        size_limit=size_limit,
    )
    return RepairOutcome(passage, plans[0])


def _file(path: str | Path | None) -> Path:
    return Path(path) if path is not None else own_snapshot_path()
