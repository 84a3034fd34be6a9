"""The rules of the relation graph: every declared reference, anti-joined."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bmux_forensics.analysis.audit.antijoin import dangling
from bmux_forensics.analysis.audit.evidence import Evidence, Mask, equals
from bmux_forensics.analysis.audit.findings import Found
from bmux_forensics.analysis.audit.pane_rows import in_rows
from bmux_forensics.analysis.rules.reference_rules import REFERENCE_RULES
from bmux_forensics.tables.graph import FOREIGN_KEYS
from bmux_forensics.tables.schema import ForeignKey

NIL: Final = "00000000-0000-0000-0000-000000000000"
"""The scope of tabs that belong to no workspace."""


def dangling_references(evidence: Evidence, moot: Mask) -> Iterator[Found]:
    """Find every reference that leads to nothing and that no other finding stands for.

    Parameters
    ----------
    evidence : Evidence
        The tables.
    moot : Mask
        The pane rows that no server comes to lay out: what they name does not count.
    """
    for reference in FOREIGN_KEYS:
        rule = REFERENCE_RULES.get(reference.name)
        if rule is not None:
            rows = dangling(evidence, reference)
            if reference.parent == "workspaces" and rows.any():
                rows &= _of_a_workspace(evidence, reference)
            if reference.parent == "panes" and rows.any():
                rows &= ~_moot(evidence, reference.table, moot)
            yield Found(
                rule,
                reference.table,
                rows,
                reference.columns[-1],
                reference.parent,
            )


def _moot(evidence: Evidence, table: str, moot: Mask) -> Mask:
    return moot if table == "runtimes" else in_rows(evidence, table, moot)


def _of_a_workspace(evidence: Evidence, reference: ForeignKey) -> Mask:
    return ~equals(evidence.column(reference.table, reference.columns[-1]), NIL)
