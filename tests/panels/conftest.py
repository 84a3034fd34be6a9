"""Panels driven as their controls drive them, on real files; nothing stands in for anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.actions.scenes import isolate, save, world
from tests.processes.conftest import bmux

__all__ = ["bmux"]


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return save(tmp_path / "day.json", world().raw)


def said(panel: Any) -> str:
    """Give all that a panel says below its buttons."""
    return str(panel._message.value + panel._outcome_area.value)


def watched(panel: Any) -> list[str]:
    """Give the bars that a panel shows from now on, as they come."""
    bars: list[str] = []
    panel._progress.widget.observe(lambda change: bars.append(change["new"]), "value")
    return bars


def previewed(panel: Any, *session_ids: str) -> Any:
    """Pick sessions and look at the plan."""
    panel.sessions.pick(*session_ids)
    panel._preview.click()
    assert panel.last_error is None, panel.last_error
    return panel.plan
