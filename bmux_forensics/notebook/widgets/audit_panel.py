"""Audit a snapshot by hand: what is wrong, what a server makes of it, and mending it."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

import bmux_forensics as bf
from bmux_forensics.errors import UsageError
from bmux_forensics.notebook.text import counted
from bmux_forensics.notebook.widgets import controls, markup, plan_text
from bmux_forensics.notebook.widgets.change import LOCK_TIMEOUT, ChangePanel, Source
from bmux_forensics.notebook.widgets.findings_list import FindingsList
from bmux_forensics.notebook.widgets.panel import handler
from bmux_forensics.notebook.widgets.records import records

_SERVERS: Final = [("bmux 0.0.1-alpha.4", "alpha4"), ("bmux 0.0.1-alpha.1", "alpha1")]
_FIXES: Final = {
    "safe": "mended by every repair",
    "opt-in": "mended if you tick it: something is given up",
}


class AuditPanel(ChangePanel):
    """See what is wrong with a snapshot, open each finding, mend what can be mended.

    Parameters
    ----------
    source : path-like or SnapshotPicker, optional
        A snapshot file, or the picker to follow; by default a picker of its own.
    lock_timeout : float
        Seconds to wait for the lock.

    Attributes
    ----------
    findings : DataFrame or None
        As `audit` gives them.
    plan : RepairPlan or None
        The plan on the screen.

    Examples
    --------
    >>> panel = AuditPanel("sample_snapshots/alpha4-day/bmux-snapshot-v1.20261122T115637Z.json")
    >>> panel.findings["severity"].unique().tolist()
    ['info']
    """

    _verb = "repair"

    def __init__(self, source: Source = None, *, lock_timeout: float = LOCK_TIMEOUT) -> None:
        super().__init__("Audit and mend", "audit", source, lock_timeout)
        self.findings: Any = None
        self.list = FindingsList()
        self.target = controls.choice(
            "For the server", _SERVERS, "The server that is to start on this snapshot", "target"
        )
        self._forecast = controls.html("forecast")
        self._fixes = controls.column()
        self.rules: dict[str, Any] = {}
        controls.on_value(self.target, self._judge)
        self._mend = controls.column(controls.html("mend", markup.heading("Mend it")), self._fixes)
        self._build(self.target, self._forecast, self.list.widget, self._mend)

    @handler
    def _judge(self) -> None:
        """Audit for another server."""
        self._drop_plan()
        self._fill()

    def _fill(self) -> None:
        there = self.tables is not None
        for part in (self.list.widget, self._mend, self._forecast):
            controls.show(part, there)
        self.findings = None
        if self.tables is None or self.snapshot is None:
            return
        self.findings = bf.audit(self.tables, target=self.target.value)
        foretold = records(bf.forecast(self.tables, target=self.target.value))
        lines = [f"What a server makes of it: {bf.forecast_line(row)}" for row in foretold]
        self._forecast.value = "".join(markup.paragraph(markup.text(line)) for line in lines)
        self.list.fill(self.findings, self.snapshot)
        self._offer_fixes()

    def _offer_fixes(self) -> None:
        """List the rules that found something and have a fix, a box for what is opt-in."""
        counts = self.findings["rule"].value_counts(sort=False)
        known = {rule.id: rule for rule in bf.RULES}
        self.rules = {}
        lines = []
        for rule_id, number in counts.items():
            rule = known[rule_id]
            if rule.fix_class not in _FIXES:
                continue
            box = controls.check(f"{rule_id} ({number})", "fix", value=rule.fix_class == "safe")
            box.disabled = rule.fix_class == "safe"
            controls.on_value(box, lambda _: self._drop_plan())
            if rule.fix_class == "opt-in":
                self.rules[rule_id] = box
            words = f"{_FIXES[rule.fix_class]}. {rule.fix}"
            lines += [box, controls.html("fix-text", markup.paragraph(markup.text(words)))]
        left = len(counts) - len(lines) // 2
        if left:
            words = f"{counted(left, 'rule')}: nothing to mend, or no change of the file mends it."
            lines.append(controls.html("no-fix", markup.paragraph(markup.text(words))))
        if not len(counts):
            lines.append(controls.html("no-fix", markup.paragraph("Nothing is wrong.")))
        self._fixes.children = tuple(lines)

    def _planned(self) -> bf.RepairPlan:
        if self.snapshot is None:
            raise UsageError("repair", "no snapshot", advice="pick one first")
        return bf.preview_repair(
            self.path,
            target=self.target.value,
            rules=[rule for rule, box in self.rules.items() if box.value],
            expect_sha256=self.snapshot.sha256,
        )

    def _described(self, plan: bf.RepairPlan) -> str:
        if plan.changes.empty:
            words = "There is nothing to mend unasked; tick a rule above to mend what it finds."
            return markup.heading("The plan") + markup.paragraph(words)
        before, after = (_line(one) for one in (plan.before, plan.forecast))
        return "".join(
            (
                markup.heading("The plan"),
                markup.paragraph(f"<b>{markup.text(plan_text.actions_line(plan.changes))}.</b>"),
                markup.paragraph(f"Before: {before}"),
                markup.paragraph(f"After: {after}"),
                plan_text.changes_table(plan.changes),
                plan_text.bound_line(plan.snapshot),
            )
        )

    def _drawn(self, plan: bf.RepairPlan) -> str:
        if plan.changes.empty:
            return ""
        return markup.picture(lambda theme: bf.draw_cascade(plan, self.tables, theme=theme))

    def _carried_out(self, plan: bf.RepairPlan) -> bf.Passage:
        return bf.apply_repair(plan, lock_timeout=self._lock_timeout).passage

    def _told_of(self, plan: bf.RepairPlan, passage: bf.Passage) -> str:
        del passage
        line = f"Repaired: {plan_text.actions_line(plan.changes)}"
        left = len(plan.remaining)
        return f"{line}; {counted(left, 'error')} left" if left else line


def _line(forecast: pd.DataFrame) -> str:
    return markup.text(bf.forecast_line(records(forecast)[0]))
