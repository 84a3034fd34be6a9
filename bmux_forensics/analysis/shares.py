"""The plan of many snapshots, taken apart: what it does to each of them, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from bmux_forensics.analysis.plans import edits_of_rows
from bmux_forensics.snapshot.edits import Edit

_UNBOUND: Final = ("bindings", "delete")


@dataclass(frozen=True, slots=True)
class Share:
    """What a plan does to one of its snapshots, as plain values.

    Parameters
    ----------
    edits : dict of int to list of Edit
        As from `edits_of`.
    rows : list of tuple
        Table, action and key of each row.
    """

    edits: dict[int, list[Edit]]
    rows: list[tuple[str, str, str]]

    @property
    def contexts(self) -> list[str]:
        """The contexts that are unbound and removed, sorted."""
        return sorted({key for table, action, key in self.rows if (table, action) == _UNBOUND})


def shares(plan: pd.DataFrame) -> dict[int, Share]:
    """Return the plan of many snapshots as the share of each, by snapshot code."""
    names = ("contained", "section", "action", "json_pointer", "new", "table", "key")
    columns = (plan["snapshot"].cat.codes.tolist(), *(plan[name].tolist() for name in names))
    found: dict[int, tuple[list[Any], list[Any]]] = {}
    for code, contained, section, action, pointer, new, table, key in zip(*columns, strict=True):
        changes, rows = found.setdefault(code, ([], []))
        rows.append((table, action, key))
        if not contained and action != "keep":
            changes.append((section, action, pointer, new))
    return {code: Share(edits_of_rows(changes), rows) for code, (changes, rows) in found.items()}
