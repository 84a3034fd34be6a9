"""Signals for a process that is proven to be the one that is meant.

A number is looked up and signalled in two steps, and between them it may change hands.
Where the kernel has pidfds the descriptor is opened first, the identity is read next,
and the descriptor is seen to be running after that: so what was read was the
descriptor's process, and that process gets the signal, whatever the number means by
then. Elsewhere the identity is read immediately before the system call.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from typing import TYPE_CHECKING, Final

import psutil

from bmux_forensics.host.identity import Identity, has_ended, identify, markers_of
from bmux_forensics.host.look import group_of

if TYPE_CHECKING:
    from collections.abc import Iterable

HUP: Final = getattr(signal, "SIGHUP", 0)
CONT: Final = getattr(signal, "SIGCONT", 0)
TERM: Final = getattr(signal, "SIGTERM", 0)
KILL: Final = getattr(signal, "SIGKILL", 0)

LOOK_EVERY: Final = 0.01
"""Seconds between two looks where the kernel does not wake us."""


def has_pidfds() -> bool:
    """Say whether this Python and kernel can hold on to a process."""
    if not (hasattr(os, "pidfd_open") and hasattr(signal, "pidfd_send_signal")):
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:  # a kernel before 5.3, or a sandbox that forbids it
        return False
    return True


class Member:
    """One process that may be signalled, for as long as it stays in its group.

    Parameters
    ----------
    identity : Identity
        Who it is.
    group : int
        The group in which it may be signalled.
    pinned : bool
        Hold it by a pidfd; without one the identity alone is checked.
    """

    def __init__(self, identity: Identity, group: int, *, pinned: bool) -> None:
        self.identity = identity
        self.group = group
        self.descriptor: int | None = None
        self.refused = False
        if pinned:
            # Gone already, or no descriptor left: then the identity has to do.
            with contextlib.suppress(OSError):
                self.descriptor = os.pidfd_open(identity.pid)
        self._process = self._find()
        if self._process is None:
            self.close()  # it has ended, or the number had changed hands before we held it

    def is_proven(self) -> bool:
        """Say whether it runs, is still the same process, and is still in its group.

        A descriptor stands for number and start time, which were read when it was
        opened; user and group can change, and are read anew.
        """
        return (
            (self.descriptor is not None or self.runs())
            and self._user() == self.identity.uid
            and group_of(self.identity.pid) == self.group
            # Last: a running descriptor proves that the number meant it all along.
            and not self._descriptor_ended()
        )

    def runs(self) -> bool:
        """Say whether it has not ended; a zombie has."""
        if self._process is None or self.descriptor is not None:
            return self._process is not None and not self._descriptor_ended()
        try:
            # psutil compares start times: is_running is False for another process.
            runs = self._process.is_running() and not has_ended(self._process.status())
        except (psutil.Error, OSError):
            runs = False
        if not runs:
            self._process = None  # what has ended stays ended
        return runs

    def send(self, *numbers: int) -> bool:
        """Signal it if it is proven at this moment; say whether all signals were sent."""
        if not self.is_proven():
            return False
        try:
            for number in numbers:
                if self.descriptor is not None:
                    signal.pidfd_send_signal(self.descriptor, number)
                else:
                    os.kill(self.identity.pid, number)
        except ProcessLookupError:
            return False
        except OSError:
            self.refused = True
            return False
        return True

    def close(self) -> None:
        """Let go of it; it gets no signal any more."""
        self._process = None
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    def _find(self) -> psutil.Process | None:
        try:
            process = psutil.Process(self.identity.pid)
        except (psutil.Error, OSError):
            return None
        now = identify(self.identity.pid)
        same = now is not None and now[0].is_same(self.identity) and not has_ended(now[1])
        return process if same else None

    def _user(self) -> int | None:
        try:
            return None if self._process is None else int(self._process.uids().real)
        except (psutil.Error, OSError):
            return None

    def _descriptor_ended(self) -> bool:
        return self.descriptor is not None and bool(_ready([self.descriptor], 0.0))


def watch(members: Iterable[Member], seconds: float) -> None:
    """Return when one of the members ends, or after that many seconds at most."""
    descriptors = [member.descriptor for member in members if member.descriptor is not None]
    if descriptors:
        _ready(descriptors, max(0.0, seconds))
    else:
        time.sleep(min(LOOK_EVERY, max(0.0, seconds)))


def members_of(groups: set[int]) -> dict[int, set[int]]:
    """Return the pids in each of the groups now, ended ones included."""
    found: dict[int, set[int]] = {group: set() for group in groups}
    for pid in psutil.pids():
        group = group_of(pid)
        if group in found:
            found[group].add(pid)
    return found


def carries_markers(pid: int) -> bool:
    """Say whether bmux's variables can be read in a process."""
    try:
        return bool(markers_of(psutil.Process(pid).environ()))
    except (psutil.Error, OSError, ValueError):
        return False


def _ready(descriptors: list[int], seconds: float) -> list[tuple[int, int]]:
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return poll.poll(seconds * 1000)
