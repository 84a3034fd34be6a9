"""The report as HTML: one file, no network, no script but ours, everything else escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import bmux_forensics as bf
from bmux_forensics.errors import UsageError, several
from bmux_forensics.notebook.cells import Cell, rows_of
from bmux_forensics.notebook.display import named
from bmux_forensics.notebook.evidence import Evidence, records
from bmux_forensics.notebook.pages import asset, filled
from bmux_forensics.notebook.pictures.recolour import adaptive_svg
from bmux_forensics.notebook.pictures.screen_drawing import screen_of
from bmux_forensics.notebook.pictures.session_map import STATES, session_map
from bmux_forensics.notebook.pictures.session_map_drawing import map_of
from bmux_forensics.notebook.pictures.sheet import POINTS, Picture
from bmux_forensics.notebook.pictures.theme import LIGHT
from bmux_forensics.notebook.pictures.timeline_drawing import draw_timeline
from bmux_forensics.notebook.report.gathering import WORST, Gathered, gather, worst
from bmux_forensics.notebook.text import plain

if TYPE_CHECKING:
    import pandas as pd

ROWS: Final = 2_000
"""How many rows of a table a report has."""

WIDEST: Final = 240
"""How many characters of a text stand in a table; the rest is in its tooltip."""

SCREENS: Final = 6
"""How many sessions' screens are drawn of a snapshot: the most troubled ones."""

_PAGE: Final = 25
_LINE: Final = 30
_LEFT_OUT: Final = ("snapshot", "section")
_PROVENANCE: Final = ("snapshots", "sections")


@dataclass(frozen=True)
class Drawn:
    """A picture as data that a page can hold."""

    image: str
    alt: str
    width: int


@dataclass(frozen=True)
class Shown:
    """A table as the template wants it."""

    name: str
    columns: list[str]
    rows: list[Any]
    note: str
    page: int = _PAGE


def report(
    *sources: Any,
    redaction: bf.Redaction | None = None,
    show_env: bool = False,
    tz: str | None = None,
    host_pattern: str | None = None,
    created_at: datetime | None = None,
) -> str:
    """Write everything that is known of some snapshots as one page of HTML.

    The page asks for nothing from anywhere and runs no script but its own, which makes
    tables sort and search; without it they are there all the same. All files are in the
    summary, the findings, the forecast and the timeline; the latest three snapshots are
    told in full.

    Parameters
    ----------
    *sources : path-like or Archive
        Paths, as in `load_archive`, or one archive; bmux's own snapshot without any.
    redaction : Redaction, optional
        Replaces names, folders and commands by pseudonyms, for sharing.
    show_env : bool
        Show the values of environment variables instead of a mask.
    tz, host_pattern
        As in `load_archive`.
    created_at : datetime, optional
        What the page says of when it was made; by default this moment.

    Returns
    -------
    str
        The page.

    Raises
    ------
    UsageError
        As `load_archive`; or there is an archive beside something else.
    FileMissingError
        No path was given, and bmux has no snapshot here.

    Examples
    --------
    >>> page = report("sample_snapshots/alpha4-day")
    >>> page.startswith("<!doctype html>"), "naïve ☃" in page
    (True, True)
    """
    archives = [source for source in sources if isinstance(source, bf.Archive)]
    if archives and len(sources) > 1:
        raise UsageError("report", "an archive beside others", expected="one archive, or paths")
    archive = archives[0] if archives else None
    if archive is None:
        archive = bf.load_archive(*sources, tz=tz, host_pattern=host_pattern, show_env=show_env)
    gathered = gather(archive, redaction=redaction, show_env=show_env)
    return written(gathered, created_at or datetime.now(UTC))


def written(gathered: Gathered, created_at: datetime) -> str:
    """Write a report of what was gathered."""
    style = asset("table.css") + asset("report.css")
    script = asset("table.js")
    return filled(
        "report.html",
        title=_title(gathered),
        created=created_at.astimezone(UTC).isoformat(sep=" ", timespec="seconds"),
        version=bf.__version__,
        style=style,
        script=script,
        policy=_policy(str(style), str(script)),
        redacted=gathered.redacted,
        cards=_cards(gathered),
        verdicts=_verdicts(gathered),
        files=_files(gathered),
        findings=_findings(gathered),
        rules=_rules(gathered),
        forecast=_shown("restore forecast", gathered.forecast),
        timeline=_timeline(gathered),
        events=_shown("events", gathered.events),
        in_full=[_in_full(evidence) for evidence in gathered.in_full],
    )


