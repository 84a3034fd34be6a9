"""The quick ways to read say what the slow ones say, or nothing at all."""

from __future__ import annotations

import random
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import ValidationError

from bmux_forensics.snapshot import parsing, shapes
from bmux_forensics.snapshot.canonical import read_canonical
from bmux_forensics.snapshot.document import read_snapshot
from bmux_forensics.snapshot.envelope import Envelope, Section, encode_envelope
from bmux_forensics.snapshot.identifiers import are_canonical, canonical_id
from bmux_forensics.snapshot.reading import Reading
from bmux_forensics.snapshot.sections import BY_NAME
from bmux_forensics.snapshot.sieve import is_sound, settle
from bmux_forensics.tables.build import Tables
from tests.worlds import World, served_worlds, worlds

SECTIONS = st.lists(
    st.builds(Section, st.text(max_size=5), st.integers(0, 2**32 - 1), st.binary(max_size=40)),
    max_size=4,
)
ENVELOPES = st.builds(
    lambda checksum, sections: Envelope(1, checksum, tuple(sections)),
    st.integers(0, 2**64 - 1),
    SECTIONS,
)
PIECES = [b"", b" ", b"\n", b"0", b"1", b"9", b",", b"-", b"a"]


@given(ENVELOPES)
def test_what_bmux_writes_is_read_at_once(envelope: Envelope) -> None:
    raw = encode_envelope(envelope)
    found = read_canonical(raw)
    if envelope.sections and all(section.payload for section in envelope.sections):
        assert found == envelope
    assert found in (envelope, None)
    assert parsing._parsed(raw, "x") == envelope


@given(worlds())
def test_worlds_are_read_alike(world: World) -> None:
    assert parsing.parse_envelope(world.raw, "x") == parsing._parsed(world.raw, "x")


def test_every_byte_value_at_every_place_of_an_array() -> None:
    numbers = bytes(range(256))
    for payload in (numbers, numbers[::-1], *(numbers[i : i + 1] for i in range(256))):
        envelope = Envelope(1, 0, (Section("a", 1, payload), Section("b", 2, payload)))
        assert read_canonical(encode_envelope(envelope)) == envelope


@given(ENVELOPES, st.data())
def test_a_touched_file_is_read_as_the_parser_reads_it(envelope: Envelope, data: Any) -> None:
    raw = bytearray(encode_envelope(envelope))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw) - 1))
        with_what = data.draw(
            st.sampled_from([b"", b" ", b"\n", b"0", b"1", b"9", b",", b"-", b"a"])
        )
        raw[at : at + data.draw(st.integers(0, 2))] = with_what
        if not raw:
            return
    found = read_canonical(bytes(raw))
    assert found is None or found == parsing._parsed(bytes(raw), "x")


def test_a_file_with_one_byte_changed_is_canonical_only_if_it_is_written_so() -> None:
    payloads = (bytes([7, 42, 100]), bytes([255, 0]), bytes([10, 99]))
    strange = encode_envelope(Envelope(1, 0, tuple(Section("[]", 1, data) for data in payloads)))
    for raw in (strange, strange.replace(b'"[]"', b'"x"')):
        for at in range(len(raw)):
            for with_what in (b"", *(bytes([byte]) for byte in b" \n\0,-./0129:][a\xff")):
                touched = raw[:at] + with_what + raw[at + 1 :]
                found = read_canonical(touched)
                assert found is None or encode_envelope(found) == touched


@given(st.lists(st.text(" 0123459/:", min_size=9, max_size=13), min_size=1, max_size=4))
def test_lines_of_all_kinds_are_values_only_as_bmux_writes_them(lines: list[str]) -> None:
    frame = encode_envelope(Envelope(1, 0, (Section("x", 1, b"7"),)))
    raw = frame.replace(b"        55", ",\n".join(lines).encode())
    assert raw != frame or lines == ["        55"]
    found = read_canonical(raw)
    assert found is None or encode_envelope(found) == raw


def test_a_line_of_any_length_is_no_value() -> None:
    for gaps in ((256, 0), (256, 256), (1, -1), (-1, 1), (8, -8)):
        lines = (b" " * (8 + gap) + b"77,\n" for gap in gaps)
        payload = Envelope(1, 0, (Section("x", 1, b"M" * len(gaps)),))
        raw = encode_envelope(payload)
        touched = raw.replace(b"        77,\n        77\n", b"".join(lines)[:-2] + b"\n")
        assert touched != raw
        assert read_canonical(raw) == payload
        assert read_canonical(touched) is None


