"""The cascade shows every row of a plan in one step, and what leads from step to step."""

from __future__ import annotations

import pytest

import bmux_forensics as bf
from benchmarks.worlds import make_snapshot
from bmux_forensics.notebook.pictures.cascade import cascade
from tests.pictures.looking import inside, marks, overflowing, words

DAY = "sample_snapshots/alpha4-day/bmux-snapshot-v1.20261122T115637Z.json"


@pytest.fixture
def plan() -> bf.KillPlan:
    return bf.plan_of_kill(bf.open_snapshot(DAY), ["tab-3"])


def test_every_row_of_the_plan_is_in_one_step(plan: bf.KillPlan) -> None:
    shown = cascade(plan)
    changes = plan.changes
    assert sum(len(step.rows) for step in shown.steps) == len(changes)
    outside = changes[~changes["contained"]]
    assert shown.counts == outside["action"].value_counts().to_dict()


def test_steps_say_why_they_happen(plan: bf.KillPlan) -> None:
    causes = {(c.source[0], c.target[0]): c for c in cascade(plan).causes}
    assert causes["sessions", "bindings"].reference == "binding-session"
    assert causes["bindings", "contexts"].reference == "context-bound"
    assert causes["runtimes", "panes"].rows == 2


def test_names_stand_for_ids(plan: bf.KillPlan) -> None:
    rows = {step.key: step.rows for step in cascade(plan).steps}
    assert rows["sessions", "delete", ""] == ["tab-3 3c5450ec"]
    assert rows["client_sessions", "set-null", "session_id"] == ["769db07b → tab-3"]
    assert rows["layout", "delete", ""] == ["all of it", "/first", "/second"]


def test_changes_alone_are_enough(plan: bf.KillPlan) -> None:
    shown = cascade(plan.changes)
    assert {s.key for s in shown.steps} == {s.key for s in cascade(plan).steps}
    named = cascade(plan.changes, bf.load_tables(DAY))
    assert named == cascade(plan)


def test_what_goes_what_empties_and_what_dangles_have_marks_of_their_own(plan: bf.KillPlan) -> None:
    picture = bf.draw_cascade(plan)
    found = marks(picture)
    steps = cascade(plan).steps
    assert found["goes"] == sum(step.action == "delete" for step in steps)
    assert found["becomes empty"] == 2
    assert found["stays, and points at nothing"] == 2
    assert picture.alt == (
        "what the plan does: 6 rows go; 2 rows become empty; 2 rows stay, and point at nothing;"
        " and 10 rows inside rows that go"
    )
    assert {"attached_streams", "by stream-session"} <= set(words(picture))
    assert picture.get_size_inches()[0] * 72 < 960  # as wide as a notebook's outputs are


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("count", [1, 10, 500])
def test_the_picture_of_a_large_plan_is_no_larger(count: int, theme: str) -> None:
    snapshot = bf.read_snapshot(make_snapshot(count), "world")
    plan = bf.plan_of_kill(snapshot, all_sessions=True)
    picture = bf.draw_cascade(plan, theme=theme)
    assert inside(picture)
    assert overflowing(picture) == []
    assert max(picture.get_size_inches()) < 18


def test_large_numbers_are_written_alike_everywhere() -> None:
    snapshot = bf.read_snapshot(make_snapshot(500), "world")
    told = words(bf.draw_cascade(bf.plan_of_kill(snapshot, all_sessions=True)))
    assert {"1,498 × layout", "and 1,495 more"} <= set(told)


def test_a_plan_to_repair_can_be_drawn() -> None:
    broken = bf.open_snapshot("tests/data/restore/focus-and-leaf-missing-same-row.json.gz")
    picture = bf.draw_cascade(bf.plan_of_repair(broken))
    assert marks(picture) == {"gets another value": 2}
    assert {"layout_root", "focused_pane_id"} <= set(words(picture))
    reasons = {word for word in words(picture) if word.startswith("by ")}
    assert reasons == {"by focused-pane-missing", "by layout-pane-missing"}


def test_a_plan_that_does_nothing_says_so() -> None:
    nothing = bf.plan_of_kill(bf.open_snapshot(DAY), ["ops"]).changes.head(0)
    assert bf.draw_cascade(nothing).alt == "what the plan does: nothing"
