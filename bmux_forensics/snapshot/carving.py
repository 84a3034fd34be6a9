"""Carve complete rows out of the text of a damaged payload.

Nothing is guessed: a row counts only if its text is whole, holds no mark of a byte that
could not be read, and is one that bmux would take. Quotes inside a JSON string are
escaped, so ``{"name":`` always begins an object: there reading starts again behind
damage, for rows that say themselves what they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import orjson
from pydantic_core import ValidationError

from bmux_forensics.snapshot.json_text import MAX_DEPTH, depth, has_repeated_keys
from bmux_forensics.snapshot.shapes import payload_validator

UNREADABLE: Final = b"\xff"
"""Stands for one byte of a payload that can't be read; no UTF-8 text has it."""
GAP: Final = b"\x00"
"""Stands for any number of bytes that are missing; no JSON text has it."""


@dataclass(frozen=True)
class Member:
    """A list or map of a payload, whose elements are the rows to carve.

    Parameters
    ----------
    name : str
        The member of the payload's object; empty when the payload itself is meant.
    is_map : bool
        Its rows have keys.
    tells_itself : bool
        A row is an object whose members no other object has, so that it is known for
        a row wherever it is found.
    """

    name: str
    is_map: bool = False
    tells_itself: bool = False


_PANES: Final = (Member("sessions", tells_itself=True),)
MEMBERS: Final[dict[tuple[str, int], tuple[Member, ...]]] = {
    ("sessions", 1): (Member("", tells_itself=True),),
    ("contexts", 1): (
        Member("contexts", is_map=True, tells_itself=True),
        Member("session_by_context", is_map=True),
        Member("selected_by_client", is_map=True),
        Member("mru_contexts"),
    ),
    ("clients", 1): (
        Member("connected_clients"),
        Member("selected_contexts", is_map=True),
        Member("selected_sessions", is_map=True),
        Member("follows", is_map=True, tells_itself=True),
        Member("attached_stream_sessions", is_map=True),
        Member("attach_detach_allowed", is_map=True),
    ),
    ("panes", 1): _PANES,
    ("panes", 2): _PANES,
    ("panes", 3): _PANES,
    ("older_panes", 1): _PANES,
    ("tabs", 1): (Member("", is_map=True),),
    ("tabs", 2): (Member("orders", is_map=True), Member("pending", is_map=True)),
    ("workspaces", 1): (Member("", tells_itself=True),),
}
"""The lists and maps of each payload, by the section's short name and version."""

_STRING: Final = r'"(?:[^"\\\x00-\x1f]|\\.)*"(?!\w)'
"""A string: no word stands behind one, so a quote that closes is not taken for one that opens."""
_TOKEN: Final = re.compile(rf"{_STRING}|[\[\]{{}}]")
_VALUE: Final = re.compile(rf"{_STRING}|true|false|null")
_KEY: Final = re.compile(rf"{_STRING}\s*:\s*")
_ROW: Final = re.compile(r'\{\s*"\w+"\s*:')
_KEYED_ROW: Final = re.compile(r'"[^"\\]*"\s*:\s*\{\s*"\w+"\s*:')
_SPACE: Final = re.compile(r"[ \t\n\r]*")
_CLOSING: Final = {"{": "}", "[": "]"}
_PATIENCE: Final = 16
"""How often, on average, a character behind damage may be judged again in search of a row."""

Judge = Callable[[str], bool]


def carve(name: str, version: int, payload: bytes) -> tuple[bytes, int] | None:
    """Return a payload of the complete rows of a damaged one, and how many there are.

    Parameters
    ----------
    name : str
        The section's short name.
    version : int
        The section's version.
    payload : bytes
        What is left of it, with `UNREADABLE` and `GAP` where bytes could not be read.

    Returns
    -------
    (bytes, int) or None
        Rows are spelled as they were and stand in the order they had; lists and maps
        of which nothing is left are empty. None when no row is left.

    Examples
    --------
    >>> carve("tabs", 1, b'{"00000000-0000-0000-0000-000000000000":[],"00')
    (b'{"00000000-0000-0000-0000-000000000000":[]}', 1)
    """
    members = MEMBERS.get((name, version), ())
    # What is no UTF-8 becomes lone surrogates, and no row that bmux takes has one.
    text = _Text(payload.decode("utf-8", "surrogateescape"))
    rows = {m.name: text.rows(m, _judge(name, version, m)) for m in members}
    count = sum(map(len, rows.values()))
    return (_assembled(members, rows).encode(), count) if count else None


