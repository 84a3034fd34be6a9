"""Finish a kill that was cut short after its file was changed: end the processes it meant.

What it meant stands in the journal, process by process: number, start and user. A group
is ended only if it is proven anew to be the old snapshot's *and* one of those processes
is still in it; nobody but those is signalled first, whatever else the group holds now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bmux_forensics.actions.custody_facts import group_facts
from bmux_forensics.actions.custody_reading import (
    is_unaccounted,
    known_changes,
    owner_of,
    resolved,
)
from bmux_forensics.actions.custody_record import PROCESSES, Recorded
from bmux_forensics.actions.kill_plan import Reach
from bmux_forensics.actions.processes import (
    end_as_planned,
    left_alone,
    look_at_processes,
    outcome_rows,
)
from bmux_forensics.actions.serving import require_no_server
from bmux_forensics.actions.undo_source import old_bytes
from bmux_forensics.errors import ForensicsError, path_text
from bmux_forensics.host.identity import Identity
from bmux_forensics.host.paths import find_paths
from bmux_forensics.snapshot.document import read_snapshot
from bmux_forensics.store.journal import append

if TYPE_CHECKING:
    import pandas as pd


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
        What became of each group that the kill meant to end.
    problem : ForensicsError or None
        Why nothing could be proven, and so nothing was signalled.
    notes : tuple of str
        What could not be journalled.
    """

    id: str
    file: Path
    groups: tuple[dict[str, Any], ...] = ()
    problem: ForensicsError | None = None
    notes: tuple[str, ...] = ()


def unfinished(path: str | Path | None = None) -> list[Recorded]:
    """Return the kills of a snapshot whose processes nobody has accounted for.

    A kill that found a server and left its processes alone is among them.
    """
    file = resolved(path if path is not None else find_paths().snapshot)
    changes = known_changes(owner_of(file))
    return [change for change in changes if change.file == file and is_unaccounted(change)]


def resume(
    path: str | Path | None = None,
    *,
    reach: Reach | None = None,
    dry_run: bool = False,
    assume_no_server: bool = False,
) -> list[Resumed]:
    """End the processes of kills that were cut short, after proving anew whose they are.

    The old bytes are read from the kill's backup, its processes are judged again as they
    are now, and of the groups that are confirmed those are ended that the journal names
    and that still hold a process that it names.

    Parameters
    ----------
    path : path-like, optional
        The snapshot; by default bmux's own. It need not be there any more.
    reach : Reach, optional
        How far ending goes beyond what the kill itself was to do, and its grace.
    dry_run : bool
        Signal nobody and write nothing; the groups say what they would get.
    assume_no_server : bool
        Go ahead although it can't be told whether a server owns the file.

    Returns
    -------
    list of Resumed
        One for each such kill, oldest first; empty when there is none.

    Raises
    ------
    ServerLiveError
        A server owns the file, or that can't be told; nothing was signalled.
    """
    changes = unfinished(path)
    for file in {change.file for change in changes}:
        require_no_server(file, assume_none=assume_no_server)
    asked = reach or Reach()
    return [
        _finish(change, asked, dry_run=dry_run, assume_no_server=assume_no_server)
        for change in changes
    ]


def _finish(change: Recorded, asked: Reach, *, dry_run: bool, assume_no_server: bool) -> Resumed:
    owner = owner_of(change.file)
    try:
        ending = _planned(change, asked, owner)
    except ForensicsError as problem:
        return Resumed(change.id, change.file, problem=problem)
    if dry_run:
        would = "would get " + ending["signals"]
        return Resumed(change.id, change.file, tuple(outcome_rows(left_alone(ending, would))))
    groups = end_as_planned(ending, change.file, asked.grace, assume_no_server=assume_no_server)
    notes = []
    try:
        append(PROCESSES, {"of": change.id, "groups": group_facts(groups)}, uid=owner)
    except ForensicsError as trouble:
        notes.append(f"done, but the journal could not be told: {trouble}")
    return Resumed(change.id, change.file, tuple(groups), notes=tuple(notes))


def _planned(change: Recorded, asked: Reach, owner: int | None) -> pd.DataFrame:
    """Plan the end of the groups that a kill meant, of what is still in them."""
    source = old_bytes(change, owner)
    old = read_snapshot(source.data, path_text(change.file))
    scene = look_at_processes(old, change.file, owner_uid=source.like.uid)
    ending = scene.ending(change.sessions, _as_far(asked, change.groups).options())
    meant: dict[Any, list[Identity]] = {}
    for group in change.groups:
        identity = _identity(group)
        if identity is not None:
            meant.setdefault(group.get("pgid"), []).append(identity)
    ending = ending[ending["pgid"].isin(list(meant))].reset_index(drop=True)
    rows = [_narrowed(row, meant[row["pgid"]]) for row in ending.to_dict("records")]
    for name in ("identities", "hang_up", "terminate", "kill", "signals", "reason"):
        ending[name] = [row[name] for row in rows]
    return ending


def _as_far(asked: Reach, groups: Sequence[Mapping[str, Any]]) -> Reach:
    """Return a reach that goes as far as the kill did, and no less far than is asked."""

    def signals(role: str) -> list[str]:
        return [str(group.get("signals", "")) for group in groups if group.get("role") == role]

    return replace(
        asked,
        whole_session=asked.whole_session or any("TERM" in s for s in signals("session")),
        include_plausible=asked.include_plausible
        or any(group.get("verdict") == "plausible" for group in groups),
        include_strays=asked.include_strays or bool(signals("stray")),
    )


def _identity(group: Mapping[str, Any]) -> Identity | None:
    pid, uid = group.get("pid"), group.get("uid")
    started, since_boot = group.get("started"), group.get("since_boot")
    if type(pid) is not int or type(uid) is not int:
        return None
    if not isinstance(started, float | int) or not isinstance(since_boot, float | int):
        return None
    return Identity(pid, float(started), float(since_boot), uid)


def _narrowed(row: Mapping[Any, Any], meant: Sequence[Identity]) -> dict[Any, Any]:
    """Keep of a group the processes that the journal names; without one it is not meant."""
    same = tuple(i for i in row["identities"] if any(i.is_same(other) for other in meant))
    if same or not row["identities"]:
        return {**row, "identities": same}
    nothing = {"hang_up": False, "terminate": False, "kill": False, "signals": ""}
    reason = "none of the processes that the kill meant is in it any more"
    return {**row, **nothing, "identities": (), "reason": reason}
