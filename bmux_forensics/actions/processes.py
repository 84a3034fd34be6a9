"""Whose are the processes that a snapshot names, which strayed, and what ending them will do."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pandas as pd

from bmux_forensics.actions.custody_reading import owner_of
from bmux_forensics.actions.opening import SIZE_LIMIT, STDIN, open_snapshot
from bmux_forensics.actions.saving import oldest_save
from bmux_forensics.actions.serving import server_of, why_not_now
from bmux_forensics.host.census import Census, take_census
from bmux_forensics.host.ending import EndingProgress, end_groups
from bmux_forensics.host.ending_plan import EndingOptions, plan_ending
from bmux_forensics.host.paths import SNAPSHOT_NAME, find_paths
from bmux_forensics.host.server import ServerFinding
from bmux_forensics.host.strays import find_strays
from bmux_forensics.host.verdicts import judge_groups
from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.tables.build import Tables

_CLAIM = (
    *("snapshot", "section", "runtime", "position", "session_id", "pane_id"),
    *("pgid", "shell", "last_known_cwd", "active_command"),
)


_DATA_DIR: Final = "BMUX_DATA_DIR"
_OTHER_BMUX: Final = "it lacks BMUX_DATA_DIR, which leads to this snapshot: another bmux's"

_PANES: Final = ("panes", "older_panes")
"""Where a snapshot names groups: a number in both sections may have two claimants."""


@dataclass(frozen=True)
class ProcessScene:
    """The processes of this machine at one moment, held against what a snapshot says.

    Parameters
    ----------
    path : Path
        The snapshot's file.
    verdicts : DataFrame
        As `bmux_forensics.host.verdicts.judge_groups`: one row a pane, those under the
        section id of older servers last.
    census : Census
        The look they were made from.
    servers : tuple of ServerFinding
        Live servers.
    """

    path: Path
    verdicts: pd.DataFrame = field(repr=False, compare=False)
    census: Census = field(repr=False, compare=False)
    servers: tuple[ServerFinding, ...] = ()
    _current: int = field(default=0, repr=False, compare=False, kw_only=True)

    @cached_property
    def strays(self) -> pd.DataFrame:
        """What is left of dead panes outside every recorded group: a row a process.

        A pane inherits the BMUX_DATA_DIR of its server. So where that variable leads to
        the snapshot, a process with bmux's environment but without it is another bmux's.
        """
        folder = _data_folder(self.path)
        strays = find_strays(self.verdicts, self.census, servers=self.servers, data_folder=folder)
        paths = find_paths()
        if paths.data_rule == _DATA_DIR and folder == Path(os.path.realpath(paths.data)):
            lacks = pd.Series(
                [bool(names) and _DATA_DIR not in names.split(",") for names in strays["markers"]],
                dtype=bool,
            )
            strays["endable"] &= ~lacks
            strays["reason"] = strays["reason"].mask(lacks, _OTHER_BMUX)
        return strays

    def ending(self, session_ids: Sequence[str], options: EndingOptions) -> pd.DataFrame:
        """Plan the end of the groups of some sessions; nothing is signalled."""
        ids = list(session_ids)
        current = self.verdicts.iloc[: self._current]  # bmux kills no pane of the older section
        wanted = current[current["session_id"].isin(ids)].reset_index(drop=True)
        # A doubtful one that only looks like a pane's is nobody's news but `processes`'.
        near = self.strays["endable"] | self.strays["origin"].isin(["session", "parentage"])
        theirs = self.strays["session_id"].isin(ids)
        strays = self.strays[theirs & near].reset_index(drop=True)
        return plan_ending(wanted, self.census, options, strays=strays)


def _data_folder(path: Path) -> Path | None:
    """Return the data folder that a snapshot lies in; a copy elsewhere lies in none."""
    place = Path(os.path.realpath(path))
    if place.name == SNAPSHOT_NAME and place.parent.name == "runtime":
        return place.parent.parent
    own = Path(os.path.realpath(find_paths().data))
    return own if place.is_relative_to(own) else None


def look_at_processes(
    snapshot: Snapshot,
    path: Path,
    tables: Tables | None = None,
    *,
    owner_uid: int | None = None,
) -> ProcessScene:
    """Judge every process group that a snapshot names; nothing is signalled.

    Parameters
    ----------
    snapshot : Snapshot
        The snapshot.
    path : Path
        Its file, there or not any more. When it was saved is the oldest moment that the
        journal or the file's time knows, never that of our own edit; of standard input
        neither that nor the owner is known, and no group is proven.
    tables : Tables, optional
        Its tables, where they are there already.
    owner_uid : int, optional
        Whose snapshot it is; by default the file's owner.

    Raises
    ------
    ProcessesUnsupportedError
        There are no process groups here.
    """
    owner = owner_uid if owner_uid is not None or str(path) == STDIN else owner_of(path)
    saved = oldest_save(path, snapshot)
    servers = server_of(path).live
    claims, current = _claims(tables or Tables([snapshot]))
    numbers = [int(n) for n in claims["pgid"].dropna().unique() if n > 1]
    census = take_census(owner_uids=[] if owner is None else [owner], groups=numbers)
    pids = [server.pid for server in servers if server.pid is not None]
    verdicts = judge_groups(
        claims,
        census,
        saved_at=None if saved is None else pd.Timestamp(saved),
        owner_uid=owner,
        server_pids=pids,
    )
    return ProcessScene(path, verdicts, census, servers, _current=current)


def _claims(tables: Tables) -> tuple[pd.DataFrame, int]:
    """Return every pane's claim, and how many are of the section that a kill goes by."""
    parts = []
    for name in _PANES:
        panes = tables[name]
        claims = pd.DataFrame({column: panes[column] for column in _CLAIM})
        runtimes = tables[name.replace("panes", "runtimes")]
        # A row may name its session by 16 byte values: its processes are that session's.
        owners = dict(zip(runtimes["position"], runtimes["owner_id"], strict=True))
        claims["session_id"] = claims["runtime"].map(owners).astype("str")
        parts.append(claims)
    return pd.concat(parts, ignore_index=True), len(parts[0])


