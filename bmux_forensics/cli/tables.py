"""``tables``: every table of some snapshots, as a list or one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import bmux_forensics as bf
from bmux_forensics.cli.frames import FORMATS, put_frame, records
from bmux_forensics.cli.options import JSON, PATHS, SCHEMA, SHOW_ENV, SIZE_LIMIT
from bmux_forensics.cli.output import put_json, put_rows
from bmux_forensics.errors import UsageError


@click.command(name="tables")
@PATHS
@click.option("-t", "--table", "names", multiple=True, metavar="NAME", help="Show this table.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="How to print the one table.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to a new file.")
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
    which is evidence.
    """
    if as_json and form:
        raise UsageError("tables", "both --json and --format", expected="one of them")
    if (form or output) and len(names) != 1 and not as_json:
        raise UsageError(
            "tables", f"{len(names)} tables", expected="one --table with --format or -o"
        )
    snapshots = [bf.open_snapshot(path, size_limit=size_limit or None) for path in paths or (None,)]
    for snapshot in snapshots:
        if snapshot.envelope_problem is not None:
            raise snapshot.envelope_problem
    tables = bf.load_tables(*snapshots, show_env=show_env)
    _check_names(tables, names)
    if as_json:
        chosen = {name: records(tables[name]) for name in names or tables}
        put_json({"schema": SCHEMA, "tables": chosen})
    elif not names:
        put_rows(("table", "rows", "a row is"), _overview(tables), title="Tables")
    else:
        for name in names:
            put_frame(tables[name], name, form, output, overwrite=overwrite)
    return 0


def _check_names(tables: bf.Tables, names: tuple[str, ...]) -> None:
    for name in names:
        if name not in tables:
            raise UsageError(
                "tables", f"no table {name!r}", expected="one of: " + ", ".join(tables)
            )


def _overview(tables: bf.Tables) -> list[tuple[Any, ...]]:
    meanings = {table.name: table.meaning for table in bf.TABLES}
    meanings |= {"snapshots": "A snapshot, and its hash.", "sections": "A section of a snapshot."}
    return [(name, len(tables[name]), meanings[name]) for name in tables]
