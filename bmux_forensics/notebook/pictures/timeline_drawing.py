"""The timeline of an archive, drawn: a lane a session."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import bmux_forensics as bf
from bmux_forensics.notebook.pictures.sheet import HEAD, SMALL, Pen, Picture, Sign, sheet
from bmux_forensics.notebook.pictures.ticks import ticks
from bmux_forensics.notebook.pictures.timeline import Lane, Lives, lives
from bmux_forensics.notebook.text import counted, short_id

if TYPE_CHECKING:
    import pandas as pd

SIGNS: Final = {
    "appeared": Sign("o", "good", "appeared"),
    "came back": Sign("P", "note", "came back"),
    "vanished": Sign("X", "bad", "gone"),
    "orphaned": Sign("^", "warn", "orphaned from here"),
    "renamed": Sign("D", "other", "renamed", hollow=True),
    "panes": Sign("s", "good", "panes came or went", hollow=True),
    "command": Sign("|", "ink", "other command"),
}
"""How what happens to a session is marked."""

RESTART: Final = Sign("v", "other", "server restart")
_CAPTURE: Final = Sign("|", "faint", "snapshot")
_DAMAGED: Final = Sign("x", "bad", "damaged snapshot")

_WIDTH: Final = 900.0
_LEFT: Final = 190.0
_RIGHT: Final = _WIDTH - 30.0
_LANE: Final = 19.0
_TOP: Final = 66.0
_STRIP: Final = 44.0
_THIN_ROOM: Final = 360.0
_THINNEST, _THICKEST = 1.5, 6.0

_Stretches = dict[str, list[list[tuple[float, float]]]]


def draw_timeline(
    events: pd.DataFrame,
    captures: pd.DataFrame | bf.Archive | None = None,
    *,
    theme: str = "light",
) -> Picture:
    """Draw what happened to sessions across an archive, a lane a session.

    The 40 sessions of which there is most to tell have a wide lane, with a name and marks;
    460 more have a thin one. The strip on top counts all of them.

    Parameters
    ----------
    events : DataFrame
        As `timeline` returns them.
    captures : Archive or DataFrame, optional
        The archive, or its `status`: says when snapshots were saved. Without it the last
        event is the end of all that is known.
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
    >>> day = bf.load_archive("sample_snapshots/alpha4-day")
    >>> draw_timeline(bf.timeline(day), day).alt
    '6 sessions in 11 snapshots, 1 server restart'
    """
    status = captures.status if isinstance(captures, bf.Archive) else captures
    shown = lives(events, status)
    total = len(shown.lanes) + len(shown.thin) + len(shown.hidden)
    parts = [counted(total, "session")]
    if status is not None:  # else only those are known of in which something happened
        parts[0] += f" in {counted(len(shown.captures), 'snapshot')}"
    if shown.restarts:
        parts.append(counted(len(shown.restarts), "server restart"))
    if shown.damaged:
        parts.append(counted(len(shown.damaged), "damaged snapshot"))
    words = ", ".join(parts)
    ends = _TOP + _STRIP + 14 + len(shown.lanes) * _LANE
    step = _step(shown)
    bottom = ends + (len(shown.thin) * step + 16 if shown.thin else 0)
    picture, pen = sheet(_WIDTH, bottom + 88, theme, words)
    pen.text(20, 22, "What happened to sessions", size=HEAD, bold=True)
    left_out = f"; {counted(len(shown.hidden), 'session')} without a lane" * bool(shown.hidden)
    pen.text(20, 42, words + left_out, colour="faint", room=_WIDTH - 40)
    if not shown.captures:
        pen.text(20, _TOP + 20, "nothing is known", colour="faint")
        pen.finish()
        return picture
    axis = _Axis(shown.captures[0], max(shown.captures))
    _grid(pen, axis, bottom)
    _strip(pen, axis, shown, total)
    for number, lane in enumerate(shown.lanes):
        _label(pen, lane, _TOP + _STRIP + 14 + (number + 0.5) * _LANE, number)
    _bars(pen, axis, shown)
    _thin_lanes(pen, axis, shown.thin, ends + 8, step)
    _marks(pen, axis, shown)
    _feet(pen, axis, shown, bottom)
    pen.legend(20, bottom + 58, _used(shown), room=_WIDTH - 40)
    pen.finish()
    return picture


class _Axis:
    """Turns moments into places."""

    def __init__(self, start: datetime, end: datetime) -> None:
        self.start = start
        self.end = end
        self._seconds = max((end - start) / timedelta(seconds=1), 1.0)

    def __call__(self, at: datetime) -> float:
        share = (at - self.start) / timedelta(seconds=1) / self._seconds
        return _LEFT + min(max(share, 0.0), 1.0) * (_RIGHT - _LEFT)


def _middle(number: int) -> float:
    return _TOP + _STRIP + 14 + (number + 0.5) * _LANE


def _grid(pen: Pen, axis: _Axis, bottom: float) -> None:
    found = ticks(axis.start, axis.end)
    pen.lines([[(axis(at), _TOP), (axis(at), bottom + 6)] for at, _ in found], "line", width=0.6)
    for at, word in found:
        pen.text(axis(at), bottom + 16, word, size=SMALL, colour="faint", align="center")
    day = axis.start.astimezone(UTC)
    pen.text(20, bottom + 16, f"UTC, from {day:%Y-%m-%d %H:%M:%S}", size=SMALL, colour="faint")


def _strip(pen: Pen, axis: _Axis, shown: Lives, total: int) -> None:
    """Draw how many sessions there were, of all of them."""
    base = _TOP + _STRIP - 4
    most = max((number for _, number in shown.present), default=1) or 1
    points, last = [(axis(axis.start), base)], base
    for at, number in shown.present:
        level = base - number / most * (_STRIP - 12)
        points += [(axis(at), last), (axis(at), level)]
        last = level
    points += [(_RIGHT, last), (_RIGHT, base)]
    pen.area(points, "good")
    pen.lines([[(_LEFT, base), (_RIGHT, base)]], "line")
    pen.text(20, base - 16, "sessions there", size=SMALL, bold=True)
    words = f"of {total}, at most {most} at once"
    pen.text(20, base - 4, words, size=SMALL, colour="faint", room=_LEFT - 30)


def _label(pen: Pen, lane: Lane, y: float, number: int) -> None:
    if number % 2 == 0:
        pen.box(14, y - _LANE / 2, _WIDTH - 28, _LANE, edge="panel", zorder=0)
    name = f"{lane.host}: {lane.name}" if lane.host else lane.name
    colour = "ink" if name else "faint"
    wide = pen.text(20, y, name or "no name", colour=colour, room=_LEFT - 90)
    pen.text(26 + wide, y, short_id(lane.session_id), size=SMALL, colour="faint")


def _stretches(axis: _Axis, places: Iterable[tuple[float, Lane]]) -> _Stretches:
    """Return the stretches of lanes at some heights, by state."""
    groups: _Stretches = defaultdict(list)
    for y, lane in places:
        for span in lane.spans:
            ends = [(axis(span.start), y), (max(axis(span.end), axis(span.start) + 2), y)]
            groups[span.state].append(ends)
    return groups


def _bars(pen: Pen, axis: _Axis, shown: Lives) -> None:
    groups = _stretches(axis, ((_middle(i), lane) for i, lane in enumerate(shown.lanes)))
    pen.lines(groups["there"], "good", width=5, zorder=2)
    pen.lines(groups["orphaned"], "warn", width=5, style=(0, (0.8, 0.6)), zorder=2)
    pen.lines(groups["gap"], "faint", width=1, style=(0, (1, 3)), zorder=2)


def _step(shown: Lives) -> float:
    """Return how far thin lanes stand apart: closer, the more there are."""
    return max(_THINNEST, min(_THICKEST, _THIN_ROOM / max(len(shown.thin), 1)))


def _thin_lanes(pen: Pen, axis: _Axis, lanes: Sequence[Lane], top: float, step: float) -> None:
    """Draw when the sessions were there that have less to tell, one close under another."""
    if not lanes:
        return
    pen.text(20, top + 6, counted(len(lanes), "more session"), size=SMALL, bold=True)
    pen.text(20, top + 18, "in order of appearance", size=SMALL, colour="faint")
    groups = _stretches(axis, ((top + (i + 0.5) * step, lane) for i, lane in enumerate(lanes)))
    width = 0.7 * step
    pen.lines(groups["there"], "good", width=width, zorder=2)
    pen.lines(groups["orphaned"], "warn", width=width, style=(0, (3, 2)), zorder=2)
    pen.lines(groups["gap"], "faint", width=width / 3, style=(0, (2, 6)), zorder=2)


def _marks(pen: Pen, axis: _Axis, shown: Lives) -> None:
    groups: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for number, lane in enumerate(shown.lanes):
        for at, mark in lane.marks:
            groups[mark].append((axis(at), _middle(number)))
    for order, (mark, sign) in enumerate(reversed(SIGNS.items())):
        size = {"panes": 5, "command": 11}.get(mark, 8)  # a stroke has to reach beyond its lane
        pen.marks(groups[mark], sign, size=size, zorder=3 + order * 0.01)


def _feet(pen: Pen, axis: _Axis, shown: Lives, bottom: float) -> None:
    """Mark the moments of snapshots and of restarts."""
    rug = bottom + 32
    pen.text(20, rug, "snapshots", size=SMALL, bold=True)
    pen.marks([(axis(at), rug) for at in shown.captures], _CAPTURE, size=8)
    pen.marks([(axis(at), rug) for at in shown.damaged], _DAMAGED, size=7)
    places = [axis(at) for at in shown.restarts]
    pen.lines([[(x, _TOP), (x, bottom)] for x in places], "other", style=(0, (4, 2)))
    pen.marks([(x, _TOP) for x in places], RESTART, size=8)


def _used(shown: Lives) -> list[Sign]:
    marks = {mark for lane in shown.lanes for _, mark in lane.marks}
    used = [sign for mark, sign in SIGNS.items() if mark in marks]
    used += [RESTART] if shown.restarts else []
    return [*used, *([_DAMAGED] if shown.damaged else [])]  # snapshots are named where they stand
