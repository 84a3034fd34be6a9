"""What is known of processes, drawn: a line a process group."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import bmux_forensics as bf
from bmux_forensics.notebook.pictures.processes import (
    FACTS,
    Evidence,
    Group,
    Stray,
    evidence,
    summary,
)
from bmux_forensics.notebook.pictures.sheet import HEAD, SMALL, Pen, Picture, Sign, sheet
from bmux_forensics.notebook.text import short_id

if TYPE_CHECKING:
    import pandas as pd

SIGNS: Final = {
    "confirmed": Sign("o", "good", "confirmed: kill would end it"),
    "plausible": Sign("o", "note", "plausible", hollow=True),
    "unknown": Sign("h", "other", "unknown", hollow=True),
    "protected": Sign("s", "other", "protected"),
    "foreign": Sign("D", "warn", "another user's"),
    "recycled": Sign("^", "warn", "the number is somebody else's now"),
    "gone": Sign("x", "faint", "gone"),
}
"""How each verdict is marked."""

_STRAY: Final = Sign("p", "bad", "stray", hollow=True)
_HOLDS: Final = {
    True: Sign("P", "good", "holds"),
    False: Sign("X", "bad", "does not"),
    None: Sign("_", "faint", "can't be told"),
}

_WIDTH: Final = 940.0
_NUMBER, _PANE, _FACTS, _STARTED, _NOW = 126.0, 212.0, 370.0, 490.0, 610.0
_FACT: Final = 28.0
_STEP: Final = 30.0
_TOP: Final = 104.0


def draw_processes(scene: bf.ProcessScene | pd.DataFrame, *, theme: str = "light") -> Picture:
    """Draw whose the processes are that a snapshot names, and what shows it.

    Living groups stand first; at most 30 are told in full, and 12 strays.

    Parameters
    ----------
    scene : ProcessScene or DataFrame
        As `processes` returns it; or its `verdicts`, then there are no strays.
    theme : str
        ``light`` or ``dark``.

    Returns
    -------
    Picture
        A figure of matplotlib that shows itself in a notebook.

    Raises
    ------
    UsageError
        There is no such theme.
    """
    shown = evidence(scene)
    words = summary(shown)
    strays = 30 + len(shown.strays) * 18 if shown.strays else 0
    more = 22 if shown.hidden else 0
    height = _TOP + len(shown.groups) * _STEP + more + strays + 56
    picture, pen = sheet(_WIDTH, height, theme, words)
    pen.text(20, 22, "Whose are the processes?", size=HEAD, bold=True)
    pen.text(20, 42, words, colour="faint", room=_WIDTH - 40)
    _head(pen)
    for number, group in enumerate(shown.groups):
        _group(pen, group, _TOP + (number + 0.5) * _STEP, number)
    y = _TOP + len(shown.groups) * _STEP + more
    if shown.hidden:
        counts = ", ".join(f"{n} {verdict}" for verdict, n in shown.hidden.items())
        pen.text(20, y - 8, f"and {sum(shown.hidden.values()):,} more: {counts}", colour="faint")
    _strays(pen, shown, y)
    pen.legend(20, y + strays + 24, _used(shown), room=_WIDTH - 40)
    pen.finish()
    return picture


def _head(pen: Pen) -> None:
    for x, word in (
        (20, "verdict"),
        (_NUMBER, "group"),
        (_PANE, "recorded for a pane"),
        (_STARTED, "its session began"),
        (_NOW, "what runs in it now, and why the verdict"),
    ):
        pen.text(x, 90, word, size=SMALL, colour="faint", bold=True)
    for i, fact in enumerate(FACTS):
        first, _, last = fact.rpartition(" ")
        x = _FACTS + i * _FACT
        pen.text(x, 80, first, size=5.5, colour="faint", align="center")
        pen.text(x, 90, last, size=5.5, colour="faint", align="center", bold=True)
    pen.lines([[(20, 98), (_WIDTH - 20, 98)]], "line")


def _group(pen: Pen, group: Group, y: float, number: int) -> None:
    if number % 2 == 0:
        pen.box(14, y - _STEP / 2, _WIDTH - 28, _STEP, edge="panel", zorder=0)
    pen.marks([(27, y)], SIGNS[group.verdict], size=8)
    pen.text(38, y, group.verdict, room=82)
    named = group.pgid is not None
    pen.text(_NUMBER, y, group.pgid if named else "none", colour="ink" if named else "faint")
    pen.text(_PANE, y - 6, group.recorded, room=140)
    where = f"pane {short_id(group.pane_id)} of {short_id(group.session_id)}"
    pen.text(_PANE, y + 8, where, size=SMALL, colour="faint", room=140)
    if any(fact is not None for fact in group.facts):
        places: dict[bool | None, list[tuple[float, float]]] = defaultdict(list)
        for i, fact in enumerate(group.facts):
            places[fact].append((_FACTS + i * _FACT, y))
        for fact, where_to in places.items():
            pen.marks(where_to, _HOLDS[fact], size=6)
    pen.text(_STARTED, y, group.started, size=SMALL, room=112)
    room = _WIDTH - 26 - _NOW
    pen.text(_NOW, y - 6 if group.commands else y, group.commands, room=room)
    at = y + 8 if group.commands else y
    pen.text(_NOW, at, group.reason, size=SMALL, colour="faint", room=room)


def _strays(pen: Pen, shown: Evidence, y: float) -> None:
    if not shown.strays:
        return
    more = f" (and {shown.more_strays} more)" if shown.more_strays else ""
    pen.text(20, y + 18, f"strays: outside every recorded group{more}", size=SMALL, bold=True)
    for i, stray in enumerate(shown.strays):
        _stray(pen, stray, y + 38 + i * 18)


def _stray(pen: Pen, stray: Stray, y: float) -> None:
    pen.marks([(27, y)], _STRAY, size=8)
    pen.text(38, y, "may be ended" if stray.endable else "left alone", room=84)
    pen.text(_NUMBER, y, f"pid {stray.pid}", room=80)
    pen.text(_PANE, y, stray.command, room=150)
    pen.box(_FACTS, y - 4, 84, 8, fill="ground", round_by=1)
    if stray.score > 0:
        pen.box(_FACTS, y - 4, 84 * min(stray.score, 1.0), 8, fill="bad", edge="bad", round_by=1)
    pen.text(_FACTS + 90, y, f"{stray.score:.1f}", size=SMALL)
    pen.text(_STARTED, y, stray.evidence, size=SMALL, colour="faint", room=_WIDTH - 26 - _STARTED)


def _used(shown: Evidence) -> list[Sign]:
    verdicts = {group.verdict for group in shown.groups}
    used = [sign for verdict, sign in SIGNS.items() if verdict in verdicts]
    used += [_STRAY] if shown.strays else []
    facts = {fact for group in shown.groups for fact in group.facts}
    if facts - {None}:
        used += [sign for fact, sign in _HOLDS.items() if fact in facts]
    return used
