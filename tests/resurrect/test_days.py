"""Both real days: every session of every snapshot is killed and comes back as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from bmux_forensics.actions.kill_plan import plan_of_kill
from bmux_forensics.actions.resurrect import plan_of_resurrection
from bmux_forensics.analysis.audit.run import audit
from bmux_forensics.analysis.restore.forecast import forecast
from bmux_forensics.errors import WouldNotRestoreError
from bmux_forensics.snapshot.document import Snapshot, read_snapshot
from bmux_forensics.tables.build import Tables
from tests.resurrect.comparing import keys, require_back, rows

SAMPLES = Path(__file__).parents[2] / "sample_snapshots"
FILES = sorted(SAMPLES.glob("*/*.json"))
ALPHA1 = SAMPLES / "alpha1-day" / "bmux-snapshot-v1.20261122T114007Z.json"
ALPHA4 = SAMPLES / "alpha4-day" / "bmux-snapshot-v1.20261122T115637Z.json"


def opened(path: Path) -> Snapshot:
    return read_snapshot(path.read_bytes(), path.name)


def sessions(snapshot: Snapshot) -> dict[str, str]:
    frame = Tables([snapshot])["sessions"]
    return dict(zip(frame["name"], frame["session_id"], strict=True))


def killed(snapshot: Snapshot, *ids: str, scrub: bool = False) -> Snapshot:
    plan = plan_of_kill(snapshot, ids, all_sessions=not ids, scrub=scrub)
    assert plan.after is not None
    return read_snapshot(plan.after.raw, snapshot.name)


@pytest.mark.parametrize("scrub", [False, True])
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem[-16:]}")
def test_every_session_of_a_day_comes_back_as_it_was(path: Path, *, scrub: bool) -> None:
    before = opened(path)
    for session_id in sessions(before).values():
        gone = killed(before, session_id, scrub=scrub)
        after = plan_of_resurrection(gone, session_id, before).after
        require_back(before, after, session_id)
    assert keys(audit(Tables([after]))) <= keys(audit(Tables([before])))


@pytest.mark.parametrize("path", [ALPHA1, ALPHA4], ids=["alpha1", "alpha4"])
def test_all_sessions_come_back_one_after_another_into_an_empty_snapshot(path: Path) -> None:
    before = opened(path)
    after = killed(before, scrub=True)
    for session_id in reversed(sessions(before).values()):
        after = plan_of_resurrection(after, session_id, before).after
    for table in ("sessions", "contexts", "bindings", "layout", "runtimes"):
        assert rows(after, table) == rows(before, table), table
    for table in ("tab_orders", "mru_contexts"):
        # With nothing beside it a tab stands where it can: all are there, each once.
        names = [{row["context_id"] for row in rows(s, table)} for s in (before, after)]
        assert names[0] == names[1]


@pytest.mark.parametrize("target", ["alpha4", "alpha1"])
def test_a_session_of_alpha1_comes_back_in_the_form_of_alpha4(target: str) -> None:
    source, there = opened(ALPHA1), opened(ALPHA4)
    name, session_id = next((n, i) for n, i in sessions(source).items() if n == "tab-1")
    after = plan_of_resurrection(there, session_id, source, name=f"{name}-back").after
    (runtime,) = [r for r in rows(after, "runtimes") if r["session_id"] == session_id]
    (old,) = [r for r in rows(source, "runtimes") if r["session_id"] == session_id]
    assert runtime["viewport"]["bottom_inset"] == old["viewport"]["status_bottom_inset"]
    assert not any("status" in name for name in runtime["viewport"])
    panes = [r for r in rows(after, "panes") if r["session_id"] == session_id]
    assert {p["resume_policy"] for p in panes} == {"resumable"}
    (context,) = [r["context_id"] for r in rows(after, "bindings") if r["session_id"] == session_id]
    assert [r["context_id"] for r in rows(after, "tab_orders")][-1] == context
    attributes = {
        r["key"]: r["value"]
        for r in rows(after, "context_attributes")
        if r["context_id"] == context
    }
    assert attributes == {"bmux.session_id": session_id, "workspace": "default"}
    whole = forecast([after], target=target).iloc[0]
    if target == "alpha4":
        assert not whole["saves_blocked"]
        assert whole["panes_restored"][session_id] == len(panes)
        assert not whole["lost_at_next_save"]


@pytest.mark.parametrize("target", ["alpha4", "alpha1"])
def test_a_session_of_alpha4_comes_back_in_the_form_of_alpha1(target: str) -> None:
    source, there = opened(ALPHA4), opened(ALPHA1)
    session_id = sessions(source)["tab-3"]
    plan = plan_of_resurrection(there, session_id, source, name="tab-3-back")
    assert set(plan.forecast["target"]) == {"alpha1", "alpha4"}
    (runtime,) = [r for r in rows(plan.after, "runtimes") if r["session_id"] == session_id]
    assert set(runtime["viewport"]) == {"cols", "rows", "status_top_inset", "status_bottom_inset"}
    assert runtime["zoomed_pane_id"] is None
    whole = forecast([plan.after], target=target).iloc[0]
    assert session_id in whole["panes_restored"]
    assert not whole["lost_at_next_save"]


def test_a_snapshot_that_no_server_brings_back_whole_takes_no_session() -> None:
    before = opened(ALPHA4)
    session_id = sessions(before)["ops"]
    reading = before.reading("panes")
    assert reading is not None
    tree = reading.tree
    broken = {**tree["sessions"][1], "focused_pane_id": session_id}
    tree = {"sessions": [tree["sessions"][0], broken, *tree["sessions"][2:]]}
    bad = read_snapshot(before.with_readings([reading.edited(tree)]).raw, "bad")
    with pytest.raises(WouldNotRestoreError, match=r"not sound as it is.*REFUSED.*repair"):
        _ = plan_of_resurrection(killed(bad, session_id), session_id, before).after
