"""`unlock`: what is proven goes, what is not is asked about, and the living are left alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.actions.scenes import Trace, below, child, end

from .conftest import Run, Terminal

HOLD = """
import sys
from bmux_forensics.store.lock import SnapshotLock
with SnapshotLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def lock(snapshot: Path) -> Path:
    return snapshot.with_name("snap.json.lock")


@pytest.fixture
def holder(snapshot: Path, lock: Path, tmp_path: Path) -> Iterator[int]:
    """Give the number of a living process that holds the lock."""
    process = child("-c", HOLD, str(snapshot), folder=tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    assert lock.exists()
    yield process.pid
    end(process)


@pytest.fixture
def dead(snapshot: Path, tmp_path: Path) -> int:
    """Give the number of a process that died with the lock in its hands."""
    process = child("-c", HOLD, str(snapshot), folder=tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    end(process)
    return process.pid


def gone_pid() -> int:
    return int(Path("/proc/sys/kernel/pid_max").read_text())  # numbers end below it


def test_no_lock(cli: Run, snapshot: Path) -> None:
    done = cli("unlock", "--snapshot", snapshot)
    assert (done.code, done.out, done.err) == (0, "no lock\n", "")
    told = cli("unlock", "--json", "--snapshot", snapshot).document("unlock")
    assert (told["kind"], told["unlocked"]) == ("none", False)


def test_a_dead_holders_lock_is_broken_by_proof(
    dead: int, cli: Run, snapshot: Path, lock: Path
) -> None:
    done = cli("kill", "alpha", "--yes", "--snapshot", snapshot, "--lock-timeout", "0")
    assert done.code == 4
    assert f"process {dead}" in done.line
    assert "which is gone; break it with `bmux-forensics unlock`" in done.line
    done = cli("unlock", "--snapshot", snapshot)
    assert (done.code, done.err) == (0, "")
    assert f"process {dead} that held it is gone" in done.out
    assert done.out.endswith(f"unlocked: {lock}\n")
    assert below(snapshot.parent) == ["snap.json"]
    assert cli("kill", "alpha", "--yes", "--snapshot", snapshot).code == 0


def test_proof_in_json(dead: int, cli: Run, snapshot: Path) -> None:
    told = cli("unlock", "--json", "--snapshot", snapshot).document("unlock")
    assert (told["unlocked"], told["kind"], told["pid"]) == (True, "ours", dead)
    assert told["holder_alive"] is False
    assert told["uid"] == os.geteuid()
    assert below(snapshot.parent) == ["snap.json"]


def test_a_living_holder_is_left_alone(holder: int, cli: Run, snapshot: Path, lock: Path) -> None:
    before = Trace.of(lock)
    for extra in ((), ("--yes",)):
        done = cli("unlock", *extra, "--snapshot", snapshot)
        assert done.code == 4
        assert f"process {holder} holds it" in done.line
        assert "owned by user" in done.line
    told = cli("unlock", "--json", "--yes", "--snapshot", snapshot).document("unlock")
    assert (told["error"]["kind"], told["unlocked"]) == ("unlock-refused", False)
    assert (told["holder_alive"], told["pid"]) == (True, holder)
    assert Trace.of(lock) == before
    done = cli("unlock", "--force", "--snapshot", snapshot)
    assert (done.code, lock.exists()) == (0, False)
    assert "s old, owned by user" in done.out


def test_bmuxs_own_dead_marker_needs_a_yes(cli: Run, snapshot: Path, lock: Path) -> None:
    lock.write_bytes(b"pid=%d\n" % gone_pid())
    before = Trace.of(lock)
    done = cli("unlock", "--snapshot", snapshot)
    assert done.code == 2
    assert f"no process {gone_pid()} runs" in done.line
    told = cli("unlock", "--json", "--snapshot", snapshot).document("unlock")
    assert (told["error"]["kind"], told["kind"]) == ("confirmation-needed", "bare")
    assert Trace.of(lock) == before
    assert cli("unlock", "--yes", "--snapshot", snapshot).code == 0
    assert below(snapshot.parent) == ["snap.json"]


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1)])
def test_a_person_is_asked(
    answer: str, code: int, terminal: Callable[..., Terminal], snapshot: Path, lock: Path
) -> None:
    lock.write_bytes(b"pid=%d\n" % gone_pid())
    screen = terminal("unlock", "--snapshot", snapshot)
    screen.read_until("[y/N]: ")
    assert lock.exists()
    screen.type(f"{answer}\n")
    assert screen.finish() == code
    assert lock.exists() == (code == 1)


def test_a_lock_that_changed_hands_at_the_question_stays(
    terminal: Callable[..., Terminal], snapshot: Path, lock: Path
) -> None:
    lock.write_bytes(b"pid=%d\n" % gone_pid())
    screen = terminal("unlock", "--snapshot", snapshot)
    screen.read_until("[y/N]: ")
    lock.unlink()
    lock.write_bytes(b"pid=%d\n" % gone_pid())
    os.utime(lock, ns=(1, 1))
    screen.type("y\n")
    assert screen.finish() == 4
    assert lock.exists()


@pytest.mark.parametrize("content", [b"", b"what?\x1b[31m", b"pid=1"])
def test_what_tells_nothing_needs_force(
    content: bytes, cli: Run, snapshot: Path, lock: Path
) -> None:
    lock.write_bytes(content)
    for extra in ((), ("--yes",)):
        done = cli("unlock", *extra, "--snapshot", snapshot)
        assert done.code == 4
        assert "break it with --force if you are sure" in done.line
        assert lock.read_bytes() == content
    assert cli("unlock", "--force", "--snapshot", snapshot).code == 0
    assert below(snapshot.parent) == ["snap.json"]


def test_a_running_number_is_not_taken_for_dead(cli: Run, snapshot: Path, lock: Path) -> None:
    lock.write_bytes(b"pid=%d\n" % os.getpid())
    assert cli("unlock", "--yes", "--snapshot", snapshot).code == 4
    assert lock.exists()


def test_a_folder_is_left_to_a_person(cli: Run, snapshot: Path, lock: Path) -> None:
    lock.mkdir()
    for extra in ((), ("--yes",), ("--force",)):
        done = cli("unlock", *extra, "--snapshot", snapshot)
        assert done.code == 6
        assert "it is a folder; remove it by hand" in done.line
    assert lock.is_dir()


def test_the_lock_of_a_link_or_of_its_file(cli: Run, snapshot: Path, lock: Path) -> None:
    link = snapshot.with_name("link.json")
    link.symlink_to(snapshot.name)
    lock.write_bytes(b"pid=%d\n" % gone_pid())
    assert cli("unlock", "--yes", "--snapshot", link).out.endswith(f"unlocked: {lock}\n")
    other = link.with_name("link.json.lock")
    other.write_bytes(b"pid=%d\n" % gone_pid())
    assert cli("unlock", "--yes", "--snapshot", link).out.endswith(f"unlocked: {other}\n")
    assert below(snapshot.parent) == ["link.json", "snap.json"]


def test_bmuxs_own_lock_without_a_snapshot(cli: Run, tmp_path: Path) -> None:
    lock = tmp_path / "bmux-data" / "runtime" / "bmux-snapshot-v1.json.lock"
    lock.parent.mkdir(parents=True)
    lock.write_bytes(b"pid=%d\n" % gone_pid())
    assert cli("unlock", "--yes").code == 0
    assert not lock.exists()
