"""What must hold of a kill in every world, written by a server or made up to hurt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import orjson
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from bmux_forensics.analysis.plans import plan_kill, process_groups
from bmux_forensics.snapshot.document import Snapshot, read_snapshot
from bmux_forensics.tables.build import Tables, places_of
from bmux_forensics.tables.catalog import BY_NAME
from bmux_forensics.tables.graph import FOREIGN_KEYS
from bmux_forensics.tables.schema import ForeignKey, Kind, OnKill
from bmux_forensics.tables.walk import pointer_at
from tests.analysis.kills import kill, plan_of, targets
from tests.analysis.reference_kill import killed, meaning
from tests.worlds import World, hostile_worlds, served_worlds, worlds

Case = tuple[World, list[str]]
Row = dict[str, Any]


@st.composite
def kills(draw: st.DrawFn, source: st.SearchStrategy[World]) -> Case:
    """Draw a world and some of its sessions."""
    world = draw(source)
    picked = draw(st.lists(st.sampled_from(world.session_ids), unique=True, min_size=1))
    return world, picked


ANY = kills(worlds(least_sessions=1))
SERVED = kills(served_worlds(least_sessions=1))
HOSTILE = kills(hostile_worlds(least_sessions=1))


few = settings(max_examples=settings().max_examples // 3)
"""For properties that look at every table of several snapshots: a third of the worlds."""


# --- what is written -------------------------------------------------------------------------


@given(SERVED)
def test_kill_in_a_served_world_does_what_the_format_says(case: Case) -> None:
    snapshot, ids = case[0].snapshot(), case[1]
    assert kill(snapshot, ids) == killed(snapshot.raw, set(ids))


@given(HOSTILE)
def test_kill_in_a_hostile_world_does_what_the_format_says(case: Case) -> None:
    snapshot, ids = case[0].snapshot(), case[1]
    assert kill(snapshot, ids) == killed(snapshot.raw, set(ids))


@given(ANY, st.booleans())
def test_result_is_a_snapshot_and_killing_again_finds_nothing(case: Case, scrub: bool) -> None:
    snapshot, ids = case[0].snapshot(), case[1]
    after = read_snapshot(kill(snapshot, ids, scrub=scrub), "after")
    assert after.require_envelope().checksum == after.require_envelope().computed_checksum
    assert set(Tables([after])["sessions"]["session_id"]).isdisjoint(ids)
    assert plan_of(after, ids, scrub=scrub).empty


@given(ANY, st.data())
def test_one_after_the_other_gives_the_bytes_of_both_at_once(
    case: Case, data: st.DataObject
) -> None:
    snapshot, ids = case[0].snapshot(), case[1]
    first = data.draw(st.lists(st.sampled_from(ids), unique=True))
    halfway = read_snapshot(kill(snapshot, first), snapshot.name)
    assert kill(halfway, [i for i in ids if i not in first]) == kill(snapshot, ids)


@given(HOSTILE)
def test_what_no_kill_knows_survives_it(case: Case) -> None:
    snapshot, ids = case[0].snapshot(), case[1]
    before, after = orjson.loads(snapshot.raw), orjson.loads(kill(snapshot, ids))
    shell = ("version", "checksum", "sections")
    assert {k: v for k, v in after.items() if k not in shell} == {
        k: v for k, v in before.items() if k not in shell
    }
    rewritten = {
        r.position
        for n in ("sessions", "contexts", "clients", "panes")
        if (r := snapshot.reading(n))
    }
    for position, (old, new) in enumerate(zip(before["sections"], after["sections"], strict=True)):
        same = old.keys() - {"bytes"} if position in rewritten else old.keys()
        assert {k: new[k] for k in same} == {k: old[k] for k in same}
        assert new.keys() == old.keys()


# --- what is left of references --------------------------------------------------------------


@given(ANY)
def test_no_cascading_reference_to_what_went_is_left(case: Case) -> None:
    snapshot, ids = case[0].snapshot(), case[1]
    before = Tables([snapshot])
    after = Tables([read_snapshot(kill(snapshot, ids), snapshot.name)])
    for reference in FOREIGN_KEYS:
        if reference.on_kill is OnKill.NO_ACTION or reference.contained:
            continue
        gone = _values(before, reference.parent, reference.parent_columns[0]) - _values(
            after, reference.parent, reference.parent_columns[0]
        )
        left = _values(after, reference.table, reference.columns[0])
        assert left.isdisjoint(gone), reference.name


def _values(tables: Tables, table: str, column: str) -> set[str]:
    return set(tables[table][column].dropna())


@few
@given(ANY)
def test_scrub_leaves_nothing_dangling_that_did_not_before(case: Case) -> None:
    snapshot, ids = case[0].snapshot(), case[1]
    before = _dangling(Tables([snapshot]))
    after = _dangling(Tables([read_snapshot(kill(snapshot, ids, scrub=True), snapshot.name)]))
    assert after - before == Counter()


@few
@given(ANY)
def test_kept_rows_are_exactly_the_references_that_dangle_now(case: Case) -> None:
    snapshot, ids = case[0].snapshot(), case[1]
    tables = Tables([snapshot])
    plan = plan_kill(tables, targets(snapshot, ids))
    after = Tables([read_snapshot(kill(snapshot, ids), snapshot.name)])
    kept = plan[plan["action"] == "keep"]
    says = Counter(zip(kept["table"], kept["column"], strict=True))
    new = _dangling(after) - _dangling(tables)
    # A column that refers to two tables is kept once for each.
    assert {k: n for k, n in _by_column(new).items() if n} == dict(says)


def _dangling(tables: Tables) -> Counter[tuple[str, str]]:
    """Count the references that lead nowhere, by name and value."""
    found: Counter[tuple[str, str]] = Counter()
    for reference in FOREIGN_KEYS:
        parents = set(_keys(tables[reference.parent], reference.parent_columns, None))
        for key in _keys(tables[reference.table], reference.columns, reference):
            if key not in parents:
                found[reference.name, str(key[-1])] += 1
    return found


def _by_column(dangling: Counter[tuple[str, str]]) -> Counter[tuple[str, str]]:
    references = {reference.name: reference for reference in FOREIGN_KEYS}
    found: Counter[tuple[str, str]] = Counter()
    for (name, _), count in dangling.items():
        found[references[name].table, references[name].columns[-1]] += count
    return found


def _keys(
    frame: pd.DataFrame, columns: tuple[str, ...], reference: ForeignKey | None
) -> list[tuple[Any, ...]]:
    keys = _cells(frame, columns)
    if reference is not None and reference.where is not None:
        column, value = reference.where
        refers = [cell == value for (cell,) in _cells(frame, (column,))]
        keys = [key for key, it_does in zip(keys, refers, strict=True) if it_does]
    return [key for key in keys if None not in key]


def _cells(frame: pd.DataFrame, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """Give the rows of some columns as plain values, None for null."""
    lists = [[None if _is_null(v) else v for v in frame[c].tolist()] for c in columns]
    return list(zip(*lists, strict=True))


def _is_null(cell: Any) -> bool:
    return not isinstance(cell, list | dict) and bool(pd.isna(cell))


# --- what a plan says ------------------------------------------------------------------------


@few
@given(ANY, st.booleans())
def test_plan_names_every_row_that_changes_and_no_other(case: Case, scrub: bool) -> None:
    snapshot, ids = case[0].snapshot(), case[1]
    before = Tables([snapshot])
    plan = plan_kill(before, targets(snapshot, ids), scrub=scrub)
    after = Tables([read_snapshot(kill(snapshot, ids, scrub=scrub), snapshot.name)])
    for table in BY_NAME:
        mine = plan[plan["table"] == table]
        gone = set(mine.loc[mine["action"] == "delete", "json_pointer"])
        nulls = mine[mine["action"] == "set-null"]
        nulled = set(zip(nulls["json_pointer"], nulls["column"], strict=True))
        expected = [
            _nulled(table, pointer, row, nulled)
            for pointer, row in _rows(before, table)
            if pointer not in gone
        ]
        assert expected == [row for _, row in _rows(after, table)], table


def _nulled(table: str, pointer: str, row: Row, cells: set[tuple[str, str]]) -> Row:
    """Null a row's references; the pointer of a cell is that of its row and the member."""
    members = {k.columns[-1]: k.member for k in FOREIGN_KEYS if k.table == table}
    return {
        column: None if ("/".join((pointer, *members.get(column, ()))), column) in cells else value
        for column, value in row.items()
    }


