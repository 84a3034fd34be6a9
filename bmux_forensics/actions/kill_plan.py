"""What killing some sessions does: a plan to look at first, bound to the bytes it is for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bmux_forensics.actions.custody_facts import Deed, plan_facts
from bmux_forensics.actions.door import is_own_snapshot
from bmux_forensics.analysis.encoding import REWRITTEN, carry_out
from bmux_forensics.analysis.plans import plan_kill, process_groups, removed_contexts
from bmux_forensics.analysis.selectors import listed, resolve
from bmux_forensics.errors import ProofError, UsageError
from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.tables.build import Tables

if TYPE_CHECKING:
    from bmux_forensics.actions.processes import ProcessScene
    from bmux_forensics.host.ending_plan import EndingOptions


@dataclass(frozen=True)
class Reach:
    """Whether a kill ends processes too, and how far it goes.

    Parameters
    ----------
    signal : bool or None
        End processes. None, the default: only for bmux's own snapshot.
    grace : float
        Seconds to watch after TERM, before KILL.
    whole_session, group_only, include_plausible, include_strays : bool
        As `bmux_forensics.host.ending_plan.EndingOptions`.
    """

    signal: bool | None = None
    grace: float = 0.5
    whole_session: bool = False
    group_only: bool = False
    include_plausible: bool = False
    include_strays: bool = False

    def covers(self, path: Path) -> bool:
        """Tell whether the processes of a snapshot file are to be ended."""
        return is_own_snapshot(path) if self.signal is None else self.signal

    def options(self) -> EndingOptions:
        """Return how far ending reaches; refuses a reach that contradicts itself."""
        from bmux_forensics.host.ending_plan import EndingOptions  # noqa: PLC0415 - psutil

        return EndingOptions(
            self.whole_session, self.group_only, self.include_plausible, self.include_strays
        )


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
    reach : Reach or None
        How far ending processes goes; None when none is to be ended.
    """

    snapshot: Snapshot
    session_ids: tuple[str, ...]
    context_ids: tuple[str, ...]
    scrub: bool = False
    path: Path | None = None
    reach: Reach | None = None
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

    @cached_property
    def ending(self) -> pd.DataFrame | None:
        """What will happen to each process group; None when none is, or can be, looked at.

        The columns are those of `bmux_forensics.host.ending_plan.plan_ending`.
        """
        if self.reach is None or self.scene is None:
            return None
        return self.scene.ending(self.session_ids, self.reach.options())

    @cached_property
    def scene(self) -> ProcessScene | None:
        """The evidence that `ending` stands on; None as there."""
        if self.reach is None:
            return None
        from bmux_forensics.actions.processes import look_at_processes  # noqa: PLC0415 - psutil
        from bmux_forensics.host.identity import ProcessesUnsupportedError  # noqa: PLC0415 - as above

        try:
            return look_at_processes(self.snapshot, self._file, self._tables)
        except ProcessesUnsupportedError:
            return None  # this system has no process groups; the file can be changed all the same

    def end(
        self,
        *,
        assume_no_server: bool = False,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> list[dict[str, Any]]:
        """End the groups of the plan once the file is done, and say what became of each."""
        if self.ending is None or self.reach is None:
            return []
        from bmux_forensics.actions.processes import end_as_planned  # noqa: PLC0415 - psutil

        return end_as_planned(
            self.ending,
            self._file,
            self.reach.grace,
            assume_no_server=assume_no_server,
            on_progress=on_progress,
        )

    def deed(self) -> Deed:
        """Return what the journal says of it: ids, counts and hashes."""
        groups: list[dict[str, Any]] = []
        if self.ending is not None:
            from bmux_forensics.actions.processes import journalled  # noqa: PLC0415 - psutil

            groups = journalled(self.ending)
        return Deed(sessions=self.session_ids, plan=plan_facts(self._edits), groups=groups)

    @property
    def _file(self) -> Path:
        return self.path or Path(self.snapshot.name)

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
    selectors = listed(selectors, "kill")
    if bool(selectors) == all_sessions:
        raise UsageError(
            "kill",
            "both" if selectors else "neither",
            expected="selectors or all sessions",
            advice="name sessions by id, name or start of an id",
        )
    _decode_meanwhile(snapshot)
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


def _decode_meanwhile(snapshot: Snapshot) -> None:
    """Decode what will most likely be needed while the checksum is computed beside it.

    Nothing is raised here: which problem counts is decided in the order of the plan.
    """
    if snapshot.envelope is not None:
        snapshot.envelope.start_checksum()
    for name in REWRITTEN:
        reading = snapshot.reading(name)
        _ = reading.json_problem if reading is not None else None


def bound_to(plan: KillPlan, path: Path, reach: Reach) -> KillPlan:
    """Return a plan for a file, its processes included where the reach covers that file."""
    covered = reach if plan.session_ids and reach.covers(path) else None
    return replace(plan, path=path, reach=covered)


def _resolved(snapshot: Snapshot, tables: Tables, selectors: Sequence[str]) -> list[str]:
    reading = snapshot.reading("sessions")
    if reading is not None:
        reading.require()
    if selectors:
        return resolve(tables["sessions"], selectors, snapshot.name)
    return tables["sessions"]["session_id"].tolist()
