"""Snapshots that are large, deep, wide or dense: the worst there is of each kind.

Every input is a function of its size and gives its bytes and how many elements (rows,
sections, keys) are in it: a table's row takes its room however little it says.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Final

from benchmarks.worlds import make_snapshot
from tests.worlds import (
    NIL,
    SESSIONS,
    Part,
    World,
    clients_tree,
    contexts_tree,
    pane,
    part,
    runtime,
    session,
)

Made = tuple[bytes, int]

_ONE: Final = SESSIONS[0]
_PANES: Final = "bmux.pane_runtime/pane-runtime"
_KNOWN: Final = part("sessions", [session(_ONE)])


def _id(number: int) -> str:
    return str(uuid.UUID(int=number + 1))


def _world(*parts: Part) -> bytes:
    return World(tuple(parts), compact=True).raw


def _bare(inside: bytes) -> bytes:
    return b'{"version":1,"checksum":675868731199239589,' + inside + b'"sections":[]}'


def real(size: int) -> Made:
    """Give as many sessions as asked, in the form and size that bmux writes."""
    return make_snapshot(size), size * 40


def panes_of_one(size: int) -> Made:
    """Give one session with very many panes."""
    rows = [runtime(_ONE, *[pane(_id(number), 5) for number in range(size)])]
    return _world(_KNOWN, part("panes", {"sessions": rows}, 3)), size


def references(size: int) -> Made:
    """Give one session that contexts and clients refer to, very often."""
    contexts = {
        _id(n): {"id": _id(n), "name": None, "attributes": {"bmux.session_id": _ONE}}
        for n in range(size // 50)
    }
    bound = dict.fromkeys(contexts, _ONE)
    tree = contexts_tree(contexts=contexts, session_by_context=bound, mru_contexts=list(contexts))
    clients = clients_tree(selected_sessions=dict.fromkeys(map(_id, range(size)), _ONE))
    parts = (_KNOWN, part("contexts", tree), part("clients", clients))
    return _world(*parts), 2 * size


def sections(size: int) -> Made:
    """Give very many sections of nothing."""
    return _world(*[Part("x", 1, b"")] * size), size


def heads(size: int) -> Made:
    """Give very many beginnings of sections, none of them in a sound file."""
    start = b'{"version":1,"checksum":5,"sections":['
    return start + b'{"id":"x","version":1,"bytes":[1]},{' * size, size


def open_heads(size: int) -> Made:
    """Give very many beginnings of sections that never end."""
    return b'{"id":"bmux.sessions/session-manager","version":1,"bytes":[ 9 ' * size, size


def deep(size: int) -> Made:
    """Give JSON nested very deep."""
    return b"[" * size + b"]" * size, 0


def deep_payload(size: int) -> Made:
    """Give a payload nested very deep."""
    return _world(_KNOWN, Part(_PANES, 3, b'{"sessions":' * size)), 0


def white(size: int) -> Made:
    """Give white space, and nothing else."""
    return b" \n" * (size // 2), 0


def quotes(size: int) -> Made:
    """Give quotes and backslashes, in every order."""
    return b'"\\' * (size // 4) + b'\\"' * (size // 4), 0


def digits(size: int) -> Made:
    """Give one number of very many digits."""
    return b'{"version":1,"checksum":' + b"9" * size + b',"sections":[]}', 0


def digits_in_payload(size: int) -> Made:
    """Give a payload with a number of very many digits."""
    return _world(_KNOWN, Part(_PANES, 3, b'{"sessions":[' + b"9" * size + b"]}")), 0


def rows_of_nothing(size: int) -> Made:
    """Give very many rows that say nothing: two bytes each."""
    return _world(_KNOWN, part("panes", {"sessions": [{}] * size}, 3)), size


def panes_of_nothing(size: int) -> Made:
    """Give very many panes that say nothing."""
    return _world(_KNOWN, part("panes", {"sessions": [{"panes": [{}] * size}]}, 3)), size


def no_rows(size: int) -> Made:
    """Give very many values where rows belong."""
    return _world(_KNOWN, part("panes", {"sessions": [{"panes": [1] * size}]}, 3)), size


def unknown_members(size: int) -> Made:
    """Give very many members that bmux does not know."""
    inside = b",".join(b'"k%d":[]' % number for number in range(size))
    return _bare(b'"x":{' + inside + b"},"), size


def repeated_keys(size: int) -> Made:
    """Give one object that has the same key very often."""
    inside = b",".join([b'"id":1'] * size)
    return _world(Part("bmux.sessions/session-manager", 1, b"[{" + inside + b"}]")), size


def repeated_rows(size: int) -> Made:
    """Give the same tab, workspace and pane row very often."""
    tabs = {"orders": {NIL: [_id(1)] * size}, "pending": {}}
    rows = {"sessions": [runtime(_ONE, pane(_id(1)))] * (size // 8)}
    spaces = [{"id": _id(1), "name": "a"}] * (size // 2)
    made = (part("tabs", tabs, 2), part("workspaces", spaces), part("panes", rows, 3))
    return _world(_KNOWN, *made), 2 * size


def torn_rows(size: int) -> Made:
    """Give a payload that begins very many rows and ends none."""
    return _world(Part(_PANES, 3, b'{"sessions":[' + b'{"session_id":"' * size)), size


Input = Callable[[int], Made]
MEGABYTE: Final[dict[Input, int]] = {
    real: 48,
    panes_of_one: 1_000,
    references: 3_000,
    sections: 16_000,
    heads: 28_000,
    open_heads: 16_000,
    deep: 100_000,
    deep_payload: 20_000,
    white: 1_000_000,
    quotes: 1_000_000,
    digits: 1_000_000,
    digits_in_payload: 250_000,
    rows_of_nothing: 45_000,
    panes_of_nothing: 45_000,
    no_rows: 60_000,
    unknown_members: 70_000,
    repeated_keys: 40_000,
    repeated_rows: 3_000,
    torn_rows: 15_000,
}
"""How much of each comes to about a megabyte; rows of nothing to half of one."""

LARGE: Final[dict[Input, int]] = {
    real: 5_000,
    panes_of_one: 200_000,
    references: 1_000_000,
    sections: 1_000_000,
    heads: 900_000,
    deep: 10_000_000,
    white: 100_000_000,
    rows_of_nothing: 1_000_000,
}
"""The sizes that a long run tries: 110 MB in 5,000 sessions and the like."""

BY_NAME: Final = {make.__name__: make for make in MEGABYTE}
