"""The journal's lines: an entry as bytes, and the chain that holds the entries together.

    {"sha256":"<of the entry's bytes>","entry":{"format":1,"number":7,"prev":"<sha256>",...}}

An entry's hash is over its own bytes and stands in front of them; `prev` is the hash
of the entry before. So a changed byte is found in every line, the last one included,
and so is a line that was taken out of the middle or moved. The text is plain ASCII:
nothing in it acts on a terminal, and a path that is no text survives the way.

What a crash left of an unfinished line stays where it is. The next entry begins on a
line of its own and says, under `sealed`, which bytes it found and their hash.

A chain shows damage and careless edits. It is no signature: whoever may write to the
file can make a new chain.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT: Final = 1
"""The version of the entries that this tool writes; it reads every older one."""

NOTHING_BEFORE: Final = "0" * 64
"""The `prev` of the first entry."""

_HEAD, _MIDDLE, _END = b'{"sha256":"', b'","entry":', b"}"
_BODY: Final = len(_HEAD) + 64 + len(_MIDDLE)
_HASH: Final = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, as it stands in the file.

    Parameters
    ----------
    number : int
        Its place in the chain, from 1.
    id : str
        What other entries and people call it.
    kind : str
        What it is about.
    when : str
        The moment it was written: RFC 3339, UTC.
    format : int
        The version it was written in.
    prev, sha256 : str
        The hash of the entry before, and its own.
    offset, size : int
        Where its line begins in the file, and how long it is with its newline.
    facts : mapping
        All of it, the above included. What stands there is as trustworthy as whoever
        may write to the file.
    """

    number: int
    id: str
    kind: str
    when: str
    format: int
    prev: str
    sha256: str
    offset: int
    size: int
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Flaw:
    """A place where the journal is not whole.

    Parameters
    ----------
    kind : str
        "torn" (an append was cut short; nothing that was reported done is missing),
        "damaged" (bytes that are no entry) or "chain" (an entry does not follow the
        one before it).
    number : int
        Of the entry that should stand there.
    offset, size : int
        Where, and how many bytes.
    found : str
        What was found, in a line.
    """

    kind: str
    number: int
    offset: int
    size: int
    found: str


def render(facts: Mapping[str, Any]) -> bytes:
    r"""Write an entry as a line.

    Examples
    --------
    >>> line = render({"number": 1, "id": "a", "kind": "test", "when": "", "format": 1,
    ...     "prev": NOTHING_BEFORE})
    >>> line.endswith(b"}}\n"), parse(line[:-1]).id
    (True, 'a')
    """
    body = json.dumps(facts, separators=(",", ":"), allow_nan=False).encode("ascii")
    return b"".join((_HEAD, digest(body).encode(), _MIDDLE, body, _END, b"\n"))


def digest(data: bytes) -> str:
    """Return the SHA-256 of some bytes, in lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def parse(line: bytes, offset: int = 0) -> Entry | None:
    """Read a line without its newline; None unless it is an entry, whole and unchanged.

    Examples
    --------
    >>> parse(b'{"sha256":"') is None
    True
    """
    body = line[_BODY:-1]
    if line != b"".join((_HEAD, digest(body).encode(), _MIDDLE, body, _END)):
        return None
    try:
        facts = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(facts, dict):
        return None
    return _entry(facts, digest(body), offset, len(line) + 1)


def _entry(facts: dict[str, Any], sha256: str, offset: int, size: int) -> Entry | None:
    numbers = [facts.get(name) for name in ("number", "format")]
    texts = [facts.get(name) for name in ("id", "kind", "when", "prev")]
    if not all(type(n) is int for n in numbers) or not all(isinstance(t, str) for t in texts):
        return None
    if not _HASH.fullmatch(facts["prev"]):
        return None
    return Entry(
        number=facts["number"],
        id=facts["id"],
        kind=facts["kind"],
        when=facts["when"],
        format=facts["format"],
        prev=facts["prev"],
        sha256=sha256,
        offset=offset,
        size=size,
        facts=facts,
    )


def read(data: bytes) -> tuple[list[Entry], list[Flaw]]:
    r"""Read a whole journal: the entries that are unchanged, and what is wrong with the rest.

    Examples
    --------
    >>> read(b"")
    ([], [])
    >>> entries, flaws = read(b"torn")
    >>> flaws[0].kind, flaws[0].number
    ('torn', 1)
    """
    entries: list[Entry] = []
    flaws: list[Flaw] = []
    at = gap = 0
    while at < len(data):
        end = data.find(b"\n", at)
        end = len(data) if end < 0 else end  # an entry that lacks just its newline is one
        entry = parse(data[at:end], at)
        if entry is not None:
            flaws += _joint(entries[-1] if entries else None, entry, data[gap:at], gap)
            entries.append(entry)
            gap = end + 1
        at = end + 1
    if gap < len(data):
        flaws.append(_flaw(entries[-1] if entries else None, data[gap:], gap))
    return entries, flaws


def _joint(last: Entry | None, entry: Entry, between: bytes, offset: int) -> list[Flaw]:
    """Look at an entry and at what stands between it and the one before."""
    number = last.number + 1 if last else 1
    sealed = entry.facts.get("sealed")
    found = []
    if between or sealed:
        # Where the bytes end in the middle of a line, a newline stands before the entry.
        rests = (between, between.removesuffix(b"\n"))
        rest = next((rest for rest in rests if seal(rest, offset) == sealed), None)
        if rest is None:
            size = len(between)
            return [Flaw("damaged", number, offset, size, f"{size} bytes that are no entry")]
        found.append(_flaw(last, rest, offset))
    if entry.prev != (last.sha256 if last else NOTHING_BEFORE):
        what = f"entry {entry.number} does not follow the one before it"
        found.append(Flaw("chain", number, entry.offset, 0, what))
    elif entry.number != number:
        what = f"it calls itself entry {entry.number}"
        found.append(Flaw("chain", number, entry.offset, 0, what))
    return found


def seal(rest: bytes, offset: int) -> dict[str, Any]:
    """Describe bytes that are no entry, for the next entry to vouch for them."""
    return {"offset": offset, "size": len(rest), "sha256": digest(rest)}


def _flaw(last: Entry | None, rest: bytes, offset: int) -> Flaw:
    """Tell what a crash in an append leaves from what only a later change can make."""
    number = last.number + 1 if last else 1
    # An append writes whole lines: the beginning of one is all that a crash leaves. A whole entry
    # with another byte in its newline's place, or a finished line, is no beginning.
    if b"\n" in rest or parse(rest[:-1]) is not None:
        found = f"{len(rest)} bytes that are no entry"
        return Flaw("damaged", number, offset, len(rest), found)
    found = f"an append that was cut short after {len(rest)} bytes"
    return Flaw("torn", number, offset, len(rest), found)
