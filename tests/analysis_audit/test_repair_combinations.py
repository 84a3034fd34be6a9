"""Faults that meet: a repair of the one must not make the other worse, or be lost with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from bmux_forensics.actions.repair import plan_of_repair
from bmux_forensics.analysis.restore.forecast import forecast
from bmux_forensics.snapshot.document import Snapshot, read_snapshot
from bmux_forensics.snapshot.envelope import Envelope, Section, encode_envelope
from bmux_forensics.snapshot.sections import BY_NAME

_SAMPLES = Path(__file__).parents[2] / "sample_snapshots"
_OLD_ID = BY_NAME["older_panes"].id


def _sections(day: str, number: int) -> list[Section]:
    path = sorted((_SAMPLES / day).glob("*.json"))[number]
    envelope = read_snapshot(path.read_bytes(), "sample").envelope
    assert envelope is not None
    return list(envelope.sections)


def _snapshot(sections: list[Section]) -> Snapshot:
    envelope = Envelope(1, 0, ()).with_sections(sections)
    return read_snapshot(encode_envelope(envelope), "combined.json")


def _named(sections: list[Section], name: str) -> Section:
    return next(s for s in sections if s.id == BY_NAME[name].id)


def _panes(snapshot: Snapshot, target: str) -> int:
    (counts,) = forecast([snapshot], target=target)["panes_restored"]
    return sum((counts or {}).values())


@pytest.mark.parametrize(("day", "target"), [("alpha1-day", "alpha1"), ("alpha4-day", "alpha4")])
def test_no_row_goes_while_two_sections_list_sessions(day: str, target: str) -> None:
    empty = Section(BY_NAME["sessions"].id, 1, b"[]")
    snapshot = _snapshot([empty, *_sections(day, 4)])
    plan = plan_of_repair(snapshot, target=target)
    assert plan.changes.empty
    assert not plan.remaining.empty or _panes(snapshot, target) > 0


def test_a_plan_that_would_bring_less_back_is_none() -> None:
    sections = _sections("alpha1-day", 4)
    snapshot = _snapshot([_named(sections, "panes"), *sections])
    before = _panes(snapshot, "alpha1")
    assert before > 0
    plan = plan_of_repair(snapshot, target="alpha1")
    assert _panes(plan.after or snapshot, "alpha1") >= before


def test_a_section_that_moves_takes_its_own_mends_along() -> None:
    sections = _sections("alpha1-day", 4)
    panes = _named(sections, "panes")
    tree: dict[str, Any] = orjson.loads(panes.payload)
    tree["sessions"][0]["focused_pane_id"] = "ffffffff-0000-4000-8000-000000000001"
    broken = panes.with_payload(orjson.dumps(tree))
    snapshot = _snapshot([broken, *(s for s in sections if s.id != panes.id)])
    plan = plan_of_repair(snapshot, target="alpha1")
    assert plan.after is not None
    assert plan.remaining.empty
    assert _panes(plan.after, "alpha1") == _panes(_snapshot(sections), "alpha1")


def test_the_older_section_is_renamed_and_moved_behind_the_sessions() -> None:
    sections = _sections("alpha1-day", 4)
    panes = _named(sections, "panes")
    older = Section(_OLD_ID, panes.version, panes.payload)
    snapshot = _snapshot([older, *(s for s in sections if s.id != panes.id)])
    plan = plan_of_repair(snapshot, target="alpha1", rules=["legacy-pane-section"])
    assert plan.after is not None
    assert plan.remaining.empty
    assert _panes(plan.after, "alpha1") == _panes(_snapshot(sections), "alpha1")


def test_blank_workspaces_whose_ids_start_alike_get_names_of_their_own() -> None:
    ids = [f"aaaaaaaa-0000-4000-8000-00000000000{n}" for n in (1, 2)]
    rows = [{"id": ids[0], "name": ""}, {"id": ids[1], "name": " "}]
    workspaces = Section(BY_NAME["workspaces"].id, 1, orjson.dumps(rows))
    snapshot = _snapshot([*_sections("alpha1-day", 4), workspaces])
    plan = plan_of_repair(snapshot, all_fixable=True)
    assert plan.after is not None
    assert plan.remaining.empty
    assert plan_of_repair(plan.after, all_fixable=True).changes.empty
