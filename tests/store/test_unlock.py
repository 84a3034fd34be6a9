from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from bmux_forensics.errors import ConfirmationNeededError, WriteError
from bmux_forensics.store import marker
from bmux_forensics.store.folder import Folder
from bmux_forensics.store.lock import LockHeldError, SnapshotLock
from bmux_forensics.store.mounts import is_local
from bmux_forensics.store.process import ProcessName, this_process
from bmux_forensics.store.refusals import LockChangedError
from bmux_forensics.store.unlock import LockState, UnlockRefusedError, inspect_lock, unlock

from .conftest import finished, names, said
from .test_lock import HOLD, lock_of

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Start

DEAD = 999_999_999  # above every pid_max


def plant(snapshot: Path, **changes: object) -> None:
    holder = dataclasses.replace(this_process(), **changes)  # type: ignore[arg-type] # names of fields
    lock_of(snapshot).write_bytes(marker.render(holder, "t"))


def test_a_killed_holder_blocks_until_unlock_and_then_no_more(snapshot: Path, start: Start) -> None:
    holder = start(HOLD, snapshot)
    assert said(holder) == "held"
    holder.kill()  # not reaped yet: a zombie holds nothing either
    state = wait_until_gone(snapshot)
    assert (state.kind, state.pid, state.breakable) == ("ours", holder.pid, "proven")
    with pytest.raises(LockHeldError, match="which is gone; break it") as caught:
        SnapshotLock(snapshot, timeout=0.1).acquire()
    assert caught.value.alive is False
    assert unlock(snapshot).exists
    with SnapshotLock(snapshot, timeout=0.1):
        pass
    assert names(snapshot.parent) == ["snap.json"]


def wait_until_gone(snapshot: Path) -> LockState:
    end = time.monotonic() + 20
    while (state := inspect_lock(snapshot)).holder_alive is not False:
        assert time.monotonic() < end
        time.sleep(0.002)
    return state


@pytest.mark.skipif(
    shutil.which("strace") is None, reason="no strace: kills between steps not tried"
)
def test_killed_at_every_step_of_locking_it_is_breakable_by_proof(
    snapshot: Path, start: Start
) -> None:
    """Each call that names the lock or its waiting file, before and after it took effect."""
    calls = ["link", "linkat", "unlink", "unlinkat"]
    seen = set()
    for call in calls:
        for occurrence in (1, 2):
            prefix: tuple[str, ...] = (
                "strace",
                "-f",
                "-qq",
                "-o",
                "/dev/null",
                "-e",
                f"trace={call}",
            )
            prefix += ("-e", f"inject={call}:signal=KILL:when={occurrence}")
            process = start(HOLD, snapshot, prefix=prefix)
            process.communicate("go\n", timeout=60)
            seen.add(tuple(re.sub(r"\..*tmp$", "TEMP", n) for n in names(snapshot.parent)))
            state = inspect_lock(snapshot)
            assert not state.exists or state.breakable == "proven"
            unlock(snapshot)
            with SnapshotLock(snapshot, timeout=0.1):
                pass
            assert names(snapshot.parent) == ["snap.json"]
    assert len(seen) > 1


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace: no links was not tried")
def test_where_links_fail_the_marker_is_made_by_its_name(snapshot: Path, start: Start) -> None:
    inject = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=link,linkat:error=EPERM")
    holder = start(HOLD, snapshot, prefix=inject)
    assert said(holder) == "held"
    assert inspect_lock(snapshot).holder_alive is True
    with pytest.raises(LockHeldError):
        SnapshotLock(snapshot, timeout=0).acquire()
    finished(holder)
    assert names(snapshot.parent) == ["snap.json"]


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace: no links was not tried")
def test_killed_between_making_and_filling_the_marker_it_takes_force(
    snapshot: Path, start: Start
) -> None:
    """Where links fail the marker is made empty and filled, as bmux does it."""
    inject: tuple[str, ...] = ("strace", "-f", "-qq", "-o", "/dev/null")
    inject += ("-e", "inject=link,linkat:error=EPERM")
    inject += ("-e", "inject=write:signal=KILL:when=2")  # the first fills the waiting file
    start(HOLD, snapshot, prefix=inject).communicate(timeout=60)
    state = inspect_lock(snapshot)
    assert (state.kind, state.breakable) == ("empty", "force")
    with pytest.raises(LockHeldError, match="held by somebody unknown"):
        SnapshotLock(snapshot, timeout=0.05).acquire()
    with pytest.raises(UnlockRefusedError):
        unlock(snapshot)
    unlock(snapshot, force=True)
    with SnapshotLock(snapshot):
        pass
    assert names(snapshot.parent) == ["snap.json"]


