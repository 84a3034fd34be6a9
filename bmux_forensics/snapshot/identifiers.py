"""The spellings of a UUID that bmux takes, and the one it writes."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Final

_HYPHENATED: Final = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

SPELLINGS: Final = (
    rf"^(?:{_HYPHENATED}|[0-9a-fA-F]{{32}}|urn:uuid:{_HYPHENATED}|\{{{_HYPHENATED}\}})$"
)
"""A pattern for every spelling of an id that bmux reads; models and selectors share it."""

_SPELLING: Final = re.compile(SPELLINGS)
_ID_BYTES: Final = 16
_BYTE_MAX: Final = 255
_TEXT_LENGTH: Final = 36
_HYPHENS: Final = (8, 13, 18, 23)
_LOWER_HEX: Final = b"0123456789abcdef"


@lru_cache(maxsize=65536)
def _canonical_text(text: str) -> str | None:
    # `$` would also match before a final line feed; the length rules that out.
    if _SPELLING.match(text) is None or text.endswith("\n"):
        return None
    digits = text.removeprefix("urn:uuid:").strip("{}").replace("-", "").lower()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def canonical_id(value: object) -> str | None:
    """Return an id lower-case and hyphenated, or None when it is not text that parses.

    The spellings are those of bmux's selectors: hyphenated, 32 hex digits, or the
    hyphenated form after ``urn:uuid:`` or inside ``{}``; the prefix is lower case.

    Examples
    --------
    >>> canonical_id("{122C0589-EE16-4DC4-A8D7-C2184D6369EE}")
    '122c0589-ee16-4dc4-a8d7-c2184d6369ee'
    >>> canonical_id("URN:UUID:122c0589-ee16-4dc4-a8d7-c2184d6369ee") is None
    True
    """
    return _canonical_text(value) if isinstance(value, str) else None


def canonical_owner(value: object) -> str | None:
    """Return an id like `canonical_id`, reading the form of 16 byte values too.

    bmux ends the processes of a pane row whose ``session_id`` is such an array,
    but keeps the row: so its owner is known even where the id is not text.

    Examples
    --------
    >>> canonical_owner([18] * 16)
    '12121212-1212-1212-1212-121212121212'
    """
    if isinstance(value, list) and len(value) == _ID_BYTES:
        if all(type(byte) is int and 0 <= byte <= _BYTE_MAX for byte in value):
            return canonical_id(bytes(value).hex())
        return None
    return canonical_id(value)


def are_canonical(texts: Collection[str]) -> bool:
    """Tell whether all of some texts are ids spelled as `canonical_id` spells them.

    Examples
    --------
    >>> one = "122c0589-ee16-4dc4-a8d7-c2184d6369ee"
    >>> are_canonical([one, one]), are_canonical([one, one.upper()]), are_canonical(["", one * 2])
    (True, False, False)
    """
    return {_TEXT_LENGTH}.issuperset(map(len, texts)) and are_canonical_bytes(
        "".join(texts).encode("utf-8", "replace"), len(texts)
    )


def are_canonical_bytes(data: bytes, count: int) -> bool:
    """Tell the same of so many texts one after another, each of the length of an id."""
    hyphens = b"-" * count
    return (
        len(data) == count * _TEXT_LENGTH
        and all(data[place::_TEXT_LENGTH] == hyphens for place in _HYPHENS)
        and len(data.translate(None, _LOWER_HEX)) == count * len(_HYPHENS)
    )