@pytest.mark.parametrize(
    "raw",
    [
        b'{\n  "version": 1,\n  "checksum": 7,\n  "sections": [' + b"\n" * 99 + b"\n  ]\n}",
        b'{\n  "version": 1,\n  "checksum": 7,\n  "sections": [\n  ]\n}',
        b'{\n  "version": \n  ]\n}',
        b'{\n  "version": 1\n' + b"        1,\n" * 9 + b"  ]\n}",
        b"",
    ],
)
def test_what_only_looks_like_it_has_no_quick_answer(raw: bytes) -> None:
    assert read_canonical(raw) is None


@given(st.lists(st.sampled_from(["id", "ID", "x", "", "ab", "-" * 36, "é" * 36, "g" * 36])))
def test_canonical_ids_together_are_canonical_one_by_one(words: list[str]) -> None:
    one = str(uuid.UUID(int=7))
    texts = [{"id": one, "ID": "A" + one[1:], "ab": one[:35] + "\n"}.get(w, w) for w in words]
    assert are_canonical(texts) == all(canonical_id(text) == text for text in texts)


def _accepts(name: str, version: int, tree: Any) -> bool:
    try:
        shapes.payload_validator(name, version).validate_python(tree)
    except ValidationError:
        return False
    return True


def _spoiled(tree: Any, source: random.Random) -> Any:
    """Put a strange value somewhere, or take something away."""
    strange = [None, True, 7, -1, 2**40, 0.5, "", "x", [], {}, [7], {"x": 7}]
    if isinstance(tree, dict | list) and tree and source.random() < 0.85:
        copy = tree.copy()
        key = source.choice(list(copy) if isinstance(copy, dict) else range(len(copy)))
        if source.random() < 0.1:
            del copy[key]
        else:
            copy[key] = _spoiled(copy[key], source)
        return copy
    return source.choice(strange)


@given(worlds(), st.integers(0, 2**32), st.integers(0, 2))
def test_the_sieve_never_passes_what_a_validator_refuses(
    world: World, seed: int, times: int
) -> None:
    source = random.Random(seed)  # noqa: S311 - the point is that it repeats
    for part, reading in zip(world.parts, world.snapshot().readings, strict=True):
        if reading.model_name is None or isinstance(part.payload, bytes):
            continue
        tree = part.payload
        for _ in range(times):
            tree = _spoiled(tree, source)
        assert reading.spec is not None
        if is_sound(shapes.shape(reading.model_name), [tree]):
            assert _accepts(reading.spec.name, reading.section.version, tree)


@given(served_worlds())
def test_the_sieve_passes_what_a_server_wrote(world: World) -> None:
    readings = world.snapshot().readings
    settle(readings)
    sound = [r for r in readings if r.model_name and _is_canonical(r)]
    assert all("problem" in r.__dict__ for r in sound)


def _is_canonical(reading: Reading) -> bool:
    return b"ABCDEF" not in reading.section.payload and reading.problem is None


@given(st.lists(worlds(), max_size=4), st.data())
def test_settled_sections_say_what_they_say_by_themselves(many: list[World], data: Any) -> None:
    raws = [world.raw for world in many]
    for i, raw in enumerate(raws):
        if raw and data.draw(st.booleans()):
            at = data.draw(st.integers(0, len(raw) - 1))
            raws[i] = raw[:at] + data.draw(st.sampled_from([b"", b"7", b" "])) + raw[at + 1 :]
    slow, quick = ([read_snapshot(raw, f"{i}") for i, raw in enumerate(raws)] for _ in range(2))
    settle(reading for snapshot in quick for reading in snapshot.readings)
    for one, other in zip(slow, quick, strict=True):
        assert [str(p) for p in one.problems] == [str(p) for p in other.problems]
        for left, right in zip(one.readings, other.readings, strict=True):
            assert left.has_rows == right.has_rows
            assert str(left.problem) == str(right.problem)
            assert str(left.shape_problem) == str(right.shape_problem)
            assert str(left.json_problem) == str(right.json_problem)
            if left.json_problem is None:
                assert str(left.key_problem) == str(right.key_problem)
                assert left.tree == right.tree
    tables = Tables(slow), Tables(quick)
    assert all(tables[0][name].equals(tables[1][name]) for name in ("panes", "layout", "sections"))


def test_what_encoding_would_change_is_not_trusted() -> None:
    spellings = (
        b'[{"id":"x","id":"x"}]', b'[{"big":99999999999999999999}]', b"[ ]", b"", b"[" * 128
    )  # fmt: skip
    for payload in spellings:
        reading = Reading("x", 0, Section(BY_NAME["sessions"].id, 1, payload))
        settle([reading])
        assert "problem" not in reading.__dict__
