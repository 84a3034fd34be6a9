"""Colours that people who see fewer of them can tell apart, on light and on dark ground.

No colour stands alone: what has a colour of its own has a shape of its own too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bmux_forensics.errors import UsageError


@dataclass(frozen=True)
class Theme:
    """The colours of a picture, by what they mean.

    Parameters
    ----------
    ground, panel, ink, faint, line : str
        The picture's ground, a raised part of it, text, text that matters less, rules.
    good, note, warn, bad, other : str
        Sound; worth knowing; hollow or dangling; lost or broken; neither good nor bad.
    """

    ground: str
    panel: str
    ink: str
    faint: str
    line: str
    good: str
    note: str
    warn: str
    bad: str
    other: str


LIGHT: Final = "light"
"""The theme that is taken when none is named."""

THEMES: Final = {
    LIGHT: Theme(
        ground="#ffffff",
        panel="#f3f5f8",
        ink="#1b2430",
        faint="#5a6675",
        line="#ccd3dc",
        good="#0072b2",
        note="#3f93c5",
        warn="#b86e00",
        bad="#c8320a",
        other="#6b5b95",
    ),
    "dark": Theme(
        ground="#14181f",
        panel="#1f2630",
        ink="#e8ecf1",
        faint="#9aa7b6",
        line="#3a4554",
        good="#56b4e9",
        note="#8ccbf0",
        warn="#f0b429",
        bad="#ff7a52",
        other="#b9a5e8",
    ),
}
"""Every theme there is; the colours are Okabe and Ito's, made darker or lighter to be read."""


def theme_of(name: str) -> Theme:
    """Return a theme by name.

    Raises
    ------
    UsageError
        There is no such theme.
    """
    if name not in THEMES:
        raise UsageError("theme", f"{name!r}", expected=" or ".join(THEMES))
    return THEMES[name]
