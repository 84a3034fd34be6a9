"""Edits that go beyond one payload: copies between places, and the envelope itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from bmux_forensics.errors import NotRewritableError
from bmux_forensics.snapshot.document import Snapshot, read_snapshot
from bmux_forensics.snapshot.edits import (
    APPEND,
    DELETE,
    INSERT,
    SET,
    Edit,
    apply_edits,
    resolve,
    tokens,
)
from bmux_forensics.snapshot.envelope import Section, encode_envelope
from bmux_forensics.snapshot.json_text import oversized_integer
from bmux_forensics.snapshot.reading import Reading

ENVELOPE: Final = -1
"""The section of an edit whose pointer leads into the envelope."""

_CHECKSUM: Final = "/checksum"
_I64: Final = range(-(2**63), 2**64)
_DIGITS: Final = 64

Edits = Mapping[int, Sequence[Edit]]


def reseals(edits: Sequence[Edit]) -> bool:
    """Tell whether edits of the envelope make its checksum anew, whatever it was."""
    return any(edit.pointer == _CHECKSUM for edit in edits)


def source_of(value: Any) -> tuple[int, str] | None:
    """Return the section and pointer that a value stands for a copy of, or None.

    Examples
    --------
    >>> source_of({"$from": [4, "/sessions/3"]})
    (4, '/sessions/3')
    """
    if not isinstance(value, dict) or value.keys() != {"$from"}:
        return None
    section, pointer = value["$from"]
    return section, pointer


def with_copies(snapshot: Snapshot, edits: Edits) -> dict[int, list[Edit]]:
    """Return the edits of payloads with every copy made.

    What is copied is the element as its own edits leave it: values that are set in it, or
    put behind the last one of a list, come along. Neither moves anything, so all pointers
    mean places in the trees as they were read.
    """
    done = {position: list(some) for position, some in edits.items()}
    for within in (True, False):  # what a section copies of itself may be copied elsewhere
        trees: dict[int, Any] = {}
        for position, some in done.items():
            for number, edit in enumerate(some):
                source = source_of(edit.value)
                if source is None or (within and source[0] != position):
                    continue
                section, pointer = source
                if section not in trees:
                    settled = [e for e in done.get(section, ()) if _settled(e)]
                    trees[section] = apply_edits(snapshot.readings[section].require(), settled)
                some[number] = replace(edit, value=resolve(trees[section], pointer))
    return done


def _settled(edit: Edit) -> bool:
    appends = edit.action == INSERT and tokens(edit.pointer)[-1] == APPEND
    return source_of(edit.value) is None and (appends or edit.action == SET)


def exact_tree(reading: Reading, edits: Sequence[Edit]) -> Any:
    """Return a section's tree, edited, where no number that stays would be changed by writing.

    Raises
    ------
    NotRewritableError
        An integer that 64 bits do not hold would stay.
    """
    tree = reading.require()
    if oversized_integer(reading.section.payload) is None:
        return apply_edits(tree, edits)
    changed = apply_edits(json.loads(reading.section.payload, parse_int=_integer), edits)
    if _has_oversized(changed):
        reading.require_rewritable()
    return changed


def _integer(digits: str) -> int:
    # CPython refuses to convert more than 4300 digits; the first ones tell that it is too long.
    return int(digits[:_DIGITS])


def _has_oversized(node: Any) -> bool:
    if isinstance(node, dict):
        return any(map(_has_oversized, node.values()))
    if isinstance(node, list):
        return any(map(_has_oversized, node))
    return type(node) is int and node not in _I64


def dropped(edits: Sequence[Edit]) -> set[int]:
    """Return the positions of the sections that edits of the envelope delete."""
    return {_position(e) for e in edits if e.action == DELETE}


def lost(edits: Sequence[Edit]) -> set[int]:
    """Return the positions of the sections that go for good: those that move are not among them."""
    return dropped(edits) - {_copied(e) for e in edits if e.action == INSERT}


def reshaped(snapshot: Snapshot, edited: Sequence[Reading], edits: Sequence[Edit]) -> Snapshot:
    """Return the snapshot with some sections edited, and its envelope too.

    Parameters
    ----------
    snapshot : Snapshot
        As it was read.
    edited : sequence of Reading
        The sections whose payloads are edited already.
    edits : sequence of Edit
        Edits of the envelope: a section is deleted, gets another id, or is inserted behind
        the last one as a copy of another; the checksum is made anew in any case.
    """
    envelope = snapshot.envelope
    if envelope is None:
        snapshot.require_envelope()
        raise AssertionError  # pragma: no cover - the line above raises
    sections: dict[int, Section] = dict(enumerate(envelope.sections))
    sections.update({reading.position: reading.section for reading in edited})
    for edit in edits:
        if edit.action == SET and edit.pointer != _CHECKSUM:
            position = _position(edit)
            sections[position] = _with_id(sections[position], edit)
    behind = [sections[_copied(edit)] for edit in edits if edit.action == INSERT]
    gone = dropped(edits)
    kept = [section for position, section in sections.items() if position not in gone]
    sealed = envelope.with_sections([*kept, *behind])
    return read_snapshot(encode_envelope(sealed), snapshot.name, saved_at=snapshot.saved_at)


def _with_id(section: Section, edit: Edit) -> Section:
    if tokens(edit.pointer)[2:] != ["id"]:
        raise _unknown(edit)
    return replace(section, id=edit.value)


def _copied(edit: Edit) -> int:
    source = source_of(edit.value)
    if source is None or source[0] != ENVELOPE:
        raise _unknown(edit)
    return int(tokens(source[1])[1])


def _position(edit: Edit) -> int:
    parts = tokens(edit.pointer)
    if parts[:1] != ["sections"] or not parts[1:2] or not parts[1].isdecimal():
        raise _unknown(edit)
    return int(parts[1])


def _unknown(edit: Edit) -> NotRewritableError:
    return NotRewritableError(
        f"JSON pointer {edit.pointer}",
        f"an edit of the envelope that nobody knows ({edit.action})",
        expected="a section deleted, renamed or moved, or the checksum",
    )
