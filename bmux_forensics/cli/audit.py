"""``audit``: what is wrong with snapshots, and what a server will make of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

import bmux_forensics as bf
from bmux_forensics.cli.endings import REFUSALS, caught_by_others, failure
from bmux_forensics.cli.findings import SEVERITIES, put_audit
from bmux_forensics.cli.options import JSON, PATHS, SCHEMA, SIZE_LIMIT
from bmux_forensics.cli.output import put, put_json, say
from bmux_forensics.errors import ForensicsError

if TYPE_CHECKING:
    import pandas as pd


@click.command(name="audit")
@PATHS
@click.option(
    "--fail-on",
    type=click.Choice([*SEVERITIES, "never"]),
    default="error",
    show_default=True,
    help="Exit 1 when a finding is at least as bad as this.",
)
@click.option("--rule", "rules", multiple=True, metavar="ID", help="Only findings of this rule.")
@click.option(
    "--target",
    type=click.Choice(["alpha4", "alpha1", "all"]),
    default="alpha4",
    show_default=True,
    help="The bmux server to judge for.",
)
@click.option("--here", is_flag=True, help="Ask this machine for the folders and shells named.")
@click.option("--explain", metavar="RULE", help="Print what a rule means, and what to do.")
@JSON
@SIZE_LIMIT
def command(  # noqa: PLR0913 - one parameter an option
    paths: tuple[str, ...],
    *,
    fail_on: str,
    rules: tuple[str, ...],
    target: str,
    here: bool,
    explain: str | None,
    as_json: bool,
    size_limit: int,
) -> int:
    """Find what is wrong with snapshots, and foretell what a server will make of them.

    Exit code 1 when a finding is at or above the level of --fail-on; 3 when a path could
    not be read, whatever the others say.
    """
    if explain is not None:
        if as_json:
            raise click.UsageError("--explain prints a page, not --json.")
        for line in bf.explain(explain).splitlines():
            put(line)
        return 0
    try:
        snapshots, unread = _opened(paths, size_limit)
        tables = bf.Tables(snapshots)
        findings = bf.audit(tables, target=target, rules=rules or None, here=here)
        restore = bf.forecast(tables, target=target)
    except REFUSALS as error:
        if as_json:
            put_json({"schema": SCHEMA, **failure(error), "findings": [], "restore": []})
        raise
    code = unread.exit_code if unread else int(_is_bad(findings, fail_on))
    if as_json:
        put_json(_document(findings, restore, {**failure(unread), "exit_code": code}))
    else:
        put_audit(findings, restore)
    return code


def _opened(
    paths: tuple[str, ...], size_limit: int
) -> tuple[list[bf.Snapshot], ForensicsError | None]:
    """Open every path that can be read, once, and tell of the others on standard error."""
    snapshots: dict[str, bf.Snapshot] = {}
    unread = None
    for path in dict.fromkeys(paths) or (None,):
        try:
            snapshot = bf.open_snapshot(path, size_limit=size_limit or None)
        except ForensicsError as error:
            if caught_by_others() is not None:  # a signal, not a fault of the file
                raise
            say(f"bmux-forensics: {error}")
            unread = unread or error
            continue
        snapshots.setdefault(snapshot.name, snapshot)
    return list(snapshots.values()), unread


def _is_bad(findings: pd.DataFrame, level: str) -> bool:
    if level == "never":
        return False
    worst = SEVERITIES[: SEVERITIES.index(level) + 1]
    return bool(findings["severity"].isin(worst).any())


def _document(
    findings: pd.DataFrame, restore: pd.DataFrame, ending: dict[str, Any]
) -> dict[str, Any]:
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    told = {"findings": records(findings), "restore": records(restore)}
    return {"schema": SCHEMA, **ending, **told}
