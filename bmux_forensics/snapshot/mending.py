"""One wrong byte, found and undone: the checksum says which.

FNV-1a can be run backwards, for its prime is odd. From the front it gives the state
before each byte, from the stored checksum the state behind it. Where one byte was
changed, lost or added, the two meet in exactly one place, and what must stand there
follows. With 64 bits of checksum that is proof, not a guess.
"""

from __future__ import annotations

import re
from array import array
from typing import Final

from bmux_forensics.errors import EvidenceError
from bmux_forensics.snapshot.checksum import checksum
from bmux_forensics.snapshot.envelope import VERSION, Envelope
from bmux_forensics.snapshot.parsing import parse_envelope

_OFFSET: Final = 0xCBF29CE484222325
_PRIME: Final = 0x100000001B3
_MASK: Final = 2**64 - 1
_INVERSE: Final = pow(_PRIME, -1, 2**64)
_BYTE: Final = 256
_SPACE: Final = b" \t\n\r"
_SECTIONS: Final = b'"sections":'
_CHECKSUM: Final = re.compile(rb'"checksum":(\d{1,20}),')


def mend(raw: bytes) -> Envelope | None:
    """Return the envelope that a file held before one byte of it became wrong, or None.

    The byte may have been changed, lost or added, anywhere between the first brace and
    the last. Nothing is returned that the checksum does not prove. The time is linear
    in the size of the file.

    Parameters
    ----------
    raw : bytes
        The file, in the form that bmux writes it (white space does not matter).

    Examples
    --------
    >>> mend(b'{"version":1,"checksum":675868731199239589,"sectXons":[]}').sections
    ()
    >>> mend(b"torn") is None
    True
    """
    text = raw.translate(None, _SPACE)
    start = text.find(_SECTIONS) + len(_SECTIONS) if _SECTIONS in text else text.find(b"[")
    head, sections = text[:start], text[start:-1]
    if not sections or start < 0:
        return None
    stored = _CHECKSUM.search(head)
    if stored is not None:
        goal = int(stored[1])
        whole = sections if checksum(sections) == goal else _corrected(sections, goal)
        if whole is not None:
            return _envelope(whole, goal)
    goal = checksum(sections)
    return _envelope(sections, goal) if _one_apart(head, _head(goal)) else None


def _head(goal: int) -> bytes:
    return b'{"version":%d,"checksum":%d,%s' % (VERSION, goal, _SECTIONS)


def _envelope(sections: bytes, goal: int) -> Envelope | None:
    try:
        envelope = parse_envelope(_head(goal) + sections + b"}", "")
        envelope.verify("")
    except EvidenceError:
        return None
    return envelope


def _corrected(text: bytes, goal: int) -> bytes | None:
    """Return the text whose checksum is the goal and that is one byte from this one, or None."""
    if goal > _MASK:
        return None
    ahead = array("Q", bytes(8 * len(text)))
    state = _OFFSET
    for index, byte in enumerate(text):
        ahead[index] = state
        state = ((state ^ byte) * _PRIME) & _MASK
    if (last := state ^ (goal * _INVERSE) & _MASK) < _BYTE:
        return text + bytes([last])
    behind = goal
    for index in range(len(text) - 1, -1, -1):
        before, undone = ahead[index], (behind * _INVERSE) & _MASK
        if (changed := before ^ undone) < _BYTE:
            return text[:index] + bytes([changed]) + text[index + 1 :]
        if before == behind:
            return text[:index] + text[index + 1 :]
        behind = undone ^ text[index]
        if (lost := before ^ (behind * _INVERSE) & _MASK) < _BYTE:
            return text[:index] + bytes([lost]) + text[index:]
    return None


def _one_apart(found: bytes, expected: bytes) -> bool:
    """Tell whether two texts differ in one byte at most: changed, lost or added."""
    short, long = sorted((found, expected), key=len)
    same = next(
        (i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short)
    )
    if len(short) == len(long):
        return short[same + 1 :] == long[same + 1 :]
    return len(long) - len(short) == 1 and short[same:] == long[same + 1 :]
