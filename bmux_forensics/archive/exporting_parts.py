"""The tables of one batch as files: encoded where they are read, each under a fixed name."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson
import pandas as pd

from bmux_forensics.analysis.redaction import Redaction
from bmux_forensics.archive.stores import Destination
from bmux_forensics.tables.build import Tables
from bmux_forensics.tables.cells import TEXT_DTYPE
from bmux_forensics.tables.texts import csv_text, records, rows_of

PARQUET, CSV, JSONL = "parquet", "csv", "jsonl"

NO_DAY: Final = "unknown"
"""The partition of snapshots whose moment nobody knows, and of a table that has no rows."""


@dataclass(frozen=True)
class Part:
    """One table of one batch, or of one day of it.

    Parameters
    ----------
    table : str
        The table.
    rows : int
        How many rows.
    name : str
        Where it was written, inside the destination; empty where it was not.
    data : bytes
        What is still to be written.
    """

    table: str
    rows: int
    name: str = ""
    data: bytes = b""


@dataclass(frozen=True)
class Parts:
    """Turn the tables of a batch into files: what a worker is asked.

    Parameters
    ----------
    form : str
        ``parquet``, ``csv`` or ``jsonl``.
    target : Destination or None
        Where the worker writes them; None brings their bytes home instead.
    redaction : Redaction or None
        What hides names, folders and commands.
    """

    form: str
    target: Destination | None
    redaction: Redaction | None = None

    def __call__(self, tables: Tables) -> list[Part]:
        """Do it."""
        days = days_of(tables) if self.form == PARQUET else None
        stem = stem_of(tables, self.redaction)
        found = []
        for name in tables:
            frame = tables[name]
            if not len(frame):
                continue
            for day, rows in _by_day(frame, days):
                shown = rows if self.redaction is None else self.redaction.frame(rows, name)
                found.append(self._part(name, shown, day, stem))
        return found

    def _part(self, table: str, frame: pd.DataFrame, day: str | None, stem: str) -> Part:
        data = encoded(frame, self.form, header=self.target is not None)
        if self.target is None:
            return Part(table, len(frame), data=data)
        name = part_name(table, day, stem, self.form)
        self.target.put(name, data)
        return Part(table, len(frame), name)


def part_name(table: str, day: str | None, stem: str, form: str) -> str:
    """Return the name of a part.

    Examples
    --------
    >>> part_name("panes", "2026-11-22", "0c1d", "parquet")
    'panes/day=2026-11-22/part-0c1d.parquet'
    """
    folder = f"{table}/day={day}" if day is not None else table
    return f"{folder}/part-{stem}.{form}"


def stem_of(tables: Tables, redaction: Redaction | None) -> str:
    """Return what is different for every batch of an archive, and the same in every run.

    Names in order of capture; the moment is that of the batch's first snapshot.
    """
    first = tables["snapshots"].head(1)
    if redaction is not None:
        first = redaction.frame(first, "snapshots")
    row = next(first.itertuples(index=False), None)
    if row is None:
        return "empty"
    moment: Any = row.saved_at
    when = "unknown" if pd.isna(moment) else f"{moment:%Y%m%dT%H%M%SZ}"
    return f"{when}-{hashlib.sha256(str(row.snapshot).encode()).hexdigest()[:12]}"


def days_of(tables: Tables) -> list[str]:
    """Return the day (UTC) of each snapshot of a batch, by its code."""
    moments = tables["snapshots"]["saved_at"]
    return [NO_DAY if pd.isna(m) else f"{m:%Y-%m-%d}" for m in moments]


def _by_day(
    frame: pd.DataFrame, days: list[str] | None
) -> Iterator[tuple[str | None, pd.DataFrame]]:
    if days is None:
        yield None, frame
        return
    labels = pd.Series(days, dtype="str").take(frame["snapshot"].cat.codes.to_numpy())
    for day in dict.fromkeys(labels):
        yield day, frame[(labels == day).to_numpy()]


def encoded(frame: pd.DataFrame, form: str, *, header: bool = True) -> bytes:
    """Return a table in a form; the snapshots' names are plain text there.

    Parameters
    ----------
    frame : DataFrame
        The table.
    form : str
        ``parquet``, ``csv`` or ``jsonl``.
    header : bool
        CSV begins with the names of the columns.
    """
    if "snapshot" in frame:
        frame = frame.assign(snapshot=frame["snapshot"].astype(TEXT_DTYPE))
    if form == PARQUET:
        buffer = io.BytesIO()
        frame.to_parquet(buffer, index=False, engine="pyarrow")
        return buffer.getvalue()
    if form == JSONL:
        return b"".join(orjson.dumps(row) + b"\n" for row in records(frame))
    return csv_text(list(map(str, frame.columns)), rows_of(frame), header=header).encode()
