"""Sessions in a table with a check box each: what identifies them, found, paged, picked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import pandas as pd

from bmux_forensics.notebook.text import clipped, counted, plain, short_id
from bmux_forensics.notebook.widgets import controls, markup
from bmux_forensics.notebook.widgets.records import Record, records

PAGE: Final = 12
"""Sessions on the screen at once."""

_SIGNS: Final = {"bound": "●", "unbound": "○", "hollow": "◌", "lost": "✖"}
LEGEND: Final = (
    "● bound: a context (a tab) leads to it · ○ unbound: none does, which is normal for one "
    "made from the command line · ◌ hollow: it has no panes · ✖ lost: only other parts of the "
    "file still speak of it"
)
HEAD: Final = ("short id", "status", "panes", "commands", "folders")
_NAME: Final = 40


class SessionTable:
    """The sessions of a snapshot, to pick from.

    Parameters
    ----------
    on_pick : callable
        Called when other sessions are picked.
    head : sequence of str
        The titles of what is shown beside a session's name.
    facts : callable
        Given a row of the frame, returns those texts.
    legend : str
        What the signs in the table mean.

    Attributes
    ----------
    picked : dict of str to str
        The ids that are picked and the sessions' names, in the order of picking.
    """

    def __init__(
        self,
        on_pick: Callable[[], None],
        *,
        head: Sequence[str] = HEAD,
        facts: Callable[[Record], tuple[str, ...]] | None = None,
        legend: str = LEGEND,
    ) -> None:
        self._facts = facts or _facts
        self.picked: dict[str, str] = {}
        self._on_pick = on_pick
        self._rows: list[Record] = []
        self._hits: list[Record] = []
        self._first = 0
        self._lines: dict[int, Any] = {}
        self._boxes: dict[int, Any] = {}
        self._drawing = False
        self._find = controls.field("Find", "part of a name, id, command or folder", "find-session")
        self._all = controls.button("Pick all found", "Pick every session that is found", "all")
        self._none = controls.button("Pick none", "Let go of every session", "none")
        self._before = controls.button("◀ Before", "The sessions before these", "before")
        self._after = controls.button("After ▶", "The sessions after these", "after")
        self._count = controls.html("count")
        self._page = controls.column()
        self._pages = controls.row(self._before, self._after)
        titles = controls.row(
            controls.html("head-name", "<b>session</b>"),
            controls.html("head-cells", _cells(head, "b")),
        )
        titles.children[0].layout.width = "14em"
        titles.children[1].layout.flex = "1 1 22em"
        legend = controls.html("legend", f'<p class="bf-muted">{legend}</p>')
        self.widget = controls.column(
            controls.row(self._find, self._all, self._none),
            titles,
            self._page,
            self._pages,
            self._count,
            legend,
        )
        controls.on_value(self._find, lambda _: self._search())
        self._all.on_click(lambda _: self._pick_all())
        self._none.on_click(lambda _: self._pick_none())
        self._before.on_click(lambda _: self._turn(-PAGE))
        self._after.on_click(lambda _: self._turn(PAGE))

    def fill(self, status: pd.DataFrame, *, keep: bool = False) -> None:
        """Show other sessions.

        Every line is made anew: a click that was on its way to one that is gone ticks
        nothing, and never the session that came in its place.

        Parameters
        ----------
        status : DataFrame
            A row a session, with ``session_id`` and ``name``: as `session_status` gives it.
        keep : bool
            What is picked stays picked where it is still there.
        """
        for line in self._lines.values():
            line.close()
        self._lines, self._boxes = {}, {}
        self._rows = records(status)
        for number, row in enumerate(self._rows):
            row |= {"number": number, "words": _words(row).casefold()}
        there = {row["session_id"] for row in self._rows if keep and _can_go(row)}
        self.picked = {i: name for i, name in self.picked.items() if i in there}
        self._search()

    def pick(self, *session_ids: str) -> None:
        """Pick sessions by id, as the check boxes do."""
        wanted = set(session_ids)
        self._take([row for row in self._rows if row["session_id"] in wanted])

    def _line(self, row: Record) -> Any:
        """Return the line of a session, which is that session's as long as there is one."""
        number = row["number"]
        if number not in self._lines:
            box = controls.check(_name(row), "pick-session")
            box.tooltip = f"Pick session {_name(row)}, {plain(row['session_id'])}"
            box.disabled = not _can_go(row)
            cells = controls.html("session-cells", _cells(self._facts(row), "span"))
            controls.on_value(box, lambda change: self._toggle(row, picked=change["new"]))
            self._boxes[number] = box
            self._lines[number] = controls.named(controls.row(box, cells), "session")
        return self._lines[number]

    def _search(self) -> None:
        sought = self._find.value.casefold().split()
        self._hits = [row for row in self._rows if all(word in row["words"] for word in sought)]
        self._first = 0
        self._draw()

    def _turn(self, by: int) -> None:
        last = max(0, (len(self._hits) - 1) // PAGE * PAGE)
        self._first = min(max(0, self._first + by), last)
        self._draw()

    def _toggle(self, row: Record, *, picked: bool) -> None:
        if self._drawing:
            return
        if picked:
            self._take([row])
        else:
            self.picked.pop(row["session_id"], None)
            self._changed()

    def _pick_all(self) -> None:
        self._take(self._hits)

    def _pick_none(self) -> None:
        self.picked.clear()
        self._changed()

    def _take(self, rows: list[Record]) -> None:
        self.picked |= {row["session_id"]: _name(row) for row in rows if _can_go(row)}
        self._changed()

    def _changed(self) -> None:
        self._draw()
        self._on_pick()

    def _draw(self) -> None:
        self._drawing = True  # what is shown changes, not what is picked
        try:
            shown = self._hits[self._first : self._first + PAGE]
            self._page.children = tuple(self._line(row) for row in shown)
            for row in shown:
                self._boxes[row["number"]].value = row["session_id"] in self.picked
        finally:
            self._drawing = False
        self._before.disabled = self._first == 0
        self._after.disabled = self._first + PAGE >= len(self._hits)
        controls.show(self._pages, len(self._hits) > PAGE)
        self._count.value = markup.paragraph(markup.text(self._counted(len(shown)), 400))

    def _counted(self, shown: int) -> str:
        found = f"{counted(len(self._hits), 'session')} of {len(self._rows):,}"
        place = f", {self._first + 1:,} to {self._first + shown:,} shown" if shown else ""
        names = ", ".join(self.picked.values())
        picked = f"{len(self.picked):,} picked: {names}" if self.picked else "none picked yet"
        return f"{found}{place}; {picked}"


def _facts(row: Record) -> tuple[str, ...]:
    """Return what identifies a session, beside its name, in the order of `HEAD`."""
    status = f"{_SIGNS[row['status']]} {row['status']}"
    commands, folders = ", ".join(row["commands"]), ", ".join(row["folders"])
    panes = counted(row["panes"], "pane")
    short = short_id(plain(row["session_id"]))
    return short, status, panes, commands or "–", folders or "–"


def _cells(values: Sequence[str], tag: str) -> str:
    cells = "".join(
        f'<span title="{markup.text(v)}"><{tag}>{markup.text(v)}</{tag}></span>' for v in values
    )
    return f'<div class="bf-cells">{cells}</div>'


def _can_go(row: Record) -> bool:
    """Tell whether a session has a row that can be killed, and an id to name it by."""
    return row.get("status") != "lost" and isinstance(row["session_id"], str)


def _name(row: Record) -> str:
    return clipped(plain(row["name"]), _NAME) or "(no name)"


def _words(row: Record) -> str:
    values = (value for name, value in row.items() if name != "snapshot")
    return " ".join(" ".join(map(plain, v)) if isinstance(v, list) else plain(v) for v in values)
