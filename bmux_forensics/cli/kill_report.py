"""What `kill` says: the plan before, the outcome after, and the JSON object for programs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import bmux_forensics as bf
from bmux_forensics.cli.endings import caught_by_others, failure
from bmux_forensics.cli.options import SCHEMA, nothing_here
from bmux_forensics.cli.output import put, put_rows, say
from bmux_forensics.cli.process_rows import (
    groups_of,
    other_groups,
    planned,
    show_ending,
    survival,
    tell_processes,
)
from bmux_forensics.errors import (
    ForensicsError,
    NoSuchSessionError,
    PartlyDoneError,
    path_text,
    several,
)

_SHOWN: Final = ("action", "table", "key", "column", "cause")


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    path: Path | None
    selectors: tuple[str, ...]
    all_sessions: bool
    scrub: bool
    expect_sha256: str | None
    lock_timeout: float
    dry_run: bool
    yes: bool
    quiet: bool
    assume_no_server: bool
    reach: bf.Reach
    size_limit: int | None

    @property
    def aim(self) -> dict[str, Any]:
        """What a kill and its preview are told alike: which sessions, and how far it goes."""
        return {
            "selectors": self.selectors,
            "all_sessions": self.all_sessions,
            "scrub": self.scrub,
            "reach": self.reach,
            "expect_sha256": self.expect_sha256,
            "size_limit": self.size_limit,
        }


@dataclass(frozen=True)
class Result:
    """What is to be told: a plan, and what became of it unless it was a dry run."""

    plan: bf.KillPlan | None = None
    outcome: bf.KillOutcome | None = None
    had_snapshot: bool = True
    note: str = ""

    @property
    def failure(self) -> PartlyDoneError | None:
        """What is to be said when a process outlived what was done about it (exit code 5)."""
        return survival(self.outcome)

    @property
    def exit_code(self) -> int:
        """What the program ends with."""
        return self.failure.exit_code if self.failure else 0


def show(plan: bf.KillPlan, *, err: bool = False) -> None:
    """Show what the plan changes, and what happens to processes."""
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    changes = plan.changes
    shown = changes[~changes["contained"]]
    rows = [[row[name] for name in _SHOWN] for row in records(shown)]
    title = f"What killing {several(len(plan.session_ids), 'session')} does"
    put_rows(_SHOWN, rows, title=title, err=err, short_ids=True)
    inside = len(changes) - len(shown)
    if inside:
        say(f"and {inside} rows that stand inside these")
    show_ending(plan, err=err)


def tell(request: Request, result: Result) -> None:
    """Say what was done, or would be."""
    plan, outcome = result.plan, result.outcome
    if outcome is not None and outcome.passage.moved_aside is not None:
        put(f"moved aside: {path_text(outcome.passage.moved_aside)}")
    elif result.note:
        put(result.note)
    elif plan is None or not plan.session_ids:
        put("no sessions")
    else:
        verb = "would kill" if outcome is None else "killed"
        for session_id in plan.session_ids:
            put(f"{verb} session: {session_id}")
    if not request.quiet:
        _tell_more(result)


def _tell_more(result: Result) -> None:
    if not result.had_snapshot:
        say(nothing_here())
    if result.outcome is None:
        return
    for note in result.outcome.passage.notes:
        say(note)
    if result.outcome.passage.backup is not None:
        say(f"the old bytes are kept in {path_text(result.outcome.passage.backup)}")
    tell_processes(result.plan, result.outcome)
    if result.failure:
        say(f"bmux-forensics: {result.failure}")


def report(request: Request, error: ForensicsError) -> None:
    """Say on standard error why nothing was done."""
    if isinstance(error, NoSuchSessionError):
        for selector in error.selectors:
            say(f"session not found: {selector}")
        if not (request.quiet or request.path or bf.has_own_snapshot()):
            say(nothing_here())
    else:
        say(f"bmux-forensics: {error}")
    for note in getattr(error, "__notes__", ()):  # what became of earlier changes
        say(note)


def document(request: Request, result: Result, error: BaseException | None) -> dict[str, Any]:
    """Return the JSON object, whichever way the run ended."""
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    plan, outcome = result.plan, result.outcome
    path = request.path or bf.find_paths().snapshot
    passage = outcome.passage if outcome else None
    before = passage.sha256_before if passage else plan.snapshot.sha256 if plan else None
    after = passage.sha256_after if passage else _would_be(plan)
    failed = error is not None and result.outcome is None
    half_way = error is not None and (
        caught_by_others() is not None
        or not isinstance(error, ForensicsError)
        or isinstance(error, PartlyDoneError)
    )
    return {
        "schema": SCHEMA,
        **failure(error),
        "snapshot": path_text(path),
        "had_snapshot": os.path.lexists(path) if failed else result.had_snapshot,
        # What ended it may have come before the rename or after it.
        "applied": passage.applied if passage else None if half_way else False,
        "moved_aside": path_text(passage.moved_aside) if passage and passage.moved_aside else None,
        "removed_session_ids": list(plan.session_ids) if plan else [],
        "removed_context_ids": list(plan.context_ids) if plan else [],
        "process_groups": groups_of(plan, outcome),
        "other_process_groups": other_groups(outcome),
        "process_plan": planned(plan),
        "sha256_before": before,
        "sha256_after": after,
        "backup": path_text(passage.backup) if passage and passage.backup else None,
        "plan": records(plan.changes) if plan else [],
    }


def _would_be(plan: bf.KillPlan | None) -> str | None:
    if plan is None:
        return None
    return plan.after.sha256 if plan.session_ids else plan.snapshot.sha256
