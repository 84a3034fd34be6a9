"""The lives of sessions across an archive: who was there from when to when, and how, as data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

if TYPE_CHECKING:
    from datetime import datetime

LANES: Final = 40
"""How many sessions have a lane with room for a name and for marks."""

THIN: Final = 460
"""How many more have a thin one: enough to see when they were there, and how."""

MARKS: Final = {
    "appeared": "appeared",
    "came back": "came back",
    "vanished": "vanished",
    "orphaned": "orphaned",
    "renamed": "renamed",
    "gained panes": "panes",
    "lost panes": "panes",
    "command changed": "command",
}
"""Which mark each event of a session has."""

_TROUBLE: Final = {"orphaned": 100, "came back": 20, "vanished": 4, "renamed": 2, "panes": 1}
_STATES: Final = {"appeared": "there", "came back": "there", "orphaned": "orphaned"}


@dataclass(frozen=True)
class Span:
    """A stretch of a lane.

    Parameters
    ----------
    start, end : datetime
        From the snapshot that shows it first to the one that does no more, or to the
        last one there is.
    state : str
        ``there``; ``orphaned``: nothing lists it, or it has no panes; ``gap``: it was
        gone, and came back.
    """

    start: datetime
    end: datetime
    state: str


@dataclass
class Lane:
    """A session across an archive.

    Parameters
    ----------
    session_id, host, name : str
        The session, whose it is where hosts are told apart, and its last name.
    spans : list of Span
        In order.
    marks : list of (datetime, str)
        When what happened: the values of `MARKS`, and ``lost`` where an end was lost.
    """

    session_id: str
    host: str
    name: str = ""
    spans: list[Span] = field(default_factory=list)
    marks: list[tuple[datetime, str]] = field(default_factory=list)

    @property
    def trouble(self) -> int:
        """How much there is to tell; the lanes with most to tell are drawn."""
        found = Counter(mark for _, mark in self.marks)
        return sum(_TROUBLE.get(mark, 0) * min(number, 9) for mark, number in found.items())


@dataclass(frozen=True)
class Lives:
    """What a timeline shows.

    Parameters
    ----------
    lanes : tuple of Lane
        The sessions with most to tell, in order of appearance: they have a wide lane.
    thin : tuple of Lane
        Those with less to tell, in order of appearance.
    hidden : tuple of Lane
        The others: those with least to tell, without a lane.
    restarts : tuple of datetime
        When a server was started anew.
    captures : tuple of datetime
        When a snapshot was saved that could be read.
    damaged : tuple of datetime
        When one was saved that could not, or not whole.
    present : tuple of (datetime, int)
        From each moment on, how many sessions there were.
    """

    lanes: tuple[Lane, ...]
    thin: tuple[Lane, ...]
    hidden: tuple[Lane, ...]
    restarts: tuple[datetime, ...]
    captures: tuple[datetime, ...]
    damaged: tuple[datetime, ...]
    present: tuple[tuple[datetime, int], ...]


def lives(
    events: pd.DataFrame, captures: pd.DataFrame | None = None, *, most: int = LANES
) -> Lives:
    """Return what a timeline shows.

    Parameters
    ----------
    events : DataFrame
        As `bmux_forensics.timeline` returns them.
    captures : DataFrame, optional
        As `Archive.status`: says when snapshots were saved. Without it the last event is
        the end of all that is known.
    most : int
        How many sessions get a wide lane.
    """
    saved = _moments(captures, "loaded")
    times = [*saved, *events["captured_at"].dropna().dt.to_pydatetime()]
    end = max(times, default=None)
    lanes = list(_lanes(events, end))
    told = sorted(lanes, key=lambda lane: -lane.trouble)
    order = {id(lane): number for number, lane in enumerate(lanes)}
    wide, thin, hidden = (
        tuple(sorted(part, key=lambda lane: order[id(lane)]))
        for part in (told[:most], told[most : most + THIN], told[most + THIN :])
    )
    return Lives(
        wide,
        thin,
        hidden,
        tuple(events.loc[events["event"] == "server restart", "captured_at"].dt.to_pydatetime()),
        tuple(saved or sorted(set(times))),
        tuple(_moments(captures, "damaged", "unreadable")),
        tuple(_present(lanes, end)),
    )


def _moments(captures: pd.DataFrame | None, *statuses: str) -> list[datetime]:
    if captures is None:
        return []
    chosen = captures.loc[captures["status"].isin(statuses), "captured_at"].dropna()
    return sorted(set(chosen.dt.to_pydatetime()))


def _lanes(events: pd.DataFrame, end: datetime | None) -> Iterator[Lane]:
    told = events[(events["subject"] == "session") & events["captured_at"].notna()]
    lanes: dict[tuple[str, str], Lane] = {}
    since: dict[tuple[str, str], tuple[datetime, str]] = {}
    moments = told["captured_at"].dt.to_pydatetime()
    names = ("event", "session_id", "host", "name")
    columns = (told[name].astype(object).where(told[name].notna(), "") for name in names)
    for at, event, session_id, host, name in zip(moments, *columns, strict=True):
        key = (host, session_id)
        lane = lanes.setdefault(key, Lane(session_id, host))
        lane.name = name or lane.name
        _step(lane, since, key, at, event)
    for key, lane in lanes.items():
        if key in since and end is not None and since[key][1] != "gap":
            lane.spans.append(Span(since[key][0], end, since[key][1]))
        yield lane


def _step(
    lane: Lane, since: dict[Any, tuple[datetime, str]], key: Any, at: datetime, event: str
) -> None:
    """Take one event into a lane: it may end a stretch and begin another."""
    if event in MARKS:
        lane.marks.append((at, MARKS[event]))
    start, state = since.get(key, (at, ""))
    new = _STATES.get(event, "gap" if event == "vanished" else state)
    if event == "gained panes" and state == "orphaned":
        new = "there"
    if not state and not new:
        new = "there"  # the archive begins in the middle of its life
    if new != state:
        if state:
            lane.spans.append(Span(start, at, state))
        since[key] = (at, new)


def _present(lanes: list[Lane], end: datetime | None) -> list[tuple[datetime, int]]:
    """Return how many sessions there are from each moment on."""
    change: Counter[datetime] = Counter()
    for lane in lanes:
        for span in lane.spans:
            if span.state != "gap":
                change[span.start] += 1
                if span.end != end or any(mark == (end, "vanished") for mark in lane.marks):
                    change[span.end] -= 1
    steps, count = [], 0
    for at in sorted(change):
        count += change[at]
        steps.append((at, count))
    return steps
