"""Look for sections in the text of a file whose envelope can't be read.

A section's array of bytes holds nothing but numbers, so nothing in it can be taken for
the head of another section. A number that can't be read leaves a mark in the payload.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import orjson

from bmux_forensics.snapshot.carving import GAP, UNREADABLE
from bmux_forensics.snapshot.envelope import Section

# Possessive repeats (`*+`): on long white space the others would try every way to share it.
_FRONT: Final = re.compile(
    rb'\s*+\{\s*+"version"\s*+:\s*+\d++\s*+,\s*+"checksum"\s*+:\s*+\d++\s*+,'
    rb'\s*+"sections"\s*+:\s*+\[\s*+'
)
_HEAD: Final = re.compile(
    rb'\{\s*+"id"\s*+:\s*+("(?:[^"\\]|\\.){0,4096}")\s*+,'
    rb'\s*+"version"\s*+:\s*+(\d{1,10})\s*+,\s*+"bytes"\s*+:\s*+\['
)
_NUMBERS: Final = re.compile(rb"[\d,\s]*+")
_CLOSED: Final = re.compile(rb'\]\s*+(?:\}|,\s*+")')
_BETWEEN: Final = re.compile(rb"\]\s*+\}\s*+,\s*+")
_BACK: Final = re.compile(rb"\]\s*+\}\s*+\]\s*+\}\s*+")
_NUMBER: Final = re.compile(rb"\s*+(0|[1-9]\d{0,2})\s*+")
_BYTE_MAX: Final = 255
_U32_MAX: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Piece:
    """What was found of one section, or a stretch in which nothing could be read.

    Parameters
    ----------
    section : Section or None
        The section, its payload with marks where bytes are missing; None for a stretch.
    whole : bool
        Every byte of the payload was read.
    place : (int, int) or None
        Where it stands in the file: bytes from, to.
    """

    section: Section | None
    whole: bool = False
    place: tuple[int, int] | None = None


def search(raw: bytes) -> list[Piece]:
    """Return the sections found in a file, and the stretches between them, in file order.

    The last stretch stands for whatever followed where the file does not end as it should;
    it may be empty.

    Examples
    --------
    >>> [piece.place for piece in search(b'{"id":"x","version":1,"bytes":[7,8')]
    [(0, 34), (34, 34)]
    """
    heads = list(_HEAD.finditer(raw))
    if not heads:
        return []
    pieces = []
    front = _FRONT.match(raw)
    read = front.end() if front else 0
    end = read
    limits = [*(head.start() for head in heads[1:]), len(raw)]
    for head, limit in zip(heads, limits, strict=True):
        if read != head.start():
            pieces.append(Piece(None, place=(read, head.start())))
        payload, end, whole = _payload(raw, head.end(), limit)
        section = _section(head[1], int(head[2]), payload)
        pieces.append(Piece(section, whole=whole, place=(head.start(), end)))
        between = _BETWEEN.match(raw, end)
        read = between.end() if between else end
    if not _BACK.fullmatch(raw, end):
        pieces.append(Piece(None, place=(end, len(raw))))
    return pieces


def _section(identity: bytes, version: int, payload: bytes) -> Section | None:
    try:
        name = orjson.loads(identity)
    except orjson.JSONDecodeError:
        return None
    return Section(name, version, payload) if version <= _U32_MAX else None


def _payload(raw: bytes, start: int, limit: int) -> tuple[bytes, int, bool]:
    """Return a payload, where its array ends, and whether every byte of it was read."""
    numbers = _NUMBERS.match(raw, start, limit)
    end = numbers.end() if numbers else start
    if _CLOSED.match(raw, end, limit):
        try:
            return bytes(orjson.loads(b"[" + raw[start:end] + b"]")), end, True
        except (TypeError, ValueError):
            pass  # a number over 255 or over 64 bits, or two without a comma between them
    closing = _CLOSED.search(raw, start, limit)
    end = closing.start() if closing else limit
    items = raw[start:end].split(b",")
    if closing is None:
        items[-1] = b""  # perhaps cut in the middle of a number
    return _bytes(items), end, False


def _bytes(items: list[bytes]) -> bytes:
    """Return what numbers say, with a mark where they can't be read."""
    numbers = [_NUMBER.fullmatch(item) for item in items]
    width = max((len(number[0]) for number in numbers if number), default=0)
    payload = bytearray()
    unread: list[bytes] = []
    for item, number in zip(items, numbers, strict=True):
        if number is None or int(number[1]) > _BYTE_MAX:
            unread.append(item)
        else:
            payload += _mark(unread, width)
            payload.append(int(number[1]))
            unread = []
    return bytes(payload + _mark(unread, width))


def _mark(unread: list[bytes], width: int) -> bytes:
    if not unread:
        return b""
    # What takes the room of one number is one byte. Anything else may have been any number.
    one = len(unread) == 1 and 0 < len(unread[0]) <= width
    return UNREADABLE if one else GAP