def test_a_living_holder_is_never_broken_without_force(snapshot: Path, start: Start) -> None:
    holder = start(HOLD, snapshot)
    assert said(holder) == "held"
    for confirmed in (False, True):
        with pytest.raises(UnlockRefusedError, match=f"process {holder.pid} holds it") as caught:
            unlock(snapshot, confirmed=confirmed)
        assert caught.value.state is not None
    assert inspect_lock(snapshot).holder_alive is True
    assert unlock(snapshot, force=True).exists
    with SnapshotLock(snapshot) as mine:
        finished(holder)  # it lets go of what is not its own any more
        assert mine.is_ours


@pytest.mark.parametrize(
    ("changes", "breakable", "why"),
    [
        ({"pid": DEAD}, "proven", "that held it is gone"),
        ({"start": "1"}, "proven", "that held it is gone"),
        ({"boot": "an-earlier-boot"}, "proven", "and so is that boot"),
        ({}, "force", "holds it"),
        ({"host": "elsewhere"}, "force", "of host elsewhere"),
        ({"host": "elsewhere", "boot": "x"}, "force", "of host elsewhere"),
        ({"machine": "another"}, "force", "may hold it"),
        ({"pidns": "1", "pid": DEAD}, "force", "another container or namespace"),
    ],
)
def test_what_a_marker_of_ours_proves(
    snapshot: Path, changes: dict[str, object], breakable: str, why: str
) -> None:
    plant(snapshot, **changes)
    state = inspect_lock(snapshot)
    assert (state.kind, state.breakable) == ("ours", breakable)
    assert why in state.why
    if breakable == "proven":
        assert unlock(snapshot).exists
        return
    with pytest.raises(UnlockRefusedError):
        unlock(snapshot, confirmed=True)
    assert lock_of(snapshot).exists()
    unlock(snapshot, force=True)
    assert not lock_of(snapshot).exists()


def test_a_bare_dead_number_needs_a_person(snapshot: Path) -> None:
    lock_of(snapshot).write_bytes(b"pid=%d\n" % DEAD)
    state = inspect_lock(snapshot)
    assert (state.kind, state.breakable, state.holder_alive) == ("bare", "confirm", False)
    with pytest.raises(ConfirmationNeededError, match="confirm to break"):
        unlock(snapshot)
    assert unlock(snapshot, confirmed=True, inspected=state).exists
    assert not lock_of(snapshot).exists()


def test_a_bare_living_number_needs_force(snapshot: Path) -> None:
    lock_of(snapshot).write_bytes(b"pid=%d\n" % os.getpid())
    with pytest.raises(UnlockRefusedError, match="it may be the holder"):
        unlock(snapshot, confirmed=True)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "empty"),
        (b"pid=12", "strange"),
        (b"pid=x\n", "strange"),
        (b"pid=0\n", "strange"),
        (b"pid=99999999999\n", "strange"),
        (b"pid=1\nby=somebody\n", "strange"),
        (b"pid=1\n" + b"x" * 10_000, "strange"),
        (marker.render(ProcessName(DEAD), "t")[:-3], "strange"),
    ],
)
def test_what_says_nothing_needs_force(snapshot: Path, content: bytes, kind: str) -> None:
    lock_of(snapshot).write_bytes(content)
    assert inspect_lock(snapshot).kind == kind
    with pytest.raises(UnlockRefusedError, match=r"does not say who .* old, owned by user"):
        unlock(snapshot, confirmed=True)
    assert unlock(snapshot, force=True).exists
    assert not lock_of(snapshot).exists()


def test_a_link_and_a_fifo_in_its_place_are_strange_and_broken_by_force(snapshot: Path) -> None:
    lock_of(snapshot).symlink_to(snapshot)
    assert inspect_lock(snapshot).kind == "strange"
    assert unlock(snapshot, force=True).exists
    os.mkfifo(lock_of(snapshot))
    assert unlock(snapshot, force=True).exists
    assert snapshot.read_bytes() == b"old"


