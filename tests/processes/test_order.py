"""Processes come last: after the rename, after the lock, or not at all; and all at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

import pytest

import bmux_forensics as bf
from tests.actions.scenes import Trace

from .conftest import PROOF, WAIT, Bmux, Done, is_running, outcomes, wait_until

GROUPS = 64
GRACE = 0.5
KILL = ("-m", "bmux_forensics", "kill", "doomed", "--yes", "--json")

# --- not at all -------------------------------------------------------------------------------


def killed_in_vain(bmux: Bmux, *program: str) -> Done:
    """Kill under circumstances in which it can't be written; nobody is ended for it."""
    child = bmux.start()
    before = Trace.of(bmux.record(doomed=[child]))
    process = bmux.program("-c", "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])", *program)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 6, out + err
    assert Trace.of(bmux.snapshot) == before
    assert is_running(child.pid)
    assert bf.resume() == []
    return Done(process.returncode, out, err)


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace: faults were not tried")
@pytest.mark.parametrize("call", ["fsync", "fchmod", "rename,renameat,renameat2"])
def test_a_step_that_fails_costs_nobody_the_life(call: str, bmux: Bmux) -> None:
    strace = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={call}:error=EPERM")
    told = killed_in_vain(bmux, *strace, sys.executable, *KILL).document("kill")
    assert (told["applied"], told["error"]["kind"]) == (False, "write-failed")


ON_A_BAD_DISK = """
import os, shutil, subprocess, sys
from pathlib import Path
state, path = sys.argv[1], Path(sys.argv[2])
raw, times = path.read_bytes(), path.stat()
def mount(*options):
    subprocess.run(["mount", "-t", "tmpfs", *options, "none", str(path.parent)], check=True)
mount("-o", f"size={len(raw) // 4096 * 4096 + 8192}")
path.write_bytes(raw)
os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
if state == "full":
    with open(path.parent / "filler", "wb", buffering=0) as filler:
        try:
            while filler.write(bytes(1024)): pass
        except OSError:
            pass
else:
    subprocess.run(["mount", "-o", "remount,ro", str(path.parent)], check=True)
from bmux_forensics.cli import main
main(sys.argv[3:])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk of its own")
@pytest.mark.parametrize("state", ["full", "read-only"])
def test_a_disk_that_takes_nothing_costs_nobody_the_life(state: str, bmux: Bmux) -> None:
    if subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no mount namespaces here")
    inside = (sys.executable, "-c", ON_A_BAD_DISK, state, str(bmux.snapshot))
    killed_in_vain(bmux, "unshare", "-m", *inside, "kill", "doomed", "--yes", "--json")


# --- after the lock ---------------------------------------------------------------------------

OBSERVER = (
    "def look(number, frame):\n"
    "    held = os.path.exists({path!r} + '.lock')\n"
    "    changed = open({path!r}, 'rb').read() != old\n"
    "    with open({log!r}, 'a') as log:\n"
    "        log.write(f'{{number}} {{held}} {{changed}} {{time.monotonic()}}\\n')\n"
    "ready('made')\n"
    "while not os.path.exists({path!r}): time.sleep(0.002)\n"
    "old = open({path!r}, 'rb').read()\n"
    "signal.signal(signal.SIGHUP, look)\n"
    "signal.signal(signal.SIGTERM, look)\n"
)
"""A pane's process that looks, at each signal, at the lock and at the file."""


def observer(bmux: Bmux, after: str = "") -> subprocess.Popen[bytes]:
    source = OBSERVER.format(path=str(bmux.snapshot), log=str(bmux.folder / "log"))
    return bmux.start(source + after + "ready('looks')\nwhile True: time.sleep(600)\n")


def wait_for_its_eyes(bmux: Bmux, child: subprocess.Popen[bytes]) -> None:
    wait_until(lambda: "looks" in bmux.nursery.marks(child), "it looks")


def observed(bmux: Bmux) -> list[list[str]]:
    """What the process saw at each signal, by signal: one may interrupt the other's handler."""
    lines = [line.split() for line in (bmux.folder / "log").read_text().splitlines()]
    return sorted(lines, key=lambda line: int(line[0]))


def test_processes_end_after_the_change_and_after_the_lock(bmux: Bmux) -> None:
    child = observer(bmux)
    bmux.record(doomed=[child])
    wait_for_its_eyes(bmux, child)
    done = bmux.run("kill", "doomed", "--yes", "--json", "--grace", "0.3")
    assert outcomes(done.document("kill")) == {child.pid: ("confirmed", "killed")}
    assert [line[:3] for line in observed(bmux)] == [
        ["1", "False", "True"],
        ["15", "False", "True"],
    ]


MANY = (
    "for _ in range(%d):\n"
    "    if not os.fork():\n"
    "        os.setsid(); %sready(); time.sleep(600); os._exit(0)\n"
    "while True: os.wait()\n"
)


def test_64_groups_at_once(bmux: Bmux) -> None:
    """All of them outlive TERM, and are gone within the grace and a second."""
    spent = []
    for _ in range(3):  # a busy machine may take its time
        (bmux.folder / "log").unlink(missing_ok=True)
        bmux.snapshot.unlink(missing_ok=True)
        watcher = observer(bmux)
        deaf = bmux.start(MANY % (GROUPS - 1, PROOF.strip() + "; "), ready=GROUPS - 1)
        pgids = sorted(map(int, bmux.nursery.marks(deaf)))
        bmux.record(doomed=[watcher, *pgids])
        wait_for_its_eyes(bmux, watcher)
        outcome = bf.kill(None, ["doomed"], reach=bf.Reach(grace=GRACE))
        ended = time.monotonic()
        groups = outcome.passage.processes
        assert {g["pgid"] for g in groups if g["role"] == "recorded"} == {watcher.pid, *pgids}
        assert all(g["ok"] for g in groups)
        assert not any(map(is_running, [watcher.pid, *pgids]))
        lines = observed(bmux)
        assert [line[:3] for line in lines] == [["1", "False", "True"], ["15", "False", "True"]]
        spent.append(ended - float(lines[0][3]))
        if spent[-1] < GRACE + 1:
            return
    pytest.fail(f"it took {spent} s")


def test_the_journal_names_each_process_and_none_of_its_words(bmux: Bmux) -> None:
    child = bmux.start("SECRET = 's3cr3t'\n" + WAIT)
    bmux.record(doomed=[child], other=[None])
    bmux.kill("doomed")
    journal = (bmux.folder / "state" / "journal.jsonl").read_text()
    assert f'"pgid":{child.pid}' in journal.replace(" ", "")
    assert "s3cr3t" not in journal
    assert sys.executable not in journal
    assert bf.verify().empty
    (row,) = bf.history().to_dict("records")
    assert (row["state"], row["sessions"]) == ("done", 1)
    assert bf.undo().applied
