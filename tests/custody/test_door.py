from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import bmux_forensics as bf
from bmux_forensics.actions.custody_facts import Deed
from bmux_forensics.actions.custody_record import PROCESSES, records
from bmux_forensics.actions.door import Passage, change_file
from bmux_forensics.store.journal import INTENT, OUTCOME, last_entry, read_journal
from tests.actions.scenes import below, child, end, save, world

GROUP = {"pgid": 4242, "pid": 4242, "started": 12.5, "boot": "b", "command": "secret"}


def prepare(found: bf.Snapshot) -> bf.Snapshot:
    return bf.plan_of_kill(found, ["alpha"]).after


def test_processes_are_ended_when_the_file_is_done(snapshot: Path) -> None:
    def ending(passage: Passage) -> list[dict[str, Any]]:
        assert passage.applied
        assert below(snapshot.parent) == ["snap.json"]  # the lock is released
        last = last_entry()
        assert last is not None
        assert (last.kind, last.facts["state"]) == (OUTCOME, "completed")
        return [{"pgid": 4242, "outcome": "ended", "detail": "secret"}]

    deed = Deed(groups=[GROUP])
    passage = change_file(snapshot, prepare, verb="kill", account=lambda: deed, ending=ending)
    assert passage.processes[0]["detail"] == "secret"
    entries = read_journal().entries
    assert [entry.kind for entry in entries] == [INTENT, OUTCOME, PROCESSES]
    (change,) = records(entries)
    assert change.id == passage.entry
    assert change.groups == ({"pgid": 4242, "pid": 4242, "started": 12.5, "boot": "b"},)
    assert change.processes == ({"pgid": 4242, "outcome": "ended"},)


def test_processes_that_nobody_ended_are_named(snapshot: Path) -> None:
    def ending(_: Passage) -> list[dict[str, Any]]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        change_file(snapshot, prepare, account=lambda: Deed(groups=[GROUP]), ending=ending)
    (change,) = records(read_journal().entries)
    assert (change.state, change.processes) == ("done", None)
    assert change.groups[0]["pgid"] == 4242


WAIT_BEFORE_THE_RENAME = """
import os, sys
import bmux_forensics as bf
rename = os.replace
def wait(*arguments, **options):
    print("here", flush=True)
    sys.stdin.readline()
    return rename(*arguments, **options)
os.replace = wait
bf.kill(sys.argv[1], ["alpha"])
"""


@pytest.fixture
def waiting(snapshot: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A kill that has been announced and not yet been done."""
    process = child("-c", WAIT_BEFORE_THE_RENAME, str(snapshot), folder=tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    yield process
    end(process)


def test_a_change_on_its_way_is_nobody_elses_business(
    waiting: subprocess.Popen[str], snapshot: Path, tmp_path: Path
) -> None:
    other = save(tmp_path / "other.json", world().raw)
    assert bf.kill(other, ["alpha"]).passage.notes == ()
    assert list(bf.history()["state"]) == ["open", "done"]
    name = bf.history(snapshot)["id"][0]
    with pytest.raises(bf.ForensicsError, match=f"process {waiting.pid} is still at it"):
        bf.undo(name)
    _, err = waiting.communicate("\n")
    assert waiting.returncode == 0, err
    assert list(bf.history()["state"]) == ["done", "done"]
    assert bf.verify().empty


def test_whoever_comes_next_tells_of_a_run_that_was_killed(
    waiting: subprocess.Popen[str], snapshot: Path, tmp_path: Path
) -> None:
    waiting.kill()
    waiting.communicate()
    (row,) = bf.history().to_dict("records")
    assert (row["state"], row["note"]) == ("failed", "cut short: the file's hash tells")
    (problem,) = bf.verify().to_dict("records")
    assert (problem["severity"], problem["kind"]) == ("note", "cut-short")
    other = save(tmp_path / "other.json", world().raw)
    (note,) = bf.kill(other, ["alpha"]).passage.notes
    assert note.startswith(f"kill {row['id']} of {snapshot} was cut short: it was not done")
    assert bf.kill(other, ["-dash"]).passage.notes == ()
    assert bf.verify().empty


def test_a_refusal_tells_it_too(waiting: subprocess.Popen[str], snapshot: Path) -> None:
    waiting.kill()
    waiting.communicate()
    bf.unlock(snapshot)
    with pytest.raises(bf.ForensicsError, match="session not found") as no:
        bf.kill(snapshot, ["nobody"])
    (note,) = no.value.__notes__
    assert "was cut short: it was not done" in note


def test_a_file_that_changed_since_is_said_to_be_unknown(
    waiting: subprocess.Popen[str], snapshot: Path
) -> None:
    waiting.kill()
    waiting.communicate()
    bf.unlock(snapshot)
    save(snapshot.with_name("fresh"), b"saved since").rename(snapshot)
    (row,) = bf.history().to_dict("records")
    assert row["state"] == "unknown"
    (note,) = bf.kill(snapshot, all_sessions=True).passage.notes
    assert "unknown" in note
    assert list(bf.history()["state"]) == ["unknown", "done"]
    bf.undo(path=snapshot)
    with pytest.raises(bf.ForensicsError, match=f"as kill {row['id']} left it"):
        bf.undo(row["id"])
    bf.undo(row["id"], discard_later_changes=True)
    assert snapshot.read_bytes() == world().raw
