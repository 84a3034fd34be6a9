"""All tables of an archive as files for other programs, a batch at a time."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

import orjson
import pandas as pd

from bmux_forensics.analysis.redaction import Redaction
from bmux_forensics.archive.asking import Source, archive_of
from bmux_forensics.archive.exporting_keys import key_of
from bmux_forensics.archive.exporting_parts import (
    CSV,
    JSONL,
    NO_DAY,
    PARQUET,
    Part,
    Parts,
    encoded,
    part_name,
)
from bmux_forensics.archive.exporting_places import ABOUT, DATABASE, FILES, Place
from bmux_forensics.archive.exporting_sqlite import Database
from bmux_forensics.archive.finding import STDIN
from bmux_forensics.archive.loading import Archive
from bmux_forensics.archive.reading import opened
from bmux_forensics.archive.stores import Destination, Options, shown
from bmux_forensics.errors import UsageError, WriteError
from bmux_forensics.tables.build import Tables, table_names
from bmux_forensics.tables.graph import relations
from bmux_forensics.tables.texts import records

SQLITE: Final = "sqlite"
FORMS: Final = (PARQUET, CSV, JSONL, SQLITE)
"""What tables can be exported to."""

_SCHEMA: Final = 1
_ALL: Final = "all"


@dataclass(frozen=True)
class Export:
    """What an export wrote.

    Parameters
    ----------
    archive : Archive
        What was read: its status says what became of each file.
    output : str
        The folder or URL.
    form : str
        One of `FORMS`.
    rows : dict of str to int
        How many rows of each table.
    """

    archive: Archive
    output: str
    form: str
    rows: dict[str, int]


def export(
    *sources: Source,
    output: str | os.PathLike[str],
    form: str = PARQUET,
    redaction: Redaction | None = None,
    overwrite: bool = False,
    storage_options: Options | None = None,
    **options: Any,
) -> Export:
    """Write all tables of some snapshots into a folder, and what became of each file.

    Parquet is partitioned by day (UTC) of capture: ``TABLE/day=2026-11-22/part-….parquet``,
    some 100 snapshots a part. CSV and JSON lines are a file a table (``TABLE.csv``), at a URL
    parts of it. SQLite is one database whose foreign keys are those of `relations`. The file
    ``_EXPORT`` comes last: it says which columns identify a row, and what refers to what.

    Parameters
    ----------
    *sources : path-like or Archive
        Paths, as in `load_archive`, or one archive; bmux's own snapshot without any.
    output : path-like
        A folder, which is made, or a URL. Part names are fixed: a second run that is to
        overwrite leaves the same files.
    form : str
        ``parquet``, ``csv``, ``jsonl`` or ``sqlite``.
    redaction : Redaction, optional
        Replace names, folders and commands by its pseudonyms.
    overwrite : bool
        Replace an export that is there. Other files stay.
    storage_options : dict, optional
        What fsspec is told about the stores of URLs.
    **options
        As in `load_archive`: ``tz``, ``host_pattern``, ``jobs``, ``show_env``,
        ``executor``, ``size_limit``, ``on_progress``.

    Returns
    -------
    Export
        Also when some files could not be read. When none could, nothing is written, and an
        export that is there stays.

    Raises
    ------
    UsageError
        There is no such form, or an export is there already.
    WriteError
        It can't be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> export("sample_snapshots/alpha4-day", output=folder, form="csv").rows["snapshots"]
    11
    """
    if form not in FORMS:
        raise UsageError("export", f"no form {form!r}", expected=", ".join(FORMS))
    place = Place(Destination(output, storage_options))
    archive = archive_of(sources, storage_options=storage_options, **options)
    work = _Work(archive, place, form, redaction)
    try:
        if not overwrite or _is_readable(archive):
            place.make_room(overwrite=overwrite)
            work.carry_out()
    except _NothingReadError:
        pass  # its status says why
    except OSError as error:
        found = (error.strerror or str(error)).lower()
        raise WriteError(shown(os.fspath(output)), found, advice="write elsewhere") from error
    return Export(archive, shown(os.fspath(output)), form, work.rows)


class _NothingReadError(Exception):
    """No file could be read: what was begun is to leave no trace."""


def _is_readable(archive: Archive) -> bool:
    """Tell whether any file can be read; standard input, which comes once, may be."""
    return any(
        file.path == STDIN or opened((file,), archive.size_limit)[0][0] is not None
        for file in archive.files
    )


class _Work:
    """One export on its way."""

    def __init__(
        self, archive: Archive, place: Place, form: str, redaction: Redaction | None
    ) -> None:
        self.archive = archive
        self.place = place
        self.target = place.target
        self.form = form
        self.redaction = redaction
        self.rows = dict.fromkeys((*table_names(), FILES), 0)

    def carry_out(self) -> None:
        if self.form == SQLITE:
            with (
                self.place.whole(DATABASE) as (path,),
                Database(path, self.redaction) as database,
            ):
                rows = database.fill(self.archive)
                self._require_any()
                self.rows.update(rows)
                self.rows[FILES] = database.add_files(self._status())
        elif self.form == PARQUET or self.target.is_remote:
            self._write_parts()
        else:
            self._write_whole()
        about = orjson.dumps(self._about(), option=orjson.OPT_INDENT_2)
        self.target.put(ABOUT, about + b"\n")

    def _require_any(self) -> None:
        counts = self.archive.counts
        if counts["unreadable"] == counts["files"]:
            raise _NothingReadError

    def _status(self) -> pd.DataFrame:
        status = self.archive.status
        return status if self.redaction is None else self.redaction.frame(status, FILES)

    def _asked(self, target: Destination | None) -> Iterator[Part]:
        for parts in self.archive.ask(Parts(self.form, target, self.redaction)):
            for part in parts:
                self.rows[part.table] += part.rows
                yield part

    def _write_parts(self) -> None:
        """Let those who read a batch write it; a table with no rows is one empty part."""
        there: Counter[str] = Counter()
        written: dict[str, str] = {}  # of each folder one name
        for part in self._asked(self.target):
            there[part.table] += 1
            written[os.path.dirname(part.name)] = part.name  # noqa: PTH120 - a name, no place
        self._require_any()
        status = self._status()
        self.rows[FILES] = len(status)
        empty = Tables(())
        self.target.put(part_name(FILES, None, _ALL, self.form), encoded(status, self.form))
        day = NO_DAY if self.form == PARQUET else None
        for name in table_names():
            if not there[name]:
                where = part_name(name, day, _ALL, self.form)
                self.target.put(where, encoded(empty[name], self.form))
        self.target.tidy(written.values())

    def _write_whole(self) -> None:
        """Write a file a table, each part behind the other as the batches come."""
        names = [f"{name}.{self.form}" for name in self.rows]
        with self.place.whole(*names) as paths, ExitStack() as stack:
            opened = [stack.enter_context(path.open("wb")) for path in paths]
            files = dict(zip(self.rows, opened, strict=True))
            empty = Tables(())
            for name in table_names():
                files[name].write(encoded(empty[name], self.form))
            for part in self._asked(None):
                files[part.table].write(part.data)
            self._require_any()
            status = self._status()
            self.rows[FILES] = len(status)
            files[FILES].write(encoded(status, self.form))

    def _about(self) -> dict[str, Any]:
        empty = Tables(())
        return {
            "schema": _SCHEMA,
            "format": self.form,
            "redacted": self.redaction is not None,
            "files": self.archive.counts,
            "tables": {
                name: {
                    "rows": rows,
                    "key": list(key_of(name)),
                    "columns": list(empty[name]) if name in empty else list(self.archive.status),
                }
                for name, rows in self.rows.items()
            },
            "relations": records(relations()),
        }
