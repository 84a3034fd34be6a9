"""Repairs of single faults: exactly which change, and what it leaves alone."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from bmux_forensics.analysis.encoding import carry_out, encode_plan
from bmux_forensics.analysis.plans import edits_of
from bmux_forensics.analysis.repair import layouts
from bmux_forensics.analysis.repair.plan import plan_repair, repaired, unmended, wanted_rules
from bmux_forensics.analysis.restore.forecast import forecast
from bmux_forensics.analysis.rules.book import BY_ID
from bmux_forensics.analysis.rules.model import FixClass
from bmux_forensics.errors import ChecksumMismatchError, NotRewritableError, UsageError
from bmux_forensics.snapshot.document import read_snapshot
from bmux_forensics.snapshot.edits import Edit
from bmux_forensics.snapshot.json_text import MAX_DEPTH
from bmux_forensics.tables.build import Tables
from tests.analysis_audit.test_audit_rules import (
    P1,
    P2,
    S1,
    S2,
    leaf,
    pane,
    row,
    sound,
    split,
    surface,
    written,
)
from tests.analysis_audit.worlds import SECRET, World, records

CASES = Path(__file__).parents[1] / "data" / "restore"
N1, N2 = (f"0000000{i}-0000-4000-8000-00000000000a" for i in (1, 2))


def case(name: str) -> Tables:
    raw = gzip.decompress((CASES / f"{name}.json.gz").read_bytes())
    return Tables([read_snapshot(raw, name)])


def changes(tables: Tables, **options: Any) -> list[tuple[int, str, str, str | None, str]]:
    """Give section, action, pointer, new value and cause of each change."""
    plan = plan_repair(tables, **options)
    return [
        (r["section"], r["action"], r["json_pointer"], *_texts(r["new"], r["cause"]))
        for r in records(plan)
    ]


def _texts(new: Any, cause: str) -> tuple[str | None, str]:
    return (new if isinstance(new, str) else None, cause)


def of(trees: dict[str, Any], **versions: int) -> Tables:
    return Tables([written(trees, versions).snapshot()])


def mended_row(tables: Tables, index: int = 0, **options: Any) -> Any:
    after = repaired(tables, plan_repair(tables, **options))
    assert unmended(tables, plan_repair(tables, **options)).empty
    reading = after.snapshots[0].reading("panes")
    assert reading is not None
    return reading.tree["sessions"][index]


OPT_IN = [
    ("duplicate-section", "duplicate-section"),
    ("bad-checksum", "checksum-mismatch"),
    ("alpha1-legacy-section", "legacy-pane-section"),
    ("nonresumable", "pane-nonresumable"),
    ("tabs-unknown-field", "tabs-unknown-field"),
    ("workspace-blank-name", "workspace-invalid"),
]


@pytest.mark.parametrize(("name", "rule"), OPT_IN)
def test_what_gives_something_up_is_done_only_when_it_is_named(name: str, rule: str) -> None:
    tables = case(name)
    assert plan_repair(tables).empty
    assert unmended(tables, plan_repair(tables))["rule"].tolist() == [rule]
    plan = plan_repair(tables, rules=[rule])
    assert plan["cause"].tolist() == [rule]
    (after,) = records(forecast(repaired(tables, plan)))
    assert after["server_starts"]
    assert after["because"] == []
    assert len(after["sessions_restored"]) in (4, 5)


def test_every_recorded_case_is_mended_but_for_what_has_no_fix() -> None:
    names = sorted(path.name.removesuffix(".json.gz") for path in CASES.glob("*.json.gz"))
    tables = Tables([case(name).snapshots[0] for name in names])
    plan = plan_repair(tables, all_fixable=True)
    left = unmended(tables, plan)
    assert {BY_ID[rule].fix_class for rule in left["rule"]} == {FixClass.NONE}
    after = forecast(repaired(tables, plan)).set_index("snapshot")
    for name in set(names) - set(left["snapshot"]):
        assert after.loc[name, "server_starts"]
        assert not after.loc[name, "saves_blocked"]
        assert len(after.loc[name, "sessions_restored"]) in (4, 5)  # type: ignore[arg-type]


def test_one_ratio_is_one_change() -> None:
    assert changes(case("ratio-out-of-range")) == [
        (4, "set", "/sessions/0/layout_root/ratio", "0.9", "split-ratio-out-of-range")
    ]


def test_a_sibling_is_lifted_and_the_other_half_is_as_it_was() -> None:
    trees = sound()
    inner = split(leaf(N1), leaf(P2), 0.3)
    trees["panes"]["sessions"][0]["layout_root"] = split(leaf(P1), inner, 0.7)
    assert mended_row(of(trees))["layout_root"] == split(leaf(P1), leaf(P2), 0.7)


def test_faults_of_one_layout_are_mended_by_one_change() -> None:
    trees = sound()
    shape = split(split(leaf(N1), leaf(P2), 7), leaf(P2), 0.4)
    trees["panes"]["sessions"][0]["layout_root"] = shape
    ((_, action, pointer, _, cause),) = changes(of(trees))
    assert (action, pointer) == ("set", "/sessions/0/layout_root")
    assert cause.split(", ") == [
        "layout-pane-missing",
        "layout-pane-twice",
        "pane-outside-layout",
        "split-ratio-out-of-range",
    ]
    assert mended_row(of(trees))["layout_root"] == split(leaf(P2), leaf(P1))


def test_a_layout_of_strangers_becomes_one_of_the_panes() -> None:
    trees = sound()
    trees["panes"]["sessions"][0]["layout_root"] = leaf(N1)
    assert mended_row(of(trees))["layout_root"] == split(leaf(P1), leaf(P2))
    trees["panes"]["sessions"][0]["floating_surfaces"] = [surface(P1), surface(P2)]
    assert mended_row(of(trees))["layout_root"] is None


def test_a_loose_pane_goes_where_nothing_gets_deeper_than_it_must() -> None:
    trees = sound()
    deep: dict[str, Any] = leaf(P1)
    ids = [f"{i:08d}-0000-4000-8000-00000000000b" for i in range(122)]
    for identity in ids:
        deep = split(deep, leaf(identity))
    trees["panes"]["sessions"][0].update(
        layout_root=deep, panes=[pane(i) for i in (P1, P2, *ids)], zoomed_pane_id=None
    )
    layout = mended_row(of(trees))["layout_root"]
    assert layout["second"] == split(leaf(ids[-1]), leaf(P2))
    assert layouts.depth(layout) == 123


def test_a_layout_that_would_be_too_deep_is_laid_out_anew() -> None:
    ids = [f"{i:08d}-0000-4000-8000-00000000000b" for i in range(126)]
    deep: dict[str, Any] = leaf(ids[0])
    for identity in ids[1:]:
        deep = split(deep, leaf(identity))
    assert layouts.depth(deep) > MAX_DEPTH - 3
    flat = layouts.completed(deep, ids)
    assert flat is not None
    assert layouts.leaves(flat) == ids
    assert layouts.depth(flat) == 8


def test_the_focus_goes_to_the_zoomed_pane_else_to_the_first_that_is_shown() -> None:
    trees = sound()
    trees["panes"]["sessions"][0]["focused_pane_id"] = N1
    assert mended_row(of(trees))["focused_pane_id"] == P2
    trees["panes"]["sessions"][0].update(zoomed_pane_id=N2, layout_root=split(leaf(P2), leaf(P1)))
    assert mended_row(of(trees))["focused_pane_id"] == P2
    trees["panes"]["sessions"][0].update(zoomed_pane_id=None, layout_root=None)
    assert mended_row(of(trees))["focused_pane_id"] == P1


def test_rows_of_one_session_are_merged_and_the_plan_shows_no_environment() -> None:
    trees = sound()
    command = {"program": "vim", "args": [], "env": {"TOKEN": SECRET}}
    lost = pane(N1, process_group_id="12", launch_command=command)
    extra = row(
        S1, pane(P1, name="other"), lost, pane(N2), floating_surfaces=[surface(N2), surface(P1)]
    )
    trees["panes"]["sessions"].insert(1, extra)
    tables = of(trees)
    plan = plan_repair(tables)
    assert SECRET not in plan.to_csv()
    merged = mended_row(tables)
    assert [p["id"] for p in merged["panes"]] == [P1, P2, N1, N2]
    assert "name" not in merged["panes"][0]
    assert merged["panes"][2] == {**lost, "process_group_id": None}
    assert [s["pane_id"] for s in merged["floating_surfaces"]] == [N2]
    assert merged["layout_root"] == split(split(leaf(P1), leaf(N1)), leaf(P2))
    assert mended_row(tables, 1)["session_id"] == S2


def test_an_id_of_16_values_is_written_as_text_and_one_that_means_nothing_is_dropped() -> None:
    trees = sound()
    rows = trees["panes"]["sessions"]
    rows[0]["session_id"] = list(bytes.fromhex(S1.replace("-", "")))
    rows.extend([7, row(None, pane(N1)), row("no id", pane(N2))])
    assert [c[1:3] for c in changes(of(trees))] == [
        ("delete", "/sessions/2"),
        ("delete", "/sessions/3"),
        ("delete", "/sessions/4"),
        ("set", "/sessions/0/session_id"),
    ]
    assert mended_row(of(trees))["session_id"] == S1


def test_older_panes_join_the_newer_ones_in_the_newer_form() -> None:
    trees = sound()
    viewport = {"cols": 80, "rows": 24, "status_top_inset": 1, "status_bottom_inset": 2}
    trees["panes"]["sessions"].pop(1)
    older = [row(S1, pane(N1)), row(S2, pane(N2), attach_viewport=viewport), row(N1, pane(N1))]
    trees["older_panes"] = {"sessions": older}
    tables = of(trees)
    moved = mended_row(tables, 1, all_fixable=True)
    assert moved["session_id"] == S2
    assert moved["attach_viewport"] == {"cols": 80, "rows": 24, "top_inset": 1, "bottom_inset": 2}
    after = repaired(tables, plan_repair(tables, all_fixable=True)).snapshots[0]
    assert after.reading("older_panes") is None
    assert [p["id"] for p in mended_row(tables, 0, all_fixable=True)["panes"]] == [P1, P2]


def test_panes_before_their_sessions_are_moved_behind_them_for_alpha1() -> None:
    tables = case("alpha1-sections-reversed")
    assert plan_repair(tables).empty
    plan = plan_repair(tables, target="alpha1")
    assert set(plan["cause"]) == {"pane-section-before-sessions"}
    (after,) = records(forecast(repaired(tables, plan), target="alpha1"))
    assert sum(after["panes_restored"].values()) == 6
    assert after["lost_at_next_save"] == {}


def test_unknown_fields_and_untouched_sections_survive_a_repair() -> None:
    trees = sound()
    trees["panes"]["sessions"][0].update(colour="blue", focused_pane_id=N1)
    tables = of(trees)
    snapshot = tables.snapshots[0]
    after = read_snapshot(encode_plan(snapshot, plan_repair(tables)), "after")
    for before, now in zip(snapshot.readings, after.readings, strict=True):
        same = before.section.payload == now.section.payload
        assert same == (before.section.id != "bmux.pane_runtime/pane-runtime")
    assert after.readings[3].tree["sessions"][0]["colour"] == "blue"
    assert after.checksum_problem is None


def test_a_number_too_long_to_write_back_is_no_hindrance_where_it_is_the_fault() -> None:
    trees = sound()
    trees["panes"]["sessions"][0]["panes"][0]["process_group_id"] = 10**100
    assert mended_row(of(trees))["panes"][0]["process_group_id"] is None
    trees["panes"]["sessions"][0]["panes"][1]["weight"] = 10**30
    tables = of(trees)
    plan = plan_repair(tables)
    with pytest.raises(NotRewritableError, match="integers of at most 64 bits"):
        carry_out(tables.snapshots[0], plan)


def test_without_a_fitting_checksum_nothing_is_written_unless_it_is_asked_for() -> None:
    trees = sound()
    trees["panes"]["sessions"][0]["focused_pane_id"] = N1
    world = written(trees)
    world.sealed = False
    tables = Tables([world.snapshot()])
    assert plan_repair(tables).empty
    plan = plan_repair(tables, rules=["checksum-mismatch"])
    after = carry_out(tables.snapshots[0], plan)
    assert after.envelope is not None
    assert str(after.envelope.checksum) == plan.loc[plan["column"] == "checksum", "new"].item()
    with pytest.raises(ChecksumMismatchError, match="checksum of its sections"):
        carry_out(tables.snapshots[0], plan[plan["section"] >= 0])


def test_a_checksum_is_not_made_anew_over_what_does_not_decode() -> None:
    trees = sound()
    trees["clients"] = b"{"
    world = written(trees)
    world.sealed = False
    tables = Tables([world.snapshot()])
    plan = plan_repair(tables, all_fixable=True)
    assert plan.empty
    left = unmended(tables, plan)["rule"].tolist()
    assert left == ["checksum-mismatch", "section-undecodable"]


def test_an_edit_of_the_envelope_that_nobody_knows_is_refused() -> None:
    tables = case("duplicate-section")
    plan = plan_repair(tables, all_fixable=True)
    for pointer in ("/version", "/sections", "/sections/x"):
        with pytest.raises(NotRewritableError, match="an edit of the envelope that nobody knows"):
            carry_out(tables.snapshots[0], plan.assign(json_pointer=pointer))
    strange = plan.assign(action="set", json_pointer="/sections/6/version", new="3")
    assert edits_of(strange) == {-1: [Edit("set", "/sections/6/version", 3)]}
    with pytest.raises(NotRewritableError, match="an edit of the envelope that nobody knows"):
        carry_out(tables.snapshots[0], strange)
    copied = plan.assign(action="insert", json_pointer="/sections/-", new="3")
    with pytest.raises(NotRewritableError, match="an edit of the envelope that nobody knows"):
        carry_out(tables.snapshots[0], copied)


def test_a_rule_that_has_no_fix_can_not_be_asked_for() -> None:
    with pytest.raises(UsageError, match="expected a rule with a fix, found 'section-missing'"):
        wanted_rules("alpha4", ["section-missing"], all_fixable=False)
    with pytest.raises(UsageError, match="expected the id of a rule"):
        plan_repair(Tables([]), rules=["nothing"])
    with pytest.raises(UsageError, match="expected alpha4 or alpha1"):
        plan_repair(Tables([]), target="alpha2")


def test_what_a_server_takes_as_it_is_stays_as_it_is() -> None:
    names = ["baseline", "selections-dangling", "pgid-negative", "unknown-fields", "ghost-clients"]
    tables = Tables([case(name).snapshots[0] for name in names])
    assert plan_repair(tables, all_fixable=True).empty


def test_workspaces_get_names_of_their_own() -> None:
    trees = sound()
    taken = f"other-{N1[:8]}"
    trees["workspaces"] += [
        {"id": N1, "name": "other"},
        {"id": N2, "name": taken},
        {"id": N2, "name": "again"},
    ]
    tables = of(trees)
    after = repaired(tables, plan_repair(tables, all_fixable=True)).snapshots[0]
    reading = after.reading("workspaces")
    assert reading is not None
    assert [w["name"] for w in reading.tree] == ["default", "other", f"other-{N1}", taken]


def test_an_envelope_that_can_not_be_read_is_left_alone() -> None:
    tables = Tables([read_snapshot(b"{", "torn")])
    plan = plan_repair(tables, all_fixable=True)
    assert plan.empty
    assert unmended(tables, plan)["rule"].tolist() == ["envelope-unreadable"]
    assert World().snapshot().envelope is not None


@pytest.mark.parametrize(
    ("member", "value"),
    [("panes", None), ("panes", 3), ("panes", [3]), ("layout_root", 3)],
)
def test_a_row_of_another_shape_beside_one_that_can_be_mended_is_foretold(
    member: str, value: Any
) -> None:
    trees = sound()
    broken, mendable = trees["panes"]["sessions"][:2]
    broken[member] = value
    mendable["focused_pane_id"] = N1
    tables = of(trees)
    plan = plan_repair(tables)
    (after,) = records(forecast(repaired(tables, plan)))
    assert after["saves_blocked"]
    assert repaired(tables, plan).snapshots[0].problems
    encode_plan(tables.snapshots[0], plan)
