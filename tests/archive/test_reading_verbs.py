"""`tables` and `info` over folders, globs, compressed copies and URLs."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import fsspec
import pandas as pd
import pytest

import bmux_forensics as bf
from tests.actions.scenes import ROOT, below, save, world
from tests.cli.conftest import Run, Terminal
from tests.worlds import SECRET

SAMPLES = ROOT / "sample_snapshots"
DAY = SAMPLES / "alpha4-day"
Open = Callable[..., Terminal]


@pytest.mark.parametrize("form", ["csv", "json", "jsonl", "parquet"])
def test_a_table_of_a_folder_is_that_of_its_files(form: str, cli: Run, tmp_path: Path) -> None:
    outputs = [tmp_path / f"{name}.{form}" for name in ("folder", "glob")]
    for output, path in zip(outputs, (SAMPLES, f"{SAMPLES}/*/*.json"), strict=True):
        done = cli("tables", path, "-t", "panes", "--format", form, "-o", output, "--jobs", 2)
        assert (done.code, done.out, done.err) == (0, "", "")
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    expected = bf.load_archive(SAMPLES, jobs=1).table("panes")
    if form == "parquet":
        assert pd.read_parquet(outputs[0])["pane_id"].tolist() == expected["pane_id"].tolist()
    else:
        assert (
            outputs[0].read_text().count(str(DAY))
            == (expected["snapshot"].str.startswith(str(DAY))).sum()
        )
    again = cli("tables", SAMPLES, "-t", "panes", "-o", outputs[0])
    assert (again.code, "add --overwrite" in again.line) == (2, True)


def test_every_table_of_a_folder_is_read_in_one_go(cli: Run) -> None:
    told = cli("tables", DAY, "--json").document("tables")
    assert told["counts"] == {"files": 11, "loaded": 11, "damaged": 0, "unreadable": 0}
    assert told["not_loaded"] == []
    one_by_one = bf.load_archive(DAY, jobs=1)
    for name in bf.Tables(()):
        assert told["tables"][name] == bf.records(one_by_one.table(name)), name
    few = cli("tables", DAY, "--json", "-t", "sessions", "-t", "sessions").document("tables")
    assert few["tables"] == {"sessions": told["tables"]["sessions"]}


def test_the_list_counts_over_all_files(cli: Run) -> None:
    rows = [line.split("\t")[:2] for line in cli("tables", SAMPLES).out.splitlines()[1:]]
    archive = bf.load_archive(SAMPLES, jobs=1)
    assert rows == [
        *([name, str(len(archive.table(name)))] for name in bf.Tables(())),
        ["files", "19"],
    ]
    assert "files" in cli("tables", SAMPLES, "-t", "frobs").line


def test_when_and_where_are_asked_of_the_names(cli: Run, tmp_path: Path) -> None:
    save(tmp_path / "in" / "athens" / "s.20261122T120000.json", world().raw)
    save(tmp_path / "in" / "berlin" / "s.20261122T120000.json.gz", gzip.compress(world().raw))
    options = ("--tz", "+02:00", "--host", "in/{host}/", "--format", "json")
    rows = json.loads(cli("tables", "in", "-t", "files", *options).out)
    assert [row["host"] for row in rows] == ["athens", "berlin"]
    assert {row["captured_at"] for row in rows} == {"2026-11-22T10:00:00Z"}
    # One file is asked the same things when they are asked of it.
    one = cli("tables", "in/athens/s.20261122T120000.json", "-t", "snapshots", *options).out
    assert json.loads(one)[0]["saved_at"] == "2026-11-22T10:00:00Z"
    assert cli("tables", "in", "--tz", "Nowhere").code == 2


def test_a_store_has_tables_too(cli: Run) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/tabled/a.json", world().raw)
    memory.pipe_file("/tabled/b.json.gz", gzip.compress(world().raw))
    done = cli("tables", "memory://tabled", "-t", "sessions")
    assert (done.code, len(done.out.splitlines())) == (0, 1 + 2 * 5)
    told = cli("info", "memory://tabled", "--json").document("info")["snapshots"]
    assert [one["name"] for one in told] == ["memory://tabled/a.json", "memory://tabled/b.json.gz"]
    assert {one["sha256"] for one in told} == {world().snapshot().sha256}
    memory.rm("/tabled", recursive=True)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Give a folder of a sound file, a torn one, a hidden one and one that is none."""
    save(tmp_path / "in" / "b-good.json", world().raw)
    save(tmp_path / "in" / "a-torn.json", b"{")
    save(tmp_path / "in" / ".hidden.json", b"{")
    save(tmp_path / "in" / "c-packed.gz", b"\x1f\x8b no gzip")
    return tmp_path / "in"


