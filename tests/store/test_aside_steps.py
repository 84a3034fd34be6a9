"""Each step of moving a file aside: what it says when it is refused, and what then stands there."""

from __future__ import annotations

import datetime as dt
import errno
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bmux_forensics.errors import SnapshotChangedError, WriteError
from bmux_forensics.store.aside import move_aside
from bmux_forensics.store.folder import Folder
from bmux_forensics.store.leftovers import parse
from bmux_forensics.store.reading import FileIdentity, read_regular
from bmux_forensics.store.refusals import NotDurableError

from .conftest import fails, names, refusing

OLD = hashlib.sha256(b"old").hexdigest()
NOW = dt.datetime(2026, 11, 22, 11, 56, 37, tzinfo=dt.UTC)
ASIDE = f"snap.json.corrupt-20261122T115637Z-{OLD[:8]}"
IO = "failed: the disk reported an input/output error; check the disk before trying again"
CHANGED = "somebody else changed the file since it was read; read it again and plan anew"
GONE = "the file is gone; read it again and plan anew"


@pytest.fixture
def identity(snapshot: Path) -> FileIdentity:
    return read_regular(snapshot)[1]


def save(path: Path, data: bytes = b"saved") -> None:
    path.with_name("save").write_bytes(data)
    path.with_name("save").replace(path)


def before_each(
    monkeypatch: pytest.MonkeyPatch, call: str, *acts: Callable[[], object]
) -> list[Callable[[], object]]:
    """Let somebody act right before the first calls, and the calls be the real ones."""
    left, real = list(acts), getattr(Folder, call)

    def acted(self: Folder, *names: str) -> object:
        if left:
            left.pop(0)()
        return real(self, *names)

    monkeypatch.setattr(Folder, call, acted)
    return left


@pytest.mark.parametrize(
    ("call", "step"), [("open", "opening its folder"), ("link", "moving the file aside")]
)
def test_each_step_names_itself(identity: FileIdentity, call: str, step: str) -> None:
    with refusing(call), pytest.raises(WriteError) as caught:
        move_aside(identity, OLD, NOW)
    assert str(caught.value) == f"{identity.path}: {step} {IO}"
    assert names(identity.path.parent) == ["snap.json"]


def test_a_folder_that_can_not_be_synced_is_told(identity: FileIdentity) -> None:
    with refusing("fsync"), pytest.raises(NotDurableError) as caught:
        move_aside(identity, OLD, NOW)
    assert str(caught.value) == (
        f"{identity.path}: it was moved to {ASIDE}, but not yet on the disk: the disk reported an"
        " input/output error; check the disk; the backup keeps the old bytes"
    )
    assert names(identity.path.parent) == [ASIDE]


def test_the_folder_is_brought_to_the_disk(identity: FileIdentity, synced: list[int]) -> None:
    moved = move_aside(identity, OLD, NOW)
    assert moved == identity.path.parent / ASIDE
    assert synced == [identity.path.parent.stat().st_ino]


def test_it_says_how_the_file_changed(identity: FileIdentity) -> None:
    path = identity.path
    save(path)
    with pytest.raises(SnapshotChangedError) as caught:
        move_aside(identity, OLD, NOW)
    assert str(caught.value) == f"{path}: {CHANGED}"
    path.unlink()
    with pytest.raises(SnapshotChangedError) as caught:
        move_aside(identity, OLD, NOW)
    assert str(caught.value) == f"{path}: {GONE}"


