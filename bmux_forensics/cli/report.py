"""``report``: everything that is known of some snapshots, as one page of HTML."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import click

import bmux_forensics as bf
from bmux_forensics.cli.archives import ARCHIVE, ending, not_loaded, opened
from bmux_forensics.cli.endings import REFUSALS, failure
from bmux_forensics.cli.options import (
    JSON,
    PATHS,
    QUIET,
    REDACT,
    SCHEMA,
    SHOW_ENV,
    SIZE_LIMIT,
    STDIN,
    write_output,
)
from bmux_forensics.cli.output import put, put_json, say
from bmux_forensics.cli.working import working
from bmux_forensics.errors import ForensicsError, UsageError, path_text


@click.command(name="report")
@PATHS
@click.option(
    "-o",
    "--output",
    type=click.Path(readable=False, path_type=Path),
    metavar="FILE",
    help="The page to write, like report.html.",
)
@click.option("--overwrite", is_flag=True, help="Replace the output file.")
@REDACT
@SHOW_ENV
@ARCHIVE
@JSON
@QUIET
@SIZE_LIMIT
def command(  # noqa: PLR0913 - one parameter an option
    paths: tuple[str, ...],
    *,
    output: Path | None,
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
    """Write what is known of snapshots as one page of HTML that asks for nothing.

    PATHs are snapshots, folders of them and globs, compressed or not: all of them are in
    the findings, the forecast and the timeline, and the latest three are told in full.
    Exit code 5 when some files were damaged or unreadable, 3 when there was nothing to
    read.
    """
    try:
        if STDIN in paths and len(paths) > 1:
            raise UsageError("report", "standard input beside other paths", expected="one of them")
        target = _checked(output, redact=redact, show_env=show_env, overwrite=overwrite)
        archive = opened(
            paths,
            target,
            quiet=quiet,
            tz=tz,
            host_pattern=host_pattern,
            jobs=jobs,
            scheduler=scheduler,
            show_env=show_env,
            size_limit=size_limit or None,
        )
        redaction = bf.own_redaction() if redact else None
        with working("report", quiet=quiet or STDIN in paths):
            page = bf.report(archive, redaction=redaction, show_env=show_env).encode()
        error = ending(archive)
        write_output(target, page, overwrite=overwrite)
    except REFUSALS as refusal:
        if as_json:
            nothing = {"counts": None, "not_loaded": [], **_file(None, b"")}
            put_json({"schema": SCHEMA, **failure(refusal), **nothing})
        raise
    if as_json:
        put_json(_document(archive, target, page, error))
    else:
        put(f"written: {path_text(target)}")
        if not quiet and not redact:
            say("it holds names, folders and commands of the snapshots; --redact replaces them")
    return error.exit_code if error else 0


def _checked(output: Path | None, *, redact: bool, show_env: bool, overwrite: bool) -> Path:
    """Refuse what can't be done before anything is read."""
    if output is None:
        raise UsageError("report", "no file to write to", advice="add -o report.html")
    if redact and show_env:
        raise UsageError("report", "--redact with --show-env", expected="one of them")
    if output.exists() and not overwrite:
        raise UsageError(
            path_text(output),
            "a file of that name",
            expected="a new file",
            advice="add --overwrite",
        )
    return output


def _file(output: Path | None, page: bytes) -> dict[str, Any]:
    return {
        "output": None if output is None else path_text(output),
        "size": None if output is None else len(page),
        "sha256": None if output is None else hashlib.sha256(page).hexdigest(),
    }


def _document(
    archive: bf.Archive, output: Path, page: bytes, error: ForensicsError | None
) -> dict[str, Any]:
    told = {"counts": archive.counts, "not_loaded": not_loaded(archive), **_file(output, page)}
    return {"schema": SCHEMA, **failure(error), **told}
