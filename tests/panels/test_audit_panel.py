"""The audit panel: every finding opens, the filters filter, a repair is seen, applied, undone."""

from __future__ import annotations

import html
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import bmux_forensics as bf
from bmux_forensics.errors import SnapshotChangedError
from tests.actions.scenes import ROOT, Trace, save, world
from tests.worlds import SECRET, SECTION_IDS

from .conftest import said

DAMAGED = ROOT / "notebooks" / "damaged" / "bmux-snapshot-v1.20261122T115700Z.json"


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    return Path(shutil.copy2(DAMAGED, tmp_path / "damaged.json"))


def test_it_shows_what_the_audit_finds_and_what_a_server_makes_of_it(damaged: Path) -> None:
    panel = bf.AuditPanel(damaged)
    assert panel.findings.equals(bf.audit(damaged))
    assert "every save is REFUSED" in panel._forecast.value
    assert panel.list._list.value.count("<details>") == len(panel.findings)
    labels = [box.description for box in panel.list.severities.values()]
    assert labels == ["✖ error (2)", "▲ warning (1)", "ℹ info (2)"]


def test_severity_and_rule_filter(damaged: Path) -> None:
    shown = bf.AuditPanel(damaged).list
    shown.severities["info"].value = False
    assert set(shown.shown["severity"]) == {"error", "warning"}
    shown.rule.value = "focused-pane-missing"
    assert shown.shown["rule"].tolist() == ["focused-pane-missing"]
    shown.severities["error"].value = False
    assert "0 findings of 5" in shown._count.value
    assert shown._list.value == ""


def test_a_finding_opens_its_explanation_and_its_json(damaged: Path) -> None:
    panel = bf.AuditPanel(damaged)
    panel.list.rule.value = "pane-row-without-session"
    inside = html.unescape(panel.list._list.value)
    assert bf.explain("pane-row-without-session").splitlines()[-1] in inside
    shown = inside.rsplit("<pre>", 1)[1].split("</pre>")[0]
    assert json.loads(shown)["session_id"] == "001a81fa-ac16-4c14-9d6b-43b5dba4d53f"


def test_environment_values_are_not_shown(tmp_path: Path) -> None:
    there = world()
    del there.tree("sessions")[0]  # whose panes are left, with their environment
    panel = bf.AuditPanel(save(tmp_path / "left.json", there.raw))
    panel.list.rule.value = "pane-row-without-session"
    pages = panel.list._list.value
    assert SECTION_IDS["panes"] in pages
    assert "TOKEN" in pages
    assert SECRET not in pages


def test_a_repair_is_looked_at_applied_once_and_undone(damaged: Path) -> None:
    panel = bf.AuditPanel(damaged)
    before = Trace.of(damaged)
    panel._preview.click()
    assert Trace.of(damaged) == before
    assert "Before: alpha4 starts but every save is REFUSED" in panel._plan_area.value
    assert "After: alpha4 starts and saves" in panel._plan_area.value
    assert panel._picture_area.value.count("<img") == 2  # one a theme
    assert "what the plan does: 1 row goes" in panel._picture_area.value
    button = panel._apply
    button.click()
    button.click()
    assert panel.last_error is None
    assert "Repaired: 1 row goes; 1 row is set" in said(panel)
    assert "error" not in set(bf.audit(damaged)["severity"])
    assert len(bf.history()) == 1
    assert "starts and saves" in panel._forecast.value  # the panel shows the file as it is now
    panel._undo.click()
    assert damaged.read_bytes() == before.raw


def test_what_gives_something_up_is_mended_when_ticked(tmp_path: Path) -> None:
    there = world()
    there.tree("panes")["sessions"][0]["panes"][0]["resume_policy"] = "nonresumable"
    panes = replace(there.parts[2], version=3)
    file = save(tmp_path / "once.json", replace(there, parts=(*there.parts[:2], panes)).raw)
    panel: Any = bf.AuditPanel(file)
    assert list(panel.rules) == ["pane-nonresumable"]
    panel._preview.click()
    assert "pane-nonresumable" not in " ".join(panel.plan.changes["cause"])
    panel.rules["pane-nonresumable"].value = True
    assert panel._apply.disabled
    panel._preview.click()
    assert "pane-nonresumable" in " ".join(panel.plan.changes["cause"])


def test_a_plan_for_other_bytes_is_refused(damaged: Path) -> None:
    panel = bf.AuditPanel(damaged)
    panel._preview.click()
    bf.kill(damaged, ["tab-2"])
    behind = Trace.of(damaged)
    panel._apply.click()
    assert isinstance(panel.last_error, SnapshotChangedError)
    assert Trace.of(damaged) == behind


def test_nothing_to_mend_can_not_be_applied(damaged: Path) -> None:
    bf.repair(damaged)
    panel = bf.AuditPanel(damaged)
    panel._preview.click()
    assert panel._apply.disabled
    assert "nothing to mend unasked" in panel._plan_area.value
    assert panel._picture_area.value == ""


def test_another_server_is_another_audit(damaged: Path) -> None:
    panel = bf.AuditPanel(damaged)
    panel.target.value = "alpha1"
    assert panel.findings.equals(bf.audit(damaged, target="alpha1"))
    assert "alpha1" in panel._forecast.value


def test_a_torn_file_is_shown_as_far_as_it_goes(tmp_path: Path) -> None:
    torn = tmp_path / "torn.json"
    torn.write_bytes(DAMAGED.read_bytes()[:5000])
    panel = bf.AuditPanel(torn)
    assert panel.last_error is None
    assert panel.list._list.value.count("<details>") == len(bf.audit(torn)) > 0
    panel._preview.click()
    assert panel.plan is None or panel._apply.disabled
