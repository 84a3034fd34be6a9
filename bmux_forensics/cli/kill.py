"""``kill``: sessions and all that goes with them, shown first, undone from a backup."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

import bmux_forensics as bf
from bmux_forensics.cli.asking import confirm
from bmux_forensics.cli.frames import records
from bmux_forensics.cli.options import JSON, LOCK_TIMEOUT, QUIET, SCHEMA, SNAPSHOT, YES
from bmux_forensics.cli.output import put, put_json, put_rows, say
from bmux_forensics.errors import (
    ConfirmationNeededError,
    DeclinedError,
    EvidenceError,
    ForensicsError,
    NoSuchSessionError,
)

_SHOWN = ("action", "table", "key", "column", "cause")


@dataclass(frozen=True)
class _Request:
    """What the command line asks for."""

    path: Path | None
    selectors: tuple[str, ...]
    all_sessions: bool
    scrub: bool
    expect_sha256: str | None
    lock_timeout: float
    dry_run: bool
    yes: bool


@click.command(name="kill")
@click.argument("selectors", nargs=-1, metavar="SELECTOR...")
@click.option("--all", "all_sessions", is_flag=True, help="Kill every session.")
@SNAPSHOT
@click.option("-n", "--dry-run", is_flag=True, help="Show the plan and change nothing.")
@YES
@JSON
@click.option("--scrub", is_flag=True, help="Also clean the references that bmux leaves dangling.")
@click.option("--expect-sha256", metavar="HEX", help="Refuse any other bytes than these.")
@LOCK_TIMEOUT
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
    lock_timeout: float,
    quiet: bool,
) -> int:
    """Kill sessions in a snapshot, and everything that goes with them.

    A SELECTOR is a session's id, its exact name, or the start of its id; the first of
    these that matches decides, and it must mean one session. Put -- before one that
    starts with a dash. The plan is shown and asked about, unless --yes is given.
    """
    if bool(selectors) == all_sessions:
        raise click.UsageError("Name sessions, or give --all (and not both).")
    request = _Request(
        snapshot, selectors, all_sessions, scrub, expect_sha256, lock_timeout, dry_run, yes
    )
    try:
        result = _carry_out(request, silent=as_json)
    except ForensicsError as error:
        if as_json:
            put_json(_document(request, _Result(), error))
        _report(error)
        return error.exit_code
    if as_json:
        put_json(_document(request, result, None))
    else:
        _tell(result, quiet=quiet)
    return 0


@dataclass(frozen=True)
class _Result:
    """What is to be told: a plan, and what became of it unless it was a dry run."""

    plan: bf.KillPlan | None = None
    outcome: bf.KillOutcome | None = None
    had_snapshot: bool = True
    note: str = ""


def _carry_out(request: _Request, *, silent: bool) -> _Result:
    if request.yes and not request.dry_run:
        return _go(request)
    try:
        plan = _preview(request)
    except EvidenceError as problem:
        if not (request.all_sessions and bf.is_beyond_reading(problem)):
            raise
        return _offer_aside(request, problem)
    if plan is None or not plan.session_ids:
        return _Result(plan, had_snapshot=plan is not None)
    _ = plan.after  # what can't be written back is refused before anybody is asked
    if not silent:
        _show(plan)
    if request.dry_run:
        return _Result(plan)
    _ask(f"Kill {len(plan.session_ids)} session(s) in {plan.snapshot.name}?")
    return _Result(plan, bf.apply_kill(plan, lock_timeout=request.lock_timeout))


def _go(request: _Request) -> _Result:
    outcome = bf.kill(
        request.path,
        request.selectors,
        all_sessions=request.all_sessions,
        scrub=request.scrub,
        expect_sha256=request.expect_sha256,
        lock_timeout=request.lock_timeout,
    )
    return _Result(outcome.plan, outcome, outcome.had_snapshot)


def _preview(request: _Request) -> bf.KillPlan | None:
    if request.path is None and not bf.has_own_snapshot():
        if request.selectors:
            raise NoSuchSessionError.of(request.selectors, str(bf.find_paths().snapshot))
        return None
    return bf.preview_kill(
        request.path,
        request.selectors,
        all_sessions=request.all_sessions,
        scrub=request.scrub,
        expect_sha256=request.expect_sha256,
    )


def _offer_aside(request: _Request, problem: EvidenceError) -> _Result:
    """Say that the file would be moved aside, and do it if a person agrees."""
    if request.dry_run:
        return _Result(note=f"would be moved aside, never deleted: {problem}")
    say(str(problem))
    _ask("No session can be read from it. Move the file aside, so that bmux starts afresh?")
    return _go(request)


def _ask(question: str) -> None:
    refusal = ConfirmationNeededError(
        "kill", "nobody to ask at this terminal", expected="--yes", advice="add it to go ahead"
    )
    if not confirm(question, refusal):
        raise DeclinedError("kill", "the answer was no", advice="nothing was changed")


def _show(plan: bf.KillPlan) -> None:
    changes = plan.changes
    shown = changes[~changes["contained"]]
    rows = [[row[name] for name in _SHOWN] for row in records(shown)]
    put_rows(_SHOWN, rows, title=f"What killing {len(plan.session_ids)} session(s) does")
    inside = len(changes) - len(shown)
    if inside:
        say(f"and {inside} rows that stand inside these")


def _tell(result: _Result, *, quiet: bool) -> None:
    plan, outcome = result.plan, result.outcome
    if outcome is not None and outcome.passage.moved_aside is not None:
        put(f"moved aside: {outcome.passage.moved_aside}")
    elif result.note:
        put(result.note)
    elif plan is None or not plan.session_ids:
        put("no sessions")
    else:
        verb = "would kill" if outcome is None else "killed"
        for session_id in plan.session_ids:
            put(f"{verb} session: {session_id}")
    if not quiet:
        _tell_more(result)


def _tell_more(result: _Result) -> None:
    if result.outcome is None:
        return
    if result.outcome.passage.backup is not None:
        say(f"the old bytes are kept in {result.outcome.passage.backup}")
    for group in _groups(result.plan):
        say(f"process group {group['pgid']} was left running: {group['verdict']}, skipped")


def _report(error: ForensicsError) -> None:
    if isinstance(error, NoSuchSessionError):
        for selector in error.selectors:
            say(f"session not found: {selector}")
    else:
        say(f"bmux-forensics: {error}")


def _groups(plan: bf.KillPlan | None) -> list[dict[str, Any]]:
    if plan is None:
        return []
    numbers = dict.fromkeys(plan.process_groups["pgid"].tolist())
    return [{"pgid": pgid, "verdict": "unknown", "outcome": "skipped"} for pgid in numbers]


def _document(request: _Request, result: _Result, error: ForensicsError | None) -> dict[str, Any]:
    plan, outcome = result.plan, result.outcome
    path = request.path or bf.find_paths().snapshot
    passage = outcome.passage if outcome else None
    before = passage.sha256_before if passage else plan.snapshot.sha256 if plan else None
    after = passage.sha256_after if passage else _would_be(plan)
    return {
        "schema": SCHEMA,
        "exit_code": error.exit_code if error else 0,
        "error": {"kind": error.kind, "message": str(error)} if error else None,
        "snapshot": str(path),
        "had_snapshot": result.had_snapshot if error is None else path.exists(),
        "applied": passage.applied if passage else False,
        "moved_aside": str(passage.moved_aside) if passage and passage.moved_aside else None,
        "removed_session_ids": list(plan.session_ids) if plan else [],
        "removed_context_ids": list(plan.context_ids) if plan else [],
        "process_groups": _groups(plan),
        "sha256_before": before,
        "sha256_after": after,
        "backup": str(passage.backup) if passage and passage.backup else None,
        "plan": records(plan.changes) if plan else [],
    }


def _would_be(plan: bf.KillPlan | None) -> str | None:
    if plan is None:
        return None
    return plan.after.sha256 if plan.session_ids else plan.snapshot.sha256
