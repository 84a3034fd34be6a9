from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bmux_forensics as bf
from bmux_forensics.actions.door import change_file
from bmux_forensics.actions.undo import NothingToUndoError
from bmux_forensics.errors import (
    BusyError,
    FileMissingError,
    ProofError,
    SnapshotChangedError,
    UsageError,
    WriteError,
)
from tests.actions.scenes import ALPHA, BETA, SAVED, Trace, backups, below, environment, save, world

BAD = b"this is no snapshot"


def states() -> list[str]:
    return list(bf.history()["state"])


def entry_of(passage: bf.Passage) -> str:
    assert passage.entry is not None
    return passage.entry


def same(path: Path, before: Trace) -> bool:
    """Tell whether a file is what it was: all but the inode."""
    now = Trace.of(path)
    return (now.raw, now.mtime_ns, now.mode, now.owner) == (
        before.raw,
        before.mtime_ns,
        before.mode,
        before.owner,
    )


def test_undo_gives_the_exact_old_file(snapshot: Path) -> None:
    snapshot.chmod(0o604)
    if os.geteuid() == 0:
        os.chown(snapshot, 0, 4321)
    before = Trace.of(snapshot)
    killed = bf.kill(snapshot, ["alpha"]).passage
    snapshot.chmod(0o666)  # what came later is not what was
    os.utime(snapshot, ns=(5, 5))
    undone = bf.undo(path=snapshot)
    assert same(snapshot, before)
    assert undone.applied
    assert undone.backup is not None
    assert undone.sha256_after == killed.sha256_before
    assert states() == ["undone", "done"]
    assert below(snapshot.parent) == ["snap.json"]


