"""Killed half-way, a kill is known, told, and finished by --resume; what is not proven stays."""

from __future__ import annotations

import os
import signal

import pytest

import bmux_forensics as bf

from .conftest import DEAF, WAIT, Bmux, gone, is_running, outcomes

STOPPED = """
import importlib, sys
from bmux_forensics.cli import main
import bmux_forensics.actions.processes
module, _, name = sys.argv[1].rpartition(":")
moment, arguments = sys.argv[2], sys.argv[3:]
place = importlib.import_module(module)
*owners, name = name.split(".")
for owner in owners:
    place = getattr(place, owner)
step = getattr(place, name)
def stop():
    print("stopped", file=sys.stderr, flush=True)
    sys.stdin.readline()
def stopped(*values, **options):
    if moment == "before":
        stop()
    value = step(*values, **options)
    if moment == "after":
        stop()
    return value
setattr(place, name, stopped)
main(arguments)
"""
"""The command line, stopped before or after one of its steps until it reads a line."""

BEFORE_RENAME = ("bmux_forensics.store.replace:Staged._rename", "before")
RENAMED = ("bmux_forensics.store.replace:Staged.commit", "after")
UNLOCKED = ("bmux_forensics.actions.processes:end_groups", "before")
WATCHING = ("bmux_forensics.host.ending:_Run._watch", "before")
ENDED = ("bmux_forensics.actions.custody:Notice.tell_processes", "before")


def crashed(bmux: Bmux, place: tuple[str, str], *arguments: str) -> None:
    """Kill with SIGKILL a run that is stopped there, and let go of its lock."""
    process = bmux.program("-c", STOPPED, *place, "kill", "doomed", "--yes", *arguments)
    assert process.stderr is not None
    assert process.stderr.readline() == "stopped\n"
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert bmux.cli("unlock").code in (0, 1)


@pytest.mark.parametrize(
    ("place", "left"),
    [
        pytest.param(RENAMED, 2, id="after the rename"),
        pytest.param(UNLOCKED, 2, id="before the first signal"),
        pytest.param(WATCHING, 1, id="after TERM"),
        pytest.param(ENDED, 0, id="before the journal is told"),
    ],
)
def test_what_was_cut_short_is_told_and_finished(
    place: tuple[str, str], left: int, bmux: Bmux
) -> None:
    meek, deaf, other = bmux.start(), bmux.start(DEAF + WAIT), bmux.start()
    bmux.record(doomed=[meek, deaf], more=[None], other=[other])
    crashed(bmux, place, "--grace", "0.2")
    if place == WATCHING:
        meek.wait()  # it has its TERM
    assert sum(map(is_running, (meek.pid, deaf.pid))) == left
    (change,) = bf.history().to_dict("records")
    assert change["state"] == "done"
    assert "what became of its processes is not known" in change["note"]
    assert bf.verify()["severity"].isin(["note"]).all()

    done = bmux.cli("kill", "more", "--yes")
    assert (done.code, done.out.count("killed session")) == (0, 1)
    assert f"kill {change['id']} of {bmux.snapshot}" in done.err
    assert "`kill --resume` ends the proven" in done.err

    would = bmux.cli("kill", "--resume", "--dry-run")
    assert (would.code, would.out.splitlines()[0]) == (0, f"would resume: {change['id']}")
    assert sum(map(is_running, (meek.pid, deaf.pid))) == left

    done = bmux.cli("kill", "--resume", "--json", "--grace", "0.2")
    (row,) = done.document("resume")["resumed"]
    assert (done.code, row["id"], row["error"]) == (0, change["id"], None)
    expected = {
        meek.pid: ("confirmed", "ended") if left > 1 else ("gone", "skipped"),
        deaf.pid: ("confirmed", "killed") if left > 0 else ("gone", "skipped"),
    }
    assert outcomes(row, "groups") == expected
    assert gone(meek, deaf)
    assert is_running(other.pid)
    assert bmux.cli("kill", "--resume").out == "nothing to resume\n"
    assert bf.history()["note"].dropna().str.contains("--resume").sum() == 0


