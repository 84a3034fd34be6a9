"""Cleaned copies into a folder or a store: whole, under fixed names, and harmless to repeat."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

import bmux_forensics as bf
from bmux_forensics.errors import UsageError
from tests.actions.scenes import ALPHA, SAVED, Trace, below, save, world
from tests.cli.conftest import Run
from tests.worlds import World, part


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Give two copies of a snapshot, one of another, and a damaged one, in two folders."""
    folder = tmp_path / "archive"
    raw = world().raw
    save(folder / "one" / "a.json", raw)
    save(folder / "two" / "a.json.gz", gzip.compress(raw))
    save(folder / "two" / "b.json", World((part("sessions", []),)).raw)
    save(folder / "bad.json", raw[:100])
    return folder


@pytest.fixture
def in_place(archive: Path, tmp_path: Path) -> dict[str, bytes]:
    """Give what cleaning in place makes of them."""
    alone = save(tmp_path / "alone.json", world().raw)
    bf.clean(alone, sessions=[ALPHA])
    return {
        "one/a.json": alone.read_bytes(),
        "two/a.json.gz": alone.read_bytes(),
        "two/b.json": (archive / "two" / "b.json").read_bytes(),
    }


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    store = fsspec.filesystem("memory")
    yield store
    store.rm("/", recursive=True)


def unpacked(name: str, data: bytes) -> bytes:
    return gzip.decompress(data) if name.endswith(".gz") else data


def copies(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    names = [str(path.relative_to(folder)) for path in paths]
    return {
        name: unpacked(name, path.read_bytes()) for name, path in zip(names, paths, strict=True)
    }


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_sound_file_has_its_copy_and_none_is_changed(
    jobs: int, archive: Path, in_place: dict[str, bytes], tmp_path: Path
) -> None:
    before = {path: Trace.of(path) for path in archive.rglob("*.*")}
    state = below(tmp_path / "state")
    out = tmp_path / "out"
    done = bf.clean(archive, sessions=[ALPHA], output=out, jobs=jobs)
    assert done.files["status"].tolist() == ["damaged", "cleaned", "cleaned", "unchanged"]
    assert done.files["output"].dropna().tolist() == [str(out / name) for name in sorted(in_place)]
    assert copies(out) == in_place
    assert {path.stat().st_mtime_ns for path in out.rglob("*.*")} == {SAVED}
    assert {path: Trace.of(path) for path in archive.rglob("*.*")} == before
    assert below(tmp_path / "state") == state  # no backup, no entry: nothing was changed
    written = {path: Trace.of(path) for path in out.rglob("*.*")}
    again = bf.clean(archive, sessions=[ALPHA], output=out, jobs=jobs)
    assert again.files.equals(done.files)
    assert {path: Trace.of(path) for path in out.rglob("*.*")} == written


def test_a_plan_for_copies_is_bound_to_what_was_seen(archive: Path, tmp_path: Path) -> None:
    plan = bf.preview_clean(archive, sessions=["alpha"], output=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    bf.kill(archive / "one" / "a.json", ["-dash"])
    done = bf.apply_clean(plan)
    assert done.files["status"].tolist() == ["damaged", "refused", "cleaned", "unchanged"]
    assert sorted(copies(tmp_path / "out")) == ["two/a.json.gz", "two/b.json"]


def test_another_file_of_that_name_is_left_alone(archive: Path, tmp_path: Path) -> None:
    other = save(tmp_path / "out" / "one" / "a.json", b"mine")
    done = bf.clean(archive, sessions=[ALPHA], output=tmp_path / "out")
    assert done.files["status"].tolist() == ["damaged", "refused", "cleaned", "unchanged"]
    assert "another file of that name" in done.files["reason"][1]
    assert other.read_bytes() == b"mine"


def test_copies_never_go_among_what_is_read(archive: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(archive)
    for output in (archive, archive / "new", link / "new", os.path.relpath(archive)):
        with pytest.raises(UsageError, match="a place that is read"):
            bf.clean(archive, all_sessions=True, output=output)
    with pytest.raises(UsageError, match="a place that is read"):
        bf.preview_clean("memory://day/", all_sessions=True, output="memory://day/new")


def test_a_store_is_cleaned_into_a_store(
    archive: Path, in_place: dict[str, bytes], memory: fsspec.AbstractFileSystem, cli: Run
) -> None:
    memory.put(str(archive), "/archive", recursive=True)
    before = {path: memory.cat(path) for path in memory.find("/archive")}
    with pytest.raises(UsageError, match="files in a store, and no output"):
        bf.clean("memory://archive", sessions=[ALPHA])
    arguments = ("clean", "memory://archive", "--session", ALPHA, "--json")
    assert cli(*arguments, "--yes").document("clean")["exit_code"] == 2
    assert cli(*arguments, "--dry-run").document("clean")["counts"]["would-clean"] == 2
    told = cli(*arguments, "--yes", "--output", "memory://cleaned").document("clean")
    assert told["counts"] | {"cleaned": 2, "unchanged": 1, "damaged": 1} == told["counts"]
    found = {path.removeprefix("/cleaned/"): memory.cat(path) for path in memory.find("/cleaned")}
    assert {name: unpacked(name, data) for name, data in found.items()} == in_place
    assert {path: memory.cat(path) for path in memory.find("/archive")} == before


def test_who_brings_workers_names_an_output(archive: Path, cli: Run) -> None:
    done = cli("clean", archive, "--all", "--yes", "--scheduler", "tcp://127.0.0.1:1")
    assert done.code == 2


def test_copies_go_into_a_folder_and_not_among_what_is_read(archive: Path, cli: Run) -> None:
    note = save(archive.parent / "note.txt", b"mine")
    done = cli("clean", archive, "--all", "-o", note, "--yes")
    assert (done.code, "expected a folder, found a file" in done.line) == (2, True)
    assert note.read_bytes() == b"mine"
    done = cli("clean", archive, "--all", "-o", f"file://{archive}/copies", "--yes")
    assert (done.code, "a place that is read" in done.line) == (2, True)
    assert not (archive / "copies").exists()
