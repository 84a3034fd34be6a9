"""Edits at pointers: places mean the tree as it was read, and that tree stays as it was."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmux_forensics.errors import NotRewritableError
from bmux_forensics.snapshot.edits import APPEND, DELETE, INSERT, SET, Edit, apply_edits, resolve

JSON = st.recursive(
    st.sampled_from([None, True, 7, "x"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "a/b", "~1", "0", ""]), inner, max_size=3)
    ),
    max_leaves=12,
)
Path = tuple[int | str, ...]


def places(tree: Any, path: Path = ()) -> list[Path]:
    """Give the path of every element of a tree, the tree itself first."""
    below = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    )
    return [path, *(p for key, child in below for p in places(child, (*path, key)))]


def pointer(path: Path) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


@st.composite
def edited(draw: st.DrawFn) -> tuple[Any, list[tuple[Path, Edit]]]:
    """Draw a tree, and edits of some of its places, each place once an action."""
    tree = draw(JSON)
    paths = draw(st.lists(st.sampled_from(places(tree)), max_size=5, unique=True))
    edits = []
    for path in paths:
        actions = [DELETE, SET, INSERT] if path and isinstance(path[-1], int) else [DELETE, SET]
        action = draw(st.sampled_from(actions))
        value = None if action == DELETE else draw(st.sampled_from(["new", 0]))
        edits.append((path, Edit(action, pointer(path), value)))
    return tree, edits


@given(edited())
def test_edits_mean_places_in_the_tree_as_read_and_never_change_it(
    case: tuple[Any, list[tuple[Path, Edit]]],
) -> None:
    tree, edits = case
    before = copy.deepcopy(tree)
    expected = one_by_one(copy.deepcopy(tree), edits)
    assert apply_edits(tree, [edit for _, edit in edits]) == expected
    assert apply_edits(tree, [edit for _, edit in reversed(edits)]) == expected
    assert tree == before


def one_by_one(tree: Any, edits: list[tuple[Path, Edit]]) -> Any:
    """Make edits in place, the last and deepest first, so that no place moves before its turn."""
    for path, edit in sorted(edits, key=lambda case: case[0], reverse=True):
        if not path:
            return edit.value
        parent = tree
        for step in path[:-1]:
            parent = parent[step]
        if edit.action == DELETE:
            del parent[path[-1]]
        elif edit.action == INSERT:
            parent.insert(path[-1], edit.value)
        else:
            parent[path[-1]] = edit.value
    return tree


@given(JSON)
def test_every_place_of_a_tree_is_found_by_its_pointer(tree: Any) -> None:
    for path in places(tree):
        node = tree
        for step in path:
            node = node[step]
        assert resolve(tree, pointer(path)) is node


def test_unedited_parts_are_shared_not_copied() -> None:
    tree = {"kept": [1], "changed": [2]}
    assert apply_edits(tree, [Edit(DELETE, "/changed/0")])["kept"] is tree["kept"]


def test_equal_edits_of_one_place_count_once() -> None:
    assert apply_edits([1, 2], [Edit(DELETE, "/0"), Edit(DELETE, "/0")]) == [2]


def test_an_edit_inside_an_element_that_goes_has_no_effect() -> None:
    assert apply_edits([[1], [2]], [Edit(DELETE, "/0"), Edit(SET, "/0/0", 9)]) == [[2]]


def test_inserts_stand_before_the_element_as_read_or_behind_the_last() -> None:
    tree = ["a", "b"]
    edits = [Edit(INSERT, "/1", "x"), Edit(DELETE, "/0"), Edit(INSERT, f"/{APPEND}", "y")]
    assert apply_edits(tree, edits) == ["x", "b", "y"]
    assert apply_edits({"list": []}, [Edit(INSERT, f"/list/{APPEND}", 1)]) == {"list": [1]}


def test_both_ways_to_insert_behind_the_last_element_count() -> None:
    edits = [Edit(INSERT, "/1", "x"), Edit(INSERT, f"/{APPEND}", "y")]
    assert apply_edits(["a"], edits) == ["a", "x", "y"]


def test_an_object_gains_a_member() -> None:
    assert apply_edits({"a": 1}, [Edit(INSERT, "/b", 2)]) == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("tree", "edit"),
    [
        ([1], Edit(DELETE, "/1")),
        ([1], Edit(SET, "/1", 9)),
        ([1], Edit(SET, "/-", 9)),
        ([1], Edit(DELETE, "/1/0")),
        ([1], Edit(INSERT, "/2", 9)),
        ([1], Edit(DELETE, "/x")),
        ([1], Edit(DELETE, "/-1")),
        ([1], Edit(DELETE, "/00")),
        ([1], Edit(DELETE, "/٠")),
        ({"a": 1}, Edit(DELETE, "/b")),
        ({"a": 1}, Edit(SET, "/a/b", 9)),
        ({"a": None}, Edit(DELETE, "/a/0")),
        (7, Edit(SET, "/a", 9)),
    ],
    ids=lambda case: repr(case) if isinstance(case, Edit) else None,
)
def test_a_pointer_that_leads_nowhere_is_refused(tree: Any, edit: Edit) -> None:
    with pytest.raises(NotRewritableError, match="expected the place that the plan names"):
        apply_edits(tree, [edit])


def test_the_refusal_names_the_place() -> None:
    with pytest.raises(NotRewritableError, match=r"JSON pointer /a/1/b: .*, found a value without"):
        apply_edits({"a": [0, {"b": 7}]}, [Edit(SET, "/a/1/b/c", 1)])


def test_two_edits_of_one_place_that_differ_are_refused() -> None:
    with pytest.raises(NotRewritableError, match="two edits of one place that differ"):
        apply_edits([1], [Edit(SET, "/0", 1), Edit(DELETE, "/0")])
