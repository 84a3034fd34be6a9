"""The timeline of histories whose truth is known."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import bmux_forensics as bf
from bmux_forensics.analysis.timeline import EVENTS
from tests.cli.conftest import Run
from tests.worlds import World, pane, part, runtime, session

from .days import Host, Session, raw_of

SAMPLES = Path(__file__).parents[2] / "sample_snapshots"
A, P, Q = (f"{n * 8}-0000-4000-8000-000000000000" for n in "abc")

STORIES = {
    "alpha4-day": """
        11:56:10 appeared tab-1
        11:56:15 gained panes tab-1
        11:56:18 appeared tab-2
        11:56:27 appeared tab-3
        11:56:37 appeared naïve ☃
        11:56:37 appeared ops
        11:56:37 command changed tab-3
        11:56:38 vanished ops
        11:56:49 server restart -
        11:56:50 appeared again
    """,
    "alpha1-day": """
        11:39:39 appeared tab-1
        11:39:42 gained panes tab-1
        11:39:53 command changed tab-1
        11:39:56 appeared tab-2
        11:40:01 appeared tab-3
        11:40:07 appeared naïve ☃
        11:40:07 appeared ops
        11:40:12 server restart -
    """,
}


@pytest.mark.parametrize("day", STORIES)
def test_the_sample_days_tell_their_story_and_nothing_more(day: str) -> None:
    events = bf.timeline(SAMPLES / day)
    told = events[events["subject"] != "context"]
    lines = [
        f"{at:%H:%M:%S} {event} {'-' if pd.isna(name) else name}"
        for at, event, name in zip(told["captured_at"], told["event"], told["name"], strict=True)
    ]
    assert lines == [line.strip() for line in STORIES[day].strip().splitlines()]
    contexts = events[events["subject"] == "context"]
    assert contexts["event"].tolist() == ["appeared"] * 3
    assert contexts["name"].tolist() == ["tab-1", "tab-2", "tab-3"]
    assert events["previous"].isna().tolist()[:3] == [True, True, False]


def test_a_session_killed_and_restored_came_back(tmp_path: Path) -> None:
    day = SAMPLES / "alpha4-day" / "bmux-snapshot-v1.20261122T"
    before, after = (Path(f"{day}{t}Z.json").read_bytes() for t in ("115637", "115638"))
    for moment, raw in (("01", before), ("02", after), ("03", before), ("04", after)):
        (tmp_path / f"snap.202611220000{moment}Z.json").write_bytes(raw)
    events = bf.timeline(tmp_path)
    ops = events[events["name"] == "ops"]
    assert ops["event"].tolist() == ["appeared", "vanished", "came back", "vanished"]
    back = ops.iloc[2]
    assert (Path(back["snapshot"]).name, Path(back["previous"]).name) == (
        "snap.20261122000003Z.json",
        "snap.20261122000002Z.json",
    )
    assert events.loc[events["name"] != "ops", "event"].tolist() == ["appeared"] * 7


def _told(events: pd.DataFrame, paths: list[Path]) -> list[tuple[object, ...]]:
    number = {str(path): i for i, path in enumerate(paths)}
    columns = ("event", "subject", "session_id", "context_id")
    rows = zip(events["snapshot"], *(events[c] for c in columns), strict=True)
    return sorted(
        (
            (number[snapshot], *(None if pd.isna(v) else v for v in values))
            for snapshot, *values in rows
        ),
        key=repr,
    )


@pytest.mark.parametrize("seed", range(2))
def test_a_generated_history_is_told_exactly(seed: int, tmp_path: Path) -> None:
    host = Host(seed)
    host.live(150)
    paths = host.save(tmp_path / "web")
    archive = bf.load_archive(tmp_path, jobs=1)
    events = bf.timeline(archive)
    assert archive.counts == {"files": 150, "loaded": 150, "damaged": 0, "unreadable": 0}
    assert _told(events, paths) == sorted(host.events, key=repr)
    assert events["captured_at"].is_monotonic_increasing
    assert set(EVENTS) == set(events["event"])


def test_damaged_files_between_good_ones_prove_nothing(tmp_path: Path) -> None:
    host = Host(7)
    host.live(40)
    paths = host.save(tmp_path)
    whole = bf.timeline(tmp_path)
    for i, path in enumerate(paths[::5]):
        later = path.with_name(path.name.replace("0000Z", "3000Z"))
        raw = path.read_bytes()
        swollen = raw.replace(b'"bytes": [', b'"bytes": [1,', 1)
        later.write_bytes([b"", raw[: len(raw) // 2], swollen][i % 3])
    archive = bf.load_archive(tmp_path)
    pd.testing.assert_frame_equal(bf.timeline(archive), whole)
    assert archive.counts == {"files": 48, "loaded": 40, "damaged": 8, "unreadable": 0}


def test_hosts_are_histories_of_their_own(tmp_path: Path) -> None:
    hosts = {name: Host(seed) for seed, name in enumerate(("db", "web"), 20)}
    paths: dict[str, list[Path]] = {}
    for name, host in hosts.items():
        host.live(30)
        paths[name] = host.save(tmp_path / name)
    events = bf.timeline(tmp_path, host_pattern="{host}/bmux-")
    for name, host in hosts.items():
        own = events[events["host"] == name]
        assert _told(own, paths[name]) == sorted(host.events, key=repr)
    assert set(events["host"]) == set(hosts)


def _story(folder: Path, *days: dict[str, Session]) -> pd.DataFrame:
    for i, day in enumerate(days):
        (folder / f"s.2026010100000{i}Z.json.gz").write_bytes(gzip.compress(raw_of(day)))
    return bf.timeline(folder)


def test_a_session_without_panes_is_an_orphan(tmp_path: Path) -> None:
    one = Session("one", None, bound=False, panes={P: (2_000_000_001, None)})
    events = _story(tmp_path, {A: one}, {A: replace(one, panes={})}, {A: one}, {})
    assert events["event"].tolist() == ["appeared", "orphaned", "gained panes", "vanished"]
    assert [events[name].tolist()[1] for name in ("old", "new", "count")] == ["1", "0", 1]


def test_a_pane_row_that_nothing_lists_is_an_orphan_until_it_goes(tmp_path: Path) -> None:
    row = runtime(A, pane(P, 2_000_000_001))
    worlds = [
        World((part("sessions", listed), part("panes", {"sessions": rows}, 2)))
        for listed, rows in (([session(A, "one")], [row]), ([], [row]), ([], []))
    ]
    for i, one in enumerate((*worlds, worlds[0])):
        (tmp_path / f"s.2026010100000{i}Z.json").write_bytes(one.raw)
    archive = bf.load_archive(tmp_path)
    events = bf.timeline(archive)
    assert events["event"].tolist() == ["appeared", "orphaned", "vanished", "came back"]
    assert set(events["session_id"]) == {A}
    assert archive.counts["loaded"] == 4


def test_one_pane_of_two_with_another_group_is_no_restart(tmp_path: Path) -> None:
    groups = {P: (2_000_000_001, None), Q: (2_000_000_002, None)}
    one = Session("one", None, bound=False, panes=dict(groups))
    other = replace(one, panes={**one.panes, P: (2_000_000_003, None)})
    both = replace(one, panes={P: (2_000_000_004, None), Q: (2_000_000_005, None)})
    events = _story(tmp_path, {A: one}, {A: other}, {A: both})
    assert events["event"].tolist() == ["appeared", "server restart"]
    assert events["count"].tolist()[1] == 2


def test_nothing_to_tell_has_the_same_columns(tmp_path: Path) -> None:
    full, empty = bf.timeline(SAMPLES), bf.timeline(bf.load_archive(tmp_path))
    assert not len(empty)
    assert empty.dtypes.to_dict() == full.dtypes.to_dict()


def test_the_verb(cli: Run, tmp_path: Path) -> None:
    told = cli("timeline", "--json", SAMPLES / "alpha4-day").document("timeline")
    assert (told["exit_code"], told["error"], told["not_loaded"]) == (0, None, [])
    assert told["counts"]["files"] == len({e["snapshot"] for e in told["events"]}) + 3
    assert cli("timeline", SAMPLES).out.splitlines()[0].split("\t") == [
        "captured_at", "event", "subject", "name", "detail"
    ]  # fmt: skip
    done = cli("timeline", SAMPLES, "--host", "{host}-day/", "-o", tmp_path / "t.parquet",
               "--format", "parquet")  # fmt: skip
    assert (done.code, done.out, done.err) == (0, "", "")
    assert set(pd.read_parquet(tmp_path / "t.parquet")["host"]) == {"alpha1", "alpha4"}


def test_what_the_verb_refuses(cli: Run, tmp_path: Path) -> None:
    cases: dict[tuple[object, ...], tuple[int, str]] = {
        ("timeline", "gone.json"): (3, "gone.json: no such file"),
        ("timeline", "x*.json"): (3, "x*.json: no file matches"),
        ("timeline", tmp_path): (3, "no snapshots there"),
        ("timeline",): (3, "no bmux snapshot on this machine"),
        ("timeline", SAMPLES, "--tz", "Mars/Base"): (2, "'Mars/Base'"),
        ("timeline", SAMPLES, "--host", "x"): (2, "{host} in it, once"),
        ("timeline", SAMPLES, "--json", "--format", "csv"): (2, "one of them"),
        ("timeline", SAMPLES, "--format", "parquet"): (2, "add -o FILE"),
    }
    for arguments, (code, text) in cases.items():
        done = cli(*arguments)
        assert (done.code, done.out if "--json" not in arguments else "") == (code, "")
        assert text in done.line
    told = cli("timeline", "gone.json", "--json").document("timeline")
    assert told["error"]["kind"] == "no-such-file"


def test_a_bad_file_among_good_ones_leaves_it_partly_done(cli: Run, tmp_path: Path) -> None:
    (tmp_path / "torn.json").write_bytes(b"{")
    done = cli("timeline", SAMPLES / "alpha4-day", tmp_path / "torn.json")
    assert done.code == 5
    assert done.line.startswith(f"bmux-forensics: {tmp_path / 'torn.json'}: ")
    alone = cli("timeline", tmp_path / "torn.json")
    assert (alone.code, alone.out) == (3, "")
    told = cli("timeline", "--json", SAMPLES, tmp_path, "gone").document("timeline")
    assert [(f["path"], f["status"]) for f in told["not_loaded"]] == [
        (str(tmp_path / "torn.json"), "damaged"),
        ("gone", "unreadable"),
    ]
    assert told["counts"] == {"files": 21, "loaded": 19, "damaged": 1, "unreadable": 1}
    assert told["error"]["kind"] == "partly-done"
