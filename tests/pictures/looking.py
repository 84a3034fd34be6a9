"""What stands on a picture: its marks and its words."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import numpy as np
from matplotlib.collections import PathCollection

import bmux_forensics as bf

HOSTILE = (
    "$\\frac{1}{0}$",
    "a\x1b[31mred\u202egnol\nline\x07",
    "=HYPERLINK(1)",
    "<script>alert(1)</script>",
    "漢字 \U0001f4a5 \u3164",
    "_^{}%#&~\\",
    "n" * 10_000,
)
"""Names that would run, reorder, overflow or warn where they were taken for more than text."""


def words(picture: bf.Picture) -> list[str]:
    """Give every text on a picture."""
    return [text.get_text() for text in picture.axes[0].texts]


def marks(picture: bf.Picture) -> Counter[str]:
    """Count the marks on a picture by what they say, the legend left out."""
    found: Counter[str] = Counter()
    for collection in picture.axes[0].collections:
        if isinstance(collection, PathCollection):
            found[str(collection.get_label())] += len(cast("Any", collection.get_offsets()))
    legend = set(words(picture))
    return Counter({word: n - (word in legend) for word, n in found.items() if word})


def inside(picture: bf.Picture) -> bool:
    """Tell whether every text begins and every mark stands on the sheet."""
    width, height = picture.get_size_inches() * 72
    points = [text.get_position() for text in picture.axes[0].texts]
    for collection in picture.axes[0].collections:
        if isinstance(collection, PathCollection):
            points += [(x, y) for x, y in np.asarray(collection.get_offsets())]
    return all(0 <= x <= width and 0 <= y <= height for x, y in points)


def overflowing(picture: bf.Picture) -> list[str]:
    """Give the texts that reach beyond the sheet."""
    renderer = cast("Any", picture.canvas).get_renderer()
    width = float(picture.get_size_inches()[0] * picture.dpi)
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in picture.axes[0].texts]
    return [text for text, box in boxes if text and (box.x1 > width + 1 or box.x0 < -1)]
