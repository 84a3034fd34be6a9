"""Tables: what a row is, what a value becomes, and the same for one snapshot or for many."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from bmux_forensics.errors import UsageError
from bmux_forensics.snapshot.document import read_snapshot
from bmux_forensics.tables.build import Tables, places_of, table_names
from bmux_forensics.tables.catalog import BY_NAME
from bmux_forensics.tables.graph import FOREIGN_KEYS
from bmux_forensics.tables.schema import MASK
from bmux_forensics.tables.walk import pointer_at
from tests.worlds import (
    CLIENTS,
    CONTEXTS,
    NIL,
    ODD_PGIDS,
    PANES,
    SECRET,
    SESSIONS,
    SURFACES,
    Part,
    World,
    clients_tree,
    contexts_tree,
    pane,
    part,
    runtime,
    session,
    spellings,
    worlds,
)

few = settings(max_examples=settings().max_examples // 3)
"""For properties that build every table of several snapshots."""


def tables_of(*parts: Part, show_env: bool = False) -> Tables:
    return Tables([World(parts).snapshot()], show_env=show_env)


# --- one batch -------------------------------------------------------------------------------


@few
@given(st.lists(worlds(), min_size=1, max_size=3))
def test_tables_of_many_are_the_tables_of_each_one_behind_the_other(drawn: list[World]) -> None:
    snapshots = [world.snapshot(f"world {i}") for i, world in enumerate(drawn)]
    many = Tables(snapshots)
    singles = [Tables([snapshot]) for snapshot in snapshots]
    for name in table_names():
        alone = [single[name].astype({"snapshot": many.snapshot_dtype}) for single in singles]
        expected = pd.concat(alone, ignore_index=True)
        assert many[name].dtypes.equals(expected.dtypes), name
        if not many[name].equals(expected):
            assert_frame_equal(many[name], expected)  # says where, but takes its time
            pytest.fail(name)


@few
@given(worlds())
def test_an_empty_table_has_the_columns_and_dtypes_of_a_full_one(world: World) -> None:
    full, empty = Tables([world.snapshot("x")]), Tables([read_snapshot(b"", "x")])
    none = Tables([])
    for name in table_names():
        assert list(empty[name].columns) == list(full[name].columns)
        assert empty[name].dtypes.to_dict() == full[name].dtypes.to_dict(), name
        assert isinstance(empty[name].index, pd.RangeIndex)
        expected = {**full[name].dtypes.to_dict(), "snapshot": none.snapshot_dtype}
        assert none[name].dtypes.to_dict() == expected, name
        assert none[name].empty
        assert name == "snapshots" or empty[name].empty


@few
@given(worlds())
def test_a_row_is_identified_by_its_place_alone(world: World) -> None:
    tables = Tables([world.snapshot()])
    for name in BY_NAME:
        frame = tables[name]
        assert not frame[["snapshot", "section", *places_of(name)]].duplicated().any(), name
        assert not frame[["section", *places_of(name)]].isna().any().any(), name


@few
@given(worlds())
def test_every_pointer_leads_to_the_value_that_the_table_shows(world: World) -> None:
    from bmux_forensics.snapshot.edits import resolve  # noqa: PLC0415

    snapshot = world.snapshot()
    tables = Tables([snapshot])
    for name, spec in BY_NAME.items():
        reading = snapshot.reading(spec.section)
        if reading is None or tables[name].empty:
            continue
        template = spec.pointer(reading.section.version)
        for row in tables[name].to_dict("records"):
            node = resolve(reading.tree, pointer_at(template, {str(k): v for k, v in row.items()}))
            texts = [c for c in spec.columns if c.kind == "text" and not c.at]
            for column in texts:
                shown = None if pd.isna(row[column.name]) else row[column.name]
                assert shown == _text_at(node, column.path), (name, column.name)


def _text_at(node: Any, path: tuple[str, ...]) -> str | None:
    for member in path:
        node = node.get(member) if isinstance(node, dict) else None
    return node if isinstance(node, str) else None


def test_the_graph_refers_to_columns_that_there_are() -> None:
    tables = Tables([])
    for key in FOREIGN_KEYS:
        child, parent = tables[key.table], tables[key.parent]
        assert {*key.columns, *([key.where[0]] if key.where else [])} <= set(child.columns)
        assert set(key.parent_columns) <= set(parent.columns)
        for column, other in zip(key.columns, key.parent_columns, strict=True):
            assert child[column].dtype == parent[other].dtype, key.name
    assert len({key.name for key in FOREIGN_KEYS}) == len(FOREIGN_KEYS)


def test_two_snapshots_of_one_name_are_refused() -> None:
    snapshot = World(()).snapshot("same.json")
    with pytest.raises(UsageError, match=r"same\.json: .*two snapshots of that name"):
        Tables([snapshot, snapshot])


def test_snapshot_is_one_category_for_the_whole_batch() -> None:
    snapshots = [
        World((part("sessions", [session(SESSIONS[0])]),)).snapshot("b"),
        World(()).snapshot("a"),
        read_snapshot(b"torn", "c"),
    ]
    tables = Tables(snapshots)
    for name in table_names():
        dtype = tables[name]["snapshot"].dtype
        assert isinstance(dtype, pd.CategoricalDtype)
        assert dtype.categories.tolist() == ["b", "a", "c"]
        assert dtype == tables.snapshot_dtype
    assert tables["snapshots"]["snapshot"].tolist() == ["b", "a", "c"]


# --- values ----------------------------------------------------------------------------------


@pytest.mark.parametrize("spelled", spellings(SESSIONS[0]))
def test_ids_are_canonical_and_keys_are_as_spelled(spelled: str) -> None:
    tables = tables_of(
        part("sessions", [session(spelled)]),
        part("contexts", contexts_tree(session_by_context={spelled: spelled})),
    )
    assert tables["sessions"]["session_id"].tolist() == [SESSIONS[0]]
    row = tables["bindings"].iloc[0]
    assert (row["context"], row["context_id"], row["session_id"]) == (
        spelled,
        SESSIONS[0],
        SESSIONS[0],
    )


ODD_IDS: list[Any] = [None, 7, True, "", "x", f"{NIL}\n", f" {NIL}", [], {}, [0] * 15, [256] * 16]


@pytest.mark.parametrize("odd", ODD_IDS, ids=repr)
def test_an_id_that_is_no_text_that_parses_is_null(odd: Any) -> None:
    tables = tables_of(part("panes", {"sessions": [runtime(odd, pane(odd))]}))
    assert tables["runtimes"]["session_id"].isna().tolist() == [True]
    assert tables["runtimes"]["owner_id"].isna().tolist() == [True]
    assert tables["panes"]["pane_id"].isna().tolist() == [True]


def test_sixteen_byte_values_say_the_owner_but_are_no_id() -> None:
    tables = tables_of(part("panes", {"sessions": [runtime([0] * 16, pane(PANES[0], 5))]}))
    runtimes = tables["runtimes"]
    assert runtimes["session_id"].isna().tolist() == [True]
    assert runtimes["owner_id"].tolist() == [NIL]
    assert runtimes["session_id_type"].tolist() == ["array"]
    assert tables["panes"]["session_id"].tolist() == [NIL]


def test_booleans_are_no_byte_values() -> None:
    tables = tables_of(part("panes", {"sessions": [runtime([True] * 16)]}))
    assert tables["runtimes"]["owner_id"].isna().tolist() == [True]


@pytest.mark.parametrize(
    ("number", "shown"),
    [(n, n) for n in (-7, 0, 1, 2**31 - 1, -(2**31))]
    + [(odd, None) for odd in ODD_PGIDS if odd not in (0, -7) or isinstance(odd, bool)],
    ids=repr,
)
def test_a_pgid_is_a_json_integer_of_32_bits(number: Any, shown: int | None) -> None:
    panes = tables_of(part("panes", {"sessions": [runtime(NIL, pane(PANES[0], number))]}))["panes"]
    assert panes["pgid"].dtype == pd.Int64Dtype()
    assert [None if pd.isna(v) else v for v in panes["pgid"]] == [shown]


def test_the_type_of_a_value_that_became_null_is_kept() -> None:
    odd: list[Any] = [None, True, 7, 1.5, "x", [], {}]
    rows = [pane(PANES[0], value) for value in odd] + [{"id": PANES[0]}]
    panes = tables_of(part("panes", {"sessions": [runtime(NIL, *rows)]}))["panes"]
    types = ["null", "boolean", "number", "number", "text", "array", "object", "absent"]
    assert panes["pgid_type"].tolist() == types


def test_booleans_are_never_numbers_nor_numbers_booleans() -> None:
    surface = {"id": SURFACES[0], "x": True, "y": 1, "visible": 1, "opaque": True, "z": 1.0}
    leaf = {"kind": "split", "ratio": True, "first": {"ratio": 1}, "second": None}
    row = runtime(
        NIL,
        floating_surfaces=[surface],
        layout_root=leaf,
        attach_viewport={"cols": True, "rows": 40},
    )
    tables = tables_of(part("panes", {"sessions": [row]}))
    (surfaces,) = tables["floating_surfaces"].astype(object).to_dict("records")
    shown = {c: None if pd.isna(surfaces[c]) else surfaces[c] for c in surface if c != "id"}
    assert shown == {"x": None, "y": 1, "visible": None, "opaque": True, "z": None}
    assert tables["floating_surfaces"]["visible"].dtype == pd.BooleanDtype()
    assert [None if pd.isna(v) else v for v in tables["layout"]["ratio"]] == [None, 1.0, None]
    assert pd.isna(tables["runtimes"].iloc[0]["cols"])
    assert tables["runtimes"].iloc[0]["rows"] == 40


def test_a_whole_batch_of_odd_values_keeps_its_dtypes() -> None:
    plain = tables_of(part("panes", {"sessions": [runtime(NIL, pane(PANES[0], 5))]}))["panes"]
    rows = [{"id": None, "process_group_id": True, "shell": 7}, 7, None]
    odd = tables_of(part("panes", {"sessions": [runtime(7, *rows)]}))
    assert odd["panes"].dtypes.drop("snapshot").to_dict() == plain.dtypes.drop("snapshot").to_dict()
    assert len(odd["panes"]) == 3


def test_the_greatest_checksum_is_kept_exactly_beside_none() -> None:
    greatest = b'{"version":1,"checksum":18446744073709551615,"sections":[]}'
    tables = Tables([read_snapshot(greatest, "a"), read_snapshot(b"torn", "b")])
    column = tables["snapshots"]["checksum"]
    assert column.dtype == pd.UInt64Dtype()
    assert column[0] == 2**64 - 1
    assert pd.isna(column[1])


def test_snapshots_say_where_they_come_from() -> None:
    moment = datetime(2026, 11, 22, 11, 56, 10, tzinfo=UTC)
    raw = World((part("sessions", []),)).raw
    tables = Tables([read_snapshot(raw, "a", saved_at=moment), read_snapshot(b"torn", "b")])
    first, second = tables["snapshots"].to_dict("records")
    assert first["size"] == len(raw)
    assert first["saved_at"] == moment
    assert first["checksum"] == first["computed_checksum"]
    assert pd.isna(first["error"])
    assert pd.isna(second["saved_at"])
    assert "not JSON" in second["error"]
    assert str(tables["snapshots"]["saved_at"].dtype) == "datetime64[us, UTC]"


def test_sections_say_which_of_them_count() -> None:
    world = World(
        (
            Part("plugin.x/state", 9, b"\xff"),
            part("sessions", [session(SESSIONS[0])]),
            part("sessions", [session(SESSIONS[1])]),
            part("workspaces", [], 7),
        )
    )
    tables = Tables([world.snapshot()])
    sections = tables["sections"]
    assert sections["name"].fillna("-").tolist() == ["-", "sessions", "sessions", "workspaces"]
    assert sections["repeated"].tolist() == [False, False, True, False]
    assert sections["has_rows"].tolist() == [False, True, True, False]
    assert sections["error"].isna().tolist() == [True, True, True, False]
    assert tables["sessions"]["session_id"].tolist() == [SESSIONS[0]]
    assert tables["sessions"]["section"].tolist() == [1]


# --- where there are no rows -----------------------------------------------------------------


@pytest.mark.parametrize("payload", [b"", b"[", b"7", b'[{"id":"x","clients":[]}]'])
def test_a_section_that_does_not_decode_has_no_rows(payload: bytes) -> None:
    assert tables_of(part("sessions", payload))["sessions"].empty


@pytest.mark.parametrize(
    ("tree", "positions"),
    [
        (7, []),
        (None, []),
        ([], []),
        ({}, []),
        ({"sessions": {}}, []),
        ({"sessions": "x"}, []),
        ({"sessions": [7, None, []]}, [0, 1, 2]),
    ],
    ids=repr,
)
def test_a_pane_section_of_any_shape_gives_the_rows_it_has(tree: Any, positions: list[int]) -> None:
    rows = tables_of(part("panes", tree))["runtimes"]
    assert rows["position"].tolist() == positions
    assert rows["session_id"].isna().all()


def test_tabs_of_either_version_and_the_pending_ones_of_the_second() -> None:
    orders = {NIL: [CONTEXTS[1], CONTEXTS[0], CONTEXTS[1]]}
    older = tables_of(part("tabs", orders))
    newer = tables_of(part("tabs", {"orders": orders, "pending": {CONTEXTS[2]: NIL}}, 2))
    columns = ["scope", "position", "scope_id", "context_id"]
    assert_frame_equal(older["tab_orders"][columns], newer["tab_orders"][columns])
    assert older["tab_orders"]["context_id"].tolist() == orders[NIL]
    assert older["pending_tabs"].empty
    assert newer["pending_tabs"]["context_id"].tolist() == [CONTEXTS[2]]


def test_rows_under_the_older_section_id_have_tables_of_their_own() -> None:
    tree = {"sessions": [runtime(SESSIONS[0], pane(PANES[0], 5))]}
    tables = tables_of(part("older_panes", tree))
    assert tables["panes"].empty
    assert tables["older_panes"]["pgid"].tolist() == [5]


def test_the_layout_is_walked_from_the_root_to_any_depth() -> None:
    root: Any = {"kind": "leaf", "pane_id": PANES[0]}
    for _ in range(100):
        root = {
            "kind": "split",
            "direction": "vertical",
            "ratio": 0.5,
            "first": root,
            "second": None,
        }
    layout = tables_of(part("panes", {"sessions": [runtime(NIL, layout_root=root)]}))["layout"]
    assert layout["path"].iloc[0] == ""
    assert layout.loc[layout["pane_id"] == PANES[0], "path"].tolist() == ["/first" * 100]
    assert len(layout) == 201


def test_an_edge_is_a_row_whatever_it_refers_to() -> None:
    tree = clients_tree(
        connected_clients=[CLIENTS[0], CLIENTS[0]],
        selected_sessions={CLIENTS[0]: None, CLIENTS[1]: SESSIONS[0]},
        follows={CLIENTS[0]: {"leader_client_id": CLIENTS[1], "global": False}},
    )
    tables = tables_of(part("clients", tree))
    assert tables["clients"]["client_id"].tolist() == [CLIENTS[0]] * 2
    assert tables["client_sessions"]["session_id"].isna().tolist() == [True, False]
    assert tables["follows"]["is_global"].tolist() == [False]


# --- privacy ---------------------------------------------------------------------------------


def test_environment_values_are_masked_unless_asked_for() -> None:
    command = {"program": "vim", "env": {"TOKEN": SECRET, "EMPTY": "", "ODD": 7}}
    section = part("panes", {"sessions": [runtime(NIL, pane(PANES[0], launch_command=command))]})
    masked = tables_of(section)["pane_environment"]
    assert masked["key"].tolist() == ["TOKEN", "EMPTY", "ODD"]
    assert masked["value"].tolist() == [MASK] * 3
    shown = tables_of(section, show_env=True)["pane_environment"]
    assert shown["value"].fillna("-").tolist() == [SECRET, "", "-"]


@few
@given(worlds())
def test_no_table_shows_an_environment_value_unasked(world: World) -> None:
    tables = Tables([world.snapshot()])
    for name in table_names():
        assert SECRET not in tables[name].to_csv(), name


# --- the mapping itself ----------------------------------------------------------------------


def test_tables_are_a_mapping_that_builds_once() -> None:
    tables = tables_of(part("sessions", [session(SESSIONS[0])]))
    assert list(tables) == list(table_names())
    assert len(tables) == len(table_names())
    assert tables["sessions"] is tables["sessions"]
    assert repr(tables) == "<Tables of 1 snapshots: world>"
    with pytest.raises(KeyError):
        tables["nonesuch"]


def test_rows_under_some_parents_are_the_rows_of_the_whole_table() -> None:
    tree = {"sessions": [runtime(i, pane(PANES[0], n)) for n, i in enumerate(SESSIONS)]}
    tables = tables_of(part("panes", tree))
    whole = tables["panes"]
    part_of = tables.under("panes", {(0, 2), (0, 0)})
    expected = whole[whole["runtime"].isin([0, 2])].reset_index(drop=True)
    assert_frame_equal(part_of, expected)
    assert tables.under("panes", set()).empty
