"""``kill``: sessions and all that goes with them, shown first, undone from a backup."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

import bmux_forensics as bf
from bmux_forensics.cli.asking import confirm
from bmux_forensics.cli.completion import complete_session
from bmux_forensics.cli.endings import REFUSALS, caught_by_others
from bmux_forensics.cli.kill_report import Request, Result, document, report, show, tell
from bmux_forensics.cli.options import (
    ASSUME_NO_SERVER,
    DRY_RUN,
    EXPECT_SHA256,
    JSON,
    LOCK_TIMEOUT,
    QUIET,
    SIZE_LIMIT,
    SNAPSHOT,
    YES,
    Seconds,
)
from bmux_forensics.cli.output import put_json
from bmux_forensics.cli.process_rows import (
    resume_kills,
)
from bmux_forensics.cli.working import working
from bmux_forensics.errors import (
    ConfirmationNeededError,
    DeclinedError,
    EvidenceError,
    ForensicsError,
    NoSuchSessionError,
    PartlyDoneError,
    WriteError,
    several,
)


class _Kill(click.Command):
    """The verb, which knows that a session's name may look like an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = tuple(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            name = next((a for a in given if a.startswith(error.option_name)), error.option_name)
            hint = f"put -- before a session of that name: kill -- {name}"
            raise click.UsageError(f"{error.format_message().rstrip('.')}; {hint}", ctx) from None


@click.command(name="kill", cls=_Kill)
@click.argument("selectors", nargs=-1, metavar="SELECTOR...", shell_complete=complete_session)
@click.option("--all", "all_sessions", is_flag=True, help="Kill every session.")
@SNAPSHOT
@DRY_RUN
@YES
@JSON
@click.option("--scrub", is_flag=True, help="Also clean the references that bmux leaves dangling.")
@EXPECT_SHA256
@click.option(
    "--signal/--no-signal",
    default=None,
    help="End the processes of any snapshot, or of none; by default only of bmux's own.",
)
@click.option(
    "--grace",
    type=Seconds(min=0),
    default=0.5,
    show_default=True,
    metavar="S",
    help="Seconds between TERM and KILL.",
)
@click.option("--whole-session", is_flag=True, help="End every group of a pane's session.")
@click.option("--group-only", is_flag=True, help="Touch the recorded groups alone, as bmux does.")
@click.option(
    "--include-plausible", is_flag=True, help="Also end groups whose environment can't be read."
)
@click.option("--include-strays", is_flag=True, help="Also end what strayed from these sessions.")
@ASSUME_NO_SERVER
@click.option(
    "--resume", is_flag=True, help="End the processes of a kill that was cut short; no selectors."
)
@LOCK_TIMEOUT
@SIZE_LIMIT
@QUIET
def command(  # noqa: PLR0913 - one parameter an option
    selectors: tuple[str, ...],
    *,
    all_sessions: bool,
    snapshot: Path | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    scrub: bool,
    expect_sha256: str | None,
    signal: bool | None,
    grace: float,
    whole_session: bool,
    group_only: bool,
    include_plausible: bool,
    include_strays: bool,
    assume_no_server: bool,
    resume: bool,
    lock_timeout: float,
    size_limit: int,
    quiet: bool,
) -> int:
    """Kill sessions in a snapshot, and everything that goes with them.

    A SELECTOR is a session's id, its exact name, or the start of its id; the first of
    these that matches decides, and it must mean one session. Put -- before one that
    starts with a dash. The plan is shown and asked about, unless --yes is given.
    """
    if whole_session and group_only:
        raise click.UsageError("--whole-session and --group-only exclude each other.")
    reach = bf.Reach(signal, grace, whole_session, group_only, include_plausible, include_strays)
    if resume:
        if selectors or all_sessions or scrub or expect_sha256 or signal is not None or group_only:
            raise click.UsageError(
                "--resume takes no selectors: it does what the kill was to do, or more of it."
            )
        return resume_kills(
            snapshot, reach, dry_run=dry_run, assume_no_server=assume_no_server, as_json=as_json
        )
    if bool(selectors) == all_sessions:
        raise click.UsageError("Name sessions, or give --all (and not both).")
    request = Request(
        snapshot,
        selectors,
        all_sessions,
        scrub,
        expect_sha256,
        lock_timeout,
        dry_run,
        yes,
        quiet,
        assume_no_server,
        reach,
        size_limit or None,
    )
    return _run(request, as_json=as_json)


