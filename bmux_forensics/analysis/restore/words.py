"""A restore forecast in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bmux_forensics.errors import several


def forecast_line(row: Mapping[str, Any]) -> str:
    """Say in a line what a server will make of a snapshot.

    Examples
    --------
    >>> forecast_line({"target": "alpha4", "server_starts": True, "saves_blocked": False,
    ...     "sessions_restored": ["a"], "panes_restored": {"a": 2}, "because": [],
    ...     "lost_at_next_save": {}})
    'alpha4 starts and saves: 1 session comes back, with 2 panes'
    """
    because = f" (because of {', '.join(row['because'])})" if row["because"] else ""
    if not row["server_starts"]:
        return f"{row['target']} does NOT start{because}"
    number = len(row["sessions_restored"])
    sessions = f"{several(number, 'session')} {'comes' if number == 1 else 'come'} back"
    if row["saves_blocked"]:
        return f"{row['target']} starts but every save is REFUSED: {sessions}{because}"
    panes = several(sum((row["panes_restored"] or {}).values()), "pane")
    kept = f"{row['target']} starts and saves: {sessions}, with {panes}"
    lost = _losses(row["lost_at_next_save"])
    return kept + (f"; LOST at the next save: {lost}" if lost else "") + because


def _losses(lost: Mapping[str, Any]) -> str:
    """Say how much of what is lost.

    Examples
    --------
    >>> _losses({"panes": {"a": 1, "b": 2}, "sections": ["x"]})
    '3 panes, 1 section'
    """
    if lost.get("everything"):
        return "everything"
    counts = {kind: sum(w.values()) if isinstance(w, dict) else len(w) for kind, w in lost.items()}
    return ", ".join(several(count, kind.removesuffix("s")) for kind, count in counts.items())
