"""Change a JSON tree at pointers, leaving the tree that was read as it was.

All pointers mean places in the tree *as it was read*: deletions do not shift the
indices of later edits. An edit inside an element that is deleted has no effect.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from bmux_forensics.errors import NotRewritableError
from bmux_forensics.snapshot.identifiers import canonical_id

DELETE: Final = "delete"
SET: Final = "set"
INSERT: Final = "insert"
APPEND: Final = "-"
"""The last token of a pointer that inserts behind the last element of an array."""

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of a tree.

    Parameters
    ----------
    action : str
        `DELETE` the element, `SET` it to `value`, or `INSERT` `value`: before the
        element of an array, or as a member of an object that lacks it. A map by id that
        is in order stays so.
    pointer : str
        The JSON pointer of the element.
    value : Any
        The new value, where there is one.
    """

    action: str
    pointer: str
    value: Any = None


def tokens(pointer: str) -> list[str]:
    """Split a JSON pointer.

    Examples
    --------
    >>> tokens("/contexts/a~1b")
    ['contexts', 'a/b']
    """
    parts = pointer.split("/")[1:]
    if "~" not in pointer:
        return parts
    return [part.replace("~1", "/").replace("~0", "~") for part in parts]


def resolve(tree: Any, pointer: str) -> Any:
    """Return the element a pointer leads to.

    Raises
    ------
    NotRewritableError
        The pointer leads nowhere.

    Examples
    --------
    >>> resolve([{"name": "ops"}], "/0/name")
    'ops'
    """
    for token in tokens(pointer):
        tree = _child(tree, token, pointer)
    return tree


def apply_edits(tree: Any, edits: Iterable[Edit]) -> Any:
    """Return a tree with the edits made; what no edit names is shared with the old tree.

    Raises
    ------
    NotRewritableError
        A pointer leads nowhere, or two edits contradict each other.

    Examples
    --------
    >>> apply_edits({"a": [1, 2, 3]}, [Edit(DELETE, "/a/0"), Edit(SET, "/a/2", 9)])
    {'a': [2, 9]}
    """
    root = _Marks()
    for edit in edits:
        marks = root
        for token in tokens(edit.pointer):
            marks = marks.below.setdefault(token, _Marks())
        if edit.action == INSERT:
            marks.inserts.append(edit.value)
        elif marks.edit is not None and marks.edit != edit:
            raise _lost(edit.pointer, "two edits of one place that differ")
        else:
            marks.edit = edit
    changed = _changed(tree, root, "")
    return None if changed is _GONE else changed


@dataclass(slots=True)
class _Marks:
    """What is to happen at one place of a tree, and below it."""

    edit: Edit | None = None
    inserts: list[Any] = field(default_factory=list)
    below: dict[str, _Marks] = field(default_factory=dict)


_GONE: Final = object()


def _changed(node: Any, marks: _Marks, pointer: str) -> Any:
    if marks.edit is not None:
        return _GONE if marks.edit.action == DELETE else marks.edit.value
    if not marks.below:
        return node
    if isinstance(node, list):
        return _changed_list(node, marks.below, pointer)
    if isinstance(node, dict):
        return _changed_dict(node, marks.below, pointer)
    raise _lost(pointer, "a value without members")


def _changed_list(node: list[Any], below: dict[str, _Marks], pointer: str) -> list[Any]:
    marked: dict[int, _Marks] = {}
    behind: list[Any] = []
    for token, marks in below.items():
        index = len(node) if token == APPEND else _index(token)
        if index < len(node):
            marked[index] = marks
        elif index == len(node) and marks.edit is None and not marks.below:
            behind.extend(marks.inserts)  # behind the last element there is nothing else to change
        else:
            raise _lost(f"{pointer}/{token}", "no such element")
    result: list[Any] = []
    for index, value in enumerate(node):
        here = marked.get(index)
        if here is not None:
            result.extend(here.inserts)
            if here.edit is not None and here.edit.action == DELETE:
                continue
            value = _changed(value, here, f"{pointer}/{index}")  # noqa: PLW2901 - the value as it will be
        result.append(value)
    return result + behind


def _changed_dict(node: dict[str, Any], below: dict[str, _Marks], pointer: str) -> dict[str, Any]:
    result = dict(node)
    for key, marks in below.items():
        if marks.inserts:
            result[key] = marks.inserts[-1]
            continue
        value = _changed(_child(node, key, pointer), marks, f"{pointer}/{key}")
        if value is _GONE:
            del result[key]
        else:
            result[key] = value
    return _in_order(result) if len(result) > len(node) and _is_sorted_map(node) else result


def _is_sorted_map(node: dict[str, Any]) -> bool:
    """Tell whether an object is a map by id in the order in which bmux writes maps."""
    keys = list(node)
    return all(canonical_id(key) for key in keys) and keys == sorted(keys)


def _in_order(grown: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(grown.items())) if all(canonical_id(key) for key in grown) else grown


def _index(token: str) -> int:
    """Return the index that a token spells, in the one way there is; else one past any array."""
    return int(token) if _INDEX.fullmatch(token) else sys.maxsize


def _child(node: Any, token: str, pointer: str) -> Any:
    if isinstance(node, dict) and token in node:
        return node[token]
    if isinstance(node, list) and _index(token) < len(node):
        return node[_index(token)]
    raise _lost(pointer, "no such element")


def _lost(pointer: str, found: str) -> NotRewritableError:
    return NotRewritableError(
        f"JSON pointer {pointer or '/'}", found, expected="the place that the plan names"
    )
