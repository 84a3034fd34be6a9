from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

import pytest

import bmux_forensics as bf
from bmux_forensics.store import journal as journal_module
from bmux_forensics.store.journal import INTENT, OUTCOME, append
from bmux_forensics.store.reading import Digest
from tests.actions.scenes import Trace, backups, world

USER = 65534

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="not root: other users' files were not tried"
)


@pytest.fixture
def home(tmp_path: Path, snapshot: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a home for the user 65534, who owns the snapshot."""
    place = tmp_path / "home"
    place.mkdir()
    for path in (place, snapshot.parent, snapshot):
        os.chown(path, USER, USER)
    entry = pwd.struct_passwd(("nobody", "x", USER, USER, "", str(place), "/bin/false"))
    monkeypatch.setattr(pwd, "getpwuid", lambda _: entry)
    monkeypatch.delenv("BMUX_FORENSICS_STATE_DIR")
    journal_module._user_name.cache_clear()
    return place


def state_of(home: Path) -> Path:
    return home / ".local" / "state" / "bmux-forensics"


def test_a_users_journal_is_the_users(home: Path, snapshot: Path) -> None:
    before = Trace.of(snapshot)
    bf.kill(snapshot, ["alpha"])
    journal = state_of(home) / "journal.jsonl"
    status = journal.stat()
    assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (USER, 0o600)
    assert bf.history().empty  # root's own
    assert len(bf.history(snapshot)) == 1
    assert bf.verify(snapshot).empty
    bf.undo(path=snapshot)
    now = Trace.of(snapshot)
    assert (now.raw, now.mode, now.owner) == (before.raw, before.mode, before.owner)
    assert journal.stat().st_uid == USER


def test_a_users_journal_gives_nobody_more_than_that_users_file(home: Path, snapshot: Path) -> None:
    bf.kill(snapshot, ["alpha"])
    (backup,) = backups(home.parent) or sorted(state_of(home).rglob("*.backup"))
    forged = backup.with_name(backup.name.replace(f"_{USER}_{USER}_", "_0_0_"))
    forged = forged.with_name(forged.name.replace("_100640_", "_104755_"))
    assert forged.name != backup.name
    backup.rename(forged)
    change = bf.history(snapshot).iloc[0]
    facts = {"verb": "kill", "file": str(snapshot), "backup": str(forged)}
    hashes = {"sha256_before": change["sha256_before"], "sha256_after": change["sha256_after"]}
    mine = append(INTENT, {**facts, **hashes}, uid=USER)
    append(OUTCOME, {"of": mine.id, "state": "completed"}, uid=USER)
    bf.undo(mine.id, snapshot)
    status = snapshot.stat()
    assert snapshot.read_bytes() == world().raw
    assert (status.st_uid, status.st_mode & 0o7000) == (USER, 0)


def test_a_users_journal_can_not_name_another_file(
    home: Path, snapshot: Path, tmp_path: Path
) -> None:
    target = tmp_path / "roots"
    target.write_bytes(b"roots own")
    digest = Digest(b"roots own").hexdigest()
    facts = {"verb": "kill", "file": str(target), "sha256_before": "1" * 64, "sha256_after": digest}
    forged = append(INTENT, facts, uid=USER)
    append(OUTCOME, {"of": forged.id, "state": "completed"}, uid=USER)
    assert state_of(home).is_dir()
    for arguments in ((forged.id, snapshot), (forged.id, target), (forged.id,)):
        with pytest.raises(bf.ForensicsError, match="no change"):
            bf.undo(*arguments)
    assert target.read_bytes() == b"roots own"
