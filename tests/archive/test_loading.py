"""Finding and loading: what is a file, when it was captured, and that nothing gets lost."""

from __future__ import annotations

import gzip
import lzma
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

import bmux_forensics as bf
from bmux_forensics.archive.chunks import BYTES, chunked, workers_for
from bmux_forensics.archive.finding import Found, find_files
from bmux_forensics.archive.moments import host_in, host_pattern, moment_in, zone
from bmux_forensics.errors import UsageError
from bmux_forensics.tables.build import Tables
from tests.cli.conftest import Run, Terminal

from .days import Host

SAMPLES = Path(__file__).parents[2] / "sample_snapshots"
ONE = SAMPLES / "alpha4-day" / "bmux-snapshot-v1.20261122T115637Z.json"
COLUMNS = ["path", "captured_at", "host", "size", "sha256", "status", "reason"]


def names(*paths: object) -> list[str]:
    return [file.name for file in find_files([str(p) for p in paths])]


def test_argument_order_then_path_each_once(tmp_path: Path) -> None:
    for name in ("b/2.json", "b/1.json.gz", "b/c/0.json", "a.json", "b/.hid.json", "b/notes.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "b" / ".old").mkdir()
    (tmp_path / "b" / ".old" / "3.json").write_bytes(b"x")
    b = tmp_path / "b"
    inside = [str(b / n) for n in ("1.json.gz", "2.json", "c/0.json")]
    assert names(b, tmp_path / "a.json", b / "2.json") == [*inside, str(tmp_path / "a.json")]
    assert names(tmp_path / "a.json", b)[0] == str(tmp_path / "a.json")
    assert names(tmp_path / "**" / "*.json") == [
        str(tmp_path / "a.json"), str(b / "2.json"), str(b / "c/0.json")
    ]  # fmt: skip
    assert names(b / "notes.md") == [str(b / "notes.md")]


def test_a_name_with_wildcards_in_it_is_itself(tmp_path: Path) -> None:
    for name in ("s[1].json", "s1.json", "*.json"):
        (tmp_path / name).write_bytes(ONE.read_bytes())
    assert names(tmp_path / "s[1].json", tmp_path / "*.json") == [
        str(tmp_path / "s[1].json"),
        str(tmp_path / "*.json"),
    ]


def test_hostile_names_stay_different_files(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    for name in (b"caf\xe9.json", b"caf\\xe9.json", b"a\nb.json", b"-.json"):
        Path(os.fsdecode(folder + b"/" + name)).write_bytes(ONE.read_bytes())
    archive = bf.load_archive(tmp_path)
    assert archive.counts["loaded"] == 4
    assert archive.status["path"].is_unique
    assert len(archive.table("sessions")) == 4 * 5


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("bmux-snapshot-v1.20261122T115610Z.json", "2026-11-22T11:56:10+00:00"),
        ("20261122T115610.5Z.json", "2026-11-22T11:56:10.500000+00:00"),
        ("s.20261122T115610.2.json", "2026-11-22T09:56:10+00:00"),
        ("2026-11-22T11:56:10Z.json.gz", "2026-11-22T11:56:10+00:00"),
        ("2026-11-22_11-56-10.json", "2026-11-22T09:56:10+00:00"),
        ("v20250101T000000Z-20261122T115610Z.json", "2026-11-22T11:56:10+00:00"),
        ("20261122115610.json", "2026-11-22T09:56:10+00:00"),
        ("00010101T000000.json", None),
        ("20261322T115610Z.json", None),
        ("120261122T115610Z.json", None),
        ("2026-11-22.json", None),
        ("bmux-snapshot-v1.json", None),
    ],
)
def test_the_moment_in_a_name(name: str, moment: str | None) -> None:
    found = moment_in(name, zone("+02:00"))
    assert found == (datetime.fromisoformat(moment) if moment else None)


@given(st.text())
def test_no_name_breaks_the_moment(name: str) -> None:
    found = moment_in(name, zone("Europe/Berlin"))
    assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize("name", ["Mars/Base", "", "/etc", "..", "+99:99", "a\0b", "\udce9"])
def test_a_zone_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"^time zone: expected a name like Europe/Berlin"):
        zone(name)


