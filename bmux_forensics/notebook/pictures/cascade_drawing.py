"""The cascade of a plan, drawn: a box a step, an arrow from what causes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import bmux_forensics as bf
from bmux_forensics.notebook.pictures.cascade import Cascade, Key, Step, cascade
from bmux_forensics.notebook.pictures.sheet import HEAD, SMALL, Pen, Picture, Sign, sheet
from bmux_forensics.notebook.text import counted

if TYPE_CHECKING:
    import pandas as pd

SIGNS: Final = {
    "delete": Sign("X", "bad", "goes"),
    "set-null": Sign("o", "warn", "becomes empty", hollow=True),
    "set": Sign("s", "good", "gets another value"),
    "insert": Sign("P", "good", "is added"),
    "keep": Sign("^", "other", "stays, and points at nothing", hollow=True),
}
"""How each action is marked."""

_VERBS: Final = {
    "delete": ("goes", "go"),
    "set-null": ("becomes empty", "become empty"),
    "set": ("gets another value", "get another value"),
    "insert": ("is added", "are added"),
    "keep": ("stays, and points at nothing", "stay, and point at nothing"),
}
_STYLES: Final = {"set-null": (0, (4, 2)), "keep": (0, (1, 2))}
_BOX: Final = 196.0
_GAP: Final = 40.0
_LINE: Final = 13.0
_SHOWN: Final = 3
_TOP: Final = 76.0


def draw_cascade(
    plan: pd.DataFrame | bf.KillPlan | bf.RepairPlan,
    tables: bf.Tables | None = None,
    *,
    theme: str = "light",
) -> Picture:
    """Draw what a plan does: what goes, what becomes empty, what is left dangling, and why.

    Rows of one table to which the same happens are one box, so that the picture of a
    large plan is no larger. An arrow leads from what causes a step, and its box says by
    which reference.

    Parameters
    ----------
    plan : DataFrame, KillPlan or RepairPlan
        The plan, or its changes.
    tables : Tables, optional
        Where names stand for the ids; those of a `KillPlan` are known without.
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

    Examples
    --------
    >>> day = "sample_snapshots/alpha4-day/bmux-snapshot-v1.20261122T115637Z.json"
    >>> draw_cascade(bf.plan_of_kill(bf.open_snapshot(day), ["ops"])).alt
    'what the plan does: 2 rows go; and 2 rows inside rows that go'
    """
    shown = cascade(plan, tables)
    why = _why(shown)
    columns: dict[int, list[Step]] = {}
    for step in shown.steps:
        columns.setdefault(step.depth, []).append(step)
    heights = [sum(_height(s, why[s.key]) + 12 for s in steps) for steps in columns.values()]
    wide = max(40 + len(columns) * (_BOX + _GAP) - _GAP, 520)
    counts = [f"{counted(n, 'row')} {_VERBS[action][n != 1]}" for action, n in shown.counts.items()]
    inside = sum(len(step.rows) for step in shown.steps if step.contained)
    if inside:
        counts.append(f"and {counted(inside, 'row')} inside rows that go")
    words = "what the plan does: " + ("; ".join(counts) or "nothing")
    used = [sign for action, sign in SIGNS.items() if any(s.action == action for s in shown.steps)]
    picture, pen = sheet(wide, _TOP + max(heights, default=0) + 44, theme, words)
    pen.text(20, 22, "What the plan does", size=HEAD, bold=True)
    pen.text(20, 42, "; ".join(counts) or "nothing", colour="faint", room=wide - 40)
    places = _placed(columns, why)
    _arrows(pen, shown, places)
    for step in shown.steps:
        _step(pen, step, places[step.key], why[step.key])
    pen.legend(20, _TOP + max(heights, default=0) + 18, used, room=wide - 40)
    pen.finish()
    return picture


def _why(shown: Cascade) -> dict[Key, str]:
    """Say of each step which rule it is for, or by which references it came about.

    Rows inside others say so anyway.
    """
    found: dict[Key, list[str]] = {step.key: list(step.rules) for step in shown.steps}
    inside = {step.key for step in shown.steps if step.contained}
    for cause in shown.causes:
        if cause.source != cause.target and cause.target not in inside:
            found[cause.target].append(cause.reference)
    return {key: ", ".join(dict.fromkeys(names)) for key, names in found.items()}


def _height(step: Step, why: str) -> float:
    lines = min(len(step.rows), _SHOWN) + (len(step.rows) > _SHOWN) + bool(why)
    return 26 + lines * _LINE + 4


def _placed(columns: dict[int, list[Step]], why: dict[Key, str]) -> dict[Key, tuple[float, float]]:
    places: dict[Key, tuple[float, float]] = {}
    for number, depth in enumerate(sorted(columns)):
        y = _TOP
        for step in columns[depth]:
            places[step.key] = (20 + number * (_BOX + _GAP), y)
            y += _height(step, why[step.key]) + 12
    return places


def _step(pen: Pen, step: Step, place: tuple[float, float], why: str) -> None:
    x, y = place
    sign = SIGNS[step.action]
    tall = _height(step, why)
    pen.box(
        x,
        y,
        _BOX,
        tall,
        fill="ground" if step.contained else "panel",
        edge=sign.colour,
        style=_STYLES.get(step.action, "solid"),
        weight=0.8 if step.contained else 1.5,
    )
    pen.marks([(x + 13, y + 13)], sign, size=7)
    title = f"{len(step.rows):,} × {step.table}" if len(step.rows) > 1 else step.table
    wide = pen.text(x + 24, y + 13, title, bold=True, room=_BOX - 30)
    note = step.column or ("inside" if step.contained else "")
    pen.text(x + 30 + wide, y + 13, note, size=SMALL, colour="faint", room=_BOX - 36 - wide)
    if why:
        pen.text(x + 24, y + 27, f"by {why}", size=SMALL, colour="faint", room=_BOX - 32)
        y += _LINE
    for i, row in enumerate(step.rows[:_SHOWN]):
        pen.text(x + 24, y + 27 + i * _LINE, row, size=SMALL, room=_BOX - 32)
    if len(step.rows) > _SHOWN:
        more = f"and {len(step.rows) - _SHOWN:,} more"
        pen.text(x + 24, y + 27 + _SHOWN * _LINE, more, size=SMALL, colour="faint")


def _arrows(pen: Pen, shown: Cascade, places: dict[Key, tuple[float, float]]) -> None:
    ends = []
    for cause in shown.causes:
        if cause.source == cause.target:
            continue
        (x0, y0), (x1, y1) = places[cause.source], places[cause.target]
        start, end = (x0 + _BOX, y0 + 13), (x1, y1 + 13)
        ends.append(_curve(start, end))
        pen.marks([(end[0] - 3, end[1])], Sign(">", "faint", ""), size=4)
    pen.lines(ends, "faint", width=0.8)


def _curve(start: tuple[float, float], end: tuple[float, float]) -> list[tuple[float, float]]:
    """Return a line that leaves and arrives level."""
    (x0, y0), (x1, y1) = start, end
    steps = [i / 24 for i in range(25)]
    bend = [(x0 + 30 * t, y0 + (y1 - y0) * t * t * (3 - 2 * t)) for t in steps]
    return [*bend, (x1, y1)]
