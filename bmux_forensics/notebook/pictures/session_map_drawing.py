"""The session map, drawn."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Final

import bmux_forensics as bf
from bmux_forensics.notebook.evidence import Evidence
from bmux_forensics.notebook.pictures.session_map import (
    Line,
    SessionMap,
    Thing,
    session_map,
    summary,
)
from bmux_forensics.notebook.pictures.sheet import HEAD, SMALL, Pen, Picture, Sign, sheet
from bmux_forensics.notebook.text import counted, short_id

WORDS: Final = {
    "broken": "broken",
    "lost": "lost",
    "hollow": "without panes",
    "dangling": "with something that dangles",
    "unbound": "without a context",
    "bound": "sound",
}
"""What each state of a session is called."""

SESSION_SIGNS: Final = {
    "broken": Sign("X", "bad", "session with an error"),
    "lost": Sign("P", "bad", "session that only others speak of", hollow=True),
    "hollow": Sign("o", "warn", "session without panes", hollow=True),
    "dangling": Sign("^", "warn", "session, something dangles"),
    "unbound": Sign("h", "other", "session without a context"),
    "bound": Sign("o", "good", "sound session"),
}
_CONTEXT_SIGNS: Final = {
    "bound": Sign("D", "good", "context"),
    "unbound": Sign("D", "warn", "context that leads to no session", hollow=True),
    "missing": Sign("x", "bad", "context that is not there"),
}
_PANE_SIGNS: Final = {
    "tiled": Sign("s", "good", "pane"),
    "floating": Sign("p", "other", "floating pane"),
    "older": Sign("s", "warn", "pane under an older id", hollow=True),
}
_CLIENT_SIGNS: Final = {
    "selects": Sign(">", "good", "client that selects it"),
    "remembered": Sign(">", "faint", "client it remembers", hollow=True),
    "unknown": Sign("<", "bad", "client that no list has"),
}

_WIDTH: Final = 860.0
_CLIENTS, _CONTEXTS, _SESSION, _PANES = 26.0, 150.0, 330.0, 560.0
_STEP: Final = 18.0
_TOP: Final = 84.0
_MOST: Final = {"clients": 6, "contexts": 4, "panes": 6}
_CELL: Final = 13.0
_PER_ROW: Final = int((_WIDTH - 40) // _CELL)


def draw_session_map(
    tables: bf.Tables, *, snapshot: str | None = None, theme: str = "light"
) -> Picture:
    """Draw the sessions of a snapshot, and the contexts, clients and panes that hang on them.

    The most troubled sessions stand first, and at most 30 are told in full; each of the
    others is one mark. Below stands what leads to nothing.

    Parameters
    ----------
    tables : Tables
        The tables of the snapshot, or of several.
    snapshot : str, optional
        Which of them; not needed when there is one.
    theme : str
        ``light`` or ``dark``.

    Returns
    -------
    Picture
        A figure of matplotlib that shows itself in a notebook.

    Raises
    ------
    UsageError
        There is no such theme; no such snapshot, or several and none is named.

    Examples
    --------
    >>> day = "sample_snapshots/alpha4-day/bmux-snapshot-v1.20261122T115637Z.json"
    >>> draw_session_map(bf.load_tables(day)).alt
    '5 sessions: 2 without a context, 3 sound'
    """
    return map_of(Evidence.of(tables, snapshot), theme)


def map_of(evidence: Evidence, theme: str) -> Picture:
    """Draw the session map of a snapshot."""
    shown = session_map(evidence)
    heights = [_height(line) for line in shown.lines]
    rest = -(-len(shown.rest) // _PER_ROW) * _CELL + 44 if shown.rest else 0
    loose = len(shown.loose[:_LOOSE]) * _STEP + 34 if shown.loose or shown.unattached else 0
    used = _used(shown)
    words = summary(shown, WORDS)
    legend_lines = 1 + len(used) // 6
    height = _TOP + sum(heights) + rest + loose + 26 + legend_lines * 14
    picture, pen = sheet(_WIDTH, height, theme, words)
    _head(pen, shown, words)
    y = _TOP
    for line, tall in zip(shown.lines, heights, strict=True):
        _line(pen, line, y, tall)
        y += tall
    y = _rest(pen, shown, y)
    y = _below(pen, shown, y)
    pen.legend(20, y + 20, used, room=_WIDTH - 40)
    pen.finish()
    return picture


_LOOSE: Final = 12


def _height(line: Line) -> float:
    lines = min(len(line.contexts), _MOST["contexts"]) + (len(line.contexts) > _MOST["contexts"])
    return max(lines, 2 if line.findings else 1) * _STEP + 6


def _head(pen: Pen, shown: SessionMap, words: str) -> None:
    pen.text(20, 22, Path(shown.snapshot).name, size=HEAD, bold=True, room=_WIDTH - 40)
    pen.text(20, 42, words, colour="faint", room=_WIDTH - 40)
    for x, word in (
        (_CLIENTS - 6, "clients"),
        (_CONTEXTS - 6, "contexts"),
        (_SESSION - 6, "sessions"),
        (_PANES - 6, "panes, and what runs in them"),
    ):
        pen.text(x, 66, word, size=SMALL, colour="faint", bold=True)
    pen.lines([[(20, 76), (_WIDTH - 20, 76)]], "line")


def _line(pen: Pen, line: Line, y: float, tall: float) -> None:
    middle = y + tall / 2
    if line.state != "bound":
        pen.box(14, y + 1, _WIDTH - 28, tall - 2, edge="panel", zorder=0)
    _session(pen, line, middle)
    _contexts(pen, line, middle)
    clients = line.clients[: _MOST["clients"]]
    places = [(_CLIENTS + 13 * i, middle) for i in range(len(clients))]
    if clients:
        start = (_CONTEXTS - 8, middle) if line.contexts else (_SESSION - 10, middle)
        pen.lines([[(places[-1][0] + 7, middle), start]], "line")
    _things(pen, clients, places, _CLIENT_SIGNS, 7)
    if len(line.clients) > len(clients):
        pen.text(places[-1][0] + 9, middle, f"+{len(line.clients) - len(clients)}", size=SMALL)
    _panes(pen, line, middle)


def _session(pen: Pen, line: Line, middle: float) -> None:
    pen.marks([(_SESSION, middle)], SESSION_SIGNS[line.state], size=9)
    at = middle - (6 if line.findings else 0)
    colour = "ink" if line.name else "faint"
    wide = pen.text(
        _SESSION + 12, at, line.name or "no name", bold=bool(line.name), colour=colour, room=130
    )
    pen.text(_SESSION + 18 + wide, at, short_id(line.session_id), size=SMALL, colour="faint")
    if line.findings:
        words = "! " + ", ".join(line.findings)
        colour = "bad" if line.state in ("broken", "lost") else "warn"
        pen.text(_SESSION + 12, middle + 8, words, size=SMALL, colour=colour, room=205)


def _contexts(pen: Pen, line: Line, middle: float) -> None:
    shown = line.contexts[: _MOST["contexts"]]
    more = len(line.contexts) - len(shown)
    rows = len(shown) + bool(more)
    top = middle - (rows - 1) * _STEP / 2
    places = [(_CONTEXTS, top + i * _STEP) for i in range(len(shown))]
    for (x, at), thing in zip(places, shown, strict=True):
        words = thing.label or short_id(thing.id)
        words = f"{words}: not there" if thing.state == "missing" else words
        wide = pen.text(x + 11, at, words, room=120)
        missing = thing.state == "missing" or line.state == "lost"
        pen.lines(
            [[(x + 16 + wide, at), (_SESSION - 9, middle)]],
            "bad" if missing else "line",
            style=(0, (2, 2)) if missing else "solid",
        )
    if more:
        pen.text(_CONTEXTS + 11, top + len(shown) * _STEP, f"and {more} more", colour="faint")
    _things(pen, shown, places, _CONTEXT_SIGNS, 7)


def _panes(pen: Pen, line: Line, middle: float) -> None:
    shown = line.panes[: _MOST["panes"]]
    places = [(_PANES + 13 * i, middle) for i in range(len(shown))]
    if not shown:
        pen.text(_PANES - 5, middle, "no panes", size=SMALL, colour="warn")
        return
    lost = line.state == "lost"
    pen.lines(
        [[(_PANES - 14, middle), (_PANES - 7, middle)]],
        "bad" if lost else "line",
        style=(0, (2, 2)) if lost else "solid",
    )
    _things(pen, shown, places, _PANE_SIGNS, 8)
    at = places[-1][0] + 10
    if len(line.panes) > len(shown):
        at += pen.text(at, middle, f"+{len(line.panes) - len(shown)}", size=SMALL) + 5
    words = ", ".join(dict.fromkeys(thing.label for thing in line.panes if thing.label))
    pen.text(at, middle, words, size=SMALL, colour="faint", room=_WIDTH - 24 - at)


def _things(
    pen: Pen,
    things: tuple[Thing, ...],
    places: list[tuple[float, float]],
    signs: dict[str, Sign],
    size: float,
) -> None:
    groups: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for thing, place in zip(things, places, strict=True):
        groups[thing.state].append(place)
    for state, where in groups.items():
        pen.marks(where, signs[state], size=size)


def _rest(pen: Pen, shown: SessionMap, y: float) -> float:
    """Mark each of the sessions that are not told in full."""
    if not shown.rest:
        return y
    panes = sum(len(line.panes) for line in shown.rest)
    words = f"and {counted(len(shown.rest), 'more session')}, with {counted(panes, 'pane')}"
    pen.text(20, y + 18, words, colour="faint")
    groups: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for i, line in enumerate(shown.rest):
        row, column = divmod(i, _PER_ROW)
        groups[line.state].append((26 + column * _CELL, y + 38 + row * _CELL))
    for state, where in groups.items():
        pen.marks(where, SESSION_SIGNS[state], size=6)
    return y + 44 + -(-len(shown.rest) // _PER_ROW) * _CELL


def _below(pen: Pen, shown: SessionMap, y: float) -> float:
    """Tell what leads to nothing."""
    if not (shown.loose or shown.unattached):
        return y
    more = len(shown.loose) - _LOOSE
    words = "leads to nothing"
    if shown.unattached:
        words += f": {counted(shown.unattached, 'client')} that no session knows of"
    if more > 0:
        words += f"; {counted(more, 'context')} left out"
    pen.text(20, y + 18, words, size=SMALL, colour="faint", bold=True)
    for i, thing in enumerate(shown.loose[:_LOOSE]):
        at = y + 38 + i * _STEP
        _things(pen, (thing,), [(_CONTEXTS, at)], _CONTEXT_SIGNS, 7)
        wide = pen.text(_CONTEXTS + 11, at, _told(thing), room=500)
        pen.text(_CONTEXTS + 18 + wide, at, short_id(thing.id), size=SMALL, colour="faint")
    return y + 34 + len(shown.loose[:_LOOSE]) * _STEP


def _told(thing: Thing) -> str:
    if thing.state == "missing":
        return f"not there, but named by {thing.label}"
    return f"{thing.label or 'no name'}: bound to no session"


def _used(shown: SessionMap) -> list[Sign]:
    """Return the signs that a map uses, in a steady order."""
    lines = (*shown.lines, *shown.rest)
    states = {line.state for line in lines}
    contexts = {t.state for line in shown.lines for t in line.contexts}
    contexts |= {thing.state for thing in shown.loose}
    panes = {thing.state for line in shown.lines for thing in line.panes}
    clients = {thing.state for line in shown.lines for thing in line.clients}
    return [
        *(sign for state, sign in SESSION_SIGNS.items() if state in states),
        *(sign for state, sign in _CONTEXT_SIGNS.items() if state in contexts),
        *(sign for state, sign in _PANE_SIGNS.items() if state in panes),
        *(sign for state, sign in _CLIENT_SIGNS.items() if state in clients),
    ]
