"""Read an envelope out of bytes, and refuse what bmux refuses with a line that says where."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import orjson
from pydantic_core import ValidationError

from bmux_forensics.errors import NotASnapshotError, NotRewritableError, UnknownVersionError
from bmux_forensics.snapshot.canonical import read_canonical
from bmux_forensics.snapshot.envelope import RESTORE_HINT, SALVAGE_HINT, VERSION, Envelope, Section
from bmux_forensics.snapshot.json_text import (
    MAX_DEPTH,
    RepeatedKeys,
    depth,
    first_repeated,
    keep_repeats,
    oversized_integer,
)
from bmux_forensics.snapshot.shapes import ENVELOPE, validator

_DIGITS_AND_SPACE: Final = b"0123456789, \n\r\t"
_ENVELOPE_KEYS: Final = ("version", "checksum", "sections")
_SECTION_KEYS: Final = ("id", "version", "bytes")


def parse_envelope(raw: bytes, where: str) -> Envelope:
    """Read an envelope; refuse what bmux refuses, except that the checksum is not compared.

    Parameters
    ----------
    raw : bytes
        The whole file.
    where : str
        What to call the file in an error.

    Raises
    ------
    NotASnapshotError
        Not JSON, not an envelope, a value out of its range, a key twice.
    UnknownVersionError
        The envelope is of another version.
    NotRewritableError
        An unknown member holds an integer that 64 bits do not hold.

    Examples
    --------
    >>> raw = b'{"version":1,"checksum":0,"sections":[{"id":"x","version":1,"bytes":[104,105]}]}'
    >>> parse_envelope(raw, "snap.json").sections[0].payload
    b'hi'
    """
    canonical = read_canonical(raw)
    return canonical if canonical is not None else _parsed(raw, where)


def _parsed(raw: bytes, where: str) -> Envelope:
    tree = _parse_object(raw, where)
    _check_version(tree, where)
    entries = tree.get("sections")
    if not isinstance(entries, list):
        raise _not_an_envelope(where, "/sections", entries, "an array of sections")
    repeated = None
    if not _is_plain(raw, tree):
        tree = _parse_slowly(raw, where)
        entries = tree["sections"]
        repeated = first_repeated(tree)
    sections = [_with_payload(entry, index, where) for index, entry in enumerate(entries)]
    _check_shape({**tree, "sections": sections}, where)
    extra = {key: value for key, value in tree.items() if key not in _ENVELOPE_KEYS}
    return Envelope(
        tree["version"],
        tree["checksum"],
        tuple(map(_made, sections)),
        extra,
        None if repeated is None else brief(repeated),
    )


def _check_shape(tree: dict[str, Any], where: str) -> None:
    try:
        validator(ENVELOPE).validate_python(tree)
    except ValidationError as error:
        raise _first_mistake(where, error) from None


def _made(entry: dict[str, Any]) -> Section:
    extra = {key: value for key, value in entry.items() if key not in _SECTION_KEYS}
    return Section(entry["id"], entry["version"], entry["bytes"], extra)


def _parse_object(raw: bytes, where: str) -> dict[str, Any]:
    if not raw.strip():
        raise NotASnapshotError(
            where,
            "an empty file" if not raw else "white space only",
            expected="a bmux snapshot",
            advice=RESTORE_HINT,
        )
    try:
        tree = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise NotASnapshotError(
            where,
            f"text that is not JSON ({error})",
            expected="a bmux snapshot",
            advice=SALVAGE_HINT,
        ) from None
    if not isinstance(tree, dict):
        raise _not_an_envelope(where, "", tree, "an object with version, checksum and sections")
    return tree


def _check_version(tree: dict[str, Any], where: str) -> None:
    version = tree.get("version")
    if type(version) is not int:
        raise _not_an_envelope(where, "/version", version, "the number 1")
    if version != VERSION:
        raise UnknownVersionError(
            where,
            f"version {version}",
            expected=f"an envelope of version {VERSION}",
            advice="a newer bmux_forensics may know it",
        )


def _with_payload(entry: Any, index: int, where: str) -> dict[str, Any]:
    place = f"/sections/{index}"
    if not isinstance(entry, dict):
        raise _not_an_envelope(where, place, entry, "an object with id, version and bytes")
    try:
        payload = bytes(entry["bytes"]) if isinstance(entry.get("bytes"), list) else None
    except (TypeError, ValueError):
        payload = None
    if payload is None:
        raise _bad_bytes(where, place, entry.get("bytes"))
    return {**entry, "bytes": payload}


def _bad_bytes(where: str, place: str, values: Any) -> NotASnapshotError:
    if isinstance(values, list):
        for index, value in enumerate(values):
            if type(value) is not int or not 0 <= value <= 255:  # noqa: PLR2004 - a byte
                place, values = f"{place}/bytes/{index}", value
                return _not_an_envelope(where, place, values, "a whole number from 0 to 255")
    return _not_an_envelope(where, f"{place}/bytes", values, "an array of byte values")


def _first_mistake(where: str, error: ValidationError) -> NotASnapshotError:
    first = error.errors(include_url=False)[0]
    path = "".join(f"/{part}" for part in first["loc"])
    expected = first["msg"][:1].lower() + first["msg"][1:]
    return _not_an_envelope(where, path, first["input"], f"what bmux takes ({expected})")


def _not_an_envelope(where: str, place: str, value: Any, expected: str) -> NotASnapshotError:
    found = "nothing" if value is None else brief(value)
    return NotASnapshotError(
        f"{where} at {place}" if place else where, found, expected=expected, advice=RESTORE_HINT
    )


def brief(value: Any, limit: int = 40) -> str:
    """Spell a value from evidence in at most `limit` characters.

    Examples
    --------
    >>> brief({"a": 1}), brief("x" * 100, 8), brief([1] * 1000), brief(2**64)
    ('an object', '"xxxxxx…', 'an array', '18446744073709551616')
    """
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    # orjson writes 64 bits at most, and a number beyond them is the very thing to tell of.
    big = isinstance(value, int) and not isinstance(value, bool)
    text = str(value) if big else orjson.dumps(value).decode()
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _is_plain(raw: bytes, tree: dict[str, Any]) -> bool:
    """Tell whether the text is exactly the known members once each, with numbers for bytes.

    All digits, commas and white space taken out, such a text is known in advance from
    its section ids; anything else (a repeated or unknown key, a boolean, a sign, a
    fraction) leaves a trace in it. So one pass over 22 MB settles all of that.
    """
    try:
        sections = b"".join(
            b'{"id":' + orjson.dumps(entry["id"]) + b'"version":"bytes":[]}'
            for entry in tree["sections"]
        )
    except (KeyError, TypeError):
        return False
    expected = b'{"version":"checksum":"sections":[' + sections + b"]}"
    return raw.translate(None, _DIGITS_AND_SPACE) == expected.translate(None, _DIGITS_AND_SPACE)


def _parse_slowly(raw: bytes, where: str) -> dict[str, Any]:
    """Parse once more with every pair seen, and refuse what orjson let pass in silence."""
    try:
        tree: dict[str, Any] = json.loads(
            raw, object_pairs_hook=keep_repeats, parse_int=_exact_integer
        )
    except (ValueError, RecursionError) as error:
        raise NotRewritableError(
            where, f"JSON that could not be read whole ({error})", advice=RESTORE_HINT
        ) from None
    _refuse_repeats(tree, _ENVELOPE_KEYS, "", where)
    for index, entry in enumerate(tree["sections"]):
        _refuse_repeats(entry, _SECTION_KEYS, f"/sections/{index}", where)
        values = entry.get("bytes") if isinstance(entry, dict) else None
        if isinstance(values, list) and any(type(value) is not int for value in values):
            raise _bad_bytes(where, f"/sections/{index}", values)
    nested = depth(raw)
    if nested > MAX_DEPTH:
        found = f"JSON nested {nested} levels deep"
        raise NotRewritableError(where, found, expected=f"at most {MAX_DEPTH} levels")
    number = oversized_integer(raw)
    if number is not None:
        raise NotRewritableError(
            where, f"the number {number}", expected="integers of at most 64 bits"
        )
    return tree


def _exact_integer(digits: str) -> int | float:
    # To bmux "-0" is a float, and no byte.
    return -0.0 if digits == "-0" else int(digits)


def _refuse_repeats(node: Any, known: Sequence[str], place: str, where: str) -> None:
    if isinstance(node, RepeatedKeys):
        for key in node.repeated:
            if key in known:
                raise NotASnapshotError(
                    f"{where} at {place or '/'}", f"the key {brief(key)} twice", expected="it once"
                )
