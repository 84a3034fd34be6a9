"""A quick proof that the sections of many snapshots are sound, all of them together.

Asking a validator about each payload costs more than decoding it. But nearly all are as
bmux writes them, so they are asked about together, a member of a shape at a time: of what
types are all of the values, is any out of its range. Whatever does not pass goes to the
validators, which alone decide and say what is wrong. The shapes are the same data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from math import isfinite
from operator import itemgetter
from typing import Any, Final

import orjson

from bmux_forensics.snapshot.identifiers import are_canonical
from bmux_forensics.snapshot.json_text import MAX_DEPTH, depth
from bmux_forensics.snapshot.reading import Reading
from bmux_forensics.snapshot.shapes import shape

_Todo = list[tuple[dict[str, Any], list[Any]]]
_MISSING: Final = object()


def settle(readings: Iterable[Reading]) -> None:
    """Mark those of many sections as sound that quickly prove to be.

    The others are as they were: they are looked at one by one when somebody asks.
    """
    groups: dict[str, list[tuple[Reading, Any]]] = {}
    for reading in readings:
        model = reading.model_name
        tree = _plain_tree(reading.section.payload) if model else _MISSING
        if model and tree is not _MISSING:
            groups.setdefault(model, []).append((reading, tree))
    for model, group in groups.items():
        if is_sound(shape(model), [tree for _, tree in group]):
            for reading, tree in group:
                reading.trust(tree)


def _plain_tree(payload: bytes) -> Any:
    """Return the payload's tree when encoding that gives the payload again: nothing got lost."""
    # Where there are few brackets at all, they can't be nested deep.
    brackets = payload.count(b"{") + payload.count(b"[")
    if brackets > MAX_DEPTH and depth(payload) > MAX_DEPTH:
        return _MISSING
    try:
        tree = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return _MISSING
    return tree if orjson.dumps(tree) == payload else _MISSING


def is_sound(schema: dict[str, Any], values: list[Any]) -> bool:
    """Tell whether values surely have a shape; False only means that it is not sure.

    Parameters
    ----------
    schema : dict
        The shape, as in `bmux_forensics.snapshot.shapes`.
    values : list
        JSON trees.

    Examples
    --------
    >>> is_sound({"type": "list", "items_schema": {"type": "bool"}}, [[True], []])
    True
    >>> is_sound({"type": "bool"}, [True, 1])
    False
    """
    definitions = {each["ref"]: each for each in schema.get("definitions", ())}
    todo: _Todo = [(schema, values)]
    while todo:
        schema, values = todo.pop()
        if not values:
            continue
        if schema["type"] == "definition-ref":
            schema = definitions[schema["schema_ref"]]
        look = _LOOKS.get(schema["type"])
        more = look(schema, values) if look else None
        if more is None:
            return False
        todo += more
    return True


def _are(values: list[Any], *types: type) -> bool:
    return set(types).issuperset(map(type, values))


def _record(schema: dict[str, Any], values: list[Any]) -> _Todo | None:
    if not _are(values, dict):
        return None
    todo: _Todo = []
    names = set()
    for name, spec in schema["fields"].items():
        member, inner = spec.get("validation_alias", name), spec["schema"]
        names.add(member)
        try:
            found = list(map(itemgetter(member), values))
        except KeyError:
            if inner["type"] != "default":
                return None
            found = [value[member] for value in values if member in value]
        todo.append((inner, found))
    if schema["extra_behavior"] == "forbid" and not all(map(names.issuperset, values)):
        return None
    return todo


def _array(schema: dict[str, Any], values: list[Any]) -> _Todo | None:
    if not _are(values, list):
        return None
    return [(schema["items_schema"], list(chain.from_iterable(values)))]


def _map(schema: dict[str, Any], values: list[Any]) -> _Todo | None:
    if not _are(values, dict):
        return None
    inner = list(chain.from_iterable(map(dict.values, values)))
    keys = list(chain.from_iterable(values))
    return [(schema["keys_schema"], keys), (schema["values_schema"], inner)]


def _text(schema: dict[str, Any], values: list[Any]) -> _Todo | None:
    if not _are(values, str):
        return None
    return [] if "pattern" not in schema or are_canonical(values) else None


def _integer(schema: dict[str, Any], values: list[Any]) -> _Todo | None:
    fits = _are(values, int) and schema["ge"] <= min(values) and max(values) <= schema["le"]
    return [] if fits else None


def _literal(schema: dict[str, Any], values: list[Any]) -> _Todo | None:
    return [] if _are(values, str) and set(values).issubset(schema["expected"]) else None


def _union(schema: dict[str, Any], values: list[Any]) -> _Todo | None:
    if not _are(values, dict):
        return None
    groups: dict[str, list[Any]] = {choice: [] for choice in schema["choices"]}
    try:
        for value in values:
            groups[value[schema["discriminator"]]].append(value)
    except (KeyError, TypeError):
        return None
    return [(schema["choices"][choice], group) for choice, group in groups.items()]


_LOOKS: Final[dict[str, Callable[[dict[str, Any], list[Any]], _Todo | None]]] = {
    "any": lambda _, __: [],
    "bool": lambda _, values: [] if _are(values, bool) else None,
    "default": lambda schema, values: [(schema["schema"], values)],
    "definitions": lambda schema, values: [(schema["schema"], values)],
    "dict": _map,
    "float": lambda _, values: [] if _are(values, float) and all(map(isfinite, values)) else None,
    "int": _integer,
    "list": _array,
    "literal": _literal,
    "model-fields": _record,
    "nullable": lambda schema, values: [
        (schema["schema"], [value for value in values if value is not None])
    ],
    "str": _text,
    "tagged-union": _union,
}
"""What is asked of many values of each type of shape; None means that it is not sure."""
