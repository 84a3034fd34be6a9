"""The letters of the one font that is always there: which it has, and how wide they are.

A letter that the font lacks is drawn as a box, as anywhere else, and raises no warning.
Widths are those of the font, so what is clipped is clipped where it would overflow.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from matplotlib.font_manager import FontProperties, findfont, get_font

from bmux_forensics.notebook.text import ELLIPSIS, plain

FAMILY: Final = "DejaVu Sans"
"""Comes with matplotlib: a picture is the same on every machine."""

LACKING: Final = "\u25a1"
_UNIT: Final = 100.0


@lru_cache(maxsize=8)
def font(*, bold: bool = False) -> FontProperties:
    """Return the font, as matplotlib wants it."""
    return FontProperties(family=[FAMILY], weight="bold" if bold else "normal")


@lru_cache(maxsize=4096)
def _letter(letter: str, *, bold: bool) -> tuple[str, float]:
    """Return what is drawn for a letter, and how wide it is at size 1."""
    file = get_font(findfont(font(bold=bold)))
    drawn = letter if file.get_char_index(ord(letter)) else LACKING
    file.set_size(_UNIT, 72)
    advance = file.load_char(ord(drawn)).linearHoriAdvance / 65536
    return drawn, advance / _UNIT


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """Return how wide a text is, in points.

    Examples
    --------
    >>> width_of("iiii", 10) < width_of("mmmm", 10) < width_of("mmmm", 12)
    True
    """
    return size * sum(_letter(letter, bold=bold)[1] for letter in text)


def fitted(value: object, size: float, room: float | None = None, *, bold: bool = False) -> str:
    """Return a value as text that can be drawn, cut where the room ends.

    Examples
    --------
    >>> fitted("a name that goes on", 10, 60)
    'a name t…'
    """
    letters = [_letter(letter, bold=bold) for letter in plain(value)]
    if room is None or size * sum(wide for _, wide in letters) <= room:
        return "".join(drawn for drawn, _ in letters)
    left = room / size - _letter(ELLIPSIS, bold=bold)[1]
    kept: list[str] = []
    for drawn, wide in letters:
        left -= wide
        if left < 0:
            break
        kept.append(drawn)
    return "".join(kept) + ELLIPSIS
