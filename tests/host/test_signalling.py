"""A signal reaches the process that is meant, or nobody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NoReturn

import psutil
import pytest

from bmux_forensics.host.identity import (
    Boot,
    Identity,
    ProcessesUnsupportedError,
    has_ended,
    identify,
    require_support,
)
from bmux_forensics.host.signalling import (
    Member,
    carries_markers,
    has_pidfds,
    members_of,
    watch,
)

if TYPE_CHECKING:
    from tests.host.conftest import Nursery

Child = subprocess.Popen[bytes]

both = pytest.mark.parametrize("pinned", [True, False], ids=["pidfd", "portable"])


def who(pid: int) -> Identity:
    found = identify(pid)
    assert found is not None
    return found[0]


def member(child: Child, *, pinned: bool, group: int | None = None) -> Member:
    return Member(who(child.pid), child.pid if group is None else group, pinned=pinned)


def refuse(*_: object) -> NoReturn:
    raise PermissionError(1, "not permitted")


def gone(*_: object) -> NoReturn:
    raise ProcessLookupError(3, "gone")


@pytest.fixture
def child(nursery: Nursery) -> Child:
    return nursery.start(["sleep", "120"])


def _is_left_alone(held: Member, child: Child) -> None:
    assert held.runs()
    assert not held.is_proven()
    assert not held.send(signal.SIGKILL)
    assert child.poll() is None
    held.close()


@both
def test_all_signals_are_sent_in_order(nursery: Nursery, *, pinned: bool) -> None:
    child = nursery.python(
        "got = []\n"
        "for number in (signal.SIGHUP, signal.SIGTERM):\n"
        "    signal.signal(number, lambda n, _: got.append(n))\n"
        "ready()\n"
        "while len(got) < 2: time.sleep(0.005)\n"
        "ready('-'.join(map(str, map(int, got)))); time.sleep(120)\n"
    )
    held = member(child, pinned=pinned)
    assert (held.descriptor is not None) is pinned
    assert held.send(signal.SIGHUP)
    assert held.send(signal.SIGTERM)
    nursery.wait(lambda: {"1-15", "15-1"} & nursery.marks(child), "both came")
    assert not held.refused
    held.close()


@both
def test_in_another_group_it_is_left_alone(child: Child, *, pinned: bool) -> None:
    held = member(child, pinned=pinned, group=os.getpgrp())
    _is_left_alone(held, child)


@both
@pytest.mark.parametrize("field", ["pid", "started", "uid"])
def test_somebody_else_of_that_number_is_not_held(
    child: Child, nursery: Nursery, *, pinned: bool, field: str
) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only counted
    true = who(child.pid)
    other = {
        "pid": true._replace(pid=nursery.start(["sleep", "120"]).pid, uid=true.uid + 1),
        "started": true._replace(started=true.started - 60, since_boot=true.since_boot - 60),
        "uid": true._replace(uid=true.uid + 1),
    }[field]
    held = Member(other, other.pid, pinned=pinned)
    assert not held.runs()
    assert not held.is_proven()
    assert not held.send(signal.SIGKILL)
    assert held.descriptor is None
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - the same
    assert child.poll() is None


@both
@pytest.mark.parametrize("reaped", [True, False])
def test_what_has_ended_stays_ended(child: Child, *, pinned: bool, reaped: bool) -> None:
    held = member(child, pinned=pinned)
    assert held.runs()
    assert held.is_proven()
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    if reaped:
        child.wait()
    assert not held.runs()
    assert not held.runs()
    assert not held.is_proven()
    assert not held.send(signal.SIGTERM)
    assert not held.refused
    late = Member(held.identity, held.group, pinned=pinned)
    assert not late.runs()
    assert late.descriptor is None
    held.close()


@both
def test_a_user_that_changes_is_no_longer_proven(nursery: Nursery, *, pinned: bool) -> None:
    if os.geteuid() != 0:
        pytest.skip("not root: a process that changes its user was not tried")
    child = nursery.python(
        "def change(*_): os.setresuid(65534, 65534, 65534); ready('changed')\n"
        "signal.signal(signal.SIGUSR1, change); ready()\n"
        "while True: time.sleep(120)\n"
    )
    held = member(child, pinned=pinned)
    assert held.send(signal.SIGUSR1)
    nursery.wait(lambda: "changed" in nursery.marks(child), "it is another user's")
    _is_left_alone(held, child)


@both
def test_what_the_system_refuses_is_remembered(
    child: Child, monkeypatch: pytest.MonkeyPatch, *, pinned: bool
) -> None:
    held = member(child, pinned=pinned)
    for call, refused in ((gone, False), (refuse, True)):
        with monkeypatch.context() as patched:
            patched.setattr(os, "kill", call)
            patched.setattr(signal, "pidfd_send_signal", call)
            assert not held.send(signal.SIGTERM)
        assert held.refused is refused
    held.close()


@both
def test_when_it_is_let_go_it_gets_nothing(child: Child, *, pinned: bool) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only counted
    held = member(child, pinned=pinned)
    assert len(os.listdir("/proc/self/fd")) == before + pinned  # noqa: PTH208 - the same
    held.close()
    held.close()
    assert held.descriptor is None
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - the same
    assert not held.send(signal.SIGKILL)
    assert child.poll() is None


def test_without_a_descriptor_the_identity_has_to_do(
    child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert has_pidfds()
    monkeypatch.setattr(os, "pidfd_open", refuse)
    assert not has_pidfds()
    held = member(child, pinned=True)
    assert held.descriptor is None
    assert held.is_proven()
    assert held.send(signal.SIGKILL)
    assert child.wait(timeout=10) == -signal.SIGKILL
    monkeypatch.delattr(os, "pidfd_open")
    assert not has_pidfds()


def test_asking_for_descriptors_leaves_none() -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only counted
    assert has_pidfds()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - the same


def test_watching_ends_when_one_ends_or_the_time_is_up(child: Child, nursery: Nursery) -> None:
    other = nursery.start(["sleep", "120"])
    members = [member(child, pinned=True), member(other, pinned=False)]
    began = time.monotonic()
    watch(members, 0.2)
    assert 0.15 < time.monotonic() - began < 10
    watch(members, -5)
    other.kill()
    child.kill()
    watch(members, 60)
    assert time.monotonic() - began < 30
    began = time.monotonic()
    watch(members[1:], 60)
    watch(members[1:], -1)
    watch([], 0.005)
    assert 0.01 <= time.monotonic() - began < 10
    for held in members:
        held.close()


def test_groups_are_listed_with_all_their_members(child: Child, nursery: Nursery) -> None:
    pair = nursery.python(
        "if not os.fork(): ready(); time.sleep(120)\nready(); time.sleep(120)\n", ready=2
    )
    members = {int(name) for name in nursery.marks(pair)}
    nobodys = 2**31 - 9
    found = members_of({pair.pid, child.pid, nobodys})
    assert found == {pair.pid: members, child.pid: {child.pid}, nobodys: set()}


def test_a_panes_variables_are_seen_where_they_can_be_read(nursery: Nursery) -> None:
    assert carries_markers(nursery.start(["sleep", "120"]).pid)
    assert not carries_markers(nursery.start(["sleep", "120"], bmux=False).pid)
    assert not carries_markers(2**31 - 9)


def test_one_process_is_the_same_by_either_clock() -> None:
    one = Identity(7, 0.0, 0.0, 0)
    assert one.is_same(Identity(7, 0.0, 99.0, 0))
    assert one.is_same(Identity(7, 2000.0, 0.0149, 0))
    assert not one.is_same(Identity(7, 0.015, 0.015, 0))
    assert not one.is_same(Identity(7, -15.0, -15.0, 0))
    assert not one.is_same(Identity(8, 0.0, 0.0, 0))
    assert not one.is_same(Identity(7, 0.0, 0.0, 1))


def test_who_a_process_is_and_when_it_started(child: Child) -> None:
    before = time.time()
    found = identify(child.pid)
    assert found is not None
    identity, status = found
    assert identity.pid == child.pid
    assert identity.uid == os.getuid()
    assert abs(identity.started - before) < 60
    boot = Boot.now()
    assert boot.told == psutil.boot_time()
    assert abs(boot.at - boot.told) < 2
    assert identity.since_boot == psutil.Process(child.pid).create_time() - boot.told
    assert abs(identity.started - boot.at - identity.since_boot) < 0.01
    assert not has_ended(status)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    found = identify(child.pid)
    assert found is not None
    assert has_ended(found[1])
    child.wait()
    assert identify(child.pid) is None


def test_where_processes_are_not_ours_to_tell_it_is_said(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_support()
    with monkeypatch.context() as patched:
        patched.setattr(psutil, "PROCFS_PATH", str(tmp_path))
        patched.setattr(psutil, "pid_exists", lambda pid: pid == os.getpid())
        require_support()  # no /proc at all: psutil knows
        patched.setattr(psutil, "pid_exists", lambda _: False)
        with pytest.raises(ProcessesUnsupportedError) as caught:
            require_support()
    assert str(caught.value) == (
        "/proc: expected this process under its own number, found the numbers of another PID"
        " namespace; mount a /proc of this namespace (unshare --mount-proc)"
    )
    for name in ("getpgid", "getsid", "killpg"):
        with monkeypatch.context() as patched:
            patched.delattr(os, name)
            patched.setattr(sys, "platform", "plan9")
            with pytest.raises(ProcessesUnsupportedError) as caught:
                require_support()
        assert str(caught.value) == (
            "processes: plan9 has no process groups; everything that needs only the file works"
        )
