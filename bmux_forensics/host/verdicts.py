"""Judge whose group it is that a snapshot's number names now.

A number in a snapshot is a claim about the past: bmux's pane had that group when the
file was saved. The kernel may have given it to somebody else since. Each claim is held
against one census, and the first rule that fits gives the verdict; the facts that the
rules read are columns of the result, so that a person can follow every one.

A number stays taken as long as any process has it as its group *or* its session. So the
oldest process of the session dates the group, even when its leader is gone.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd

from bmux_forensics.host.group_facts import GROUP_DTYPES, NO_GROUP, group_facts, same_program

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bmux_forensics.host.census import Census

CLAIM_DTYPES: Final[Mapping[str, str]] = {
    "snapshot": "str",
    "section": "Int64",
    "runtime": "Int64",
    "position": "Int64",
    "session_id": "str",
    "pane_id": "str",
    "pgid": "Int64",
    "shell": "str",
    "last_known_cwd": "str",
    "active_command": "str",
    "saved_at": "datetime64[us, UTC]",
    "owner_uid": "Int64",
}
"""What is read of a claim; only ``pgid`` must be there, the others may be absent."""

EVIDENCE_DTYPES: Final[Mapping[str, str]] = {
    "verdict": "str",
    "reason": "str",
    **GROUP_DTYPES,
    "boot_at": "datetime64[us, UTC]",
    "shell_matches": "boolean",
    "cwd_matches": "boolean",
}

SAVE_TOLERANCE: Final = pd.Timedelta(seconds=1.5)
"""How much later than the save a group may seem to have started.

bmux saves within milliseconds of making a pane. Start times count 10 ms ticks from a
boot time that moves as the clock is corrected, and copies of a file often keep its time
in whole seconds only.
"""

_I32_LIMIT: Final = 2**31


class Rule(NamedTuple):
    """A fact, and the verdict that it means when no rule before it fitted."""

    verdict: str
    fact: str
    reason: str


RULES: Final = (
    Rule("unknown", "no_number", "the record holds no usable group number"),
    Rule("protected", "not_a_group", "a number of 1 or less never names a pane's group"),
    Rule("protected", "holds_us", "this process, its session or an ancestor of it is in the group"),
    Rule("protected", "holds_server", "a live server is in the group"),
    Rule("unknown", "hidden", "the group exists, but its processes can't be seen"),
    Rule("gone", "empty", "no process is in the group"),
    Rule("gone", "zombies_only", "the group's processes have ended and only wait to be reaped"),
    Rule("unknown", "no_owner", "whose snapshot it is can't be told"),
    Rule("foreign", "other_owner", "the group, or part of it, belongs to another user"),
    Rule("unknown", "no_session", "the system does not tell the group's session"),
    Rule("recycled", "other_session", "the group does not lead a session, as a pane's shell does"),
    Rule("unknown", "no_save_time", "when the snapshot was saved can't be told"),
    Rule("unknown", "no_start_time", "the system does not tell when the group started"),
    Rule("recycled", "saved_before_boot", "the snapshot was saved before this machine started"),
    Rule("recycled", "started_after_save", "the group's leader started after the save"),
    Rule(
        "unknown", "age_unproven", "its leader is gone and whoever is left started after the save"
    ),
    Rule("recycled", "marker_missing", "its environment can be read and is not a bmux pane's"),
    Rule(
        "unknown",
        "marker_weak",
        "its environment has only a folder of bmux's, which any shell may export",
    ),
    Rule("unknown", "claimed_twice", "more than one pane of the snapshot claims this number"),
    Rule(
        "confirmed",
        "marker_found",
        "same owner and session, older than the save, a pane's environment",
    ),
    Rule(
        "plausible",
        "otherwise",
        "same owner and session, older than the save, environment unreadable",
    ),
)
"""Every verdict there is, in the order in which they are tried."""

PANE_VARIABLES: Final = frozenset({"BMUX_RUNTIME_NAME", "BMUX_PANE"})
"""What bmux gives to panes alone; its folder variables may stand in anybody's profile."""


