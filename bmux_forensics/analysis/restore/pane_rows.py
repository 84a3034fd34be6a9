"""One pane row as a server restores it: the checks, in the order in which they are made."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from bmux_forensics.analysis.audit.panes import RATIO_MAX, RATIO_MIN
from bmux_forensics.snapshot.identifiers import canonical_id


class Fate(Enum):
    """What becomes of a pane row."""

    RESTORED = "restored"
    FAILED = "failed"
    """The row is refused."""
    PANIC = "panic"
    """The server dies of it (alpha.4 only)."""


@dataclass(frozen=True)
class Layout:
    """What a layout says: the panes of its leaves, in order, and the ratios of its splits."""

    leaves: tuple[str | None, ...]
    ratios: tuple[float, ...]


def layout_nodes(root: Any) -> Iterator[dict[str, Any]]:
    """Yield the nodes of a layout, first halves first, however deep."""
    stack = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            yield node
            if node.get("kind") == "split":
                stack += [node.get("second"), node.get("first")]


def layout_of(root: Any) -> Layout:
    """Return what a layout says.

    Examples
    --------
    >>> layout_of({"kind": "leaf", "pane_id": "122C0589EE164DC4A8D7C2184D6369EE"}).leaves
    ('122c0589-ee16-4dc4-a8d7-c2184d6369ee',)
    """
    nodes = list(layout_nodes(root))
    return Layout(
        tuple(canonical_id(n.get("pane_id")) for n in nodes if n.get("kind") == "leaf"),
        tuple(n["ratio"] for n in nodes if n.get("kind") == "split" and "ratio" in n),
    )


def pane_ids(row: dict[str, Any]) -> list[str | None]:
    """Return the ids of a row's panes, each once, in order."""
    return list(dict.fromkeys(canonical_id(pane["id"]) for pane in row["panes"]))


def floating_ids(row: dict[str, Any]) -> set[str | None]:
    """Return the ids of the panes that a row's floating surfaces show."""
    surfaces = row.get("floating_surfaces") or ()
    return {canonical_id(surface["pane_id"]) for surface in surfaces}


def fate(row: dict[str, Any], sessions: Collection[str], restored: Collection[str]) -> Fate:
    """Return what alpha.4 makes of a pane row that its typed reader took.

    Parameters
    ----------
    row : dict
        The row.
    sessions : collection of str
        The sessions that came back.
    restored : collection of str
        The sessions whose panes came back already.
    """
    session_id = canonical_id(row["session_id"])
    panes = pane_ids(row)
    focus = row.get("focused_pane_id")
    if session_id not in sessions or not panes or session_id in restored:
        return Fate.FAILED
    if focus is not None and canonical_id(focus) not in panes:
        return Fate.FAILED
    return _laid_out(row, panes)


def _laid_out(row: dict[str, Any], panes: list[str | None]) -> Fate:
    if row.get("layout_root") is None:
        return Fate.RESTORED
    layout = layout_of(row["layout_root"])
    if not set(layout.leaves) <= set(panes):
        return Fate.FAILED if row.get("attach_viewport") is None else Fate.PANIC
    sound = all(RATIO_MIN <= ratio <= RATIO_MAX for ratio in layout.ratios)
    tiled = set(panes) - floating_ids(row)
    exact = len(layout.leaves) == len(tiled) and set(layout.leaves) == tiled
    return Fate.RESTORED if sound and exact else Fate.FAILED
