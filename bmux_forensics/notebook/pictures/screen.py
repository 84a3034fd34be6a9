"""Where a session's panes lay on the screen, out of its layout tree and its viewport."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from bmux_forensics.errors import UsageError
from bmux_forensics.notebook.evidence import Evidence, records

DEFAULT: Final = (80, 24)
"""Columns and rows of a screen that nothing was recorded of."""

_INSETS: Final = ("left_inset", "top_inset", "right_inset", "bottom_inset")
_OLDER: Final = {"top_inset": "status_top_inset", "bottom_inset": "status_bottom_inset"}

Rect = tuple[float, float, float, float]
"""Left, top, width, height, in cells."""


@dataclass(frozen=True)
class Tile:
    """A pane on the screen.

    Parameters
    ----------
    rect : tuple of float
        Left, top, width and height, in cells of the screen.
    pane_id : str
        Its id; empty when there is none.
    state : str
        ``tiled``; ``floating``; ``missing``: the layout names it, the row lacks it;
        ``outside``: the row has it, the layout does not show it.
    name, command, folder : str
        What the pane says of itself; empty when it says nothing.
    focused, zoomed : bool
        Whether the focus is on it; whether it filled the screen.
    """

    rect: Rect
    pane_id: str
    state: str
    name: str = ""
    command: str = ""
    folder: str = ""
    focused: bool = False
    zoomed: bool = False


@dataclass(frozen=True)
class Screen:
    """What a picture of a session's screen shows.

    Parameters
    ----------
    session_id, name : str
        The session.
    size : tuple of int
        Columns and rows.
    recorded : bool
        Whether the snapshot says how large it was.
    arranged : bool
        Whether the snapshot has a layout.
    tiles : tuple of Tile
        The panes, floating ones last, from the lowest to the topmost.
    """

    session_id: str
    name: str
    size: tuple[int, int]
    recorded: bool
    arranged: bool
    tiles: tuple[Tile, ...]


def screen(evidence: Evidence, session_id: str) -> Screen:
    """Return where the panes of a session lay; of several pane rows the first counts.

    Raises
    ------
    UsageError
        The snapshot does not speak of the session.
    """
    sessions = evidence.tables["sessions"]
    names = sessions.loc[sessions["session_id"] == session_id, "name"].dropna().tolist()
    for prefix in ("", "older_"):
        runtimes = evidence.tables[f"{prefix}runtimes"]
        found = runtimes[runtimes["owner_id"] == session_id]
        if len(found):
            return _of_row(evidence, prefix, found.iloc[0], session_id, names)
    if session_id not in set(evidence.status["session_id"]):
        expected = "a session of the snapshot"
        raise UsageError("session_id", f"{session_id!r}", expected=expected)
    name = names[0] if names else ""
    return Screen(session_id, name, DEFAULT, recorded=False, arranged=False, tiles=())


def _of_row(evidence: Evidence, prefix: str, row: Any, session_id: str, names: list[str]) -> Screen:
    tables, runtime = evidence.tables, int(row["position"])
    size, area = _area(row["viewport"])
    panes = {p["pane_id"]: p for p in _of_runtime(tables[f"{prefix}panes"], runtime)}
    leaves = list(_leaves(_of_runtime(tables[f"{prefix}layout"], runtime), area))
    floats = _of_runtime(tables[f"{prefix}floating_surfaces"], runtime)
    shown = {pane_id for _, pane_id in leaves} | {f["pane_id"] for f in floats}
    outside = [pane_id for pane_id in panes if pane_id not in shown]
    marks = {"focused": row["focused_pane_id"], "zoomed": row["zoomed_pane_id"]}
    spots = [(rect, i, "tiled" if i in panes else "missing") for rect, i in leaves]
    if not leaves:
        spots = [
            (rect, i, "tiled") for rect, i in zip(_even(area, len(panes)), outside, strict=False)
        ]
    else:
        spots += [((0.0, 0.0, 0.0, 0.0), pane_id, "outside") for pane_id in outside]
    for surface in sorted(floats, key=lambda f: f["z"] or 0):
        if surface["visible"] is not False:
            spots.append((_rect(surface), surface["pane_id"], "floating"))
    tiles = [_tile(rect, i, state, panes.get(i, {}), marks) for rect, i, state in spots]
    name = names[0] if names else ""
    recorded = isinstance(row["viewport"], str)
    return Screen(session_id, name, size, recorded, bool(leaves), tuple(tiles))


def _of_runtime(frame: Any, runtime: int) -> list[dict[str, Any]]:
    return list(records(frame[frame["runtime"] == runtime]))


def _rect(surface: dict[str, Any]) -> Rect:
    x, y, w, h = (float(surface[name] or 0) for name in ("x", "y", "w", "h"))
    return (x, y, w, h)


def _area(viewport: Any) -> tuple[tuple[int, int], Rect]:
    """Return the size of a screen, and what of it is left for panes."""
    view = orjson.loads(viewport) if isinstance(viewport, str) else {}
    size = [view.get(name) for name in ("cols", "rows")]
    cols, rows = (
        n if isinstance(n, int) and n > 0 else d for n, d in zip(size, DEFAULT, strict=True)
    )
    insets = [view.get(name, view.get(_OLDER.get(name, ""), 0)) for name in _INSETS]
    left, top, right, bottom = (n if isinstance(n, int) else 0 for n in insets)
    area = (float(left), float(top), float(cols - left - right), float(rows - top - bottom))
    whole = area[2] > 0 and area[3] > 0
    return (cols, rows), area if whole else (0.0, 0.0, float(cols), float(rows))


def _leaves(nodes: list[dict[str, Any]], area: Rect) -> Iterator[tuple[Rect, str]]:
    """Divide the area as the layout says; parents stand before what is inside them."""
    rects: dict[str, Rect] = {"": area}
    for node in nodes:
        rect = rects.get(node["path"])
        if rect is None:
            continue
        if node["kind"] == "leaf":
            yield rect, node["pane_id"] or ""
        else:
            first, second = _split(rect, node["direction"], node["ratio"])
            rects[f"{node['path']}/first"], rects[f"{node['path']}/second"] = first, second


def _split(rect: Rect, direction: str | None, ratio: float | None) -> tuple[Rect, Rect]:
    """Divide a rectangle: a vertical split stands its parts side by side."""
    x, y, w, h = rect
    share = min(max(0.5 if ratio is None else float(ratio), 0.0), 1.0)
    if direction == "horizontal":
        return (x, y, w, h * share), (x, y + h * share, w, h * (1 - share))
    return (x, y, w * share, h), (x + w * share, y, w * (1 - share), h)


def _even(area: Rect, count: int) -> list[Rect]:
    """Return a grid of so many parts: where nothing says how panes lay."""
    columns = next(n for n in itertools.count(1) if n * n >= count)
    rows = -(-count // columns) if count else 1
    x, y, w, h = area
    wide, tall = w / columns, h / rows
    return [(x + i % columns * wide, y + i // columns * tall, wide, tall) for i in range(count)]


def _tile(
    rect: Rect, pane_id: str | None, state: str, pane: dict[str, Any], marks: dict[str, Any]
) -> Tile:
    return Tile(
        rect,
        pane_id or "",
        state,
        pane.get("name") or "",
        pane.get("active_command") or pane.get("launch_program") or pane.get("shell") or "",
        pane.get("last_known_cwd") or pane.get("launch_cwd") or "",
        **{name: bool(pane_id) and pane_id == marked for name, marked in marks.items()},
    )
