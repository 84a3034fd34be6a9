"""Findings, forecasts and plans in words: readable in a pipe and however narrow the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import bmux_forensics as bf
from bmux_forensics.cli.output import console_of, emit, on_terminal, put_rows
from bmux_forensics.errors import printable, several

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
                    put_text(f"forecast: {bf.forecast_line(row)}")
    else:
        columns = _SHOWN if len(names) == 1 else ("snapshot", *_SHOWN)
        if found:
            put_rows(columns, [[row[name] for name in columns] for row in found])
        for row in foretold:
            put_text(f"{row['snapshot']}: {bf.forecast_line(row)}")
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


def put_changes(changes: pd.DataFrame, *, err: bool = False) -> None:
    """Show the plan of a repair or a resurrection, row by row."""
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
    return row["action"], what, f"{' '.join(told)} ({row['cause']})"


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
