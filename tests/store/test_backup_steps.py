"""Each step of keeping a backup: what it brings to the disk, what it leaves, what it says."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bmux_forensics.errors import ProofError, SnapshotChangedError, WriteError
from bmux_forensics.store.backup import Shelf, keep_backup
from bmux_forensics.store.backup_listing import Backup, backups
from bmux_forensics.store.backup_origins import noted_origins, origin_beside, path_mark
from bmux_forensics.store.leftovers import parse
from bmux_forensics.store.reading import FileIdentity, read_regular

from .conftest import fails, names, refusing

OLD = hashlib.sha256(b"old").hexdigest()
NOW = dt.datetime(2026, 11, 22, 11, 56, 37, 5, tzinfo=dt.UTC)
IO = "the disk reported an input/output error; check the disk before trying again"


@pytest.fixture
def identity(snapshot: Path) -> FileIdentity:
    return read_regular(snapshot)[1]


@pytest.fixture
def shelf(identity: FileIdentity) -> Iterator[Shelf]:
    with Shelf(identity.uid) as opened:
        opened.open(identity.path)
        opened.note()
        yield opened


def folder_of(state: Path, identity: FileIdentity) -> Path:
    return state / "backups" / path_mark(identity.path)


@pytest.mark.usefixtures("no_links")
def test_a_copy_is_on_the_disk_before_it_has_its_name(
    shelf: Shelf,
    identity: FileIdentity,
    state: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting = []
    fsync = os.fsync

    def look_first(fd: int) -> None:
        waiting.extend(names(folder_of(state, identity)))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", look_first)
    kept = shelf.keep(identity, b"old", OLD)
    (name,) = waiting
    found = parse(name)
    assert found is not None
    assert found.role == "copy"
    assert names(kept.parent) == [kept.name]


@pytest.mark.usefixtures("no_links")
def test_many_copies_are_brought_to_the_disk_together(
    identity: FileIdentity, synced: list[int]
) -> None:
    with Shelf(identity.uid, eager=False) as shelf:
        shelf.open(identity.path)
        kept = shelf.keep(identity, b"old", OLD)
        assert kept.stat().st_ino not in synced
        shelf.settle()
        assert kept.stat().st_ino in synced
        assert kept.parent.stat().st_ino in synced


@pytest.mark.usefixtures("no_links")
def test_the_same_moment_twice_is_one_copy(shelf: Shelf, identity: FileIdentity) -> None:
    kept = shelf.keep(identity, b"old", OLD, now=NOW)
    assert shelf.keep(identity, b"old", OLD, now=NOW) == kept
    assert names(kept.parent) == [kept.name]


@pytest.mark.skipif(os.geteuid() != 0, reason="not root: a user's copies were not tried")
@pytest.mark.usefixtures("no_links")
def test_a_copy_that_root_makes_is_the_users(snapshot: Path, users_home: Path) -> None:
    os.chown(snapshot, 65534, 65533)
    kept = keep_backup(read_regular(snapshot)[1], b"old", OLD)
    assert kept.is_relative_to(users_home)
    assert (kept.stat().st_uid, kept.stat().st_gid) == (65534, 65533)


def test_a_second_name_is_no_write(snapshot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_backup(read_regular(snapshot)[1], b"old", OLD)
    snapshot.chmod(0o600)
    fails(monkeypatch, "write")
    kept = keep_backup(read_regular(snapshot)[1], b"old", OLD)
    assert kept.stat().st_ino == snapshot.stat().st_ino


def test_a_backup_that_has_gone_meanwhile_is_made_anew(identity: FileIdentity) -> None:
    first = keep_backup(identity, b"old", OLD)
    with Shelf(identity.uid) as shelf:
        shelf.open(identity.path)
        first.unlink()
        assert shelf.keep(identity, b"old", OLD).read_bytes() == b"old"


@pytest.mark.parametrize("unreadable", [False, True])
def test_what_is_not_proven_to_hold_the_bytes_is_no_backup(
    shelf: Shelf,
    identity: FileIdentity,
    state: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    unreadable: bool,
) -> None:
    if unreadable:
        fails(monkeypatch, "read")
    with pytest.raises(ProofError) as caught:
        shelf.keep(identity, b"old" if unreadable else b"odd", OLD, now=NOW)
    monkeypatch.undo()
    place = folder_of(state, identity)
    facts = f"{identity.mode:o}_{identity.uid}_{identity.gid}_{identity.mtime_ns}"
    name = f"20261122T115637.000005Z_{OLD}_{facts}.backup"
    assert str(caught.value) == (
        f"{place / name}: expected the bytes that were read, found other bytes;"
        " the file was written to meanwhile; try again"
    )
    assert names(place) == []


def test_it_says_who_came_between(shelf: Shelf, identity: FileIdentity, snapshot: Path) -> None:
    snapshot.write_bytes(b"rival")
    with pytest.raises(SnapshotChangedError) as caught:
        shelf.keep(identity, b"old", OLD)
    assert str(caught.value) == (
        f"{snapshot}: somebody else changed the file since it was read; read it again and plan anew"
    )
    snapshot.unlink()
    with pytest.raises(SnapshotChangedError) as caught:
        shelf.keep(identity, b"old", OLD)
    assert str(caught.value) == f"{snapshot}: the file is gone; plan anew"
    with pytest.raises(ValueError, match=r"^sha256 must be 64 lower-case hex digits$"):
        shelf.keep(identity, b"old", OLD.upper())


def test_every_step_names_itself_when_the_system_refuses(
    identity: FileIdentity, state: Path
) -> None:
    place = folder_of(state, identity)
    with Shelf(identity.uid) as shelf:
        with refusing("listdir"), pytest.raises(WriteError) as caught:
            shelf.open(identity.path)
        assert str(caught.value) == f"{place}: keeping a backup failed: {IO}"
    with Shelf(identity.uid) as shelf:
        shelf.open(identity.path)
        with refusing("write"), pytest.raises(WriteError) as caught:
            shelf.note()
        assert str(caught.value) == f"{place.parent}: keeping a backup failed: {IO}"
        with refusing("link"), pytest.raises(WriteError) as caught:
            shelf.keep(identity, b"old", OLD)
        assert str(caught.value) == f"{place}: keeping a backup failed: {IO}"
        with refusing("fsync"), pytest.raises(WriteError) as caught:
            shelf.settle()
        assert str(caught.value) == f"{place.parent}: keeping a backup failed: {IO}"


def test_a_name_tells_the_moment_in_utc_wherever_we_are(
    shelf: Shelf, identity: FileIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        monkeypatch.setenv("TZ", "UTC-9")
        time.tzset()
        kept = shelf.keep(identity, b"old", OLD, now=NOW)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert kept.name.startswith("20261122T115637.000005Z_")


def test_a_name_says_all_that_the_file_had(snapshot: Path) -> None:
    if os.geteuid() == 0:
        os.chown(snapshot, 1234, 4321)
    identity = read_regular(snapshot)[1]
    kept = keep_backup(identity, b"old", OLD, now=NOW)
    assert list(backups(snapshot)) == [
        Backup(
            path=kept,
            origin=snapshot,
            taken=NOW,
            sha256=OLD,
            mode=identity.mode,
            uid=identity.uid,
            gid=identity.gid,
            mtime_ns=identity.mtime_ns,
        )
    ]


def test_the_list_of_origins_holds_paths_and_what_is_between(
    identity: FileIdentity, state: Path
) -> None:
    keep_backup(identity, b"old", OLD)
    assert (state / "backups" / "origins").read_bytes() == b"\0%b\0" % os.fsencode(identity.path)
    assert len(path_mark(identity.path)) == 32


def test_a_list_of_any_length_is_read_whole(tmp_path: Path) -> None:
    path = Path("a" * ((1 << 20) + 7))
    (tmp_path / "origins").write_bytes(b"\0%b\0" % os.fsencode(path))
    assert noted_origins(tmp_path) == {path_mark(path): path}


@pytest.mark.parametrize("length", [1, 1 << 16, 70_000])
def test_an_origin_beside_is_read_as_far_as_a_path_goes(tmp_path: Path, length: int) -> None:
    (tmp_path / "origin").write_bytes(b"a" * length)
    assert origin_beside(tmp_path) == Path("a" * min(length, 1 << 16))
