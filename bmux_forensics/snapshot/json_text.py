"""What must be asked of JSON text itself, because the parser would let it pass in silence.

orjson keeps the last of two equal keys, nests far deeper than bmux and turns an
integer over 64 bits into a float. Each function here finds one of these in the
text, cheaply where there is nothing to find.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, Final

import jiter

MAX_DEPTH: Final = 127
"""bmux refuses JSON nested deeper than this."""

_NOT_STRUCTURE: Final = bytes(c for c in range(256) if c not in b'[]{}"')
_STEP: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_ESCAPE: Final = re.compile(rb"\\.", re.DOTALL)
_STRING: Final = re.compile(rb'"[^"]*"')
_DIGITS_ALIKE: Final = bytes(ord("0") if byte in b"0123456789" else ord(" ") for byte in range(256))
_LONG_NUMBER: Final = b"0" * 19
_INT_MIN, _INT_MAX = -(2**63), 2**64 - 1


def depth(text: bytes) -> int:
    """Return how many arrays and objects enclose the innermost one, itself included.

    The text need not be valid JSON; a parser that is given more than it can nest
    may be asked only after this.

    Examples
    --------
    >>> depth(b'[{"a]": []}]'), depth(b"7")
    (3, 0)
    """
    if b"\\" in text:
        text = _ESCAPE.sub(b"", text)
    # Strings without brackets, which is nearly all, are pairs of quotes by now.
    structure = text.translate(None, _NOT_STRUCTURE).replace(b'""', b"")
    if b'"' in structure:
        structure = _STRING.sub(b"", text.translate(None, _NOT_STRUCTURE)).replace(b'"', b"")
    return max(accumulate(map(_STEP.__getitem__, structure)), default=0)


class RepeatedKeys(dict[str, Any]):
    """An object of the JSON text that has a key more than once; the last one won."""

    repeated: tuple[str, ...] = ()


def keep_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object of the JSON text (an ``object_pairs_hook``), noting keys that repeat.

    Examples
    --------
    >>> keep_repeats([("a", 1), ("a", 2)])
    {'a': 2}
    """
    plain = dict(pairs)
    if len(plain) == len(pairs):
        return plain
    marked = RepeatedKeys(plain)
    counts = Counter(key for key, _ in pairs)
    marked.repeated = tuple(key for key, count in counts.items() if count > 1)
    return marked


def has_repeated_keys(text: bytes) -> bool:
    """Tell whether any object of valid JSON text has a key twice.

    Examples
    --------
    >>> has_repeated_keys(b'[{"a": 1, "a": 2}]'), has_repeated_keys(b'[{"a": 1}, {"a": 2}]')
    (True, False)
    """
    try:
        jiter.from_json(text, catch_duplicate_keys=True)
    except ValueError:
        return True
    return False


def repeated_keys(text: bytes) -> Iterator[tuple[tuple[str, ...], str]]:
    """Give the place of every object with repeated keys, and each such key.

    A place is the path from the root: object keys, and ``*`` for any array element
    (which one does not matter to the rules that ask).

    Examples
    --------
    >>> list(repeated_keys(b'[{"a": {"b": 1, "b": 2}}]'))
    [(('*', 'a'), 'b')]
    """
    yield from _walk_repeats(json.loads(text, object_pairs_hook=keep_repeats), ())


def _walk_repeats(node: Any, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(node, RepeatedKeys):
        for key in node.repeated:
            yield place, key
    if isinstance(node, dict):
        for key, child in node.items():
            yield from _walk_repeats(child, (*place, key))
    elif isinstance(node, list):
        for child in node:
            yield from _walk_repeats(child, (*place, "*"))


def first_repeated(tree: Any) -> str | None:
    """Return a key that an object of a tree built with `keep_repeats` has twice, or None.

    Examples
    --------
    >>> first_repeated([{"a": keep_repeats([("b", 1), ("b", 2)])}])
    'b'
    """
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, RepeatedKeys):
            return node.repeated[0]
        if isinstance(node, dict):
            nodes.extend(node.values())
        elif isinstance(node, list):
            nodes.extend(child for child in node if isinstance(child, dict | list))
    return None


def oversized_integer(text: bytes) -> int | None:
    """Return an integer of valid JSON text that 64 bits do not hold, or None.

    Examples
    --------
    >>> oversized_integer(b'["99999999999999999999", 18446744073709551615]') is None
    True
    >>> oversized_integer(b"[18446744073709551616]")
    18446744073709551616
    """
    if _LONG_NUMBER not in text.translate(_DIGITS_ALIKE):
        return None
    found: list[int] = []

    def note(digits: str) -> int:
        # CPython refuses to convert more than 4300 digits; the first ones tell enough.
        number = int(digits[:64])
        if not _INT_MIN <= number <= _INT_MAX:
            found.append(number)
        return number

    json.loads(text, parse_int=note)
    return found[0] if found else None
