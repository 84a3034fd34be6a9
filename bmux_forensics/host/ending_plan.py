"""What will happen to each process group, before anything happens.

Closing a terminal hangs up every group of its session: plain jobs go, those that asked
to outlive it stay. So each other group of a pane's session gets a row of its own beside
the recorded one, and each row says which signals it will get and why, or why none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pandas as pd

from bmux_forensics.errors import UsageError
from bmux_forensics.host.rows import ProcessRow, process_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bmux_forensics.host.census import Census
    from bmux_forensics.host.identity import Identity

PLAN_DTYPES: Final[Mapping[str, str]] = {
    "snapshot": "str",
    "session_id": "str",
    "pane_id": "str",
    "pgid": "Int64",
    "sid": "Int64",
    "role": "str",
    "verdict": "str",
    "owner_uid": "Int64",
    "hang_up": "bool",
    "terminate": "bool",
    "kill": "bool",
    "signals": "str",
    "reason": "str",
    "members": "Int64",
    "member_commands": "str",
    "marked": "bool",
    "identities": "object",
}
"""Columns and dtypes of `plan_ending`."""


@dataclass(frozen=True, slots=True)
class EndingOptions:
    """How far ending reaches.

    Parameters
    ----------
    whole_session : bool
        End every group of a pane's session, also those that asked to outlive it.
    group_only : bool
        Touch the recorded groups alone, with bmux's own TERM and KILL.
    include_plausible : bool
        Also end groups whose environment can't be read.
    include_strays : bool
        Also end strays that nothing speaks against.

    Raises
    ------
    UsageError
        Both `whole_session` and `group_only`.
    """

    whole_session: bool = False
    group_only: bool = False
    include_plausible: bool = False
    include_strays: bool = False

    def __post_init__(self) -> None:
        """Refuse a reach that is wide and narrow at once."""
        if self.whole_session and self.group_only:
            found = "both the whole session and the group alone"
            raise UsageError("ending", found, expected="one of them")


class _Reach(NamedTuple):
    """The signals for a group, and the sentence why."""

    hang_up: bool
    terminate: bool
    kill: bool
    reason: str

    @property
    def signals(self) -> str:
        soft = ["HUP", "CONT"] if self.hang_up else []
        return " ".join(soft + ["TERM"] * self.terminate + ["KILL if it stays"] * self.kill)


def _nothing(reason: str) -> _Reach:
    return _Reach(hang_up=False, terminate=False, kill=False, reason=reason)


_EVERYTHING: Final = _Reach(hang_up=True, terminate=True, kill=True, reason="proven a pane's group")
_BMUX: Final = _Reach(hang_up=False, terminate=True, kill=True, reason="bmux's own narrower reach")
_HANG_UP: Final = _Reach(
    hang_up=True, terminate=False, kill=False, reason="a job of the pane: it may ask to stay"
)
_JOB: Final = _Reach(hang_up=True, terminate=True, kill=True, reason="the whole session is meant")
_STRAY: Final = _Reach(hang_up=True, terminate=True, kill=True, reason="strays are included")

# A number that stands in several rows is held to the least certain of their verdicts.
_CAUTION: Final = (
    *("protected", "foreign", "recycled", "unknown", "gone"),
    *("plausible", "confirmed"),
)


def plan_ending(
    verdicts: pd.DataFrame,
    census: Census,
    options: EndingOptions | None = None,
    *,
    strays: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Say for each group what ending it will do; nothing is signalled.

    Parameters
    ----------
    verdicts : pandas.DataFrame
        From `judge_groups`: the rows of the panes that are to end.
    census : Census
        The one that the verdicts were made from.
    options : EndingOptions, optional
        How far to reach.
    strays : pandas.DataFrame, optional
        From `find_strays`.

    Returns
    -------
    pandas.DataFrame
        One row for each distinct number (``recorded``), then for each other group of
        those panes' sessions (``session``) and of the strays (``stray``):

        ``snapshot``, ``session_id``, ``pane_id`` : str
            The pane it belongs to, or most likely came from.
        ``pgid``, ``sid`` : Int64; ``role``, ``verdict`` : str; ``owner_uid`` : Int64
            The group, its session, one of the three roles; the verdict of the number
            in a snapshot, for a stray the word ``stray``.
        ``hang_up``, ``terminate``, ``kill`` : bool; ``signals``, ``reason`` : str
            What it will get, the same in words (empty: nothing), and why.
        ``members`` : Int64; ``member_commands`` : str
            Its running processes.
        ``marked`` : bool; ``identities`` : object (tuple of Identity)
            Whether bmux's environment was read in it, and who may be signalled.

        A null number has a row too, and gets nothing. Empty, with the same columns and
        dtypes, when there is no verdict.
    """
    chosen = options or EndingOptions()
    scene = _Scene(census, process_rows(census.living))
    rows = [*_recorded(verdicts, scene, chosen)]
    if not chosen.group_only:
        rows += _sessions(rows, scene, chosen)
    rows += _strays(strays, scene, chosen, {row["pgid"] for row in rows})
    return pd.DataFrame(rows, columns=list(PLAN_DTYPES), dtype=object).astype(dict(PLAN_DTYPES))


