"""One look at every process: who runs, in which group and session, and since when.

A census is a single pass. What is cheap (ids, start time, state) is read for every
process; command, folder and environment cost a file each and are read only for those
that could matter: the owner's processes, and the groups and sessions that are asked
about. Of an environment nothing is kept but the names and values that bmux sets.

Only psutil and POSIX calls are used, so this works the same without Linux's own. Where
there are no process groups, on Windows, `take_census` says that it is not supported.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import psutil

from bmux_forensics.host.identity import ENDED, Boot, require_support
from bmux_forensics.host.look import PROCESS_DTYPES, Close, Row, group_of, look

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_PGID_MAX: Final = 2**31 - 1

_PGID: Final = list(PROCESS_DTYPES).index("pgid")
_STATUS: Final = list(PROCESS_DTYPES).index("status")

_LOOKS: Final = 5
"""How often to look again for groups of which nobody was caught running."""


@dataclass(frozen=True, slots=True)
class Census:
    """The processes of one moment, and what is needed to judge them.

    Parameters
    ----------
    processes : pandas.DataFrame
        As `take_census` describes it.
    boot_at, taken_at : pandas.Timestamp
        UTC: when the machine started, and when the look was taken.
    own_pid : int
        This process.
    kin : frozenset of int
        This process and its ancestors.
    hidden_groups : frozenset of int
        Groups that were asked about and exist, though none of their members is visible.
    """

    processes: pd.DataFrame
    boot_at: pd.Timestamp
    taken_at: pd.Timestamp
    own_pid: int
    kin: frozenset[int]
    hidden_groups: frozenset[int] = frozenset()

    @property
    def living(self) -> pd.DataFrame:
        """The processes that run; those that only wait to be reaped are left out."""
        return self.processes[~self.processes["status"].isin(ENDED)]

    def own_groups(self) -> frozenset[int]:
        """Name the groups and sessions that hold this process or an ancestor of it."""
        rows = self.processes[self.processes["pid"].isin(self.kin)]
        own = self.processes.loc[self.processes["pid"] == self.own_pid, "sid"]
        return frozenset(rows["pgid"].dropna()) | frozenset(own.dropna())


def take_census(*, owner_uids: Iterable[int] | None = None, groups: Iterable[int] = ()) -> Census:
    r"""Look at every process once; nothing on the machine is changed.

    Parameters
    ----------
    owner_uids : iterable of int, optional
        Users whose processes are looked at closely; by default our own user.
    groups : iterable of int
        Group numbers from snapshots: their members, and whoever lives in a session of
        that number, are looked at closely too.

    Returns
    -------
    Census
        Its table has one row for each process, by pid, with the columns

        ``pid``, ``ppid``, ``pgid``, ``sid``, ``uid`` (real user)
            Integers; all but the pid null where the system does not tell.
        ``started_at`` : datetime64[us, UTC]
            The kernel's start time (10 ms ticks since boot), on today's clock.
        ``since_boot`` : float64
            The same in seconds after the boot.
        ``status``, ``name`` : str
            psutil's word for the state (``zombie`` among them); the program's name.
        ``command``, ``cwd`` : str
            Null where not looked at, not readable or empty. A byte that is no UTF-8 is
            spelled ``\xNN``.
        ``environ_readable`` : boolean
            Null where not looked at.
        ``markers`` : str
            Names of bmux's variables, sorted, with commas between; empty when none.
        ``runtime_name``, ``runtime_dir``, ``data_dir`` : str
            Values of BMUX_RUNTIME_NAME, BMUX_RUNTIME_DIR and BMUX_DATA_DIR; null
            when not set.

    Raises
    ------
    ProcessesUnsupportedError
        There are no process groups here, or /proc shows another PID namespace's
        numbers, so that a number read is not a number that can be signalled.

    Examples
    --------
    >>> import os
    >>> census = take_census(groups=[os.getpgid(0)])
    >>> bool((census.processes["pid"] == os.getpid()).any())
    True
    """
    require_support()
    asked = {group for group in groups if 1 < group <= _PGID_MAX}
    close = Close({os.getuid()} if owner_uids is None else set(owner_uids), asked)
    boot = Boot.now()
    taken = time.time()
    rows = {pid: row for pid in psutil.pids() if (row := look(pid, boot, close)) is not None}
    rows = _second_look(asked, rows, boot, close)
    table = _frame([rows[pid] for pid in sorted(rows)])
    return Census(
        processes=table,
        boot_at=_moment(boot.at),
        taken_at=_moment(taken),
        own_pid=os.getpid(),
        kin=_kin(table),
        hidden_groups=frozenset(filter(_exists, asked - set(table["pgid"].dropna()))),
    )


def _second_look(
    asked: set[int], rows: Mapping[int, Row], boot: Boot, close: Close
) -> dict[int, Row]:
    """Find groups whose processes live too briefly for one look over the whole machine.

    A group that forks and ends all the time would pass for gone.
    """
    known = dict(rows)
    for _ in range(_LOOKS):
        missing = asked - {row[_PGID] for row in known.values() if row[_STATUS] not in ENDED}
        fresh = {}
        for pid in psutil.pids() if missing else ():
            # Zombies can be many, and a look at each would let the living one slip by.
            if pid in known and known[pid][_STATUS] in ENDED:
                continue
            if group_of(pid) in missing and (row := look(pid, boot, close)) is not None:
                fresh[pid] = row
        if not fresh:
            break
        known |= fresh
    return known


def _frame(rows: list[Row]) -> pd.DataFrame:
    columns = zip(*rows, strict=True) if rows else ([] for _ in PROCESS_DTYPES)
    data = {}
    for (name, dtype), values in zip(PROCESS_DTYPES.items(), columns, strict=True):
        if name == "started_at":
            moments = pd.to_datetime(pd.Series(list(values), dtype="float64"), unit="s", utc=True)
            data[name] = moments.dt.as_unit("us")
        else:
            data[name] = pd.Series(list(values), dtype=dtype)
    return pd.DataFrame(data)


def _kin(table: pd.DataFrame) -> frozenset[int]:
    parents = dict(zip(table["pid"], table["ppid"], strict=True))
    parents[os.getpid()] = os.getppid()  # even where our own row could not be read
    found: set[int] = set()
    pid: Any = os.getpid()
    while not pd.isna(pid) and pid > 0 and pid not in found:
        found.add(int(pid))
        pid = parents.get(pid, 0)
    return frozenset(found)


def _exists(group: int) -> bool:
    """Say whether a group has members that we may not see; signal 0 only asks."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _moment(seconds: float) -> pd.Timestamp:
    return pd.Timestamp(seconds, unit="s", tz="UTC").as_unit("us")
