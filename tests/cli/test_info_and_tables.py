"""`info` and `tables`: every form of output, and the files they make."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings

import bmux_forensics as bf
from bmux_forensics.errors import printable
from tests.actions.scenes import ALPHA, EVIL_NAME, PGIDS, ROOT, Trace, below, save, world
from tests.worlds import SECRET, World, hostile_worlds, part, session

from .conftest import Run

SAMPLES = sorted((ROOT / "sample_snapshots").glob("*/*.json"))


def test_info_says_what_it_is(cli: Run, snapshot: Path) -> None:
    done = cli("info", snapshot)
    assert (done.code, done.err) == (0, "")
    opened = bf.open_snapshot(snapshot)
    assert f"sha256    {opened.sha256}\n" in done.out
    assert "envelope  version 1, checksum fits the sections\n" in done.out
    assert "bmux.sessions/session-manager\t1\t" in done.out
    assert f"{ALPHA}\talpha\n" in done.out
    told = cli("info", "--json", snapshot).document("info")["snapshots"][0]
    assert told["saved_at"] == "2023-11-14T22:13:20.123457Z"
    assert [s["name"] for s in told["sessions"]] == ["alpha", "twin", "twin", "-dash", EVIL_NAME]


def test_every_sample_is_shown(cli: Run) -> None:
    assert len(SAMPLES) >= 19
    told = cli("info", "--json", *SAMPLES).document("info")
    assert [s["name"] for s in told["snapshots"]] == list(map(str, SAMPLES))
    assert cli("tables", "--json", *SAMPLES[-3:]).document("tables")["tables"]["sessions"]


def test_compressed_copies_and_standard_input(cli: Run, run: Run, tmp_path: Path) -> None:
    copy = save(tmp_path / "copy.gz", gzip.compress(world().raw))
    told = cli("info", "--json", copy).document("info")
    assert told["snapshots"][0]["sha256"] == world().snapshot().sha256
    done = run("info", "-", feed=world().raw.decode())
    assert (done.code, done.out.splitlines()[0]) == (0, "snapshot  -")
    assert "saved " not in done.out


def test_no_path_means_bmuxs_own(cli: Run, own: Path) -> None:
    assert cli("info").out.startswith(f"snapshot  {own}\n")
    rows = cli("tables", "-t", "sessions").out.splitlines()
    assert len(rows) == 1 + 5


def test_a_list_of_tables(cli: Run, snapshot: Path) -> None:
    done = cli("tables", snapshot)
    assert done.out.startswith("table\trows\ta row is\nsnapshots\t1\t")
    assert "\nsessions\t5\t" in done.out
    names = [line.split("\t")[0] for line in done.out.splitlines()[1:]]
    assert names == list(bf.load_tables(snapshot))
    assert "no table" in cli("tables", "-t", "frobs", snapshot).line


@pytest.mark.parametrize("form", ["csv", "json", "jsonl", "parquet"])
def test_every_form_of_a_table(form: str, cli: Run, snapshot: Path, tmp_path: Path) -> None:
    before = Trace.of(snapshot)
    output = tmp_path / f"out.{form}"
    done = cli("tables", "-t", "panes", "--format", form, "-o", output, snapshot)
    assert (done.code, done.out, done.err) == (0, "", "")
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        "csv": pd.read_csv,
        "json": pd.read_json,
        "jsonl": lambda path: pd.read_json(path, lines=True),
        "parquet": pd.read_parquet,
    }
    assert readers[form](output)["pgid"].tolist() == list(PGIDS)
    if form != "parquet":
        assert cli("tables", "-t", "panes", "--format", form, snapshot).out == output.read_text()
    again = cli("tables", "-t", "panes", "--format", form, "-o", output, snapshot)
    assert again.code == 2
    assert "add --overwrite" in again.line
    output.write_bytes(b"x")
    again = cli("tables", "-t", "panes", "--format", form, "-o", output, "--overwrite", snapshot)
    assert (again.code, output.read_bytes()[:1]) != (0, b"x")
    assert Trace.of(snapshot) == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--json", "--format", "csv"], "--json with --format"),
        (["--json", "-o", "out"], "--json with --format or -o"),
        (["--format", "csv"], "one --table"),
        (["-t", "panes", "-t", "sessions", "-o", "out"], "one --table"),
        (["-t", "panes", "--format", "parquet"], "add -o FILE"),
        (["-t", "panes", "--format", "yaml"], "yaml"),
        (["-t", "frobs"], "no table 'frobs'"),
    ],
)
def test_misuse(arguments: list[str], says: str, cli: Run, snapshot: Path, tmp_path: Path) -> None:
    done = cli("tables", *arguments, snapshot)
    assert (done.code, says in done.line) == (2, True)
    assert below(tmp_path) == ["runtime", "runtime/snap.json"]


def test_the_snapshot_is_never_the_output(cli: Run, snapshot: Path, tmp_path: Path) -> None:
    before = Trace.of(snapshot)
    link = tmp_path / "link"
    link.symlink_to(snapshot)
    for output in (snapshot, link):
        done = cli("tables", "-t", "panes", "-o", output, "--overwrite", snapshot)
        assert (done.code, Trace.of(snapshot)) == (2, before)


def test_an_output_that_cannot_be_written(cli: Run, snapshot: Path, tmp_path: Path) -> None:
    for output, extra in ((tmp_path / "no" / "out", ()), (tmp_path, ("--overwrite",))):
        done = cli("tables", "-t", "panes", "-o", output, *extra, snapshot)
        assert done.code == 6
        assert done.line.startswith(f"bmux-forensics: {output}: ")
    assert below(tmp_path) == ["runtime", "runtime/snap.json"]


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1+1", "\r=1", " =1", "plain", "a=1"]


def test_no_cell_of_a_csv_is_a_formula(cli: Run, snapshot: Path) -> None:
    rows = [session(f"{n:08}-0000-4000-8000-000000000000", f) for n, f in enumerate(FORMULAS)]
    save(snapshot, World((part("sessions", rows),)).raw)
    out = cli("tables", "-t", "sessions", "--format", "csv", snapshot).out
    cells = [row["name"] for row in csv.DictReader(io.StringIO(out))]
    assert cells[-2:] == ["plain", "a=1"]
    assert [cell[0] for cell in cells[:-2]] == ["'"] * 7
    assert [cell[1:] for cell in cells[:-2]] == [printable(name) for name in FORMULAS[:-2]]


def test_environment_values_are_masked(cli: Run, snapshot: Path) -> None:
    for arguments in (["--json"], ["-t", "pane_environment"], ["-t", "panes", "--format", "csv"]):
        done = cli("tables", *arguments, snapshot)
        assert (done.code, SECRET in done.out) == (0, False)
    assert SECRET in cli("tables", "-t", "pane_environment", "--show-env", snapshot).out


def test_local_time_on_screen_and_utc_in_data(run: Run, snapshot: Path) -> None:
    done = run("info", snapshot, env={"TZ": "Asia/Kolkata"})
    assert "2023-11-15 03:43:20+05:30" in done.out
    rows = run(
        "tables", "-t", "snapshots", "--format", "json", snapshot, env={"TZ": "Asia/Kolkata"}
    )
    assert json.loads(rows.out)[0]["saved_at"].startswith("2023-11-14T22:13:20")
    assert json.loads(rows.out)[0]["saved_at"].endswith("Z")


@given(hostile_worlds())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_world_is_too_strange_to_show(cli: Run, tmp_path: Path, drawn: World) -> None:
    path = save(tmp_path / "world.json", drawn.raw)
    told = cli("info", "--json", path).document("info")
    done = cli("tables", "--json", path)
    assert done.code in (0, 3)
    assert bool(done.document("tables")["error"]) == bool(told["error"])
    assert cli("info", path).code == done.code
    killed = cli("kill", "--all", "-n", "--json", "--snapshot", path)
    assert killed.code in (0, 3)
    told = killed.document("kill")
    assert bool(told["plan"]) == bool(told["removed_session_ids"])


@pytest.mark.parametrize("verb", ["info", "tables", "kill", "unlock"])
def test_every_verb_explains_itself(verb: str, cli: Run, tmp_path: Path) -> None:
    for flag in ("--help", "-h"):
        done = cli(verb, flag)
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith(f"Usage: bmux-forensics {verb}")
        assert "--json" in done.out
    assert verb in cli("--help").out
    assert below(tmp_path) == []


def test_help_and_version(cli: Run) -> None:
    assert cli("--version").out == f"bmux-forensics, version {bf.__version__}\n"
    done = cli()
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Usage: bmux-forensics")
