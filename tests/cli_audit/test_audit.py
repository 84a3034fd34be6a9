"""``audit``: what it says, how it ends, and that it leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import bmux_forensics as bf
from tests.actions.scenes import EVIL_NAME, Trace, below, environment, save
from tests.cli.conftest import Run, Start, Terminal
from tests.worlds import SECRET, World, contexts_tree, pane, part, runtime, session

from .conftest import CASES, NAMES, SAMPLE, SAMPLES, Case, case_bytes

FINDING = [
    "snapshot",
    "rule",
    "severity",
    "table",
    "key",
    "column",
    "value",
    "ref_table",
    "message",
    "fix",
    "section_id",
    "json_pointer",
]
RESTORE = [
    "snapshot",
    "target",
    "server_starts",
    "saves_blocked",
    "sessions_restored",
    "panes_restored",
    "lost_at_next_save",
    "because",
]
A = "aaaaaaaa-0000-4000-8000-00000000000a"
B = "bbbbbbbb-0000-4000-8000-00000000000b"
LOST = "99999999-0000-4000-8000-000000000009"


def broken_and_hostile() -> World:
    """Give a world whose findings quote names that would move a cursor."""
    command = {"program": EVIL_NAME, "args": [], "cwd": EVIL_NAME, "env": {"TOKEN": SECRET}}
    rows = [runtime(A, pane(A, 7, launch_command=command), focused_pane_id=LOST)]
    tabs = {"orders": {LOST: [A, A]}, "pending": {}, EVIL_NAME: 1}
    return World(
        (
            part("sessions", [session(A, EVIL_NAME), session(B, EVIL_NAME)]),
            part("contexts", contexts_tree()),
            part("panes", {"sessions": rows}, 3),
            part("tabs", tabs, 2),
            part("workspaces", [{"id": A, "name": EVIL_NAME}, {"id": B, "name": EVIL_NAME}]),
        )
    )


# --- the documented object ---------------------------------------------------------------------


def test_the_object_has_exactly_the_documented_members(cli: Run, case: Case) -> None:
    done = cli("audit", "--json", "--target", "all", case("focus-and-leaf-missing-same-row"))
    told = done.document("audit")
    assert list(told) == ["schema", "exit_code", "error", "findings", "restore"]
    assert all(list(row) == FINDING for row in told["findings"])
    assert all(list(row) == RESTORE for row in told["restore"])
    assert [row["target"] for row in told["restore"]] == ["alpha4", "alpha1"]


def test_the_recorded_cases_are_told_as_the_servers_had_them(cli: Run) -> None:
    packed = [CASES / f"{name}.json.gz" for name in NAMES]
    told = cli("audit", "--json", "--target", "all", "--fail-on", "never", *packed)
    rows = told.document("audit")["restore"]
    assert [(row["snapshot"], row["target"]) for row in rows] == [
        (str(path), target) for path in packed for target in ("alpha4", "alpha1")
    ]
    for row in rows:
        name = Path(row["snapshot"]).name.removesuffix(".json.gz")
        real = json.loads((CASES / f"{name}.expected.json").read_text())[row["target"]]
        assert row["server_starts"] == real.get("server_starts", True)
        assert row["saves_blocked"] == real.get("saves_blocked", False)
        assert row["sessions_restored"] == real["sessions_restored"]
        assert row["panes_restored"] == real["panes_restored"]
        assert row["because"] == sorted(set(row["because"]))


def test_one_finding_is_told_once_for_all_targets(cli: Run, case: Case) -> None:
    path = case("alpha1-row-without-panes")
    found = {
        target: cli("audit", "--json", "--target", target, path).document("audit")["findings"]
        for target in ("alpha4", "alpha1", "all")
    }
    places = [(f["rule"], f["json_pointer"], f["key"]) for f in found["all"]]
    assert len(places) == len(set(places))
    severity = {
        target: {(f["rule"], f["json_pointer"]): f["severity"] for f in rows}
        for target, rows in found.items()
    }
    assert set(severity["all"]) == set(severity["alpha4"]) | set(severity["alpha1"])
    (place,) = (p for p in severity["alpha4"] if p[0] == "pane-row-without-panes")
    assert [severity[t][place] for t in ("alpha4", "alpha1", "all")] == [
        "error",
        "warning",
        "error",
    ]


# --- exit codes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "level", "code"),
    [
        ("focus-and-leaf-missing-same-row", "error", 1),
        ("focus-and-leaf-missing-same-row", "never", 0),
        ("selections-dangling", "error", 0),
        ("selections-dangling", "warning", 1),
        ("baseline", "warning", 0),
        ("baseline", "info", 1),
    ],
)
def test_the_exit_code_follows_the_level_asked(
    name: str, level: str, code: int, cli: Run, case: Case
) -> None:
    done = cli("audit", "--fail-on", level, case(name))
    assert (done.code, done.err) == (code, "")
    assert cli("audit", "--json", "--fail-on", level, case(name)).document("audit")


def test_only_findings_of_the_rules_named_count(cli: Run, case: Case) -> None:
    path = case("focus-and-leaf-missing-same-row")
    assert cli("audit", "--rule", "layout-pane-missing", path).code == 1
    told = cli("audit", "--rule", "ghost-client", path, "--json").document("audit")
    assert {f["rule"] for f in told["findings"]} == {"ghost-client"}
    assert told["exit_code"] == 0
    assert told["restore"][0]["saves_blocked"]  # the forecast is of the whole snapshot


def test_a_path_that_cannot_be_read_wins_after_the_rest_was_reported(
    cli: Run, case: Case, tmp_path: Path
) -> None:
    bad, gone, pipe = case("focus-and-leaf-missing-same-row"), tmp_path / "gone", tmp_path / "pipe"
    os.mkfifo(pipe)
    done = cli("audit", gone, bad, pipe)
    assert done.code == 3
    assert "layout-pane-missing" in done.out
    assert all(
        line.startswith(f"bmux-forensics: {p}: ")
        for p, line in zip((gone, pipe), done.err.splitlines(), strict=True)
    )
    told = cli("audit", "--json", gone, bad).document("audit")
    assert told["error"]["kind"] == "no-such-file"
    assert [row["snapshot"] for row in told["restore"]] == [str(bad)]


def test_an_archive_is_audited_like_its_files(cli: Run, tmp_path: Path) -> None:
    """A folder, a glob and worker processes give what the files give that are named one by one."""
    folders = sorted(SAMPLES.glob("*-day"))
    days = sorted(SAMPLES.glob("*-day/*.json"))
    each = cli("audit", "--json", "--target", "all", *days).document("audit")
    assert len(each["restore"]) == 2 * len(days)
    for way in (folders, [f"{SAMPLES}/*-day/*.json"], [*folders, "--jobs", "2"]):
        assert cli("audit", "--json", "--target", "all", *way).document("audit") == each
    assert cli("audit", tmp_path).code == 3
    assert "no snapshots there" in cli("audit", tmp_path).line
    assert cli("audit", *days, "--here", "--scheduler", "tcp://127.0.0.1:1").code == 2


def test_of_many_files_that_cannot_be_read_a_few_are_told(cli: Run, tmp_path: Path) -> None:
    for number in range(9):
        os.mkfifo(tmp_path / f"{number}.json")
    done = cli("audit", tmp_path, SAMPLE)
    assert done.code == 3
    assert done.err.splitlines()[-1] == "bmux-forensics: and 4 more files that are not to be read"
    assert "starts and saves" in done.out


DAMAGED = {
    "empty": b"",
    "no JSON": b"\x7fELF\x00\x1b[31m",
    "cut": case_bytes("baseline")[:9_999],
    "a checksum that does not fit": case_bytes("bad-checksum"),
    "no envelope": b"[1, 2]",
    "another version": case_bytes("baseline").replace(b'"version": 1', b'"version": 9', 1),
    "deep": b"[" * 9_999,
}


@pytest.mark.parametrize("name", DAMAGED)
def test_whatever_was_read_gets_findings_and_a_forecast(
    name: str, cli: Run, tmp_path: Path
) -> None:
    path = save(tmp_path / "bad.json", DAMAGED[name])
    told = cli("audit", "--json", "--target", "all", path).document("audit")
    assert told["exit_code"] == 1
    assert told["findings"]
    alpha4, alpha1 = told["restore"]
    assert alpha4["saves_blocked"]
    assert alpha4["sessions_restored"] == []
    assert alpha4["because"] == [told["findings"][0]["rule"]]
    assert alpha1["server_starts"]
    done = cli("audit", path)
    assert (done.code, done.err) == (1, "")
    assert "REFUSED" in done.out


def test_several_paths_compressed_standard_input_and_one_twice(run: Run, case: Case) -> None:
    path, packed = case("baseline"), CASES / "pgid-over-i32.json.gz"
    feed = case_bytes("no-sections").decode()
    done = run("audit", "--json", path, "-", packed, path, "-", feed=feed)
    told = done.document("audit")
    assert [row["snapshot"] for row in told["restore"]] == [str(path), "-", str(packed)]
    assert [row["saves_blocked"] for row in told["restore"]] == [False, True, True]
    assert done.code == 1
    pairs = [
        (f["snapshot"], ["error", "warning", "info"].index(f["severity"])) for f in told["findings"]
    ]
    order = [str(path), "-", str(packed)]
    assert pairs == sorted(pairs, key=lambda pair: (order.index(pair[0]), pair[1]))


def test_without_a_path_it_is_bmuxs_own_snapshot_and_this_machine_is_asked(
    cli: Run, tmp_path: Path
) -> None:
    assert cli("audit").code == 3
    assert "no bmux snapshot on this machine" in cli("audit").line
    members = {"shell": "/no/such/shell", "last_known_cwd": "/no/such/folder"}
    gone = runtime(A, pane(A, **members))
    world = World(
        (
            part("sessions", [session(A)]),
            part("contexts", contexts_tree()),
            part("panes", {"sessions": [gone]}, 2),
        )
    )
    own = save(tmp_path / "bmux-data" / "runtime" / "bmux-snapshot-v1.json", world.raw)
    other = save(tmp_path / "copy.json", world.raw)
    rules = {"folder-gone", "shell-gone"}

    def asked(*arguments: object) -> set[str]:
        told = cli("audit", "--json", *arguments).document("audit")
        return rules & {f["rule"] for f in told["findings"]}

    assert asked() == rules
    assert asked(own) == rules
    assert asked(other) == set()
    assert asked("--here", other) == rules


@pytest.mark.parametrize(
    "arguments",
    [
        ["--fail-on", "fatal"],
        ["--target", "alpha9"],
        ["--rule", "no-such-rule"],
        ["--explain", "no-such-rule"],
        ["--explain", "ghost-client", "--json"],
        ["--no-such-option"],
    ],
)
def test_misuse_is_one_line_and_exit_code_2(arguments: list[str], cli: Run) -> None:
    done = cli("audit", SAMPLE, *arguments)
    assert done.code == 2
    assert done.out == ""
    assert done.line


def test_a_rule_is_nearly_right(cli: Run) -> None:
    assert "did you mean" in cli("audit", "--explain", "ghost-clients").line


def test_every_rule_has_a_page(cli: Run) -> None:
    for rule in bf.RULES:
        done = cli("audit", "--explain", rule.id)
        assert done.code == 0
        assert done.out.rstrip("\n") == bf.explain(rule.id)


# --- what people see -----------------------------------------------------------------------------


def test_a_healthy_day_is_clean(cli: Run) -> None:
    for day in ("alpha1", "alpha4"):
        files = sorted((SAMPLES / f"{day}-day").glob("*.json"))
        done = cli("audit", "--fail-on", "warning", "--target", day, *files)
        assert done.code == 0, done.out
        assert done.out.splitlines()[-1].startswith("findings: 0 errors, 0 warnings, ")
        assert done.out.count(f"{day} starts and saves: ") == len(files)


def test_a_pipe_gets_rows_forecasts_and_one_summary_line(cli: Run, case: Case) -> None:
    path = case("focus-and-leaf-missing-same-row")
    lines = cli("audit", path).out.splitlines()
    assert lines[0].split("\t") == ["severity", "rule", "table", "key", "message"]
    rows = [line.split("\t") for line in lines[1:-2]]
    assert {len(row) for row in rows} == {5}
    errors = sum(row[0] == "error" for row in rows)
    assert lines[-1] == f"findings: {errors} errors, 0 warnings, {len(rows) - errors} infos"
    assert lines[-2].startswith(f"{path}: alpha4 starts but every save is REFUSED")


def test_findings_quote_hostile_names_and_nothing_secret(cli: Run, tmp_path: Path) -> None:
    path = save(tmp_path / "evil.json", broken_and_hostile().raw)
    for arguments in ([], ["--target", "all"], ["--json"], ["--here"]):
        done = cli("audit", path, *arguments)
        assert done.code == 1
        assert SECRET not in done.out
        assert all(line.replace("\t", "").isprintable() for line in done.out.splitlines())
    told = cli("audit", path, "--json").document("audit")
    assert any(f["value"] == EVIL_NAME for f in told["findings"])


@pytest.mark.parametrize("width", [40, 80])
def test_a_terminal_shows_whole_ids_and_no_line_beyond_its_width(
    width: int, terminal: Callable[..., Terminal], case: Case, tmp_path: Path
) -> None:
    path = case("focus-and-leaf-missing-same-row")
    shown = {}
    for plain in ("", "1"):
        env = environment(tmp_path) | ({"NO_COLOR": "1"} if plain else {})
        screen = terminal("audit", path.name, columns=width, env=env, cwd=path.parent)
        assert screen.finish() == 1
        # A busy machine may have taken its time, and said so.
        said = re.sub(r"\r\x1b\[K(audit: working, \d+ s)?", "", screen.shown)
        shown[plain] = said.replace("\r\n", "\n")
    assert "\x1b[" in shown[""]
    assert "\x1b" not in shown["1"]
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown[""]) == shown["1"]  # colour never tells it alone
    lines = shown["1"].splitlines()
    assert max(map(len, lines)) <= width
    found = bf.audit(path)
    for row in found.itertuples():
        assert f"{row.severity}  {row.rule}" in lines
    for identity in re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", " ".join(found["message"])):
        assert identity in shown["1"]


# --- and nothing else ----------------------------------------------------------------------------


def test_it_creates_and_changes_nothing(run: Run, case: Case, tmp_path: Path) -> None:
    path = case("focus-and-leaf-missing-same-row")
    before, names = Trace.of(path), below(tmp_path)
    assert run("audit", "--target", "all", path).code == 1
    assert run("audit").code == 3
    assert Trace.of(path) == before
    assert below(tmp_path) == names


def test_a_reader_that_went_away_is_no_failure(start: Start) -> None:
    process = start("audit", *sorted(SAMPLES.rglob("*.json")))
    assert process.stdout
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr
    assert process.stderr.read() == ""