def _run(request: Request, *, as_json: bool) -> int:
    try:
        result = _carry_out(request, silent=as_json)
    except REFUSALS as error:
        if as_json:
            put_json(document(request, Result(), error))
        if not isinstance(error, ForensicsError) or caught_by_others():
            raise
        report(request, error)
        return error.exit_code
    try:
        if as_json:
            put_json(document(request, result, result.failure))
        else:
            tell(request, result)
    except WriteError as error:
        passage = result.outcome.passage if result.outcome else None
        if passage is not None and passage.moved_aside is not None:
            raise PartlyDoneError("kill", f"the file is moved aside, but {error}") from error
        if passage is not None and passage.applied:
            raise PartlyDoneError("kill", f"the sessions are gone, but {error}") from error
        raise
    return result.exit_code


def _carry_out(request: Request, *, silent: bool) -> Result:
    if request.yes and not request.dry_run:
        return _go(request)
    try:
        with working("kill", quiet=request.quiet):
            plan = _preview(request)
    except EvidenceError as problem:
        if not (request.all_sessions and bf.is_beyond_reading(problem)):
            raise
        return _offer_aside(request, problem)
    if plan is None or not plan.session_ids:
        return Result(plan, had_snapshot=plan is not None)
    with working("kill", quiet=request.quiet):
        _ = plan.after  # what can't be written back is refused before anybody is asked
    if request.dry_run:
        if not silent:
            show(plan)
        return Result(plan)
    _ask(f"Kill {several(len(plan.session_ids), 'session')} in {plan.snapshot.name}?", plan)
    return Result(plan, _applied(plan, request))


def _applied(plan: bf.KillPlan, request: Request) -> bf.KillOutcome:
    with working("kill", quiet=request.quiet):
        return bf.apply_kill(
            plan, lock_timeout=request.lock_timeout, assume_no_server=request.assume_no_server
        )


def _go(request: Request) -> Result:
    with working("kill", quiet=request.quiet):
        outcome = bf.kill(
            request.path,
            **request.aim,
            lock_timeout=request.lock_timeout,
            assume_no_server=request.assume_no_server,
        )
    return Result(outcome.plan, outcome, outcome.had_snapshot)


def _preview(request: Request) -> bf.KillPlan | None:
    if request.path is None and not bf.has_own_snapshot():
        if request.selectors:
            raise NoSuchSessionError.of(request.selectors, str(bf.find_paths().snapshot))
        return None
    return bf.preview_kill(request.path, **request.aim)


def _offer_aside(request: Request, problem: EvidenceError) -> Result:
    """Say that the file would be moved aside, and do it if a person agrees."""
    if request.dry_run:
        return Result(note=f"would be moved aside, never deleted: {problem}")
    # Whoever agrees agrees to these bytes: a snapshot that was saved meanwhile is another matter.
    path = (request.path or bf.find_paths().snapshot).absolute()
    seen = bf.open_snapshot(path, size_limit=request.size_limit)
    if not seen.problems:
        raise problem
    _ask(f"{problem}. Move the file aside, so that bmux starts afresh?")
    return _go(dataclasses.replace(request, expect_sha256=seen.sha256))


def _ask(question: str, plan: bf.KillPlan | None = None) -> None:
    """Ask at the terminal, below the plan: standard output may lead elsewhere."""
    refusal = ConfirmationNeededError(
        "kill", "nobody to ask at this terminal", expected="--yes", advice="add it to go ahead"
    )
    below = (lambda: show(plan, err=True)) if plan is not None else None
    if not confirm(question, refusal, below):
        raise DeclinedError("kill", "the answer was no", advice="nothing was changed")
