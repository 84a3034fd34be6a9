"""``audit``: what is wrong with snapshots, and what a server will make of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

import bmux_forensics as bf
from bmux_forensics.cli.archives import WORKERS, opened, unreadable
from bmux_forensics.cli.endings import REFUSALS, failure
from bmux_forensics.cli.findings import SEVERITIES, put_audit
from bmux_forensics.cli.options import JSON, PATHS, SCHEMA, SIZE_LIMIT, STDIN
from bmux_forensics.cli.output import put, put_json
from bmux_forensics.cli.working import working
from bmux_forensics.errors import UsageError

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
@WORKERS
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
    jobs: int | None,
    scheduler: str | None,
    explain: str | None,
    as_json: bool,
    size_limit: int,
) -> int:
    """Find what is wrong with snapshots, and foretell what a server will make of them.

    PATHs are snapshots, folders of them and globs, compressed or not. Exit code 1 when a
    finding is at or above the level of --fail-on; 3 when a path could not be read, whatever
    the others say.
    """
    if explain is not None:
        if as_json:
            raise click.UsageError("--explain prints a page, not --json.")
        for line in bf.explain(explain).splitlines():
            put(line)
        return 0
    try:
        if here and scheduler:
            raise UsageError("audit", "--here with --scheduler", expected="one of them")
        limit = size_limit or None
        archive = opened(paths, None, quiet=False, jobs=jobs, scheduler=scheduler, size_limit=limit)
        with working("audit", quiet=STDIN in paths):
            findings, restore = _asked(archive, _Question(target, rules or None, here))
        unread = unreadable(archive)
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


@dataclass(frozen=True)
class _Question:
    """What is asked of every batch of files, where it is read."""

    target: str
    rules: tuple[str, ...] | None
    here: bool

    def __call__(self, tables: bf.Tables) -> tuple[pd.DataFrame, pd.DataFrame]:
        findings = bf.audit(tables, target=self.target, rules=self.rules, here=self.here)
        return findings, bf.forecast(tables, target=self.target)


def _asked(archive: bf.Archive, question: _Question) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return findings and forecasts of all files, each of which is read once."""
    import pandas as pd  # noqa: PLC0415 - not for --help

    parts = [question(bf.Tables(())), *archive.ask(question)]
    findings, restore = (
        pd.concat([part[i].astype({"snapshot": "str"}) for part in parts], ignore_index=True)
        for i in range(2)
    )
    return findings, restore


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