def test_before_the_rename_there_is_nothing_to_resume(bmux: Bmux) -> None:
    child = bmux.start()
    before = bmux.record(doomed=[child], other=[None]).read_bytes()
    crashed(bmux, BEFORE_RENAME)
    assert bmux.snapshot.read_bytes() == before
    assert bmux.cli("kill", "--resume").out == "nothing to resume\n"
    assert is_running(child.pid)
    assert bf.history()["state"].tolist() == ["failed"]
    done = bmux.cli("kill", "other", "--yes")
    assert "it was not done" in done.err
    assert "--resume" not in done.err
    assert is_running(child.pid)


def test_a_kill_that_was_undone_is_not_resumed(bmux: Bmux) -> None:
    child = bmux.start()
    bmux.record(doomed=[child])
    crashed(bmux, RENAMED)
    assert bmux.cli("undo", "--yes").code == 0
    assert bmux.cli("kill", "--resume").out == "nothing to resume\n"
    assert is_running(child.pid)


def test_the_snapshot_need_not_be_there_any_more(bmux: Bmux) -> None:
    child = bmux.start()
    bmux.record(doomed=[child])
    crashed(bmux, UNLOCKED)
    bmux.snapshot.unlink()
    (row,) = bmux.cli("kill", "--resume", "--json").document("resume")["resumed"]
    assert outcomes(row, "groups") == {child.pid: ("confirmed", "ended")}


def test_without_the_old_bytes_nothing_is_proven(bmux: Bmux) -> None:
    child = bmux.start()
    bmux.record(doomed=[child])
    crashed(bmux, UNLOCKED)
    (backup,) = bf.backups()["path"]
    os.chmod(backup, 0o600)  # noqa: PTH101 - a path as text
    with open(backup, "r+b") as file:  # noqa: PTH123 - as above
        file.write(b"#")
    done = bmux.cli("kill", "--resume", "--json")
    (row,) = done.document("resume")["resumed"]
    assert (done.code, row["error"]["kind"], row["groups"]) == (5, "proof-failed", [])
    assert is_running(child.pid)


JOBS = (
    "for name in ('job', 'stray'):\n"
    "    if not os.fork():\n"
    "        os.setpgid(0, 0) if name == 'job' else os.setsid()\n"
    "        signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    "        ready(f'{name}-{os.getpid()}'); time.sleep(600)\n"
    "time.sleep(600)\n"
)


@pytest.mark.parametrize("wide", [False, True], ids=["as usual", "whole session, strays"])
def test_a_resumed_kill_goes_as_far_as_the_kill(bmux: Bmux, *, wide: bool) -> None:
    shell = bmux.start(JOBS, ready=2)
    bmux.record(doomed=[shell], other=[None])
    marks = dict(name.split("-") for name in bmux.nursery.marks(shell))
    job, stray = int(marks["job"]), int(marks["stray"])
    flags = ("--whole-session", "--include-strays") if wide else ()
    plan = bmux.cli("kill", "doomed", "-n", "--json", *flags).document("kill")["process_plan"]
    assert {row["pgid"] for row in plan if row["signals"]} <= {shell.pid, job, stray}
    crashed(bmux, UNLOCKED, *flags)
    (row,) = bmux.cli("kill", "--resume", "--json").document("resume")["resumed"]
    assert outcomes(row, "groups") == {
        shell.pid: ("confirmed", "ended"),
        job: ("confirmed", "ended" if wide else "survived"),
        **({stray: ("stray", "ended")} if wide else {}),
    }
    assert [is_running(pid) for pid in (job, stray)] == [not wide, not wide]


def test_resume_takes_no_selectors(bmux: Bmux) -> None:
    for words in (["x"], ["--all"], ["--scrub"], ["--no-signal"], ["--group-only"]):
        done = bmux.cli("kill", "--resume", *words)
        assert (done.code, "--resume takes no selectors" in done.err) == (2, True)
    assert bmux.cli("kill", "--resume").out == "nothing to resume\n"
    assert not bmux.snapshot.exists()


def test_an_interrupted_ending_is_resumed(bmux: Bmux) -> None:
    """Ctrl-C, too, leaves processes that the journal names."""
    deaf = bmux.start(DEAF + WAIT)
    bmux.record(doomed=[deaf])
    process = bmux.program("-c", STOPPED, *WATCHING, "kill", "doomed", "--yes", "--json")
    assert process.stderr is not None
    assert process.stderr.readline() == "stopped\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    assert is_running(deaf.pid)
    (row,) = bmux.cli("kill", "--resume", "--json", "--grace", "0").document("resume")["resumed"]
    assert outcomes(row, "groups") == {deaf.pid: ("confirmed", "killed")}
