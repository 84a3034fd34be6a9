"""``tables``: every table of some snapshots, as a list or one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

import bmux_forensics as bf
from bmux_forensics.cli.archives import ARCHIVE, ending, not_loaded, opened
from bmux_forensics.cli.endings import REFUSALS, failure
from bmux_forensics.cli.options import FORMATS, JSON, PATHS, QUIET, SCHEMA, SHOW_ENV, SIZE_LIMIT
from bmux_forensics.cli.output import put_json, put_rows, say
from bmux_forensics.errors import ForensicsError, UsageError

if TYPE_CHECKING:
    import pandas as pd

_FILES: Final = "files"
_FILES_MEANING: Final = "A file that was read, and what became of it."


@click.command(name="tables")
@PATHS
@click.option("-t", "--table", "names", multiple=True, metavar="NAME", help="Show this table.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="How to print the one table.")
@click.option(
    "-o", "--output", type=click.Path(readable=False, path_type=Path), help="Write to a new file."
)
@click.option("--overwrite", is_flag=True, help="Replace the output file.")
@ARCHIVE
@JSON
@SHOW_ENV
@QUIET
@SIZE_LIMIT
def command(  # noqa: PLR0913 - one parameter an option
    paths: tuple[str, ...],
    names: tuple[str, ...],
    form: str | None,
    output: Path | None,
    *,
    overwrite: bool,
    tz: str | None,
    host_pattern: str | None,
    jobs: int | None,
    scheduler: str | None,
    as_json: bool,
    show_env: bool,
    quiet: bool,
    size_limit: int,
) -> int:
    """List the tables of snapshots, or show some of them whole (--table, repeatable).

    PATHs are snapshots, folders of them, globs and URLs, compressed or not. Every row
    carries its snapshot and its place in it; an id may repeat or be missing, which is
    evidence. Damaged sections have no rows: then the exit code of one file is 3. Of
    several, the table `files` says what became of each; exit code 5 when some of them
    were damaged or unreadable, 3 when there was nothing to read.
    """
    many: dict[str, Any] = {
        "tz": tz,
        "host_pattern": host_pattern,
        "jobs": jobs,
        "scheduler": scheduler,
    }
    limits: dict[str, Any] = {"show_env": show_env, "size_limit": size_limit or None}
    try:
        _check_usage(paths, names, form, output, as_json=as_json)
        if len(paths) <= 1 and all(map(bf.means_one_file, paths)) and not any(many.values()):
            found = _of_one(paths, names, as_json=as_json, **limits)
        else:
            archive = opened(paths, output, quiet=quiet, **many, **limits)
            found = _of_many(archive, names, as_json=as_json)
    except REFUSALS as error:
        if as_json:
            put_json({"schema": SCHEMA, **failure(error), "tables": {}})
        raise
    if as_json:
        put_json(_document(found))
    elif not names:
        put_rows(("table", "rows", "a row is"), found.overview, title="Tables")
    else:
        _put_tables(found.frames, names, form, output, overwrite=overwrite)
    for problem in found.problems:
        say(f"bmux-forensics: {problem}")
    return found.error.exit_code if found.error else 0


@dataclass(frozen=True)
class _Found:
    """What there is to show, and what was wrong."""

    overview: list[tuple[str, int, str]] = field(default_factory=list)
    frames: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    error: ForensicsError | None = None
    problems: tuple[ForensicsError, ...] = ()  # that nobody told of yet
    told: dict[str, Any] = field(default_factory=dict)  # what --json says of many files


def _of_one(
    paths: tuple[str, ...],
    names: tuple[str, ...],
    *,
    as_json: bool,
    show_env: bool,
    size_limit: int | None,
) -> _Found:
    """Read one file; one that has no tables at all raises its problem."""
    snapshot = bf.open_snapshot(*paths, size_limit=size_limit)
    if snapshot.envelope_problem is not None:
        raise snapshot.envelope_problem
    tables = bf.load_tables(snapshot, show_env=show_env)
    _check_names(tuple(tables), names)
    wanted = names or (tuple(tables) if as_json else ())
    problems = snapshot.problems
    return _Found(
        [] if wanted else _rows(tables.overview()),
        {name: tables[name] for name in wanted},
        problems[0] if problems else None,
        problems,
    )


def _of_many(archive: bf.Archive, names: tuple[str, ...], *, as_json: bool) -> _Found:
    """Read the files of an archive, each once, after telling of those that are not whole."""
    every = (*bf.Tables(()), _FILES)
    _check_names(every, names)
    wanted = names or (every if as_json else ())
    overview: list[tuple[str, int, str]] = []
    frames: dict[str, pd.DataFrame] = {}
    if asked := [name for name in wanted if name != _FILES]:
        frames = archive.tables(*asked)
    if not wanted:
        overview = [*_counted(archive), (_FILES, len(archive), _FILES_MEANING)]
    known = names or {table.name for table in bf.TABLES}  # that say more than what a file is
    rows = {name: len(frame) for name, frame in frames.items()}
    rows |= {name: count for name, count, _ in overview}
    error = ending(archive, has_told=_FILES in names or any(rows.get(name) for name in known))
    told = {"counts": archive.counts, "not_loaded": not_loaded(archive)} if as_json else {}
    frames |= {_FILES: archive.status} if _FILES in wanted else {}
    return _Found(overview, frames, error, (), told)


def _counted(archive: bf.Archive) -> list[tuple[str, int, str]]:
    """Return how many rows each table has, and what a row is, over all files."""
    total = bf.Tables(()).overview()
    for part in archive.ask(bf.Tables.overview):
        total["rows"] += part["rows"]
    return _rows(total)


def _rows(overview: pd.DataFrame) -> list[tuple[str, int, str]]:
    return list(overview.itertuples(index=False, name=None))


def _check_usage(
    paths: tuple[str, ...],
    names: tuple[str, ...],
    form: str | None,
    output: Path | None,
    *,
    as_json: bool,
) -> None:
    if as_json and (form or output):
        found = "--json with --format or -o"
        raise UsageError("tables", found, expected="one of them", advice="try --format json -o")
    if (form or output) and len(names) != 1:
        raise UsageError(
            "tables", f"{len(names)} tables", expected="one --table with --format or -o"
        )
    if form == "parquet" and output is None:
        raise UsageError("--format parquet", "no file to write to", advice="add -o FILE")
    sources = [Path(path) for path in paths] or [bf.find_paths().snapshot]
    if output and output.exists() and any(p.exists() and output.samefile(p) for p in sources):
        raise UsageError(str(output), "the snapshot itself", expected="another file")


def _document(found: _Found) -> dict[str, Any]:
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    chosen = {name: records(frame) for name, frame in found.frames.items()}
    return {"schema": SCHEMA, **failure(found.error), **found.told, "tables": chosen}


def _put_tables(
    tables: Mapping[str, pd.DataFrame],
    names: tuple[str, ...],
    form: str | None,
    output: Path | None,
    *,
    overwrite: bool,
) -> None:
    from bmux_forensics.cli.frames import put_frame  # noqa: PLC0415 - pandas: not for --help

    for name in names:
        put_frame(tables[name], name, form, output, overwrite=overwrite)


def _check_names(tables: tuple[str, ...], names: tuple[str, ...]) -> None:
    for name in names:
        if name not in tables:
            raise UsageError(
                "tables", f"no table {name!r}", expected="one of: " + ", ".join(tables)
            )
