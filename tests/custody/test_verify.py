from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bmux_forensics as bf
from bmux_forensics.actions.custody_record import PRUNED, records
from bmux_forensics.actions.history import HISTORY_DTYPES
from bmux_forensics.store.journal import INTENT, OUTCOME, append, read_journal
from bmux_forensics.store.journal_lines import FORMAT, read, render
from tests.actions.scenes import backups, below, save, world

FIXTURE = Path(__file__).parents[1] / "data" / "journal" / "v1.jsonl"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a snapshot, three changes of it, and their backups."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BMUX_FORENSICS_STATE_DIR", str(folder / "state"))
        path = save(folder / "snap.json", world().raw)
        bf.kill(path, ["alpha"])
        bf.undo(path=path)
        bf.kill(path, ["-dash"])
        assert bf.verify().empty
    return folder


def kinds() -> list[str]:
    problems = bf.verify()
    return list(problems[problems["severity"] == "damage"]["kind"])


def kept_files(folder: Path) -> list[Path]:
    return [path for path in sorted((folder / "state").rglob("*")) if path.is_file()]


@given(
    which=st.integers(0, 99), position=st.floats(0, 1, exclude_max=True), change=st.integers(1, 255)
)
@settings(max_examples=60)
def test_a_changed_byte_anywhere_is_found(
    whole: Path, which: int, position: float, change: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BMUX_FORENSICS_STATE_DIR", str(whole / "state"))
        files = kept_files(whole)
        path = files[which % len(files)]
        data = path.read_bytes()
        changed = bytearray(data)
        changed[int(position * len(data))] ^= change
        try:
            path.write_bytes(changed)
            assert kinds(), path.name
            assert not bf.history().empty
        finally:
            path.write_bytes(data)
        assert kinds() == []


def test_every_kind_of_file_is_among_those(whole: Path) -> None:
    names = {path.suffix or path.name for path in kept_files(whole)}
    assert names == {".jsonl", ".backup", "origins"}


def test_what_is_not_whole_is_named(snapshot: Path, tmp_path: Path, journal: Path) -> None:
    killed = bf.kill(snapshot, ["alpha"]).passage
    (backup,) = backups(tmp_path)
    data = backup.read_bytes()
    backup.write_bytes(data + b" ")
    (row,) = bf.verify().to_dict("records")
    assert (row["severity"], row["kind"]) == ("damage", "altered-backup")
    assert (row["number"], row["change"], row["path"]) == (1, killed.entry, str(backup))
    backup.unlink()
    (row,) = bf.verify().to_dict("records")
    assert (row["kind"], row["change"]) == ("missing-backup", killed.entry)
    os.mkfifo(backup)
    (row,) = bf.verify().to_dict("records")
    assert row["kind"] == "unreadable-backup"
    backup.unlink()
    backup.write_bytes(data)
    assert bf.verify().empty
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[1:]))
    row, unnamed = bf.verify().to_dict("records")
    assert (row["kind"], row["number"], row["offset"]) == ("broken-chain", 1, 0)
    assert unnamed["kind"] == "unnamed-backup"
    assert "entry 2 does not follow the one before it" in row["found"]


def test_an_append_that_was_cut_short_is_no_damage(snapshot: Path, journal: Path) -> None:
    bf.kill(snapshot, ["alpha"])
    with journal.open("ab") as file:
        file.write(b'{"sha256":"12')
    (row,) = bf.verify().to_dict("records")
    assert (row["severity"], row["kind"], row["number"]) == ("note", "torn-entry", 3)
    bf.kill(snapshot, ["-dash"])
    (row,) = bf.verify().to_dict("records")
    assert (row["severity"], row["kind"]) == ("note", "torn-entry")
    assert list(bf.history()["state"]) == ["done", "done"]


@pytest.mark.parametrize("keep", [0, 2])
def test_entries_cut_off_the_end_leave_a_trace(snapshot: Path, journal: Path, keep: int) -> None:
    bf.kill(snapshot, ["alpha"])
    bf.kill(snapshot, ["-dash"])
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:keep]))
    rows = bf.verify().to_dict("records")
    assert {row["kind"] for row in rows} == {"unnamed-backup"}
    assert len(rows) == (2 if keep == 0 else 1)


def test_a_newer_format_is_said(snapshot: Path, journal: Path) -> None:
    bf.kill(snapshot, ["alpha"])
    last = read_journal().entries[-1]
    body = {**last.facts, "format": FORMAT + 1, "number": 3, "prev": last.sha256, "kind": "novel"}
    with journal.open("ab") as file:
        file.write(render(body))
    (row,) = bf.verify().to_dict("records")
    assert (row["severity"], row["kind"]) == ("note", "newer-format")
    before = snapshot.read_bytes()
    with pytest.raises(bf.ForensicsError, match="a newer bmux-forensics wrote") as no:
        bf.kill(snapshot, ["-dash"])
    assert no.value.exit_code == 6
    assert snapshot.read_bytes() == before


def test_looking_makes_nothing(snapshot: Path, tmp_path: Path) -> None:
    before = below(tmp_path)
    for look in (bf.history, bf.verify, bf.backups):
        assert look().empty
        assert look(snapshot).empty
    with pytest.raises(bf.ForensicsError):
        bf.plan_undo(path=snapshot)
    assert below(tmp_path) == before


def test_the_state_folder_may_move(
    snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bf.kill(snapshot, ["alpha"])
    shutil.copytree(tmp_path / "state", tmp_path / "moved")
    shutil.rmtree(tmp_path / "state")
    monkeypatch.setenv("BMUX_FORENSICS_STATE_DIR", str(tmp_path / "moved"))
    assert bf.verify().empty
    bf.undo(path=snapshot)
    assert snapshot.read_bytes() == world().raw


def test_the_first_format_is_understood() -> None:
    entries, _ = read(FIXTURE.read_bytes())
    killed, undone, cut_short = records(entries)
    assert (killed.state, undone.state, cut_short.state) == ("undone", "done", "open")
    assert killed.sessions == ("aaaaaaaa-0000-4000-8000-000000000001",)
    assert killed.groups[0]["pgid"] == 4242
    assert (undone.undoes, undone.user) == (killed.id, "ana")
    assert (killed.maker.pid, killed.maker.host) == (4711, "desk")
    assert cut_short.moment == "20261122T200005Z"


WRONG = st.none() | st.integers() | st.text() | st.lists(st.none() | st.text()) | st.just({"a": 1})
INTENT_FACTS: dict[str, Callable[[], Any]] = {
    "verb": lambda: "kill",
    "file": lambda: "/nowhere/snap.json",
    "sha256_before": lambda: "1" * 64,
    "backup": lambda: "/nowhere/x.backup",
    "who": dict,
}
NAMES = (
    *INTENT_FACTS,
    "sha256_after",
    "moment",
    "aside",
    "sessions",
    "groups",
    "undoes",
    "discards",
)


@given(name=st.sampled_from(NAMES), value=WRONG)
@settings(max_examples=40)
def test_an_intent_of_any_shape_is_no_traceback(
    tmp_path_factory: pytest.TempPathFactory, name: str, value: object
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("shape")
        patch.setenv("BMUX_FORENSICS_STATE_DIR", str(folder / "state"))
        facts = {key: make() for key, make in INTENT_FACTS.items()}
        first = append(INTENT, {**facts, name: value})
        append(OUTCOME, {"of": first.id, "state": value, "why": value})
        append(INTENT, {**facts, "undoes": first.id, name: value})
        append(PRUNED, {"backups": value})
        assert set(bf.history().columns) == set(HISTORY_DTYPES)
        bf.verify()
        bf.backups()
