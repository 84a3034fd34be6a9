"""HTML out of words and evidence: every piece of text is escaped here, and only here."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import bmux_forensics as bf
from bmux_forensics.notebook.pictures.sheet import POINTS
from bmux_forensics.notebook.text import clipped, plain

_LONGEST: Final = 300
_LONGEST_BLOCK: Final = 4000
_THEMES: Final = ("light", "dark")

SIGNS: Final = {"failed": "✖", "done": "✔", "note": "ℹ"}
"""What a note says without its colour."""


def text(value: object, limit: int = _LONGEST) -> str:
    """Return a value as text that HTML takes as text: nothing in it acts, or overflows.

    Examples
    --------
    >>> text("<b onclick=x>")
    '&lt;b onclick=x&gt;'
    """
    return html.escape(clipped(plain(value), limit))


def code(value: object, limit: int = _LONGEST) -> str:
    """Return a value in the fixed-width font."""
    return f"<code>{text(value, limit)}</code>"


def block(words: str, limit: int = _LONGEST_BLOCK) -> str:
    """Return several lines in the fixed-width font; each is escaped, and stays a line."""
    lines = clipped(words, limit).splitlines()
    return f"<pre>{chr(10).join(html.escape(plain(line)) for line in lines)}</pre>"


def note(kind: str, line: object, *, more: str = "") -> str:
    """Return a line that stands out: ``failed`` interrupts a screen reader, others wait.

    Parameters
    ----------
    kind : str
        A key of `SIGNS`.
    line : object
        What is to be said.
    more : str
        Markup below it.
    """
    role = "alert" if kind == "failed" else "status"
    line = text(line, 2000)
    return f'<div class="bf-note bf-{kind}" role="{role}">{SIGNS[kind]} {line}{more}</div>'


def bar(what: str, done: int = 0, total: int = 0) -> str:
    """Return how far something has come as a bar; without a total, one that moves.

    Examples
    --------
    >>> bar("Read", 1, 3)
    '<progress aria-label="Read" max="3" value="1"></progress> 1 of 3'
    """
    label = f'aria-label="{text(what)}"'
    if not total:
        return f"<progress {label}></progress>"
    return f'<progress {label} max="{total}" value="{done}"></progress> {done:,} of {total:,}'


def paragraph(*parts: str) -> str:
    """Return markup as a paragraph."""
    return f"<p>{' '.join(part for part in parts if part)}</p>"


def heading(words: str) -> str:
    """Return a heading within a panel."""
    return f"<h4>{text(words)}</h4>"


def folded(summary: str, body: str) -> str:
    """Return markup that opens with a click, Enter or Space; both parts are markup."""
    return f"<details><summary>{summary}</summary><div>{body}</div></details>"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; the cells are evidence, not markup."""
    head = "".join(f'<th scope="col">{text(name)}</th>' for name in columns)
    body = "".join(
        f"<tr>{''.join(f'<td>{text(cell)}</td>' for cell in cells)}</tr>" for cells in rows
    )
    return (
        f'<div class="bf-scroll" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def picture(draw: Callable[[str], bf.Picture]) -> str:
    """Return a picture in both themes; the page shows the one that fits.

    Where there is not room enough to read it, it scrolls instead of shrinking further.

    Parameters
    ----------
    draw : callable
        Given ``light`` or ``dark``, returns the picture.
    """
    images = "".join(_image(draw(theme), theme) for theme in _THEMES)
    return f'<div class="bf-sheet" tabindex="0" role="group" aria-label="picture">{images}</div>'


def _image(drawn: bf.Picture, theme: str) -> str:
    # As an image: whatever an SVG may hold, nothing in an image is run.
    data = base64.b64encode(drawn.svg().encode()).decode()
    alt = text(drawn.alt, _LONGEST_BLOCK)
    least = round(drawn.get_figwidth() * POINTS)  # its small letters are 7.5 of these high
    return (
        f'<img class="bf-picture bf-{theme}" alt="{alt}" style="min-width:{least}px" '
        f'src="data:image/svg+xml;base64,{data}">'
    )
