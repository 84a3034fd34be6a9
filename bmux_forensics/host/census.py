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
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pandas as pd
import psutil

from bmux_forensics.host.identity import ENDED, identify, markers_of, require_support

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PROCESS_DTYPES: Final[Mapping[str, str]] = {
    "pid": "int64",
    "ppid": "Int64",
    "pgid": "Int64",
    "sid": "Int64",
    "uid": "Int64",
    "started_at": "datetime64[us, UTC]",
    "since_boot": "float64",
    "status": "str",
    "name": "str",
    "command": "str",
    "cwd": "str",
    "environ_readable": "boolean",
    "markers": "str",
    "runtime_name": "str",
    "runtime_dir": "str",
    "data_dir": "str",
}
"""Columns and dtypes of a census; `take_census` says what each means."""

_KEPT: Final = ("BMUX_RUNTIME_NAME", "BMUX_RUNTIME_DIR", "BMUX_DATA_DIR")

_PGID_MAX: Final = 2**31 - 1


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
    close = _Close({os.getuid()} if owner_uids is None else set(owner_uids), asked)
    boot = psutil.boot_time()
    taken = time.time()
    rows = [row for pid in psutil.pids() if (row := _look(pid, boot, close)) is not None]
    table = _frame(rows)
    return Census(
        processes=table,
        boot_at=_moment(boot),
        taken_at=_moment(taken),
        own_pid=os.getpid(),
        kin=_kin(table),
        hidden_groups=frozenset(filter(_exists, asked - set(table["pgid"].dropna()))),
    )


class _Close(NamedTuple):
    """Who is worth a close look."""

    uids: set[int]
    groups: set[int]


def _look(pid: int, boot: float, close: _Close) -> tuple[Any, ...] | None:
    """Read one process's row; None when it ended meanwhile."""
    try:
        # A fresh object each time: psutil.process_iter keeps old ones, with the start
        # time of whoever had the number before.
        process = psutil.Process(pid)
        with process.oneshot():
            group, session = os.getpgid(pid), os.getsid(pid)
            started, status = process.create_time(), process.status()
            uid = process.uids().real
            known = (pid, process.ppid(), group, session, uid, started, started - boot, status)
            if uid in close.uids or group in close.groups or session in close.groups:
                return (*known, _text(process.name()), *_details(process))
            return (*known, _text(process.name()), *_NOT_LOOKED_AT)
    except (psutil.NoSuchProcess, ProcessLookupError):
        return None
    except (psutil.AccessDenied, PermissionError):
        return _barely(pid, boot)


def _barely(pid: int, boot: float) -> tuple[Any, ...]:
    """Keep what little there is of a process that may not be looked at."""
    known = identify(pid)
    values: list[Any] = [None, None]
    for position, ask in enumerate((os.getpgid, os.getsid)):
        try:
            values[position] = ask(pid)
        except OSError:
            continue
    started = known[0].started if known else None
    since = None if started is None else started - boot
    uid, status = (known[0].uid, known[1]) if known else (None, "")
    return (pid, None, *values, uid, started, since, status, "", *_NOT_LOOKED_AT)


_NOT_LOOKED_AT: Final = (None, None, None, "", None, None, None)


def _details(process: psutil.Process) -> tuple[Any, ...]:
    """Read command, folder and bmux's variables of a process."""
    command = _read(process.cmdline)
    cwd = _read(process.cwd)
    environ = _read(process.environ)
    kept = {} if environ is None else markers_of(environ)
    return (
        _text(" ".join(command)) if command else None,
        _text(cwd) if cwd else None,
        environ is not None,
        ",".join(kept),
        *(_text(kept[name]) if name in kept else None for name in _KEPT),
    )


def _read(question: Any) -> Any:  # psutil's methods return text, lists and maps
    try:
        return question()
    except (psutil.AccessDenied, psutil.ZombieProcess, OSError, ValueError):
        return None


def _text(value: str) -> str:
    # What the kernel hands out is bytes; a lone surrogate can't stand in a `str` column.
    if value.isascii():
        return value
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _frame(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
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