def _rows(tables: Tables, table: str) -> list[tuple[str, Row]]:
    """Give each row of a table of one snapshot: where it stands, and what it says."""
    frame = tables[table]
    reading = tables.snapshots[0].reading(BY_NAME[table].section)
    if frame.empty or reading is None:
        return []
    template = BY_NAME[table].pointer(reading.section.version)
    places = places_of(table)
    # How many rows stand inside is said by those rows; JSON is JSON in any order of keys.
    kinds = {column.name: column.kind for column in BY_NAME[table].columns}
    said = [c for c in frame.columns if c not in places and kinds.get(c) is not Kind.COUNT]
    frame = frame.assign(
        **{
            c: frame[c].map(orjson.loads, na_action="ignore")
            for c in said
            if kinds.get(c) is Kind.JSON
        }
    )
    return [
        (
            pointer_at(template, dict(zip(places, place, strict=True))),
            dict(zip(said, row, strict=True)),
        )
        for place, row in zip(_cells(frame, places), _cells(frame, said), strict=True)
    ]


@given(ANY, st.booleans())
def test_plan_made_twice_is_the_same(case: Case, scrub: bool) -> None:
    snapshot, ids = case[0].snapshot(), case[1]
    again = read_snapshot(snapshot.raw, snapshot.name)
    plan = plan_of(snapshot, ids, scrub=scrub)
    assert_frame_equal(plan, plan_of(again, list(reversed(ids)), scrub=scrub))
    assert not plan.empty


