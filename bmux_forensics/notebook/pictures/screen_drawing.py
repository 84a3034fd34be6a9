"""A session's screen, drawn."""

from __future__ import annotations

from typing import Final

import bmux_forensics as bf
from bmux_forensics.notebook.evidence import Evidence
from bmux_forensics.notebook.pictures.screen import Rect, Screen, Tile, screen
from bmux_forensics.notebook.pictures.sheet import HEAD, PLAIN, SMALL, Pen, Picture, Sign, sheet
from bmux_forensics.notebook.text import counted, short_id

SIGNS: Final = {
    "tiled": Sign("s", "good", "pane"),
    "floating": Sign("p", "other", "floating pane"),
    "missing": Sign("x", "bad", "not there, but in the layout"),
    "outside": Sign("^", "warn", "nowhere in the layout", hollow=True),
}
_FOCUSED: Final = Sign("*", "good", "has the focus")
_ZOOMED: Final = Sign("P", "warn", "zoomed: fills the screen")

_WIDTH: Final = 700.0
_SLIMMEST: Final = 420.0
_TOP: Final = 64.0
_CELL_SHAPE: Final = 2.0
"""How much taller a cell is than wide."""
_TALLEST: Final = 300.0
_LISTED: Final = 6
_LOWEST: Final = 20  # below this nothing can be read in a pane
_NARROWEST: Final = 14


def draw_screen(
    tables: bf.Tables, session_id: str, *, snapshot: str | None = None, theme: str = "light"
) -> Picture:
    """Draw the panes of a session as they lay on the screen, floating ones on top.

    Each tells its command and its folder, where there is room. Where nothing is recorded
    of the layout the panes stand in a grid, and the picture says so.

    Parameters
    ----------
    tables : Tables
        The tables of the snapshot, or of several.
    session_id : str
        The session. Where it has several pane rows, the first counts.
    snapshot : str, optional
        Which snapshot; not needed when there is one.
    theme : str
        ``light`` or ``dark``.

    Returns
    -------
    Picture
        A figure of matplotlib that shows itself in a notebook.

    Raises
    ------
    UsageError
        There is no such theme, or the snapshot does not speak of the session.

    Examples
    --------
    >>> day = bf.load_tables("sample_snapshots/alpha4-day/bmux-snapshot-v1.20261122T115637Z.json")
    >>> draw_screen(day, "03b1affc-f02c-424c-a52e-4d8c8db37ead").alt
    'the screen of tab-1: 3 panes, 140 × 45 cells'
    """
    return screen_of(Evidence.of(tables, snapshot), session_id, theme)


def screen_of(evidence: Evidence, session_id: str, theme: str) -> Picture:
    """Draw the screen of a session."""
    shown = screen(evidence, session_id)
    cols, rows = shown.size
    unit = min((_WIDTH - 40) / cols, _TALLEST / (rows * _CELL_SHAPE))
    wide, tall = cols * unit, rows * unit * _CELL_SHAPE
    outside = [tile for tile in shown.tiles if tile.state == "outside"]
    listed = len(outside[:_LISTED]) * 16 + (8 if outside else 0)
    panes = [tile for tile in shown.tiles if tile.state != "missing"]
    words = f"{counted(len(panes), 'pane')}, {_size(shown)}"
    alt = f"the screen of {shown.name or short_id(session_id)}: {words}"
    width = max(wide + 40, _SLIMMEST)
    picture, pen = sheet(width, _TOP + tall + listed + 48, theme, alt)
    name = pen.text(20, 22, shown.name or "no name", size=HEAD, bold=True, room=width - 120)
    pen.text(28 + name, 22, short_id(session_id), size=SMALL, colour="faint")
    pen.text(20, 42, words + _note(shown), colour="faint", room=width - 40)
    pen.box(18, _TOP - 2, wide + 4, tall + 4, fill="panel", edge="faint", zorder=0)
    for order, tile in enumerate(t for t in shown.tiles if t.state != "outside"):
        _tile(pen, tile, _placed(tile.rect, unit, (wide, tall)), 2 + order * 0.01)
    y = _TOP + tall + 18
    for tile in outside[:_LISTED]:
        pen.marks([(26, y)], SIGNS["outside"], size=7)
        pen.text(38, y, f"{tile.name} {tile.command}".strip(), size=SMALL, room=width - 60)
        y += 16
    pen.legend(20, y + 8, _used(shown), room=width - 40)
    pen.finish()
    return picture


def _size(shown: Screen) -> str:
    cols, rows = shown.size
    return f"{cols} × {rows} cells" if shown.recorded else "no screen size recorded"


def _note(shown: Screen) -> str:
    more = sum(tile.state == "outside" for tile in shown.tiles) - _LISTED
    notes = ["" if shown.arranged or not shown.tiles else "no layout recorded: shown in a grid"]
    notes.append(f"{counted(more, 'pane')} outside the layout left out" if more > 0 else "")
    return "".join(f"; {note}" for note in notes if note)


def _placed(rect: Rect, unit: float, size: tuple[float, float]) -> Rect:
    """Return where a tile is drawn; nothing is drawn beyond the screen."""
    x, y, w, h = (rect[0] * unit, rect[1] * unit * 2, rect[2] * unit, rect[3] * unit * 2)
    left, top = min(max(x, 0), size[0] - 4), min(max(y, 0), size[1] - 4)
    right, bottom = min(max(x + w, left + 4), size[0]), min(max(y + h, top + 4), size[1])
    return (20 + left, _TOP + top, right - left, bottom - top)


def _tile(pen: Pen, tile: Tile, place: Rect, zorder: float) -> None:
    x, y, w, h = place
    sign = SIGNS[tile.state]
    pen.box(
        x + 1,
        y + 1,
        w - 2,
        h - 2,
        fill="panel" if tile.state == "floating" else "ground",
        edge=sign.colour if tile.state != "tiled" or tile.focused else "line",
        style=(0, (3, 2)) if tile.state == "missing" else "solid",
        weight=2.0 if tile.focused or tile.state == "floating" else 1.2,
        hatch="/" if tile.state == "missing" else None,
        zorder=zorder,
    )
    at, above = y + 13, zorder + 0.005
    badges = [sign, *([_FOCUSED] if tile.focused else []), *([_ZOOMED] if tile.zoomed else [])]
    if h < _LOWEST or w < _NARROWEST + 12 * len(badges):
        return
    for i, badge in enumerate(badges):
        pen.marks([(x + 12 + 12 * i, at)], badge, size=7, zorder=above)
    left = x + 10 + 12 * len(badges)
    words = [
        (_called(tile), PLAIN, "ink", True, left),
        (tile.command, PLAIN, "ink", False, x + 8),
        (tile.folder, SMALL, "faint", False, x + 8),
    ]
    for text, size, colour, bold, start in words:
        if at + 6 > y + h or x + w - 6 - start < _NARROWEST:
            return
        pen.text(
            start,
            at,
            text,
            size=size,
            colour=colour,
            bold=bold,
            room=x + w - 6 - start,
            zorder=above,
        )
        at += 15 if text else 0


def _called(tile: Tile) -> str:
    if tile.state == "missing":
        return f"no pane {short_id(tile.pane_id)}".strip()
    return tile.name or short_id(tile.pane_id)


def _used(shown: Screen) -> list[Sign]:
    states = {tile.state for tile in shown.tiles}
    used = [sign for state, sign in SIGNS.items() if state in states]
    used += [_FOCUSED] if any(tile.focused for tile in shown.tiles) else []
    return used + ([_ZOOMED] if any(tile.zoomed for tile in shown.tiles) else [])
