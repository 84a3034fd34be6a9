"""A DataFrame's cells as a person reads them: short, with the whole behind each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, Final

import pandas as pd

from bmux_forensics.notebook.text import clipped, is_id, plain, short_id

WIDEST: Final = 60
"""How many characters of a text are shown."""

_PATHS: Final = frozenset({"snapshot", "path", "previous", "file"})
_UNITS: Final = (
    (31_557_600, "year"),
    (2_629_800, "month"),
    (86_400, "day"),
    (3_600, "hour"),
    (60, "minute"),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a cell.

    Parameters
    ----------
    text : str
        What is shown.
    whole : str
        All of it, where what is shown is less.
    order : str
        What to sort by, where that is neither.
    kind : str
        ``text``, ``long`` for one that takes several lines, ``id``, ``time``, ``number`` or
        ``null``.
    """

    text: str
    whole: str = ""
    order: str = ""
    kind: str = "text"


_NULL: Final = Cell("", kind="null")


def rows_of(
    frame: pd.DataFrame, *, now: datetime | None = None, widest: int = WIDEST
) -> Iterator[list[Cell]]:
    """Yield the cells of a DataFrame, a row after another.

    Parameters
    ----------
    frame : DataFrame
        Any.
    now : datetime, optional
        Times are told relative to it, where that tells the moments of a column apart; None
        tells them as they are.
    widest : int
        How many characters of a text are shown.
    """
    columns = [
        [_cell(str(name), value, now, widest) for value in frame.iloc[:, i].tolist()]
        for i, name in enumerate(frame.columns)
    ]
    yield from map(list, zip(*map(_told_apart, columns), strict=True))


def _told_apart(cells: list[Cell]) -> list[Cell]:
    """Show the exact moments where some that differ would read the same."""
    moments = {(cell.text, cell.order) for cell in cells if cell.kind == "time"}
    if len({text for text, _ in moments}) == len(moments):
        return cells
    return [
        replace(cell, text=cell.whole, whole=cell.text) if cell.kind == "time" else cell
        for cell in cells
    ]


def _cell(  # noqa: PLR0911 - one a kind
    name: str, value: Any, now: datetime | None, widest: int
) -> Cell:
    if isinstance(value, list | tuple | set | frozenset | Mapping):
        return _text(_joined(value), widest)
    if value is None or value is pd.NaT or value is pd.NA or value != value:  # noqa: PLR0124 - null
        return _NULL
    if isinstance(value, datetime):
        return _time(value, now)
    if isinstance(value, bool):
        return Cell("yes" if value else "no")
    if isinstance(value, int | float):
        return Cell(f"{value:g}" if isinstance(value, float) else str(value), kind="number")
    if is_id(value):
        return Cell(short_id(value), value, kind="id")
    if name in _PATHS:
        whole = plain(value)
        last = plain(PurePosixPath(str(value)).name) or whole
        return Cell(clipped(last, widest), whole if whole != last or len(last) > widest else "")
    return _text(str(value), widest)


def _joined(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {item}" for key, item in value.items())
    return ", ".join(map(str, value))


def _text(value: str, widest: int) -> Cell:
    whole = plain(value)
    return Cell(clipped(whole, widest), whole if len(whole) > widest else "")


def _time(value: datetime, now: datetime | None) -> Cell:
    moment = value if value.tzinfo else value.replace(tzinfo=UTC)
    exact = moment.astimezone(UTC).isoformat(sep=" ", timespec="seconds").replace("+00:00", "Z")
    order = f"{moment.timestamp():020.6f}"
    if now is None:
        return Cell(exact, "", order, "time")
    return Cell(relative(moment, now), exact, order, "time")


def relative(moment: datetime, now: datetime) -> str:
    """Say how long ago a moment was.

    Examples
    --------
    >>> noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    >>> relative(noon, noon.replace(hour=15)), relative(noon, noon.replace(second=20))
    ('3 hours ago', 'just now')
    >>> relative(noon.replace(day=24), noon)
    'in 2 days'
    """
    seconds = (now - moment).total_seconds()
    for length, word in _UNITS:
        number = int(abs(seconds) // length)
        if number:
            told = f"{number} {word}{'' if number == 1 else 's'}"
            return f"{told} ago" if seconds > 0 else f"in {told}"
    return "just now"