def test_bad_files_are_told_and_the_others_have_rows(cli: Run, mixed: Path) -> None:
    done = cli("tables", "in", "-t", "sessions", "--json")
    told = done.document("tables")
    assert done.code == 5
    assert told["error"]["kind"] == "partly-done"
    assert told["counts"] == {"files": 3, "loaded": 1, "damaged": 1, "unreadable": 1}
    assert [row["path"] for row in told["not_loaded"]] == ["in/a-torn.json", "in/c-packed.gz"]
    assert {row["snapshot"] for row in told["tables"]["sessions"]} == {"in/b-good.json"}
    assert [line.split(": ")[1] for line in done.err.splitlines()] == [
        "in/a-torn.json",
        "in/c-packed.gz",
    ]
    assert cli("tables", "in").code == 5
    (mixed / "b-good.json").unlink()
    nothing = cli("tables", "in", "-t", "sessions", "--json")
    assert (nothing.code, nothing.document("tables")["tables"]) == (3, {})
    assert cli("tables", "in", "-t", "files").code == 5  # what became of them can be told


@pytest.mark.parametrize("verb", ["tables", "info"])
@pytest.mark.parametrize(
    ("path", "says"), [("empty", "no snapshots"), ("*.xyz", "no file matches")]
)
def test_nothing_there(verb: str, path: str, says: str, cli: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = cli(verb, path)
    assert (done.code, done.out, says in done.line) == (3, "", True)
    assert cli(verb, path, "--json").document(verb)["error"]["kind"] == "no-such-file"
    assert below(tmp_path) == ["empty"]


def test_nothing_that_is_read_is_the_output(cli: Run, tmp_path: Path) -> None:
    inner = save(tmp_path / "in" / "deep" / "a.json", world().raw)
    done = cli("tables", "in", "-t", "panes", "-o", inner, "--overwrite")
    assert (done.code, inner.read_bytes()) == (2, world().raw)


def test_environment_values_of_a_folder_are_masked(cli: Run, tmp_path: Path) -> None:
    save(tmp_path / "in" / "a.json", world().raw)
    assert SECRET not in cli("tables", "in", "--json").out
    assert SECRET in cli("tables", "in", "--json", "--show-env").out


def test_info_has_a_block_for_each_in_the_order_of_an_archive(cli: Run) -> None:
    names = [file.name for file in bf.load_archive(SAMPLES, jobs=1).files]
    done = cli("info", SAMPLES)
    assert (done.code, done.err) == (0, "")
    blocks = done.out.split("\n\nsnapshot  ")
    assert [block.splitlines()[0].removeprefix("snapshot  ") for block in blocks] == names
    told = cli("info", f"{DAY}/*.json", "--json").document("info")["snapshots"]
    day = sorted(map(str, DAY.glob("*.json")))
    assert [one["name"] for one in told] == day
    assert told == cli("info", *day, "--json").document("info")["snapshots"]


def test_info_of_bad_files_among_good_ones(cli: Run, mixed: Path) -> None:
    done = cli("info", "in")
    assert mixed.is_dir()
    assert done.code == 3
    heads = [line for line in done.out.splitlines() if line.startswith("snapshot")]
    assert heads == ["snapshot  in/a-torn.json", "snapshot  in/b-good.json"]
    assert "problem: in/a-torn.json: " in done.out
    assert done.err.startswith("bmux-forensics: in/c-packed.gz: ")


def test_progress_is_told_at_a_terminal_alone(terminal: Open, run: Run, tmp_path: Path) -> None:
    for number in range(130):
        save(tmp_path / "in" / f"{number:03}.json", world().raw)
    for options, is_told in (((), True), (("--quiet",), False)):
        screen = terminal("tables", "in", "-t", "workspaces", "--jobs", 1, *options)
        assert screen.finish() == 0
        assert ("100 of 130 files" in screen.shown) is is_told
    done = run("tables", "in", "-t", "workspaces", "--jobs", 1)
    assert (done.code, done.err) == (0, "")