def test_a_new_owner_and_mode_are_kept_on_the_way_back(snapshot: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("not root: another owner was not tried")
    os.chown(snapshot, 0, 1234)
    snapshot.chmod(0o600)
    before = Trace.of(snapshot)
    killed = entry_of(bf.kill(snapshot, ["alpha"]).passage)
    snapshot.unlink()
    bf.undo(killed, snapshot)
    assert same(snapshot, before)


def test_an_undo_can_be_undone_and_that_too(snapshot: Path) -> None:
    old = Trace.of(snapshot)
    bf.kill(snapshot, ["alpha"])
    new = Trace.of(snapshot)
    first = entry_of(bf.undo(path=snapshot))
    second = entry_of(bf.undo(first))
    assert same(snapshot, new)
    assert states() == ["done", "undone", "done"]
    third = entry_of(bf.undo(second))
    assert same(snapshot, old)
    assert states() == ["undone", "done", "undone", "done"]
    with pytest.raises(NothingToUndoError, match=f"undone already; undo {third} to have it again"):
        bf.undo(second)
    assert bf.verify().empty


def test_undoing_twice_goes_back_two_steps(snapshot: Path) -> None:
    oldest = Trace.of(snapshot)
    bf.kill(snapshot, ["alpha"])
    middle = Trace.of(snapshot)
    bf.kill(snapshot, ["-dash"])
    bf.undo(path=snapshot)
    assert same(snapshot, middle)
    last = bf.undo(path=snapshot)
    assert same(snapshot, oldest)
    with pytest.raises(NothingToUndoError, match=f"taken back by {last.entry}: undo that") as no:
        bf.undo(path=snapshot)
    assert no.value.exit_code == 1


def test_a_file_that_changed_since_is_left_alone(snapshot: Path) -> None:
    before = Trace.of(snapshot)
    bf.kill(snapshot, ["alpha"])
    saved = bf.kill(snapshot, ["-dash"]).passage
    first = bf.history()["id"][0]
    now = Trace.of(snapshot)
    with pytest.raises(SnapshotChangedError, match=f"as kill {first} left it") as no:
        bf.undo(first, snapshot)
    assert no.value.exit_code == 4
    assert Trace.of(snapshot) == now
    assert len(bf.history()) == 2
    passage = bf.undo(first, snapshot, discard_later_changes=True)
    assert same(snapshot, before)
    assert states() == ["undone", "undone", "done"]
    assert passage.backup is not None
    assert passage.backup.read_bytes() == now.raw
    assert passage.sha256_before == saved.sha256_after
    bf.undo(entry_of(passage))  # what was discarded can be had back
    assert same(snapshot, now)
    assert states() == ["done", "done", "undone", "done"]


def test_what_a_server_saved_since_is_not_overwritten(snapshot: Path) -> None:
    bf.kill(snapshot, ["alpha"])
    save(snapshot, BAD)
    with pytest.raises(SnapshotChangedError):
        bf.undo(path=snapshot)
    assert snapshot.read_bytes() == BAD
    passage = bf.undo(path=snapshot, discard_later_changes=True)
    assert snapshot.read_bytes() == world().raw
    assert passage.backup is not None
    assert passage.backup.read_bytes() == BAD


def test_a_plan_is_bound_to_what_was_seen(snapshot: Path) -> None:
    bf.kill(snapshot, ["alpha"])
    plan = bf.plan_undo(path=snapshot)
    assert (plan.way, plan.changed_since, plan.discards) == ("replace", False, ())
    bf.kill(snapshot, ["-dash"])
    with pytest.raises(SnapshotChangedError, match="found sha256"):
        bf.apply_undo(plan)
    snapshot.unlink()
    with pytest.raises(SnapshotChangedError, match="no such file"):
        bf.apply_undo(plan)


def test_a_file_that_is_gone_is_made_anew(snapshot: Path) -> None:
    before = Trace.of(snapshot)
    bf.kill(snapshot, ["alpha"])
    snapshot.unlink()
    plan = bf.plan_undo(path=snapshot)
    assert (plan.way, plan.sha256_now) == ("make", None)
    passage = bf.apply_undo(plan)
    assert same(snapshot, before)
    assert below(snapshot.parent) == ["snap.json"]
    again = bf.undo(entry_of(passage))  # there was no file: it goes out of the way
    assert again.moved_aside is not None
    assert not snapshot.exists()
    assert again.moved_aside.read_bytes() == before.raw
    save(snapshot, BAD)
    with pytest.raises(SnapshotChangedError, match="something is there"):
        bf.apply_undo(plan)
    assert snapshot.read_bytes() == BAD


def test_what_was_moved_aside_is_put_back_itself(snapshot: Path) -> None:
    save(snapshot, BAD)
    os.setxattr(snapshot, "user.note", b"evidence")
    before = Trace.of(snapshot)
    bf.kill(snapshot, all_sessions=True)
    assert not snapshot.exists()
    (row,) = bf.history().to_dict("records")
    assert row["moved_aside"].endswith(row["sha256_before"][:8])
    passage = bf.undo(path=snapshot)
    assert Trace.of(snapshot) == before  # the very inode
    assert os.getxattr(snapshot, "user.note") == b"evidence"
    assert below(snapshot.parent) == ["snap.json"]
    assert states() == ["undone", "done"]
    bf.undo(entry_of(passage))
    assert not snapshot.exists()
    assert states() == ["done", "undone", "done"]


def test_what_was_moved_aside_replaces_nothing_unasked(snapshot: Path) -> None:
    save(snapshot, BAD)
    bf.kill(snapshot, all_sessions=True)
    save(snapshot, world().raw)
    with pytest.raises(SnapshotChangedError, match="expected no file, as kill"):
        bf.undo(path=snapshot)
    passage = bf.undo(path=snapshot, discard_later_changes=True)
    assert snapshot.read_bytes() == BAD
    assert passage.backup is not None
    assert passage.backup.read_bytes() == world().raw


def test_a_moved_file_that_is_gone_can_not_be_put_back(snapshot: Path) -> None:
    save(snapshot, BAD)
    aside = bf.kill(snapshot, all_sessions=True).passage.moved_aside
    assert aside is not None
    plan = bf.plan_undo(path=snapshot)
    save(aside, b"somebody else's")
    with pytest.raises(SnapshotChangedError, match="not the file that was moved aside"):
        bf.apply_undo(plan)
    aside.unlink()
    with pytest.raises(SnapshotChangedError, match="it is gone"):
        bf.apply_undo(plan)
    with pytest.raises(FileMissingError, match="pruned or removed"):
        bf.undo(path=snapshot)
    assert not snapshot.exists()


def test_an_altered_backup_is_not_put_in_place(snapshot: Path, tmp_path: Path) -> None:
    bf.kill(snapshot, ["alpha"])
    now = Trace.of(snapshot)
    (backup,) = backups(tmp_path)
    data = bytearray(backup.read_bytes())
    data[7] ^= 1
    backup.write_bytes(data)
    with pytest.raises(ProofError, match="the backup was altered") as no:
        bf.undo(path=snapshot)
    assert no.value.exit_code == 3
    backup.unlink()
    with pytest.raises(FileMissingError, match="not there any more"):
        bf.undo(path=snapshot)
    assert Trace.of(snapshot) == now


def test_a_link_that_names_the_file_is_enough(snapshot: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(snapshot)
    bf.kill(link, ["alpha"])
    assert len(bf.history(snapshot)) == len(bf.history(link)) == 1
    bf.undo(path=link)
    assert snapshot.read_bytes() == world().raw
    assert link.is_symlink()


def test_selecting_a_change(snapshot: Path, tmp_path: Path) -> None:
    other = save(tmp_path / "other.json", world().raw)
    with pytest.raises(NothingToUndoError, match=r"no change of it can be undone$"):
        bf.undo(path=snapshot)
    killed = entry_of(bf.kill(snapshot, ["alpha"]).passage)
    with pytest.raises(NothingToUndoError, match=f"newest of another file is {killed}"):
        bf.undo(path=other)
    with pytest.raises(NothingToUndoError, match="newest of another file"):
        bf.undo()  # bmux's own snapshot, which is not there
    with pytest.raises(NothingToUndoError, match="no change 'ffffffffff'"):
        bf.undo("ffffffffff")
    with pytest.raises(NothingToUndoError, match="no change"):
        bf.undo(killed, other)
    with pytest.raises(UsageError, match="at least 4 characters"):
        bf.undo(killed[:3])
    assert bf.plan_undo(killed[:4].upper()).change == killed
    bf.undo(killed, snapshot)


KILL = """
import sys
import bmux_forensics as bf
try:
    bf.kill(sys.argv[1], ["alpha"])
except bf.ForensicsError as error:
    sys.stdout.write(f"{error.exit_code} {error}")
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace: faults were not tried")
def test_what_failed_can_not_be_undone(snapshot: Path, tmp_path: Path) -> None:
    before = Trace.of(snapshot)
    inject = "inject=rename,renameat,renameat2:error=EROFS"
    strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", inject]
    done = subprocess.run(
        [*strace, sys.executable, "-c", KILL, str(snapshot)],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("6 "), done
    assert Trace.of(snapshot) == before
    (row,) = bf.history().to_dict("records")
    assert (row["state"], row["note"]) == ("failed", "write-failed")
    with pytest.raises(NothingToUndoError, match="nothing was changed by it"):
        bf.undo(row["id"])
    assert bf.kill(snapshot, ["alpha"]).passage.notes == ()  # nothing was left open


def test_a_save_at_the_last_moment_is_not_announced(snapshot: Path) -> None:
    def prepare(found: bf.Snapshot) -> bf.Snapshot:
        save(snapshot.with_name("fresh"), BAD).rename(snapshot)  # a server takes no lock
        return bf.plan_of_kill(found, ["alpha"]).after

    with pytest.raises(SnapshotChangedError):
        change_file(snapshot, prepare, verb="test")
    assert states() == []


def test_the_same_file_is_not_restored_twice(snapshot: Path) -> None:
    bf.kill(snapshot, ["alpha"])
    save(snapshot, world().raw)  # somebody put it back by hand
    with pytest.raises(NothingToUndoError, match="it is as before"):
        bf.undo(path=snapshot, discard_later_changes=True)


def test_without_a_journal_nothing_is_changed(snapshot: Path, journal: Path) -> None:
    journal.parent.mkdir(mode=0o700)
    journal.mkdir()
    before = Trace.of(snapshot)
    with pytest.raises(WriteError) as no:
        bf.kill(snapshot, ["alpha"])
    assert no.value.exit_code == 6
    assert Trace.of(snapshot) == before


def test_a_held_lock_keeps_an_undo_out(snapshot: Path) -> None:
    bf.kill(snapshot, ["alpha"])
    lock = snapshot.with_name("snap.json.lock")
    lock.write_bytes(b"pid=1\n")
    with pytest.raises(BusyError):
        bf.undo(path=snapshot, lock_timeout=0)
    assert lock.exists()


def test_history_says_what_was_done(snapshot: Path) -> None:
    assert bf.history().empty
    assert list(bf.history().columns) == list(bf.history(snapshot).columns)
    bf.kill(snapshot, ["alpha"])
    bf.kill(snapshot, [BETA])
    changes = bf.history()
    assert list(changes["verb"]) == ["kill", "kill"]
    assert list(changes["session_ids"]) == [ALPHA, BETA]
    assert list(changes["sessions"]) == [1, 1]
    assert str(changes["when"].dtype) == "datetime64[us, UTC]"
    assert changes["when"].is_monotonic_increasing
    assert changes["sha256_after"][0] == changes["sha256_before"][1]
    assert set(changes["file"]) == {str(snapshot)}
    assert snapshot.stat().st_mtime_ns == SAVED