class _Scene:
    """The running processes by group and by session."""

    def __init__(self, census: Census, rows: list[ProcessRow]) -> None:
        self.own = census.own_groups()
        self.by_group: dict[int, list[ProcessRow]] = {}
        self.groups_of: dict[int, set[int]] = {}
        for row in rows:
            if row.pgid is not None:
                self.by_group.setdefault(row.pgid, []).append(row)
                self.groups_of.setdefault(row.sid or 0, set()).add(row.pgid)

    def row(
        self, group: int | None, reach: _Reach, members: Iterable[ProcessRow], **place: Any
    ) -> dict[str, Any]:
        """Build a row of the plan; without a full identity nobody is signalled."""
        found = list(members)
        known: list[Identity] = [row.identity for row in found if row.identity is not None]
        if reach.signals and len(known) < len(found):
            reach = _nothing("the system does not tell who its processes are")
        return {
            **place,
            "pgid": group,
            "hang_up": reach.hang_up,
            "terminate": reach.terminate,
            "kill": reach.kill,
            "signals": reach.signals,
            "reason": reach.reason,
            "members": len(found),
            "member_commands": " ; ".join(row.label for row in found[:8]),
            "marked": any(row.markers for row in found),
            "identities": tuple(known),
        }


_PLACE: Final = ("snapshot", "session_id", "pane_id", "verdict", "owner_uid")


def _recorded(
    verdicts: pd.DataFrame, scene: _Scene, options: EndingOptions
) -> Iterable[dict[str, Any]]:
    for claim in _most_cautious(verdicts):
        group = claim["pgid"]
        reach = _reach(claim["verdict"], claim["reason"], options)
        members = scene.by_group.get(group, []) if group is not None and group > 1 else []
        place = {name: claim[name] for name in _PLACE}
        yield scene.row(group, reach, members, role="recorded", sid=group, **place)


def _most_cautious(verdicts: pd.DataFrame) -> list[dict[str, Any]]:
    """Keep each number once, by the least certain verdict, in the order of the claims."""
    columns = [*_PLACE, "pgid", "reason"]
    plain = verdicts[columns].astype(object)
    kept: dict[object, dict[str, Any]] = {}
    for values in plain.where(plain.notna(), None).itertuples(index=False, name=None):
        claim = dict(zip(columns, values, strict=True))
        group = claim["pgid"]
        key = object() if group is None else group  # every unusable number is shown
        known = kept.get(key, claim)
        kept[key] = min(known, claim, key=lambda row: _CAUTION.index(row["verdict"]))
    return list(kept.values())


def _reach(verdict: str, reason: str, options: EndingOptions) -> _Reach:
    if verdict == "plausible" and not options.include_plausible:
        return _nothing(f"{reason}; only signalled with --include-plausible")
    if verdict in {"confirmed", "plausible"}:
        return _BMUX if options.group_only else _EVERYTHING
    return _nothing(reason)


def _sessions(
    recorded: list[dict[str, Any]], scene: _Scene, options: EndingOptions
) -> list[dict[str, Any]]:
    """Plan the other groups of every session that will be hung up."""
    taken = {row["pgid"] for row in recorded}
    rows = []
    for row in recorded:
        if row["hang_up"]:
            for group in sorted(scene.groups_of.get(row["pgid"], set()) - taken):
                reach = _job_reach(group, row["owner_uid"], scene, options)
                place = {name: row[name] for name in _PLACE}
                members = scene.by_group[group]
                rows.append(
                    scene.row(group, reach, members, role="session", sid=row["pgid"], **place)
                )
    return rows


def _job_reach(group: int, owner: int, scene: _Scene, options: EndingOptions) -> _Reach:
    if group in scene.own or group <= 1:
        return _nothing("this process, its session or an ancestor of it is in the group")
    if any(row.uid != owner for row in scene.by_group[group]):
        return _nothing("the group, or part of it, belongs to another user")
    return _JOB if options.whole_session else _HANG_UP


def _strays(
    strays: pd.DataFrame | None, scene: _Scene, options: EndingOptions, taken: set[Any]
) -> list[dict[str, Any]]:
    """Plan the strays by group; one doubtful member keeps its whole group."""
    if strays is None:
        return []
    rows = []
    for number in sorted({int(group) for group in strays["pgid"].dropna()}):
        if number in taken or number in scene.own or number <= 1:
            continue
        part = strays[strays["pgid"] == number]
        first = part.astype(object).where(part.notna(), None).iloc[0]
        place = {name: first[name] for name in ("snapshot", "session_id", "pane_id", "sid")}
        place |= {"role": "stray", "verdict": "stray", "owner_uid": first["uid"]}
        members = scene.by_group.get(number, [])
        rows.append(scene.row(number, _stray_reach(part, members, options), members, **place))
    return rows


def _stray_reach(part: pd.DataFrame, members: list[ProcessRow], options: EndingOptions) -> _Reach:
    if not part["endable"].all():
        return _nothing(str(part.loc[~part["endable"], "reason"].iloc[0]))
    if {row.pid for row in members} - set(part["pid"]):
        return _nothing("its group has members that are no strays")
    if not options.include_strays:
        return _nothing("a stray; only signalled with --include-strays")
    return _STRAY
