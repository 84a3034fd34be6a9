"""What a plan does, gathered into steps: what goes, what becomes null, what is left dangling."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

import bmux_forensics as bf
from bmux_forensics.notebook.evidence import records
from bmux_forensics.notebook.text import is_id, short_id

if TYPE_CHECKING:
    import pandas as pd

ASKED: Final = "asked"
_NAMED: Final = (("sessions", "session_id"), ("contexts", "context_id"), ("panes", "pane_id"))

_READ: Final = ("table", "key", "column", "action", "old", "contained", "cause", "depth")

Key = tuple[str, str, str]
"""A step's table, action and column."""


@dataclass
class Step:
    """Rows of one table to which the same happens.

    Parameters
    ----------
    table, action, column : str
        As in a plan; the column is empty where the row itself goes.
    depth : int
        How many references lead from what was asked to here.
    contained : bool
        The rows go because they stand inside rows that go.
    rows : list of str
        Each row in words.
    rules : list of str
        The rules of the audit that it is for.
    """

    table: str
    action: str
    column: str
    depth: int
    contained: bool
    rows: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)

    @property
    def key(self) -> Key:
        """What tells it from the other steps."""
        return (self.table, self.action, self.column)


@dataclass(frozen=True)
class Cause:
    """A reference that leads from one step to another, and for how many rows."""

    source: Key
    target: Key
    reference: str
    rows: int


@dataclass(frozen=True)
class Cascade:
    """What a picture of a plan shows.

    Parameters
    ----------
    steps : tuple of Step
        By depth, then in the order of the plan.
    causes : tuple of Cause
        What leads from step to step.
    """

    steps: tuple[Step, ...]
    causes: tuple[Cause, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many rows there are of each action, those inside others left out."""
        counts: dict[str, int] = {}
        for step in self.steps:
            if not step.contained:
                counts[step.action] = counts.get(step.action, 0) + len(step.rows)
        return counts


def cascade(plan: pd.DataFrame | bf.KillPlan | bf.RepairPlan, tables: Any = None) -> Cascade:
    """Gather a plan into steps.

    Parameters
    ----------
    plan : DataFrame, KillPlan or RepairPlan
        The plan, or its changes.
    tables : Tables, optional
        Where names stand for ids; those of a `KillPlan` are known without.
    """
    changes: Any = getattr(plan, "changes", plan)
    snapshot = getattr(plan, "snapshot", None)
    if tables is None and isinstance(snapshot, bf.Snapshot):
        tables = bf.Tables([snapshot])
    names = _names(tables)
    steps: dict[Key, Step] = {}
    causes: dict[tuple[Key, Key, str], int] = {}
    for row in records(changes[list(_READ)]):
        key: Key = (row["table"], row["action"], row["column"] or "")
        step = steps.setdefault(key, Step(*key, row["depth"], contained=row["contained"]))
        step.depth = min(step.depth, row["depth"])
        step.contained &= row["contained"]
        step.rows.append(_words(row, names))
        reference, _, parent = row["cause"].partition(": ")
        if parent:
            source: Key = (parent.partition(" ")[0], "delete", "")
            link = (source, key, reference)
            causes[link] = causes.get(link, 0) + 1
        elif reference not in (ASKED, *step.rules):
            step.rules.append(reference)
    told = sorted(steps.values(), key=lambda step: step.depth)
    links = [Cause(*link, rows) for link, rows in causes.items() if link[0] in steps]
    return Cascade(tuple(told), tuple(links))


def _names(tables: Any) -> dict[str, str]:
    names: dict[str, str] = {}
    for table, column in () if tables is None else _NAMED:
        frame = tables[table][[column, "name"]].dropna()
        names.update(zip(frame[column], frame["name"], strict=True))
    return names


def _words(row: dict[str, Any], names: dict[str, str]) -> str:
    """Say which row is meant: names for ids where they are known, ids by their start."""
    key = row["key"] or ""
    parts = key.split() if all(map(is_id, key.split())) else [key]
    words = [
        f"{names[part]} {short_id(part)}" if part in names else short_id(part) for part in parts
    ]
    if len(parts) == 1 and not is_id(key):  # `position id`, `scope position id`, a key and a word
        words = [names.get(part, short_id(part)) for part in key.split(" ")]
    told = " ".join(words[-1:] if row["contained"] and len(words) > 1 else words)
    told = told or "all of it"  # the root of a layout has no path
    if row["action"] in ("keep", "set-null") and row["old"]:
        old = orjson.loads(row["old"])
        value = names.get(old, short_id(old)) if isinstance(old, str) else str(old)
        told = told if value in told else f"{told} → {value}"
    return told
