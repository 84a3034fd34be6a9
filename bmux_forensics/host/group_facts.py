"""What a census knows about each process group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from bmux_forensics.host.rows import ProcessRow, process_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from bmux_forensics.host.census import Census

GROUP_DTYPES: Final[Mapping[str, str]] = {
    "members": "Int64",
    "zombies": "Int64",
    "member_commands": "str",
    "member_uids": "str",
    "leader_alive": "boolean",
    "leader_started_at": "datetime64[us, UTC]",
    "session_started_at": "datetime64[us, UTC]",
    "group_sid": "Int64",
    "marker": "str",
    "environ_readable": "boolean",
}
"""The columns of a group's evidence; `verdicts.judge_groups` says what each means."""

_COMMANDS_SHOWN: Final = 8


class GroupFacts(NamedTuple):
    """One group as a census saw it; the last three are not shown, only compared."""

    members: int
    zombies: int
    member_commands: str
    member_uids: str
    leader_alive: bool
    leader_started_at: pd.Timestamp | None
    session_started_at: pd.Timestamp | None
    group_sid: int | None
    marker: str | None
    environ_readable: bool
    uids: frozenset[int | None]
    programs: frozenset[str]
    folders: frozenset[str]


NO_GROUP: Final = GroupFacts(
    members=0,
    zombies=0,
    member_commands="",
    member_uids="",
    leader_alive=False,
    leader_started_at=None,
    session_started_at=None,
    group_sid=None,
    marker=None,
    environ_readable=False,
    uids=frozenset(),
    programs=frozenset(),
    folders=frozenset(),
)
"""What is known of a group that has no process."""


def group_facts(census: Census, groups: Iterable[int]) -> dict[int, GroupFacts]:
    """Return the facts of each of the groups that has a process, ended ones included.

    Parameters
    ----------
    census : Census
        One look at every process.
    groups : iterable of int
        Group numbers.

    Returns
    -------
    dict of int to GroupFacts
        Groups with no process are absent.
    """
    wanted = set(groups)
    table = census.processes
    near = table[table["pgid"].isin(wanted) | table["sid"].isin(wanted)]
    members: dict[int, list[ProcessRow]] = {}
    sessions: dict[int, list[ProcessRow]] = {}
    for process in process_rows(near):
        if process.pgid in wanted:
            members.setdefault(process.pgid, []).append(process)
        if process.sid is not None:
            sessions.setdefault(process.sid, []).append(process)
    return {group: _facts(group, found, sessions) for group, found in members.items()}


def same_program(programs: Iterable[str], shell: str) -> bool:
    """Say whether a recorded shell is among the names that a process goes by.

    Examples
    --------
    >>> same_program({"bash", "-bash"}, "/usr/bin/bash"), same_program({"zsh"}, "/bin/bash")
    (True, False)
    """
    return base_name(shell) in {base_name(program) for program in programs}


def base_name(program: str) -> str:
    """Return a program's own name; a login shell's leading dash is left out."""
    return program.rpartition("/")[2].removeprefix("-")


def _facts(
    group: int, found: list[ProcessRow], sessions: Mapping[int, list[ProcessRow]]
) -> GroupFacts:
    living = [process for process in found if process.runs]
    first = next((process for process in found if process.pid == group), None)
    leader = first if first is not None and first.runs else None
    marker, readable = _marker(leader, living)
    session = next((process.sid for process in found if process.sid is not None), None)
    # Only a session of the group's own number shows how long that number has been taken.
    company = sessions.get(group, found) if session == group else found
    speakers = living if leader is None else [leader]
    return GroupFacts(
        members=len(living),
        zombies=len(found) - len(living),
        member_commands=_commands(living),
        member_uids=",".join(sorted({str(process.uid) for process in living})),
        leader_alive=leader is not None,
        leader_started_at=None if first is None else first.started_at,
        session_started_at=min((p.started_at for p in company if p.started_at), default=None),
        group_sid=session,
        marker=marker,
        environ_readable=readable,
        uids=frozenset(process.uid for process in living),
        programs=frozenset(name for process in speakers for name in _names(process)),
        folders=frozenset(process.cwd for process in speakers if process.cwd),
    )


def _marker(leader: ProcessRow | None, living: list[ProcessRow]) -> tuple[str | None, bool]:
    """Return bmux's variables and whether any environment could be read.

    A living leader is the pane's shell and speaks for the group: a child may have got
    the variables elsewhere.
    """
    readable = [process for process in living if process.environ_readable]
    if leader is not None and leader.environ_readable:
        readable = [leader]
    if not readable:
        return None, False
    return next((process.markers for process in readable if process.markers), ""), True


def _commands(living: list[ProcessRow]) -> str:
    texts = [process.label for process in living[:_COMMANDS_SHOWN]]
    more = len(living) - len(texts)
    return " ; ".join(texts) + (f" ; and {more} more" if more else "")


def _names(process: ProcessRow) -> tuple[str, ...]:
    return (process.name, (process.command or process.name).partition(" ")[0])
