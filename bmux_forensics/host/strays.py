"""Processes of dead panes that no snapshot has a number for.

A child that calls setsid leaves its pane's group and session; a job that ignores the
hang-up outlives its shell. Both keep what their server gave them: the environment, or
the session. That is evidence, not proof: a person may have exported bmux's variables in
an ordinary terminal. So each stray is listed with what speaks for it, and only one that
no living stranger's session holds may be ended.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pandas as pd

from bmux_forensics.host.origins import NO_ORIGIN, Origins
from bmux_forensics.host.rows import ProcessRow, process_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from bmux_forensics.host.census import Census
    from bmux_forensics.host.server import ServerFinding

STRAY_DTYPES: Final[Mapping[str, str]] = {
    "pid": "int64",
    "ppid": "Int64",
    "pgid": "Int64",
    "sid": "Int64",
    "uid": "Int64",
    "started_at": "datetime64[us, UTC]",
    "command": "str",
    "cwd": "str",
    "markers": "str",
    "runtime_name": "str",
    "session_leader": "str",
    "evidence": "str",
    "score": "float64",
    "endable": "bool",
    "reason": "str",
    "origin": "str",
    "snapshot": "str",
    "session_id": "str",
    "pane_id": "str",
    "claimed_pgid": "Int64",
}
"""Columns and dtypes of `find_strays`."""

WEIGHTS: Final[Mapping[str, float]] = {
    "pane variable": 0.4,
    "runtime variable": 0.3,
    "folder variable": 0.1,
    "dead pane's session": 0.4,
    "older than the save": 0.1,
    "pane's folder": 0.1,
    "child of a pane": 0.2,
}
"""What each piece of evidence counts; a stray's score is their sum, at most 1."""

_REACHED: Final = frozenset({"confirmed", "plausible"})


class Doubt(NamedTuple):
    """A fact that keeps a stray from being ended, and why."""

    fact: str
    reason: str


DOUBTS: Final = (
    Doubt("stranger", "its session is led by a living process that is no pane of bmux's"),
    Doubt("other_bmux", "its environment names another bmux's data folder"),
    Doubt("weak", "it carries only a folder variable, which any shell may export"),
    Doubt("contradicted", "its environment can be read and is not a pane's"),
    Doubt("unproven", "its environment can't be read, and it is younger than the save"),
)
"""Tried in this order; a stray that none of them fits may be ended."""


def find_strays(
    verdicts: pd.DataFrame,
    census: Census,
    *,
    servers: Iterable[ServerFinding] = (),
    data_folder: Path | None = None,
) -> pd.DataFrame:
    """List what is left of dead panes outside every recorded group; nothing is signalled.

    Parameters
    ----------
    verdicts : pandas.DataFrame
        As `judge_groups` gives it, for all panes of the snapshot.
    census : Census
        The one that the verdicts were made from.
    servers : iterable of ServerFinding
        Live servers; their descendants, and whoever carries their runtime's name, are
        theirs and no strays.
    data_folder : pathlib.Path, optional
        The snapshot's data folder: a process that names another one is another bmux's.

    Returns
    -------
    pandas.DataFrame
        One row for each running process of the snapshot's owner that carries bmux's
        environment or lives in a dead pane's session, but is in no recorded group, in
        no session of a pane that still runs, and belongs to no live server: the columns
        of the census, and

        ``session_leader`` : str
            ``itself``, ``pane`` (alive, with the variables), ``stranger`` (alive,
            without), ``unreadable`` or ``gone``.
        ``evidence`` : str; ``score`` : float64
            The pieces of `WEIGHTS` that were found, with commas, and their sum.
        ``endable`` : bool; ``reason`` : str
            Whether it may be ended when strays are included, and the sentence why.
        ``origin`` : str; ``snapshot``, ``session_id``, ``pane_id``, ``claimed_pgid``
            The pane it most likely came from, by ``session``, ``parentage``,
            ``folder``, ``command`` or ``environment`` (the only pane there is); empty
            and null when nothing points to one pane.

        By score, then pid. Empty, with the same columns and dtypes, when there is none.
    """
    rows = process_rows(census.processes)
    scene = _Scene.of(rows, verdicts, census, tuple(servers), data_folder)
    found = [scene.describe(row) for row in rows if scene.is_stray(row)]
    table = pd.DataFrame(found, columns=list(STRAY_DTYPES), dtype=object)
    table = table.sort_values(["score", "pid"], ascending=[False, True], ignore_index=True)
    return table.astype(dict(STRAY_DTYPES))


