"""What must hold of every repair, in every world that can be broken and mended."""

from __future__ import annotations

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from bmux_forensics.analysis.audit.run import audit
from bmux_forensics.analysis.encoding import encode_plan
from bmux_forensics.analysis.plans import COLUMNS, plan_kill
from bmux_forensics.analysis.repair.plan import plan_repair, repaired, unmended
from bmux_forensics.analysis.restore.forecast import forecast
from bmux_forensics.analysis.restore.outcome import session_ids
from bmux_forensics.analysis.rules.book import BY_ID
from bmux_forensics.analysis.rules.model import FixClass
from bmux_forensics.snapshot.document import Snapshot, read_snapshot
from bmux_forensics.snapshot.identifiers import canonical_owner
from bmux_forensics.tables.build import Tables
from tests.analysis_audit.worlds import (
    FATAL,
    FEWER,
    HARMLESS,
    MENDABLE,
    SECRET,
    batches,
    records,
    worlds,
)

ANYTHING = batches((*MENDABLE, *HARMLESS, *FATAL))
TARGETS = st.sampled_from(["alpha4", "alpha1"])


@given(batches((*MENDABLE, *HARMLESS)))
@FEWER
def test_what_can_be_mended_ends_with_a_good_forecast(snapshots: list[Snapshot]) -> None:
    tables = Tables(snapshots)
    plan = plan_repair(tables, all_fixable=True)
    mended = repaired(tables, plan)
    left = unmended(tables, plan)
    assert left.empty
    for snapshot, row in zip(mended.snapshots, records(forecast(mended)), strict=True):
        assert row["server_starts"]
        assert not row["saves_blocked"]
        assert row["sessions_restored"] == list(session_ids(snapshot.reading("sessions")))


@given(ANYTHING, TARGETS, st.booleans())
@FEWER
def test_without_a_finding_that_has_no_fix_the_forecast_is_good(
    snapshots: list[Snapshot],
    target: str,
    everything: bool,
) -> None:
    tables = Tables(snapshots)
    plan = plan_repair(tables, target=target, all_fixable=everything)
    left = set(unmended(tables, plan, target=target)["snapshot"])
    mended = repaired(tables, plan)
    for snapshot, row in zip(
        mended.snapshots, records(forecast(mended, target=target)), strict=True
    ):
        if snapshot.name not in left:
            assert row["server_starts"]
            assert not row["saves_blocked"]
            known = session_ids(snapshot.reading("sessions"))
            assert set(known) <= set(row["sessions_restored"])
            assert not {"sessions", "panes", "everything"} & row["lost_at_next_save"].keys()


@given(ANYTHING, TARGETS, st.booleans())
@FEWER
def test_a_second_repair_changes_nothing(
    snapshots: list[Snapshot],
    target: str,
    everything: bool,
) -> None:
    tables = Tables(snapshots)
    mended = repaired(tables, plan_repair(tables, target=target, all_fixable=everything))
    assert plan_repair(mended, target=target, all_fixable=everything).empty


@given(ANYTHING, TARGETS)
@FEWER
def test_nothing_changes_that_no_finding_names(snapshots: list[Snapshot], target: str) -> None:
    tables = Tables(snapshots)
    findings = audit(tables, target=target)
    findings = findings[findings["severity"] == "error"]
    plan = plan_repair(tables, target=target, all_fixable=True)
    assert list(plan.columns) == list(COLUMNS)
    for change in records(plan):
        snapshot = next(s for s in snapshots if s.name == change["snapshot"])
        mine = findings[findings["snapshot"] == change["snapshot"]]
        assert set(change["cause"].split(", ")) & set(mine["rule"])
        assert any(_names(snapshot, finding, change) for finding in records(mine))


def _names(snapshot: Snapshot, finding: dict[str, str], change: dict[str, object]) -> bool:
    """Tell whether a finding is about the row, or the section, that a change is made to."""
    pointer, section = str(change["json_pointer"]), change["section"]
    if finding["rule"] not in str(change["cause"]).split(", "):
        return False
    if finding["rule"] == "legacy-pane-section" or section == -1:
        return True
    reading = snapshot.readings[section]  # type: ignore[call-overload]  # a number
    if finding["section_id"] != reading.section.id:
        return False
    if reading.spec is None or reading.spec.name != "panes":
        return finding["json_pointer"].startswith(pointer)
    rows = reading.tree["sessions"]
    named, changed = (rows[int(p.split("/")[2])] for p in (finding["json_pointer"], pointer))
    return named is changed or _owner(named) == _owner(changed) is not None


def _owner(row: object) -> str | None:
    return canonical_owner(row.get("session_id")) if isinstance(row, dict) else None


@given(ANYTHING)
@FEWER
def test_a_repair_shows_no_environment_and_loses_no_pane_of_a_known_session(
    snapshots: list[Snapshot],
) -> None:
    tables = Tables(snapshots)
    plan = plan_repair(tables, all_fixable=True)
    assert SECRET not in plan.to_csv()
    assert SECRET not in audit(tables).to_csv()
    after = repaired(tables, plan)
    known = {s.name: set(session_ids(s.reading("sessions"))) for s in snapshots}
    for name in set(plan["snapshot"]):
        if "legacy-pane-section" in " ".join(plan.loc[plan["snapshot"] == name, "cause"]):
            continue  # rows that the new section has already are given up, as the rule says
        assert _panes(tables, name, known[name]) <= _panes(after, name, known[name])


def _panes(tables: Tables, name: str, known: set[str]) -> set[tuple[str, str]]:
    frame = tables["panes"]
    frame = frame[(frame["snapshot"] == name) & frame["session_id"].isin(known)]
    return set(zip(frame["session_id"], frame["pane_id"], strict=True))


@given(st.data())
@FEWER
def test_a_kill_leaves_a_good_forecast_good(data: st.DataObject) -> None:
    world = data.draw(worlds((*HARMLESS, *MENDABLE), most=3))
    tables = Tables([world.snapshot()])
    (before,) = records(forecast(tables))
    ids = list(before["sessions_restored"])
    if before["saves_blocked"] or not ids:
        return
    gone = data.draw(st.lists(st.sampled_from(ids), unique=True, min_size=1))
    asked = pd.DataFrame({"snapshot": ["world"] * len(gone), "session_id": gone})
    plan = plan_kill(tables, asked, scrub=data.draw(st.booleans()))
    raw = encode_plan(tables.snapshots[0], plan, rewrite=("sessions", "contexts", "panes"))
    (after,) = records(forecast([read_snapshot(raw, "world")]))
    assert after["server_starts"]
    assert not after["saves_blocked"]
    assert after["sessions_restored"] == [i for i in ids if i not in gone]
    kept = {s: n for s, n in before["panes_restored"].items() if s not in gone}
    assert after["panes_restored"] == kept


@given(ANYTHING)
@FEWER
def test_safe_fixes_need_not_be_asked_for(snapshots: list[Snapshot]) -> None:
    tables = Tables(snapshots)
    plan = plan_repair(tables)
    causes = {rule for cause in plan["cause"] for rule in cause.split(", ")}
    assert {BY_ID[rule].fix_class for rule in causes} <= {FixClass.SAFE}
    safe = [rule.id for rule in BY_ID.values() if rule.fix_class is FixClass.SAFE]
    assert plan.equals(plan_repair(tables, rules=safe))