def judge_groups(
    claims: pd.DataFrame,
    census: Census,
    *,
    saved_at: pd.Timestamp | None = None,
    owner_uid: int | None = None,
    server_pids: Iterable[int] = (),
) -> pd.DataFrame:
    """Judge every claim of a snapshot on a process group; nothing is signalled.

    Parameters
    ----------
    claims : pandas.DataFrame
        One row for each pane: ``snapshot``, ``section``, ``runtime``, ``position`` (its
        place), ``session_id``, ``pane_id``, ``pgid``, ``shell``, ``last_known_cwd``,
        ``active_command``; per snapshot ``saved_at`` and ``owner_uid``. Only ``pgid`` is
        required. Give all panes of a snapshot, not only those to be ended: a number that
        two of them claim is trusted for neither.
    census : Census
        From `take_census`, with the claimed numbers as its ``groups`` and the owner
        among its ``owner_uids``.
    saved_at : pandas.Timestamp, optional
        UTC; for claims without the column, the oldest moment of saving that is known.
    owner_uid : int, optional
        For claims without the column, the snapshot's owner.
    server_pids : iterable of int
        Live servers; their groups are protected.

    Returns
    -------
    pandas.DataFrame
        The claims, row for row and in their order, with a fresh index, and

        ``verdict`` : str
            ``confirmed``, ``plausible``, ``recycled``, ``foreign``, ``protected``,
            ``gone`` or ``unknown``, by the first of `RULES` that fits.
        ``reason`` : str
            That rule in a sentence.
        ``members``, ``zombies`` : Int64
            Processes of the group that run, and that only wait to be reaped.
        ``member_commands``, ``member_uids`` : str
            Joined with `` ; `` and ``,``; at most 8 commands.
        ``leader_alive`` : boolean; ``leader_started_at``, ``session_started_at`` : UTC
            The process whose number the group has, and the oldest of the session.
        ``group_sid`` : Int64
            The session that the group is in.
        ``marker`` : str; ``environ_readable`` : boolean
            bmux's variables in the leader's environment, else in any member's; null
            and false where none could be read.
        ``boot_at`` : UTC
            When the machine started.
        ``shell_matches``, ``cwd_matches`` : boolean
            Whether program and folder are the recorded ones; they inform, but decide
            nothing, for a shell may run another program and go anywhere.

        Empty claims give an empty table with the same columns and dtypes.

    Raises
    ------
    KeyError
        The claims have no column ``pgid``.
    """
    table = _completed(claims, saved_at, owner_uid)
    numbers = [number for number in table["pgid"].dropna() if number > 1]
    facts = group_facts(census, numbers)
    rows = [facts.get(number, NO_GROUP) for number in table["pgid"].fillna(0)]
    evidence = pd.DataFrame(rows, columns=list(NO_GROUP._fields), dtype=object).astype(
        dict(GROUP_DTYPES)
    )
    observed = _observed(table, evidence, census, frozenset(server_pids))
    verdict, reason = _decide(observed)
    result = table.assign(verdict=verdict, reason=reason)
    for name in GROUP_DTYPES:
        result[name] = evidence[name]
    result["boot_at"] = census.boot_at
    result["shell_matches"] = [
        _matches(programs, shell)
        for programs, shell in zip(evidence["programs"], table["shell"], strict=True)
    ]
    result["cwd_matches"] = [
        None if not folders or pd.isna(cwd) else cwd in folders
        for folders, cwd in zip(evidence["folders"], table["last_known_cwd"], strict=True)
    ]
    return result.astype({name: EVIDENCE_DTYPES[name] for name in EVIDENCE_DTYPES})


def _completed(
    claims: pd.DataFrame, saved_at: pd.Timestamp | None, owner_uid: int | None
) -> pd.DataFrame:
    """Give every claim all columns, and keep of a number only what can be one."""
    table = claims.reset_index(drop=True)
    table["pgid"] = pd.array([_number(value) for value in claims["pgid"]], dtype="Int64")
    defaults: dict[str, Any] = {"saved_at": saved_at, "owner_uid": owner_uid}
    for name, dtype in CLAIM_DTYPES.items():
        if name not in table:
            value = defaults.get(name)
            table[name] = pd.Series([value] * len(table), index=table.index, dtype=dtype)
    table["saved_at"] = pd.to_datetime(table["saved_at"], utc=True).dt.as_unit("us")
    table["owner_uid"] = table["owner_uid"].astype("Int64")
    return table


