"""Envelopes exactly as bmux writes them, read in a fraction of the time of any parser.

Such a file is one byte value a line: eight spaces, one to three digits, a comma. So where
the lines end tells where the digits are, and a few steps over whole arrays make the
payloads of them. Nothing is guessed: that the digits are those of the value, that only
spaces are in front of them and that the rest is as bmux writes it is looked at for every
byte. For all other files (and without numpy, whose import costs what reading a snapshot
does) there is no answer, and the parser has its turn.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import Any, Final

import orjson

from bmux_forensics.snapshot.envelope import VERSION, Envelope, Section

_BEGINNING: Final = b'{\n  "version": '
_END: Final = b"\n  ]\n}"
_KEYS: Final = ["version", "checksum", "sections"]
_SECTION_KEYS: Final = ["id", "version", "bytes"]
_OPENING, _CLOSING = b"[\n", b"\n      ]"
_SPACE, _COMMA, _LINE_FEED, _ZERO = b" ,\n0"
_INDENT: Final = 8
_SHORTEST: Final = _INDENT + 3  # of a line with a byte value: one digit, comma, line feed
_WORD: Final = 8  # bytes looked at together: shorter than a line
_LARGEST_HUNDREDS, _ONE_DIGIT, _TWO_DIGITS = 2, 9, 99
_MODULUS: Final = 256
_U32, _U64 = 2**32, 2**64

_Spans = list[tuple[int, int]]
"""Where the lines of each array begin, and the last line feed of them."""


def read_canonical(raw: bytes) -> Envelope | None:
    """Return the envelope of a file that is byte for byte what bmux writes for it, or None.

    Examples
    --------
    >>> import numpy
    >>> from bmux_forensics.snapshot.envelope import encode_envelope
    >>> whole = Envelope(1, 7, (Section("x", 1, b"hi"),))
    >>> read_canonical(encode_envelope(whole)) == whole
    True
    >>> read_canonical(b'{"version":1}') is None
    True
    """
    numpy = sys.modules.get("numpy")
    if numpy is None or sys.byteorder != "little":
        return None
    if not raw.startswith(_BEGINNING) or not raw.endswith(_END):
        return None
    cut = _cut(raw)
    if cut is None:
        return None
    frame, spans = cut
    tree = _emptied(frame, len(spans))
    if tree is None:
        return None
    payloads = _payloads(numpy, raw, spans, frame.count(b" "))
    if payloads is None:
        return None
    pairs = zip(tree["sections"], payloads, strict=True)
    sections = tuple(Section(entry["id"], entry["version"], data) for entry, data in pairs)
    return Envelope(tree["version"], tree["checksum"], sections)


def _cut(raw: bytes) -> tuple[bytes, _Spans] | None:
    """Take the lines of all arrays in the sections out: what is left, and where they are."""
    pieces, spans = [], []
    done, begin = 0, raw.find(b"[", raw.find(b"[") + 1)
    while begin >= 0:
        end = raw.find(b"]", begin) + 1
        first, after = begin + len(_OPENING), end - len(_CLOSING)
        if after <= first or raw[begin:first] != _OPENING or raw[after:end] != _CLOSING:
            return None
        pieces += [raw[done : begin + 1], b"]"]
        spans.append((first, after))
        done, begin = end, raw.find(b"[", end)
    return b"".join((*pieces, raw[done:])), spans


def _emptied(frame: bytes, count: int) -> Any:
    """Read the envelope whose payloads were taken out, if bmux would write it like this."""
    try:
        tree = orjson.loads(frame)
    except orjson.JSONDecodeError:
        return None
    if list(tree) != _KEYS or type(tree["sections"]) is not list:
        return None
    entries = tree["sections"]
    # So no array was found in an id: each section has one of its own.
    if not count or len(entries) != count or not all(map(_is_section, entries)):
        return None
    if tree["version"] != VERSION or not _is_unsigned(tree["version"], _U32):
        return None
    if not _is_unsigned(tree["checksum"], _U64):
        return None
    return tree if orjson.dumps(tree, option=orjson.OPT_INDENT_2) == frame else None


def _is_section(entry: Any) -> bool:
    return (
        type(entry) is dict
        and list(entry) == _SECTION_KEYS
        and type(entry["id"]) is str
        and _is_unsigned(entry["version"], _U32)
        and entry["bytes"] == []
    )


def _is_unsigned(value: Any, bound: int) -> bool:
    return type(value) is int and 0 <= value < bound


def _payloads(np: Any, raw: bytes, spans: _Spans, spaces: int) -> list[bytes] | None:
    """Read the byte values of all arrays together, or None where bmux would write others."""
    text = np.frombuffer(raw, np.uint8)
    ends = _line_ends(np, text, spans)
    if ends is None:
        return None
    last = np.searchsorted(ends, [after for _, after in spans])
    starts = [0, *(last + 1).tolist()]
    characters = _characters(text, ends, last)
    values = _values(np, *characters)
    if values is None:
        return None
    digits = (values > _ONE_DIGIT).view(np.uint8) + (values > _TWO_DIGITS).view(np.uint8)
    # Nothing but spaces is left: as many as there must be, and no line has too many.
    spaces += len(ends) * _INDENT + len(spans) * _CLOSING.count(b" ")
    if np.count_nonzero(text == _SPACE) != spaces:
        return None
    if not _are_as_long(np, ends, starts, spans, digits):
        return None
    data = values.tobytes()
    return [data[i:j] for i, j in pairwise(starts)]


def _line_ends(np: Any, text: Any, spans: _Spans) -> Any:
    """Return where the lines of arrays end; None where two are closer than in bmux's lines."""
    is_end = np.empty(-(-len(text) // _WORD) * _WORD, np.bool_)
    np.equal(text, _LINE_FEED, out=is_end[: len(text)])
    done = 0
    for first, after in spans:
        is_end[done:first] = False
        done = after + 1
    is_end[done:] = False
    words = is_end.view(np.uint64)  # a line is longer than a word: one holds one end at most
    holding = np.flatnonzero(words != 0)
    if len(holding) != np.count_nonzero(is_end):
        return None
    # Of such a word one byte is 1; the product has the number of that byte at its top.
    number = words.take(holding)
    number *= np.uint64(0x0001020304050607)
    number >>= np.uint64(56)
    holding *= _WORD
    holding += number.view(np.int64)
    return holding


def _characters(text: Any, ends: Any, last: Any) -> list[Any]:
    """Return what stands in front of each line feed: three characters and the comma."""
    at = ends - 4
    at[last] += 1  # there is no comma
    found = [text[i:].take(at, mode="clip") for i in range(4)]
    found[3][last] += _COMMA - _LINE_FEED
    return found


def _values(np: Any, hundreds: Any, tens: Any, ones: Any, commas: Any) -> Any:
    """Make values of up to three digits; None where bmux would write others for them."""
    zero = np.uint8(_ZERO)
    ones -= zero
    # What stands in front of the first digit is a space, which is less than any digit.
    upper, middle = np.maximum(hundreds, zero), np.maximum(tens, zero)
    upper -= zero
    middle -= zero
    values = upper * np.uint8(10)
    values += middle
    values *= np.uint8(10)
    values += ones
    if (
        upper.max() > _LARGEST_HUNDREDS
        or middle.max() > _ONE_DIGIT
        or ones.max() > _ONE_DIGIT
        or np.count_nonzero(commas == _COMMA) != len(commas)
    ):
        return None
    # A space stands where there is no digit, and there is no zero in front of others: so the
    # digits that there are tell how large the value is. One over 255 seems too small for them.
    for characters, below in ((hundreds, _TWO_DIGITS), (tens, _ONE_DIGIT)):
        no_digit = values <= below
        blank = characters == _SPACE
        blanks = np.count_nonzero(blank)
        if (no_digit != blank).any() or np.count_nonzero(characters < zero) != blanks:
            return None
    return values


def _are_as_long(np: Any, ends: Any, starts: list[int], spans: _Spans, digits: Any) -> bool:
    """Tell whether lines are as long as their digits want.

    Lengths are compared modulo 256, and the sum of all of them rules larger ones out.
    """
    low = ends.astype(np.uint8)
    lengths = low.copy()
    lengths[1:] -= low[:-1]
    total = len(spans)  # the commas that the last ones lack
    for (first, after), line, following in zip(spans, starts, starts[1:], strict=False):
        lengths[line] = (int(ends[line]) - first + 1) % _MODULUS
        lengths[following - 1] += 1
        total += after - first + 1
    lengths -= digits
    return bool((lengths == _SHORTEST).all()) and total == len(ends) * _SHORTEST + int(digits.sum())
