"""What is known of the processes that a snapshot names: the facts beside each verdict, as data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

import bmux_forensics as bf
from bmux_forensics.notebook.evidence import records
from bmux_forensics.notebook.text import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

LINES: Final = 30
"""How many process groups are told in full."""

STRAYS: Final = 12
"""How many strays are."""

VERDICTS: Final = (
    "confirmed",
    "plausible",
    "unknown",
    "protected",
    "foreign",
    "recycled",
    "gone",
)
"""From the one that a kill would end to the one that there is nothing left of."""

FACTS: Final = ("leader lives", "bmux's variables", "the shell", "the folder")
"""What is held against the record, in the order of a line's `facts`."""

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True)
class Group:
    """A process group that a pane records.

    Parameters
    ----------
    pgid : int or None
        Its number; None when the record has no usable one.
    verdict, reason : str
        What was judged, and by which rule.
    pane_id, session_id, recorded : str
        The pane, its session and the command that it records.
    commands : str
        What runs in the group now.
    facts : tuple of (bool or None)
        Whether each of `FACTS` holds; None where that can't be told.
    started : str
        When its leader started, beside the save or the machine's start.
    """

    pgid: int | None
    verdict: str
    reason: str
    pane_id: str
    session_id: str
    recorded: str
    commands: str
    facts: tuple[bool | None, ...]
    started: str


@dataclass(frozen=True)
class Stray:
    """A process outside every recorded group that may have come from a pane."""

    pid: int
    command: str
    score: float
    endable: bool
    evidence: str


@dataclass(frozen=True)
class Evidence:
    """What a picture of processes shows.

    Parameters
    ----------
    groups : tuple of Group
        Those that are told in full, living ones first.
    hidden : mapping of str to int
        How many more there are of each verdict.
    strays : tuple of Stray
        The likeliest first.
    more_strays : int
        How many more there are.
    """

    groups: tuple[Group, ...]
    hidden: Mapping[str, int]
    strays: tuple[Stray, ...]
    more_strays: int

    @property
    def counts(self) -> dict[str, int]:
        """How many groups there are of each verdict."""
        found = Counter(group.verdict for group in self.groups) + Counter(self.hidden)
        return {verdict: found[verdict] for verdict in VERDICTS if found[verdict]}


def evidence(scene: bf.ProcessScene | pd.DataFrame) -> Evidence:
    """Return what a picture of processes shows.

    Parameters
    ----------
    scene : ProcessScene or DataFrame
        As `bmux_forensics.processes` returns it; or its `verdicts`, then there are no
        strays.
    """
    verdicts = scene if isinstance(scene, pd.DataFrame) else scene.verdicts
    groups = sorted(_groups(verdicts), key=lambda group: VERDICTS.index(group.verdict))
    strays = [] if isinstance(scene, pd.DataFrame) else list(_strays(scene.strays))
    return Evidence(
        tuple(groups[:LINES]),
        Counter(group.verdict for group in groups[LINES:]),
        tuple(strays[:STRAYS]),
        max(len(strays) - STRAYS, 0),
    )


def _groups(verdicts: pd.DataFrame) -> Iterator[Group]:
    for row in records(verdicts):
        alive = bool(row["members"])
        marked = bool(row["marker"]) if row["environ_readable"] else None
        facts = (row["leader_alive"], marked, row["shell_matches"], row["cwd_matches"])
        yield Group(
            row["pgid"],
            row["verdict"],
            row["reason"],
            row["pane_id"] or "",
            row["session_id"] or "",
            row["active_command"] or row["shell"] or "",
            row["member_commands"] or "",
            tuple(fact if alive else None for fact in facts),
            _started(row) if alive else "",
        )


def _started(row: Mapping[str, Any]) -> str:
    """Say how long before or after the save a group's session began."""
    began, saved = row["session_started_at"], row["saved_at"]
    if began is None or saved is None:
        return ""
    seconds = (saved - began).total_seconds()
    unit, word = next((u for u in _UNITS if abs(seconds) >= u[0]), _UNITS[-1])
    number = round(abs(seconds) / unit)
    return f"{number} {word} {'before' if seconds >= 0 else 'after'} the save"


def _strays(strays: pd.DataFrame) -> Iterator[Stray]:
    for row in records(strays):
        yield Stray(
            row["pid"], row["command"] or "", row["score"], row["endable"], row["evidence"] or ""
        )


def summary(shown: Evidence) -> str:
    """Say in words what a picture of processes shows."""
    total = sum(shown.counts.values())
    parts = [f"{number} {verdict}" for verdict, number in shown.counts.items()]
    strays = len(shown.strays) + shown.more_strays
    more = f"; {counted(strays, 'stray')}" if strays else ""
    return f"{counted(total, 'process group')}: {', '.join(parts) or 'none'}{more}"
