from __future__ import annotations

import datetime as dt
import hashlib
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bmux_forensics.errors import SnapshotChangedError, WriteError
from bmux_forensics.store.backup import keep_backup
from bmux_forensics.store.backup_listing import backups
from bmux_forensics.store.reading import read_regular
from bmux_forensics.store.replace import stage
from bmux_forensics.store.state import open_state, state_path

from .conftest import as_nobody, names

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="not root: other users were not tried")


def keep(path: Path, **options: dt.datetime) -> Path:
    data, identity = read_regular(path)
    return keep_backup(identity, data, hashlib.sha256(data).hexdigest(), **options)


def test_on_one_file_system_it_is_the_old_inode(snapshot: Path, state: Path) -> None:
    before = snapshot.stat()
    kept = keep(snapshot, now=dt.datetime(2026, 11, 22, 11, 56, 37, tzinfo=dt.UTC))
    assert kept.is_relative_to(state)
    assert kept.name.startswith("20261122T115637.000000Z_" + hashlib.sha256(b"old").hexdigest())
    assert kept.stat().st_ino == before.st_ino
    _, identity = read_regular(snapshot)
    with stage(identity, b"new") as staged:
        staged.commit()
    assert kept.read_bytes() == b"old"
    assert kept.stat().st_mtime_ns == before.st_mtime_ns
    for folder in (state, kept.parent, kept.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_on_another_file_system_it_is_a_private_copy(
    snapshot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shm = Path("/dev/shm")  # noqa: S108 - another file system is the point
    if not shm.is_dir() or shm.stat().st_dev == snapshot.stat().st_dev:
        pytest.skip("no second file system here: copies were not tried")
    folder = Path(subprocess.check_output(["mktemp", "-d", "-p", shm], text=True).strip())
    try:
        monkeypatch.setenv("BMUX_FORENSICS_STATE_DIR", str(folder))
        os.utime(snapshot, ns=(5, 5))
        kept = keep(snapshot)
        assert kept.read_bytes() == b"old"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert kept.stat().st_mtime_ns == 5
        assert keep(snapshot) == kept
        assert names(kept.parent) == [kept.name]
    finally:
        subprocess.run(["rm", "-r", str(folder)], check=True)


def test_the_same_state_is_kept_once_and_another_apart(snapshot: Path) -> None:
    first = keep(snapshot)
    assert keep(snapshot) == first
    snapshot.chmod(0o600)
    second = keep(snapshot)
    assert second != first
    found = list(backups(snapshot))
    assert [one.path for one in found] == [first, second]
    assert {one.origin for one in found} == {snapshot}
    assert found[1].mode == stat.S_IFREG | 0o600
    assert found == list(backups())
    assert list(backups(snapshot.with_name("other"))) == []


def test_a_spoiled_backup_is_not_trusted(snapshot: Path) -> None:
    first = keep(snapshot)
    first.unlink()
    first.write_bytes(b"bad")
    second = keep(snapshot)
    assert second != first
    assert second.read_bytes() == b"old"


def test_a_file_that_changed_is_not_kept_under_the_wrong_name(snapshot: Path) -> None:
    data, identity = read_regular(snapshot)
    sha256 = hashlib.sha256(data).hexdigest()
    snapshot.write_bytes(b"rival")
    with pytest.raises(SnapshotChangedError):
        keep_backup(identity, data, sha256)
    snapshot.unlink()
    with pytest.raises(SnapshotChangedError, match="the file is gone"):
        keep_backup(identity, data, sha256)
    assert list(backups()) == []
    with pytest.raises(ValueError, match="64 lower-case hex"):
        keep_backup(identity, data, "../../x")


def test_listing_makes_nothing(state: Path) -> None:
    assert list(backups()) == []
    assert not state.exists()


def test_the_default_is_the_users_state_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BMUX_FORENSICS_STATE_DIR")
    assert state_path().name == "bmux-forensics"


def test_a_state_folder_that_others_may_write_to_is_refused(snapshot: Path, state: Path) -> None:
    state.mkdir()
    state.chmod(0o777)
    with pytest.raises(WriteError, match=r"others may write to it \(mode 0777\); set BMUX"):
        keep(snapshot)


def test_a_state_folder_that_others_may_read_is_made_private(snapshot: Path, state: Path) -> None:
    state.mkdir()
    state.chmod(0o755)
    keep(snapshot)
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


def test_a_file_in_its_place_is_refused(snapshot: Path, state: Path) -> None:
    state.write_bytes(b"")
    with pytest.raises(WriteError):
        keep(snapshot)


def test_a_link_inside_is_not_followed(snapshot: Path, state: Path, tmp_path: Path) -> None:
    state.mkdir()
    (tmp_path / "theirs").mkdir()
    (state / "backups").symlink_to(tmp_path / "theirs")
    with pytest.raises(WriteError, match="a symbolic link or a file where a folder should be"):
        keep(snapshot)
    assert names(tmp_path / "theirs") == []


@root_only
def test_a_state_folder_of_somebody_else_is_refused(snapshot: Path, state: Path) -> None:
    state.mkdir()
    os.chown(state, 65534, 65534)
    with pytest.raises(WriteError, match="it belongs to user 65534, not to 0"):
        keep(snapshot)


@root_only
def test_a_link_that_somebody_else_planted_is_refused(
    snapshot: Path, state: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    state.symlink_to(tmp_path / "mine")
    keep(snapshot)  # a link of our own is fine
    os.chown(state, 65534, 65534, follow_symlinks=False)
    with pytest.raises(WriteError, match="a link that user 65534 planted"):
        keep(snapshot)


@root_only
def test_root_keeps_a_users_backup_with_the_user(snapshot: Path, users_home: Path) -> None:
    os.chown(snapshot, 65534, 65534)
    kept = keep(snapshot)
    assert kept.is_relative_to(users_home / ".local" / "state" / "bmux-forensics")
    for path in (kept, *(p for p in kept.parents if p.is_relative_to(users_home))):
        assert path.stat().st_uid == 65534
    assert (kept.parent.parent / "origins").stat().st_uid == 65534
    assert [one.path for one in backups(snapshot, uid=65534)] == [kept]


@root_only
@pytest.mark.parametrize("where", [".local", ".local/state", ".local/state/bmux-forensics"])
def test_root_follows_no_link_that_a_user_planted(
    snapshot: Path, users_home: Path, tmp_path: Path, where: str
) -> None:
    os.chown(snapshot, 65534, 65534)
    target = tmp_path / "roots"
    target.mkdir()
    (users_home / where).parent.mkdir(parents=True, exist_ok=True)
    for path in (users_home / where).parents:
        if path.is_relative_to(users_home):
            os.chown(path, 65534, 65534)
    (users_home / where).symlink_to(target)
    with pytest.raises(WriteError, match="a symbolic link or a file"):
        keep(snapshot)
    assert names(target) == []


@root_only
def test_root_keeps_it_for_a_user_without_a_home(
    snapshot: Path, users_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users_home.rmdir()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    os.chown(snapshot, 65534, 65534)
    assert keep(snapshot).is_relative_to(tmp_path / "xdg" / "bmux-forensics")


def test_nobody_else_can_read_a_backup(snapshot: Path) -> None:
    keep(snapshot)
    code = "try: os.listdir(os.environ['BMUX_FORENSICS_STATE_DIR'])\n"
    code += "except PermissionError: print('refused')\n"
    out = as_nobody(code, snapshot)
    assert out.strip() == "refused"


def test_opening_the_state_twice_is_the_same(state: Path) -> None:
    with open_state(None, "journal") as first, open_state(None, "journal") as second:
        assert first.status().st_ino == second.status().st_ino
    assert names(state) == ["journal"]


def test_strange_names_and_what_is_no_file_are_no_backups(snapshot: Path, state: Path) -> None:
    kept = keep(snapshot)
    strange = kept.with_name(
        "99999999T999999.000000Z" + kept.name[len("20261122T115637.000000Z") :]
    )
    strange.touch()
    for place in ("fifo", "link"):
        (state / "backups" / place).mkdir()
    os.mkfifo(state / "backups" / "fifo" / "origin")
    (state / "backups" / "link" / "origin").symlink_to("/etc/hostname")
    for place in ("fifo", "link"):
        (state / "backups" / place / kept.name).touch()
    assert [backup.path for backup in backups()] == [kept]


def test_backups_of_an_older_version_are_found(snapshot: Path, state: Path) -> None:
    kept = keep(snapshot)
    (state / "backups" / "origins").unlink()
    assert list(backups()) == []
    (kept.parent / "origin").write_bytes(os.fsencode(snapshot))
    assert [backup.origin for backup in backups()] == [snapshot]
    assert keep(snapshot) == kept
    assert not (state / "backups" / "origins").exists()


def test_an_entry_that_was_cut_off_or_changed_names_nobody(snapshot: Path, state: Path) -> None:
    first = keep(snapshot)
    listed = state / "backups" / "origins"
    listed.write_bytes(listed.read_bytes()[:-3])
    other = snapshot.with_name("line\nfeed \udcff.json")
    other.write_bytes(b"other")
    second = keep(other)
    assert [(b.path, b.origin) for b in backups()] == [(second, other)]
    assert [b.path for b in backups(snapshot)] == [first]


@pytest.mark.parametrize("trap", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_a_trap_in_the_place_of_the_list_is_no_list(
    snapshot: Path, state: Path, trap: Callable[[Path], None]
) -> None:
    keep(snapshot)
    listed = state / "backups" / "origins"
    listed.unlink()
    trap(listed)
    assert list(backups()) == []
    assert len(list(backups(snapshot))) == 1
    other = snapshot.with_name("other.json")
    other.write_bytes(b"other")
    with pytest.raises(WriteError, match="keeping a backup"):
        keep(other)


def test_a_full_disk_keeps_nothing_half(tmp_path: Path) -> None:
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespaces here: a full disk for backups was not tried")
    code = (
        "import sys, hashlib; from bmux_forensics.store.reading import read_regular;"
        "from bmux_forensics.store.backup import keep_backup\n"
        "from bmux_forensics.errors import WriteError\n"
        "data, identity = read_regular(sys.argv[1])\n"
        "try: keep_backup(identity, data, hashlib.sha256(data).hexdigest())\n"
        "except WriteError as error: print(error.exit_code, error)\n"
    )
    script = 'mount -t tmpfs -o size=64k,mode=700 none "$1"; shift; "$@"; find "$STATE" -type f'
    (tmp_path / "snap").write_bytes(bytes(200_000))
    (tmp_path / "full").mkdir()
    prefix, edit = ("unshare", "-m"), (sys.executable, "-c", code, str(tmp_path / "snap"))
    done = subprocess.run(
        [*prefix, "sh", "-c", script, "sh", str(tmp_path / "full"), *edit],
        capture_output=True,
        text=True,
        check=True,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "STATE": str(tmp_path / "full"),
            "BMUX_FORENSICS_STATE_DIR": str(tmp_path / "full"),
        },
    )
    first, *rest = done.stdout.splitlines()
    assert first.startswith("6 ")
    assert "keeping a backup failed: the disk is full" in first
    assert [Path(line).name for line in rest] == ["origins"]