def _policy(style: str, script: str) -> str:
    """Return what a browser may do with the page: use our own style and script, and no more."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; "
        f"script-src '{_digest(script)}'; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _title(gathered: Gathered) -> str:
    names = gathered.files["path"].tolist()
    if len(names) == 1:
        return plain(PurePosixPath(names[0]).name)
    return several(len(names), "snapshot")


def _cards(gathered: Gathered) -> list[tuple[str, str, str]]:
    """Return the numbers on top: what, how many, and how it is to be seen."""
    files, found = gathered.files, worst(gathered.findings)
    bad = int((files["status"] != "loaded").sum())
    latest = _latest(files)
    cards = [("snapshots", str(len(files)), "")]
    if bad:
        cards.append(("not read whole", str(bad), "bad"))
    if latest is not None:
        where = " in the latest" if len(files) > 1 else ""
        cards += [(f"{name}{where}", str(latest[name]), "") for name in ("sessions", "panes")]
    names = {"error": "errors", "warning": "warnings", "info": "notes"}
    marks = {"error": "bad", "warning": "warn", "info": ""}
    cards += [(names[s], str(n), marks[s] if n else "") for s, n in found.items()]
    return cards


def _latest(files: pd.DataFrame) -> pd.Series[Any] | None:
    """Return the latest snapshot that is whole, else the latest that could be read at all."""
    for status in ("loaded", "damaged"):
        known = files[files["status"] == status].sort_values("captured_at", kind="stable")
        if len(known):
            return known.iloc[-1]
    return None


def _verdicts(gathered: Gathered) -> list[tuple[str, str, bool]]:
    """Say of each snapshot told in full what a server makes of it: name, line, whether bad."""
    forecasts = list(records(gathered.forecast))
    return [
        (plain(PurePosixPath(evidence.name).name), row["forecast"], not row["sound"])
        for evidence in gathered.in_full
        for row in forecasts
        if row["snapshot"] == evidence.name
    ]


def _shown(name: str, frame: pd.DataFrame, *, page: int = _PAGE) -> Shown:
    whole = named(frame)
    kept = whole.dropna(axis="columns", how="all") if len(whole) else whole
    kept = kept.head(ROWS)
    more = len(whole) - len(kept)
    note = f"the first {len(kept):,} of {len(whole):,} rows" if more else ""
    rows = [[_wrapped(cell) for cell in row] for row in rows_of(kept, widest=WIDEST)]
    return Shown(name, [str(c) for c in kept.columns], rows, note, page)


def _wrapped(cell: Cell) -> Cell:
    """Let a long text take several lines; what is short stays in one."""
    return replace(cell, kind="long") if cell.kind == "text" and len(cell.text) > _LINE else cell


def _files(gathered: Gathered) -> Shown:
    return _shown("files", gathered.files)


def _findings(gathered: Gathered) -> Shown:
    names = ["severity", "rule", "message", "table", "key", "json_pointer"]
    several_files = len(gathered.files) > 1
    # The worst first, whatever snapshot they are of: a long table is not shown whole.
    worst_first = gathered.findings["severity"].map(WORST.index).argsort(kind="stable")
    found = gathered.findings.iloc[worst_first]
    return _shown("findings", found[[*(["snapshot"] * several_files), *names]])


def _rules(gathered: Gathered) -> list[tuple[Any, int]]:
    """Return each rule that something was found of, and how often."""
    counts = gathered.findings["rule"].value_counts()
    return [(rule, int(counts[rule.id])) for rule in bf.RULES if rule.id in counts]


def _timeline(gathered: Gathered) -> Drawn | None:
    if len(gathered.files) < 2:  # noqa: PLR2004 - one snapshot has no history
        return None
    return _drawn(draw_timeline(gathered.events, gathered.files))


def _drawn(picture: Picture) -> Drawn:
    """Return a picture as an image of its own: nothing in it can run, and no two names meet."""
    data = base64.b64encode(adaptive_svg(picture).encode()).decode()
    width = round(picture.get_figwidth() * POINTS)
    return Drawn(f"data:image/svg+xml;base64,{data}", picture.alt, width)


def _in_full(evidence: Evidence) -> dict[str, Any]:
    screens, left_out = _screens(evidence)
    return {
        "name": plain(PurePosixPath(evidence.name).name),
        "path": plain(evidence.name),
        "map": _drawn(map_of(evidence, LIGHT)),
        "status": _shown("session status", _own(evidence.status)),
        "screens": screens,
        "left_out": left_out,
        "provenance": [_shown(name, _own(evidence.tables[name])) for name in _PROVENANCE],
        "tables": list(_tables(evidence)),
    }


def _screens(evidence: Evidence) -> tuple[list[Drawn], int]:
    """Draw the screens of the most troubled sessions, and say how many are left out."""
    shown = session_map(evidence)
    lines = sorted((*shown.lines, *shown.rest), key=lambda line: STATES.index(line.state))
    ids = list(dict.fromkeys(line.session_id for line in lines if line.panes))
    drawn = [_drawn(screen_of(evidence, session_id, LIGHT)) for session_id in ids[:SCREENS]]
    return drawn, max(len(ids) - SCREENS, 0)


def _tables(evidence: Evidence) -> Iterator[Shown]:
    for name in evidence.tables:
        frame = evidence.tables[name]
        if name not in _PROVENANCE and len(frame):
            yield _shown(name, _own(frame))


def _own(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out what is the same in every row of one snapshot."""
    names = [name for name in _LEFT_OUT if name in frame.columns and len(frame)]
    keep = "section_id" in frame.columns  # the table of sections is about them
    return frame.drop(columns=names[:1] if keep else names)
