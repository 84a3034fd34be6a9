"""Ask the two questions that prove a server: does its socket answer, is its pid bmux.

Connecting sends no byte. A number read from a pid file is looked up, never signalled.
"""

from __future__ import annotations

import errno
import os
import re
import struct
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    import psutil

CONNECT_TIMEOUT: Final = 0.2
"""Seconds; a Unix socket answers at once, so this bounds the odd ones only."""

_PID_FILE_LIMIT: Final = 64
_PID: Final = re.compile(rb"\s*([1-9][0-9]{0,9})\s*")
_PID_MAX: Final = 2**31 - 1

_PROGRAM: Final = re.compile(r"-?bmux(?:d|-server)?(?:\.exe)?")
"""How the server's executable may be called. Our own command is not among them."""

START_SLACK: Final = 2.0
"""Seconds by which a server may seem younger than its pid file.

Kernel start times count 10 ms ticks from a boot time in whole seconds, and some file
systems keep times in steps of two seconds.
"""

# What a connect says about the socket; any other error leaves it open.
_REFUSALS: Final = {
    errno.ECONNREFUSED: "nothing listens on server.sock",
    errno.ENOENT: "there is no server.sock",
    errno.ENOTDIR: "there is no server.sock",
    errno.ELOOP: "server.sock is a loop of links",
}
_ABSENT: Final = frozenset({errno.ENOENT, errno.ENOTDIR})
_ENDED: Final = frozenset({"zombie", "dead"})  # psutil's words
_BUSY: Final = frozenset({errno.EAGAIN, errno.EINPROGRESS, errno.EWOULDBLOCK})


@dataclass(frozen=True, slots=True)
class SocketAnswer:
    """What a connect found: ``accepts``, ``refuses``, ``absent`` or ``unknown``."""

    state: Literal["accepts", "refuses", "absent", "unknown"]
    reason: str
    pid: int | None = None
    uid: int | None = None


@dataclass(frozen=True, slots=True)
class RecordedPid:
    """A pid file's number, and when the file was written (seconds since the epoch)."""

    pid: int
    written_at: float


@dataclass(frozen=True, slots=True)
class PidVerdict:
    """What a recorded pid is now: ``bmux``, ``stale`` or ``unknown``."""

    state: Literal["bmux", "stale", "unknown"]
    reason: str
    uid: int | None = None


