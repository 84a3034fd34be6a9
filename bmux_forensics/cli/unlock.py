"""``unlock``: look at a snapshot's lock, and break it when its holder is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import bmux_forensics as bf
from bmux_forensics.cli.asking import confirm
from bmux_forensics.cli.options import JSON, SCHEMA, SNAPSHOT, YES
from bmux_forensics.cli.output import put, put_json
from bmux_forensics.errors import ConfirmationNeededError, DeclinedError


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
    found = bf.inspect_lock(snapshot)
    if found.exists and not as_json:
        put(f"lock {found.path}: {_facts(found)}")
    try:
        broken = bf.unlock(snapshot, confirmed=yes, force=force, inspected=found)
    except ConfirmationNeededError as needed:
        if not confirm("Break this lock?", needed):
            raise DeclinedError("unlock", "the answer was no", advice="the lock stays") from None
        broken = bf.unlock(snapshot, confirmed=True, force=force, inspected=found)
    if as_json:
        put_json(_document(broken))
    else:
        put(f"unlocked: {broken.path}" if broken.exists else "no lock")
    return 0


def _facts(state: bf.LockState) -> str:
    age = "" if state.age is None else f", {state.age:.0f} s old"
    return f"{state.kind}{age}, owned by user {state.uid}; {state.why}"


def _document(state: bf.LockState) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "path": str(state.path),
        "unlocked": state.exists,
        "kind": state.kind,
        "pid": state.pid,
        "holder_alive": state.holder_alive,
        "age": state.age,
        "uid": state.uid,
        "why": state.why,
    }
