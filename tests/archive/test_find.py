"""Which snapshots speak of something: known truths, and what is no match."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

import bmux_forensics as bf
from bmux_forensics.errors import UsageError
from tests.actions.scenes import EVIL_NAME, save, world
from tests.cli.conftest import Run
from tests.worlds import SECRET

from .days import START, Host

SAMPLES = Path(__file__).parents[2] / "sample_snapshots"
DAY = SAMPLES / "alpha4-day"
OPS = "001a81fa-ac16-4c14-9d6b-43b5dba4d53f"


def test_a_command_a_folder_a_session_and_a_pane() -> None:
    for text, what in (("SLEEP 5", "command"), ("user/proj", "folder")):
        found = bf.find(text, DAY, what=what)
        assert found[["name", "count"]].to_numpy().tolist() == [["tab-3", 6]]
        row = found.iloc[0]
        assert f"{row['first_at']:%H%M%S} {row['last_at']:%H%M%S}" == "115637 115652"
        assert [Path(p).name[-12:-6] for p in row["snapshots"]] == [
            "115637", "115638", "115643", "115649", "115650", "115652"
        ]  # fmt: skip
    for text in (OPS, OPS.upper(), OPS[:5], f"{{{OPS}}}"):
        found = bf.find(text, DAY, what="session")
        assert found[["value", "name", "count"]].to_numpy().tolist() == [[OPS, "ops", 1]]
    assert bf.find("f8f7c8", DAY, what="pane")["count"].tolist() == [7]
    assert bf.find("☃", DAY)["value"].tolist() == ["naïve ☃"]


def test_a_generated_history_is_found_exactly(tmp_path: Path) -> None:
    host = Host(3)
    host.live(120)
    paths = [str(path) for path in host.save(tmp_path / "web")]
    changed = [(at, s) for at, event, _, s, _ in host.events if event == "command changed"]
    assert len(changed) > 3
    for at, session_id in changed:
        found = bf.find(f"make {at}", tmp_path, what="command")
        own = found[found["value"] == f"make {at}"].iloc[0]
        assert own["session_id"] == session_id
        assert own["snapshots"][0] == paths[at]
        assert own["first_at"] == pd.Timestamp(START) + pd.Timedelta(hours=at)
        assert own["count"] == len(own["snapshots"])


def test_private_values_are_not_searched(tmp_path: Path) -> None:
    path = save(tmp_path / "snap.json", world().raw)
    assert not len(bf.find(SECRET, path))
    assert bf.find("=cmd", path)["what"].tolist() == ["command"]


def test_nothing_has_the_same_columns() -> None:
    full, empty = bf.find("ops", DAY), bf.find("no such thing", DAY)
    assert not len(empty)
    assert empty.dtypes.to_dict() == full.dtypes.to_dict()
    for text, what in (("", None), ("x", "nosuch"), (os.fsdecode(b"\xe9"), None)):
        with pytest.raises(UsageError, match=r"^find: "):
            bf.find(text, DAY, what=what)


def test_the_verb(cli: Run, tmp_path: Path) -> None:
    told = cli("find", "--json", "ops", DAY).document("find")
    assert [row["count"] for row in told["found"]] == [1]
    done = cli("find", "--session", "ops", SAMPLES, "--host", "{host}-day/")
    assert (done.code, len(done.out.splitlines()), done.err) == (0, 3, "")
    assert cli("find", "--pane", "f8f7", DAY, "--format", "csv").out.count("\n") == 2
    columns, row = (line.split("\t") for line in cli("find", "tab-3", DAY).out.splitlines()[:2])
    last = max(DAY.iterdir())
    assert dict(zip(columns, row, strict=True))["last_snapshot"] == str(last)
    sheet = csv.DictReader(io.StringIO(cli("find", "tab-3", DAY, "--format", "csv").out))
    assert json.loads(next(sheet)["snapshots"])[-1] == str(last)
    none = cli("find", "zzz", DAY)
    assert (none.code, none.out, none.line) == (1, "", "not found: zzz")
    assert cli("find", "--json", "zzz", DAY).document("find")["found"] == []
    evil = save(tmp_path / "evil.json", world().raw)
    shown = cli("find", "red", evil).out
    assert EVIL_NAME not in shown
    assert "\x1b" not in shown


def test_what_the_verb_refuses(cli: Run, tmp_path: Path) -> None:
    cases: dict[tuple[object, ...], tuple[int, str]] = {
        ("find",): (2, "a TEXT, or --session TEXT"),
        ("find", "", DAY): (2, "an empty text"),
        ("find", "--pane", "a", "--session", "b", DAY): (2, "--session and --pane"),
        ("find", "x", tmp_path / "gone.json"): (3, "no such file"),
    }
    for arguments, (code, text) in cases.items():
        done = cli(*arguments)
        assert (done.code, done.out) == (code, "")
        assert text in done.line
    torn = save(tmp_path / "torn.json", b"{")
    assert cli("find", "ops", DAY, torn).code == 5
    nothing = cli("find", "ops", torn)
    assert (nothing.code, nothing.out) == (3, "")
    told = cli("find", "--json", "zzz", DAY, torn).document("find")
    assert told["error"]["kind"] == "partly-done"


def test_an_archive_beside_another_source_is_refused_and_not_left_out(tmp_path: Path) -> None:
    path = save(tmp_path / "a.json", world().raw)
    archive = bf.load_archive(path)
    ask: list[Callable[..., object]] = [
        bf.timeline,
        partial(bf.find, "alpha"),
        partial(bf.clean, all_sessions=True),
        partial(bf.export, output=tmp_path / "out"),
        bf.report,
    ]
    for one in ask:
        for sources in ((archive, path), (archive, archive)):
            with pytest.raises(UsageError, match="an archive beside others"):
                one(*sources)
    assert path.read_bytes() == world().raw
