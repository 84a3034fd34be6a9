from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

import bmux_forensics as bf
from bmux_forensics.errors import BusyError, UsageError, WriteError
from tests.actions.scenes import ALPHA, BETA, DASH, GAMMA, backups, save, world

OLD = "20200101T000000.000000Z"


def age(backup: Path) -> Path:
    """Make a backup that no change needs look as if it had been taken long ago."""
    old = backup.with_name(OLD + backup.name[len(OLD) :])
    backup.rename(old)
    return old


def test_only_the_newest_are_kept(snapshot: Path, tmp_path: Path) -> None:
    other = save(tmp_path / "other.json", world().raw)
    for session in (ALPHA, BETA, GAMMA, DASH):
        bf.kill(snapshot, [session])
    bf.kill(other, [ALPHA])
    assert len(backups(tmp_path)) == 5
    would = bf.prune_backups(keep=2, dry_run=True)
    assert len(backups(tmp_path)) == 5
    assert would["prune"].sum() == 2
    gone = bf.prune_backups(keep=2)
    assert gone.equals(would)
    assert sorted(map(str, backups(tmp_path))) == sorted(gone[~gone["prune"]]["path"])
    assert bf.verify().empty  # pruned is not missing
    bf.undo(path=snapshot)
    bf.undo(path=snapshot)
    with pytest.raises(bf.ForensicsError, match="pruned or removed"):
        bf.undo(path=snapshot)
    bf.undo(path=other)
    assert other.read_bytes() == world().raw


def test_what_undoing_the_newest_change_needs_stays(snapshot: Path) -> None:
    bf.kill(snapshot, [ALPHA])
    bf.kill(snapshot, [BETA])
    undone = bf.undo(path=snapshot)
    rows = bf.prune_backups(keep=1)
    needed = rows[~rows["prune"]]
    assert len(needed) == 2
    assert set(needed["needed"].str.split(" ").str[0]) == {"undoing"}
    assert undone.entry is not None
    bf.undo(undone.entry)  # the newest change
    bf.undo(path=snapshot)


def test_a_backup_is_as_old_as_its_last_use(snapshot: Path) -> None:
    bf.kill(snapshot, [ALPHA])
    bf.undo(path=snapshot)
    bf.kill(snapshot, [BETA])  # the very bytes that the first kill backed up
    rows = bf.backups()
    assert len(rows) == 2
    assert rows["used"].is_monotonic_increasing
    assert len(rows["changes"].iloc[-1].split()) == 2
    assert not bf.prune_backups(keep=1)["prune"].iloc[-1]
    bf.undo(path=snapshot)
    assert snapshot.read_bytes() == world().raw


def test_only_what_is_older_goes(snapshot: Path, tmp_path: Path) -> None:
    bf.kill(snapshot, [ALPHA])
    bf.kill(snapshot, [BETA])
    first, _ = backups(tmp_path)
    journal = tmp_path / "state" / "journal.jsonl"
    journal.unlink()  # nothing says any more that they were used
    age(first)
    assert bf.prune_backups(older_than=dt.timedelta(days=30), dry_run=True)["prune"].sum() == 1
    assert not bf.prune_backups(older_than=dt.timedelta(days=9999), dry_run=True)["prune"].any()
    assert not bf.prune_backups(keep=2, older_than=dt.timedelta(days=30))["prune"].any()
    assert bf.prune_backups(keep=1, older_than=dt.timedelta(days=30))["prune"].sum() == 1
    assert len(backups(tmp_path)) == 1
    assert not bf.prune_backups(older_than=dt.timedelta(0))["prune"].any()  # the newest stays


def test_limits_must_make_sense(snapshot: Path) -> None:
    with pytest.raises(UsageError, match="no limit"):
        bf.prune_backups(path=snapshot)
    with pytest.raises(UsageError, match="1 or more of each file"):
        bf.prune_backups(keep=0)
    assert bf.prune_backups(keep=1).empty


def test_nothing_goes_while_somebody_is_at_the_file(snapshot: Path, tmp_path: Path) -> None:
    bf.kill(snapshot, [ALPHA])
    bf.kill(snapshot, [BETA])
    lock = snapshot.with_name("snap.json.lock")
    lock.write_bytes(b"pid=1\n")
    with pytest.raises(BusyError):
        bf.prune_backups(keep=1, lock_timeout=0)
    assert len(backups(tmp_path)) == 2
    lock.unlink()
    for path in (snapshot, lock):
        path.unlink(missing_ok=True)
    snapshot.parent.rmdir()  # where no file can be there is nobody to wait for
    assert bf.prune_backups(keep=1)["prune"].sum() == 1
    assert len(backups(tmp_path)) == 1


def test_what_can_not_be_journalled_is_not_removed(snapshot: Path, tmp_path: Path) -> None:
    bf.kill(snapshot, [ALPHA])
    bf.kill(snapshot, [BETA])
    journal = tmp_path / "state" / "journal.jsonl"
    kept = journal.with_name("kept")
    journal.rename(kept)
    journal.symlink_to(kept)
    with pytest.raises(bf.ForensicsError):
        bf.prune_backups(keep=1)
    journal.unlink()
    journal.mkdir()
    with pytest.raises((WriteError, bf.ForensicsError)):
        bf.prune_backups(keep=1)
    assert len(backups(tmp_path)) == 2
