"""What a killed run had in its hand gets a name that a person finds, or was never needed."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bmux_forensics.store import swapping
from bmux_forensics.store.backup import keep_backup
from bmux_forensics.store.folder import Folder
from bmux_forensics.store.leftovers import temp_name
from bmux_forensics.store.process import this_process
from bmux_forensics.store.reading import read_regular
from bmux_forensics.store.swapping import give_back, rescue, swap

from .conftest import names, refusing

RIVAL = hashlib.sha256(b"rival").hexdigest()
FOUND = f"snap.json.rival-20260913T123159Z-{RIVAL[:8]}"


@pytest.fixture
def folder(snapshot: Path) -> Iterator[Folder]:
    with Folder(snapshot.parent) as opened:
        yield opened


def plant(folder: Folder, role: str, target: str = "snap.json", *, made_here: bool = False) -> str:
    """Leave a file as a run that is gone leaves it."""
    path = folder.path / f"{role}-{target}"
    path.write_bytes(b"rival")
    os.utime(path, (1_789_302_719, 1_789_302_719))
    name = temp_name(target, role, path.stat().st_ino if made_here else 7)
    name = name.replace(f".{os.getpid()}-{this_process().start}.", ".999999999-1.")
    path.rename(folder.path / name)
    return name


@pytest.mark.parametrize("role", ["swap", "aside"])
def test_a_save_gets_a_name_and_keeps_its_bytes(
    folder: Folder, role: str, synced: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [
        plant(folder, "stage"),
        plant(folder, role, "other.json"),
        temp_name("snap.json", role),
    ]
    (folder.path / others[-1]).touch()
    (folder.path / "nothing of ours").touch()
    held, listed = plant(folder, role), os.listdir
    monkeypatch.setattr(os, "listdir", lambda of: sorted(listed(of), key=lambda name: name == held))
    monkeypatch.setenv("TZ", "UTC-9")
    time.tzset()
    try:
        assert rescue(folder, "snap.json") == [FOUND]
    finally:
        monkeypatch.undo()
        time.tzset()
    assert (folder.path / FOUND).read_bytes() == b"rival"
    assert names(folder.path) == sorted([*others, "nothing of ours", "snap.json", FOUND])
    assert folder.status().st_ino in synced


def test_a_name_that_is_taken_is_left(folder: Folder) -> None:
    (folder.path / FOUND).write_bytes(b"earlier")
    plant(folder, "swap")
    assert rescue(folder, "snap.json") == [FOUND + "-2"]
    assert (folder.path / FOUND).read_bytes() == b"earlier"


def test_several_are_all_found(folder: Folder) -> None:
    for role in ("swap", "aside", "swap"):
        plant(folder, role)
    assert rescue(folder, "snap.json") == [FOUND, FOUND + "-2", FOUND + "-3"]


def test_what_was_not_yet_in_place_never_happened(folder: Folder) -> None:
    plant(folder, "swap", made_here=True)
    plant(folder, "swap")
    assert rescue(folder, "snap.json") == [FOUND]
    assert names(folder.path) == sorted(["snap.json", FOUND])


@pytest.mark.parametrize("spoiled", [False, True])
def test_what_a_backup_holds_too_needs_no_name(folder: Folder, *, spoiled: bool) -> None:
    path = folder.path / "snap.json"
    kept = keep_backup(read_regular(path)[1], b"old", hashlib.sha256(b"old").hexdigest())
    path.write_bytes(b"rival")
    kept = keep_backup(read_regular(path)[1], b"rival", RIVAL)
    path.unlink()
    if spoiled:
        kept.write_bytes(b"bad")
    plant(folder, "swap")
    assert rescue(folder, "snap.json") == ([FOUND] if spoiled else [])
    assert names(folder.path) == ([FOUND] if spoiled else [])


def test_a_backup_of_another_file_is_none_of_this_one(folder: Folder) -> None:
    other = folder.path / "other.json"
    other.write_bytes(b"rival")
    keep_backup(read_regular(other)[1], b"rival", RIVAL)
    plant(folder, "swap")
    assert rescue(folder, "snap.json") == [FOUND]


@pytest.mark.skipif(os.geteuid() != 0, reason="not root: a user's backups were not tried")
@pytest.mark.usefixtures("users_home")
def test_root_looks_among_the_backups_of_whose_save_it_is(folder: Folder) -> None:
    path = folder.path / "snap.json"
    path.write_bytes(b"rival")
    os.chown(path, 65534, 65534)
    keep_backup(read_regular(path)[1], b"rival", RIVAL)
    path.unlink()
    held = plant(folder, "swap")
    os.chown(folder.path / held, 65534, 65534)
    assert rescue(folder, "snap.json") == []
    assert names(folder.path) == []


def test_what_is_no_file_is_left_where_it_is(folder: Folder) -> None:
    first = plant(folder, "aside")
    (folder.path / first).unlink()
    (folder.path / first).mkdir()
    assert rescue(folder, "snap.json") == []
    assert names(folder.path) == sorted([first, "snap.json"])


def test_a_name_that_is_missing_is_an_error_that_says_which(folder: Folder) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        swap(folder, "missing", "snap.json")
    assert caught.value.errno == errno.ENOENT
    assert caught.value.strerror == os.strerror(errno.ENOENT)
    assert caught.value.filename == "missing"


def test_where_names_can_not_be_exchanged_nothing_is_given_back(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder.path / "held").write_bytes(b"rival")
    monkeypatch.setattr(swapping, "_system_call", lambda: None)
    with pytest.raises(OSError, match="not implemented") as caught:
        give_back(folder, "held", "snap.json", 1)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSYS, "snap.json")
    assert (folder.path / "held").read_bytes() == b"rival"


def test_a_folder_that_can_not_be_listed_holds_nothing_to_rescue(folder: Folder) -> None:
    with refusing("listdir"):
        assert rescue(folder, "snap.json") == []


def test_a_system_that_has_no_exchange_says_so(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> int:
        ctypes.set_errno(errno.EINVAL)
        return -1

    monkeypatch.setattr(swapping, "_system_call", lambda: refused)
    assert swap(folder, "snap.json", "snap.json") is False


def test_the_newest_has_the_name_as_soon_as_it_can(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = []

    def counted(opened: Folder, one: str, other: str) -> bool:
        taken.append(one)
        return swap(opened, one, other)

    (folder.path / "held").write_bytes(b"older")
    if not swap(folder, "held", "held"):
        pytest.skip("this system can't exchange names: giving one back was not tried")
    monkeypatch.setattr(swapping, "swap", counted)
    give_back(folder, "held", "snap.json", 1)  # what has the name is not ours any more
    assert len(taken) == 2
    assert (folder.path / "snap.json").read_bytes() == b"old"
