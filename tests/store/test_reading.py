from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmux_forensics.errors import EvidenceError, FileMissingError, FileUnreadableError
from bmux_forensics.store.reading import Digest, FileTooLargeError, read_regular

from .conftest import as_nobody, names

if TYPE_CHECKING:
    from pathlib import Path


def test_bytes_and_identity(snapshot: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(snapshot)
    data, identity = read_regular(link)
    status = snapshot.stat()
    assert data == b"old"
    assert identity.path == snapshot
    assert (identity.ino, identity.size, identity.mode) == (status.st_ino, 3, status.st_mode)
    assert identity.is_still(status)
    snapshot.write_bytes(b"new!")
    assert not identity.is_still(snapshot.stat())


def test_a_second_name_does_not_make_it_another_file(snapshot: Path) -> None:
    _, identity = read_regular(snapshot)
    os.link(snapshot, snapshot.with_name("second"))
    assert identity.is_still(snapshot.stat())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda _: None, "no such file"),
        (lambda path: path.mkdir(), "found a folder"),
        (os.mkfifo, "found a FIFO"),
        (lambda path: path.symlink_to("nothing"), "a symbolic link to .*nothing, which is not"),
        (lambda path: path.symlink_to(path.name), "leads in a circle"),
        (lambda path: path.symlink_to("/dev/null"), "found a device"),
    ],
)
def test_what_is_no_regular_file_is_refused_at_once(
    tmp_path: Path, make: object, message: str
) -> None:
    path = tmp_path / "it"
    make(path)  # type: ignore[operator] # one callable a case
    with pytest.raises(FileMissingError, match=message) as caught:
        read_regular(path)
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)


def test_a_socket_and_a_path_through_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("it")
        with pytest.raises(FileMissingError, match="found a socket"):
            read_regular("it")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileMissingError, match="no such file"):
        read_regular("file/it")
    with pytest.raises(FileMissingError):
        read_regular("a\0b")


def test_no_permission(snapshot: Path) -> None:
    snapshot.chmod(0)
    out = as_nobody(
        "from bmux_forensics.store.reading import read_regular\n"
        "try: read_regular(sys.argv[1])\n"
        "except Exception as error: print(type(error).__name__, error.exit_code, error)\n",
        snapshot,
    )
    assert out.startswith("FileUnreadableError 3 ")
    assert "no permission to read it" in out


def test_the_limit_can_be_lifted(snapshot: Path) -> None:
    with pytest.raises(FileTooLargeError, match="at most 2 bytes, found 3 bytes; raise") as caught:
        read_regular(snapshot, limit=2)
    assert (caught.value.size, caught.value.limit) == (3, 2)
    assert isinstance(caught.value, FileUnreadableError)
    assert read_regular(snapshot, limit=None)[0] == b"old"
    assert read_regular(snapshot, limit=3)[0] == b"old"


def test_an_empty_file(snapshot: Path) -> None:
    snapshot.write_bytes(b"")
    assert read_regular(snapshot)[0] == b""


def test_a_file_rewritten_in_place_is_never_read_torn(snapshot: Path) -> None:
    """In place, as no bmux does: what comes back has the size it had at one moment."""
    stop = threading.Event()

    def write() -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            snapshot.write_bytes(bytes([turn % 251]) * (1 + turn % 5000))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(200):
            try:
                data, identity = read_regular(snapshot)
            except Exception as error:  # noqa: BLE001 - any but this one fails the test
                assert type(error).__name__ == "SnapshotChangedError"  # noqa: PT017 - one of two outcomes
            else:
                assert len(data) == identity.size
    finally:
        stop.set()
        thread.join()


@given(st.sampled_from([0, 1, (1 << 18) - 1, 1 << 18, (1 << 20) + 1]), st.binary(max_size=20))
def test_the_digest_is_sha256(size: int, tail: bytes) -> None:
    data = bytes(size) + tail
    digest = Digest(data)
    assert digest.hexdigest() == hashlib.sha256(data).hexdigest() == digest.hexdigest()


@given(st.text(max_size=40))
def test_any_name_is_read_or_refused_in_one_line(name: str) -> None:
    with pytest.raises(EvidenceError) as caught:
        read_regular("/nowhere/" + name)
    assert str(caught.value).isprintable()


def test_reading_makes_nothing(snapshot: Path, state: Path) -> None:
    read_regular(snapshot)
    assert names(snapshot.parent) == ["snap.json"]
    assert not state.exists()


def test_a_huge_sparse_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    subprocess.run(["truncate", "-s", "1T", path], check=True)
    with pytest.raises(FileTooLargeError):
        read_regular(path)