class _Scene(NamedTuple):
    """Everything that a process is held against."""

    by_pid: Mapping[int, ProcessRow]
    origins: Origins
    owners: frozenset[int]
    recorded: frozenset[int]
    reached: frozenset[int]
    dead: frozenset[int]
    spared: frozenset[int]
    spared_groups: frozenset[int]
    live_names: frozenset[str]
    saved_at: pd.Timestamp | None
    data_folder: Path | None

    @classmethod
    def of(
        cls,
        rows: list[ProcessRow],
        verdicts: pd.DataFrame,
        census: Census,
        servers: tuple[ServerFinding, ...],
        data_folder: Path | None,
    ) -> _Scene:
        by_pid = {row.pid: row for row in rows}
        numbers = verdicts.loc[verdicts["pgid"] > 1, ["pgid", "verdict"]]
        saved = verdicts["saved_at"].min()
        return cls(
            by_pid=by_pid,
            origins=Origins.of(verdicts, by_pid),
            owners=frozenset(verdicts["owner_uid"].dropna()),
            recorded=frozenset(numbers["pgid"]),
            reached=frozenset(numbers.loc[numbers["verdict"].isin(_REACHED), "pgid"]),
            dead=frozenset(numbers.loc[numbers["verdict"] == "gone", "pgid"]),
            spared=census.kin | _descendants(rows, {s.pid for s in servers if s.pid is not None}),
            spared_groups=census.own_groups(),
            live_names=frozenset(s.runtime_name for s in servers if s.state == "live"),
            saved_at=None if pd.isna(saved) else saved,
            data_folder=data_folder,
        )

    def is_stray(self, row: ProcessRow) -> bool:
        theirs = row.pid in self.spared or row.pgid in self.spared_groups
        placed = row.pgid in self.recorded or row.sid in self.reached
        served = bool(row.markers) and (row.runtime_name or "default") in self.live_names
        left = bool(row.markers) or row.sid in self.dead
        return row.runs and row.uid in self.owners and left and not (theirs or placed or served)

    def describe(self, row: ProcessRow) -> tuple[Any, ...]:
        origin, way = self.origins.find(row)
        leader = self._leader(row)
        evidence = self._evidence(row, way)
        doubt = self._doubt(row, leader)
        return (
            *(row.pid, row.ppid, row.pgid, row.sid, row.uid, row.started_at),
            *(row.label, row.cwd, row.markers, row.runtime_name, leader),
            ", ".join(evidence),
            round(min(1.0, sum(WEIGHTS[piece] for piece in evidence)), 2),
            doubt is None,
            f"it has: {', '.join(evidence)}" if doubt is None else doubt.reason,
            way,
            *(origin or NO_ORIGIN),
        )

    def _leader(self, row: ProcessRow) -> str:
        leader = self.by_pid.get(row.sid or 0)
        if row.sid == row.pid:
            return "itself"
        if leader is None or not leader.runs:
            return "gone"
        if not leader.environ_readable:
            return "unreadable"
        return "pane" if leader.markers else "stranger"

    def _evidence(self, row: ProcessRow, way: str) -> list[str]:
        names = row.markers.split(",")
        facts = {
            "pane variable": "BMUX_PANE" in names,
            "runtime variable": "BMUX_RUNTIME_NAME" in names,
            "folder variable": any(name.endswith("_DIR") for name in names),
            "dead pane's session": row.sid in self.dead,
            "older than the save": self._is_older(row),
            "pane's folder": row.cwd is not None and row.cwd in self.origins.folders,
            "child of a pane": way == "parentage",
        }
        return [piece for piece in WEIGHTS if facts[piece]]

    def _doubt(self, row: ProcessRow, leader: str) -> Doubt | None:
        names = row.markers.split(",")
        strong = "BMUX_PANE" in names or "BMUX_RUNTIME_NAME" in names
        facts = {
            "stranger": leader == "stranger",
            "other_bmux": self._is_other(row.data_dir),
            "weak": bool(row.markers) and not strong,
            "contradicted": bool(row.environ_readable) and not row.markers,
            "unproven": not row.environ_readable and not self._is_older(row),
        }
        return next((doubt for doubt in DOUBTS if facts[doubt.fact]), None)

    def _is_older(self, row: ProcessRow) -> bool:
        if self.saved_at is None or row.started_at is None:
            return False
        return row.started_at <= self.saved_at

    def _is_other(self, folder: str | None) -> bool:
        """Say whether a process names a data folder, and it is not the snapshot's."""
        if self.data_folder is None or folder is None:
            return False
        return os.path.realpath(folder) != os.path.realpath(self.data_folder)


def _descendants(rows: list[ProcessRow], roots: set[int]) -> set[int]:
    """Return the roots and everybody below them."""
    children: dict[int, list[int]] = {}
    for row in rows:
        if row.ppid is not None:
            children.setdefault(row.ppid, []).append(row.pid)
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children.get(pid, [])
    return found
