"""Each step of replacing a file: what it says when it is refused, and what then stands there."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bmux_forensics.errors import ProofError, SnapshotChangedError, WriteError
from bmux_forensics.store import replace as replace_module
from bmux_forensics.store.folder import Folder
from bmux_forensics.store.leftovers import parse, temp_name
from bmux_forensics.store.process import this_process
from bmux_forensics.store.reading import FileIdentity, read_regular
from bmux_forensics.store.refusals import NotDurableError
from bmux_forensics.store.replace import stage

from .conftest import fails, names, refusing

IO = "failed: the disk reported an input/output error; check the disk before trying again"
NEW = "11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437"


@pytest.fixture
def identity(snapshot: Path) -> FileIdentity:
    return read_regular(snapshot)[1]


def refused(identity: FileIdentity | Path, act: Callable[[], object] = lambda: None) -> str:
    """Return what is said when a change is refused, whatever it is."""

    def change() -> None:
        with stage(identity, b"new") as staged:
            act()
            staged.commit()

    with pytest.raises((WriteError, SnapshotChangedError, ProofError)) as caught:
        change()
    return str(caught.value)


@pytest.mark.parametrize(
    ("call", "step"),
    [
        ("open", "opening its folder"),
        ("write", "writing the new bytes beside it"),
        ("fsync", "writing the new bytes beside it"),
    ],
)
def test_each_step_before_the_rename_names_itself(
    identity: FileIdentity, monkeypatch: pytest.MonkeyPatch, call: str, step: str
) -> None:
    with monkeypatch.context() as patched:
        fails(patched, call)
        said = refused(identity)
    assert said == f"{identity.path}: {step} {IO}"
    assert identity.path.read_bytes() == b"old"
    assert names(identity.path.parent) == ["snap.json"]


def test_the_rename_names_itself(identity: FileIdentity, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        said = refused(identity, lambda: fails(patched, "replace"))
    assert said == f"{identity.path}: putting the new file in place {IO}"
    assert names(identity.path.parent) == ["snap.json"]


def test_looking_names_itself(identity: FileIdentity, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        said = refused(identity, lambda: fails(patched, "stat"))
    assert said == f"{identity.path}: looking at the file once more {IO}"
    opens = os.open

    def refuse_the_file(path: str, flags: int, *rest: int, **options: int) -> int:
        if path == "snap.json":
            raise OSError(errno.EIO, "")
        return opens(path, flags, *rest, **options)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse_the_file)
        said = refused(identity)
    assert said == f"{identity.path}: looking at the file {IO}"


@pytest.mark.parametrize("number", [errno.ELOOP, errno.ENOENT])
def test_a_file_that_is_swapped_under_our_eyes(
    identity: FileIdentity, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    opens = os.open

    def swapped(path: str, flags: int, *rest: int, **options: int) -> int:
        if path == "snap.json":
            raise OSError(number, "")
        return opens(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", swapped)
    said = refused(identity)
    assert said == f"{identity.path}: the file was swapped; read it again and plan anew"


def test_a_file_that_may_not_be_written_is_refused(
    identity: FileIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    said = refused(identity)
    assert said == f"{identity.path}: no permission to write it; make it writable first"


def test_it_says_how_the_file_changed(identity: FileIdentity) -> None:
    path, again = identity.path, "read it again and plan anew"

    def save() -> None:
        path.unlink()
        path.write_bytes(b"saved")

    said = refused(identity, save)
    assert said == f"{path}: somebody else changed the file since it was read; {again}"
    identity = read_regular(path)[1]
    assert refused(identity, path.unlink) == f"{path}: the file is gone; {again}"
    assert refused(identity) == f"{path}: the file is gone; {again}"
    path.write_bytes(b"theirs")
    said = refused(path)
    assert said == f"{path}: something is there already; name another file"
    assert path.read_bytes() == b"theirs"


def test_a_folder_that_can_not_be_synced_is_told_with_who_stands_there(
    identity: FileIdentity,
) -> None:
    with (
        stage(identity, b"new") as staged,
        refusing("fsync"),
        pytest.raises(NotDurableError) as caught,
    ):
        staged.commit()
    assert str(caught.value) == (
        f"{identity.path}: the new bytes are in place, but not on the disk: the disk reported an"
        " input/output error; check the disk; the backup keeps the old bytes"
    )
    assert caught.value.identity == read_regular(identity.path)[1]
    assert isinstance(caught.value.__cause__, OSError)


def test_what_is_read_back_proves_it(
    identity: FileIdentity,
) -> None:
    path = identity.path
    with stage(identity, b"new") as staged:
        assert staged.commit() == read_regular(path)[1]
        assert staged.sha256 == NEW
        path.write_bytes(b"odd")
        with pytest.raises(ProofError) as caught:
            staged.prove()
        assert str(caught.value) == (
            f"{path}: expected the new bytes with sha256 {NEW}, found other bytes;"
            " somebody wrote at the same moment; the backup has the old bytes"
        )
        with refusing("read"), pytest.raises(ProofError) as caught:
            staged.prove()
        assert str(caught.value) == (
            f"{path}: the new file can't be read back: the disk reported an input/output error;"
            " the backup has the old bytes"
        )
        (path.parent / "save").write_bytes(b"new")
        (path.parent / "save").replace(path)
        with pytest.raises(SnapshotChangedError) as changed:
            staged.prove()
        assert str(changed.value) == (
            f"{path}: somebody else replaced the new file at once; read it again and plan anew"
        )


def test_what_is_opened_is_closed(identity: FileIdentity) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only counted
    with stage(identity, b"new") as staged:
        staged.commit()
    with stage(identity.path.with_name("other"), b"new") as staged:
        staged.commit()
        staged.prove()
    assert refused(identity).endswith("plan anew")
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - the same


def test_bytes_that_are_not_eager_reach_the_disk_when_they_settle(
    identity: FileIdentity, synced: list[int]
) -> None:
    with stage(identity, b"new", eager=False) as staged:
        inode = staged.temp.stat().st_ino
        assert inode not in synced
        with pytest.raises(AssertionError):
            staged.put()
        staged.settle()
        assert inode in synced
        staged.commit()
    assert identity.path.read_bytes() == b"new"
    with stage(read_regular(identity.path)[1], b"newer") as staged:
        assert staged.temp.stat().st_ino in synced


@pytest.mark.parametrize("eager", [True, False])
def test_bytes_that_are_not_eager_set_out_at_once(
    identity: FileIdentity, monkeypatch: pytest.MonkeyPatch, *, eager: bool
) -> None:
    advise, advised = os.posix_fadvise, []

    def noted(fd: int, *advice: int) -> None:
        advised.append(os.fstat(fd).st_ino)
        advise(fd, *advice)

    monkeypatch.setattr(os, "posix_fadvise", noted)
    with stage(identity, b"new", eager=eager) as staged:
        assert advised == ([] if eager else [staged.temp.stat().st_ino])


def test_what_can_not_be_opened_again_is_not_proven(identity: FileIdentity) -> None:
    with stage(identity, b"new") as staged:
        staged.commit()
        with refusing("open"), pytest.raises(ProofError, match="can't be read back"):
            staged.prove()


def test_a_descriptor_that_closes_badly_spoils_no_proof(
    identity: FileIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = os.close

    def badly(fd: int) -> None:
        close(fd)
        raise OSError(errno.EIO, "")

    with stage(identity, b"new") as staged:
        found = staged.commit()
        with monkeypatch.context() as patched:
            patched.setattr(os, "close", badly)
            assert staged.prove() == found


def test_it_tells_whether_the_new_bytes_wait(
    identity: FileIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> bool:
        raise OSError(errno.EIO, "")

    with stage(identity, b"new") as staged:
        assert staged.is_waiting()
        with monkeypatch.context() as patched:
            patched.setattr(replace_module, "swap", refuse)
            with pytest.raises(WriteError):
                staged.put()
        (held,) = set(names(identity.path.parent)) - {"snap.json"}
        found = parse(held)
        assert found is not None
        assert (found.role, found.moment) == ("swap", (staged.path.parent / held).stat().st_ino)
        assert staged.is_waiting()
    assert names(identity.path.parent) == ["snap.json"]
    with stage(identity, b"new") as staged:
        staged.commit()
        assert not staged.is_waiting()


@pytest.mark.parametrize("whose", ["ours", "the old file", "a save"])
def test_of_what_is_left_in_our_hand_a_save_stays(
    identity: FileIdentity, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    """An exchange is broken off; what is neither ours nor the old file may be the only one."""
    folder = identity.path.parent

    def broken_off(_: Folder, one: str, __: str) -> bool:
        if whose == "the old file":
            (folder / one).unlink()
            identity.path.rename(folder / one)
        elif whose == "a save":
            (folder / "save").write_bytes(b"saved")
            (folder / "save").replace(folder / one)
        raise OSError(errno.EIO, "")

    monkeypatch.setattr(replace_module, "swap", broken_off)
    with pytest.raises(WriteError), stage(identity, b"new") as staged:
        staged.put()
    left = [path for path in folder.iterdir() if path.name.startswith(".")]
    assert [path.read_bytes() for path in left] == [b"saved"] * (whose == "a save")


def test_only_what_was_made_for_this_file_is_tidied_up(identity: FileIdentity) -> None:
    dead = f".{os.getpid()}-{this_process().start}.", ".999999999-1."
    mine, others = (temp_name(n, "stage").replace(*dead) for n in ("snap.json", "other.json"))
    for name in (mine, others):
        (identity.path.parent / name).touch()
    with stage(identity, b"new"):
        assert mine not in names(identity.path.parent)
    assert names(identity.path.parent) == [others, "snap.json"]


def test_a_new_file_is_like_another_only_when_asked(identity: FileIdentity, tmp_path: Path) -> None:
    os.utime(identity.path, ns=(5, 5))
    identity = read_regular(identity.path)[1]
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "runtime")
    with stage(link / "new", b"new", like=identity) as staged:
        assert staged.path == tmp_path / "runtime" / "new"
        assert staged.temp.parent == tmp_path / "runtime"
        found = parse(staged.temp.name)
        assert found is not None
        assert found.role == "stage"
        assert staged.commit().mtime_ns == 5
    other = read_regular(tmp_path / "runtime" / "new")[1]
    os.utime(identity.path, ns=(7, 7))
    with stage(read_regular(identity.path)[1], b"newer", like=other) as staged:
        assert staged.commit().mtime_ns == 5
