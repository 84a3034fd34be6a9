"""Files behind URLs are found, read and written like local ones; what fails is a row."""

from __future__ import annotations

import gzip
import lzma
import socket
import zipfile
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pandas as pd
import pytest
import zstandard

import bmux_forensics as bf
from bmux_forensics.archive.finding import find_files
from bmux_forensics.archive.stores import Destination
from bmux_forensics.errors import FileUnreadableError, UsageError, WriteError
from tests.cli.conftest import Run

SAMPLES = Path(__file__).parents[2] / "sample_snapshots"
DAY = SAMPLES / "alpha4-day"


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    """Give the memory store, holding the sample day, hidden files and a wild name."""
    store = fsspec.filesystem("memory")
    for path in sorted(DAY.iterdir()):
        store.pipe(f"/day/{path.name}", path.read_bytes())
    one = next(DAY.iterdir()).read_bytes()
    store.pipe({"/day/.hidden/x.json": one, "/day/.x.json": one, "/day/notes.md": b"x"})
    store.pipe({"/wild/a[1].json": one, "/wild/a1.json": b"torn", "/wild/deep/*.json": one})
    yield store
    store.rm("/", recursive=True)


def names(*urls: str) -> list[str]:
    return [file.name for file in find_files(urls)]


@pytest.mark.usefixtures("memory")
def test_folders_globs_and_files_each_once() -> None:
    day = [f"memory://day/{path.name}" for path in sorted(DAY.iterdir())]
    assert names("memory://day") == day
    assert names("memory://day/*.json") == day
    assert names(day[3], "memory://day", "memory:///day/*50Z.json") == [
        day[3], *(name for name in day if name != day[3])
    ]  # fmt: skip
    assert names("memory://wild/**/*.json") == [
        "memory://wild/a1.json", "memory://wild/a[1].json", "memory://wild/deep/*.json"
    ]  # fmt: skip
    assert names("memory://wild/a[1].json") == ["memory://wild/a[1].json"]


@pytest.mark.usefixtures("memory")
def test_the_tables_are_those_of_the_local_files() -> None:
    there, here = bf.load_archive("memory://day"), bf.load_archive(DAY)
    for name in ("panes", "sessions", "snapshots"):
        one, other = there.table(name), here.table(name)
        pd.testing.assert_frame_equal(one.drop(columns="snapshot"), other.drop(columns="snapshot"))
    kept = ["captured_at", "size", "sha256", "status", "reason"]
    pd.testing.assert_frame_equal(there.status[kept], here.status[kept])
    events = bf.timeline("memory://day/*.json")
    assert events.loc[events["event"] == "vanished", "name"].tolist() == ["ops"]
    assert bf.find("ops", "memory://day", what="session")["count"].tolist() == [1]
    wild = bf.load_archive("memory://wild", jobs=4)
    assert wild.counts == {"files": 3, "loaded": 2, "damaged": 1, "unreadable": 0}


def test_compressed_copies_and_the_size_limit(memory: fsspec.AbstractFileSystem) -> None:
    raw = next(DAY.iterdir()).read_bytes()
    packed = {
        "a.json": raw,
        "b.json.gz": gzip.compress(raw),
        "c.xz": lzma.compress(raw),
        "d.zst": zstandard.compress(raw),
        "e.gz": gzip.compress(raw)[:-9],
    }
    memory.pipe({f"/packed/{name}": data for name, data in packed.items()})
    status = bf.load_archive("memory://packed", host_pattern="{host}/").status
    assert status["status"].tolist() == ["loaded"] * 4 + ["unreadable"]
    assert status["reason"].tolist()[4].startswith("damaged compressed data")
    assert len(set(status["sha256"].dropna())) == 1
    assert status["captured_at"].notna().all()
    limited = bf.load_archive("memory://packed", size_limit=len(raw) - 1).status
    assert limited["status"].tolist() == ["unreadable"] * 5
    assert "raise the size limit" in limited["reason"][0]
    assert limited["reason"][1].startswith(f"expected at most {len(raw) - 1} bytes")


