"""A file gets its final name whole or not at all, and takes nobody else's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bmux_forensics.store.folder import Folder
from bmux_forensics.store.placing import place, same_bytes

from .conftest import fails, names


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    place_of_its_own = tmp_path / "folder"
    place_of_its_own.mkdir()
    (place_of_its_own / "temp").write_bytes(b"whole")
    with Folder(place_of_its_own) as opened:
        yield opened


@pytest.mark.usefixtures("no_links")
def test_without_links_it_is_a_rename(folder: Folder) -> None:
    place(folder, "temp", "final")
    assert names(folder.path) == ["final"]
    assert (folder.path / "final").read_bytes() == b"whole"


@pytest.mark.usefixtures("no_links")
def test_without_links_a_taken_name_is_left_too(folder: Folder) -> None:
    (folder.path / "final").write_bytes(b"theirs")
    with pytest.raises(FileExistsError):
        place(folder, "temp", "final")
    assert (folder.path / "final").read_bytes() == b"theirs"
    assert names(folder.path) == ["final", "temp"]


@pytest.mark.usefixtures("no_links")
def test_without_links_a_refused_rename_leaves_no_empty_file(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails(monkeypatch, "replace")
    with pytest.raises(OSError, match="Input/output error"):
        place(folder, "temp", "final")
    assert names(folder.path) == ["temp"]


def test_when_the_first_name_can_not_go_the_second_does(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "unlink", refuse_once(os.unlink))
    with pytest.raises(OSError, match="Input/output error"):
        place(folder, "temp", "final")
    assert names(folder.path) == ["temp"]


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 5, 3 << 20])
def test_bytes_are_compared_to_the_end(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "file").write_bytes(data)
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    try:
        assert same_bytes(fd, data)
        assert same_bytes(fd, data)  # from the start again
        assert not same_bytes(fd, data + b"x")
        assert not size or not same_bytes(fd, data[:-1])
        assert not size or not same_bytes(fd, data[:-1] + bytes([data[-1] ^ 1]))
    finally:
        os.close(fd)


def refuse_once(call: Callable[..., None]) -> Callable[..., None]:
    left = [OSError(5, os.strerror(5))]

    def refused(*arguments: object, **options: object) -> None:
        if left:
            raise left.pop()
        call(*arguments, **options)

    return refused