def test_its_name_tells_the_moment_in_utc(
    identity: FileIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC-9")
    time.tzset()
    try:
        assert move_aside(identity, OLD, NOW).name == ASIDE
        save(identity.path, b"old")
        before = dt.datetime.now(dt.UTC)
        moved = move_aside(read_regular(identity.path)[1], OLD)
    finally:
        monkeypatch.undo()
        time.tzset()
    told = dt.datetime.strptime(moved.name.split("-")[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
    assert abs(told - before) < dt.timedelta(minutes=5)


@pytest.mark.parametrize("links", [True, False])
def test_every_earlier_file_of_that_second_stays(
    identity: FileIdentity, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    if not links:
        fails(monkeypatch, "link", errno.EPERM)
    for name in (ASIDE, ASIDE + "-2"):
        identity.path.with_name(name).write_bytes(b"earlier")
    assert move_aside(identity, OLD, NOW).name == ASIDE + "-3"
    assert names(identity.path.parent) == [ASIDE, ASIDE + "-2", ASIDE + "-3"]


@pytest.mark.parametrize("links", [True, False])
def test_a_save_right_before_the_rename_goes_back(
    identity: FileIdentity, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    path = identity.path
    link = os.link
    refused: list[str] = []

    def no_link_of_the_old(src: str, dst: str, **options: int) -> None:
        if not refused:
            refused.append(src)
            raise OSError(errno.EPERM, "")
        link(src, dst, **options)  # type: ignore[arg-type]  # passed through

    if not links:
        monkeypatch.setattr(os, "link", no_link_of_the_old)
    left = before_each(monkeypatch, "replace", lambda: save(path))
    with pytest.raises(SnapshotChangedError) as caught:
        move_aside(identity, OLD, NOW)
    assert str(caught.value) == f"{path}: {CHANGED}"
    assert not left
    assert path.read_bytes() == b"saved"
    assert names(path.parent) == ["snap.json"]


def test_of_two_saves_the_newer_stays(
    identity: FileIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our rename takes the first; its writer saves again before we give it back."""
    path = identity.path
    before_each(monkeypatch, "replace", lambda: save(path, b"first"))
    before_each(monkeypatch, "link", lambda: None, lambda: save(path, b"second"))
    with pytest.raises(SnapshotChangedError):
        move_aside(identity, OLD, NOW)
    assert path.read_bytes() == b"second"
    assert names(path.parent) == ["snap.json"]


def test_a_save_between_the_look_and_the_link_is_no_corrupt_file(
    identity: FileIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = identity.path
    before_each(monkeypatch, "link", lambda: save(path))
    with pytest.raises(SnapshotChangedError) as caught:
        move_aside(identity, OLD, NOW)
    assert str(caught.value) == f"{path}: {CHANGED}"
    assert names(path.parent) == ["snap.json"]


def test_a_second_name_of_another_file_costs_the_old_one_nothing(
    identity: FileIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name means another file for just as long as the link is made."""
    path, real = identity.path, Folder.link

    def swapped(self: Folder, name: str, new: str) -> None:
        path.rename(path.with_name("keep"))
        path.write_bytes(b"rival")
        real(self, name, new)
        path.with_name("keep").replace(path)

    monkeypatch.setattr(Folder, "link", swapped)
    with pytest.raises(SnapshotChangedError):
        move_aside(identity, OLD, NOW)
    assert path.read_bytes() == b"old"
    assert names(path.parent) == ["snap.json"]


@pytest.mark.parametrize("links", [True, False])
def test_a_refused_rename_leaves_one_name(
    identity: FileIdentity, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    if not links:
        fails(monkeypatch, "link", errno.EPERM)
    with refusing("replace"), pytest.raises(WriteError) as caught:
        move_aside(identity, OLD, NOW)
    assert str(caught.value) == f"{identity.path}: moving the file aside {IO}"
    assert names(identity.path.parent) == ["snap.json"]


def test_the_third_name_says_what_it_is_for(
    identity: FileIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is killed between the rename and the end leaves a file that is kept."""
    unlink = os.unlink
    seen: list[str] = []

    def noted(name: str, **options: int) -> None:
        seen.append(name)
        unlink(name, **options)

    monkeypatch.setattr(os, "unlink", noted)
    move_aside(identity, OLD, NOW)
    (name,) = seen
    found = parse(name)
    assert found is not None
    assert found.role == "aside"
