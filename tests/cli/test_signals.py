"""A signal lets go of whatever is held, and the exit code says which it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.actions.scenes import Trace, below, child, end, eventually

from .conftest import PROGRAM, Done, Start

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.fixture
def held(snapshot: Path) -> tuple[Path, Path, Path]:
    """Give a link to the snapshot, its lock (free), and the lock of the file (held).

    A kill by the link takes both, in the order of their names: so it holds the first
    for as long as it waits for the second.
    """
    link = snapshot.with_name("a-link.json")
    link.symlink_to(snapshot.name)
    second = snapshot.with_name("snap.json.lock")
    second.write_bytes(b"pid=1\n")
    return link, snapshot.with_name("a-link.json.lock"), second


@pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
def test_a_signal_lets_go_of_the_lock(
    number: signal.Signals, held: tuple[Path, Path, Path], start: Start
) -> None:
    link, first, second = held
    before = Trace.of(link)
    process = start("kill", "alpha", "--yes", "--snapshot", link, "--lock-timeout", "600")
    eventually(first.exists)
    assert first.read_text().startswith(f"pid={process.pid}\n")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (CODES[number], "", "")
    assert Trace.of(link) == before
    assert below(link.parent) == ["a-link.json", "snap.json", second.name]


def test_many_signals_are_one(held: tuple[Path, Path, Path], start: Start) -> None:
    link, first, second = held
    process = start("kill", "alpha", "--yes", "--snapshot", link, "--lock-timeout", "600")
    eventually(first.exists)
    for number in (*CODES, *CODES):
        process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode in CODES.values(), out, err) == (True, "", "")
    assert below(link.parent) == ["a-link.json", "snap.json", second.name]


def test_json_tells_the_signal(held: tuple[Path, Path, Path], start: Start) -> None:
    link, first, _ = held
    process = start("kill", "alpha", "--yes", "--json", "--snapshot", link, "--lock-timeout", "600")
    eventually(first.exists)
    process.terminate()
    out, err = process.communicate(timeout=60)
    told = Done(process.returncode, out, err).document("kill")
    assert told["error"] == {"kind": "interrupted", "message": "ended by SIGTERM"}
    assert told["applied"] is None
    assert json.loads(out)["exit_code"] == 143


def test_a_signal_that_is_ignored_stays_ignored(
    held: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    link, first, _ = held
    ignoring = (
        "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN);"
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    verb = ("kill", "alpha", "--yes", "--snapshot", str(link), "--lock-timeout", "600")
    process = child("-c", ignoring, *PROGRAM, *verb, folder=tmp_path)
    try:
        eventually(first.exists)
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == 143
        assert not first.exists()
    finally:
        end(process)


INSIDE = """
import os, signal, sys
from bmux_forensics.cli.app import main
from bmux_forensics.store import replace
step = getattr(replace.Staged, sys.argv[1])
def interrupted(self, *arguments):
    if sys.argv[2] == "before":
        os.kill(os.getpid(), signal.SIGTERM)
    value = step(self, *arguments)
    if sys.argv[2] == "after":
        os.kill(os.getpid(), signal.SIGTERM)
    return value
setattr(replace.Staged, sys.argv[1], interrupted)
main(sys.argv[3:])
"""


SWALLOWED = """
import os, signal, sys
from bmux_forensics.cli.app import main
from bmux_forensics.errors import SectionUndecodableError
from bmux_forensics.snapshot.reading import Reading
def require(self):
    # What compiled code makes of an exception in a callback that it did not expect.
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except BaseException:
        raise SectionUndecodableError("snap.json", "nonsense") from None
Reading.require = require
main(sys.argv[1:])
"""


@pytest.mark.parametrize("as_json", [False, True])
def test_a_signal_that_others_took_for_damage(
    as_json: bool, snapshot: Path, tmp_path: Path
) -> None:
    extra = ["--json"] if as_json else []
    verb = ("kill", "alpha", "--yes", "--snapshot", str(snapshot), *extra)
    process = child("-c", SWALLOWED, *verb, folder=tmp_path)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (143, "")
    if as_json:
        told = Done(process.returncode, out, err).document("kill")
        assert (told["error"]["kind"], told["applied"]) == ("interrupted", None)
    assert below(snapshot.parent) == ["snap.json"]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", ["_write", "commit", "_rename", "prove"])
def test_a_signal_at_any_step_leaves_one_of_two_files(
    step: str, moment: str, snapshot: Path, tmp_path: Path
) -> None:
    old = snapshot.read_bytes()
    done = subprocess.run(
        [
            *(sys.executable, "-c", INSIDE, step, moment),
            *("kill", "alpha", "--yes", "--snapshot", str(snapshot)),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=tmp_path,
        env=dict(os.environ),
    )
    assert (done.returncode, done.stdout) == (143, ""), done.stderr
    replaced = step == "prove" or (step, moment) in {("_rename", "after"), ("commit", "after")}
    assert (snapshot.read_bytes() != old) == replaced
    assert below(snapshot.parent) == ["snap.json"]
