"""``unlock``: look at a snapshot's lock, and break it when its holder is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import bmux_forensics as bf
from bmux_forensics.cli.asking import confirm
from bmux_forensics.cli.endings import REFUSALS, failure
from bmux_forensics.cli.options import JSON, SCHEMA, SNAPSHOT, YES
from bmux_forensics.cli.output import put, put_json
from bmux_forensics.errors import ConfirmationNeededError, DeclinedError, path_text


@click.command(name="unlock")
@SNAPSHOT
@click.option("--force", is_flag=True, help="Break it although nothing proves that it is stale.")
@YES
@JSON
def command(snapshot: Path | None, *, force: bool, yes: bool, as_json: bool) -> int:
    """Look at a snapshot's lock, and break it when its holder is gone.

    A lock that this tool made is broken when its process is proven gone; bmux's own bare
    one when that process number is dead and you confirm (--yes). Any other needs --force.
    """
    found = None
    try:
        found = bf.inspect_lock(snapshot)
        if found.exists and not as_json:
            put(f"lock {path_text(found.path)}: {_facts(found)}")
        broken = _break(snapshot, found, yes=yes, force=force)
    except REFUSALS as error:
        if as_json:
            put_json(_document(found, error))
        raise
    if as_json:
        put_json(_document(broken, None))
    else:
        put(f"unlocked: {path_text(broken.path)}" if broken.exists else "no lock")
    return 0


def _break(snapshot: Path | None, found: bf.LockState, *, yes: bool, force: bool) -> bf.LockState:
    try:
        return bf.unlock(snapshot, confirmed=yes, force=force, inspected=found)
    except ConfirmationNeededError as needed:
        if not confirm(f"Break this lock ({found.why})?", needed):
            raise DeclinedError("unlock", "the answer was no", advice="the lock stays") from None
        return bf.unlock(snapshot, confirmed=True, force=force, inspected=found)


def _facts(state: bf.LockState) -> str:
    age = "" if state.age is None else f", {state.age:.0f} s old"
    return f"{state.kind}{age}, owned by user {state.uid}; {state.why}"


def _document(state: bf.LockState | None, error: BaseException | None) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        **failure(error),
        "path": path_text(state.path) if state else None,
        "unlocked": error is None and state is not None and state.exists,
        "kind": state.kind if state else None,
        "pid": state.pid if state else None,
        "holder_alive": state.holder_alive if state else None,
        "age": state.age if state else None,
        "uid": state.uid if state else None,
        "why": state.why if state else None,
    }
