"""One group while it is being ended: who is in it, what it got, what became of it."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from bmux_forensics.host.identity import has_ended, identify
from bmux_forensics.host.look import session_of
from bmux_forensics.host.signalling import KILL, Member, carries_markers

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATIENCE: Final = 3
"""How often a killed group may show new processes before all of it is killed at once."""


_QUIET: Final = 2
"""How many looks in a row must find nobody before a group counts as empty."""


class Outcome(NamedTuple):
    """What became of a group."""

    outcome: str
    detail: str
    survivors: int = 0
    ok: bool = True


class EndingGroup:
    """A row of the plan at work.

    Parameters
    ----------
    row : mapping
        The row.
    pinned : bool
        Hold each member by a pidfd. Without, the group is signalled as one where all of
        it is proven.
    """

    def __init__(self, row: Mapping[Any, Any], *, pinned: bool) -> None:
        self.pgid = int(row["pgid"])
        self.hang_up = bool(row["hang_up"])
        self.terminate = bool(row["terminate"])
        self.kill = bool(row["kill"])
        self.reason = str(row["reason"])
        self._sid = int(row["sid"])
        self._owner = int(row["owner_uid"])
        self._marked = bool(row["marked"])
        self._pinned = pinned
        self._sent: list[int] = []
        self._newcomers_after_kill = 0
        self._strangers: set[int] = set()
        self._ended: set[int] = set()
        self._quiet_looks = 0
        self._killed = False
        self._members: dict[int, Member] = {}
        for identity in row["identities"]:
            if identity.uid == self._owner:
                self._add(Member(identity, self.pgid, pinned=pinned))

    def running(self) -> list[Member]:
        """Return the proven members that have not ended."""
        return [member for member in self._members.values() if member.runs()]

    def left(self) -> bool:
        """Say whether anybody may be left: somebody runs, or the last looks were not quiet.

        A look that meets a process which ends under its eyes may have missed the child
        that took its place.
        """
        return self._quiet_looks < _QUIET or bool(self.running())

    def update(self, pids: set[int]) -> None:
        """Take in who is in the group now; a proven newcomer gets what the group got."""
        self._strangers = set()
        self._ended &= pids
        running = {member.identity.pid for member in self.running()}
        moved = [self._meet(pid) for pid in sorted(pids - running - self._ended)]
        self._quiet_looks = 0 if running or any(moved) else self._quiet_looks + 1
        for pid in self._members.keys() - pids:
            # It is gone, or went into another group: out of our reach, by the plan. One
            # that joined after `pids` were read is not among the known.
            if not self._members[pid].is_proven():
                self._members.pop(pid).close()

    def signal(self, *numbers: int) -> None:
        """Send signals to every proven member, each proven again at that moment."""
        self._sent += numbers
        if not self._pinned and self._signal_as_one(*numbers):
            return
        for member in self._members.values():
            self._send(member, *numbers)

    def outcome(self) -> Outcome:
        """Say what became of it, after a last `update`."""
        running = self.running()
        if self._strangers and (running or self.pgid not in self._strangers):
            detail = "processes that are not proven the pane's are in the group now"
            return Outcome(
                "survived", detail, len(self._strangers) + len(running), ok=not self.kill
            )
        if not running:
            if self._killed:
                return Outcome("killed", "gone after KILL")
            return Outcome("ended", "gone" if self._sent else "gone before any signal")
        if not self.kill:
            detail = "it asked to outlive the hang-up; ending the whole session takes it too"
            return Outcome("survived", detail, len(running))
        refused = any(member.refused for member in running)
        detail = "the system refuses the signal" if refused else "still there after KILL"
        return Outcome("survived", detail, len(running), ok=False)

    def close(self) -> None:
        """Let go of every member."""
        for member in self._members.values():
            member.close()

    def _add(self, member: Member) -> None:
        known = self._members.get(member.identity.pid)
        if known is not None:
            known.close()
        self._members[member.identity.pid] = member

    def _meet(self, pid: int) -> bool:
        """Look at a process of the group that we did not know; say whether it stirs.

        It does when it is the pane's and joins, or ends under our eyes. A stranger, who
        gets no signal, does not.
        """
        now = identify(pid)
        if now is None:
            return True
        if has_ended(now[1]):
            self._ended.add(pid)
            return True
        newcomer = Member(now[0], self.pgid, pinned=self._pinned)
        if self._is_ours(newcomer):
            self._greet(newcomer)
            return True
        stays = newcomer.is_proven()
        newcomer.close()
        if stays:
            self._strangers.add(pid)
        return not stays

    def _is_ours(self, newcomer: Member) -> bool:
        """Say whether a process that is in the group now belongs to the pane.

        It does while somebody we hold is in the group, for then the number has not
        changed hands; or when it has the pane's environment and did not make a group of
        that number itself.
        """
        pid = newcomer.identity.pid
        if newcomer.identity.uid != self._owner or session_of(pid) != self._sid:
            return False
        heir = self._marked and pid != self.pgid and carries_markers(pid)
        return (self._is_held() or heir) and newcomer.is_proven()

    def _is_held(self) -> bool:
        return any(member.is_proven() for member in self._members.values())

    def _greet(self, newcomer: Member) -> None:
        self._add(newcomer)
        if KILL in self._sent:
            self._newcomers_after_kill += 1
            if self._newcomers_after_kill > _PATIENCE and self._signal_as_one(KILL):
                return
        if self._sent:
            self._send(newcomer, *([KILL] if KILL in self._sent else self._sent))

    def _send(self, member: Member, *numbers: int) -> None:
        if member.send(*numbers) and KILL in numbers:
            self._killed = True

    def _signal_as_one(self, *numbers: int) -> bool:
        """Signal the whole group in one call, if all that is known of it is proven.

        The kernel does that against forks: nobody slips through. Without pidfds the
        check and the call are two steps, and the check comes last.
        """
        running = self.running()
        if self._strangers or not running or not all(member.is_proven() for member in running):
            return False
        with contextlib.suppress(OSError):
            for number in numbers:
                os.killpg(self.pgid, number)
            self._killed |= KILL in numbers
            return True
        return False
