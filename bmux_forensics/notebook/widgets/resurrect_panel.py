"""Bring a session of an older snapshot back into another one, by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

import bmux_forensics as bf
from bmux_forensics.errors import UsageError
from bmux_forensics.notebook.text import counted
from bmux_forensics.notebook.widgets import controls, markup, plan_text
from bmux_forensics.notebook.widgets.change import ChangePanel
from bmux_forensics.notebook.widgets.records import records


class ResurrectPanel(ChangePanel):
    """Bring one session back; a part of `ArchivePanel`.

    Parameters
    ----------
    chosen : callable
        Returns the sessions that are picked: rows of `archive_sessions`.
    lock_timeout : float
        Seconds to wait for the lock.
    """

    _verb = "resurrection"

    def __init__(self, chosen: Callable[[], pd.DataFrame], lock_timeout: float) -> None:
        super().__init__("Bring a session back", "resurrect", Path(), lock_timeout)
        self._fixed = None
        self._chosen = chosen
        self.target = controls.choice(
            "Into", [], "The snapshot that the session comes back to", "into"
        )
        controls.on_value(self.target, self._aim)
        self._build(self.target)

    def offer(self, targets: Sequence[tuple[str, Path]]) -> None:
        """Offer other snapshots to bring a session back into, and take the first."""
        self.target.options = targets
        self.target.index = 0 if targets else None

    def drop(self) -> None:
        """Forget the plan: other sessions are picked."""
        self._drop_plan()

    def _aim(self, change: object = None) -> None:
        del change
        self._fixed = self.target.value
        self._read_again()

    def _planned(self) -> bf.ResurrectionPlan:
        rows = self._chosen()
        if self.snapshot is None or len(rows) != 1:
            found = counted(len(rows), "session")
            advice = "tick one in the table above"
            raise UsageError("resurrect", found, expected="one session", advice=advice)
        (row,) = records(rows)
        return bf.preview_resurrection(
            row["session_id"],
            row["last_snapshot"],
            self.path,
            expect_sha256=self.snapshot.sha256,
        )

    def _described(self, plan: bf.ResurrectionPlan) -> str:
        what = f"Bring back {plan.name or plan.session_id} from {Path(plan.source.name).name}:"
        rows = f"{counted(len(plan.changes), 'row')} come back."
        forecasts = [bf.forecast_line(row) for row in records(plan.forecast)]
        return "".join(
            (
                markup.heading("The plan"),
                markup.paragraph(f"<b>{markup.text(what)} {rows}</b>"),
                *(markup.paragraph(markup.text(f"After: {line}")) for line in forecasts),
                plan_text.changes_table(plan.changes),
                plan_text.bound_line(plan.snapshot),
            )
        )

    def _carried_out(self, plan: bf.ResurrectionPlan) -> bf.Passage:
        return bf.apply_resurrection(plan, lock_timeout=self._lock_timeout).passage

    def _told_of(self, plan: bf.ResurrectionPlan, passage: bf.Passage) -> str:
        del passage
        return f"Brought back: {plan.name or plan.session_id}. Press Read above to see it there"
