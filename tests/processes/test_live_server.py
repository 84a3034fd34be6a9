"""A live server keeps its snapshot and its processes; what a dead one left behind does not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import bmux_forensics as bf
from tests.actions.scenes import Trace, below
from tests.worlds import pane, runtime, session

from .conftest import WAIT, Bmux, Done, gone, is_running, outcomes, uuid, wait_until

VERBS = {"kill": ("kill", "doomed"), "undo": ("undo",), "repair": ("repair",)}


def prepared(bmux: Bmux, verb: str) -> Path:
    """Save a snapshot that the verb has something to do to."""
    if verb == "repair":  # a row of no session, which a server would choke on
        rows = [runtime(uuid(i), pane(uuid(9 + i))) for i in range(2)]
        return bmux.save([session(uuid(0), "doomed")], rows)
    path = bmux.record(doomed=[None], other=[None])
    if verb == "undo":
        bf.kill(path, ["other"])
    return path


@pytest.mark.parametrize("place", [".", "runtimes/work"])
@pytest.mark.parametrize("verb", VERBS)
def test_a_live_servers_snapshot_is_refused(verb: str, place: str, bmux: Bmux) -> None:
    path = prepared(bmux, verb)
    before, names = Trace.of(path), below(path.parent)
    state = below(bmux.folder / "state")
    server = bmux.listen(place)
    done = bmux.cli(*VERBS[verb], "--yes")
    assert done.code == 4, done
    assert "a bmux server owns it" in done.err
    assert str((bmux.runtime / place).resolve()) in done.err
    assert "use `bmux kill-session`, or stop the server first" in done.err
    assert (Trace.of(path), below(path.parent)) == (before, names)
    assert below(bmux.folder / "state") == state  # no backup, no entry
    if verb != "repair":
        assert bmux.cli(*VERBS[verb], "--yes", "--assume-no-server").code == 4  # it answers
    server.kill()
    server.wait()
    assert bmux.cli(*VERBS[verb], "--yes").code == 0  # its socket alone is no server
    assert Trace.of(path) != before


def test_what_a_dead_server_left_does_not_count(bmux: Bmux) -> None:
    child = bmux.start()
    bmux.record(doomed=[child])
    server = bmux.listen()
    server.kill()
    server.wait()
    (bmux.runtime / "server.pid").write_text(f"{child.pid}\n")  # runs, and is no bmux
    (bmux.runtime / "server-meta.json").write_text("{}")
    assert outcomes(bmux.kill("doomed")) == {child.pid: ("confirmed", "ended")}


def test_a_server_by_its_pid_file_alone(bmux: Bmux) -> None:
    path = bmux.record(doomed=[None])
    bmux.runtime.mkdir()
    program = bmux.folder / "bmux"
    shutil.copy(shutil.which("sleep") or "/bin/sleep", program)
    server = bmux.nursery.start(["bmux", "600"], executable=str(program), bmux=False)
    (bmux.runtime / "server.pid").write_text(f"{server.pid}\n")
    wait_until(lambda: bmux.cli("kill", "doomed", "--yes").code == 4, "it is bmux")
    assert bf.open_snapshot(path).problems == ()


def test_a_refusal_tells_the_same_in_json(bmux: Bmux) -> None:
    bmux.record(doomed=[None])
    bmux.listen()
    told = bmux.kill("doomed")
    assert (told["exit_code"], told["error"]["kind"], told["applied"]) == (4, "server-live", False)


def test_its_own_group_is_protected_and_it_is_listed(bmux: Bmux) -> None:
    server = bmux.listen()
    child = bmux.start()
    bmux.record(doomed=[child, server])
    told = bmux.cli("processes", "--json").document("processes")
    assert [row["pid"] for row in told["servers"]] == [server.pid]
    assert [row["verdict"] for row in told["groups"]] == ["confirmed", "protected"]
    assert f"(pid {server.pid}" in bmux.cli("processes").err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_users_runtime_is_refused_unless_assumed_away(bmux: Bmux) -> None:
    child = bmux.start()
    path = bmux.record(doomed=[child])
    for place in [bmux.folder, *bmux.folder.parents[:-2]]:
        place.chmod(place.stat().st_mode | 0o011)
    bmux.runtime.mkdir()
    os.chown(bmux.runtime, 65534, 65534)
    bmux.nursery.python(
        f"import socket; os.chdir({str(bmux.runtime)!r}); os.setgid(65534); os.setuid(65534)\n"
        "server = socket.socket(socket.AF_UNIX); server.bind('server.sock'); server.listen()\n"
        + WAIT,
        bmux=False,
    )
    before = Trace.of(path)
    done = bmux.cli("kill", "doomed", "--yes")
    assert done.code == 4
    assert "it is user 65534's" in done.err
    assert "--assume-no-server" in done.err
    assert Trace.of(path) == before
    told = bmux.kill("doomed", "--assume-no-server")
    assert outcomes(told) == {child.pid: ("confirmed", "ended")}


COMES_UP = """
import os, sys
from bmux_forensics.cli import main
from bmux_forensics.store import replace
commit = replace.Staged.commit
def paused(self, last_look):
    value = commit(self, last_look)
    print("renamed", file=sys.stderr, flush=True)
    sys.stdin.readline()
    return value
replace.Staged.commit = paused
main(sys.argv[1:])
"""
"""The command line, stopped between the rename and whatever comes after it."""


def test_a_server_that_comes_up_after_the_rename_keeps_the_processes(bmux: Bmux) -> None:
    child = bmux.start()
    dead = bmux.start("ready()\n")
    dead.wait()
    before = bmux.record(doomed=[child, dead], other=[None]).read_bytes()
    process = bmux.program("-c", COMES_UP, "kill", "doomed", "--yes", "--json")
    assert process.stderr is not None
    assert process.stderr.readline() == "renamed\n"
    server = bmux.listen()
    out, err = process.communicate("go\n", timeout=120)
    told = Done(process.returncode, out, err).document("kill")
    assert (told["exit_code"], told["applied"]) == (5, True)
    assert bmux.snapshot.read_bytes() != before
    assert outcomes(told) == {
        child.pid: ("confirmed", "skipped"),
        dead.pid: ("gone", "skipped"),
    }
    assert f"groups are left: {child.pid};" in told["error"]["message"]
    assert "kill --resume" in told["error"]["message"]
    assert is_running(child.pid)
    # It is journalled: history says so, and nothing is ended while the server lives.
    (note,) = bf.history()["note"]
    assert "kill --resume" in note
    done = bmux.cli("kill", "--resume", "--json")
    assert done.document("resume")["error"]["kind"] == "server-live"
    assert done.code == 4
    assert is_running(child.pid)
    server.kill()
    server.wait()
    (row,) = bmux.cli("kill", "--resume", "--json").document("resume")["resumed"]
    assert outcomes(row, "groups") == {child.pid: ("confirmed", "ended")}
    assert gone(child)
    assert bmux.cli("kill", "--resume").out == "nothing to resume\n"
    assert bf.history()["note"].isna().all()
