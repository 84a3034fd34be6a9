"""``tables``: every table of some snapshots, as a list or one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import bmux_forensics as bf
from bmux_forensics.cli.endings import REFUSALS, failure
from bmux_forensics.cli.options import FORMATS, JSON, PATHS, SCHEMA, SHOW_ENV, SIZE_LIMIT
from bmux_forensics.cli.output import put_json, put_rows, say
from bmux_forensics.errors import UsageError


@click.command(name="tables")
@PATHS
@click.option("-t", "--table", "names", multiple=True, metavar="NAME", help="Show this table.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="How to print the one table.")
@click.option(
    "-o", "--output", type=click.Path(readable=False, path_type=Path), help="Write to a new file."
)
@click.option("--overwrite", is_flag=True, help="Replace the output file.")
@JSON
@SHOW_ENV
@SIZE_LIMIT
def command(  # noqa: PLR0913 - one parameter an option
    paths: tuple[str, ...],
    names: tuple[str, ...],
    form: str | None,
    output: Path | None,
    *,
    overwrite: bool,
    as_json: bool,
    show_env: bool,
    size_limit: int,
) -> int:
    """List the tables of snapshots, or show some of them whole (--table, repeatable).

    Every row carries its snapshot and its place in it; an id may repeat or be missing,
    which is evidence. Damaged sections have no rows; then the exit code is 3.
    """
    _check_usage(paths, names, form, output, as_json=as_json)
    try:
        snapshots = _opened(paths, size_limit)
        tables = bf.load_tables(*snapshots, show_env=show_env)
        _check_names(tables, names)
    except REFUSALS as error:
        if as_json:
            put_json({"schema": SCHEMA, **failure(error), "tables": {}})
        raise
    problems = [problem for snapshot in snapshots for problem in snapshot.problems]
    if as_json:
        put_json(_document(tables, names, problems[0] if problems else None))
    elif not names:
        overview = tables.overview().itertuples(index=False)
        put_rows(("table", "rows", "a row is"), list(overview), title="Tables")
    else:
        _put_tables(tables, names, form, output, overwrite=overwrite)
    for problem in problems:
        say(f"bmux-forensics: {problem}")
    return problems[0].exit_code if problems else 0


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


def _opened(paths: tuple[str, ...], size_limit: int) -> list[bf.Snapshot]:
    """Open snapshots that have tables at all; one that is none raises its problem."""
    snapshots = [bf.open_snapshot(path, size_limit=size_limit or None) for path in paths or (None,)]
    for snapshot in snapshots:
        if snapshot.envelope_problem is not None:
            raise snapshot.envelope_problem
    return snapshots


def _document(
    tables: bf.Tables, names: tuple[str, ...], problem: BaseException | None
) -> dict[str, Any]:
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    chosen = {name: records(tables[name]) for name in names or tables}
    return {"schema": SCHEMA, **failure(problem), "tables": chosen}


def _put_tables(
    tables: bf.Tables,
    names: tuple[str, ...],
    form: str | None,
    output: Path | None,
    *,
    overwrite: bool,
) -> None:
    from bmux_forensics.cli.frames import put_frame  # noqa: PLC0415 - pandas: not for --help

    for name in names:
        put_frame(tables[name], name, form, output, overwrite=overwrite)


def _check_names(tables: bf.Tables, names: tuple[str, ...]) -> None:
    for name in names:
        if name not in tables:
            raise UsageError(
                "tables", f"no table {name!r}", expected="one of: " + ", ".join(tables)
            )