def test_a_folder_in_its_place_is_left(snapshot: Path) -> None:
    lock_of(snapshot).mkdir()
    assert inspect_lock(snapshot).breakable == "no"
    with pytest.raises(WriteError, match="it is a folder"):
        unlock(snapshot, force=True)


def test_no_lock_is_nothing_to_break(snapshot: Path) -> None:
    assert not unlock(snapshot).exists
    assert not unlock(snapshot.parent / "none" / "snap.json", force=True).exists


def test_only_the_lock_that_was_shown_is_broken(snapshot: Path) -> None:
    lock_of(snapshot).write_bytes(b"pid=%d\n" % DEAD)
    shown = inspect_lock(snapshot)
    lock_of(snapshot).unlink()
    plant(snapshot, pid=DEAD)
    with pytest.raises(LockChangedError, match="changed hands"):
        unlock(snapshot, confirmed=True, inspected=shown)
    assert lock_of(snapshot).exists()


BREAK = """
import sys
from bmux_forensics.errors import BusyError
from bmux_forensics.store.lock import LockHeldError, SnapshotLock
from bmux_forensics.store.unlock import unlock
for _ in range(int(sys.argv[2])):
    sys.stdin.readline()
    try:
        won = unlock(sys.argv[1]).exists
    except BusyError:
        won = False
    held = False
    if won:
        with SnapshotLock(sys.argv[1], timeout=5) as lock:
            held = lock.is_ours
    print(int(won), int(held), flush=True)
"""


def test_of_many_breakers_one_wins_and_no_new_lock_is_broken(snapshot: Path, start: Start) -> None:
    rounds = 40
    breakers = [start(BREAK, snapshot, rounds) for _ in range(4)]
    for _ in range(rounds):
        plant(snapshot, pid=DEAD)
        for breaker in breakers:
            assert breaker.stdin is not None
            breaker.stdin.write("go\n")
            breaker.stdin.flush()
        results = [said(breaker).split() for breaker in breakers]
        assert sorted(won for won, _ in results) == ["0", "0", "0", "1"]
        assert all(won == held for won, held in results)
    for breaker in breakers:
        finished(breaker)
    assert names(snapshot.parent) == ["snap.json"]


def test_a_new_marker_between_the_look_and_the_rename_goes_back(
    snapshot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(snapshot, pid=DEAD)
    rename = Folder.replace

    def swap_first(folder: Folder, name: str, new: str) -> None:
        lock_of(snapshot).unlink()
        lock_of(snapshot).write_bytes(b"pid=1\n")
        rename(folder, name, new)

    monkeypatch.setattr(Folder, "replace", swap_first)
    with pytest.raises(LockChangedError):
        unlock(snapshot)
    assert lock_of(snapshot).read_bytes() == b"pid=1\n"
    assert names(snapshot.parent) == ["snap.json", "snap.json.lock"]


def test_releasing_while_others_force_never_removes_a_strangers_marker(snapshot: Path) -> None:
    stop, wrong = threading.Event(), []

    def breaker() -> None:
        while not stop.is_set():
            try:
                unlock(snapshot, force=True)
            except LockChangedError as error:
                wrong.append(error)

    thread = threading.Thread(target=breaker)
    thread.start()
    for _ in range(200):
        with SnapshotLock(snapshot):
            pass
    stop.set()
    thread.join()
    unlock(snapshot, force=True)
    assert names(snapshot.parent) == ["snap.json"]


def test_a_shared_file_system_is_told_from_a_local_one(tmp_path: Path) -> None:
    assert is_local(tmp_path)
    assert not is_local("/proc")


def test_a_process_of_another_namespace_proves_nothing(snapshot: Path) -> None:
    prefix = ["unshare", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no PID namespaces here: locks of containers were not tried")
    code = (
        "import os, sys; from bmux_forensics.store.lock import SnapshotLock;"
        "lock = SnapshotLock(sys.argv[1]); lock.acquire(); os._exit(0)"
    )
    subprocess.run([*prefix, sys.executable, "-c", code, str(snapshot)], check=True)
    state = inspect_lock(snapshot)
    assert (state.holder_alive, state.breakable) == (None, "force")
