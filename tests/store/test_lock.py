from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import filelock
import pytest

from bmux_forensics.errors import WriteError
from bmux_forensics.store import marker
from bmux_forensics.store.folder import Folder
from bmux_forensics.store.leftovers import parse, sweep, temp_name
from bmux_forensics.store.lock import LockHeldError, SnapshotLock, locked
from bmux_forensics.store.process import this_process

from .conftest import finished, names, said

if TYPE_CHECKING:
    from .conftest import Start

HOLD = """
import sys
from bmux_forensics.store.lock import SnapshotLock
with SnapshotLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.readline()
"""


def lock_of(snapshot: Path) -> Path:
    return marker.lock_path(snapshot)


def test_the_marker_is_bmuxs_first_line_and_goes_by_name(snapshot: Path) -> None:
    with SnapshotLock(snapshot) as lock:
        first = lock_of(snapshot).read_bytes().split(b"\n")[0]
        assert first == b"pid=%d" % os.getpid()
        assert lock.is_ours
        assert names(snapshot.parent) == ["snap.json", "snap.json.lock"]
    assert names(snapshot.parent) == ["snap.json"]


def test_a_foreign_marker_is_waited_for_then_reported_and_left(snapshot: Path) -> None:
    lock_of(snapshot).write_bytes(b"pid=1\n")
    began = time.monotonic()
    with pytest.raises(LockHeldError, match=r"held by process 1 since .* unlock") as caught:
        SnapshotLock(snapshot, timeout=0.3).acquire()
    assert 0.3 <= time.monotonic() - began < 1.5
    error = caught.value
    assert (error.exit_code, error.pid, error.alive, error.timeout) == (4, 1, None, 0.3)
    assert "\n" not in str(error)
    assert lock_of(snapshot).read_bytes() == b"pid=1\n"
    assert names(snapshot.parent) == ["snap.json", "snap.json.lock"]
    assert pickle.loads(pickle.dumps(error)).pid == 1  # noqa: S301 - our own bytes


def test_bmuxs_timeout_is_the_default(snapshot: Path) -> None:
    assert SnapshotLock(snapshot).timeout == 3.0
    assert SnapshotLock(snapshot, timeout=7).timeout == 7


def test_it_is_taken_as_soon_as_the_rival_lets_go(snapshot: Path, start: Start) -> None:
    holder = start(HOLD, snapshot)
    assert said(holder) == "held"
    taken = threading.Event()

    def wait() -> None:
        with SnapshotLock(snapshot, timeout=20):
            taken.set()

    thread = threading.Thread(target=wait)
    thread.start()
    assert not taken.wait(0.1)
    finished(holder)
    thread.join(20)
    assert taken.is_set()
    assert names(snapshot.parent) == ["snap.json"]


def test_filelocks_interface_is_kept(snapshot: Path) -> None:
    lock = SnapshotLock(snapshot)
    with lock, lock:
        assert lock.lock_counter == 2
        with pytest.raises(LockHeldError):
            SnapshotLock(snapshot).acquire(blocking=False)
        with pytest.raises(LockHeldError):
            SnapshotLock(snapshot).acquire(timeout=0)
    assert not lock.is_locked
    with lock.acquire(timeout=0):
        assert lock.is_locked
    assert isinstance(lock, filelock.BaseFileLock)


def test_one_lock_object_serves_many_threads(snapshot: Path) -> None:
    lock, inside, worst = SnapshotLock(snapshot, timeout=20), [0], [0]

    def work() -> None:
        for _ in range(10):
            with lock:
                inside[0] += 1
                worst[0] = max(worst[0], inside[0])
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert worst == [1]
    assert names(snapshot.parent) == ["snap.json"]


def test_a_marker_made_anew_by_somebody_else_is_not_removed(snapshot: Path) -> None:
    lock = SnapshotLock(snapshot)
    lock.acquire()
    lock_of(snapshot).unlink()
    lock_of(snapshot).write_bytes(b"pid=1\n")
    assert not lock.is_ours
    lock.release()
    assert lock_of(snapshot).read_bytes() == b"pid=1\n"


def test_a_forked_child_does_not_release_its_parents_lock(snapshot: Path) -> None:
    with SnapshotLock(snapshot) as lock:
        child = os.fork()
        if child == 0:
            lock.release(force=True)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert lock.is_ours


def test_a_lock_that_is_a_folder_fails_at_once(snapshot: Path) -> None:
    lock_of(snapshot).mkdir()
    began = time.monotonic()
    with pytest.raises(WriteError, match="the lock is a folder"):
        SnapshotLock(snapshot).acquire()
    assert time.monotonic() - began < 1
    assert names(snapshot.parent) == ["snap.json", "snap.json.lock"]


def test_a_missing_folder_fails_at_once_and_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="the folder is not there"):
        SnapshotLock(tmp_path / "none" / "snap.json").acquire()
    assert not (tmp_path / "none").exists()


