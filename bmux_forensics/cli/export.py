"""``export``: all tables of an archive as parquet, CSV, JSON lines, or an SQLite database."""

from __future__ import annotations

from typing import Any, Final

import click

import bmux_forensics as bf
from bmux_forensics.cli.archives import ARCHIVE, ending, not_loaded, opened
from bmux_forensics.cli.endings import REFUSALS, failure
from bmux_forensics.cli.options import JSON, PATHS, QUIET, REDACT, SCHEMA, SHOW_ENV, SIZE_LIMIT
from bmux_forensics.cli.output import put, put_json
from bmux_forensics.errors import PartlyDoneError, UsageError, WriteError, several

_FORMS: Final = ("parquet", "csv", "jsonl", "sqlite")


@click.command(name="export")
@PATHS
@click.option("-o", "--output", metavar="DIR", required=True, help="A folder, or a URL.")
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMS),
    default="parquet",
    show_default=True,
    help="What to write.",
)
@click.option("--overwrite", is_flag=True, help="Replace an export that is there.")
@REDACT
@SHOW_ENV
@ARCHIVE
@JSON
@QUIET
@SIZE_LIMIT
def command(  # noqa: PLR0913 - one parameter an option
    paths: tuple[str, ...],
    *,
    output: str,
    form: str,
    overwrite: bool,
    redact: bool,
    show_env: bool,
    tz: str | None,
    host_pattern: str | None,
    jobs: int | None,
    scheduler: str | None,
    as_json: bool,
    quiet: bool,
    size_limit: int,
) -> int:
    """Write all tables of snapshots into a folder, with what identifies a row of each.

    Parquet is partitioned by day of capture; SQLite is one database whose foreign keys say
    what refers to what, so that PRAGMA foreign_key_check finds what dangles. CSV holds no cell
    that a spreadsheet would run. Environment values are masked. Exit code 5 when some files
    were damaged or unreadable, 3 when there was nothing to read.
    """
    archive = done = None
    try:
        if redact and show_env:
            raise UsageError("export", "--redact with --show-env", expected="one of them")
        archive = opened(
            paths,
            None,
            quiet=quiet,
            tz=tz,
            host_pattern=host_pattern,
            jobs=jobs,
            scheduler=scheduler,
            show_env=show_env,
            size_limit=size_limit or None,
        )
        if all(file.problem for file in archive.files):
            ending(archive)  # nothing to read is no reason to replace what an export has
        redaction = bf.own_redaction() if redact else None
        done = bf.export(
            archive, output=output, form=form, redaction=redaction, overwrite=overwrite
        )
        error = ending(archive)
    except REFUSALS as refusal:
        if as_json:
            put_json(_document(output, form, done, refusal, redact=redact))
        raise
    try:
        _tell(done, error, as_json=as_json, redact=redact)
    except WriteError as untold:
        raise PartlyDoneError(done.output, f"it is written, but {untold}") from untold
    return error.exit_code if error else 0


def _tell(done: bf.Export, error: PartlyDoneError | None, *, as_json: bool, redact: bool) -> None:
    if as_json:
        put_json(_document(done.output, done.form, done, error, redact=redact))
        return
    rows = several(sum(done.rows.values()), "row")
    tables = several(sum(count > 0 for count in done.rows.values()), "table")
    files = several(done.rows["snapshots"], "snapshot")
    put(f"exported: {rows} in {tables} of {files} to {done.output}")


def _document(
    output: str,
    form: str,
    done: bf.Export | None,
    error: BaseException | None,
    *,
    redact: bool,
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        **failure(error),
        "output": done.output if done else output,
        "format": form,
        "redacted": redact,
        "counts": done.archive.counts if done else None,
        "not_loaded": not_loaded(done.archive) if done else [],
        "tables": done.rows if done else {},
    }
