"""One picture for both themes: it takes on the colours of the page that shows it."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Final

from bmux_forensics.notebook.pictures.sheet import Picture
from bmux_forensics.notebook.pictures.theme import LIGHT, THEMES

_LIGHT: Final = asdict(THEMES[LIGHT])
_COLOURS: Final = {value: name for name, value in _LIGHT.items()}
_COLOUR: Final = re.compile("#[0-9a-f]{6}(?![0-9a-f])")
_END_OF_TAG: Final = re.compile("(<svg [^>]*>)")


def adaptive_svg(picture: Picture) -> str:
    """Return a light picture as SVG that is dark where dark is preferred.

    Examples
    --------
    >>> from bmux_forensics.notebook.pictures.sheet import sheet
    >>> picture, _ = sheet(10, 10, "light", "nothing")
    >>> "prefers-color-scheme: dark" in adaptive_svg(picture)
    True
    """
    styles = "".join(
        f"{media}:root{{{_variables(theme)}}}{end}"
        for media, theme, end in (
            ("", LIGHT, ""),
            ("@media screen and (prefers-color-scheme: dark){", "dark", "}"),
        )
    )
    text = _COLOUR.sub(_variable, picture.svg())
    return _END_OF_TAG.sub(rf"\1<style>{styles}</style>", text, count=1)


def _variables(theme: str) -> str:
    return "".join(f"--{name}:{value};" for name, value in asdict(THEMES[theme]).items())


def _variable(match: re.Match[str]) -> str:
    name = _COLOURS.get(match.group())
    return f"var(--{name})" if name else match.group()
