"""The restore forecast: what comes back, what is lost, and because of which findings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from bmux_forensics.analysis.audit.run import audit, require_target
from bmux_forensics.analysis.restore import alpha1, alpha4
from bmux_forensics.analysis.restore.losses import RULES, lost, panes_in_file
from bmux_forensics.analysis.restore.outcome import Outcome
from bmux_forensics.analysis.rules.model import TARGETS
from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.tables.build import Tables
from bmux_forensics.tables.cells import cells
from bmux_forensics.tables.schema import Kind

START: Final[dict[str, Callable[[Snapshot], Outcome]]] = {
    "alpha4": alpha4.start,
    "alpha1": alpha1.start,
}
"""How each server starts."""

ALL: Final = "all"
"""The target that stands for every one."""


def forecast(snapshots: Tables | Sequence[Snapshot], *, target: str = "alpha4") -> pd.DataFrame:
    """Foretell what a server makes of each snapshot when it starts on it.

    Parameters
    ----------
    snapshots : Tables or sequence of Snapshot
        The snapshots.
    target : str
        The server: ``alpha4``, ``alpha1``, or ``all`` for both.

    Returns
    -------
    DataFrame
        One row a snapshot and target: ``snapshot`` category; ``target`` str;
        ``server_starts`` bool; ``saves_blocked`` bool, every later save is refused;
        ``sessions_restored`` object, the ids that come back, in file order, each once;
        ``panes_restored`` object, how many panes of each session, those with none left
        out, null when saves are blocked; ``lost_at_next_save`` object, a dict of what is
        gone for good (keys ``everything``, ``sessions``, ``panes``, ``sections``,
        ``fields``; empty when nothing is, or no save is made); ``because`` object, the
        sorted ids of the rules whose findings explain it. Empty, with the same columns,
        when there is no snapshot.

    Raises
    ------
    UsageError
        There is no such target.

    Examples
    --------
    >>> from bmux_forensics.snapshot.document import read_snapshot
    >>> torn = forecast([read_snapshot(b"{", "torn.json")], target="all")
    >>> torn["saves_blocked"].tolist(), torn["because"].tolist()
    ([True, False], [['envelope-unreadable'], ['envelope-unreadable']])
    """
    tables = snapshots if isinstance(snapshots, Tables) else Tables(snapshots)
    targets = TARGETS if target == ALL else (target,)
    for name in targets:
        require_target(name)
    parts = [_of_target(tables, name) for name in targets]
    if len(parts) == 1:
        return parts[0]
    frame = pd.concat(parts, ignore_index=True)
    order = np.argsort(frame["snapshot"].cat.codes.to_numpy(), kind="stable")
    return frame.take(order).reset_index(drop=True)


def _of_target(tables: Tables, target: str) -> pd.DataFrame:
    outcomes = [START[target](snapshot) for snapshot in tables.snapshots]
    rules, fields = _reasons(tables, target)
    counts = panes_in_file(tables)
    losses = [
        lost(snapshot, target, outcome, counts.get(code, {}), sorted(fields.get(code, ())))
        for code, (snapshot, outcome) in enumerate(zip(tables.snapshots, outcomes, strict=True))
    ]
    reasons = [
        sorted(
            rule
            for rule, severity in rules.get(code, ())
            if severity == "error" or rule in {RULES.get(kind) for kind in loss}
        )
        for code, loss in enumerate(losses)
    ]
    return pd.DataFrame(
        {
            "snapshot": pd.Categorical.from_codes(
                np.arange(len(outcomes)), dtype=tables.snapshot_dtype
            ),
            "target": cells(Kind.TEXT, [target] * len(outcomes)),
            "server_starts": np.array([o.starts for o in outcomes], dtype=bool),
            "saves_blocked": np.array([o.blocked for o in outcomes], dtype=bool),
            "sessions_restored": _objects([list(o.sessions) for o in outcomes]),
            "panes_restored": _objects([None if o.blocked else o.panes for o in outcomes]),
            "lost_at_next_save": _objects(losses),
            "because": _objects(reasons),
        }
    )


def _reasons(
    tables: Tables, target: str
) -> tuple[dict[int, set[tuple[str, str]]], dict[int, set[str]]]:
    """Return for each snapshot code the rules and severities found, and its unknown fields."""
    findings = audit(tables, target=target)
    rules: dict[int, set[tuple[str, str]]] = {}
    fields: dict[int, set[str]] = {}
    # A rule may be broken a million times; here it counts once.
    named = findings[["snapshot", "rule", "severity"]].drop_duplicates()
    codes = named["snapshot"].cat.codes.tolist()
    for code, rule, severity in zip(codes, named["rule"], named["severity"], strict=True):
        if severity == "error" or rule in RULES.values():
            rules.setdefault(code, set()).add((rule, severity))
    unknown = findings[findings["rule"] == RULES["fields"]]
    for code, key in zip(unknown["snapshot"].cat.codes.tolist(), unknown["key"], strict=True):
        fields.setdefault(code, set()).add(key)
    return rules, fields


def _objects(values: list[Any]) -> pd.Series[Any]:
    return pd.Series(values, dtype="object")
