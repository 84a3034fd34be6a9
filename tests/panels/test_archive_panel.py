"""The archive panel: a folder read, its story drawn, sessions cleaned out and brought back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

import bmux_forensics as bf
from bmux_forensics.errors import UsageError
from tests.actions.scenes import ROOT, Trace, save, world

from .conftest import said, watched

DAY = ROOT / "sample_snapshots" / "alpha4-day"
OPS = "001a81fa-ac16-4c14-9d6b-43b5dba4d53f"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DAY, tmp_path / "day"))


@pytest.fixture
def panel(folder: Path) -> Any:
    made: Any = bf.ArchivePanel(folder)
    made._load.click()
    assert made.last_error is None
    return made


def traces(folder: Path) -> dict[str, Trace]:
    return {path.name: Trace.of(path) for path in folder.glob("*.json")}


def test_reading_shows_every_session_and_its_story(panel: Any) -> None:
    assert "11 loaded" in panel._counts.value
    bars = watched(panel)
    panel._load.click()
    assert bars[0] == '<progress aria-label="Reading the snapshots"></progress>'
    assert any('max="11" value="11"></progress> 11 of 11' in bar for bar in bars)
    assert bars[-1] == ""
    assert panel._timeline.value.count("<img") == 2
    assert panel.events.equals(bf.timeline(panel.archive))
    names = {row["name"]: row["is_in_newest"] for row in panel.sessions._rows}
    assert len(names) == 6
    assert [name for name, there in names.items() if not there] == ["ops"]


def test_a_session_is_cleaned_out_of_all_files_and_comes_back(panel: Any, folder: Path) -> None:
    before = traces(folder)
    tab = next(i for i in panel.known["session_id"] if i.startswith("03b1affc"))
    panel.sessions.pick(tab)
    panel._preview.click()
    assert traces(folder) == before
    assert "11 files would be cleaned" in panel._plan_area.value
    button = panel._apply
    button.click()
    button.click()
    assert panel.last_error is None
    assert "11 files cleaned" in panel._outcome_area.value
    assert tab not in set(panel.known["session_id"])
    assert len(bf.history()) == 11
    bars = watched(panel)
    panel._undo.click()
    assert any('"Taking the cleaning back" max="11" value="10"' in bar for bar in bars)
    assert "11 files as before, byte for byte" in panel._outcome_area.value
    after = traces(folder)
    assert {n: t.raw for n, t in after.items()} == {n: t.raw for n, t in before.items()}
    assert panel._undo.disabled


def test_a_file_that_changed_meanwhile_is_refused_and_said(panel: Any, folder: Path) -> None:
    panel.sessions.pick(OPS)
    panel._preview.click()
    (file,) = folder.glob("*115637Z*")
    bf.kill(file, ["tab-1"])
    behind = traces(folder)
    panel._apply.click()
    assert "1 file refused" in panel._outcome_area.value
    assert "bf-failed" in panel._outcome_area.value
    assert traces(folder) == behind


def test_an_undo_that_can_not_be_is_said_and_stops_no_other(panel: Any, folder: Path) -> None:
    panel._wish.value = ()
    tab = next(i for i in panel.known["session_id"] if i.startswith("03b1affc"))
    panel.sessions.pick(tab)
    panel._preview.click()
    panel._apply.click()
    (file,) = folder.glob("*115615Z*")
    file.write_bytes(world().raw)
    panel._undo.click()
    assert "10 files as before" in panel._outcome_area.value
    assert "1 file not" in panel._outcome_area.value
    assert file.read_bytes() == world().raw


def test_a_session_that_is_gone_comes_back(panel: Any) -> None:
    panel.sessions.pick(OPS)
    back = panel.resurrection
    back._preview.click()
    assert "Bring back ops" in back._plan_area.value
    before = Trace.of(back.path)
    back._apply.click()
    assert back.last_error is None
    assert "Brought back: ops" in said(back)
    assert OPS in [identity for identity, _ in bf.summarize(bf.open_snapshot(back.path)).sessions]
    back._undo.click()
    assert back.path.read_bytes() == before.raw


def test_other_ticks_drop_both_plans(panel: Any) -> None:
    panel.sessions.pick(OPS)
    panel._preview.click()
    panel.resurrection._preview.click()
    panel.sessions._none.click()
    assert panel.plan is None
    assert panel.resurrection.plan is None
    for button in (panel._preview, panel.resurrection._preview):
        button.click()
    assert isinstance(panel.last_error, UsageError)
    assert isinstance(panel.resurrection.last_error, UsageError)


def test_samples_are_practised_on() -> None:
    before = traces(DAY)
    panel: Any = bf.ArchivePanel()
    panel._source.value = DAY
    panel._load.click()
    panel.sessions._all.click()
    panel._preview.click()
    panel._apply.click()
    assert panel.last_error is None
    assert "practice copies" in panel._counts.value
    assert traces(DAY) == before


def test_bad_files_are_counted_and_an_empty_folder_is_said(tmp_path: Path) -> None:
    save(tmp_path / "here" / "good.json", world().raw)
    save(tmp_path / "here" / "torn.json", world().raw[:200])
    panel: Any = bf.ArchivePanel(tmp_path / "here")
    panel._load.click()
    assert "1 damaged" in panel._counts.value
    empty = tmp_path / "empty"
    empty.mkdir()
    panel._where.value = str(empty)
    panel._load.click()
    assert panel.last_error is None or "empty" in said(panel)
