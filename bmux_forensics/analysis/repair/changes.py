"""One change of a repair, before it becomes a row of a plan."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import orjson

from bmux_forensics.snapshot.edits import resolve
from bmux_forensics.snapshot.reading import Reading

NOTHING: Final = object()
"""No new value."""


@dataclass(frozen=True, slots=True)
class Change:
    """What happens at one place, and because of which rules.

    Parameters
    ----------
    section : int
        The section's position, or that of the envelope.
    table, key, column : str
        The row, in its own words, and the column.
    action : str
        One of the actions of a plan.
    pointer : str
        Where, in the tree as it was read.
    rules : collection of str
        The rules that it mends.
    new : Any
        The new value.
    """

    section: int
    table: str
    key: str
    column: str | None
    action: str
    pointer: str
    rules: Collection[str]
    new: Any = NOTHING

    def row(self, tree: Any) -> tuple[Any, ...]:
        """Return the values of a plan's columns but the snapshot; `tree` is as it was read."""
        old = None
        if self.action != "insert":
            value = resolve(tree, self.pointer)
            old = None if isinstance(value, dict | list | bytes) else orjson.dumps(value).decode()
        new = "null" if self.action == "set-null" else None
        if self.new is not NOTHING:
            new = orjson.dumps(self.new).decode()
        cause = ", ".join(sorted(self.rules))
        return (
            self.section,
            self.table,
            self.key,
            self.column,
            self.action,
            old,
            new,
            self.pointer,
            False,
            cause,
            0,
        )


def copy_of(section: int, pointer: str) -> dict[str, Any]:
    """Return what stands in a plan for a copy of an element, so that it need not be shown.

    Examples
    --------
    >>> copy_of(4, "/sessions/3/panes/0")
    {'$from': [4, '/sessions/3/panes/0']}
    """
    return {"$from": [section, pointer]}


def tree_of(reading: Reading) -> Any:
    """Return a reading's tree, or None where it has none."""
    return reading.tree if reading.json_problem is None else None
