"""Generated worlds: a kill and a resurrection leave what was there, or nothing is written."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bmux_forensics.actions.resurrect import plan_of_resurrection
from bmux_forensics.analysis.audit.run import audit
from bmux_forensics.analysis.restore.forecast import forecast
from bmux_forensics.errors import ForensicsError, WouldNotRestoreError
from bmux_forensics.snapshot.document import Snapshot, read_snapshot
from bmux_forensics.tables.build import Tables
from tests.analysis.kills import kill
from tests.resurrect.comparing import keys, require_back
from tests.worlds import SECTION_IDS, World, hostile_worlds, served_worlds


def distinct(world: World) -> World:
    """Give a world in which every name, and every pane, is of one owner."""
    parts = [p for p in world.parts if p.id != SECTION_IDS["older_panes"]]
    trees: dict[str, Any] = {
        "sessions": [{**row, "name": f"s {n}"} for n, row in enumerate(world.tree("sessions"))],
    }
    state = world.tree("contexts")
    contexts = {c: {**row, "name": f"c {c}"} for c, row in state["contexts"].items()}
    trees["contexts"] = {**state, "contexts": contexts}
    if (panes := world.tree("panes")) is not None:
        trees["panes"] = {"sessions": [owned(row, row["session_id"]) for row in panes["sessions"]]}
    return replace(world, parts=tuple(parts)).replacing(trees)


def owned(node: Any, owner: str) -> Any:
    """Give a pane row whose pane ids are nobody else's."""
    if isinstance(node, list):
        return [owned(child, owner) for child in node]
    if not isinstance(node, dict):
        return node
    own = {k: owned(v, owner) for k, v in node.items()}
    for name in ("pane_id", "focused_pane_id", "zoomed_pane_id", "anchor_pane_id"):
        if own.get(name) is not None:
            own[name] = moved(own[name], owner)
    return {**own, "id": moved(own["id"], owner)} if "shell" in own else own


def moved(pane_id: str, owner: str) -> str:
    return str(uuid.uuid5(uuid.UUID(owner), pane_id))


def is_whole(snapshot: Snapshot) -> bool:
    row = forecast([snapshot]).iloc[0]
    lost = {"everything", "sessions", "panes"} & set(row["lost_at_next_save"])
    return bool(row["server_starts"] and not row["saves_blocked"] and not lost)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(served_worlds(least_sessions=1).map(distinct), st.data())
def test_a_kill_and_a_resurrection_leave_what_was_there(world: World, data: st.DataObject) -> None:
    before = world.snapshot()
    session_id = data.draw(st.sampled_from(world.session_ids))
    gone = read_snapshot(kill(before, [session_id]), "world")
    plan = plan_of_resurrection(gone, session_id, before)
    assert set(plan.changes["action"]) == {"insert"}
    if not is_whole(before):
        with pytest.raises(WouldNotRestoreError):
            _ = plan.after
        return
    after = read_snapshot(plan.after.raw, "world")
    require_back(before, after, session_id)
    assert is_whole(after)
    assert keys(audit(Tables([after]))) <= keys(audit(Tables([before])))
    again = kill(after, [session_id])
    require_same(gone, read_snapshot(again, "world"))


def require_same(one: Snapshot, other: Snapshot) -> None:
    for a, b in zip(one.readings, other.readings, strict=True):
        assert a.tree == b.tree


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(hostile_worlds(), hostile_worlds(least_sessions=1), st.data())
def test_whatever_the_files_hold_the_result_is_whole_or_refused(
    there: World, source: World, data: st.DataObject
) -> None:
    selector = data.draw(st.sampled_from(source.session_ids))
    target, found = there.snapshot("there"), source.snapshot("source")
    try:
        after = plan_of_resurrection(target, selector, found, name="a new name").after
    except ForensicsError:
        return
    result = read_snapshot(after.raw, "after")
    assert is_whole(result)
    sessions = Tables([result])["sessions"]
    assert (sessions["session_id"] == selector).sum() == 1
