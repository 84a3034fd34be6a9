"""A sheet to draw on, measured in points from its upper left corner, and the pen for it."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Polygon

from bmux_forensics.errors import printable
from bmux_forensics.notebook.pictures.letters import fitted, font, width_of
from bmux_forensics.notebook.pictures.theme import LIGHT, Theme, theme_of

POINTS: Final = 72
"""In an inch."""

_PIXELS: Final = 96
"""In an inch, as a browser counts: a PNG is shown as large as the SVG would be."""

SMALL: Final = 7.5
PLAIN: Final = 9.0
HEAD: Final = 12.0

Dashes = str | tuple[float, tuple[float, ...]]
"""How a line is broken, as matplotlib says it."""

_LINES: Final = frozenset("x|_1234")
"""Markers of lines alone: there is nothing to fill."""


_COMMENT: Final = re.compile("<!--.*?-->", re.DOTALL)
"""Every text stands in one beside its letters."""

_LONG: Final = re.compile(r"\b([1-9][0-9]*\.[0-9]{2})[0-9]+")
"""Places are written to a millionth of a point; a hundredth can't be seen either."""


class Picture(Figure):
    """A figure that shows itself in a notebook, and says in words what it shows.

    Parameters
    ----------
    alt : str
        What the picture shows, for those who can't see it.
    theme : str
        The theme in whose colours it is drawn.
    """

    def __init__(self, *args: Any, alt: str = "", theme: str = LIGHT, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.theme = theme
        self.alt = printable(alt)  # names of sessions are in it

    def svg(self) -> str:
        """Return the picture as SVG; the same picture is the same text.

        Examples
        --------
        >>> picture = Picture(figsize=(1, 1))
        >>> picture.svg() == picture.svg(), "<svg" in picture.svg()
        (True, True)
        """
        buffer = io.StringIO()
        with mpl.rc_context(rc={"svg.hashsalt": "bmux_forensics", "svg.fonttype": "path"}):
            self.savefig(
                buffer,
                format="svg",
                facecolor=self.get_facecolor(),
                metadata={"Date": None, "Creator": None},
            )
        text = _COMMENT.sub("", buffer.getvalue())
        return "".join(f"{line.rstrip()}\n" for line in _LONG.sub(r"\1", text).splitlines() if line)

    def png(self, *, dpi: int = 2 * POINTS) -> bytes:
        """Return the picture as PNG."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=dpi, facecolor=self.get_facecolor())
        return buffer.getvalue()

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        """Show the picture in a notebook, though no pyplot knows of it.

        As PNG, and at the size that it was drawn for: JupyterLab shows an SVG that is
        stored in a notebook only to who ran it, and everybody else a line of text. It says
        for which ground it was drawn: `register_display` makes the page go by that.
        """
        width, height = (round(inches * _PIXELS) for inches in self.get_size_inches())
        data = base64.b64encode(self.png()).decode()
        bundle = {"image/png": data, "text/plain": f"<Picture: {self.alt}>"}
        size = {"width": width, "height": height}
        return bundle, {"image/png": size, "needs_background": self.theme}


@dataclass(frozen=True)
class Sign:
    """How a thing in some state is marked: by shape and by colour.

    Parameters
    ----------
    shape : str
        A marker of matplotlib.
    colour : str
        A colour of the theme, by name.
    word : str
        What it says, for the legend.
    hollow : bool
        Only its outline.
    """

    shape: str
    colour: str
    word: str
    hollow: bool = False


class Pen:
    """Draws on one sheet; every text passes through here, and none is taken for markup.

    Parameters
    ----------
    axes : Axes
        The sheet, in points.
    theme : Theme
        Its colours.
    """

    def __init__(self, axes: Axes, theme: Theme) -> None:
        self.axes = axes
        self.theme = theme
        self._marks: dict[tuple[Sign, float, float], list[tuple[float, float]]] = {}
        self._lines: dict[tuple[str, float, Dashes, float], list[list[tuple[float, float]]]] = {}

    def colour(self, name: str) -> str:
        """Return a colour of the theme by its meaning."""
        colour: str = getattr(self.theme, name)
        return colour

    def text(  # noqa: PLR0913 - one parameter a choice
        self,
        x: float,
        y: float,
        value: object,
        *,
        room: float | None = None,
        size: float = PLAIN,
        colour: str = "ink",
        bold: bool = False,
        align: Literal["left", "center", "right"] = "left",
        zorder: float = 4,
    ) -> float:
        """Write a value, cut where its room ends, and return how wide it came out."""
        words = fitted(value, size, room, bold=bold)
        self.axes.text(
            x,
            y,
            words,
            fontproperties=font(bold=bold),
            fontsize=size,
            color=self.colour(colour),
            horizontalalignment=align,
            verticalalignment="center_baseline",
            parse_math=False,
            usetex=False,
            zorder=zorder,
        )
        return width_of(words, size, bold=bold)

    def marks(
        self,
        places: Sequence[tuple[float, float]],
        sign: Sign,
        *,
        size: float = 8,
        zorder: float = 3,
    ) -> None:
        """Mark some places with a sign; ``size`` is how wide it is."""
        self._marks.setdefault((sign, size, zorder), []).extend(places)

    def lines(
        self,
        ends: Sequence[Sequence[tuple[float, float]]],
        colour: str,
        *,
        width: float = 1.0,
        style: Dashes = "solid",
        zorder: float = 1,
    ) -> None:
        """Draw some lines, each through its points."""
        self._lines.setdefault((colour, width, style, zorder), []).extend(map(list, ends))

    def finish(self) -> None:
        """Bring the marks and lines to the sheet, all of a kind at once: that is far quicker."""
        for (sign, size, zorder), places in self._marks.items():
            if places:
                self._scatter(places, sign, size, zorder)
        for (colour, width, style, zorder), ends in self._lines.items():
            self.axes.add_collection(
                LineCollection(
                    ends,
                    colors=self.colour(colour),
                    linewidths=width,
                    linestyles=style,
                    zorder=zorder,
                ),
                autolim=False,
            )

    def _scatter(
        self, places: Sequence[tuple[float, float]], sign: Sign, size: float, zorder: float
    ) -> None:
        colour = self.colour(sign.colour)
        outlined = sign.shape not in _LINES
        self.axes.scatter(
            [x for x, _ in places],
            [y for _, y in places],
            s=size**2,
            marker=sign.shape,
            c=self.theme.ground if sign.hollow and outlined else colour,
            edgecolors=colour if outlined else None,
            linewidths=1.4,
            zorder=zorder,
            label=sign.word,
        )

    def area(self, points: Sequence[tuple[float, float]], colour: str) -> None:
        """Tint what lies inside some points."""
        shape = Polygon(list(points), closed=True, facecolor=self.colour(colour), alpha=0.3)
        self.axes.add_patch(shape)

    def box(  # noqa: PLR0913 - one parameter a choice
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: str = "panel",
        edge: str = "line",
        style: Dashes = "solid",
        weight: float = 1.0,
        hatch: str | None = None,
        round_by: float = 3.0,
        zorder: float = 2,
    ) -> None:
        """Draw a box with its upper left corner at a place."""
        self.axes.add_patch(
            FancyBboxPatch(
                (x, y),
                width,
                height,
                boxstyle=f"round,pad=0,rounding_size={round_by}",
                facecolor=self.colour(fill),
                edgecolor=self.colour(edge),
                linestyle=style,
                linewidth=weight,
                hatch=hatch,
                zorder=zorder,
            )
        )

    def legend(self, x: float, y: float, signs: Sequence[Sign], *, room: float) -> float:
        """Explain some signs, in as many lines as it takes; return how high they came out."""
        at, row = x, 0
        for sign in signs:
            wide = 14 + width_of(sign.word, SMALL) + 14
            if at + wide > x + room and at > x:
                at, row = x, row + 1
            self.marks([(at + 5, y + row * 14)], sign, size=6)
            self.text(at + 14, y + row * 14, sign.word, size=SMALL, colour="faint")
            at += wide
        return (row + 1) * 14


def sheet(width: float, height: float, theme: str, alt: str) -> tuple[Picture, Pen]:
    """Return a sheet of so many points, and a pen for it.

    Raises
    ------
    UsageError
        There is no such theme.
    """
    colours = theme_of(theme)
    picture = Picture(figsize=(width / POINTS, height / POINTS), dpi=POINTS, alt=alt, theme=theme)
    FigureCanvasAgg(picture)
    picture.set_facecolor(colours.ground)
    axes = picture.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    return picture, Pen(axes, colours)
