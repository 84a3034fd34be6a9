"""What makes a process this one, and what shows that it is a pane's.

A number alone means nothing: the kernel hands it out again. A number together with a
start time and a user is a process, for as long as the machine runs.
"""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

import psutil

from bmux_forensics.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Mapping

# Panes inherit these from their server. Our own BMUX_FORENSICS_* variables, and others
# that a person may export for every shell, are no sign of a pane.
_MARKER: Final = re.compile(r"BMUX_(?!FORENSICS_)(?:RUNTIME_NAME|PANE|[A-Z0-9_]*DIR)")

ENDED: Final = frozenset({psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD})
"""psutil's words for a process that only waits to be reaped."""


class ProcessesUnsupportedError(EvidenceError):
    """Say that the system has no process groups, or shows numbers that are not ours."""

    kind = "processes-unsupported"
    exit_code: ClassVar[int] = 3


class Identity(NamedTuple):
    """What makes a process this one and no other that has its number now.

    `started` is in seconds since the epoch and moves when the clock is set;
    `since_boot` is in seconds and does not (Linux), or moves too (elsewhere).
    """

    pid: int
    started: float
    since_boot: float
    uid: int

    def is_same(self, other: Identity) -> bool:
        """Say whether both are one process: same number and user, and one start."""
        near = (abs(self.started - other.started), abs(self.since_boot - other.since_boot))
        return self.pid == other.pid and self.uid == other.uid and min(near) < _SAME_START


class Boot(NamedTuple):
    """When the machine started, in seconds since the epoch.

    Linux tells it in whole seconds, and psutil's start times stand on that: everything
    would seem to have started up to a second too early, and who got a number right after
    a save would pass for the one who had it before.
    """

    told: float
    """As the system tells it, and psutil adds it to the start of each process."""
    at: float
    """As exactly as the clocks know it."""

    @classmethod
    def now(cls) -> Boot:
        """Read both; the second moves when the clock is set."""
        told = psutil.boot_time()
        if sys.platform == "linux":
            return cls(told, time.time() - time.clock_gettime(time.CLOCK_BOOTTIME))
        return cls(told, told)

    def since(self, created: float) -> float:
        """Return how long after the boot a process started, of psutil's time for it."""
        return created - self.told


# Kernel start times count ticks of 10 ms; a number can't come round again within one.
_SAME_START: Final = 0.015


def identify(pid: int) -> tuple[Identity, str] | None:
    """Return a process's identity and state as they are now, None when it is gone."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            boot = Boot.now()
            since, status = boot.since(process.create_time()), process.status()
            found = Identity(pid, boot.at + since, since, process.uids().real)
    except (psutil.Error, OSError):
        return None
    return found, status


def has_ended(status: str) -> bool:
    """Say whether a process in this state only waits to be reaped."""
    return status in ENDED


def markers_of(environ: Mapping[str, str]) -> dict[str, str]:
    """Keep of an environment what bmux gives to its panes.

    Examples
    --------
    >>> markers_of({"BMUX_PANE": "1", "BMUX_FORENSICS_STATE_DIR": "/s", "TOKEN": "t"})
    {'BMUX_PANE': '1'}
    """
    return {name: environ[name] for name in sorted(environ) if _MARKER.fullmatch(name)}


def require_support() -> None:
    """Raise `ProcessesUnsupportedError` unless groups exist here and numbers are ours."""
    if not (hasattr(os, "getpgid") and hasattr(os, "getsid") and hasattr(os, "killpg")):
        raise ProcessesUnsupportedError(
            "processes",
            f"{sys.platform} has no process groups",
            advice="everything that needs only the file works",
        )
    if not _numbers_are_ours():
        raise ProcessesUnsupportedError(
            "/proc",
            "the numbers of another PID namespace",
            expected="this process under its own number",
            advice="mount a /proc of this namespace (unshare --mount-proc)",
        )


def _numbers_are_ours() -> bool:
    try:
        return Path(psutil.PROCFS_PATH, "self").readlink().name == str(os.getpid())
    except (OSError, AttributeError):
        return psutil.pid_exists(os.getpid())
