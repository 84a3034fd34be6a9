"""The picker: bmux's own, samples as practice copies, any folder; panels follow it."""

from __future__ import annotations

import os
from pathlib import Path

import bmux_forensics as bf
from tests.actions.scenes import ROOT, Trace, save, world

SAMPLES = ROOT / "sample_snapshots"


def choose(picker: bf.SnapshotPicker, source: str, snapshot: str) -> None:
    picker._source.value = next(v for label, v in picker._source.options if source in label)
    picker._files.value = next(v for label, v in picker._files.options if snapshot in label)


def test_bmuxs_own_is_picked_where_there_is_one() -> None:
    assert bf.SnapshotPicker().path is None
    own = save(bf.find_paths().snapshot, world().raw)
    picker = bf.SnapshotPicker()
    assert picker.path == own
    assert not picker.is_practice
    assert "bmux&#x27;s own" in picker._message.value


def test_a_sample_opens_as_a_practice_copy() -> None:
    before = {path: Trace.of(path) for path in SAMPLES.rglob("*.json")}
    picker = bf.SnapshotPicker()
    choose(picker, "alpha4-day", "20261122T115637Z")
    assert picker.path is not None
    sample = next(path for path in before if "20261122T115637Z" in path.name)
    assert picker.path.read_bytes() == sample.read_bytes()
    assert picker.path.stat().st_mtime_ns == sample.stat().st_mtime_ns
    bf.kill(picker.path, ["tab-1"])
    changed = picker.path.read_bytes()
    choose(picker, "alpha4-day", "20261122T115638Z")
    choose(picker, "alpha4-day", "20261122T115637Z")
    assert picker.path.read_bytes() == changed  # the same copy, with what was done to it
    assert {path: Trace.of(path) for path in before} == before


def test_any_folder_by_choosing(tmp_path: Path) -> None:
    folder = tmp_path / "kept" / "here"
    save(folder / "a.json", world().raw)
    save(folder / "<b>.json", world().raw)
    (folder / "notes.txt").write_text("none")
    picker = bf.SnapshotPicker(tmp_path)
    assert str(tmp_path / "kept") in picker._where.options
    picker._where.value = str(tmp_path / "kept")
    picker._where.value = str(folder)
    assert len(picker._files.options) == 2
    picker._files.value = folder / "<b>.json"
    assert picker.path == folder / "<b>.json"
    assert "<b>" not in picker._message.value
    assert str(tmp_path / "kept") in picker._where.options  # and up again


def test_a_folder_that_is_not_there_offers_nothing(tmp_path: Path) -> None:
    picker = bf.SnapshotPicker(tmp_path / "none")
    assert picker.path is None
    assert "0 snapshots here: pick another folder" in picker._message.value


def test_panels_follow_it_and_one_anothers_changes() -> None:
    picker = bf.SnapshotPicker()
    audit, kill = bf.AuditPanel(picker), bf.KillPanel(picker)
    assert "Pick a snapshot first" in audit._about.value
    assert kill._preview.disabled
    choose(picker, "alpha4-day", "20261122T115637Z")
    assert audit.path == kill.path == picker.path
    assert len(audit.findings) == 3
    kill.sessions._all.click()
    kill._preview.click()
    kill._apply.click()
    assert kill.last_error is None
    assert (now := audit.snapshot) is not None
    assert now.sha256 == bf.open_snapshot(kill.path).sha256  # it was told, and looked again
    assert {row["status"] for row in kill.sessions._rows} <= {"lost"}
    audit._undo.click()  # any panel takes the newest change back
    assert len(kill.sessions._rows) == 5
    assert len(audit.findings) == 3


def test_a_pick_that_can_not_be_read_is_said_in_the_panels(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    picker = bf.SnapshotPicker(tmp_path)
    kill = bf.KillPanel(picker)
    if picker._files.options:
        picker._files.value = tmp_path / "pipe.json"
        assert isinstance(kill.last_error, bf.ForensicsError)
        assert kill.snapshot is None


def test_a_panel_shows_itself_with_a_text_that_never_changes() -> None:
    panel = bf.KillPanel()
    bundle = panel._repr_mimebundle_()
    assert bundle["text/plain"] == "<KillPanel>"
    assert "application/vnd.jupyter.widget-view+json" in bundle
