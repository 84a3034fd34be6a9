"""history, verify, undo and backups, as people and programs use them."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from pathlib import Path

import pytest

from tests.actions.scenes import ALPHA, BETA, Trace, backups, below, save, world

from .conftest import PROGRAM, Run, Terminal

VERBS = ("history", "verify", "backups")


@pytest.fixture
def killed(snapshot: Path, cli: Run) -> Path:
    assert cli("kill", "alpha", "--yes", "--snapshot", snapshot).code == 0
    return snapshot


@pytest.mark.parametrize("verb", VERBS)
def test_without_a_journal_there_is_nothing_to_show(cli: Run, tmp_path: Path, verb: str) -> None:
    before = below(tmp_path)
    assert cli(verb).code == 0
    done = cli(verb, "--json")
    assert done.code == 0
    done.document(verb)
    assert below(tmp_path) == before


def test_history_lists_changes(killed: Path, cli: Run) -> None:
    cli("undo", "--yes", "--snapshot", killed)
    lines = cli("history").out.splitlines()
    assert lines[0].split("\t") == ["id", "when", "user", "verb", "state", "sessions", "file"]
    assert [line.split("\t")[3:5] for line in lines[1:]] == [["kill", "undone"], ["undo", "done"]]
    assert re.search(r"\t\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d\t", lines[1])
    changes = cli("history", "--json", "--snapshot", killed).document("history")["changes"]
    assert changes[0]["session_ids"] == [ALPHA]
    assert changes[1]["undoes"] == changes[0]["id"]
    rows = list(csv.DictReader(io.StringIO(cli("history", "--format", "csv").out)))
    assert [row["verb"] for row in rows] == ["kill", "undo"]
    assert json.loads(cli("history", "--format", "json").out)[0]["id"] == changes[0]["id"]


def test_history_formats_are_one_or_the_other(cli: Run, tmp_path: Path) -> None:
    assert cli("history", "--json", "--format", "csv").code == 2
    assert cli("history", "--format", "parquet").code == 2
    assert cli("history", "--format", "parquet", "-o", tmp_path / "h.parquet").code == 0
    assert (tmp_path / "h.parquet").stat().st_size > 0


def test_undo_takes_the_last_change_back(killed: Path, cli: Run) -> None:
    done = cli("undo", "--yes", "--snapshot", killed)
    assert done.code == 0
    assert re.fullmatch(r"undone: kill [0-9a-f]{8}\n", done.out)
    again = re.fullmatch(r"to have it again: bmux-forensics undo ([0-9a-f]{8})\n", done.err)
    assert again is not None
    assert killed.read_bytes() == world().raw
    found = cli("undo", again[1], "-y", "--json").document("undo")
    assert (found["verb"], found["way"], found["applied"]) == ("undo", "replace", True)
    assert found["sha256_after"] == hashlib.sha256(killed.read_bytes()).hexdigest()
    done = cli("undo", "--snapshot", killed, "--yes", "--quiet")
    assert (done.code, done.err) == (0, "")


def test_undo_of_bmux_own_snapshot_needs_no_name(own: Path, cli: Run) -> None:
    assert cli("kill", BETA, "--yes").code == 0
    assert cli("undo", "--yes").code == 0
    assert own.read_bytes() == world().raw


def test_a_dry_run_changes_nothing(killed: Path, cli: Run, tmp_path: Path) -> None:
    before, listed = Trace.of(killed), below(tmp_path)
    done = cli("undo", "--dry-run", "--snapshot", killed)
    assert done.code == 0
    assert re.match(r"would undo kill [0-9a-f]{8} of .* in .*snap.json \(the old bytes", done.out)
    found = cli("undo", "-n", "--json", "--snapshot", killed).document("undo")
    assert (found["applied"], found["entry"], found["backup"]) == (False, None, None)
    assert (Trace.of(killed), below(tmp_path)) == (before, listed)


def test_undo_asks(killed: Path, cli: Run, tmp_path: Path) -> None:
    done = cli("undo", "--snapshot", killed)
    assert done.code == 2
    assert "expected --yes, found nobody to ask" in done.line
    before = Trace.of(killed)
    terminal = Terminal(tmp_path, (*PROGRAM, "undo", "--snapshot", str(killed)))
    terminal.read_until("[y/N]")
    terminal.type("n\n")
    assert terminal.finish() == 1
    assert Trace.of(killed) == before
    terminal = Terminal(tmp_path, (*PROGRAM, "undo", "--snapshot", str(killed)))
    assert "Undo kill" in terminal.read_until("[y/N]")
    terminal.type("y\n")
    assert terminal.finish() == 0
    assert killed.read_bytes() == world().raw


def test_a_change_since_is_exit_4(killed: Path, cli: Run) -> None:
    save(killed, b"saved since")
    done = cli("undo", "--yes", "--json", "--snapshot", killed)
    assert done.code == 4
    assert done.document("undo")["error"]["kind"] == "snapshot-changed"
    assert killed.read_bytes() == b"saved since"
    done = cli("undo", "--yes", "--discard-later-changes", "--json", "--snapshot", killed)
    found = done.document("undo")
    assert (found["changed_since"], Path(found["backup"]).read_bytes()) == (True, b"saved since")
    assert killed.read_bytes() == world().raw


def test_nothing_to_undo_is_exit_1(snapshot: Path, cli: Run) -> None:
    done = cli("undo", "--yes", "--json", "--snapshot", snapshot)
    assert done.code == 1
    assert done.document("undo")["error"]["kind"] == "nothing-to-undo"
    assert cli("undo", "0" * 8).code == 1
    assert cli("undo", "0").code == 2


def test_what_was_moved_aside_comes_back(snapshot: Path, cli: Run) -> None:
    save(snapshot, b"torn")
    assert cli("kill", "--all", "--yes", "--snapshot", snapshot).code == 0
    entry = cli("undo", "--yes", "--json", "--snapshot", snapshot).document("undo")["entry"]
    assert snapshot.read_bytes() == b"torn"
    done = cli("undo", entry, "--yes")
    assert "moved aside: " in done.out
    assert not snapshot.exists()


def test_verify_is_exit_1_where_something_is_not_whole(
    killed: Path, cli: Run, tmp_path: Path
) -> None:
    done = cli("verify")
    assert (done.code, done.out) == (0, "whole: the journal (1 changes) and 1 backups\n")
    assert cli("verify", "--json").document("verify")["whole"] is True
    (backup,) = backups(tmp_path)
    backup.write_bytes(b"other bytes")
    done = cli("verify")
    assert done.code == 1
    assert "altered-backup" in done.out
    found = cli("verify", "--json", "--snapshot", killed).document("verify")
    assert (found["whole"], found["error"]) == (False, None)
    assert found["problems"][0]["path"] == str(backup)


def test_backups_are_listed_and_pruned(killed: Path, cli: Run, tmp_path: Path) -> None:
    cli("kill", BETA, "--yes", "--snapshot", killed)
    lines = cli("backups").out.splitlines()
    assert len(lines) == 3
    found = cli("backups", "--json").document("backups")
    assert [len(row["changes"]) for row in found["backups"]] == [1, 1]
    done = cli("backups", "--prune", "--keep", 1, "--dry-run")
    assert done.out.startswith("would remove: ")
    assert cli("backups", "--prune", "--keep", 1).code == 2  # nobody to ask
    assert len(backups(tmp_path)) == 2
    found = cli("backups", "--prune", "--keep", 1, "--yes", "--json").document("backups")
    assert (found["pruned"], [row["prune"] for row in found["backups"]]) == (True, [True, False])
    assert len(backups(tmp_path)) == 1
    done = cli("backups", "--prune", "--older-than", "30d", "--yes")
    assert (done.code, done.out) == (0, "nothing to remove\n")
    assert cli("verify").code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("--prune",),
        ("--keep", "1"),
        ("--older-than", "1d"),
        ("--prune", "--keep", "0"),
        ("--prune", "--older-than", "soon"),
        ("--prune", "--older-than", "1000001d"),
        ("--prune", "--older-than", "999999w"),
    ],
)
def test_limits_must_make_sense(cli: Run, arguments: tuple[str, ...]) -> None:
    done = cli("backups", *arguments)
    assert done.code == 2
    assert "backups" in done.line


def test_hostile_names_are_spelled(tmp_path: Path, cli: Run) -> None:
    path = save(tmp_path / "x\x1b[31m\n\u202e.json", world().raw)
    cli("kill", "alpha", "--yes", "--snapshot", path)
    for arguments in (("history",), ("backups",), ("undo", "-n", "--snapshot", path)):
        done = cli(*arguments)
        assert done.code == 0
        assert not {"\x1b", "\u202e"} & set(done.out)
    assert cli("history", "--json").document("history")["changes"][0]["file"] == str(path)
    assert cli("undo", "--yes", "--snapshot", path).code == 0


def test_what_an_earlier_run_did_is_told(killed: Path, cli: Run, journal_of: Path) -> None:
    lines = journal_of.read_bytes().splitlines(keepends=True)
    journal_of.write_bytes(lines[0])  # the outcome was never written
    done = cli("kill", BETA, "--yes", "--snapshot", killed)
    assert done.code == 0
    assert re.search(r"kill [0-9a-f]{8} of .*snap.json was cut short: it was done", done.err)
    assert "cut short" not in cli("kill", "-y", "--snapshot", killed, "--", "-dash").err
    journal_of.write_bytes(b"".join(journal_of.read_bytes().splitlines(keepends=True)[:-1]))
    done = cli("kill", "no such", "--yes", "--snapshot", killed)
    assert done.code == 1
    assert "was cut short: it was done" in done.err


@pytest.fixture
def journal_of(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.jsonl"
