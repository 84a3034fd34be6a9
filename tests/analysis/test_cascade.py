"""What a cascade finds, and why: rows that are asked for, values without a row, what dangles."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from bmux_forensics.analysis.cascade import Cause, Touched, cascade
from bmux_forensics.analysis.plans import plan_kill
from bmux_forensics.tables.build import Tables
from bmux_forensics.tables.graph import FOREIGN_KEYS
from bmux_forensics.tables.schema import OnKill
from tests.actions.scenes import ALPHA, BETA, CONTEXT, world
from tests.worlds import World, contexts_tree, part, session

BINDING = next(key for key in FOREIGN_KEYS if key.name == "binding-session")
ATTRIBUTE = next(
    key for key in FOREIGN_KEYS if (key.table, key.parent) == ("context_attributes", "sessions")
)
RUNTIME = replace(
    next(key for key in FOREIGN_KEYS if key.name == "runtime-session"), on_kill=OnKill.NO_ACTION
)
OTHER = "cccccccc-0000-4000-8000-000000000002"


@pytest.fixture(scope="module")
def gone() -> World:
    """Give a session that is there, and a context bound to one that is not."""
    contexts = contexts_tree(
        contexts={
            one: {"id": one, "name": None, "attributes": {"bmux.session_id": ALPHA}}
            for one in (CONTEXT, OTHER)
        },
        session_by_context={CONTEXT: ALPHA},
        mru_contexts=[CONTEXT, OTHER],
    )
    return World((part("sessions", [session(BETA, "twin")]), part("contexts", contexts)))


def found(plan: pd.DataFrame) -> list[tuple[str, str, int]]:
    rows = plan[plan["action"] == "delete"][["table", "cause", "depth"]]
    return [(table, cause, depth) for table, cause, depth in rows.itertuples(index=False)]


def test_a_session_without_a_row_takes_what_refers_to_it(gone: World) -> None:
    snapshot = gone.snapshot()
    asked = pd.DataFrame({"snapshot": [snapshot.name], "session_id": [ALPHA]})
    assert found(plan_kill(Tables([snapshot]), asked)) == [
        ("bindings", "asked", 0),
        ("contexts", f"context-bound: bindings {CONTEXT}", 1),
        ("context_attributes", f"context_attributes-inside: contexts {CONTEXT}", 2),
        ("mru_contexts", f"mru-bound: bindings {CONTEXT}", 1),
    ]


def test_a_context_may_be_asked_for_without_a_binding(gone: World) -> None:
    snapshot = gone.snapshot()
    nobody = pd.DataFrame({"snapshot": [], "session_id": []})
    context = pd.DataFrame({"snapshot": [snapshot.name], "context_id": [OTHER]})
    plan = plan_kill(Tables([snapshot]), nobody, contexts=context)
    assert found(plan) == [
        ("contexts", "asked", 0),
        ("context_attributes", f"context_attributes-inside: contexts {OTHER}", 1),
        ("mru_contexts", "asked", 0),
    ]


def test_what_is_asked_for_is_its_own_cause() -> None:
    touched = cascade(Tables([world().snapshot()]), [], {"sessions": [0]})
    assert touched == Touched({"sessions": {0: Cause("asked", "sessions", -1, 0)}}, {}, {})


def test_what_dangles_is_scrubbed_as_declared_and_only_when_asked() -> None:
    """An attribute names the session: left alone, it stays and dangles."""
    tables, first = Tables([world().snapshot()]), {"sessions": [0]}
    for declared in OnKill:
        reference = replace(ATTRIBUTE, on_scrub=declared)
        touched = {0: Cause(reference.name, "sessions", 0, 1)}
        asked = {0: Cause("asked", "sessions", -1, 0)}
        left = cascade(tables, [reference], first)
        assert left == Touched({"sessions": asked}, {}, {reference: touched})
        expected = {
            OnKill.NO_ACTION: left,
            OnKill.SET_NULL: Touched({"sessions": asked}, {reference: touched}, {}),
            OnKill.CASCADE: Touched({"sessions": asked, "context_attributes": touched}, {}, {}),
        }
        assert cascade(tables, [reference], first, scrub=True) == expected[declared]


def test_a_null_in_one_table_hides_nothing_in_another() -> None:
    nulling = replace(BINDING, name="nulling", on_kill=OnKill.SET_NULL)
    assert nulling.columns == RUNTIME.columns
    touched = cascade(Tables([world().snapshot()]), [nulling, RUNTIME], {"sessions": [0]})
    assert touched.nulled.keys() == {nulling}
    assert touched.dangling.keys() == {RUNTIME}


def test_a_value_without_a_row_is_a_cause_too(gone: World) -> None:
    tables, alpha = Tables([gone.snapshot()]), {(0, ALPHA)}
    touched = cascade(tables, [BINDING], {}, absent={"sessions": {"session_id": alpha}})
    assert touched.deleted == {"bindings": {0: Cause("asked", "sessions", -1, 0)}}


def test_a_value_that_nobody_refers_to_takes_nothing(gone: World) -> None:
    tables, alpha = Tables([gone.snapshot()]), {(0, ALPHA)}
    nothing = Touched({}, {}, {})
    assert cascade(tables, [], {}, absent={"sessions": {"session_id": alpha}}) == nothing
    assert cascade(tables, [BINDING], {}, absent={"sessions": {"name": alpha}}) == nothing


def test_a_row_that_goes_is_not_told_as_one_that_loses_its_reference() -> None:
    nulling = replace(BINDING, name="nulling", on_kill=OnKill.SET_NULL)
    tables = Tables([world().snapshot()])
    alone = cascade(tables, [nulling], {"sessions": [0]})
    assert alone.nulled == {nulling: {0: Cause("nulling", "sessions", 0, 1)}}
    both = cascade(tables, [nulling, BINDING], {"sessions": [0]})
    assert both.nulled == {}
    assert both.deleted["bindings"] == {0: Cause("binding-session", "sessions", 0, 1)}