def test_the_host_in_a_path() -> None:
    pattern = host_pattern("b/{host}-*.json")
    assert host_in("a/b/web-1-20.json", pattern) == "web-1"
    assert host_in("ab/web-1.json", pattern) is None
    with pytest.raises(UsageError, match=r"once"):
        host_pattern("{host}/{host}")


@pytest.mark.parametrize(
    ("pattern", "path", "host"),
    [
        ("*-{host}.json", "x/a-b-c.json", "b-c"),
        ("*-{host}-*.json", "a-b-c.json-d", "b"),
        ("**/{host}-*-*.gz", "day/h-1-2.gz", "h"),
        ("*/*-{host}/", "x/a-h/b", "h"),
        ("*{host}", "abc", "abc"),
        ("x*x{host}", "xaybz", None),
    ],
)
def test_a_star_takes_as_little_as_can_be(pattern: str, path: str, host: str | None) -> None:
    assert host_in(path, host_pattern(pattern)) == host


def test_no_name_makes_a_pattern_of_many_stars_try_every_way() -> None:
    assert host_in("a" * 255, host_pattern("*a" * 40 + "{host}" + "*b" * 40)) is None


def test_compressed_copies_are_the_same_snapshot(tmp_path: Path) -> None:
    raw = ONE.read_bytes()
    packed = {
        "a.json": raw,
        "b.json.gz": gzip.compress(raw),
        "c.xz": lzma.compress(raw),
        "d.zst": zstandard.compress(raw),
    }
    for name, data in packed.items():
        (tmp_path / name).write_bytes(data)
        os.utime(tmp_path / name, (1_700_000_000, 1_700_000_000))
    status = bf.load_archive(tmp_path).status
    assert set(status["sha256"]) == {bf.open_snapshot(ONE).sha256}
    assert status["size"].tolist() == [len(raw)] * 4
    assert set(status["captured_at"]) == {pd.Timestamp(1_700_000_000, unit="s", tz="UTC")}


def _mixed(folder: Path) -> bf.Archive:
    folder.mkdir()
    raw = ONE.read_bytes()
    for i in range(260):
        (folder / f"{i:03}.json").write_bytes(raw if i % 13 else raw[:i])
    (folder / "999.json.gz").write_bytes(gzip.compress(raw)[:-9])
    (folder / "loop.json").symlink_to("loop.json")
    os.mkfifo(folder / "pipe.json")
    return bf.load_archive(folder, folder / "gone.json", jobs=1)


def test_one_row_a_file_and_the_counts_add_up(tmp_path: Path) -> None:
    archive = _mixed(tmp_path / "d")
    status = archive.status
    assert status.columns.tolist() == COLUMNS
    assert archive.counts == {"files": 264, "loaded": 240, "damaged": 20, "unreadable": 4}
    assert status["path"].tolist() == [file.name for file in archive.files]
    assert status.loc[status["status"] == "loaded", "reason"].isna().all()
    assert status.loc[status["status"] != "loaded", "reason"].str.len().min() > 5
    assert not status["reason"].str.contains(str(tmp_path), regex=False).any()
    assert status.loc[status["status"] == "unreadable", "sha256"].isna().all()


def test_batches_are_the_tables_of_the_same_files(tmp_path: Path) -> None:
    archive = _mixed(tmp_path / "d")
    sizes = [len(batch.files) for batch in archive.batches("sessions")]
    assert sizes == [100, 100, 64]
    whole = archive.table("panes")
    good = [path for path, s in zip(archive.status["path"], archive.status["status"], strict=True)
            if s != "unreadable"]  # fmt: skip
    pd.testing.assert_frame_equal(whole, bf.load_tables(*good)["panes"])


def test_workers_give_the_same_tables() -> None:
    progress: list[tuple[int, int]] = []
    alone = bf.load_archive(SAMPLES, jobs=1)
    spread = bf.load_archive(SAMPLES, jobs=2, on_progress=lambda *at: progress.append(at))
    ones, others = list(alone), list(spread)
    direct = bf.load_tables(*alone.status["path"])
    for one, other in zip(ones, others, strict=True):
        assert list(one) == list(other) == list(direct)
        for name in one:
            pd.testing.assert_frame_equal(one[name], other[name])
            if name != "snapshots":
                pd.testing.assert_frame_equal(one[name], direct[name])
        keys = {(0, 0)}
        pd.testing.assert_frame_equal(one.under("panes", keys), direct.under("panes", keys))
    assert progress == [(19, 19)]
    pd.testing.assert_frame_equal(alone.status, spread.status)
    assert bf.session_status(ones[0]).equals(bf.session_status(direct))