def count_rows(name: str, version: int, payload: bytes) -> int:
    """Return how many rows a sound payload has."""
    tree = orjson.loads(payload)
    return sum(
        len(tree.get(member.name, ()) if member.name else tree) for member in MEMBERS[name, version]
    )


def _assembled(members: tuple[Member, ...], rows: dict[str, list[str]]) -> str:
    parts = []
    for member in members:
        inside = ",".join(rows.get(member.name, ()))
        part = f"{{{inside}}}" if member.is_map else f"[{inside}]"
        parts.append(f'"{member.name}":{part}' if member.name else part)
    return f"{{{','.join(parts)}}}" if members[0].name else parts[0]


def _judge(name: str, version: int, member: Member) -> Judge:
    """Return what tells whether bmux would take a payload that holds just one row."""
    members = MEMBERS[name, version]
    shape = payload_validator(name, version)

    def takes(row: str) -> bool:
        try:
            text = _assembled(members, {member.name: [row]}).encode()
            if depth(text) > MAX_DEPTH or has_repeated_keys(text):
                return False
            shape.validate_python(orjson.loads(text))
        except (UnicodeEncodeError, orjson.JSONDecodeError, ValidationError):
            return False
        return True

    return takes


class _Text:
    """The text of a payload, its brackets paired once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.ends = _bracket_ends(text)

    def rows(self, member: Member, takes: Judge) -> list[str]:
        """Return the text of each complete row of a member, its key included."""
        bracket = r"\{" if member.is_map else r"\["
        label = rf'"{member.name}"\s*:\s*' if member.name else r"^\s*"
        opening = re.search(f"{label}{bracket}{_SPACE.pattern}", self.text)
        found: list[str] = []
        damage: int | None = 0
        if opening is not None:
            found, damage = self.in_order(opening.end(), member, takes)
        if damage is None or not member.tells_itself:
            return found
        return found + self.behind_damage(damage, member, takes)

    def in_order(self, at: int, member: Member, takes: Judge) -> tuple[list[str], int | None]:
        """Read row after row; return them, and where damage is (None: read to the end)."""
        found: list[str] = []
        while self.text[at : at + 1] not in ("]", "}"):
            end = self.row_end(at, member)
            if end is None:
                return found, at
            if takes(self.text[at:end]):
                found.append(self.text[at:end])
            at = self.past_space(end)
            if self.text[at : at + 1] == ",":
                at = self.past_space(at + 1)
            elif self.text[at : at + 1] not in ("]", "}"):
                return found, at
        return found, None

    def behind_damage(self, at: int, member: Member, takes: Judge) -> list[str]:
        """Look for rows where nothing is known any more but how a row begins."""
        begins = _KEYED_ROW if member.is_map else _ROW
        found: list[str] = []
        patience = _PATIENCE * len(self.text)
        start = begins.search(self.text, at)
        while start is not None and patience > 0:
            at, end = start.start() + 1, self.row_end(start.start(), member)
            if end is not None and takes(self.text[start.start() : end]):
                found.append(self.text[start.start() : end])
                at = end
            elif end is not None:
                patience -= end - at
            start = begins.search(self.text, at)
        return found

    def row_end(self, at: int, member: Member) -> int | None:
        """Return where a row ends that begins here; None when it is not complete."""
        if member.is_map:
            key = _KEY.match(self.text, at)
            if key is None:
                return None
            at = key.end()
        value = _VALUE.match(self.text, at)
        return value.end() if value else self.ends.get(at)

    def past_space(self, at: int) -> int:
        """Return the next place that is no white space."""
        space = _SPACE.match(self.text, at)
        return space.end() if space else at


def _bracket_ends(text: str) -> dict[int, int]:
    """Return for each bracket that opens where its partner ends, as far as they pair up."""
    ends: dict[int, int] = {}
    open_at: list[int] = []
    for token in _TOKEN.finditer(text):
        bracket = token[0]
        if bracket in _CLOSING:
            open_at.append(token.start())
        elif bracket in ("]", "}"):
            if open_at and _CLOSING[text[open_at[-1]]] == bracket:
                ends[open_at.pop()] = token.end()
            else:
                open_at.clear()  # one is missing, so what encloses this is not complete
    return ends
