"""Whose are the processes that a snapshot names, which strayed, and what ending them will do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from bmux_forensics.actions.saving import oldest_save
from bmux_forensics.actions.serving import server_of
from bmux_forensics.actions.tables import load_tables
from bmux_forensics.host.census import Census, take_census
from bmux_forensics.host.ending import end_groups
from bmux_forensics.host.ending_plan import EndingOptions, plan_ending
from bmux_forensics.host.paths import find_paths
from bmux_forensics.host.server import ServerFinding
from bmux_forensics.host.strays import find_strays
from bmux_forensics.host.verdicts import judge_groups
from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.tables.build import Tables

_CLAIM = (
    *("snapshot", "section", "runtime", "position", "session_id", "pane_id"),
    *("pgid", "shell", "last_known_cwd", "active_command"),
)


@dataclass(frozen=True)
class ProcessScene:
    """The processes of this machine at one moment, held against what a snapshot says.

    Parameters
    ----------
    path : Path
        The snapshot's file.
    verdicts : DataFrame
        As `bmux_forensics.host.verdicts.judge_groups`: one row a pane.
    census : Census
        The look they were made from.
    servers : tuple of ServerFinding
        Live servers.
    """

    path: Path
    verdicts: pd.DataFrame = field(repr=False, compare=False)
    census: Census = field(repr=False, compare=False)
    servers: tuple[ServerFinding, ...] = ()

    @cached_property
    def strays(self) -> pd.DataFrame:
        """What is left of dead panes outside every recorded group: a row a process."""
        own = find_paths().data
        data = own if self.path.is_relative_to(own) else None
        return find_strays(self.verdicts, self.census, servers=self.servers, data_folder=data)

    def ending(self, session_ids: Sequence[str], options: EndingOptions) -> pd.DataFrame:
        """Plan the end of the groups of some sessions; nothing is signalled."""
        ids = list(session_ids)
        wanted = self.verdicts[self.verdicts["session_id"].isin(ids)].reset_index(drop=True)
        strays = self.strays[self.strays["session_id"].isin(ids)].reset_index(drop=True)
        return plan_ending(wanted, self.census, options, strays=strays)


def look_at_processes(snapshot: Snapshot, path: Path, tables: Tables | None = None) -> ProcessScene:
    """Judge every process group that a snapshot names; nothing is signalled.

    Parameters
    ----------
    snapshot : Snapshot
        The snapshot.
    path : Path
        Its file: the owner is the file's, and the moment of saving the oldest that the
        journal or the file's time knows, never that of our own edit.
    tables : Tables, optional
        Its tables, where they are there already.

    Raises
    ------
    ProcessesUnsupportedError
        There are no process groups here.
    """
    owner = path.stat().st_uid
    saved = pd.Timestamp(oldest_save(path, snapshot))
    servers = server_of(path).live
    panes = (tables or Tables([snapshot]))["panes"]
    claims = pd.DataFrame({name: panes[name] for name in _CLAIM})
    numbers = [int(n) for n in claims["pgid"].dropna().unique() if n > 1]
    census = take_census(owner_uids=[owner], groups=numbers)
    pids = [server.pid for server in servers if server.pid is not None]
    verdicts = judge_groups(claims, census, saved_at=saved, owner_uid=owner, server_pids=pids)
    return ProcessScene(path, verdicts, census, servers)


def processes(path: str | Path | None = None) -> ProcessScene:
    """Judge every process group that a snapshot file names; nothing is signalled.

    Parameters
    ----------
    path : path-like, optional
        The snapshot; by default bmux's own.

    Returns
    -------
    ProcessScene
        With the tables `verdicts` and `strays`.

    Raises
    ------
    EvidenceError
        The file can't be read, or is no snapshot.
    ProcessesUnsupportedError
        There are no process groups here.
    """
    tables = load_tables(*([] if path is None else [path]))
    (snapshot,) = tables.snapshots
    if snapshot.envelope_problem is not None:
        raise snapshot.envelope_problem
    return look_at_processes(snapshot, Path(path or find_paths().snapshot), tables)


def end_as_planned(ending: pd.DataFrame, path: Path, grace: float) -> list[dict[str, Any]]:
    """End groups as a plan says, unless a server came up meanwhile; a row a group.

    Parameters
    ----------
    ending : DataFrame
        As `bmux_forensics.host.ending_plan.plan_ending`.
    path : Path
        The snapshot, changed already.
    grace : float
        Seconds to watch after TERM, before KILL.
    """
    server = server_of(path)
    if server.state == "live":
        skipped = ending.assign(outcome="skipped", ok=False, survivors=ending["members"])
        return _rows(skipped.assign(detail=f"a bmux server came up: {server.reason}"))
    return _rows(end_groups(ending, grace=grace))


def _rows(outcomes: pd.DataFrame) -> list[dict[str, Any]]:
    names = ("session_id", "pane_id", "pgid", "role", "verdict")
    frame = outcomes[[*names, "outcome", "ok", "survivors", "detail"]]
    return [
        {str(name): None if _missing(value) else value for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def journalled(ending: pd.DataFrame) -> list[dict[str, Any]]:
    """Return what the journal keeps of a plan to end groups: a row a process."""
    rows = []
    for group in ending.to_dict("records"):
        if not (group["hang_up"] or group["terminate"]):
            continue
        facts = {name: group[name] for name in ("session_id", "pane_id", "role", "verdict")}
        facts["pgid"], facts["sid"] = int(group["pgid"]), int(group["sid"])
        rows += [
            {**facts, "pid": i.pid, "started": i.started, "since_boot": i.since_boot, "uid": i.uid}
            for i in group["identities"]
        ]
    return [{k: None if _missing(v) else v for k, v in row.items()} for row in rows]


def _missing(value: object) -> bool:
    return bool(pd.isna(value))  # type: ignore[call-overload]  # the cells are scalars
