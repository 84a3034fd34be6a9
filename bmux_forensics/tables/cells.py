"""Read the values of a column out of JSON elements, into the dtype of its kind.

An empty column has the dtype of a full one, and a value of another JSON type
becomes null: only the reader of a finding needs to know what it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from bmux_forensics.snapshot.identifiers import (
    are_canonical,
    are_canonical_bytes,
    canonical_id,
    canonical_owner,
)
from bmux_forensics.tables.schema import Kind
from bmux_forensics.tables.walk import members

TEXT_DTYPE: Final = pd.StringDtype("pyarrow", na_value=np.nan)
"""The dtype of ids and text, shown as ``str``."""

_ABSENT: Final = object()
_ID_LENGTH: Final = 36
_I32: Final = range(-(2**31), 2**31)
_I64: Final = range(-(2**63), 2**63)
_TYPE_NAMES: Final = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "text",
    list: "array",
    dict: "object",
    object: "absent",
}


def at_path(nodes: list[Any], path: tuple[str, ...], default: Any = None) -> list[Any]:
    """Follow member names from each element; `default` where the way ends early."""
    for name in path:
        nodes = members(nodes, name, default)
    return nodes


def _text(values: list[Any]) -> list[Any]:
    return [v if isinstance(v, str) else None for v in values]


def _integers(allowed: range) -> Callable[[list[Any]], list[Any]]:
    def read(values: list[Any]) -> list[Any]:
        # `type() is`: a boolean is an int to Python, and none to bmux.
        return [v if type(v) is int and v in allowed else None for v in values]

    return read


def _numbers(values: list[Any]) -> list[Any]:
    return [float(v) if type(v) in (int, float) else None for v in values]


def _booleans(values: list[Any]) -> list[Any]:
    return [v if isinstance(v, bool) else None for v in values]


def _json(values: list[Any]) -> list[Any]:
    return [None if v is None or v is _ABSENT else orjson.dumps(v).decode() for v in values]


def _counts(values: list[Any]) -> list[Any]:
    return [len(v) if isinstance(v, list | dict) else None for v in values]


def _types(values: list[Any]) -> list[Any]:
    return [_TYPE_NAMES[type(v)] for v in values]


def _ids(one: Callable[[Any], str | None]) -> Callable[[list[Any]], list[Any]]:
    def read(values: list[Any]) -> list[Any]:
        # Among other text and gaps there are ids as bmux spells them: asked about together.
        usual = [v for v in values if type(v) is str and len(v) == _ID_LENGTH]
        if not are_canonical(usual):
            return [one(v) for v in values]
        return [v if type(v) is str and len(v) == _ID_LENGTH else one(v) for v in values]

    return read


_READ: Final[dict[Kind, Callable[[list[Any]], list[Any]]]] = {
    Kind.ID: _ids(canonical_id),
    Kind.OWNER: _ids(canonical_owner),
    Kind.TEXT: _text,
    Kind.KEY: _text,
    Kind.SECRET: _text,
    Kind.JSON: _json,
    Kind.TYPE: _types,
    Kind.PGID: _integers(_I32),
    Kind.INTEGER: _integers(_I64),
    Kind.COUNT: _counts,
    Kind.NUMBER: _numbers,
    Kind.BOOLEAN: _booleans,
}

_DTYPES: Final[dict[Kind, tuple[Any, Any]]] = {
    Kind.PGID: (pd.Int64Dtype(), pa.int64()),
    Kind.INTEGER: (pd.Int64Dtype(), pa.int64()),
    Kind.COUNT: (pd.Int64Dtype(), pa.int64()),
    Kind.NUMBER: (pd.Float64Dtype(), pa.float64()),
    Kind.BOOLEAN: (pd.BooleanDtype(), pa.bool_()),
}
_TEXT: Final = (TEXT_DTYPE, pa.large_string())


_NONE: Final = type(None)
_AS_THEY_ARE: Final[dict[Kind, frozenset[type]]] = {
    Kind.TEXT: frozenset({str, _NONE}),
    Kind.KEY: frozenset({str, _NONE}),
    Kind.SECRET: frozenset({str, _NONE}),
    Kind.INTEGER: frozenset({int, _NONE}),
    Kind.PGID: frozenset({int, _NONE}),
    Kind.NUMBER: frozenset({float, _NONE}),
    Kind.BOOLEAN: frozenset({bool, _NONE}),
    Kind.JSON: frozenset({_NONE}),
}
"""The types of values that a column of a kind takes without looking at each of them."""


def read(kind: Kind, nodes: list[Any], path: tuple[str, ...] = ()) -> pa.Array:
    """Return one column as an Arrow array.

    Parameters
    ----------
    kind : Kind
        What the column holds.
    nodes : list
        The JSON elements of the rows.
    path : tuple of str
        The members that lead from an element to the value.

    Examples
    --------
    >>> read(Kind.PGID, [{"p": 7}, {"p": True}, {"p": 2**31}], ("p",)).to_pylist()
    [7, None, None]
    """
    values = at_path(nodes, path, _ABSENT)
    array = _quickly(kind, values)
    return arrow_values(kind, _READ[kind](values)) if array is None else array


def _quickly(kind: Kind, values: list[Any]) -> pa.Array | None:
    """Return values as they are when all of them are as bmux writes them: nearly always."""
    if kind is Kind.ID or kind is Kind.OWNER:
        return _canonical_already(values)
    plain = _AS_THEY_ARE.get(kind)
    if plain is None or not plain.issuperset(map(type, values)):
        return None
    try:
        array = arrow_values(kind, values)
    except (OverflowError, pa.ArrowInvalid):
        return None  # an integer of more than 64 bits
    return array if kind is not Kind.PGID or _fits_32_bits(array) else None


def _fits_32_bits(array: pa.Array) -> bool:
    bounds = pc.min_max(array).as_py()
    return bounds["min"] is None or (bounds["min"] in _I32 and bounds["max"] in _I32)


def _canonical_already(values: list[Any]) -> pa.Array | None:
    """Return ids as they are when all are spelled as bmux writes them, which is nearly always.

    A look at the bytes of the whole column costs a fraction of asking each id.
    """
    try:
        array = pa.array(values, pa.large_string())
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return None  # something in it is no text
    count = len(array) - array.null_count
    if not count:
        return array
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, np.int64, len(array) + 1)
    lengths = ends[1:] - ends[:-1]
    if np.count_nonzero(lengths == _ID_LENGTH) != count or ends[-1] != count * _ID_LENGTH:
        return None
    return array if are_canonical_bytes(data.slice(0, int(ends[-1])).to_pybytes(), count) else None


def arrow_values(kind: Kind, values: list[Any]) -> pa.Array:
    """Return an Arrow array of a kind for values that were read already."""
    return pa.array(values, _DTYPES.get(kind, _TEXT)[1])


def from_arrow(kind: Kind, array: pa.Array) -> Any:
    """Return the extension array of a kind's dtype."""
    return _DTYPES.get(kind, _TEXT)[0].__from_arrow__(array)


def cells(kind: Kind, values: list[Any]) -> Any:
    """Return the extension array of a kind's dtype for values that were read already."""
    return from_arrow(kind, arrow_values(kind, values))