def test_every_name_along_the_links_is_locked(snapshot: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(snapshot)
    with locked(link) as ours:
        assert link.with_name("link.json.lock").exists()
        assert lock_of(snapshot).exists()
        assert ours()
        lock_of(snapshot).unlink()
        assert not ours()


def test_when_one_of_two_names_is_held_the_other_is_let_go(snapshot: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(snapshot)
    lock_of(snapshot).write_bytes(b"pid=1\n")
    with pytest.raises(LockHeldError), locked(link, timeout=0.05):
        pass
    assert not link.with_name("link.json.lock").exists()


WORK = """
import sys
from pathlib import Path
from bmux_forensics.store.lock import locked
from bmux_forensics.store.reading import Digest, read_regular
from bmux_forensics.store.replace import stage
from bmux_forensics.store.backup import keep_backup
path = Path(sys.argv[1])
sys.stdin.readline()
for turn in range(25):
    with locked(path) as ours:
        data, identity = read_regular(path)
        keep_backup(identity, data, Digest(data).hexdigest())
        with stage(identity, data + f"{sys.argv[2]}-{turn}\\n".encode()) as staged:
            staged.commit()
        assert ours()
"""


def test_eight_processes_lose_none_of_200_edits(snapshot: Path, start: Start) -> None:
    snapshot.write_bytes(b"")
    workers = [start(WORK, snapshot, number) for number in range(8)]
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        finished(worker)
    lines = snapshot.read_text().splitlines()
    assert sorted(lines) == sorted(f"{n}-{turn}" for n in range(8) for turn in range(25))
    assert names(snapshot.parent) == ["snap.json"]


def test_a_stopped_waiter_does_not_stop_the_others(snapshot: Path, start: Start) -> None:
    holder = SnapshotLock(snapshot)
    holder.acquire()
    waiter = start(HOLD.replace("argv[1])", "argv[1], timeout=30)"), snapshot)
    wait_for_queue(snapshot.parent)
    os.kill(waiter.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, waiter.pid, os.WSTOPPED)
    holder.release()
    with SnapshotLock(snapshot, timeout=2):
        pass
    os.kill(waiter.pid, signal.SIGCONT)
    assert said(waiter) == "held"


def wait_for_queue(folder: Path) -> None:
    end = time.monotonic() + 20
    while not any((found := parse(name)) and found.role == "lock" for name in names(folder)):
        assert time.monotonic() < end
        time.sleep(0.002)


def test_who_waits_leaves_nothing_when_killed(snapshot: Path, start: Start) -> None:
    with SnapshotLock(snapshot):
        waiter = start(HOLD, snapshot)
        wait_for_queue(snapshot.parent)
        waiter.kill()
        waiter.wait()
        assert len(names(snapshot.parent)) == 3
    with SnapshotLock(snapshot):
        pass
    assert names(snapshot.parent) == ["snap.json"]


def test_the_sweep_spares_the_living_the_unknown_and_what_is_no_file(snapshot: Path) -> None:
    folder = snapshot.parent
    mine = temp_name("snap.json", "stage")
    dead = mine.replace(f".{os.getpid()}-{this_process().start}.", ".999999999-1.")
    other_host = dead.replace(mine.split(".")[4], "00000000")
    for name in (mine, dead, other_host, "snap.json.tmp", ".bmux-forensics.stage.tmp"):
        (folder / name).write_bytes(b"x")
    planted = dead.replace("stage", "copy")
    (folder / planted).symlink_to(snapshot)
    with Folder(folder) as opened:
        assert sweep(opened, "other.json") == []
        assert sweep(opened, "snap.json") == [dead]
    assert snapshot.read_bytes() == b"old"
    assert (folder / planted).is_symlink()


def test_importing_the_lock_is_light() -> None:
    code = "import sys, bmux_forensics.store.lock as _; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert not {"asyncio", "pandas", "psutil", "platformdirs"} & set(run.stdout.split())


INTERRUPT = """
import signal, sys, time
from bmux_forensics.errors import ForensicsError
from bmux_forensics.store.lock import SnapshotLock
armed = False
def stop(*_):
    if armed:
        raise KeyboardInterrupt
signal.signal(signal.SIGALRM, stop)
end = time.monotonic() + 2
turn = 0
while time.monotonic() < end:
    turn += 1
    try:
        try:
            armed = True
            signal.setitimer(signal.ITIMER_REAL, 0.00002 + (turn % 97) * 0.000008)
            with SnapshotLock(sys.argv[1], timeout=0):
                pass
        finally:
            armed = False
    except KeyboardInterrupt:
        pass
    except ForensicsError as error:
        sys.exit(f"turn {turn}: {error}")
print(turn)
"""


def test_a_signal_handler_that_raises_anywhere_leaves_no_lock(snapshot: Path, start: Start) -> None:
    assert int(finished(start(INTERRUPT, snapshot))) > 100
    assert not lock_of(snapshot).exists()
