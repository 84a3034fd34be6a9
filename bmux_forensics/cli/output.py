"""Rows for people, pipes and programs.

On a terminal rows become a table, or one block a row where the terminal is too
narrow; in a pipe they are lines with tabs between the cells. Evidence is hostile:
nothing from a snapshot reaches a terminal or a spreadsheet as anything but text.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TextIO

import orjson

from bmux_forensics.errors import WriteError, printable

if TYPE_CHECKING:
    from rich.console import Console

_UNSEEN: Final = re.compile(
    "[\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_BEYOND_ASCII: Final = re.compile("[^\x00-\x7f]")
_UUID: Final = re.compile("([0-9a-f]{8})(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NARROWEST_COLUMN: Final = 9
_NARROWEST: Final = 60  # below this, an id would be cut into pieces beside any other column


def say(line: str) -> None:
    """Write one line to standard error, control characters spelled."""
    emit(printable(line) + "\n", err=True)


def put(line: str = "") -> None:
    """Write one line to standard output, control characters spelled."""
    emit(printable(line) + "\n")


def flush() -> None:
    """Bring out what was printed by others; fails as `emit` does."""
    emit("")


def emit(text: str, *, err: bool = False) -> None:
    """Write text as it is to standard output, or error.

    A reader that went away is no failure: the rest goes nowhere, and the exit code
    stays the verb's own.

    Raises
    ------
    WriteError
        Standard output can't take it.
    """
    stream = sys.stderr if err else sys.stdout
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        mute(stream)
    except OSError as error:
        mute(stream)
        if not err:
            raise WriteError("standard output", error.strerror or str(error)) from error


def mute(stream: TextIO) -> None:
    """Let whatever else is written go nowhere: Python would complain again at exit."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def on_terminal(*, err: bool = False) -> bool:
    """Tell whether standard output, or error, is for a person."""
    stream = sys.stderr if err else sys.stdout
    return stream.isatty() or bool(os.environ.get("FORCE_COLOR"))


def console_of(*, err: bool = False) -> Console:
    """Return the terminal as rich knows it: how wide it is, and whether it takes colours."""
    from rich.console import Console  # noqa: PLC0415 - a pipe needs no rich, and it costs time

    plain = bool(os.environ.get("NO_COLOR"))
    return Console(
        stderr=err,
        highlight=False,
        markup=False,
        emoji=False,
        color_system=None if plain else "auto",
    )


def put_rows(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    title: str = "",
    err: bool = False,
    short_ids: bool = False,
) -> None:
    """Show rows: a table on a terminal, lines with tabs in a pipe.

    Parameters
    ----------
    columns : sequence of str
        The columns' names.
    rows : iterable of sequences
        The cells; None is shown as nothing.
    title : str
        What stands above a table on a terminal.
    err : bool
        Write to standard error.
    short_ids : bool
        In a table, show ids by their first eight digits; a pipe gets them whole.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    if on_terminal(err=err):
        text = _table(columns, cells, title, err=err, short_ids=short_ids)
    else:
        text = "".join("\t".join(row) + "\n" for row in ([*columns], *cells))
    emit(text, err=err)


def _cell(value: object) -> str:
    return "" if value is None else printable(str(value))


def _table(
    columns: Sequence[str], rows: list[list[str]], title: str, *, err: bool, short_ids: bool
) -> str:
    from rich.table import Table  # noqa: PLC0415 - a pipe needs no rich, and it costs time
    from rich.text import Text  # noqa: PLC0415 - as above

    console = console_of(err=err)
    if console.width < max(_NARROWEST, _NARROWEST_COLUMN * len(columns)):
        return _blocks(columns, rows, title)
    table = Table(title=Text(title) if title else None, title_justify="left", header_style="bold")
    for name in columns:
        table.add_column(Text(name), overflow="fold")
    for row in rows:
        table.add_row(*(Text(_UUID.sub(r"\1…", c) if short_ids else c) for c in row))
    with console.capture() as shown:
        console.print(table)
    return shown.get()


def _blocks(columns: Sequence[str], rows: list[list[str]], title: str) -> str:
    """Show each row as lines of name and value: readable however narrow the terminal is."""
    lines = [title] if title else []
    for row in rows:
        lines += [f"{n}: {cell}" for n, cell in zip(columns, row, strict=True) if cell]
        lines.append("")
    return "".join(f"{line}\n" for line in lines)


def put_json(document: Mapping[str, Any]) -> None:
    """Write one JSON object; characters that a terminal would act on are escaped."""
    emit(json_for(sys.stdout, safe_json(document)) + "\n")


def json_for(stream: TextIO, text: str) -> str:
    """Escape what a stream's encoding lacks the way JSON does it."""
    whole = (stream.encoding or "utf-8").lower().replace("-", "").startswith("utf")
    return text if whole else _BEYOND_ASCII.sub(_escape, text)


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
