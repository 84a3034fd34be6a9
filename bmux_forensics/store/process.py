"""Which process this is, and what can be proven about another one.

A process number alone proves nothing: the kernel hands it out again. The number,
the moment the process started, the PID namespace and the boot together name one
process for ever, and only such a full name lets us say that a process is gone.
Linux tells all of it in /proc; elsewhere psutil is asked.
"""

from __future__ import annotations

import errno
import hashlib
import os
import sys
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

_PROC = sys.platform == "linux" and Path("/proc/self/stat").exists()
_STATE, _STARTED = 0, 19  # fields 3 and 22 of /proc/<pid>/stat, counted after the command


@dataclass(frozen=True, slots=True)
class ProcessName:
    """One process, named so that no other process ever has the same name.

    A field that the platform does not tell is "".

    Parameters
    ----------
    pid : int
        The number, as its own PID namespace counts.
    start : str
        The moment it started: clock ticks since boot, or seconds since 1970.
    boot : str
        The kernel's id of the boot.
    pidns : str
        The inode of the PID namespace.
    host : str
        The host name.
    machine : str
        A hash of the machine's id: it tells two hosts of one name apart.
    """

    pid: int
    start: str = ""
    boot: str = ""
    pidns: str = ""
    host: str = ""
    machine: str = ""

    def is_place(self, other: ProcessName) -> bool:
        """Tell whether both were named on the same host."""
        return bool(self.host) and (self.host, self.machine) == (other.host, other.machine)


def this_process() -> ProcessName:
    """Name the calling process.

    Examples
    --------
    >>> this_process().pid == os.getpid()
    True
    """
    return _this_process(os.getpid())


@lru_cache(maxsize=1)  # keyed by the number, so that a forked child is named anew
def _this_process(pid: int) -> ProcessName:
    return replace(_this_place(), pid=pid, start=_facts(pid)[0])


@lru_cache(maxsize=1)
def _this_place() -> ProcessName:
    try:
        pidns = str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        pidns = ""
    machine = _text("/etc/machine-id")
    # The id itself is meant to stay private, so only a hash of it goes into files.
    digest = hashlib.sha256(b"bmux-forensics" + machine.encode()).hexdigest()[:12]
    return ProcessName(
        pid=0,
        boot=_text("/proc/sys/kernel/random/boot_id"),
        pidns=pidns,
        host="".join(os.uname().nodename.split()) if hasattr(os, "uname") else "",
        machine=digest if machine else "",
    )


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def is_alive(pid: int, start: str = "") -> bool | None:
    """Tell whether a process of this machine and namespace still runs.

    Parameters
    ----------
    pid : int
        The process number.
    start : str, optional
        When it started, as in `ProcessName`; another start means another process.

    Returns
    -------
    bool or None
        False is proven. None means that a process of this number runs and nothing
        says whether it is the one. A zombie counts as gone: it holds nothing.

    Examples
    --------
    >>> is_alive(os.getpid(), this_process().start)
    True
    >>> is_alive(os.getpid(), "1")
    False
    """
    if not _exists(pid):
        return False
    found, ended = _facts(pid)
    if ended:
        return False
    if not found:
        # It may have ended between the two looks, or /proc hides it from us.
        return None if _exists(pid) else False
    if not start:
        return None
    return found == start


def _exists(pid: int) -> bool:
    if not 0 < pid < 2**31:
        return False
    if os.name != "posix":
        import psutil  # noqa: PLC0415 - costs 20 ms, and Linux never needs it

        return bool(psutil.pid_exists(pid))
    try:
        os.kill(pid, 0)  # signal 0 is a question, nothing is sent
    except OSError as error:
        return error.errno != errno.ESRCH
    return True


def _facts(pid: int) -> tuple[str, bool]:
    """Return the start of a process ("" when hidden) and whether it has ended already."""
    if not _PROC:
        return _facts_elsewhere(pid)
    try:
        # The command may hold spaces and brackets; the last bracket ends it.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        ended = fields[_STATE] in (b"Z", b"X") and len(os.listdir(f"/proc/{pid}/task")) <= 1  # noqa: PTH208 - only counted
        return fields[_STARTED].decode("ascii"), ended
    except (OSError, IndexError, ValueError):
        return "", False


def _facts_elsewhere(pid: int) -> tuple[str, bool]:
    import psutil  # noqa: PLC0415 - costs 20 ms, and Linux never needs it

    try:
        process = psutil.Process(pid)
        return f"{process.create_time():.2f}", process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return "", True
    except psutil.Error:
        return "", False


def is_gone(name: ProcessName) -> bool:
    """Tell whether the named process is proven to be gone.

    Proof is: the same host, and either another boot than the present one, or the
    same boot and namespace where no such process runs any more. Everything else,
    another host or a namespace that we can't look into, proves nothing.
    """
    here = _this_place()
    if not name.is_place(here):
        return False
    if name.boot and here.boot and name.boot != here.boot:
        return True
    return name.pidns == here.pidns and is_alive(name.pid, name.start) is False
