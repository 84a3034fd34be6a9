"""A kill ends the processes that are proven the snapshot's, and says what became of each."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bmux_forensics as bf
from tests.worlds import pane, runtime, session

from .conftest import DEAF, WAIT, Bmux, Done, gone, is_running, outcomes, uuid, wait_until

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

JOB = (
    "child = os.fork()\n"
    "if not child:\n"
    "    os.setpgid(0, 0)\n"
    "    {setup}\n"
    "    ready(); time.sleep(600)\n"
    "time.sleep(600)\n"
)
"""A shell with a job: another group of the same session."""


def job_of(bmux: Bmux, shell: subprocess.Popen[bytes]) -> int:
    return next(int(name) for name in bmux.nursery.marks(shell))


# --- which signals, and whose -----------------------------------------------------------------


def test_confirmed_groups_are_ended_and_nobody_else(bmux: Bmux) -> None:
    meek, deaf, other = bmux.start(), bmux.start(DEAF + WAIT), bmux.start()
    bmux.record(doomed=[meek, deaf], other=[other])
    told = bmux.kill("doomed", "--grace", "0.2")
    assert (told["exit_code"], told["error"], told["applied"]) == (0, None, True)
    assert outcomes(told) == {
        meek.pid: ("confirmed", "ended"),
        deaf.pid: ("confirmed", "killed"),
    }
    assert gone(meek, deaf)
    assert is_running(other.pid)
    assert {row["pgid"]: row["signals"] for row in told["process_plan"]} == dict.fromkeys(
        (meek.pid, deaf.pid), "HUP CONT TERM KILL if it stays"
    )


def test_a_job_that_asked_to_outlive_the_hang_up_stays(bmux: Bmux) -> None:
    plain = bmux.start(JOB.format(setup=""))
    nohup = bmux.start(JOB.format(setup="signal.signal(signal.SIGHUP, signal.SIG_IGN)"))
    bmux.record(doomed=[plain, nohup])
    jobs = [job_of(bmux, shell) for shell in (plain, nohup)]
    done = bmux.cli("kill", "doomed", "--yes")
    assert done.code == 0
    assert gone(plain, nohup)
    assert [is_running(job) for job in jobs] == [False, True]
    assert f"process group {jobs[0]} (session): ended" in done.err
    assert f"process group {jobs[1]} (session): survived; it asked to outlive" in done.err


def test_the_whole_session_goes_when_asked_for(bmux: Bmux) -> None:
    shell = bmux.start(JOB.format(setup=DEAF.replace("\n", "; ")))
    bmux.record(doomed=[shell])
    job = job_of(bmux, shell)
    told = bmux.kill("doomed", "--whole-session", "--grace", "0.1")
    assert outcomes(told, "other_process_groups") == {job: ("confirmed", "killed")}
    assert not is_running(job)


def test_the_group_alone_is_bmuxs_own_reach(bmux: Bmux) -> None:
    shell = bmux.start(JOB.format(setup=DEAF.replace("\n", "; ")))
    bmux.record(doomed=[shell])
    told = bmux.kill("doomed", "--group-only")
    assert outcomes(told) == {shell.pid: ("confirmed", "ended")}
    assert [row["signals"] for row in told["process_plan"]] == ["TERM KILL if it stays"]
    assert told["other_process_groups"] == []
    assert is_running(job_of(bmux, shell))


def test_strays_go_when_asked_for(bmux: Bmux) -> None:
    """One strays from the dead pane and goes; one that another bmux left does not."""
    shell = bmux.start("if not os.fork(): os.setsid(); ready(); time.sleep(600)\ntime.sleep(600)\n")
    alien = bmux.nursery.python(WAIT)
    bmux.record(doomed=[shell], other=[None])
    stray = job_of(bmux, shell)
    listed = bmux.cli("processes", "--json").document("processes")["strays"]
    assert next(row["session_id"] for row in listed if row["pid"] == stray) is not None
    assert f"\n{stray}\t{stray}\t" in bmux.cli("processes", "--strays").out
    assert not next(row["endable"] for row in listed if row["pid"] == alien.pid)

    plan = bmux.cli("kill", "doomed", "-n", "--json", "--include-strays").document("kill")
    meant = {row["pgid"] for row in plan["process_plan"] if row["signals"]}
    assert meant == {shell.pid, stray}  # before anything gets a signal
    told = bmux.kill("doomed", "--include-strays")
    assert outcomes(told, "other_process_groups")[stray] == ("stray", "ended")
    assert not is_running(stray)
    assert is_running(alien.pid)


def test_without_being_asked_for_strays_stay(bmux: Bmux) -> None:
    shell = bmux.start("if not os.fork(): os.setsid(); ready(); time.sleep(600)\ntime.sleep(600)\n")
    bmux.record(doomed=[shell], other=[None])
    stray = job_of(bmux, shell)
    told = bmux.kill("doomed")
    assert outcomes(told, "other_process_groups")[stray] == ("stray", "skipped")
    assert told["exit_code"] == 0
    assert is_running(stray)


def test_a_dry_run_and_no_signal_signal_nobody(bmux: Bmux) -> None:
    child = bmux.start()
    before = bmux.record(doomed=[child]).read_bytes()
    told = bmux.cli("kill", "doomed", "--dry-run", "--json").document("kill")
    assert outcomes(told) == {child.pid: ("confirmed", "skipped")}
    assert bmux.snapshot.read_bytes() == before
    told = bmux.kill("doomed", "--no-signal")
    assert (told["applied"], outcomes(told)) == (True, {child.pid: ("unknown", "skipped")})
    assert told["process_plan"] == []
    assert is_running(child.pid)


def test_the_plan_shows_group_verdict_evidence_and_signals(bmux: Bmux) -> None:
    child = bmux.start()
    bmux.record(doomed=[child, 2**31 - 9])
    out = bmux.cli("kill", "doomed", "--dry-run").out
    rows = [line.split("\t") for line in out.splitlines()]
    assert ["pgid", "role", "verdict", "signals", "members", "member_commands", "reason"] in rows
    told = {row[0]: row for row in rows}
    assert told[str(child.pid)][1:5] == [
        *("recorded", "confirmed", "HUP CONT TERM KILL if it stays", "1"),
    ]
    assert told[str(child.pid)][6].startswith("same owner and session, older than the save")
    assert told[str(2**31 - 9)][1:4] == ["recorded", "gone", ""]


def test_only_bmuxs_own_snapshot_unless_asked_for(bmux: Bmux, tmp_path: Path) -> None:
    child = bmux.start()
    copy = tmp_path / "copy.json"
    shutil.copy2(bmux.record(doomed=[child]), copy)
    told = bmux.kill("doomed", "--snapshot", copy)
    assert (told["applied"], outcomes(told)) == (True, {child.pid: ("unknown", "skipped")})
    assert is_running(child.pid)
    shutil.copy2(bmux.snapshot, copy)
    told = bmux.kill("doomed", "--snapshot", copy, "--signal")
    assert outcomes(told) == {child.pid: ("confirmed", "ended")}
    assert gone(child)


@pytest.mark.parametrize("way", ["link", "relative"])
def test_bmuxs_own_snapshot_by_any_name(way: str, bmux: Bmux, tmp_path: Path) -> None:
    child = bmux.start()
    bmux.record(doomed=[child])
    name = tmp_path / "link.json"
    if way == "link":
        name.symlink_to(bmux.snapshot)
    else:
        name = bmux.snapshot.relative_to(tmp_path)
    assert outcomes(bmux.kill("doomed", "--snapshot", name)) == {child.pid: ("confirmed", "ended")}


def test_the_plan_that_was_seen_is_the_one_that_is_carried_out(bmux: Bmux) -> None:
    """A group of the pane's session that came after the look is not the plan's to end."""
    fifo = bmux.folder / "go"
    os.mkfifo(fifo)
    shell = bmux.start(
        "ready('shell')\n"
        f"open({str(fifo)!r}).read()\n"
        "if not os.fork(): os.setpgid(0, 0); ready('late'); time.sleep(600)\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN); time.sleep(600)\n"
    )
    bmux.record(doomed=[shell])
    plan = bf.preview_kill(None, ["doomed"])
    assert plan.ending is not None
    assert plan.ending["pgid"].tolist() == [shell.pid]
    fifo.write_text("")
    wait_until(lambda: "late" in bmux.nursery.marks(shell), "the late job is there")
    outcome = bf.apply_kill(plan)
    assert [g["outcome"] for g in outcome.passage.processes] == ["ended"]
    assert len(bmux.nursery.descendants()) == 1


# --- verdicts that are no reason to signal ----------------------------------------------------


def test_what_is_not_proven_is_left_alone_and_named(bmux: Bmux) -> None:
    unmarked = bmux.start(bmux=False)
    job = bmux.start("if not os.fork(): os.setpgid(0, 0); ready()\ntime.sleep(600)\n")
    ended = bmux.start("ready()\n")
    ended.wait()
    inner = job_of(bmux, job)
    bmux.record(doomed=[unmarked, inner, ended])
    told = bmux.kill("doomed")
    assert told["exit_code"] == 0
    assert outcomes(told) == {
        unmarked.pid: ("recycled", "skipped"),
        inner: ("recycled", "skipped"),
        ended.pid: ("gone", "skipped"),
    }
    assert is_running(unmarked.pid)
    assert is_running(inner)


@as_root
def test_another_users_processes_are_foreign(bmux: Bmux) -> None:
    child = bmux.start("os.setgid(65534); os.setuid(65534)\n" + WAIT)
    bmux.record(doomed=[child])
    assert outcomes(bmux.kill("doomed")) == {child.pid: ("foreign", "skipped")}
    assert is_running(child.pid)


AS_NOBODY = """
import os, sys
import bmux_forensics.actions.kill, bmux_forensics.actions.processes
from bmux_forensics.cli.kill import command
from bmux_forensics.cli import frames, process_rows
import pandas, psutil, pyarrow.compute
from bmux_forensics.cli import main
import bmux_forensics as bf
# Another user may be unable to read the interpreter: this loads all there is to load.
state = os.environ["BMUX_FORENSICS_STATE_DIR"]
os.environ["BMUX_FORENSICS_STATE_DIR"] = sys.argv[1] + "-state"
bf.kill(sys.argv[1], ["doomed"], reach=bf.Reach(signal=False))
bf.processes(sys.argv[1]).strays
os.environ["BMUX_FORENSICS_STATE_DIR"] = state
os.setgroups([]); os.setgid(65534); os.setuid(65534)
main(sys.argv[2:])
"""


@as_root
def test_plausible_ones_go_only_when_asked_for(bmux: Bmux, tmp_path: Path) -> None:
    """A process that dropped its rights lets nobody of its new user read its environment."""
    child = bmux.start("os.setgid(65534); os.setuid(65534)\n" + WAIT)
    for place in [tmp_path, *tmp_path.parents[:-2]]:
        place.chmod(place.stat().st_mode | 0o011)
    scratch = tmp_path / "scratch" / "snap.json"
    for flags, outcome in (((), "skipped"), (("--include-plausible",), "ended")):
        bmux.record(doomed=[child])
        scratch.parent.mkdir(exist_ok=True)
        shutil.copy2(bmux.snapshot, scratch)
        state = bmux.snapshot.parent / f"state-{outcome}"
        state.mkdir()
        for place in (state, bmux.snapshot, bmux.snapshot.parent):
            os.chown(place, 65534, 65534)
        process = bmux.program(
            *("-c", AS_NOBODY, str(scratch), "kill", "doomed", "--yes", "--json", *flags),
            env={"BMUX_FORENSICS_STATE_DIR": str(state)},
        )
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert f'"outcome": "{outcome}"' in out
        assert '"verdict": "plausible"' in out
        assert is_running(child.pid) == (outcome == "skipped")


def test_a_group_that_is_younger_than_the_save_is_recycled(bmux: Bmux) -> None:
    child = bmux.start()
    saved = bmux.record(doomed=[child]).stat().st_mtime
    os.utime(bmux.snapshot, (saved - 60, saved - 60))
    assert outcomes(bmux.kill("doomed")) == {child.pid: ("recycled", "skipped")}
    assert is_running(child.pid)


@pytest.mark.parametrize("touched", [False, True], ids=["kept", "touched later"])
def test_an_edit_of_ours_does_not_make_a_snapshot_younger(bmux: Bmux, *, touched: bool) -> None:
    """The number went to somebody else between the save and our first edit."""
    young = bmux.start()
    old = bmux.start()
    path = bmux.record(one=[None], two=[young], three=[old])
    saved = path.stat().st_mtime
    os.utime(path, (saved - 60, saved - 60))
    assert bmux.kill("one")["applied"]
    assert path.stat().st_mtime == pytest.approx(saved - 60)
    if touched:
        os.utime(path)
    assert outcomes(bmux.kill("two")) == {young.pid: ("recycled", "skipped")}
    if touched:
        os.utime(path)
    assert outcomes(bmux.kill("three")) == {old.pid: ("recycled", "skipped")}
    assert is_running(young.pid)
    # A server that saves anew makes another snapshot: its own time counts.
    bmux.record(two=[young], three=[old])
    assert outcomes(bmux.kill("two")) == {young.pid: ("confirmed", "ended")}


def test_hostile_numbers_get_no_signal(bmux: Bmux) -> None:
    child, shared = bmux.start(), bmux.start()
    hostile = [True, str(child.pid), float(child.pid), 1.5, 2**31, 2**63, -child.pid, [child.pid]]
    bmux.record(doomed=[*hostile, shared], other=[shared])
    told = bmux.kill("doomed", "--include-plausible", "--whole-session")
    assert told["exit_code"] == 0
    assert outcomes(told) == {shared.pid: ("unknown", "skipped")}
    assert not any(row["signals"] for row in told["process_plan"])
    assert is_running(child.pid)
    assert is_running(shared.pid)


def test_a_session_that_is_named_by_byte_values_loses_its_processes(bmux: Bmux) -> None:
    """bmux keeps such a row and ends its processes; so do we."""
    child = bmux.start()
    spelled = list(bytes.fromhex(uuid(0).replace("-", "")))
    row = runtime(spelled, pane(uuid(9), child.pid))
    bmux.save([session(uuid(0), "doomed")], [row])
    assert outcomes(bmux.kill("doomed")) == {child.pid: ("confirmed", "ended")}
    assert str(child.pid) in bmux.cli("tables", bmux.snapshot, "--table", "panes").out


# --- survivors --------------------------------------------------------------------------------


def test_a_survivor_is_exit_code_5(bmux: Bmux) -> None:
    """No process outlives KILL but one that the system will not let us signal."""
    child = bmux.start()
    bmux.record(doomed=[child])
    script = (
        "import signal, sys\n"
        "from bmux_forensics.cli import main\n"
        "def refuse(*_): raise PermissionError\n"
        "signal.pidfd_send_signal = refuse\n"  # what a security module would do
        "main(sys.argv[1:])\n"
    )
    process = bmux.program("-c", script, "kill", "doomed", "--yes", "--json", "--grace", "0")
    out, _ = process.communicate(timeout=120)
    told = Done(process.returncode, out, "").document("kill")
    assert (told["exit_code"], told["applied"], told["had_snapshot"]) == (5, True, True)
    assert told["error"]["kind"] == "partly-done"
    assert str(child.pid) in told["error"]["message"]
    assert outcomes(told) == {child.pid: ("confirmed", "survived")}
    assert is_running(child.pid)
    # The session is in no snapshot any more: only the journal knows what was to be ended.
    assert "`kill --resume` ends the proven" in bmux.cli("history").err
    (row,) = bmux.cli("kill", "--resume", "--json").document("resume")["resumed"]
    assert outcomes(row, "groups") == {child.pid: ("confirmed", "ended")}
    assert bmux.cli("kill", "--resume").out == "nothing to resume\n"


def test_no_bmux_at_all(bmux: Bmux) -> None:
    assert bmux.cli("processes").code == 3
    told = bmux.cli("processes", "--json").document("processes")
    assert told["error"]["kind"] == "no-such-file"


def test_processes_of_standard_input_prove_nothing(bmux: Bmux) -> None:
    child = bmux.start()
    raw = bmux.record(doomed=[child]).read_text()
    process = bmux.program("-m", "bmux_forensics", "processes", "-", "--json")
    out, err = process.communicate(raw, timeout=120)
    (row,) = Done(process.returncode, out, err).document("processes")["groups"]
    assert (row["verdict"], row["saved_at"], row["owner_uid"]) == ("unknown", None, None)
    assert "whose snapshot it is" in row["reason"]


def test_processes_writes_nothing(bmux: Bmux) -> None:
    child = bmux.start()
    bmux.record(doomed=[child])
    before = sorted(p for p in bmux.folder.rglob("*") if bmux.nursery.folder not in p.parents)
    told = bmux.cli("processes", "--json").document("processes")
    (row,) = told["groups"]
    assert (row["pgid"], row["verdict"], row["marker"]) == (
        child.pid,
        "confirmed",
        "BMUX_DATA_DIR,BMUX_PANE,BMUX_RUNTIME_NAME",
    )
    assert str(bmux.folder / "bmux-data") not in row["marker"]
    after = sorted(p for p in bmux.folder.rglob("*") if bmux.nursery.folder not in p.parents)
    assert after == before
    assert sys.executable in row["member_commands"]
