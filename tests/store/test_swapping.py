"""A save without the lock, between the last look and the rename, is never destroyed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import bmux_forensics as bf
from bmux_forensics.errors import SnapshotChangedError
from bmux_forensics.store import replace as replace_module
from bmux_forensics.store import swapping
from bmux_forensics.store.folder import Folder
from bmux_forensics.store.reading import read_regular
from bmux_forensics.store.replace import stage
from tests.actions.scenes import ALPHA, save, world

from .conftest import ROOT, names


def rival_save(path: Path, data: bytes) -> None:
    """Save as a server does: no lock, a temporary file, a rename."""
    temp = path.with_name(path.name + ".tmp")
    temp.write_bytes(data)
    temp.replace(path)


def with_rivals(
    monkeypatch: pytest.MonkeyPatch, path: Path, *rivals: Callable[[], object]
) -> list[Callable[[], object]]:
    """Let a rival act right before each exchange, and the exchange itself be the real one."""
    left = list(rivals)

    def swap(folder: Folder, one: str, other: str) -> bool:
        if left:
            left.pop(0)()
        return swapping_swap(folder, one, other)

    swapping_swap = swapping.swap
    with Folder(path.parent) as folder:
        (path.parent / "one").touch()
        (path.parent / "two").touch()
        if not swapping_swap(folder, "one", "two"):
            pytest.skip("this system can't exchange names: a rival in the middle was not tried")
        folder.unlink("one")
        folder.unlink("two")
    monkeypatch.setattr(replace_module, "swap", swap)
    monkeypatch.setattr(swapping, "swap", swap)
    return left


def try_to_replace(path: Path) -> None:
    _, identity = read_regular(path)
    with stage(identity, b"ours") as staged, pytest.raises(SnapshotChangedError) as caught:
        staged.commit()
    again = "read it again and plan anew"
    assert str(caught.value) in (
        f"{path}: somebody else saved it at this very moment; {again}",
        f"{path}: the file is gone; {again}",
    )


def test_a_save_in_the_middle_stays_and_the_edit_is_refused(
    snapshot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = with_rivals(monkeypatch, snapshot, lambda: rival_save(snapshot, b"rival"))
    try_to_replace(snapshot)
    assert snapshot.read_bytes() == b"rival"
    assert names(snapshot.parent) == ["snap.json"]
    assert not left


def test_of_two_saves_in_the_middle_the_newer_stays(
    snapshot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saves = [lambda data=data: rival_save(snapshot, data) for data in (b"first", b"second")]
    left = with_rivals(monkeypatch, snapshot, *saves)
    try_to_replace(snapshot)
    assert snapshot.read_bytes() == b"second"
    kept = [p.read_bytes() for p in snapshot.parent.iterdir() if p != snapshot]
    assert kept in ([], [b"first"])
    assert not left


def test_a_save_that_gets_the_number_of_our_own_inode_is_not_taken_for_ours(
    snapshot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever saves over our file frees its inode, and the next save may be made in it."""

    def two_saves() -> None:
        rival_save(snapshot, b"second")
        rival_save(snapshot, b"newest")

    left = with_rivals(monkeypatch, snapshot, lambda: rival_save(snapshot, b"first"), two_saves)
    try_to_replace(snapshot)
    assert snapshot.read_bytes() == b"newest"
    assert not left


@pytest.mark.parametrize("way", ["in place", "a link", "a folder", "gone"])
def test_whatever_came_in_the_middle_is_put_back(
    way: str, snapshot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def act() -> None:
        if way == "in place":
            snapshot.write_bytes(b"rival")
            return
        snapshot.unlink()
        if way == "a link":
            snapshot.symlink_to("elsewhere")
        elif way == "a folder":
            snapshot.mkdir()

    with_rivals(monkeypatch, snapshot, act)
    try_to_replace(snapshot)
    assert os.path.lexists(snapshot) is (way != "gone")
    assert way != "in place" or snapshot.read_bytes() == b"rival"
    assert snapshot.is_symlink() is (way == "a link")
    assert snapshot.is_dir() is (way == "a folder")
    assert names(snapshot.parent) == (["snap.json"] if way != "gone" else [])


def test_without_an_exchange_it_is_a_rename(
    snapshot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swapping, "_system_call", lambda: None)
    _, identity = read_regular(snapshot)
    with stage(identity, b"ours") as staged:
        staged.commit()
    assert snapshot.read_bytes() == b"ours"
    assert names(snapshot.parent) == ["snap.json"]


KILLED = """
import os, signal, sys
from pathlib import Path
import bmux_forensics as bf
from bmux_forensics.store import replace as module, swapping
path, rival = Path(sys.argv[1]), Path(sys.argv[2])
def swap(folder, one, other):
    if len(sys.argv) > 3:
        rival.replace(path)
    done = swapping.swap(folder, one, other)
    os.kill(os.getpid(), signal.SIGKILL)
    return done
module.swap = swap
bf.kill(path, ["alpha"])
"""


@pytest.mark.parametrize("with_rival", [True, False])
def test_killed_with_the_save_in_its_hand_the_next_run_names_it(
    tmp_path: Path, *, with_rival: bool
) -> None:
    path = save(tmp_path / "runtime" / "snap.json", world().raw)
    rival = save(tmp_path / "rival", world().raw + b"\n")
    command = [sys.executable, "-c", KILLED, str(path), str(rival), *["rival"] * with_rival]
    done = subprocess.run(command, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode < 0
    bf.unlock(path)
    if bf.summarize(bf.open_snapshot(path)).sessions[0][0] == ALPHA:
        pytest.skip("this system can't exchange names: a rival in the middle was not tried")
    outcome = bf.kill(path, ["-dash"])
    rivals = [p for p in path.parent.iterdir() if ".rival-" in p.name]
    if with_rival:
        assert [p.read_bytes() for p in rivals] == [world().raw + b"\n"]
        assert any(rivals[0].name in note for note in outcome.passage.notes)
    else:
        assert rivals == []
    assert [p.name for p in path.parent.iterdir() if p.name.startswith(".")] == []
