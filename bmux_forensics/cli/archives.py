"""What the verbs that read many snapshots share: options, progress, and how they end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

import bmux_forensics as bf
from bmux_forensics.cli.options import FORMATS, Decorator
from bmux_forensics.cli.output import emit, say
from bmux_forensics.cli.working import CLEAR, note
from bmux_forensics.errors import (
    EvidenceError,
    FileMissingError,
    FileUnreadableError,
    PartlyDoneError,
    UsageError,
)

if TYPE_CHECKING:
    import pandas as pd

_TOLD: Final = 5  # bad files that get a line; the others are counted

_WORKERS_OPTIONS: Final = (
    click.option(
        "--jobs",
        type=click.IntRange(min=1),
        metavar="N",
        help="Worker processes; by default one a processor where it pays.",
    ),
    click.option(
        "--scheduler",
        metavar="ADDRESS",
        help="Let the Dask cluster of this scheduler read; its workers must see the files.",
    ),
)
_ARCHIVE_OPTIONS: Final = (
    click.option(
        "--tz",
        metavar="ZONE",
        help="The zone of moments in file names without Z: a name or an offset; else UTC.",
    ),
    click.option(
        "--host",
        "host_pattern",
        metavar="PATTERN",
        help="Where a path names the host, like 'backups/{host}/'; hosts are told apart.",
    ),
    *_WORKERS_OPTIONS,
)
_OUTPUT_OPTIONS: Final = (
    click.option("--format", "form", type=click.Choice(FORMATS), help="How to print the table."),
    click.option(
        "-o", "--output", type=click.Path(readable=False, path_type=Path), help="A new file."
    ),
    click.option("--overwrite", is_flag=True, help="Replace the output file."),
)


def _all(options: tuple[Decorator, ...]) -> Decorator:
    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return add


WORKERS: Final = _all(_WORKERS_OPTIONS)
"""The options of a verb that reads an archive and does not ask when or where it is from."""
ARCHIVE: Final = _all(_ARCHIVE_OPTIONS)
"""The options of a verb that reads an archive."""
OUTPUT: Final = _all(_OUTPUT_OPTIONS)
"""The options of a verb that prints one table."""


def check_output(verb: str, form: str | None, output: Path | None, *, as_json: bool) -> None:
    """Refuse ways to print that exclude each other."""
    if as_json and (form or output):
        raise UsageError(verb, "--json with --format or -o", expected="one of them")
    if form == "parquet" and output is None:
        raise UsageError("--format parquet", "no file to write to", advice="add -o FILE")


def check_target(output: Path | None, sources: list[Path]) -> None:
    """Refuse to write over what is read."""
    if output and output.exists() and any(p.exists() and output.samefile(p) for p in sources):
        raise UsageError(str(output), "a snapshot that is read", expected="another file")


def opened(
    paths: Sequence[str],
    output: Path | None,
    *,
    quiet: bool,
    scheduler: str | None = None,
    **options: Any,
) -> bf.Archive:
    """Return the archive a verb is asked about, its files found; they are read later.

    The options are those of `bmux_forensics.load_archive`.
    """
    options["executor"] = executor_of(scheduler)
    archive = bf.load_archive(*paths, on_progress=progress(quiet=quiet), **options)
    check_target(output, [Path(file.path) for file in archive.files])
    return archive


def executor_of(scheduler: str | None) -> bf.Executor | None:
    """Connect to the cluster that was asked for; it is let go of when the verb ends."""
    if scheduler is None:
        return None
    return click.get_current_context().with_resource(bf.cluster(scheduler))


def progress(*, quiet: bool) -> Callable[[int, int], None] | None:
    """Return how to show progress: on a terminal's standard error, and nowhere else."""
    if quiet or not sys.stderr.isatty():
        return None

    shown: list[int] = []

    def show(done: int, total: int) -> None:
        text = f"{done} of {total} files"
        if note(text):
            return
        if done < total:
            shown.append(done)
        if shown:  # else there is nothing to clear either
            emit(CLEAR + (text if done < total else ""), err=True)

    return show


def ending(archive: bf.Archive, *, has_told: bool = True) -> PartlyDoneError | None:
    """Return what the files that were not loaded whole make of the run, after telling of them.

    A few bad files among good ones leave it partly done.

    Parameters
    ----------
    archive : Archive
        What was read.
    has_told : bool
        Whether the verb has something to tell: else damaged files alone are nothing to read.

    Raises
    ------
    EvidenceError
        There was nothing to read at all.
    """
    counts, status = archive.counts, archive.status
    bad = status[status["status"] != "loaded"]
    if not counts["files"]:
        raise no_snapshots()
    if not len(bad):
        return None
    errors = [_error(row) for row in bad.head(_TOLD).itertuples(index=False)]
    if counts["loaded"] + (counts["damaged"] if has_told else 0) == 0:
        raise _together(errors, len(bad))
    _tell(errors, len(bad), "not whole")
    found = f"{counts['damaged']} damaged, {counts['unreadable']} unreadable"
    return PartlyDoneError("archive", found, expected=f"{counts['files']} sound files")


def unreadable(archive: bf.Archive) -> EvidenceError | None:
    """Tell of the files that could not be read, and return what is wrong with the first.

    Raises
    ------
    FileMissingError
        There are no files at all.
    """
    status = archive.status
    if not len(status):
        raise no_snapshots()
    bad = status[status["status"] == "unreadable"]
    errors = [_error(row) for row in bad.head(_TOLD).itertuples(index=False)]
    _tell(errors, len(bad), "not to be read")
    return errors[0] if errors else None


def no_snapshots() -> FileMissingError:
    """Return what is wrong with paths that mean no file at all."""
    return FileMissingError("archive", "no snapshots there", expected="files like *.json")


def _tell(errors: Sequence[EvidenceError], count: int, what: str) -> None:
    for error in errors:
        say(f"bmux-forensics: {error}")
    if count > _TOLD:
        say(f"bmux-forensics: and {count - _TOLD} more files that are {what}")


def _error(row: Any) -> EvidenceError:
    missing = row.reason.startswith("no ") and row.status == "unreadable"
    return (FileMissingError if missing else FileUnreadableError)(row.path, row.reason)


def _together(errors: list[EvidenceError], count: int) -> EvidenceError:
    first = errors[0]
    more = f" (and {count - 1} more)" if count > 1 else ""
    return type(first)(first.where, first.found + more)


def not_loaded(archive: bf.Archive) -> list[dict[str, Any]]:
    """Return the files that are not in the tables whole, ready for JSON."""
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    status = archive.status
    return records(status.loc[status["status"] != "loaded", ["path", "status", "reason"]])


def moments(frame: pd.DataFrame, column: str) -> list[str]:
    """Return moments as a person reads them: local time with its offset."""
    found = frame[column].dt.to_pydatetime() if len(frame) else ()
    return [_local(moment) for moment in found]


def _local(moment: datetime) -> str:
    missing = moment != moment  # noqa: PLR0124 - how a moment says that it is none
    return "" if missing else moment.astimezone().isoformat(sep=" ", timespec="seconds")