def _number(value: object) -> int | None:
    # A boolean, a float or a text that looks like a number is no number of bmux's.
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return int(value) if -_I32_LIMIT <= value < _I32_LIMIT else None
    return None


def _observed(
    table: pd.DataFrame, evidence: pd.DataFrame, census: Census, server_pids: frozenset[int]
) -> dict[str, np.ndarray[Any, Any]]:
    """Return for each fact of `RULES` whether it holds, claim by claim."""
    pgid, owner, saved = table["pgid"], table["owner_uid"], table["saved_at"]
    processes = census.processes
    servers = frozenset(processes.loc[processes["pid"].isin(server_pids), "pgid"].dropna())
    known = pgid.fillna(0)
    latest = saved + SAVE_TOLERANCE
    facts: dict[str, Any] = {
        "no_number": pgid.isna(),
        "not_a_group": known <= 1,
        "holds_us": known.isin(census.own_groups()),
        "holds_server": known.isin(servers),
        "hidden": known.isin(census.hidden_groups),
        "empty": (evidence["members"] == 0) & (evidence["zombies"] == 0),
        "zombies_only": evidence["members"] == 0,
        "no_owner": owner.isna(),
        "other_owner": [
            pd.isna(one) or uids != {one} for one, uids in zip(owner, evidence["uids"], strict=True)
        ],
        "no_session": evidence["group_sid"].isna(),
        "other_session": evidence["group_sid"] != pgid,
        "no_save_time": saved.isna(),
        "no_start_time": evidence["session_started_at"].isna(),
        "saved_before_boot": latest < census.boot_at,
        "started_after_save": evidence["leader_started_at"] > latest,
        "age_unproven": evidence["session_started_at"] > latest,
        "marker_missing": evidence["environ_readable"]
        & ~evidence["marker"].fillna("").astype(bool),
        "marker_weak": evidence["environ_readable"] & ~evidence["marker"].fillna("").map(_is_pane),
        "claimed_twice": _claimed_twice(table),
        # A null is unequal to everything: it must not pass for a marker.
        "marker_found": evidence["marker"].notna() & (evidence["marker"] != ""),
        "otherwise": [True] * len(table),
    }
    return {name: _certain(fact) for name, fact in facts.items()}


def _is_pane(marker: str) -> bool:
    """Tell whether variables are a pane's own: every pane has its runtime's name at least."""
    return not PANE_VARIABLES.isdisjoint(marker.split(","))


def _certain(fact: Any) -> np.ndarray[Any, Any]:
    """Take what can't be told for no: each rule about missing facts stands before."""
    return pd.Series(fact, dtype="boolean").fillna(value=False).to_numpy(dtype=bool)


def _decide(observed: Mapping[str, np.ndarray[Any, Any]]) -> tuple[list[str], list[str]]:
    holds = np.column_stack([observed[rule.fact] for rule in RULES])
    first = [RULES[index] for index in holds.argmax(axis=1)]
    return [rule.verdict for rule in first], [rule.reason for rule in first]


def _claimed_twice(table: pd.DataFrame) -> list[bool]:
    """Say which numbers more than one pane of one snapshot claims.

    A pane that stands twice, or under both of bmux's section names, is one claimant;
    one with no id is told by its place.
    """
    place = zip(table["section"], table["runtime"], table["position"], strict=True)
    claimants = [
        (snapshot, pgid, session if pd.notna(session) else at[:2], pane if pd.notna(pane) else at)
        for snapshot, pgid, session, pane, at in zip(
            table["snapshot"].astype("object").where(table["snapshot"].notna(), None),
            table["pgid"].fillna(0),
            table["session_id"],
            table["pane_id"],
            place,
            strict=True,
        )
    ]
    counts = Counter(claimant[:2] for claimant in set(claimants))
    return [counts[claimant[:2]] > 1 for claimant in claimants]


def _matches(programs: frozenset[str], shell: object) -> bool | None:
    return same_program(programs, shell) if programs and isinstance(shell, str) else None