def test_progress_is_shown_on_a_terminal_and_cleared(
    run: Run, terminal: Callable[..., Terminal], tmp_path: Path
) -> None:
    raw = next(SAMPLES.glob("*-day/*.json")).read_bytes()
    for number in range(101):
        (tmp_path / f"{number:03}.json").write_bytes(raw)
    screen = terminal("find", "tab-1", tmp_path, "--jobs", "1", env={"NO_COLOR": "1"})
    assert screen.finish() == 0
    assert screen.shown.startswith("\r\x1b[K100 of 101 files\r\x1b[K")
    quiet = terminal("find", "tab-1", tmp_path, "--quiet", env={"NO_COLOR": "1"})
    assert quiet.finish() == 0
    assert "\x1b" not in quiet.shown
    alone = terminal("find", "tab-1", tmp_path / "000.json", env={"NO_COLOR": "1"})
    assert alone.finish() == 0
    assert "\x1b" not in alone.shown  # nothing was shown that would have to be cleared
    assert run("find", "tab-1", tmp_path).err == ""


def fall(tables: Tables) -> int:
    """End the worker on a batch that holds a certain snapshot."""
    if any(s.name.endswith(("fatal.json", "0150.json")) for s in tables.snapshots):
        marker = Path(tables.snapshots[0].name).parent / "fell"
        fatal = any(s.name.endswith("fatal.json") for s in tables.snapshots)
        if fatal or not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return len(tables.snapshots)


@pytest.mark.parametrize(("last", "answers", "lost"), [("0399", 4, 0), ("fatal", 3, 100)])
def test_a_worker_that_dies_loses_only_what_kills_it(
    tmp_path: Path, last: str, answers: int, lost: int
) -> None:
    for name in (*(f"{i:04}" for i in range(399)), last):
        (tmp_path / f"{name}.json").write_bytes(b"{}")
    archive = bf.load_archive(tmp_path, jobs=2)
    assert list(archive.ask(fall)) == [100] * answers
    assert archive.counts["unreadable"] == lost
    assert archive.counts["damaged"] == 400 - lost


def test_large_files_make_small_chunks() -> None:
    big = [Found(str(i), str(i), size=BYTES // 2) for i in range(5)]
    assert [len(chunk) for chunk in chunked(big)] == [2, 2, 1]
    assert list(chunked([])) == []
    assert workers_for(big[:1], None) == 1
    assert workers_for([Found("-", "-")], 8) == 1


def test_reading_makes_nothing(tmp_path: Path) -> None:
    host = Host(1)
    host.live(3)
    host.save(tmp_path / "a")
    before = sorted(tmp_path.rglob("*"))
    bf.timeline(tmp_path)
    bf.find("s-", tmp_path)
    bf.load_archive(tmp_path).table("sessions")
    assert sorted(tmp_path.rglob("*")) == before


def test_an_archive_of_nothing_and_wrong_questions(tmp_path: Path) -> None:
    archive = bf.load_archive(tmp_path)
    assert archive.counts == {"files": 0, "loaded": 0, "damaged": 0, "unreadable": 0}
    assert archive.status.dtypes.equals(bf.load_archive(ONE).status.dtypes)
    assert (
        archive.table("panes")
        .dtypes.drop("snapshot")
        .equals(bf.load_archive(ONE).table("panes").dtypes.drop("snapshot"))
    )
    with pytest.raises(UsageError, match="no table 'nosuch'"):
        archive.batches("nosuch")
    with pytest.raises(UsageError, match="jobs: expected at least 1, found 0"):
        bf.load_archive(ONE, jobs=0)


def test_a_program_that_cannot_be_started_anew_is_told_so(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        f"import bmux_forensics as bf\nprint(bf.load_archive({str(SAMPLES)!r}, jobs=2).counts)\n"
    )
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == (
        "bmux_forensics.errors.UsageError: worker processes: expected a program file, its work "
        'below `if __name__ == "__main__":`, found none that starts; write it so, or say jobs=1'
    )
