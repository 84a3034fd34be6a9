"""DataFrames in notebooks: short ids that keep the full one, times a person reads, pages, search.

The table is whole in the output, as plain HTML; a small script of ours, which comes with
it, makes it sort, search and page. Where no script runs, it is a table all the same.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd

from bmux_forensics.errors import UsageError
from bmux_forensics.notebook.cells import WIDEST, rows_of
from bmux_forensics.notebook.pages import asset, filled

_FOLLOW: Final = "pictures follow the theme of JupyterLab"

LIMIT: Final = 2_000
"""How many rows of a table are put into a notebook, unless more are asked for."""


@dataclass(frozen=True)
class ShownTable:
    """A DataFrame that shows itself readably; as text it is the DataFrame's own.

    Parameters
    ----------
    frame : DataFrame
        The table.
    page : int
        Rows on a page; 0 for all on one.
    search : bool
        Whether there is a field to search in.
    limit : int
        How many rows are shown at all; the table says what it leaves out.
    now : datetime
        What times are told relative to.
    name : str
        What the table is called, for those who can't see it.
    widest : int
        How many characters of a text are shown.
    """

    frame: pd.DataFrame = field(repr=False)
    page: int
    search: bool
    limit: int
    now: datetime
    name: str
    widest: int = WIDEST

    def __repr__(self) -> str:
        """Return the DataFrame as text."""
        return repr(self.frame)

    def _repr_html_(self) -> str:
        shown = named(self.frame).head(self.limit)
        more = len(self.frame) - len(shown)
        note = f"the first {len(shown):,} of {len(self.frame):,} rows" if more else ""
        return filled(
            "shown.html",
            columns=[str(column) for column in shown.columns],
            rows=rows_of(shown, now=self.now, widest=self.widest),
            name=self.name,
            page=self.page if len(shown) > self.page else 0,
            search=self.search,
            note=note,
            style=asset("table.css"),
            script=asset("table.js"),
        )


def named(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose index is a column, where it says anything."""
    counts = isinstance(frame.index, pd.RangeIndex) and frame.index.name is None
    return frame if counts else frame.reset_index(names=_index_names(frame))


def _index_names(frame: pd.DataFrame) -> list[str]:
    taken = {str(column) for column in frame.columns}
    several = len(frame.index.names) > 1
    names = [
        str(n) if n is not None else f"index {i}" if several else "index"
        for i, n in enumerate(frame.index.names)
    ]
    return [f"{name} (index)" if name in taken else name for name in names]


def show_table(  # noqa: PLR0913 - one parameter a choice
    frame: pd.DataFrame,
    *,
    page: int = 20,
    search: bool = True,
    limit: int = LIMIT,
    now: datetime | None = None,
    name: str = "table",
    widest: int = WIDEST,
) -> ShownTable:
    """Show a DataFrame so that a person can read it.

    Ids are shown by their first eight digits and texts by their first 60 characters, with
    the whole in a tooltip; times as how long ago they were, with the exact one, and the other
    way round where that would not tell the moments of a column apart. It sorts by a click on
    a column's head, searches what is shown and what is behind it, and pages.

    Parameters
    ----------
    frame : DataFrame
        Any table.
    page : int
        Rows on a page; 0 for all on one.
    search : bool
        Whether there is a field to search in.
    limit : int
        How many rows are put into the notebook; the table says what it leaves out.
    now : datetime, optional
        What times are told relative to; by default this moment.
    name : str
        What the table is called, for those who can't see it.
    widest : int
        How many characters of a text are shown.

    Returns
    -------
    ShownTable
        Shows itself in a notebook.

    Raises
    ------
    UsageError
        A negative number of rows.

    Examples
    --------
    >>> shown = show_table(pd.DataFrame({"id": ["03b1affc-f02c-424c-a52e-4d8c8db37ead"]}))
    >>> '>03b1affc<' in shown._repr_html_()
    True
    """
    for what, number in (("page", page), ("limit", limit), ("widest", widest)):
        if number < 0:
            raise UsageError(what, str(number), expected="0 or more")
    return ShownTable(frame, page, search, limit, now or datetime.now(UTC), name, widest)


def register_display(shell: Any = None) -> None:
    """Show every DataFrame of this notebook the way `show_table` does, and pictures in its theme.

    A picture is stored in a notebook once, in light colours. Where JupyterLab is dark, the
    page turns it dark, by a style sheet that this puts there; one drawn with ``theme="dark"``
    stays as it is. In a notebook that JupyterLab does not trust (nobody ran it here) there
    are no style sheets, and pictures are light.

    Texts are cut where pandas would cut them (its option ``display.max_colwidth``), but not
    shorter than `show_table` does.

    Parameters
    ----------
    shell : InteractiveShell, optional
        Whose DataFrames; by default this notebook's.

    Raises
    ------
    UsageError
        This is no notebook.
    """
    if shell is None:
        shell = _shell()
    formatter = shell.display_formatter.formatters["text/html"]
    formatter.for_type(pd.DataFrame, _html)
    style = f"<style>{asset('pictures.css')}</style>"
    shell.display_pub.publish({"text/html": style, "text/plain": _FOLLOW})


def _html(frame: pd.DataFrame) -> str:
    width = pd.get_option("display.max_colwidth")
    widest = max(WIDEST, sys.maxsize if width is None else width)
    return show_table(frame, widest=widest)._repr_html_()


def _shell() -> Any:
    interactive = sys.modules.get("IPython")
    shell = interactive.get_ipython() if interactive else None
    if shell is None:
        raise UsageError("register_display", "no notebook", expected="a notebook's kernel")
    return shell
