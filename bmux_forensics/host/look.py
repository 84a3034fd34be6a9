"""One look at one process: the row of a census."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import psutil

from bmux_forensics.host.identity import Boot, has_ended, identify, markers_of

if TYPE_CHECKING:
    from collections.abc import Mapping

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

Row = tuple[Any, ...]
"""The values of a row, in the order of the columns."""


class Close(NamedTuple):
    """Who is worth a close look."""

    uids: set[int]
    groups: set[int]


def group_of(pid: int) -> int | None:
    """Return a process's group now, None when it is gone."""
    try:
        return os.getpgid(pid)
    except OSError:
        return None


def session_of(pid: int) -> int | None:
    """Return a process's session now, None when it is gone."""
    try:
        return os.getsid(pid)
    except OSError:
        return None


def look(pid: int, boot: Boot, close: Close) -> Row | None:
    """Read one process's row; None when it ended meanwhile."""
    try:
        # A fresh object each time: psutil.process_iter keeps old ones, with the start
        # time of whoever had the number before.
        process = psutil.Process(pid)
        with process.oneshot():
            group, session = os.getpgid(pid), os.getsid(pid)
            since, status = boot.since(process.create_time()), process.status()
            uid = process.uids().real
            known = (pid, process.ppid(), group, session, uid, boot.at + since, since, status)
            name = _text(process.name())
            # A zombie has neither command nor environment any more.
            if has_ended(status) or not (
                uid in close.uids or group in close.groups or session in close.groups
            ):
                return (*known, name, *_NOT_LOOKED_AT)
            return (*known, name, *_details(process))
    except (psutil.NoSuchProcess, ProcessLookupError):
        return None
    except (psutil.AccessDenied, PermissionError):
        return _barely(pid)


def _barely(pid: int) -> Row:
    """Keep what little there is of a process that may not be looked at."""
    known = identify(pid)
    started = known[0].started if known else None
    since = known[0].since_boot if known else None
    uid, status = (known[0].uid, known[1]) if known else (None, "")
    return (
        pid,
        None,
        group_of(pid),
        session_of(pid),
        uid,
        started,
        since,
        status,
        "",
        *_NOT_LOOKED_AT,
    )


_NOT_LOOKED_AT: Final = (None, None, None, "", None, None, None)


def _details(process: psutil.Process) -> tuple[Any, ...]:
    """Read command, folder and bmux's variables of a process."""
    command = _read(process.cmdline)
    cwd = _read(process.cwd)
    environ = _read(process.environ)
    if not environ and _ends_now(process.pid):
        raise psutil.NoSuchProcess(process.pid)
    kept = {} if environ is None else markers_of(environ)
    return (
        _text(" ".join(command)) if command else None,
        _text(cwd) if cwd else None,
        environ is not None,
        ",".join(kept),
        *(_text(kept[name]) if name in kept else None for name in _KEPT),
    )


def _ends_now(pid: int) -> bool:
    """Say whether a process with no environment has none because it ended meanwhile."""
    now = identify(pid)
    return now is None or has_ended(now[1])


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
