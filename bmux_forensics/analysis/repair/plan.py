"""A repair's plan, and what it leaves."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

import pandas as pd

from bmux_forensics.analysis.audit.findings import ENVELOPE
from bmux_forensics.analysis.audit.run import audit, require_target
from bmux_forensics.analysis.encoding import carry_out
from bmux_forensics.analysis.plans import frame_of
from bmux_forensics.analysis.repair.changes import Change
from bmux_forensics.analysis.repair.pane_sections import pane_changes
from bmux_forensics.analysis.repair.small_sections import (
    MENDED_IN_PLACE,
    Finding,
    finding_changes,
    may_be_sealed,
)
from bmux_forensics.analysis.restore.forecast import START
from bmux_forensics.analysis.rules.book import RULES, rule_of
from bmux_forensics.analysis.rules.model import FixClass
from bmux_forensics.errors import EvidenceError, UsageError
from bmux_forensics.snapshot.document import Snapshot, read_snapshot
from bmux_forensics.tables.build import Tables

_CHECKSUM: Final = "/checksum"
_DONE: Final = Change(ENVELOPE, "", "", None, "", "", ())


def plan_repair(
    tables: Tables,
    *,
    target: str = "alpha4",
    rules: Collection[str] | None = None,
    all_fixable: bool = False,
) -> pd.DataFrame:
    """Plan the smallest change that makes a server start, save, and bring everything back.

    Only errors are mended: what a server takes as it is stays as it is. Where the checksum
    does not fit and is not to be made anew, nothing can be written and nothing is planned.

    Parameters
    ----------
    tables : Tables
        The tables of the snapshots.
    target : str
        The server: ``alpha4`` or ``alpha1``.
    rules : collection of str, optional
        Rules of the fix class *opt-in* to mend as well; those of class *safe* need not be
        named, and may be.
    all_fixable : bool
        Mend every rule that has a fix.

    Returns
    -------
    DataFrame
        A plan, with the columns of `plans.COLUMNS`; ``cause`` names the rules. A section
        of -1 means the envelope, and ``{"$from": [section, pointer]}`` as a new value a
        copy of that element. Empty when there is nothing that may be mended.

    Raises
    ------
    UsageError
        There is no such target or rule, or a rule that is named has no fix.

    Examples
    --------
    >>> plan_repair(Tables([])).empty
    True
    """
    require_target(target)
    wanted = wanted_rules(target, rules or (), all_fixable=all_fixable)
    findings = audit(tables, target=target)
    unsealed = set(findings.loc[findings["rule"] == "checksum-mismatch", "snapshot"])
    by_code = _mendable(findings, wanted)
    del findings  # there may be very many
    plans: list[pd.DataFrame] = []
    for code, (named, found) in sorted(by_code.items()):
        snapshot = tables.snapshots[code]
        sealed = snapshot.name not in unsealed
        if sealed or ("checksum-mismatch" in wanted and may_be_sealed(snapshot, wanted, target)):
            # One change may mend what several findings name.
            plan = _plan(tables, code, list(_changes(snapshot, named, found, wanted, target)))
            if len(plan) and not _is_worse(snapshot, plan, target):
                plans.append(plan)
    if len(plans) == 1:
        return plans[0]
    return pd.concat(plans, ignore_index=True) if plans else frame_of(tables, [])


def _mendable(
    findings: pd.DataFrame, wanted: Collection[str]
) -> dict[int, tuple[set[str], list[Finding]]]:
    """Return of each snapshot, by its code, which rules are to be mended, and what they found.

    Findings are given only where their mend needs more than their rule.
    """
    is_mendable = (findings["severity"] == "error") & findings["rule"].isin(list(wanted))
    by_code: dict[int, tuple[set[str], list[Finding]]] = {}
    named = findings.loc[is_mendable, ["snapshot", "rule"]].drop_duplicates()
    for code, rule in zip(named["snapshot"].cat.codes.tolist(), named["rule"], strict=True):
        by_code.setdefault(code, (set(), []))[0].add(rule)
    placed = findings[is_mendable & findings["rule"].isin(list(MENDED_IN_PLACE))]
    plain = placed.astype(object).where(placed.notna(), None)
    codes = placed["snapshot"].cat.codes.tolist()
    for code, values in zip(codes, plain.itertuples(index=False), strict=True):
        by_code[code][1].append(dict(zip(plain.columns, values, strict=True)))
    return by_code


def _is_worse(snapshot: Snapshot, plan: pd.DataFrame, target: str) -> bool:
    """Tell whether a server would bring less back after a plan than before it.

    Each mend is sound by itself; where faults that are left alone meet them, the whole may
    not be. Such a plan is no repair.
    """
    try:
        changed = carry_out(snapshot, plan)
    except EvidenceError:
        return False  # told when it is to be carried out
    before, after = START[target](snapshot), START[target](changed)
    return (
        (before.starts and not after.starts)
        or (after.blocked and not before.blocked)
        or not set(before.sessions) <= set(after.sessions)
        or sum(after.panes.values()) < sum(before.panes.values())
    )


def wanted_rules(target: str, named: Collection[str], *, all_fixable: bool) -> frozenset[str]:
    """Return the rules that a repair mends.

    Raises
    ------
    UsageError
        A rule that is named does not exist, or has no fix.

    Examples
    --------
    >>> "pane-nonresumable" in wanted_rules("alpha4", (), all_fixable=False)
    False
    """
    for rule_id in named:
        if rule_of(rule_id).fix_class is FixClass.NONE:
            advice = f"{rule_of(rule_id).fix}"
            raise UsageError("rule", f"{rule_id!r}", expected="a rule with a fix", advice=advice)
    return frozenset(
        rule.id
        for rule in RULES
        if rule.severity.get(target) == "error"
        and (
            rule.fix_class is FixClass.SAFE
            or (rule.fix_class is FixClass.OPT_IN and (all_fixable or rule.id in named))
        )
    )


def _changes(
    snapshot: Snapshot,
    named: Collection[str],
    findings: list[Finding],
    wanted: Collection[str],
    target: str,
) -> Iterator[Change]:
    yield from finding_changes(snapshot, findings)
    asked = wanted if "legacy-pane-section" in named else named
    yield from pane_changes(snapshot, asked, target)


def _plan(tables: Tables, code: int, changes: list[Change]) -> pd.DataFrame:
    """Return the plan of one snapshot, by section; the envelope's rows come first."""
    snapshot = tables.snapshots[code]
    changes.sort(key=lambda c: c.section)
    envelope = _envelope_tree(snapshot) if changes and changes[0].section == ENVELOPE else None
    rows = []
    for number, change in enumerate(changes):
        is_envelope = change.section == ENVELOPE
        tree = envelope if is_envelope else snapshot.readings[change.section].tree
        rows.append((code, *change.row(tree)))
        changes[number] = _DONE  # a row has all of it
    sums = [i for i, row in enumerate(rows) if row[1] == ENVELOPE and row[8] == _CHECKSUM]
    if sums:
        done = carry_out(snapshot, frame_of(tables, rows)).envelope
        for i in sums:
            sealed = str(done.checksum) if done else None
            rows[i] = (*rows[i][:7], sealed, *rows[i][8:])
    return frame_of(tables, rows)


