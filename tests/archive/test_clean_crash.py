"""A clean that is killed at any moment: every file is old or new, and the next run goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from functools import partial
from pathlib import Path

import pytest

import bmux_forensics as bf
from tests.actions.scenes import ALPHA, SAVED, child, eventually, save, world
from tests.cli.conftest import Start

FILES = 500


@pytest.fixture
def archive(tmp_path: Path) -> list[Path]:
    raw = world().raw
    return [save(tmp_path / "archive" / f"{number:03}.json", raw) for number in range(FILES)]


def begin(start: Start, archive: list[Path], *options: str) -> subprocess.Popen[str]:
    arguments = ("clean", archive[0].parent, "--session", ALPHA, "--yes", "--json", *options)
    return start(*arguments, start_new_session=True)


def is_other(path: Path, old: bytes) -> bool:
    return path.read_bytes() != old


def killed(process: subprocess.Popen[str]) -> None:
    """End a run and its workers, which are a group of their own."""
    assert os.getpgid(process.pid) == process.pid != os.getpgrp()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)


def contents(archive: list[Path]) -> list[bytes]:
    return [path.read_bytes() for path in archive]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_killed_in_the_middle_the_next_run_completes(
    jobs: str, archive: list[Path], tmp_path: Path, start: Start
) -> None:
    old = archive[0].read_bytes()
    alone = save(tmp_path / "alone.json", old)
    bf.kill(alone, [ALPHA])
    new = alone.read_bytes()
    done = 0
    for _ in range(2):
        process = begin(start, archive, "--jobs", jobs)
        waiting = next(path for path in archive if path.read_bytes() == old)
        eventually(partial(is_other, waiting, old))
        killed(process)
        assert set(contents(archive)) == {old, new}
        assert done < contents(archive).count(new) < FILES
        done = contents(archive).count(new)
    process = begin(start, archive, "--jobs", jobs)
    out, err = process.communicate(timeout=120)
    told = json.loads(out)
    assert process.returncode == 0, err
    counts = told["counts"]
    assert counts["cleaned"] + counts["unchanged"] == FILES
    assert (counts["cleaned"], counts["unchanged"]) == (FILES - done, done)
    assert set(contents(archive)) == {new}
    assert sorted(archive[0].parent.iterdir()) == archive
    assert {path.stat().st_mtime_ns for path in archive} == {SAVED}
    assert bf.verify().empty
    states = bf.history()["state"].value_counts().to_dict()
    assert states.pop("done") == FILES + 1  # and the one that was killed alone
    assert set(states) <= {"failed"}  # announced, and never begun


def test_a_signal_leaves_no_lock_and_the_next_run_goes_on(
    archive: list[Path], start: Start
) -> None:
    old = archive[0].read_bytes()
    process = begin(start, archive, "--jobs", "1")
    eventually(lambda: archive[0].read_bytes() != old)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, json.loads(out)["error"]["kind"]) == (143, "interrupted"), err
    assert "Traceback" not in err
    assert sorted(archive[0].parent.iterdir()) == archive
    assert 0 < contents(archive).count(old) < FILES
    assert "open" not in set(bf.history()["state"])
    process = begin(start, archive, "--jobs", "1")
    out, err = process.communicate(timeout=120)
    assert json.loads(out)["counts"]["failed"] == 0, err
    assert old not in contents(archive)
    assert bf.verify().empty


# A program that kills itself before its n-th call that changes something, in the middle of a
# group of files; the same rehearsal as for a single change.
REHEARSAL = """
import os, sys
from pathlib import Path
from tests.custody.rehearsal import die_before
import bmux_forensics as bf
folder, step = Path(sys.argv[1]), int(sys.argv[2])
output = sys.argv[4] if len(sys.argv) > 4 else None
bf.preview_clean(folder, sessions=[sys.argv[3]], jobs=1)
die_before(step)
bf.clean(folder, sessions=[sys.argv[3]], output=output, jobs=1)
sys.setprofile(None)
"""


@pytest.mark.parametrize("step", range(1, 80, 6))
def test_killed_before_any_change_of_a_group(step: int, tmp_path: Path) -> None:
    old = world().raw
    paths = [save(tmp_path / "archive" / f"{i}.json", old) for i in range(3)]
    process = child("-c", REHEARSAL, str(tmp_path / "archive"), str(step), ALPHA, folder=tmp_path)
    _, err = process.communicate(timeout=60)
    assert process.returncode in (0, -signal.SIGKILL), err
    between = contents(paths)
    done = bf.clean(tmp_path / "archive", sessions=[ALPHA], jobs=1)
    assert done.counts["cleaned"] == between.count(old)
    assert done.counts["cleaned"] + done.counts["unchanged"] == len(paths)
    assert len(set(contents(paths))) == 1
    assert old not in contents(paths)
    assert sorted(paths[0].parent.iterdir()) == paths
    assert bf.verify().empty
    assert set(bf.history()["state"]) <= {"done", "failed"}


@pytest.mark.parametrize("step", range(1, 9, 2))
def test_killed_while_it_writes_copies_the_next_run_tidies_up(step: int, tmp_path: Path) -> None:
    paths = [save(tmp_path / "archive" / f"{i}.json", world().raw) for i in range(2)]
    out = tmp_path / "out"
    foreign = save(out / ".0.json.somebody", b"mine")
    process = child(
        "-c", REHEARSAL, str(tmp_path / "archive"), str(step), ALPHA, str(out), folder=tmp_path
    )
    _, err = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, err
    done = bf.clean(tmp_path / "archive", sessions=[ALPHA], output=out, jobs=1)
    assert done.counts["cleaned"] == len(paths)
    assert sorted(out.iterdir()) == [foreign, out / "0.json", out / "1.json"]
    assert (out / "0.json").read_bytes() == (out / "1.json").read_bytes()
