"""Find a table's rows in JSON trees: expand a pointer template, level by level.

A template is a JSON pointer with holes: ``/sessions/{runtime:list}/panes/{position:list}``.
Where the tree has another shape than the template there are no rows; nothing is
ever raised for what a tree holds. All trees of a batch are walked together.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

_STEP: Final = re.compile(r"/?\{(\w+):(list|map|tree)\}|/([^/{]+)")


@dataclass(frozen=True)
class Step:
    """One step of a template: a member by name, or every element under a place's name."""

    name: str
    each: str = ""


@cache
def steps(template: str) -> tuple[Step, ...]:
    """Split a template.

    Examples
    --------
    >>> steps("/orders/{scope:map}")
    (Step(name='orders', each=''), Step(name='scope', each='map'))
    """
    return tuple(
        Step(member) if member else Step(name, each)
        for name, each, member in _STEP.findall(template)
    )


def place_columns(template: str) -> tuple[str, ...]:
    """Return the names of a template's places.

    Examples
    --------
    >>> place_columns("/sessions/{runtime:list}/panes/{position:list}")
    ('runtime', 'position')
    """
    return tuple(step.name for step in steps(template) if step.each)


def pointer_at(template: str, places: Mapping[str, object]) -> str:
    """Fill a template's places: the JSON pointer of one row.

    Examples
    --------
    >>> pointer_at("/contexts/{context:map}", {"context": "a/b"})
    '/contexts/a~1b'
    """
    parts = []
    for step in steps(template):
        if step.each == "tree":
            parts.append(str(places[step.name]))
        else:
            text = str(places[step.name]) if step.each else step.name
            parts.append("/" + text.replace("~", "~0").replace("/", "~1"))
    return "".join(parts)


@dataclass
class Rows:
    """The rows found: their JSON elements, and for each its tree and its places.

    Parameters
    ----------
    nodes : list
        The JSON element of each row.
    tree : list of int
        Which of the walked trees the row is from.
    places : dict of str to list
        The value of each place column.
    within : dict of str to list
        The enclosing element at each place.
    """

    nodes: list[Any]
    tree: list[int]
    places: dict[str, list[Any]] = field(default_factory=dict)
    within: dict[str, list[Any]] = field(default_factory=dict)

    def _descend(self, nodes: list[Any], parents: list[int]) -> None:
        self.nodes = nodes
        self.tree = [self.tree[p] for p in parents]
        self.places = {k: [v[p] for p in parents] for k, v in self.places.items()}
        self.within = {k: [v[p] for p in parents] for k, v in self.within.items()}


def walk(
    trees: list[Any], template: str, *, only: Collection[tuple[int, int | str]] | None = None
) -> Rows:
    """Return every row that a template finds in some trees, in file order.

    Parameters
    ----------
    trees : list
        JSON trees as plain Python objects.
    template : str
        The pointer template.
    only : collection of (int, place), optional
        Keep to these values of the template's first place (tree, value).

    Examples
    --------
    >>> walk([{"a": [5, 6]}], "/a/{position:list}").places
    {'position': [0, 1]}
    """
    rows = Rows(list(trees), list(range(len(trees))))
    first = True
    for step in steps(template):
        if not step.each:
            rows.nodes = [n.get(step.name) if isinstance(n, dict) else None for n in rows.nodes]
            continue
        nodes, parents, values = _EXPAND[step.each](rows.nodes)
        if first and only is not None:
            kept = [i for i, p in enumerate(parents) if (rows.tree[p], values[i]) in only]
            nodes, parents, values = ([x[i] for i in kept] for x in (nodes, parents, values))
        first = False
        rows._descend(nodes, parents)  # noqa: SLF001 - Rows is this module's own
        rows.places[step.name] = values
        rows.within[step.name] = nodes
    return rows


_Expanded = tuple[list[Any], list[int], list[Any]]


def _elements(nodes: list[Any]) -> _Expanded:
    found: list[Any] = []
    parents: list[int] = []
    places: list[Any] = []
    for i, node in enumerate(nodes):
        if isinstance(node, list):
            found.extend(node)
            parents.extend([i] * len(node))
            places.extend(range(len(node)))
    return found, parents, places


def _members(nodes: list[Any]) -> _Expanded:
    found: list[Any] = []
    parents: list[int] = []
    places: list[Any] = []
    for i, node in enumerate(nodes):
        if isinstance(node, dict):
            found.extend(node.values())
            parents.extend([i] * len(node))
            places.extend(node)
    return found, parents, places


def _layout_nodes(nodes: list[Any]) -> _Expanded:
    found: list[Any] = []
    parents: list[int] = []
    places: list[Any] = []
    for i, root in enumerate(nodes):
        stack = [("", root)] if root is not None else []
        while stack:
            path, node = stack.pop()
            found.append(node)
            parents.append(i)
            places.append(path)
            if isinstance(node, dict):
                halves = (
                    (f"{path}/{half}", node[half]) for half in ("second", "first") if half in node
                )
                stack.extend(halves)
    return found, parents, places


_EXPAND: Final = {"list": _elements, "map": _members, "tree": _layout_nodes}