def _envelope_tree(snapshot: Snapshot) -> dict[str, Any]:
    envelope = snapshot.envelope
    if envelope is None:
        return {}
    sections = [{"id": s.id, "version": s.version, "bytes": s.payload} for s in envelope.sections]
    return {"version": envelope.version, "checksum": envelope.checksum, "sections": sections}


def repaired(tables: Tables, plan: pd.DataFrame) -> Tables:
    """Return the tables of the snapshots as they will be when a plan has been carried out."""
    touched = set(plan["snapshot"])
    return Tables(
        [
            read_snapshot(carry_out(s, plan[plan["snapshot"] == s.name]).raw, s.name)
            if s.name in touched
            else s
            for s in tables.snapshots
        ]
    )


def unmended(tables: Tables, plan: pd.DataFrame, *, target: str = "alpha4") -> pd.DataFrame:
    """Return the errors that a plan leaves: those without a fix, and those not asked for.

    Parameters
    ----------
    tables : Tables
        The tables that the plan was made from.
    plan : DataFrame
        The plan of a repair.
    target : str
        The server.

    Returns
    -------
    DataFrame
        Findings, with the columns of `audit`, as they will be after the repair. The
        rule's fix class says whether naming it would help.
    """
    left = audit(repaired(tables, plan), target=target)
    return left[left["severity"] == "error"].reset_index(drop=True)
