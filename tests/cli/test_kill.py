"""`kill`: what it prints, and what its JSON object says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import bmux_forensics as bf
from tests.actions.scenes import (
    ALPHA,
    BETA,
    CONTEXT,
    DASH,
    EVIL,
    GAMMA,
    PGIDS,
    Trace,
    backups,
    below,
    environment,
    save,
    world,
)
from tests.analysis.reference_kill import killed
from tests.worlds import SECRET

from .conftest import Run, Start

WITHOUT_ALPHA = killed(world().raw, {ALPHA})
SHA256 = world().snapshot().sha256


def test_each_killed_session_is_a_line_in_file_order(run: Run, snapshot: Path) -> None:
    done = run("kill", DASH, "alpha", "--yes", "--snapshot", snapshot)
    assert done.code == 0
    assert done.out == f"killed session: {ALPHA}\nkilled session: {DASH}\n"
    assert snapshot.read_bytes() == killed(world().raw, {ALPHA, DASH})


def test_notes_name_the_backup_and_what_still_runs(
    cli: Run, snapshot: Path, tmp_path: Path
) -> None:
    done = cli("kill", "alpha", "--yes", "--snapshot", snapshot)
    (backup,) = backups(tmp_path)
    assert f"the old bytes are kept in {backup}" in done.err
    for pgid in PGIDS:
        assert f"process group {pgid} was not looked at: no process was to be ended" in done.err


def test_quiet_is_quiet(cli: Run, snapshot: Path) -> None:
    done = cli("kill", "alpha", "-y", "-q", "--snapshot", snapshot)
    assert (done.code, done.out, done.err) == (0, f"killed session: {ALPHA}\n", "")


def test_all_goes_a_row_a_line(cli: Run, snapshot: Path) -> None:
    done = cli("kill", "--all", "-yq", "--snapshot", snapshot)
    ids = (ALPHA, BETA, GAMMA, DASH, EVIL)
    assert done.out == "".join(f"killed session: {i}\n" for i in ids)
    done = cli("kill", "--all", "-yq", "--snapshot", snapshot)
    assert (done.code, done.out, done.err) == (0, "no sessions\n", "")


def test_no_such_session(cli: Run, snapshot: Path) -> None:
    before = Trace.of(snapshot)
    done = cli("kill", "alpha", "nobody", "--yes", "--snapshot", snapshot)
    assert (done.code, done.out, done.line) == (1, "", "session not found: nobody")
    done = cli("kill", "--yes", "--snapshot", snapshot, "--", "nobody", "-x")
    assert done.err == "session not found: nobody\nsession not found: -x\n"
    assert Trace.of(snapshot) == before


def test_a_dry_run_shows_and_changes_nothing(cli: Run, snapshot: Path, tmp_path: Path) -> None:
    before = Trace.of(snapshot)
    done = cli("kill", "alpha", "--dry-run", "--yes", "--snapshot", snapshot)
    assert done.code == 0
    assert done.out.startswith("action\ttable\tkey\t")
    assert f"delete\tsessions\t{ALPHA}\t\tasked\n" in done.out
    assert done.out.endswith(f"would kill session: {ALPHA}\n")
    assert Trace.of(snapshot) == before
    assert below(tmp_path) == ["runtime", "runtime/snap.json"]


def test_json_of_a_dry_run_foretells_the_kill(cli: Run, snapshot: Path) -> None:
    before = Trace.of(snapshot)
    dry = cli("kill", "alpha", "-n", "--json", "--snapshot", snapshot)
    assert dry.err == ""
    told = dry.document("kill")
    assert (told["applied"], told["backup"], told["had_snapshot"]) == (False, None, True)
    assert Trace.of(snapshot) == before
    done = cli("kill", "alpha", "-y", "--json", "--snapshot", snapshot).document("kill")
    assert done["applied"]
    assert Path(done["backup"]).read_bytes() == world().raw
    assert {**done, "applied": False, "backup": None} == told
    assert told["removed_session_ids"] == [ALPHA]
    assert told["removed_context_ids"] == [CONTEXT]
    assert [group["pgid"] for group in told["process_groups"]] == list(PGIDS)
    assert told["sha256_before"] == SHA256
    assert told["sha256_after"] == bf.open_snapshot(snapshot).sha256
    assert {row["table"] for row in told["plan"]} >= {"sessions", "contexts", "panes", "bindings"}


def test_environment_values_are_in_no_output(cli: Run, snapshot: Path) -> None:
    for arguments in (["--json"], [], ["--scrub", "--json"]):
        done = cli("kill", "--all", "--dry-run", *arguments, "--snapshot", snapshot)
        assert done.code == 0
        assert SECRET not in done.out + done.err


@pytest.mark.parametrize(
    ("arguments", "code", "kind"),
    [
        (["nobody", "--yes"], 1, "no-such-session"),
        (["twin", "--yes"], 2, "selector"),
        (["alpha"], 2, "confirmation-needed"),
        (["alpha", "--yes", "--expect-sha256", "0" * 64], 4, "snapshot-changed"),
        (["alpha", "--dry-run", "--expect-sha256", "0" * 64], 4, "snapshot-changed"),
    ],
)
def test_json_on_every_refusal(
    arguments: list[str], code: int, kind: str, cli: Run, snapshot: Path
) -> None:
    before = Trace.of(snapshot)
    done = cli("kill", *arguments, "--json", "--snapshot", snapshot)
    told = done.document("kill")
    assert (done.code, told["error"]["kind"], told["applied"]) == (code, kind, False)
    assert (told["had_snapshot"], told["removed_session_ids"]) == (True, [])
    assert Trace.of(snapshot) == before


def test_expected_bytes(cli: Run, snapshot: Path) -> None:
    right = ("--expect-sha256", SHA256.upper())
    assert cli("kill", "alpha", "-yq", *right, "--snapshot", snapshot).code == 0
    done = cli("kill", "-yq", *right, "--snapshot", snapshot, "--", "-dash")
    assert done.code == 4
    assert "look at a new plan" in done.line
    assert snapshot.read_bytes() == WITHOUT_ALPHA


def test_a_damaged_file_is_moved_aside(cli: Run, snapshot: Path) -> None:
    before = Trace.of(save(snapshot, b"torn"))
    dry = cli("kill", "--all", "--dry-run", "--snapshot", snapshot)
    assert (dry.code, Trace.of(snapshot)) == (0, before)
    assert dry.out.startswith("would be moved aside, never deleted: ")
    assert cli("kill", "--all", "--snapshot", snapshot).code == 2
    assert Trace.of(snapshot) == before
    done = cli("kill", "--all", "-y", "--json", "--snapshot", snapshot)
    told = done.document("kill")
    aside = Path(told["moved_aside"])
    assert (told["applied"], told["had_snapshot"], told["sha256_after"]) == (False, True, None)
    assert Trace.of(aside) == before
    assert below(snapshot.parent) == [aside.name]
    save(snapshot, b"")
    done = cli("kill", "--all", "-yq", "--snapshot", snapshot)
    assert done.out.startswith(f"moved aside: {snapshot}.corrupt-")


def test_the_exit_codes_agree_with_the_library(cli: Run, snapshot: Path) -> None:
    for selector in ("nobody", "twin", ""):
        with pytest.raises(bf.ForensicsError) as caught:
            bf.kill(snapshot, [selector])
        done = cli("kill", selector, "--yes", "--snapshot", snapshot)
        assert done.code == caught.value.exit_code


# --- streams ----------------------------------------------------------------------------------


def shell(command: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # the program's path and the arguments are the test's own
        ["bash", "-o", "pipefail", "-c", command, sys.executable],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=folder,
        env={**environment(folder), **variables},
    )


def test_a_reader_that_leaves_is_no_failure(start: Start, own: Path, tmp_path: Path) -> None:
    for verb, code in ((["info"], 0), (["tables"], 0), (["kill", "nobody", "--json"], 1)):
        reading, writing = os.pipe()
        os.close(reading)
        process = start(*verb, stdout=writing)
        os.close(writing)
        _, err = process.communicate(timeout=60)
        assert process.returncode == code
        assert err == ("session not found: nobody\n" if code else "")
    assert own.exists()
    done = shell('"$0" -m bmux_forensics info | head -1', tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_output_that_goes_nowhere_is_told(own: Path, tmp_path: Path) -> None:
    done = shell('"$0" -m bmux_forensics info > /dev/full', tmp_path)
    assert done.returncode == 6
    assert done.stderr == "bmux-forensics: standard output: No space left on device\n"
    done = shell('"$0" -m bmux_forensics --help > /dev/full', tmp_path)
    assert done.returncode == 6
    assert "Traceback" not in done.stderr
    done = shell('"$0" -m bmux_forensics kill alpha -yq > /dev/full', tmp_path)
    assert done.returncode == 5
    assert "the sessions are gone, but standard output" in done.stderr
    assert own.read_bytes() == WITHOUT_ALPHA
    copy = save(tmp_path / "c.json", world().raw)
    done = shell('"$0" -m bmux_forensics clean c.json --session alpha -y > /dev/full', tmp_path)
    assert done.returncode == 5
    assert "1 file cleaned, but standard output" in done.stderr
    assert copy.read_bytes() == WITHOUT_ALPHA


def test_closed_streams_are_no_failure(own: Path, tmp_path: Path) -> None:
    assert shell('"$0" -m bmux_forensics info >&-', tmp_path).returncode == 0
    assert shell('"$0" -m bmux_forensics info nowhere 2>&-', tmp_path).returncode == 3
    done = shell('"$0" -m bmux_forensics kill alpha <&-', tmp_path)
    assert done.returncode == 2
    assert "--yes" in done.stderr
    done = shell('"$0" -m bmux_forensics kill alpha -y <&- >&- 2>&-', tmp_path)
    assert (done.returncode, own.read_bytes()) == (0, WITHOUT_ALPHA)
