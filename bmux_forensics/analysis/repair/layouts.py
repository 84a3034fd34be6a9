"""Layout trees, mended: every function returns a new tree and leaves the old one alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeGuard

from bmux_forensics.analysis.audit.panes import RATIO_MAX, RATIO_MIN
from bmux_forensics.snapshot.identifiers import canonical_id
from bmux_forensics.snapshot.json_text import MAX_DEPTH

_ABOVE: Final = 3
"""The levels of JSON around a layout: payload, list of rows, row."""

Tree = dict[str, Any]


def is_layout(node: Any) -> TypeGuard[Tree]:
    """Tell whether a server's typed reader takes a layout.

    Examples
    --------
    >>> is_layout({"kind": "leaf", "pane_id": 7})
    False
    """
    if not isinstance(node, dict):
        return False
    if node.get("kind") == "leaf":
        return canonical_id(node.get("pane_id")) is not None
    return (
        node.get("kind") == "split"
        and node.get("direction") in ("vertical", "horizontal")
        and type(node.get("ratio")) in (int, float)
        and is_layout(node.get("first"))
        and is_layout(node.get("second"))
    )


def leaf(pane_id: str) -> Tree:
    """Return a leaf that shows a pane."""
    return {"kind": "leaf", "pane_id": pane_id}


def split(first: Tree, second: Tree) -> Tree:
    """Return a split into two equal halves, side by side."""
    return {
        "kind": "split",
        "direction": "vertical",
        "ratio": 0.5,
        "first": first,
        "second": second,
    }


def leaves(node: Tree) -> list[str]:
    """Return the panes that a layout shows, in order."""
    if node["kind"] == "leaf":
        return [canonical_id(node["pane_id"]) or ""]
    return leaves(node["first"]) + leaves(node["second"])


def pruned(node: Tree, keep: Callable[[str], bool]) -> Tree | None:
    """Return a layout without some leaves; the sibling of one that goes takes the split's place.

    Parameters
    ----------
    node : dict
        The layout.
    keep : callable
        Asked for the pane of each leaf once, in order.

    Examples
    --------
    >>> pruned(split(leaf("A" * 32), leaf("B" * 32)), lambda pane: pane.startswith("b"))
    {'kind': 'leaf', 'pane_id': 'BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB'}
    """
    if node["kind"] == "leaf":
        return node if keep(canonical_id(node["pane_id"]) or "") else None
    first, second = pruned(node["first"], keep), pruned(node["second"], keep)
    if first is None or second is None:
        return second if first is None else first
    return {**node, "first": first, "second": second}


def clamp(ratio: float) -> float:
    """Return the nearest ratio that a server takes.

    Examples
    --------
    >>> clamp(7.5), clamp(0.5), clamp(-1)
    (0.9, 0.5, 0.1)
    """
    return min(max(ratio, RATIO_MIN), RATIO_MAX)


def clamped(node: Tree) -> Tree:
    """Return a layout whose every ratio is one that a server takes."""
    if node["kind"] == "leaf":
        return node
    ratio, halves = node["ratio"], {half: clamped(node[half]) for half in ("first", "second")}
    return {**node, "ratio": clamp(ratio), **halves}


def odd_ratios(node: Tree, path: str = "") -> Iterator[tuple[str, float]]:
    """Yield the path and value of each ratio that no server takes."""
    if node["kind"] == "split":
        if clamp(node["ratio"]) != node["ratio"]:
            yield path, node["ratio"]
        yield from odd_ratios(node["first"], f"{path}/first")
        yield from odd_ratios(node["second"], f"{path}/second")


def depth(node: Tree) -> int:
    """Return how many splits and leaves are nested at most."""
    if node["kind"] == "leaf":
        return 1
    return 1 + max(depth(node["first"]), depth(node["second"]))


def with_pane(node: Tree, pane_id: str) -> Tree:
    """Return a layout that shows one more pane, beside the leaf nearest to the root."""
    if node["kind"] == "leaf":
        return split(node, leaf(pane_id))
    half = "first" if _nearest(node["first"]) <= _nearest(node["second"]) else "second"
    return {**node, half: with_pane(node[half], pane_id)}


def _nearest(node: Tree) -> int:
    if node["kind"] == "leaf":
        return 1
    return 1 + min(_nearest(node["first"]), _nearest(node["second"]))


def balanced(pane_ids: Sequence[str]) -> Tree | None:
    """Return a layout of some panes that is as flat as can be; None for no panes."""
    if len(pane_ids) < 2:  # noqa: PLR2004 - a split needs two
        return leaf(pane_ids[0]) if pane_ids else None
    half = len(pane_ids) // 2
    first, second = balanced(pane_ids[:half]), balanced(pane_ids[half:])
    return split(first, second) if first and second else None


def completed(node: Tree | None, pane_ids: Sequence[str]) -> Tree | None:
    """Return a layout that shows exactly some panes, given one that shows a part of them."""
    if node is None:
        return balanced(pane_ids)
    for pane_id in pane_ids:
        if pane_id not in leaves(node):
            node = with_pane(node, pane_id)
    return node if depth(node) <= MAX_DEPTH - _ABOVE else balanced(pane_ids)
