"""``audit``: what is wrong with snapshots, and what a server will make of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

import bmux_forensics as bf
from bmux_forensics.cli.endings import REFUSALS, failure
from bmux_forensics.cli.options import JSON, PATHS, SCHEMA, SIZE_LIMIT
from bmux_forensics.cli.output import put, put_json, put_rows, say
from bmux_forensics.errors import ForensicsError

if TYPE_CHECKING:
    import pandas as pd

_SEVERITIES: Final = ("error", "warning", "info")
_TARGETS: Final = ("alpha4", "alpha1")
_SHOWN: Final = ("severity", "rule", "table", "key", "message")


@click.command(name="audit")
@PATHS
@click.option(
    "--fail-on",
    type=click.Choice([*_SEVERITIES, "never"]),
    default="error",
    show_default=True,
    help="Exit 1 when a finding is at least as bad as this.",
)
@click.option("--rule", "rules", multiple=True, metavar="ID", help="Only findings of this rule.")
@click.option(
    "--target",
    type=click.Choice([*_TARGETS, "all"]),
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
        put_page(bf.explain(explain))
        return 0
    snapshots, unread = _opened(paths, size_limit)
    targets = _TARGETS if target == "all" else (target,)
    try:
        findings = [
            bf.audit(bf.Tables(snapshots), target=t, rules=rules or None, here=here)
            for t in targets
        ]
        restore = bf.forecast(bf.Tables(snapshots), target=target)
    except REFUSALS as error:
        if as_json:
            put_json({"schema": SCHEMA, **failure(error), "findings": [], "restore": []})
        raise
    if as_json:
        put_json(_document(dict(zip(targets, findings, strict=True)), restore, unread))
    else:
        for name, found in zip(targets, findings, strict=True):
            _put(found, restore[restore["target"] == name], len(snapshots))
    if unread is not None:
        return unread.exit_code
    return 1 if any(_is_bad(found, fail_on) for found in findings) else 0


def put_page(page: str) -> None:
    """Print a page of text of our own."""
    for line in page.splitlines():
        put(line)


def _opened(
    paths: tuple[str, ...], size_limit: int
) -> tuple[list[bf.Snapshot], ForensicsError | None]:
    """Open every path that can be read, and tell of the others on standard error."""
    snapshots: dict[str, bf.Snapshot] = {}
    unread = None
    for path in paths or (None,):
        try:
            snapshot = bf.open_snapshot(path, size_limit=size_limit or None)
        except ForensicsError as error:
            say(f"bmux-forensics: {error}")
            unread = unread or error
            continue
        snapshots[snapshot.name] = snapshot
    return list(snapshots.values()), unread


def _is_bad(findings: pd.DataFrame, level: str) -> bool:
    if level == "never":
        return False
    worst = _SEVERITIES[: _SEVERITIES.index(level) + 1]
    return bool(findings["severity"].isin(worst).any())


def _put(findings: pd.DataFrame, restore: pd.DataFrame, snapshots: int) -> None:
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    columns = _SHOWN if snapshots == 1 else ("snapshot", *_SHOWN)
    if not findings.empty:
        rows = [[row[name] for name in columns] for row in records(findings)]
        put_rows(columns, rows, title="Findings")
    elif snapshots:
        put("no findings")
    for row in records(restore):
        put(f"{row['snapshot']}: {forecast_line(row)}")


def forecast_line(row: dict[str, Any]) -> str:
    """Say in a line what a server will make of a snapshot.

    Examples
    --------
    >>> forecast_line({"target": "alpha4", "server_starts": True, "saves_blocked": False,
    ...     "sessions_restored": ["a"], "panes_restored": {"a": 2}, "because": [],
    ...     "lost_at_next_save": {}})
    'alpha4 starts and saves: 1 sessions come back, with 2 panes'
    """
    because = f" (because of {', '.join(row['because'])})" if row["because"] else ""
    if not row["server_starts"]:
        return f"{row['target']} does NOT start{because}"
    sessions = f"{len(row['sessions_restored'])} sessions come back"
    if row["saves_blocked"]:
        return f"{row['target']} starts but every save is REFUSED: {sessions}{because}"
    panes = sum((row["panes_restored"] or {}).values())
    lost = f"; lost at the next save: {', '.join(row['lost_at_next_save'])}"
    kept = f"{row['target']} starts and saves: {sessions}, with {panes} panes"
    return kept + (lost if row["lost_at_next_save"] else "") + because


def _document(
    findings: dict[str, pd.DataFrame], restore: pd.DataFrame, unread: ForensicsError | None
) -> dict[str, Any]:
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    rows = [{**row, "target": target} for target, f in findings.items() for row in records(f)]
    return {"schema": SCHEMA, **failure(unread), "findings": rows, "restore": records(restore)}
