"""Words out of evidence, made fit to be shown: nothing is run, nothing moves, nothing overflows."""

from __future__ import annotations

import re
from typing import Final

from bmux_forensics.errors import printable

ELLIPSIS: Final = "…"
_UUID: Final = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Letters by the book, but nothing to see: fillers, blank Braille.
_BLANK: Final = re.compile("[\u115f\u1160\u2800\u3164\uffa0]")


def plain(value: object) -> str:
    r"""Return a value as text in which every character that acts, or hides, is spelled.

    Examples
    --------
    >>> print(plain("a\x1b[31m\u202eb\u200b\u3164"))
    a\x1b[31m\u202eb\u200b\u3164
    >>> plain(None), plain(float("nan"))
    ('', '')
    """
    if value is None or value != value:  # noqa: PLR0124 - how a null says that it is none
        return ""
    text = printable(str(value))
    return _BLANK.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def clipped(text: str, limit: int) -> str:
    """Return a text of at most so many characters.

    Examples
    --------
    >>> clipped("abcdef", 4), clipped("abcd", 4)
    ('abc…', 'abcd')
    """
    return text if len(text) <= limit else text[: limit - 1] + ELLIPSIS


def is_id(value: object) -> bool:
    """Tell whether a value is an id in canonical form."""
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def short_id(value: str) -> str:
    """Return the first eight digits of an id, which bmux takes as a selector.

    Examples
    --------
    >>> short_id("03b1affc-f02c-424c-a52e-4d8c8db37ead")
    '03b1affc'
    """
    return value[:8] if is_id(value) else value


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number of things in words.

    Examples
    --------
    >>> counted(1, "pane"), counted(1200, "pane"), counted(0, "entry", "entries")
    ('1 pane', '1,200 panes', '0 entries')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