@given(ANY)
def test_plan_without_contained_rows_writes_the_same(case: Case) -> None:
    snapshot, ids = case[0].snapshot(), case[1]
    tables = Tables([snapshot])
    full = plan_kill(tables, targets(snapshot, ids))
    short = plan_kill(tables, targets(snapshot, ids), contained=False)
    edits = ["section", "table", "action", "json_pointer", "new"]
    whole = full[~full["contained"]].reset_index(drop=True)
    changes = whole[whole["action"] != "keep"].reset_index(drop=True)
    assert_frame_equal(
        changes[edits], short[short["action"] != "keep"].reset_index(drop=True)[edits]
    )


@few
@given(st.lists(worlds(), min_size=2, max_size=4), st.booleans())
def test_one_file_at_a_time_and_all_at_once_give_the_same_plans(
    drawn: list[World], scrub: bool
) -> None:
    snapshots = [world.snapshot(f"world {i}") for i, world in enumerate(drawn)]
    tables = Tables(snapshots)
    # The first session of each world, so that what one loses another may keep.
    wanted = pd.concat(
        [targets(s, w.session_ids[:1]) for s, w in zip(snapshots, drawn, strict=True)]
    )
    plan = plan_kill(tables, wanted, scrub=scrub)
    groups = process_groups(tables, wanted)
    for snapshot, world in zip(snapshots, drawn, strict=True):
        alone, ids = Tables([snapshot]), world.session_ids[:1]
        _assert_part(plan, snapshot, plan_kill(alone, targets(snapshot, ids), scrub=scrub))
        _assert_part(groups, snapshot, process_groups(alone, targets(snapshot, ids)))
    assert plan["snapshot"].dtype == tables.snapshot_dtype


def _assert_part(whole: pd.DataFrame, snapshot: Snapshot, alone: pd.DataFrame) -> None:
    part = whole[whole["snapshot"] == snapshot.name].reset_index(drop=True)
    part["snapshot"] = part["snapshot"].astype(alone["snapshot"].dtype)
    assert_frame_equal(part, alone)


@given(HOSTILE)
def test_process_groups_are_the_positive_ones_of_the_sessions(case: Case) -> None:
    snapshot, ids = case[0].snapshot(), case[1]
    reading = snapshot.reading("panes")
    tree = reading.tree if reading else None
    rows = tree.get("sessions") if isinstance(tree, dict) else None
    expected = [
        pane["process_group_id"]
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict) and _owner(row.get("session_id")) in ids
        for pane in (row["panes"] if isinstance(row.get("panes"), list) else [])
        if isinstance(pane, dict) and type(pane.get("process_group_id")) is int
        if 0 < pane["process_group_id"] < 2**31
    ]
    found = process_groups(Tables([snapshot]), targets(snapshot, ids))
    assert found["pgid"].tolist() == expected


def _owner(session_id: Any) -> str | None:
    """Give the session a pane row belongs to: by text, or by its 16 byte values."""
    if isinstance(session_id, list) and len(session_id) == 16:
        return meaning(bytes(session_id).hex())
    return meaning(session_id)
