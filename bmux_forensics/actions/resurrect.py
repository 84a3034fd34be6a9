"""Bring a session back from one snapshot into another: the reverse of a kill."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from bmux_forensics.actions.custody_facts import Deed, plan_facts
from bmux_forensics.actions.door import LOCK_TIMEOUT, Passage, change_file, require_bytes
from bmux_forensics.actions.opening import (
    SIZE_LIMIT,
    open_for_change,
    open_snapshot,
    own_snapshot_path,
)
from bmux_forensics.analysis.encoding import carry_out
from bmux_forensics.analysis.restore.forecast import forecast
from bmux_forensics.analysis.resurrection.plan import (
    plan_resurrection,
    presentable,
    require_good,
    servers_of,
)
from bmux_forensics.analysis.selectors import resolve
from bmux_forensics.errors import NoSuchSessionError, ProofError
from bmux_forensics.snapshot.document import Snapshot, read_snapshot
from bmux_forensics.tables.build import Tables


@dataclass(frozen=True)
class ResurrectionPlan:
    """What bringing a session back into a snapshot changes: bound to that snapshot's bytes.

    Parameters
    ----------
    snapshot : Snapshot
        The snapshot that the session comes back to.
    source : Snapshot
        The snapshot that it comes from.
    session_id : str
        The session.
    name : str or None
        The name that it will have.
    path : Path or None
        The file to change; by default the one that the snapshot's name means.
    """

    snapshot: Snapshot
    source: Snapshot
    session_id: str
    name: str | None
    path: Path | None = None
    _edits: pd.DataFrame = field(repr=False, compare=False, kw_only=True)

    @cached_property
    def changes(self) -> pd.DataFrame:
        """Every row that comes back, one each; the columns are those of a kill's plan.

        ``new`` is the whole row as JSON, the values of environment variables masked.
        """
        return presentable(self._edits)

    @cached_property
    def after(self) -> Snapshot:
        """The snapshot as it will be, proven: read again, servers would bring all of it back.

        Raises
        ------
        WouldNotRestoreError
            A server would not bring back every session and pane.
        NotRewritableError
            Writing it back would lose something.
        ProofError
            The plan did not do what it says; nothing is written.
        """
        require_good(self.snapshot, self._tables_after)
        sessions = self._tables_after["sessions"]
        back = sessions.loc[sessions["session_id"] == self.session_id, "name"].tolist()
        if len(back) != 1 or (back[0] if isinstance(back[0], str) else None) != self.name:
            raise ProofError(
                self.snapshot.name,
                f"{len(back)} sessions of that id after the plan",
                expected=f"the session {self.session_id}, once",
                advice="this is a fault of bmux_forensics: please report it",
            )
        return self._tables_after.snapshots[0]

    @cached_property
    def forecast(self) -> pd.DataFrame:
        """The restore forecast of the snapshot as it will be: a row for each server it is for."""
        rows = [forecast(self._tables_after, target=name) for name in servers_of(self.snapshot)]
        return pd.concat(rows, ignore_index=True)

    @cached_property
    def _tables_after(self) -> Tables:
        raw = carry_out(self.snapshot, self._edits).raw
        changed = read_snapshot(raw, self.snapshot.name, saved_at=self.snapshot.saved_at)
        changed.require_envelope()
        return Tables([changed])

    def deed(self) -> Deed:
        """Return what the journal says of it: ids, counts and hashes."""
        return Deed(plan=plan_facts(self._edits))


@dataclass(frozen=True)
class ResurrectionOutcome:
    """What a resurrection did.

    Parameters
    ----------
    passage : Passage
        What became of the file.
    plan : ResurrectionPlan
        What was carried out.
    """

    passage: Passage
    plan: ResurrectionPlan


def plan_of_resurrection(
    snapshot: Snapshot, selector: str, source: Snapshot, *, name: str | None = None
) -> ResurrectionPlan:
    """Plan the return of a session into one snapshot; nothing is written.

    Parameters
    ----------
    snapshot : Snapshot
        The snapshot that the session comes back to.
    selector : str
        A UUID, an exact name or the start of an id: what it means in `source`.
    source : Snapshot
        The snapshot that lists the session.
    name : str, optional
        A name instead of its own; contexts that bear its name, and those whose name is
        taken, get it too.

    Raises
    ------
    NoSuchSessionError
        The selector means no session of the source.
    SelectorError
        It is empty, or means more than one.
    AlreadyThereError
        An id or a name of it is taken there.
    EvidenceError
        A section that is needed, of either snapshot, is not one that bmux would take.
    """
    for one in (source, snapshot):
        one.require_envelope()
    listing = source.reading("sessions")
    if listing is None:
        raise NoSuchSessionError.of([selector], source.name)
    listing.require()
    (session_id,) = resolve(Tables([source])["sessions"], [selector], source.name)
    edits = plan_resurrection(source, session_id, Tables([snapshot]), new_name=name)
    own = name if name is not None else _name_of(source, session_id)
    return ResurrectionPlan(snapshot, source, session_id, own, _edits=edits)


def _name_of(source: Snapshot, session_id: str) -> str | None:
    sessions = Tables([source])["sessions"]
    names = sessions.loc[sessions["session_id"] == session_id, "name"].tolist()
    return names[0] if isinstance(names[0], str) else None


def preview_resurrection(  # noqa: PLR0913 - each is a word of the request
    selector: str,
    source: str | Path,
    into: str | Path | None = None,
    *,
    name: str | None = None,
    expect_sha256: str | None = None,
    size_limit: int | None = SIZE_LIMIT,
) -> ResurrectionPlan:
    """Read two snapshot files and plan a resurrection; nothing is written.

    Parameters
    ----------
    selector : str
        As in `plan_of_resurrection`.
    source : path-like
        The snapshot that has the session: a file, compressed or not, or ``-``.
    into : path-like, optional
        The file that it comes back to; by default bmux's own snapshot.
    name : str, optional
        As in `plan_of_resurrection`.
    expect_sha256 : str, optional
        Refuse any other bytes of that file.
    size_limit : int or None
        Refuse a larger source, decompressed, and a larger file to change; None lifts the limit.

    Raises
    ------
    SnapshotChangedError
        The file has other bytes than expected.
    ForensicsError
        As `plan_of_resurrection` and `bmux_forensics.actions.opening.open_for_change`.
    """
    found = open_snapshot(source, size_limit=size_limit)
    file = _file(into)
    snapshot, _ = open_for_change(file, size_limit=size_limit)
    require_bytes(snapshot, expect_sha256)
    return replace(plan_of_resurrection(snapshot, selector, found, name=name), path=file)


def apply_resurrection(
    plan: ResurrectionPlan, *, lock_timeout: float = LOCK_TIMEOUT, assume_no_server: bool = False
) -> ResurrectionOutcome:
    """Carry out a resurrection that somebody has seen, on exactly the bytes it was made from.

    Parameters
    ----------
    plan : ResurrectionPlan
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
        verb="resurrect",
        account=plan.deed,
        expect_sha256=plan.snapshot.sha256,
        size_limit=None,  # the plan's own bytes passed the limit already
        lock_timeout=lock_timeout,
        assume_no_server=assume_no_server,
    )
    return ResurrectionOutcome(passage, plan)


