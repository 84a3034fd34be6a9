"""Findings, forecasts and plans in words: readable in a pipe and however narrow the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from bmux_forensics.cli.output import console_of, emit, on_terminal, put_rows
from bmux_forensics.errors import printable

if TYPE_CHECKING:
    import pandas as pd

SEVERITIES: Final = ("error", "warning", "info")
"""From worst to least."""

_STYLES: Final = {"error": "bold red", "warning": "yellow", "info": "cyan", "delete": "bold"}
_SHOWN: Final = ("severity", "rule", "table", "key", "message")
_CHANGES: Final = ("action", "table", "key", "column", "json_pointer", "cause")
_INDENT: Final = "  "
_NARROWEST: Final = 20
_LONGEST_VALUE: Final = 40  # an id is shown, a layout is not

Row = dict[str, Any]
Entry = tuple[str, str, str]
"""A word that is coloured, what it is about, and the text below."""


def put_audit(findings: pd.DataFrame, restore: pd.DataFrame) -> None:
    """Print findings, then what servers will make of each snapshot, then how many there are."""
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    found, foretold = records(findings), records(restore)
    names = list(dict.fromkeys(row["snapshot"] for row in foretold))
    if on_terminal():
        for name in names:
            if len(names) > 1:
                put_text(name, indent="")
            put_entries([_entry(row) for row in found if row["snapshot"] == name])
            for row in foretold:
                if row["snapshot"] == name:
                    put_text(f"forecast: {forecast_line(row)}")
    else:
        columns = _SHOWN if len(names) == 1 else ("snapshot", *_SHOWN)
        if found:
            put_rows(columns, [[row[name] for name in columns] for row in found])
        for row in foretold:
            put_text(f"{row['snapshot']}: {forecast_line(row)}")
    if names:
        put_text(counts_line(row["severity"] for row in found), indent="")


def _entry(row: Row) -> Entry:
    return row["severity"], row["rule"], row["message"]


def counts_line(severities: Iterable[str]) -> str:
    """Say how many findings of each severity there are.

    Examples
    --------
    >>> counts_line(["error", "info", "info"])
    'findings: 1 error, 0 warnings, 2 infos'
    >>> counts_line([])
    'no findings'
    """
    found = list(severities)
    counts = [several(found.count(severity), severity) for severity in SEVERITIES]
    return f"findings: {', '.join(counts)}" if found else "no findings"


def forecast_line(row: Mapping[str, Any]) -> str:
    """Say in a line what a server will make of a snapshot.

    Examples
    --------
    >>> forecast_line({"target": "alpha4", "server_starts": True, "saves_blocked": False,
    ...     "sessions_restored": ["a"], "panes_restored": {"a": 2}, "because": [],
    ...     "lost_at_next_save": {}})
    'alpha4 starts and saves: 1 session comes back, with 2 panes'
    """
    because = f" (because of {', '.join(row['because'])})" if row["because"] else ""
    if not row["server_starts"]:
        return f"{row['target']} does NOT start{because}"
    number = len(row["sessions_restored"])
    sessions = f"{several(number, 'session')} {'comes' if number == 1 else 'come'} back"
    if row["saves_blocked"]:
        return f"{row['target']} starts but every save is REFUSED: {sessions}{because}"
    panes = several(sum((row["panes_restored"] or {}).values()), "pane")
    kept = f"{row['target']} starts and saves: {sessions}, with {panes}"
    lost = _losses(row["lost_at_next_save"])
    return kept + (f"; LOST at the next save: {lost}" if lost else "") + because


def _losses(lost: Mapping[str, Any]) -> str:
    """Say how much of what is lost.

    Examples
    --------
    >>> _losses({"panes": {"a": 1, "b": 2}, "sections": ["x"]})
    '3 panes, 1 section'
    """
    if lost.get("everything"):
        return "everything"
    counts = {kind: sum(w.values()) if isinstance(w, dict) else len(w) for kind, w in lost.items()}
    return ", ".join(several(count, kind.removesuffix("s")) for kind, count in counts.items())


def several(count: int, noun: str) -> str:
    """Say a number of things.

    Examples
    --------
    >>> several(1, "row"), several(2, "row")
    ('1 row', '2 rows')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"


def put_changes(changes: pd.DataFrame, *, err: bool = False) -> None:
    """Show the plan of a repair, row by row."""
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    rows = records(changes)
    if on_terminal(err=err):
        put_entries([_change(row) for row in rows], err=err)
    else:
        put_rows(_CHANGES, [[row[name] for name in _CHANGES] for row in rows], err=err)


def _change(row: Row) -> Entry:
    what = ".".join(filter(None, (row["table"], row["column"])))
    told = [row["key"], f"at {row['json_pointer'] or '/'}"]
    if row["action"] == "set" and len(row["new"] or "") <= _LONGEST_VALUE:
        told.append(f"to {row['new']}")
    return row["action"], what, f"{' '.join(told)}, because of {row['cause']}"


def put_entries(entries: Sequence[Entry], *, err: bool = False) -> None:
    """Show entries on a terminal: a line each, and the text below it, wrapped and set in."""
    from rich.text import Text  # noqa: PLC0415 - a pipe needs no rich, and it costs time

    console = console_of(err=err)
    with console.capture() as shown:
        for word, about, text in entries:
            head = Text(word, style=_STYLES.get(word, "")).append(f"  {printable(about)}", "")
            console.print(head, soft_wrap=True)
            console.print(Text(_wrapped(text, _INDENT, console.width)), soft_wrap=True)
    emit(shown.get(), err=err)


def put_text(line: str, *, indent: str = _INDENT, err: bool = False) -> None:
    """Write a line, control characters spelled; on a terminal its rest is set in and wrapped."""
    text = printable(line)
    if on_terminal(err=err):
        width = console_of(err=err).width
        text = _wrapped(text, indent, width)[len(indent) :] if len(text) > width else text
    emit(text + "\n", err=err)


def _wrapped(text: str, indent: str, width: int) -> str:
    """Wrap between words; an id or a path is broken only where it is longer than a line."""
    return textwrap.fill(
        printable(text),
        max(width, _NARROWEST),
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )
