"""Finish a kill that was cut short after its file was changed: end the processes it meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bmux_forensics.actions.custody import group_facts
from bmux_forensics.actions.custody_reading import known_changes, owner_of, resolved
from bmux_forensics.actions.custody_record import PROCESSES, STATES, Recorded
from bmux_forensics.actions.kill_plan import Reach
from bmux_forensics.actions.opening import snapshot_of
from bmux_forensics.actions.processes import end_as_planned, look_at_processes
from bmux_forensics.errors import ForensicsError, ProofError
from bmux_forensics.host.paths import find_paths
from bmux_forensics.store.journal import append
from bmux_forensics.store.process import is_gone
from bmux_forensics.store.reading import read_regular

_DONE = STATES["completed"]


@dataclass(frozen=True)
class Resumed:
    """What became of the processes of one kill.

    Parameters
    ----------
    id : str
        The kill, as the journal calls it.
    file : Path
        Its snapshot.
    groups : tuple of dict
        What became of each group; those that the journal does not name are left alone.
    problem : ForensicsError or None
        Why nothing could be proven, and so nothing was signalled.
    """

    id: str
    file: Path
    groups: tuple[dict[str, Any], ...] = ()
    problem: ForensicsError | None = None


def unfinished(path: str | Path | None = None) -> list[Recorded]:
    """Return the kills of a snapshot whose processes nobody has accounted for."""
    file = Path(path) if path is not None else find_paths().snapshot
    return [
        change
        for change in known_changes(owner_of(file))
        if change.file == resolved(file)
        and change.state == _DONE
        and change.groups
        and change.processes is None
        and is_gone(change.maker)
    ]


def resume(path: str | Path | None = None, *, reach: Reach | None = None) -> list[Resumed]:
    """End the processes of kills that were cut short, after proving anew whose they are.

    The old bytes are read from the kill's backup, its processes are judged again as they
    are now, and of the groups that are confirmed those are ended that the journal names.

    Parameters
    ----------
    path : path-like, optional
        The snapshot; by default bmux's own.
    reach : Reach, optional
        How far ending goes.

    Returns
    -------
    list of Resumed
        One for each such kill, oldest first; empty when there is none.
    """
    return [_finish(change, reach or Reach()) for change in unfinished(path)]


def _finish(change: Recorded, reach: Reach) -> Resumed:
    try:
        groups = _ended(change, reach)
    except ForensicsError as problem:
        return Resumed(change.id, change.file, problem=problem)
    facts = {"of": change.id, "groups": group_facts(groups)}
    append(PROCESSES, facts, uid=owner_of(change.file))
    return Resumed(change.id, change.file, tuple(groups))


def _ended(change: Recorded, reach: Reach) -> Sequence[dict[str, Any]]:
    if change.backup is None:
        raise ProofError(str(change.file), "no backup of that kill", expected="its old bytes")
    raw, identity = read_regular(change.backup)
    old = snapshot_of(raw, change.file, identity)
    if old.sha256 != change.before:
        raise ProofError(
            str(change.backup), f"sha256 {old.sha256}", expected=f"the old bytes, {change.before}"
        )
    scene = look_at_processes(old, change.file)
    ending = scene.ending(change.sessions, reach.options())
    meant = {group.get("pgid") for group in change.groups}
    named = ending[ending["pgid"].isin(meant)].reset_index(drop=True)
    return end_as_planned(named, change.file, reach.grace)
