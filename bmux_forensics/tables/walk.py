"""Find a table's rows in JSON trees: expand a pointer template, level by level.

A template is a JSON pointer with holes: ``/sessions/{runtime:list}/panes/{position:list}``.
Where the tree has another shape than the template there are no rows; nothing is
ever raised for what a tree holds. All trees of a batch are walked together.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain, repeat
from operator import itemgetter
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


def members(nodes: list[Any], name: str, default: Any = None) -> list[Any]:
    """Return the member of that name of each element; `default` where it has none.

    Examples
    --------
    >>> members([{"a": 1}, {}, "text"], "a")
    [1, None, None]
    """
    try:
        return list(map(itemgetter(name), nodes))  # only an object has a member by name
    except (KeyError, TypeError):
        if _are(nodes, dict):
            return [n.get(name, default) for n in nodes]
        return [n.get(name, default) if isinstance(n, dict) else default for n in nodes]


@dataclass(frozen=True)
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

    def step(self, step: Step) -> Rows:
        """Return the rows one step further down."""
        if not step.each:
            nodes = members(self.nodes, step.name)
            return Rows(nodes, self.tree, self.places, self.within)
        return self._below(step, *_EXPAND[step.each](self.nodes))

    def first(self, step: Step, only: Collection[tuple[int, int | str]]) -> Rows:
        """Return the rows one step further down at some places only: (tree, place)."""
        nodes, parents, values = _EXPAND[step.each](self.nodes)
        kept = [i for i, p in enumerate(parents) if (self.tree[p], values[i]) in only]
        return self._below(step, *([x[i] for i in kept] for x in (nodes, parents, values)))

    def _below(self, step: Step, nodes: list[Any], parents: list[int], values: list[Any]) -> Rows:
        return Rows(
            nodes,
            _taken(self.tree, parents),
            {**{k: _taken(v, parents) for k, v in self.places.items()}, step.name: values},
            {**{k: _taken(v, parents) for k, v in self.within.items()}, step.name: nodes},
        )


def _taken(values: list[Any], positions: list[int]) -> list[Any]:
    return list(map(values.__getitem__, positions))


Known = dict[tuple[Step, ...], Rows]
"""What was walked already in some trees: templates begin alike."""


def walk(
    trees: list[Any],
    template: str,
    *,
    only: Collection[tuple[int, int | str]] | None = None,
    known: Known | None = None,
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
    known : dict, optional
        What was walked in the same trees before; it is used and added to.

    Examples
    --------
    >>> walk([{"a": [5, 6]}], "/a/{position:list}").places
    {'position': [0, 1]}
    """
    path = steps(template)
    rows = Rows(list(trees), list(range(len(trees))))
    if only is not None:
        at = next(i for i, step in enumerate(path) if step.each)
        for i, step in enumerate(path):
            rows = rows.first(step, only) if i == at else rows.step(step)
        return rows
    known = {} if known is None else known
    for i, step in enumerate(path, 1):
        if path[:i] not in known:
            known[path[:i]] = rows.step(step)
        rows = known[path[:i]]
    return rows


_Expanded = tuple[list[Any], list[int], list[Any]]


def _are(nodes: list[Any], kind: type) -> bool:
    return {kind}.issuperset(map(type, nodes))


def _of_kind(nodes: list[Any], kind: type) -> tuple[Sequence[int], list[Any]]:
    """Return the nodes of a kind, nearly always all of them, and where they are."""
    if _are(nodes, kind):
        return range(len(nodes)), nodes
    kept = [i for i, node in enumerate(nodes) if isinstance(node, kind)]
    return kept, [nodes[i] for i in kept]


def _elements(nodes: list[Any]) -> _Expanded:
    kept, lists = _of_kind(nodes, list)
    lengths = list(map(len, lists))
    parents = list(chain.from_iterable(map(repeat, kept, lengths)))
    return list(chain.from_iterable(lists)), parents, list(chain.from_iterable(map(range, lengths)))


def _members(nodes: list[Any]) -> _Expanded:
    kept, objects = _of_kind(nodes, dict)
    parents = list(chain.from_iterable(map(repeat, kept, map(len, objects))))
    found = list(chain.from_iterable(map(dict.values, objects)))
    return found, parents, list(chain.from_iterable(objects))


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
                if "second" in node:
                    stack.append((path + "/second", node["second"]))
                if "first" in node:
                    stack.append((path + "/first", node["first"]))
    return found, parents, places


_EXPAND: Final = {"list": _elements, "map": _members, "tree": _layout_nodes}
