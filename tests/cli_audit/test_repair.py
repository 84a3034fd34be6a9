"""``repair``: shown, asked, done through the door, and what is left is said."""

from __future__ import annotations

import gzip
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

import bmux_forensics as bf
from tests.actions.scenes import Trace, backups, below, environment, eventually, save
from tests.cli.conftest import Done, Run, Start, Terminal
from tests.worlds import SECRET

from .conftest import CASES, NAMES, SAMPLE, Case, case_bytes
from .test_audit import broken_and_hostile

BROKEN = "focus-and-leaf-missing-same-row"
OPT_IN = "nonresumable-and-leaf-missing"


# --- what it does to a file ----------------------------------------------------------------------


def test_a_repair_mends_keeps_the_old_bytes_and_can_be_undone(cli: Run, case: Case) -> None:
    path = case(BROKEN)
    before = Trace.of(path)
    done = cli("repair", path, "--yes")
    assert done.code == 0
    assert done.out.splitlines()[-1] == f"repaired: {path}"
    assert "before: alpha4 starts but every save is REFUSED" in done.out
    assert "after: alpha4 starts and saves: 4 sessions come back, with 7 panes" in done.out
    (backup,) = backups(path.parents[1])
    assert backup.read_bytes() == before.raw
    assert str(backup) in done.err
    assert cli("audit", path).code == 0
    after = Trace.of(path)
    assert (after.mode, after.mtime_ns, after.owner) == (before.mode, before.mtime_ns, before.owner)
    undo = next(line for line in done.err.splitlines() if "bmux-forensics undo" in line)
    assert cli("undo", undo.split()[-1], "--yes").code == 0
    assert path.read_bytes() == before.raw


def test_repairing_twice_changes_nothing(cli: Run, case: Case) -> None:
    path = case(BROKEN)
    assert cli("repair", path, "--yes").code == 0
    before = Trace.of(path)
    done = cli("repair", path, "--yes")
    assert (done.code, done.out, done.err) == (0, f"nothing to repair: {path}\n", "")
    assert Trace.of(path) == before
    assert len(backups(path.parents[1])) == 1


def test_every_recorded_case_comes_back_or_says_what_stays(cli: Run, case: Case) -> None:
    files = {name: case(name) for name in NAMES}
    told = cli("repair", "--yes", "--all-fixable", "--json", *files.values()).document("repair")
    tables = bf.load_tables(*files.values())
    findings, forecast = bf.audit(tables), bf.forecast(tables)
    for (name, path), result in zip(files.items(), told["snapshots"], strict=True):
        assert result["error"] is None
        assert result["exit_code"] == int(bool(result["remaining"]))
        (row,) = forecast[forecast["snapshot"] == str(path)].to_dict("records")
        mine = (findings["snapshot"] == str(path)) & (findings["severity"] == "error")
        errors = findings.loc[mine, "rule"].tolist()
        assert errors == [f["rule"] for f in result["remaining"]]
        assert result["restore_after"]["because"] == row["because"]
        assert bf.open_snapshot(path).sha256 == result["sha256_after"]
        if not errors:
            assert row["server_starts"]
            assert not row["saves_blocked"]
        if not result["plan"]:
            assert path.read_bytes() == case_bytes(name)
            assert not result["applied"]
    unfixable = {f["rule"] for r in told["snapshots"] for f in r["remaining"]}
    classes = {rule.id: rule.fix_class for rule in bf.RULES}
    assert {classes[rule] for rule in unfixable} <= {"none"}


def test_a_dry_run_changes_nothing_and_foretells_the_hash(
    run: Run, case: Case, tmp_path: Path
) -> None:
    path = case(BROKEN)
    before, names = Trace.of(path), below(tmp_path)
    foretold = run("repair", "--dry-run", "--json", path).document("repair")["snapshots"][0]
    done = run("repair", "-n", path)
    assert done.code == 0
    assert f"would repair: {path}" in done.out
    assert Trace.of(path) == before
    assert below(tmp_path) == names
    assert not foretold["applied"]
    real = run("repair", "--yes", "--json", path).document("repair")["snapshots"][0]
    assert real["sha256_after"] == foretold["sha256_after"] == bf.open_snapshot(path).sha256
    assert real["plan"] == foretold["plan"]


# --- what is left --------------------------------------------------------------------------------


