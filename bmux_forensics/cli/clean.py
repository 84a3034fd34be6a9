"""``clean``: sessions out of a whole archive, shown first, each file undone from its backup."""

from __future__ import annotations

import os
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

import click

import bmux_forensics as bf
from bmux_forensics.cli.archives import executor_of, progress
from bmux_forensics.cli.asking import confirm
from bmux_forensics.cli.clean_report import document, put_meant, show, verdict
from bmux_forensics.cli.endings import REFUSALS
from bmux_forensics.cli.options import DRY_RUN, JSON, QUIET, SIZE_LIMIT, YES
from bmux_forensics.cli.output import put_json, put_rows
from bmux_forensics.errors import (
    ConfirmationNeededError,
    DeclinedError,
    PartlyDoneError,
    SelectorError,
    WriteError,
    several,
)

_FLAG: Final = "--orphans"
_KINDS: Final = ("lost", "hollow", "unbound", "bound")
_USUAL: Final = "lost,hollow"


class _Clean(click.Command):
    """The verb, whose ``--orphans`` may be followed by kinds, or by a path as well."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _with_kinds(args))


def _with_kinds(args: list[str]) -> list[str]:
    """Bind what follows ``--orphans`` to it where it names kinds; else the usual ones.

    Examples
    --------
    >>> _with_kinds(["--orphans", "lost", "day"]), _with_kinds(["--orphans", "day"])
    (['--orphans=lost', 'day'], ['--orphans=lost,hollow', 'day'])
    """
    bound: list[str] = []
    rest = list(args)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return [*bound, word, *rest]
        if word == _FLAG:
            word = f"{_FLAG}={rest.pop(0) if rest and _names_kinds(rest[0]) else _USUAL}"
        bound.append(word)
    return bound


def _names_kinds(word: str) -> bool:
    """Tell whether a word means kinds; one that is nearly a kind, and no path, is taken as such.

    Examples
    --------
    >>> _names_kinds("lost,bound"), _names_kinds("unbond"), _names_kinds("backups")
    (True, True, False)
    """
    kinds = word.split(",")
    if all(kind in _KINDS for kind in kinds):
        return True
    meant = all(get_close_matches(kind, _KINDS) for kind in kinds)
    return meant and not os.path.lexists(word)


@dataclass(frozen=True)
class _Request:
    """What the command line asks for."""

    paths: tuple[str, ...]
    wish: dict[str, Any]
    each: bool
    way: dict[str, Any]
    backup: bool
    dry_run: bool
    yes: bool
    quiet: bool
    silent: bool


@click.command(name="clean", cls=_Clean)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--session",
    "sessions",
    multiple=True,
    metavar="SEL",
    help="Clean out this session, in each file: its id, exact name or start of an id.",
)
@click.option(
    _FLAG,
    "orphans",
    metavar="[KINDS]",
    help="Clean out lost and hollow sessions, or those of the kinds named (with commas: "
    "lost, hollow, unbound, bound), and every row that still speaks of them.",
)
@click.option("--all", "all_sessions", is_flag=True, help="Clean out every session.")
@click.option("--each", is_flag=True, help="A name may mean different sessions in different files.")
@click.option("--repair", is_flag=True, help="Also mend what is safe to mend, in every file.")
@click.option("--scrub", is_flag=True, help="Also clean the references that bmux leaves dangling.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Worker processes; by default one a processor where it pays.",
)
@click.option(
    "-o",
    "--output",
    metavar="DIR|URL",
    help="Write cleaned copies of all files there, and change none; always for URLs.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Let the Dask cluster of this scheduler do it; with --output.",
)
@click.option("--no-backup", is_flag=True, help="Keep no old bytes: nothing can be undone.")
@DRY_RUN
@YES
@JSON
@QUIET
@SIZE_LIMIT
def command(  # noqa: PLR0913 - one parameter an option
    paths: tuple[str, ...],
    *,
    sessions: tuple[str, ...],
    orphans: str | None,
    all_sessions: bool,
    each: bool,
    repair: bool,
    scrub: bool,
    jobs: int | None,
    output: str | None,
    scheduler: str | None,
    no_backup: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    quiet: bool,
    size_limit: int,
) -> int:
    """Clean sessions out of many snapshots at once.

    PATHs are snapshots, folders of them and globs, compressed or not. Each file is changed
    wholly or not at all, keeps its time and its form, and can be taken back with `undo`.
    No process is ever signalled. What would be done is shown and asked about, unless
    --yes is given. Exit code 1 when no file has such a session, 5 when some files were
    refused, damaged or failed, 3 when there was nothing to read.
    """
    if (bool(sessions) + (orphans is not None) + all_sessions) != 1:
        raise click.UsageError("Give one of --session, --orphans and --all.")
    if scheduler and not output and not dry_run:
        raise click.UsageError("--scheduler needs --output: a cluster changes no file in place.")
    kinds = tuple(orphans.split(",")) if orphans is not None else ()
    wish = {
        "sessions": sessions,
        "orphans": kinds,
        "all_sessions": all_sessions,
        "repair": repair,
        "scrub": scrub,
        "output": output,
        "size_limit": size_limit or None,
    }
    way = {"jobs": jobs, "executor": executor_of(scheduler), "on_progress": progress(quiet=quiet)}
    request = _Request(
        paths,
        wish,
        each,
        way,
        not no_backup,
        dry_run,
        yes,
        quiet,
        as_json,
    )
    return _run(request)


def _run(request: _Request) -> int:
    try:
        told = _carry_out(request)
    except REFUSALS as error:
        if isinstance(error, SelectorError) and error.candidates and not request.silent:
            put_rows(("session_id", "name"), error.candidates, title="Meant", err=True)
        if request.silent:
            put_json(document(None, error))
        raise
    amount = verdict(told)
    try:
        if request.silent:
            put_json(document(told, amount))
        else:
            show(told, each=request.each, quiet=request.quiet)
    except WriteError as untold:
        done = told.counts["cleaned"]
        if not done:
            raise
        found = f"{several(done, 'file')} cleaned, but {untold}"
        raise PartlyDoneError("clean", found) from untold
    if amount is not None:
        raise amount
    return 0


def _carry_out(request: _Request) -> bf.CleanPlan | bf.CleanOutcome:
    if request.yes and not request.dry_run:
        return bf.clean(
            *request.paths,
            each=request.each,
            backup=request.backup,
            **request.wish,
            **request.way,
        )
    plan = bf.preview_clean(*request.paths, **request.wish, **request.way)
    due = plan.counts["would-clean"] or request.wish["output"]
    if request.dry_run or not due:
        return plan
    _ask(plan)
    return bf.apply_clean(plan, backup=request.backup, **request.way)


def _ask(plan: bf.CleanPlan) -> None:
    """Ask at the terminal, below what would be done."""
    refusal = ConfirmationNeededError(
        "clean", "nobody to ask at this terminal", expected="--yes", advice="add it to go ahead"
    )
    more = f", and {', '.join(plan.ambiguous)} means several sessions" if plan.ambiguous else ""
    sessions = several(plan.sessions["session_id"].nunique(), "session")
    files = several(plan.counts["would-clean"], "file")
    question = f"Clean {sessions} out of {files}{more}?"
    if not confirm(question, refusal, lambda: put_meant(plan, err=True)):
        raise DeclinedError("clean", "the answer was no", advice="nothing was changed")