def processes(
    path: str | Path | None = None, *, size_limit: int | None = SIZE_LIMIT
) -> ProcessScene:
    """Judge every process group that a snapshot file names; nothing is signalled.

    Parameters
    ----------
    path : path-like, optional
        The snapshot; by default bmux's own.
    size_limit : int or None
        Refuse a file with more bytes than this; None lifts the limit.

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
    snapshot = open_snapshot(path, size_limit=size_limit)
    tables = Tables([snapshot])
    if snapshot.envelope_problem is not None:
        raise snapshot.envelope_problem
    return look_at_processes(snapshot, Path(path or find_paths().snapshot), tables)


def end_as_planned(
    ending: pd.DataFrame,
    path: Path,
    grace: float,
    *,
    assume_no_server: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[dict[str, Any]]:
    """End groups as a plan says, unless a server came up meanwhile; a row a group.

    Parameters
    ----------
    ending : DataFrame
        As `bmux_forensics.host.ending_plan.plan_ending`.
    path : Path
        The snapshot, changed already.
    grace : float
        Seconds to watch after TERM, before KILL.
    assume_no_server : bool
        Go ahead although it can't be told whether a server owns the file.
    on_progress : callable, optional
        Called with how many of the groups have gone, and of how many.
    """
    if ending.empty:
        return []
    why = why_not_now(path, assume_none=assume_no_server)
    if why is not None:
        return outcome_rows(left_alone(ending, why))

    def tell(now: EndingProgress) -> None:
        if on_progress is not None:
            on_progress(now.groups - now.left, now.groups)

    return outcome_rows(end_groups(ending, grace=grace, on_progress=tell))


def left_alone(ending: pd.DataFrame, why: str | pd.Series[str]) -> pd.DataFrame:
    """Return the outcomes of a plan that is not carried out, for a reason."""
    meant = ending["hang_up"] | ending["terminate"] | ending["kill"]
    detail = ending["reason"].mask(meant, why)
    return ending.assign(outcome="skipped", ok=~meant, survivors=ending["members"], detail=detail)


def outcome_rows(outcomes: pd.DataFrame) -> list[dict[str, Any]]:
    """Return outcomes as plain rows, nothing as None."""
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
        names = ("session_id", "pane_id", "role", "verdict", "signals")
        facts = {name: group[name] for name in names}
        facts["pgid"], facts["sid"] = int(group["pgid"]), int(group["sid"])
        rows += [
            {**facts, "pid": i.pid, "started": i.started, "since_boot": i.since_boot, "uid": i.uid}
            for i in group["identities"]
        ]
    return [{k: None if _missing(v) else v for k, v in row.items()} for row in rows]


def _missing(value: object) -> bool:
    return bool(pd.isna(value))  # type: ignore[call-overload]  # the cells are scalars
