"""Real files in a folder of the test's own; nothing of custody is replaced by a stand-in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.actions.scenes import isolate, save, world


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    return save(tmp_path / "runtime" / "snap.json", world().raw)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.jsonl"