def connect(path: Path) -> SocketAnswer:
    """Say whether anything accepts connections on the socket; no byte is sent."""
    try:
        path.lstat()
    except OSError as error:
        return _refusal(error)
    import socket  # noqa: PLC0415  # most machines have no socket to ask: they need not pay for it

    if not hasattr(socket, "AF_UNIX"):
        return SocketAnswer("unknown", "this Python can't connect to a Unix socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client, _short(path) as name:
        client.settimeout(CONNECT_TIMEOUT)
        try:
            client.connect(name)
        except TimeoutError:
            return SocketAnswer("accepts", "a server holds server.sock, but is slow to answer")
        except OSError as error:
            return _refusal(error)
        pid, uid = _peer(client)
    return SocketAnswer("accepts", "a server accepts connections", pid, uid)


def read_pid(path: Path) -> RecordedPid | OSError | None:
    """Return a pid file's number, None where there is none, or the system's refusal.

    What is no regular file, or holds anything but one decimal number, counts as none:
    it can't lead to a process.
    """
    try:
        # O_NONBLOCK: a FIFO of that name must not hold us up.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            text = os.read(handle, _PID_FILE_LIMIT)
            written_at = os.fstat(handle).st_mtime
        finally:
            os.close(handle)
    except OSError as error:
        return error if error.errno in {errno.EACCES, errno.EPERM} else None
    match = _PID.fullmatch(text)
    pid = int(match[1]) if match else 0
    return RecordedPid(pid, written_at) if 1 < pid <= _PID_MAX else None


def judge_pid(pid: int, written_at: float) -> PidVerdict:
    """Say whether a recorded pid is a bmux that ran when its pid file was written."""
    import psutil  # noqa: PLC0415  # only a machine with a pid file needs it

    try:
        return _judge_process(psutil.Process(pid), written_at)
    except psutil.ZombieProcess:
        return PidVerdict("stale", f"process {pid} has ended")
    except psutil.NoSuchProcess:
        if _in_nested_namespace():
            return PidVerdict("unknown", f"pid {pid} is not of this container's numbering")
        return PidVerdict("stale", f"no process {pid}")
    except psutil.AccessDenied:
        return PidVerdict("unknown", f"process {pid} may not be looked at")


def _judge_process(process: psutil.Process, written_at: float) -> PidVerdict:
    with process.oneshot():
        status, name, started_at = process.status(), process.name(), process.create_time()
        if status in _ENDED:
            return PidVerdict("stale", f"process {process.pid} has ended")
        names = {name, *_program_names(process)}
        uid = process.uids().real if hasattr(process, "uids") else None
    if not any(_PROGRAM.fullmatch(text) for text in names):
        return PidVerdict("stale", f"process {process.pid} is {name!r}, not bmux")
    if started_at > written_at + START_SLACK:
        return PidVerdict("stale", f"process {process.pid} is younger than the pid file")
    return PidVerdict("bmux", f"process {process.pid} of server.pid is a running bmux", uid)


def data_folder_of(pid: int) -> str | None:
    """Return a process's BMUX_DATA_DIR, empty when not set, None when it can't be read."""
    import psutil  # noqa: PLC0415  # asked of live servers only

    try:
        return psutil.Process(pid).environ().get("BMUX_DATA_DIR", "")
    except (psutil.Error, OSError, ValueError):
        return None


def _program_names(process: psutil.Process) -> list[str]:
    """Read executable and first argument, as far as the system lets us."""
    import psutil  # noqa: PLC0415  # the caller has loaded it already

    names = []
    for read in (process.exe, process.cmdline):
        try:
            value = read()
        except psutil.AccessDenied:
            continue
        text = value if isinstance(value, str) else next(iter(value), "")
        names.append(Path(text).name)
    return names


def _refusal(error: OSError) -> SocketAnswer:
    number = error.errno or 0
    if number in _BUSY:
        return SocketAnswer("accepts", "a server holds server.sock; its queue is full")
    if number in _ABSENT:
        return SocketAnswer("absent", _REFUSALS[number])
    if number in _REFUSALS:
        return SocketAnswer("refuses", _REFUSALS[number])
    return SocketAnswer("unknown", f"connecting to server.sock fails: {error}")


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """Yield a name for the socket that fits the 107 bytes of a Unix address."""
    text = str(path)
    descriptors = Path("/proc/self/fd")
    if len(os.fsencode(text)) < 100 or not descriptors.is_dir():  # noqa: PLR2004  # macOS: 103
        yield text
        return
    folder = os.open(path.parent, getattr(os, "O_PATH", os.O_RDONLY))
    try:
        yield str(descriptors / str(folder) / path.name)
    finally:
        os.close(folder)


def _peer(client: socket.socket) -> tuple[int | None, int | None]:
    """Return pid and user of whoever listens; pid None outside our PID namespace."""
    import socket  # noqa: PLC0415  # the caller has loaded it already

    if not hasattr(socket, "SO_PEERCRED"):
        return None, None
    layout = struct.Struct("3i")
    pid, uid, _ = layout.unpack(
        client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, layout.size)
    )
    return pid or None, uid


_FIRST_PID_NAMESPACE: Final = "pid:[4026531836]"  # a constant of the kernel, PROC_PID_INIT_INO


def _in_nested_namespace() -> bool:
    """Say whether our pids are a container's: then a number from outside means nothing."""
    try:
        return str(Path("/proc/self/ns/pid").readlink()) != _FIRST_PID_NAMESPACE
    except OSError:
        return False