def test_what_gives_something_up_is_done_only_when_it_is_named(cli: Run, case: Case) -> None:
    path = case(OPT_IN)
    done = cli("repair", path, "--yes")
    assert done.code == 1
    left = next(line for line in done.out.splitlines() if line.startswith("not mended: "))
    assert "pane-nonresumable (1)" in left
    assert "--rule pane-nonresumable" in left
    done = cli("repair", path, "--yes", "--rule", "pane-nonresumable")
    assert done.code == 0
    assert "not mended" not in done.out
    assert not bf.forecast(path)["saves_blocked"].any()


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("no-contexts-section", "section-missing"),
        ("sessions-version-2", "unknown-section-version"),
        ("duplicate-key-in-session", "section-undecodable"),
    ],
)
def test_what_has_no_fix_is_said_and_exits_1(name: str, rule: str, cli: Run, case: Case) -> None:
    path = case(name)
    before = Trace.of(path)
    done = cli("repair", path, "--yes", "--all-fixable")
    assert done.code == 1
    assert done.out.splitlines()[0] == f"not repaired: {path}"
    assert f"not mended: {rule} (1): " in done.out
    assert "--rule" not in done.out
    assert Trace.of(path) == before
    told = cli("repair", path, "--yes", "--all-fixable", "--json").document("repair")
    assert [f["rule"] for f in told["snapshots"][0]["remaining"]] == [rule]


def test_a_file_that_is_no_envelope_is_sent_to_salvage(cli: Run, tmp_path: Path) -> None:
    path = save(tmp_path / "cut.json", case_bytes("baseline")[:9_999])
    done = cli("repair", path, "--yes")
    assert done.code == 1
    assert "not mended: envelope-unreadable" in done.out
    assert "`salvage`" in done.out


# --- several files -------------------------------------------------------------------------------


def test_one_bad_file_of_several_never_stops_the_rest(cli: Run, case: Case, tmp_path: Path) -> None:
    good, packed = case(BROKEN), tmp_path / "copy.json.gz"
    packed.write_bytes(gzip.compress(case_bytes(BROKEN)))
    paths = [tmp_path / "gone", packed, "-", tmp_path, good, good]
    done = cli("repair", "--yes", "--quiet", *paths)
    assert done.code == 5
    assert f"repaired: {good}" in done.out
    lines = done.err.splitlines()
    assert len(lines) == 4
    for line, words in zip(
        lines, ("no such file", "compressed", "standard input", "a folder"), strict=True
    ):
        assert words in line
    assert cli("audit", good).code == 0
    told = cli("repair", "--yes", "--json", *paths).document("repair")
    assert [r["exit_code"] for r in told["snapshots"]] == [3, 3, 2, 3, 0]
    assert packed.read_bytes() != good.read_bytes()


@pytest.mark.parametrize("name", ["copy.json.gz", "-"])
def test_what_can_not_be_replaced_is_refused_in_one_line(
    name: str, cli: Run, tmp_path: Path
) -> None:
    (tmp_path / "copy.json.gz").write_bytes((CASES / f"{BROKEN}.json.gz").read_bytes())
    done = cli("repair", "--yes", name)
    assert done.code == (2 if name == "-" else 3)
    assert done.line
    assert below(tmp_path) == ["copy.json.gz"]


# --- the request ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["--rule", "no-such-rule"],
        ["--rule", "section-missing"],
        ["--target", "all"],
        ["--expect-sha256", "xyz"],
        ["--snapshot", "other.json"],
        ["other.json", "--expect-sha256", "0" * 64],
        ["--lock-timeout", "-1"],
    ],
)
def test_misuse_is_one_line_and_exit_code_2(arguments: list[str], cli: Run, case: Case) -> None:
    path = case(BROKEN)
    before = Trace.of(path)
    done = cli("repair", path, "--yes", *arguments)
    assert done.code == 2
    assert done.line
    assert Trace.of(path) == before


def test_other_bytes_than_expected_are_busy(cli: Run, case: Case) -> None:
    path = case(BROKEN)
    done = cli("repair", "--yes", "--expect-sha256", "0" * 64, "--snapshot", path)
    assert done.code == 4
    assert path.read_bytes() == case_bytes(BROKEN)
    sha256 = bf.open_snapshot(path).sha256
    assert cli("repair", "--yes", "--expect-sha256", sha256, "--snapshot", path).code == 0


def test_a_held_lock_is_busy(cli: Run, case: Case) -> None:
    path = case(BROKEN)
    lock = path.with_name(f"{path.name}.lock")
    lock.write_text(f"pid={os.getpid()}\n")
    assert cli("repair", "--yes", "--lock-timeout", "0", path).code == 4
    assert path.read_bytes() == case_bytes(BROKEN)
    assert lock.exists()


def test_without_a_path_it_is_bmuxs_own_snapshot(cli: Run, tmp_path: Path) -> None:
    done = cli("repair", "--yes")
    assert done.code == 3
    assert "no bmux snapshot on this machine" in done.line
    own = save(tmp_path / "bmux-data" / "runtime" / "bmux-snapshot-v1.json", case_bytes(BROKEN))
    assert cli("repair", "--yes").code == 0
    assert cli("audit").code == 0
    assert own.read_bytes() != case_bytes(BROKEN)


