"""Rows for people, pipes and programs.

On a terminal rows become a table, or one block a row where the terminal is too
narrow; in a pipe they are lines with tabs between the cells. Evidence is hostile:
nothing from a snapshot reaches a terminal or a spreadsheet as anything but text.
"""

from __future__ import annotations

import csv
import io
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import click
import orjson

from bmux_forensics.errors import printable

_UNSEEN: Final = re.compile(
    "[\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_FORMULA: Final = ("=", "+", "-", "@")
_NARROWEST_COLUMN: Final = 9


def say(line: str) -> None:
    """Write one line to standard error, control characters spelled."""
    click.echo(printable(line), err=True)


def put(line: str = "") -> None:
    """Write one line to standard output, control characters spelled."""
    click.echo(printable(line))


def on_terminal() -> bool:
    """Tell whether standard output is for a person."""
    return sys.stdout.isatty() or bool(os.environ.get("FORCE_COLOR"))


def put_rows(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> None:
    """Show rows: a table on a terminal, lines with tabs in a pipe.

    Parameters
    ----------
    columns : sequence of str
        The columns' names.
    rows : iterable of sequences
        The cells; None is shown as nothing.
    title : str
        What stands above a table on a terminal.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    if on_terminal():
        _put_table(columns, cells, title)
        return
    for row in ([*columns], *cells):
        click.echo("\t".join(row))


def _cell(value: object) -> str:
    return "" if value is None else printable(str(value))


def _put_table(columns: Sequence[str], rows: list[list[str]], title: str) -> None:
    from rich.console import Console  # noqa: PLC0415 - a pipe needs no rich, and it costs time
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    console = Console(highlight=False, markup=False, emoji=False)
    if console.width < _NARROWEST_COLUMN * len(columns):
        _put_blocks(columns, rows, title)
        return
    table = Table(title=Text(title) if title else None, title_justify="left", header_style="bold")
    for name in columns:
        table.add_column(Text(name), overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def _put_blocks(columns: Sequence[str], rows: list[list[str]], title: str) -> None:
    """Show each row as lines of name and value: readable however narrow the terminal is."""
    if title:
        click.echo(title)
    for row in rows:
        for name, cell in zip(columns, row, strict=True):
            if cell:
                click.echo(f"{name}: {cell}")
        click.echo()


def put_json(document: Mapping[str, Any]) -> None:
    """Write one JSON object; characters that a terminal would act on are escaped."""
    click.echo(safe_json(document))


def safe_json(document: object, *, indent: bool = True) -> str:
    r"""Encode as JSON text that shows as what it is, wherever it is printed.

    Examples
    --------
    >>> print(safe_json({"name": "a\u202eb"}))
    {
      "name": "a\u202eb"
    }
    """
    text = orjson.dumps(document, option=orjson.OPT_INDENT_2 if indent else 0).decode()
    return _UNSEEN.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    units = match.group().encode("utf-16-be")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write CSV (RFC 4180) in which no cell is run by a spreadsheet.

    A text cell that a spreadsheet would take for a formula gets an apostrophe in front.

    Examples
    --------
    >>> print(csv_text(["name", "pgid"], [["=1+1", -1]]), end="")
    name,pgid
    '=1+1,-1
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_harmless(value) for value in row] for row in rows)
    return buffer.getvalue()


def _harmless(value: object) -> object:
    if isinstance(value, str):
        # Spreadsheets skip leading white space; control characters are spelled as on a terminal.
        formula = value.lstrip().startswith(_FORMULA)
        return ("'" if formula else "") + printable(value)
    return "" if value is None else value
