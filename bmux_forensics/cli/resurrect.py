"""``resurrect``: bring a session back from an older snapshot, with all that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

import bmux_forensics as bf
from bmux_forensics.cli.asking import confirm
from bmux_forensics.cli.endings import REFUSALS, Interrupted, failure
from bmux_forensics.cli.findings import put_changes, put_text
from bmux_forensics.cli.options import (
    ASSUME_NO_SERVER,
    DRY_RUN,
    EXPECT_SHA256,
    JSON,
    LOCK_TIMEOUT,
    QUIET,
    SCHEMA,
    SIZE_LIMIT,
    YES,
)
from bmux_forensics.cli.output import put, put_json
from bmux_forensics.cli.passages import tell_passage
from bmux_forensics.cli.working import working
from bmux_forensics.errors import (
    ConfirmationNeededError,
    DeclinedError,
    PartlyDoneError,
    WriteError,
    path_text,
)


@dataclass(frozen=True)
class _Request:
    """What the command line asks for."""

    source: str
    into: Path | None
    wish: dict[str, Any]
    way: dict[str, Any]
    dry_run: bool
    yes: bool
    silent: bool
    quiet: bool


@click.command(name="resurrect")
@click.argument("session", metavar="SESSION")
@click.option(
    "--from", "source", metavar="SNAPSHOT", required=True, help="The snapshot that has the session."
)
@click.option(
    "--into",
    type=click.Path(readable=False, path_type=Path),
    metavar="SNAPSHOT",
    help="The snapshot file it comes back to; by default bmux's own.",
)
@click.option("--as", "name", metavar="NAME", help="Bring it back under another name.")
@DRY_RUN
@YES
@JSON
@EXPECT_SHA256
@LOCK_TIMEOUT
@ASSUME_NO_SERVER
@SIZE_LIMIT
@QUIET
def command(  # noqa: PLR0913 - one parameter an option
    session: str,
    *,
    source: str,
    into: Path | None,
    name: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    expect_sha256: str | None,
    lock_timeout: float,
    assume_no_server: bool,
    size_limit: int,
    quiet: bool,
) -> int:
    """Bring a session back from another snapshot: its panes, layout, contexts and tab place.

    SESSION is the id, exact name, or start of the id that it has in that snapshot, which may
    be compressed. Process groups, gone clients and selections stay behind. An id that is
    taken is refused, and a name too unless --as gives another one; so is a result that a
    server would not bring back whole. The plan is shown and asked about, unless --yes is given.
    """
    wish = {"name": name, "expect_sha256": expect_sha256, "size_limit": size_limit or None}
    way = {"lock_timeout": lock_timeout, "assume_no_server": assume_no_server}
    request = _Request(
        source, into, {"selector": session, **wish}, way, dry_run, yes, as_json, quiet
    )
    plan = passage = None
    try:
        plan, passage = _carried_out(request)
    except REFUSALS as error:
        if as_json:
            put_json(_document(request, plan, None, error))
        raise
    try:
        if as_json:
            put_json(_document(request, plan, passage, None))
        else:
            _tell(request, plan, passage)
    except WriteError as error:
        if passage is None:
            raise
        raise PartlyDoneError("resurrect", f"the session is back, but {error}") from error
    return 0


def _carried_out(request: _Request) -> tuple[bf.ResurrectionPlan, bf.Passage | None]:
    wish = {**request.wish, "source": request.source, "into": request.into}
    if request.yes and not request.dry_run:
        with working("resurrect", quiet=request.quiet):
            outcome = bf.resurrect(**wish, **request.way)
        return outcome.plan, outcome.passage
    with working("resurrect", quiet=request.quiet):
        plan = bf.preview_resurrection(**wish)
        _ = plan.after  # what can't be written or restored is refused before anybody is asked
    if request.dry_run:
        return plan, None
    refusal = ConfirmationNeededError(
        "resurrect", "nobody to ask at this terminal", expected="--yes", advice="add it to go ahead"
    )
    question = f"Bring this session back into {plan.snapshot.name}?"
    if not confirm(question, refusal, lambda: _show(plan, err=True)):
        raise DeclinedError("resurrect", "the answer was no", advice="nothing was changed")
    with working("resurrect", quiet=request.quiet):
        return plan, bf.apply_resurrection(plan, **request.way).passage


def _tell(request: _Request, plan: bf.ResurrectionPlan, passage: bf.Passage | None) -> None:
    if request.yes or request.dry_run:  # whoever was asked has seen it
        _show(plan)
    done = "resurrected" if passage is not None else "would resurrect"
    put(f"{done} session: {plan.session_id}")
    if passage is None or request.quiet:
        return
    tell_passage(passage)


def _show(plan: bf.ResurrectionPlan, *, err: bool = False) -> None:
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    put_changes(plan.changes, err=err)
    for row in records(plan.forecast):
        put_text(f"after: {bf.forecast_line(row)}", err=err)


def _document(
    request: _Request,
    plan: bf.ResurrectionPlan | None,
    passage: bf.Passage | None,
    error: BaseException | None,
) -> dict[str, Any]:
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    applied = None if isinstance(error, Interrupted) else passage is not None and passage.applied
    return {
        "schema": SCHEMA,
        **failure(error),
        "snapshot": path_text(request.into or bf.find_paths().snapshot),
        "source": path_text(request.source),
        "session_id": plan.session_id if plan else None,
        "name": plan.name if plan else None,
        "applied": applied,
        "sha256_before": plan.snapshot.sha256 if plan else None,
        "sha256_after": plan.after.sha256 if plan else None,
        "backup": path_text(passage.backup) if passage and passage.backup else None,
        "entry": passage.entry if passage else None,
        "plan": records(plan.changes) if plan else [],
        "restore_after": records(plan.forecast) if plan else [],
    }