def test_what_is_not_there_is_a_row(memory: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    memory.pipe("/gone/a.json", b"{}")
    archive = bf.load_archive(
        "memory://nosuch/a.json", "memory://nosuch/*.json", "nosuchstore://x", "memory://gone",
        f"file://{DAY}", f"zip://*.json::{tmp_path}/none.zip",
    )  # fmt: skip
    memory.rm("/gone/a.json")
    status = archive.status
    bad = status[status["status"] != "loaded"]
    assert bad["path"].tolist() == [
        "memory://nosuch/a.json", "memory://nosuch/*.json", "nosuchstore://x",
        "memory://gone/a.json", f"zip://*.json::{tmp_path}/none.zip",
    ]  # fmt: skip
    assert bad["reason"].tolist()[:2] == ["no such file", "no file matches"]
    assert "nosuchstore" in bad["reason"].tolist()[2]
    assert bad["reason"].tolist()[3:] == ["no such file"] * 2
    assert archive.counts["loaded"] + archive.counts["unreadable"] == len(archive) == 16
    assert status["path"].tolist()[4:15] == [str(path) for path in sorted(DAY.iterdir())]


def test_a_store_inside_a_store(tmp_path: Path) -> None:
    packed = tmp_path / "day.zip"
    with zipfile.ZipFile(packed, "w") as file:
        for path in DAY.iterdir():
            file.write(path, f"day/{path.name}")
    archive = bf.load_archive(f"zip://day/*.json::{packed}")
    assert archive.counts == bf.load_archive(DAY).counts
    assert archive.status["path"][0] == f"zip://day/{min(p.name for p in DAY.iterdir())}::{packed}"
    assert names(archive.status["path"][0]) == [archive.status["path"][0]]


def test_a_password_is_never_shown() -> None:
    status = bf.load_archive("nosuchstore://me:secret@host/a.json").status
    assert status["path"].tolist() == ["nosuchstore://me:•••@host/a.json"]
    assert "secret" not in status.to_csv()


def test_a_store_that_does_not_answer_is_not_a_file_that_is_missing() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/a.json"
        (reason,) = bf.load_archive(url).status["reason"]
    assert reason.startswith("the store said: Cannot connect")


@pytest.mark.usefixtures("memory")
def test_the_verbs_read_urls(cli: Run) -> None:
    told = cli("timeline", "--json", "memory://day").document("timeline")
    assert told["counts"]["files"] == 11
    assert cli("find", "ops", "memory://day").code == 0
    done = cli("timeline", "memory://nosuch")
    assert (done.code, done.line) == (3, "bmux-forensics: memory://nosuch: no such file")


@pytest.mark.parametrize("where", ["{tmp}/new/out", "file://{tmp}/new/out", "memory://out"])
def test_writing_again_gives_the_same(where: str, tmp_path: Path) -> None:
    target = Destination(where.format(tmp=tmp_path))
    assert target.get("day=1/a.bin") is None
    first = target.put("day=1/a.bin", b"one")
    assert target.put("day=1/a.bin", b"two") == first == target.place("day=1/a.bin")
    assert target.get("day=1/a.bin") == b"two"
    if not target.is_remote:
        assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["a.bin"]
    for name in ("", "/etc/x", "../x", "a/../../x", "a\0b"):
        with pytest.raises(UsageError, match="expected a name inside it"):
            target.put(name, b"")


def test_what_can_not_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for where in (tmp_path / "file", f"{tmp_path}/file/below", "nosuchstore://x"):
        with pytest.raises(WriteError, match="write elsewhere"):
            Destination(where).put("a.bin", b"x")
    with pytest.raises(FileUnreadableError, match="nosuchstore"):
        Destination("nosuchstore://x").get("a.bin")
    (tmp_path / "taken" / "a.bin").mkdir(parents=True)
    with pytest.raises(WriteError):
        Destination(tmp_path / "taken").put("a.bin", b"x")
    assert [p.name for p in (tmp_path / "taken").iterdir()] == ["a.bin"]