def test_for_alpha1_a_section_is_moved(cli: Run, case: Case) -> None:
    path = case("alpha1-sections-reversed")
    assert cli("audit", path).code == 0
    assert cli("audit", "--target", "alpha1", path).code == 1
    assert cli("repair", "--yes", "--target", "alpha1", path).code == 0
    assert cli("audit", "--target", "all", path, "--json").document("audit")
    assert cli("audit", "--target", "alpha1", path).code == 0


# --- people --------------------------------------------------------------------------------------


def test_nobody_to_ask_changes_nothing(cli: Run, case: Case) -> None:
    path = case(BROKEN)
    before = Trace.of(path)
    done = cli("repair", path)
    assert done.code == 2
    assert "--yes" in done.line
    assert Trace.of(path) == before
    assert cli("repair", case("baseline")).code == 0  # nothing to ask about


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("\n", 1)])
def test_a_person_sees_the_plan_and_decides(
    answer: str, code: int, terminal: Callable[..., Terminal], case: Case, tmp_path: Path
) -> None:
    path = case(BROKEN)
    screen = terminal(
        "repair",
        path.name,
        columns=60,
        cwd=path.parent,
        env=environment(tmp_path) | {"NO_COLOR": "1"},
    )
    shown = screen.read_until("[y/N]: ")
    assert "set  runtimes.focused_pane_id" in shown
    assert "before: alpha4 starts but every save is REFUSED" in shown
    assert f"in {path.name}?" in shown
    screen.type(answer)
    assert screen.finish() == code
    assert (path.read_bytes() == case_bytes(BROKEN)) == bool(code)
    plan = shown.replace("\r\n", "\n").splitlines()[:-1]
    assert max(map(len, plan)) <= 60


def test_hostile_names_stay_text_and_secrets_stay_in_the_file(cli: Run, tmp_path: Path) -> None:
    path = save(tmp_path / "evil.json", broken_and_hostile().raw)
    for arguments in (["-n"], ["-n", "--json"], ["--yes", "--all-fixable"]):
        done = cli("repair", path, *arguments)
        assert "Traceback" not in done.err
        assert SECRET not in done.out + done.err
        assert all(
            line.replace("\t", "").isprintable() for line in (done.out + done.err).splitlines()
        )
    assert cli("audit", path).code == 0
    panes = bf.open_snapshot(path).reading("panes")
    assert panes is not None
    assert SECRET.encode() in panes.section.payload


def test_a_server_still_takes_what_nobody_touched(cli: Run, tmp_path: Path) -> None:
    path = save(tmp_path / "day.json", SAMPLE.read_bytes())
    before = Trace.of(path)
    done = cli("repair", path, "--yes", "--all-fixable")
    assert (done.code, done.out) == (0, f"nothing to repair: {path}\n")
    assert Trace.of(path) == before


def test_a_mended_file_whose_telling_failed_is_partly_done(run: Run, case: Case) -> None:
    path = case(BROKEN)
    with Path("/dev/full").open("w") as full:
        done = run("repair", "--yes", path, stdout=full)
    assert done.code == 5
    assert "is repaired, but standard output" in done.err
    assert bf.forecast(path)["server_starts"].all()


def test_a_live_server_is_not_edited_behind_its_back(cli: Run, tmp_path: Path) -> None:
    own = save(tmp_path / "bmux-data" / "runtime" / "bmux-snapshot-v1.json", case_bytes(BROKEN))
    (tmp_path / "bmux-run").mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "bmux-run" / "server.sock"))
        server.listen()
        done = cli("repair", "--yes", "--assume-no-server")
        assert done.code == 4
        assert "a bmux server owns it" in done.line
        assert cli("audit").code == 1  # looking is always allowed
    assert own.read_bytes() == case_bytes(BROKEN)


@pytest.mark.parametrize("as_json", [False, True])
def test_a_signal_ends_the_batch_and_lets_go(as_json: bool, start: Start, case: Case) -> None:
    first, held, last = case(BROKEN), case(OPT_IN), case("pgid-over-i32")
    link = held.with_name("a-link.json")
    link.symlink_to(held.name)
    held.with_name(f"{held.name}.lock").write_text("pid=1\n")
    extra = ["--json"] if as_json else []
    process = start("repair", "--yes", "--lock-timeout", "600", first, link, last, *extra)
    eventually(link.with_name(f"{link.name}.lock").exists)  # the other lock is waited for
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "Traceback" not in err
    assert bf.forecast(first)["server_starts"].all()
    assert held.read_bytes() == case_bytes(OPT_IN)
    assert last.read_bytes() == case_bytes("pgid-over-i32")
    assert sorted(p.name for p in first.parent.glob("*.lock")) == [f"{held.name}.lock"]
    if as_json:
        told = Done(143, out, err).document("repair")
        assert told["error"]["kind"] == "interrupted"
        assert [r["applied"] for r in told["snapshots"]] == [True, None]