def resurrect(  # noqa: PLR0913 - each is a word of the request
    selector: str,
    source: str | Path,
    into: str | Path | None = None,
    *,
    name: str | None = None,
    expect_sha256: str | None = None,
    size_limit: int | None = SIZE_LIMIT,
    lock_timeout: float = LOCK_TIMEOUT,
    assume_no_server: bool = False,
) -> ResurrectionOutcome:
    """Bring a session back into a snapshot file, reading and planning that file under the lock.

    Parameters
    ----------
    selector, source, into, name, expect_sha256, size_limit
        As in `preview_resurrection`.
    lock_timeout, assume_no_server
        As in `apply_resurrection`.

    Raises
    ------
    ForensicsError
        As `plan_of_resurrection` and `bmux_forensics.actions.door.change_file`.
    """
    found = open_snapshot(source, size_limit=size_limit)
    plans: list[ResurrectionPlan] = []

    def prepare(snapshot: Snapshot) -> Snapshot:
        plans.append(plan_of_resurrection(snapshot, selector, found, name=name))
        return plans[0].after

    passage = change_file(
        _file(into),
        prepare,
        verb="resurrect",
        account=lambda: plans[0].deed(),  # noqa: PLW0108 - there is no plan yet
        expect_sha256=expect_sha256,
        size_limit=size_limit,
        lock_timeout=lock_timeout,
        assume_no_server=assume_no_server,
    )
    return ResurrectionOutcome(passage, plans[0])


def _file(path: str | Path | None) -> Path:
    return Path(path) if path is not None else own_snapshot_path()
