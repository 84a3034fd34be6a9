"""One wrong byte, found and undone: the checksum says which.

FNV-1a can be run backwards, for its prime is odd. From the front it gives the state
before each byte, from the stored checksum the state behind it. Where one byte was
changed, lost or added, the two meet in exactly one place, and what must stand there
follows. With 64 bits of checksum that is proof, not a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate, islice
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
_BLOCK: Final = 1 << 16
_TRIES: Final = 16
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
    # By chance a megabyte has one false candidate in five; hostile text could have a million.
    for candidate in islice(_candidates(text, goal), _TRIES + (len(text) >> 20)):
        if checksum(candidate) == goal:
            return candidate
    return None


def _candidates(text: bytes, goal: int) -> Iterator[bytes]:
    """Give the texts one byte away at whose wrong byte the low halves of both states meet.

    Half a state is kept for each byte: the file may be large, and what meets by chance is
    told by its checksum.
    """
    import numpy as np  # noqa: PLC0415 - costs more than reading a snapshot

    ahead = np.empty(len(text) + 1, np.uint32)
    state = _OFFSET
    for at in range(0, len(text), _BLOCK):
        states = list(accumulate(text[at : at + _BLOCK], _forward, initial=state))
        state = states.pop()
        ahead[at : at + len(states)] = np.array(states, np.uint64)
    ahead[-1] = state & 0xFFFFFFFF
    inverse, byte = np.uint64(_INVERSE), np.uint32(_BYTE)
    for end in range(len(text), -1, -_BLOCK):
        at = max(0, end - _BLOCK)
        part = text[at:end]
        needed = list(accumulate(reversed(part), _backward, initial=goal))
        goal = needed[-1]
        behind = np.array(needed[::-1], np.uint64)
        here = ahead[at : end + 1]
        lost = here ^ (behind * inverse).astype(np.uint32)
        changed = here ^ behind.astype(np.uint32)
        extra = here[:-1] == changed[1:] ^ here[1:]
        for index in np.flatnonzero(lost < byte)[::-1].tolist():
            yield text[: at + index] + bytes([int(lost[index])]) + text[at + index :]
        for index in np.flatnonzero(changed[:-1] < byte)[::-1].tolist():
            right = int(changed[index]) ^ part[index]
            yield text[: at + index] + bytes([right]) + text[at + index + 1 :]
        for index in np.flatnonzero(extra)[::-1].tolist():
            yield text[: at + index] + text[at + index + 1 :]


def _forward(state: int, byte: int) -> int:
    return ((state ^ byte) * _PRIME) & _MASK


def _backward(state: int, byte: int) -> int:
    return ((state * _INVERSE) & _MASK) ^ byte


def _one_apart(found: bytes, expected: bytes) -> bool:
    """Tell whether two texts differ in one byte at most: changed, lost or added."""
    short, long = sorted((found, expected), key=len)
    same = next(
        (i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short)
    )
    if len(short) == len(long):
        return short[same + 1 :] == long[same + 1 :]
    return len(long) - len(short) == 1 and short[same:] == long[same + 1 :]
