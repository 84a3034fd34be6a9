"""What is not bytes is carried over, or the change is refused before anything happens."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bmux_forensics.errors import WriteError
from bmux_forensics.store.attributes import carry
from bmux_forensics.store.reading import FileIdentity, read_regular

from .conftest import fails, refusing


@pytest.fixture
def new(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path / "new", os.O_RDWR | os.O_CREAT, 0o600)
    yield fd
    os.close(fd)


@pytest.fixture
def old(snapshot: Path) -> Iterator[int]:
    os.utime(snapshot, ns=(11, 22))
    fd = os.open(snapshot, os.O_RDONLY)
    yield fd
    os.close(fd)


@pytest.fixture
def like(snapshot: Path, old: int) -> FileIdentity:
    snapshot.chmod(0o4711)
    return FileIdentity.of(snapshot, os.fstat(old))


class Labels:
    """A file system's extended attributes, of which some may not be set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, refused: str, number: int) -> None:
        self.set: dict[str, bytes] = {}
        self._refused, self._number = refused, number
        monkeypatch.setattr(os, "listxattr", lambda _: [refused, "user.note"])
        monkeypatch.setattr(os, "getxattr", lambda _, name: name.encode())
        monkeypatch.setattr(os, "setxattr", self._set)

    def _set(self, _: int, name: str, value: bytes) -> None:
        if name == self._refused:
            raise OSError(self._number, os.strerror(self._number))
        self.set[name] = value


def test_owner_mode_and_both_times_are_carried(new: int, old: int, like: FileIdentity) -> None:
    carry(new, like, old)
    found = os.fstat(new)
    assert (found.st_atime_ns, found.st_mtime_ns) == (11, 22)
    assert found.st_mode == like.mode
    carry(new, like)
    assert os.fstat(new).st_atime_ns == 22


@pytest.mark.parametrize(("uid", "gid"), [(1, 0), (0, 1)])
def test_an_owner_that_can_not_be_kept_is_told(
    new: int, like: FileIdentity, monkeypatch: pytest.MonkeyPatch, uid: int, gid: int
) -> None:
    found = os.fstat(new)
    other = FileIdentity(like.path, 1, 2, 3, 22, like.mode, found.st_uid + uid, found.st_gid + gid)
    fails(monkeypatch, "fchown", errno.EPERM)
    with pytest.raises(WriteError) as caught:
        carry(new, other)
    assert str(caught.value) == (
        f"{like.path}: it belongs to user {other.uid}, group {other.gid}, and the new file would"
        " not; run as its owner or as root"
    )
    carry(new, like)  # nothing to be changed


@pytest.mark.skipif(os.geteuid() != 0, reason="not root: other owners were not tried")
def test_root_keeps_owner_and_group_apart(new: int, snapshot: Path) -> None:
    os.chown(snapshot, 1234, 4321)
    carry(new, read_regular(snapshot)[1])
    assert (os.fstat(new).st_uid, os.fstat(new).st_gid) == (1234, 4321)


@pytest.mark.parametrize("number", [errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EINVAL])
@pytest.mark.parametrize("name", ["security.capability", "trusted.it", "system.it"])
def test_labels_that_only_the_system_sets_may_stay_behind(
    new: int,
    old: int,
    like: FileIdentity,
    monkeypatch: pytest.MonkeyPatch,
    *,
    name: str,
    number: int,
) -> None:
    labels = Labels(monkeypatch, name, number)
    carry(new, like, old)
    assert labels.set == {"user.note": b"user.note"}


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("user.it", errno.EPERM),
        ("system.posix_acl_access", errno.ENOTSUP),
        ("system.nfs4_acl", errno.EACCES),
        ("security.capability", errno.ENOSPC),
    ],
)
def test_whatever_else_can_not_be_carried_is_an_error(
    new: int,
    old: int,
    like: FileIdentity,
    monkeypatch: pytest.MonkeyPatch,
    *,
    name: str,
    number: int,
) -> None:
    Labels(monkeypatch, name, number)
    with pytest.raises(OSError, match=os.strerror(number)):
        carry(new, like, old)


def test_a_file_system_without_labels_has_none(new: int, old: int, like: FileIdentity) -> None:
    with refusing("listxattr", errno.ENOTSUP):
        carry(new, like, old)
    assert os.fstat(new).st_mtime_ns == 22
