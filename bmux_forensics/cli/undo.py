"""``undo``: take a change back, shown first; the exact old bytes, mode, owner and time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import bmux_forensics as bf
from bmux_forensics.cli.asking import confirm
from bmux_forensics.cli.endings import REFUSALS, failure
from bmux_forensics.cli.history import local_time
from bmux_forensics.cli.options import (
    ASSUME_NO_SERVER,
    JSON,
    LOCK_TIMEOUT,
    QUIET,
    SCHEMA,
    SNAPSHOT,
    YES,
)
from bmux_forensics.cli.output import put, put_json, say
from bmux_forensics.cli.working import working
from bmux_forensics.errors import (
    ConfirmationNeededError,
    DeclinedError,
    PartlyDoneError,
    WriteError,
    path_text,
)

_WAYS = {
    "replace": "the old bytes are put in its place",
    "make": "it is gone, and is made anew",
    "put back": "it is put back from where it was moved",
    "move aside": "it is moved aside, for there was none before",
}


@click.command(name="undo")
@click.argument("change", default="last", metavar="[ID|last]")
@SNAPSHOT
@click.option(
    "--discard-later-changes",
    "discard",
    is_flag=True,
    help="Go ahead although the file has changed since; its bytes are backed up.",
)
@click.option("-n", "--dry-run", is_flag=True, help="Show what it would do and change nothing.")
@YES
@JSON
@LOCK_TIMEOUT
@ASSUME_NO_SERVER
@QUIET
def command(  # noqa: PLR0913 - one parameter an option
    change: str,
    *,
    snapshot: Path | None,
    discard: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    lock_timeout: float,
    assume_no_server: bool,
    quiet: bool,
) -> int:
    """Take back a change, by its id (see history), or the last one of a snapshot.

    Undoing twice goes back two steps. An undo is a change too: undo it by its id to
    have again what it took back.
    """
    plan = passage = None
    try:
        with working("undo", quiet=quiet):
            plan = bf.plan_undo(change, snapshot, discard_later_changes=discard)
        if not (yes or dry_run):
            _ask(plan)
        if not dry_run:
            with working("undo", quiet=quiet):
                passage = bf.apply_undo(
                    plan, lock_timeout=lock_timeout, assume_no_server=assume_no_server
                )
    except REFUSALS as error:
        if as_json:
            put_json(_document(plan, None, error))
        raise
    try:
        if as_json:
            put_json(_document(plan, passage, None))
        else:
            _tell(plan, passage, quiet=quiet)
    except WriteError as error:
        if passage is None:
            raise
        raise PartlyDoneError("undo", f"it is undone, but {error}") from error
    return 0


def _ask(plan: bf.UndoPlan) -> None:
    refusal = ConfirmationNeededError(
        "undo", "nobody to ask at this terminal", expected="--yes", advice="add it to go ahead"
    )
    if not confirm(f"Undo {_described(plan)}?", refusal):
        raise DeclinedError("undo", "the answer was no", advice="nothing was changed")


def _described(plan: bf.UndoPlan) -> str:
    text = f"{plan.verb} {plan.change} of {local_time(plan.when)}"
    text += f" in {path_text(plan.path)} ({_WAYS[plan.way]}"
    if plan.changed_since:
        text += "; what was changed since is discarded"
    return text + ")"


def _tell(plan: bf.UndoPlan, passage: bf.Passage | None, *, quiet: bool) -> None:
    if passage is None:
        put(f"would undo {_described(plan)}")
        return
    put(f"undone: {plan.verb} {plan.change}")
    if passage.moved_aside is not None:
        put(f"moved aside: {path_text(passage.moved_aside)}")
    if quiet:
        return
    for note in passage.notes:
        say(note)
    say(f"to have it again: bmux-forensics undo {passage.entry}")


def _is_half_way(error: BaseException | None) -> bool:
    if error is None:
        return False
    return isinstance(error, PartlyDoneError) or not isinstance(error, bf.ForensicsError)


def _document(
    plan: bf.UndoPlan | None, passage: bf.Passage | None, error: BaseException | None
) -> dict[str, Any]:
    kept = passage.backup if passage else None
    aside = passage.moved_aside if passage else None
    return {
        "schema": SCHEMA,
        **failure(error),
        "snapshot": path_text(plan.path) if plan else None,
        "change": plan.change if plan else None,
        "verb": plan.verb if plan else None,
        "way": plan.way if plan else None,
        # What ended it may have come before the rename or after it.
        "applied": passage is not None or (None if _is_half_way(error) else False),
        "entry": passage.entry if passage else None,
        "sha256_before": plan.sha256_now if plan else None,
        "sha256_after": plan.sha256_restored if plan else None,
        "source": path_text(plan.source) if plan and plan.source else None,
        "backup": path_text(kept) if kept else None,
        "moved_aside": path_text(aside) if aside else None,
        "discards": list(plan.discards) if plan else [],
        "changed_since": plan.changed_since if plan else None,
        "notes": list(passage.notes) if passage else [],
    }
