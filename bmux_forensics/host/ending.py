"""End process groups as closing the terminal would, then make sure.

All groups at once: hang-up and continue, then TERM, then a watch of at most `grace`
seconds that is over as soon as everything is; then KILL for whatever the plan allows.
Every signal goes to a process whose identity was read at that moment. A process forked
in between is found by looking again until the group is empty, and joins only when it is
proven to be of the same group: one that we hold was still in it, or it carries a pane's
environment and does not lead a group that has the number anew.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import psutil

from bmux_forensics.host.ending_group import EndingGroup, Outcome
from bmux_forensics.host.ending_plan import EndingOptions, plan_ending
from bmux_forensics.host.identity import require_support
from bmux_forensics.host.signalling import (
    CONT,
    HUP,
    KILL,
    LOOK_EVERY,
    TERM,
    has_pidfds,
    members_of,
    watch,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["EndingOptions", "EndingProgress", "end_groups", "plan_ending"]

OUTCOME_DTYPES: Final[Mapping[str, str]] = {
    "snapshot": "str",
    "session_id": "str",
    "pane_id": "str",
    "pgid": "Int64",
    "role": "str",
    "verdict": "str",
    "outcome": "str",
    "ok": "bool",
    "survivors": "Int64",
    "detail": "str",
}
"""Columns and dtypes of `end_groups`."""

SETTLE: Final = 0.5
"""Seconds after KILL in which a process must be gone, or it has survived."""

_RESCAN_EVERY: Final = 0.05
"""Seconds between two looks for processes forked meanwhile, while the watch lasts."""

_SIGNALLED: Final = frozenset({"confirmed", "plausible", "stray"})


@dataclass(frozen=True, slots=True)
class EndingProgress:
    """How far ending has come: the step, and how many groups are left of how many."""

    step: str
    left: int
    groups: int


def end_groups(
    plan: pd.DataFrame,
    *,
    grace: float = 0.5,
    on_progress: Callable[[EndingProgress], None] | None = None,
    portable: bool = False,
) -> pd.DataFrame:
    """Carry a plan out and say what became of each group; the outcome is looked at.

    Parameters
    ----------
    plan : pandas.DataFrame
        From `plan_ending`, as it was shown: nothing but it decides who is signalled,
        and it can only narrow. A number of 1 or less, our own group or session, an
        ancestor's, or a verdict that must not be signalled is refused again here.
    grace : float
        Seconds to watch after TERM, before KILL.
    on_progress : callable, optional
        Called with an `EndingProgress` before each step and when something ends.
    portable : bool
        Do without pidfds, as on a system that has none.

    Returns
    -------
    pandas.DataFrame
        One row for each of the plan's, in its order, with ``snapshot``,
        ``session_id``, ``pane_id``, ``pgid``, ``role``, ``verdict`` as there, and

        ``outcome`` : str
            ``ended`` (gone before KILL), ``killed`` (gone after it), ``survived`` or
            ``skipped``. Processes that only wait to be reaped are not survivors.
        ``ok`` : bool
            False where something is left that the plan set out to end; a job that may
            stay and does so is no failure.
        ``survivors`` : Int64; ``detail`` : str
            Processes of the group that run now, and a sentence.

        Empty, with the same columns and dtypes, for an empty plan.

    Raises
    ------
    ProcessesUnsupportedError
        There are no process groups here, or the numbers are another namespace's.
    """
    if plan.empty:
        return _frame([])
    require_support()
    forbidden = _own_groups()
    rows = [_Row(values, forbidden) for values in plan.to_dict("records")]
    pinned = has_pidfds() and not portable
    groups = [EndingGroup(row.plan, pinned=pinned) for row in rows if not row.refusal]
    try:
        _Run(groups, on_progress).carry_out(max(0.0, grace))
        outcomes = iter([group.outcome() for group in groups])
    finally:
        for group in groups:
            group.close()
    return _frame(
        [
            (row.plan, Outcome("skipped", row.refusal) if row.refusal else next(outcomes))
            for row in rows
        ]
    )


class _Row:
    """A row of the plan, and why it may not be carried out (empty: it may)."""

    def __init__(self, values: Mapping[Any, Any], forbidden: frozenset[int]) -> None:
        self.plan = values
        group = values["pgid"]
        if not values["hang_up"] and not values["terminate"] and not values["kill"]:
            self.refusal = str(values["reason"]) or "the plan has no signal for it"
        elif any(pd.isna(values[name]) for name in ("pgid", "sid", "owner_uid")):
            self.refusal = "the plan does not say whose group it is"
        elif group <= 1 or values["verdict"] not in _SIGNALLED:
            self.refusal = "not proven a pane's group"
        elif group in forbidden:
            self.refusal = "this process, its session or an ancestor of it is in the group"
        else:
            self.refusal = ""


class _Run:
    """One ending of many groups; each step goes over all of them."""

    def __init__(
        self,
        groups: list[EndingGroup],
        on_progress: Callable[[EndingProgress], None] | None,
    ) -> None:
        self.groups = groups
        self.on_progress = on_progress

    def carry_out(self, grace: float) -> None:
        """Hang up, terminate, watch, kill, and watch again."""
        self._report("hang up")
        self._signal([group for group in self.groups if group.hang_up], (HUP, CONT))
        self._report("terminate")
        self._signal([group for group in self.groups if group.terminate], (TERM,))
        self._report("watch")
        self._watch(grace)
        left = [group for group in self.groups if group.kill and group.left()]
        if left:
            self._report("kill")
            self._signal(left, (KILL,))
            self._watch(SETTLE, only=left)
        self._rescan()
        self._report("done")

    def _signal(self, groups: Iterable[EndingGroup], numbers: tuple[int, ...]) -> None:
        self._rescan()
        for group in groups:
            group.signal(*numbers)

    def _watch(self, seconds: float, only: list[EndingGroup] | None = None) -> None:
        """Wait until the groups are empty; whoever joins them gets what they got."""
        groups = self.groups if only is None else only
        limit = time.monotonic() + seconds
        next_scan = 0.0
        waiting = self._left(groups)
        while True:
            left = self._left(groups)
            if len(left) < len(waiting):
                waiting = left
                self._report("watch")
            now = time.monotonic()
            members = [member for group in left for member in group.running()]
            if not members or now >= next_scan:
                self._rescan()
                left = self._left(groups)
                # In a group that is being killed, whoever forks must not get ahead.
                pause = LOOK_EVERY if only else _RESCAN_EVERY
                next_scan = time.monotonic() + pause
            if not left or now >= limit:
                return
            members = [member for group in left for member in group.running()]
            if members:
                watch(members, min(limit, next_scan) - time.monotonic())

    def _rescan(self) -> None:
        found = members_of({group.pgid for group in self.groups})
        for group in self.groups:
            group.update(found[group.pgid])

    @staticmethod
    def _left(groups: list[EndingGroup]) -> list[EndingGroup]:
        return [group for group in groups if group.left()]

    def _report(self, step: str) -> None:
        if self.on_progress is not None:
            left = len(self._left(self.groups))
            self.on_progress(EndingProgress(step, left, len(self.groups)))


def _own_groups() -> frozenset[int]:
    """Return our group and session and every ancestor's group, as they are now."""
    found = {os.getpgrp(), os.getsid(0)}
    for parent in psutil.Process().parents():
        try:
            found.add(os.getpgid(parent.pid))
        except OSError:
            continue
    return frozenset(found)


def _frame(rows: list[tuple[Mapping[Any, Any], Outcome]]) -> pd.DataFrame:
    place = ("snapshot", "session_id", "pane_id", "pgid", "role", "verdict")
    values = [
        (*(row[name] for name in place), o.outcome, o.ok, o.survivors, o.detail) for row, o in rows
    ]
    table = pd.DataFrame(values, columns=list(OUTCOME_DTYPES), dtype=object)
    return table.astype(dict(OUTCOME_DTYPES))
