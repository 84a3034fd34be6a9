"""Findings as a list that opens: what it means, what can be done, and the JSON it is about."""

from __future__ import annotations

import json
from typing import Final

import pandas as pd

import bmux_forensics as bf
from bmux_forensics.notebook.text import counted, plain
from bmux_forensics.notebook.widgets import controls, markup
from bmux_forensics.notebook.widgets.records import Record, records

PAGE: Final = 25
"""Findings on the screen at once."""

SIGNS: Final = {"error": "✖", "warning": "▲", "info": "ℹ"}
"""A severity, told by its shape."""

_ALL: Final = ""


class FindingsList:
    """Findings, filtered by severity and rule; each opens.

    Attributes
    ----------
    shown : DataFrame
        The findings that the filters let through.
    """

    def __init__(self) -> None:
        self.shown = pd.DataFrame()
        self._findings = pd.DataFrame()
        self._snapshot: bf.Snapshot | None = None
        self._first = 0
        self.severities = {
            severity: controls.check(severity, f"severity-{severity}", value=True)
            for severity in SIGNS
        }
        self.rule = controls.choice(
            "Rule", [("all rules", _ALL)], "Only what one rule finds", "rule"
        )
        self._list = controls.html("findings")
        self._before = controls.button("◀ Before", "The findings before these", "findings-before")
        self._after = controls.button("After ▶", "The findings after these", "findings-after")
        self._count = controls.html("findings-count")
        self._pages = controls.row(self._before, self._after)
        filters = controls.row(*self.severities.values(), self.rule)
        self.widget = controls.column(filters, self._count, self._list, self._pages)
        for control in (*self.severities.values(), self.rule):
            controls.on_value(control, lambda _: self._filter())
        self._before.on_click(lambda _: self._turn(-PAGE))
        self._after.on_click(lambda _: self._turn(PAGE))

    def fill(self, findings: pd.DataFrame, snapshot: bf.Snapshot) -> None:
        """Show other findings, of one snapshot."""
        self._findings, self._snapshot = findings, snapshot
        counts = findings["severity"].value_counts()
        for severity, box in self.severities.items():
            box.description = f"{SIGNS[severity]} {severity} ({int(counts.get(severity, 0))})"
        rules = findings["rule"].value_counts(sort=False)
        kept = self.rule.value
        options = [("all rules", _ALL), *((f"{rule} ({n})", rule) for rule, n in rules.items())]
        self.rule.options = options
        self.rule.value = kept if kept in rules.index else _ALL
        self._filter()

    def _filter(self) -> None:
        wanted = [severity for severity, box in self.severities.items() if box.value]
        hits = self._findings["severity"].isin(wanted)
        if self.rule.value:
            hits &= self._findings["rule"] == self.rule.value
        self.shown = self._findings[hits].reset_index(drop=True)
        self._first = 0
        self._draw()

    def _turn(self, by: int) -> None:
        last = max(0, (len(self.shown) - 1) // PAGE * PAGE)
        self._first = min(max(0, self._first + by), last)
        self._draw()

    def _draw(self) -> None:
        page = self.shown.iloc[self._first : self._first + PAGE]
        self._list.value = "".join(self._entry(row) for row in records(page))
        self._before.disabled = self._first == 0
        self._after.disabled = self._first + PAGE >= len(self.shown)
        controls.show(self._pages, len(self.shown) > PAGE)
        found = f"{counted(len(self.shown), 'finding')} of {len(self._findings):,}"
        place = f", {self._first + 1:,} to {self._first + len(page):,} shown" if len(page) else ""
        hint = "; open one to see what it means and where it stands" if len(page) else ""
        self._count.value = markup.paragraph(markup.text(f"{found}{place}{hint}"))

    def _entry(self, row: Record) -> str:
        severity, message = row["severity"], plain(row["message"])
        summary = f"<b>{SIGNS[severity]} {markup.text(severity)}</b> {markup.code(row['rule'])} "
        return markup.folded(summary + markup.text(message), self._inside(row))

    def _inside(self, row: Record) -> str:
        where = f"{plain(row['section_id'])} {plain(row['json_pointer'])}".strip()
        parts = [markup.block(bf.explain(row["rule"]))]
        if where:
            parts += [markup.paragraph("Where it stands:", markup.code(where))]
        parts.append(markup.block(self._json(row)))
        return "".join(parts)

    def _json(self, row: Record) -> str:
        """Return the JSON that is meant, line by line; the finding itself where there is none."""
        assert self._snapshot is not None  # noqa: S101 - findings come with their snapshot
        there = None
        if isinstance(row["section_id"], str) and isinstance(row["json_pointer"], str):
            there = self._record_at(row["section_id"], row["json_pointer"])
        if there is None:
            facts = {str(k): plain(v) for k, v in row.items() if plain(v)}
            there = json.dumps(facts, indent=2, ensure_ascii=False)
        return there

    def _record_at(self, section_id: str, pointer: str) -> str | None:
        """Return the JSON at a pointer; of a mere member the record that it stands in."""
        assert self._snapshot is not None  # noqa: S101 - as above
        found = bf.masked_json(self._snapshot, section_id, pointer)
        record, _, member = pointer.rpartition("/")
        if found is None or found.startswith(("{", "[")) or not record or member.isdigit():
            return found
        return bf.masked_json(self._snapshot, section_id, record)
