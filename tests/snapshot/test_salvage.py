"""Salvage: what is whole is kept, nothing is invented, and nothing makes it crash."""

from __future__ import annotations

import re
import time
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmux_forensics.errors import NotASnapshotError
from bmux_forensics.snapshot import mending
from bmux_forensics.snapshot.checksum import checksum
from bmux_forensics.snapshot.document import read_snapshot
from bmux_forensics.snapshot.envelope import Section
from bmux_forensics.snapshot.salvage import Proof, Salvage, salvage
from tests.worlds import (
    CLIENTS,
    CONTEXTS,
    PANES,
    SESSIONS,
    Part,
    World,
    clients_tree,
    contexts_tree,
    pane,
    part,
    runtime,
    session,
    worlds,
)

SAMPLES = sorted((Path(__file__).parents[2] / "sample_snapshots").glob("*/*.json"))
ROOTS = {"bmux.sessions/session-manager", "bmux.workspaces/catalog"}


@cache
def sample(number: int) -> bytes:
    return SAMPLES[number].read_bytes()


NUMBERS = st.integers(0, len(SAMPLES) - 1)


def sections_of(raw: bytes) -> dict[str, Section]:
    return {section.id: section for section in read_snapshot(raw, "x").require_envelope().sections}


def salvaged(raw: bytes) -> Salvage | None:
    """Salvage a file; what comes out must be a snapshot without a fault, the same each time."""
    try:
        result = salvage(raw, "damaged.json")
    except NotASnapshotError:
        return None
    after = read_snapshot(result.raw, "new")
    assert after.problems == ()
    assert salvage(raw, "damaged.json") == result
    ids = [section.id for section in after.require_envelope().sections]
    assert ids == [kept.section_id for kept in result.kept]
    assert len(set(ids)) == len(ids)
    for kept, section in zip(result.kept, after.require_envelope().sections, strict=True):
        assert (kept.version, kept.size) == (section.version, len(section.payload))
        assert kept.whole or kept.section_id in {lost.section_id for lost in result.lost}
    return result


def rows_of(payload: bytes) -> dict[str, list[Any]]:
    """Give the lists and maps of a payload: elements, or pairs of key and value."""
    tree = orjson.loads(payload)
    named = isinstance(tree, dict) and all(isinstance(v, list | dict) for v in tree.values())
    members = tree if named else {"": tree}
    return {k: list(v.items()) if isinstance(v, dict) else v for k, v in members.items()}


def assert_rows_are_of(original: bytes, kept: bytes) -> None:
    """Every row of a kept payload stands in the original, in the same order."""
    before = rows_of(original)
    for name, rows in rows_of(kept).items():
        remaining = iter(before.get(name, []))
        assert all(row in remaining for row in rows), name


# --- an undamaged file -----------------------------------------------------------------------


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.name)
def test_an_undamaged_sample_stays_as_it_is(path: Path) -> None:
    result = salvage(path.read_bytes(), path.name)
    assert result.raw == path.read_bytes()
    assert result.lost == ()
    assert result.proof is Proof.CHECKSUM
    assert all(kept.whole for kept in result.kept)


@given(worlds())
def test_of_any_world_what_decodes_is_kept_whole(world: World) -> None:
    result = salvaged(world.raw)
    kept = {} if result is None else sections_of(result.raw)
    for reading in world.snapshot().readings:
        if (
            reading.problem is None
            and world.snapshot().first_position(reading.section.id) == reading.position
        ):
            assert kept[reading.section.id] == reading.section


def test_an_empty_snapshot_is_a_snapshot() -> None:
    raw = World(()).raw
    assert salvage(raw, "x") == Salvage(raw, (), (), Proof.CHECKSUM)


# --- a cut file ------------------------------------------------------------------------------


def _arrays(raw: bytes) -> list[tuple[str, int, int]]:
    """Give the id of each section, and where its array of bytes begins and ends."""
    heads = re.finditer(rb'"id": "([^"]+)",\s+"version": \d+,\s+"bytes": \[', raw)
    return [(head[1].decode(), head.end(), raw.index(b"]", head.end())) for head in heads]


@given(NUMBERS, st.floats(0, 1))
def test_of_a_cut_file_every_complete_section_and_row_is_kept(number: int, part_of: float) -> None:
    raw = sample(number)
    cut = int(len(raw) * part_of)
    result = salvaged(raw[:cut])
    original = sections_of(raw)
    kept = {} if result is None else sections_of(result.raw)
    for section_id, begin, end in _arrays(raw):
        payload = original[section_id].payload
        if end + 20 < cut:  # the bracket and the brace behind it
            assert kept[section_id] == original[section_id]
        elif section_id in kept:
            assert_rows_are_of(payload, kept[section_id].payload)
            assert_no_more_rows_were_complete(payload, kept[section_id].payload, raw[begin:cut])
        else:
            visible = payload[: raw[begin : max(begin, cut)].count(b",")]
            for name, rows in rows_of(payload).items():
                assert not rows or text_of(rows[:1], name) not in visible
    if result is None:
        assert kept == {}
    elif cut < len(raw):
        # The very last byte alone is proven by the checksum, and nothing is lost.
        assert bool(result.lost) == (result.proof is Proof.NONE)


def text_of(rows: list[Any], name: str) -> bytes:
    """Give how a payload spells the first rows of a list or map, up to the end of the last."""
    pairs = all(isinstance(row, tuple) for row in rows)
    text = orjson.dumps(dict(rows) if pairs else rows)[:-1]
    return (f'"{name}":'.encode() if name else b"") + text


def assert_no_more_rows_were_complete(payload: bytes, kept: bytes, seen: bytes) -> None:
    """Of each list and map the rows up to the cut are kept, and the next one was not whole."""
    visible = payload[: seen.count(b",")]  # the number behind the last comma may be cut
    after = rows_of(kept)
    for name, rows in rows_of(payload).items():
        count = len(after[name])
        assert after[name] == rows[:count]
        assert count == len(rows) or text_of(rows[: count + 1], name) not in visible


@given(NUMBERS, st.floats(0, 1))
def test_of_a_file_without_its_front_every_section_behind_is_kept(
    number: int, part_of: float
) -> None:
    raw = sample(number)
    cut = int(len(raw) * part_of)
    result = salvaged(raw[cut:])
    original = sections_of(raw)
    kept = {} if result is None else sections_of(result.raw)
    behind = [(i, begin) for i, begin, _ in _arrays(raw) if begin - 200 > cut]
    assert set(kept) >= {section_id for section_id, _ in behind}
    assert all(kept[i] == original[i] for i in kept)


# --- a damaged file --------------------------------------------------------------------------


@given(NUMBERS, st.data())
def test_one_wrong_byte_is_undone_wherever_it_is(number: int, data: st.DataObject) -> None:
    raw = sample(number)
    at = data.draw(st.integers(0, len(raw) - 1))
    kind = data.draw(st.sampled_from(["changed", "lost", "added"]))
    byte = data.draw(st.binary(min_size=1, max_size=1))
    before, behind = raw[:at], raw[at if kind == "added" else at + 1 :]
    result = salvaged(before + (b"" if kind == "lost" else byte) + behind)
    assert result is not None
    assert result.raw == raw
    assert result.lost == ()
    assert result.proof in (Proof.MENDED, Proof.CHECKSUM)


def test_one_wrong_byte_is_undone_in_a_large_file_too() -> None:
    rows = [session(identity, "x" * 400) for identity in SESSIONS * 120]
    raw = World((part("sessions", rows),)).raw
    for at in range(200, len(raw), len(raw) // 9):
        result = salvaged(raw[:at] + b"9" + raw[at:])
        assert result is not None
        assert result.raw == raw


def test_text_made_to_meet_everywhere_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    # These five bytes make half the state zero, and a zero byte leaves it so: every place
    # seems to be the wrong one, and looking at each would take hours.
    zeros = b'{"version":1,"checksum":0,"sections":c>.OC' + bytes(1 << 20) + b"}"
    looked: list[int] = []

    def counted(text: bytes) -> int:
        looked.append(len(text))
        return checksum(text)

    monkeypatch.setattr(mending, "checksum", counted)
    assert mending.mend(zeros) is None
    assert 10 < len(looked) < 40


def test_a_number_of_any_size_is_one_wrong_byte() -> None:
    raw = World((part("sessions", [session(SESSIONS[0]), session(SESSIONS[1])]),)).raw
    result = salvage(raw[:-40].replace(b" 91,", b" " + b"9" * 400 + b",", 1), "x")
    assert b"".join(section.payload for section in sections_of(result.raw).values())


@given(
    NUMBERS,
    st.integers(0, 10),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=2, max_size=12),
)
def test_wrong_bytes_in_one_section_leave_the_others_whole(
    number: int, which: int, flips: list[tuple[float, int]]
) -> None:
    raw = sample(number)
    arrays = _arrays(raw)
    damaged, begin, end = arrays[which % len(arrays)]
    wreck = bytearray(raw)
    for part_of, byte in flips:
        wreck[begin + int((end - 1 - begin) * part_of)] = byte
    result = salvaged(bytes(wreck))
    assert result is not None
    kept = sections_of(result.raw)
    for section_id, section in sections_of(raw).items():
        assert section_id == damaged or kept[section_id] == section


@given(NUMBERS, st.lists(st.tuples(st.floats(0, 1), st.integers(1, 3000)), min_size=1, max_size=8))
def test_wiped_stretches_never_make_a_row_that_was_not_there(
    number: int, stretches: list[tuple[float, int]]
) -> None:
    raw = sample(number)
    wreck = bytearray(raw)
    for part_of, length in stretches:
        at = int((len(raw) - 1) * part_of)
        wreck[at : at + length] = b"\x00" * len(wreck[at : at + length])
    result = salvaged(bytes(wreck))
    original = sections_of(raw)
    for section_id, section in sections_of(result.raw).items() if result else ():
        assert section.version == original[section_id].version
        assert_rows_are_of(original[section_id].payload, section.payload)


@given(worlds(), st.data())
def test_no_damage_to_any_world_makes_it_crash(world: World, data: st.DataObject) -> None:
    wreck = bytearray(world.raw)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(wreck)))
        length = data.draw(st.sampled_from([0, 1, 5, 40, 400]))
        wreck[at : at + length] = data.draw(st.binary(max_size=6))
    salvaged(bytes(wreck))


@given(st.binary(max_size=200))
def test_no_bytes_make_it_crash(noise: bytes) -> None:
    assert salvaged(noise) is None
    salvaged(b'{"version":1,"checksum":0,"sections":[{"id":"x","version":1,"bytes":[' + noise)


# --- case by case ----------------------------------------------------------------------------

WORLD = World(
    (
        part(
            "sessions", [session(SESSIONS[0], "a"), session(SESSIONS[1], "b"), session(SESSIONS[2])]
        ),
        part(
            "contexts",
            contexts_tree(
                contexts={c: {"id": c, "name": None, "attributes": {}} for c in CONTEXTS},
                session_by_context=dict.fromkeys(CONTEXTS, SESSIONS[0]),
                mru_contexts=list(CONTEXTS),
            ),
        ),
        part("clients", clients_tree(connected_clients=list(CLIENTS))),
        part("panes", {"sessions": [runtime(i, pane(PANES[0], 5)) for i in SESSIONS]}, 2),
        Part("plugin.x/state", 9, b"\xffanything"),
    )
)


def spoiled(name: str, old: bytes, new: bytes) -> World:
    """Give the world with the bytes of one payload changed."""
    changed = next(p for p in WORLD.parts if p.id == part(name, None).id)
    assert old in changed.bytes
    payload = changed.bytes.replace(old, new, 1)
    return World(tuple(Part(p.id, p.version, payload) if p is changed else p for p in WORLD.parts))


def kept_tree(result: Salvage, name: str) -> Any:
    reading = read_snapshot(result.raw, "new").reading(name)
    assert reading is not None
    return reading.tree


def test_a_payload_that_does_not_decode_keeps_its_complete_rows() -> None:
    result = salvage(spoiled("sessions", b'"name":"b"', b'"name":7').raw, "x")
    assert [row["id"] for row in kept_tree(result, "sessions")] == [SESSIONS[0], SESSIONS[2]]
    (lost,) = result.lost
    assert lost.section_id == "bmux.sessions/session-manager"
    assert lost.reason == "it does not decode: all but 2 complete rows"
    assert result.proof is Proof.CHECKSUM
    assert [kept.whole for kept in result.kept] == [False, True, True, True, True]


def test_rows_behind_broken_structure_are_found_again() -> None:
    broken = spoiled("panes", b'"floating_surfaces":[]}', b'"floating_surfaces":[}')
    rows = kept_tree(salvage(broken.raw, "x"), "panes")["sessions"]
    assert [row["session_id"] for row in rows] == list(SESSIONS[1:])


def test_a_row_that_lost_its_end_takes_no_other_with_it() -> None:
    broken = spoiled("sessions", b'"name":"b","clients":[]}', b'"name":"b","cli')
    rows = kept_tree(salvage(broken.raw, "x"), "sessions")
    assert rows == [session(SESSIONS[0], "a"), session(SESSIONS[2])]


def test_entries_of_one_map_are_never_taken_for_those_of_another() -> None:
    # Two maps go from id to id: once the boundary is gone, nothing tells them apart.
    boundary = b'},"selected_by_client":{"'
    world = World(
        (
            part(
                "contexts",
                contexts_tree(
                    session_by_context=dict.fromkeys(CONTEXTS[:2], SESSIONS[0]),
                    selected_by_client=dict.fromkeys(CLIENTS, CONTEXTS[0]),
                    mru_contexts=list(CONTEXTS),
                ),
            ),
        )
    )
    (whole,) = world.parts
    for new in (b"\x00\x00", b'","', b'\xff"', b'}"'):
        broken = Part(whole.id, 1, whole.bytes.replace(boundary, new))
        tree = kept_tree(salvage(World((broken,)).raw, "x"), "contexts")
        assert tree["session_by_context"] == dict.fromkeys(CONTEXTS[:2], SESSIONS[0])
        assert tree["selected_by_client"] == {}
        assert tree["mru_contexts"] == list(CONTEXTS)


def test_a_repeated_key_makes_a_row_incomplete() -> None:
    broken = spoiled("sessions", b'"name":"b"', b'"name":"b","name":"c"')
    rows = kept_tree(salvage(broken.raw, "x"), "sessions")
    assert [row["name"] for row in rows] == ["a", None]


def test_text_that_looks_like_a_row_is_no_row() -> None:
    inner = orjson.dumps(session(SESSIONS[2], "inside")).decode()
    world = World((part("sessions", [session(SESSIONS[0], inner), session(SESSIONS[1], "b")]),))
    payload = world.parts[0].bytes.replace(b'"id":', b'"?d":', 1)
    result = salvage(World((Part(world.parts[0].id, 1, payload),)).raw, "x")
    assert kept_tree(result, "sessions") == [session(SESSIONS[1], "b")]


def test_a_wrong_checksum_alone_loses_nothing_but_the_proof() -> None:
    raw = re.sub(rb'"checksum": \d+', b'"checksum": 7', WORLD.raw)
    result = salvage(raw, "x")
    assert result.raw == WORLD.raw
    assert (result.lost, result.proof) == ((), Proof.NONE)


def test_unknown_members_stay_where_the_envelope_can_be_read() -> None:
    first = Part(WORLD.parts[0].id, 1, b"[}", {"x-note": 1})
    world = World((first, *WORLD.parts[1:]), {"x-shell": [2]})
    result = salvage(world.raw, "x")
    assert orjson.loads(result.raw)["x-shell"] == [2]
    assert "bmux.sessions/session-manager" not in sections_of(result.raw)


def test_of_two_sections_of_an_id_the_first_complete_one_is_kept() -> None:
    sessions = WORLD.parts[0]
    other = part("sessions", [session(SESSIONS[2], "second")])
    torn = Part(sessions.id, 1, sessions.bytes[:-30])
    for parts, expected in (
        ((sessions, other), sessions.bytes),
        ((torn, other), other.bytes),
        ((torn, other, sessions), other.bytes),
    ):
        result = salvage(World(parts).raw, "x")
        assert [bytes(s.payload) for s in sections_of(result.raw).values()] == [expected]
        assert len(result.lost) == len(parts) - 1
        assert "another section of its id is kept" in [lost.reason for lost in result.lost]


def test_a_cut_section_of_unknown_form_is_lost_and_named() -> None:
    raw = World((*WORLD.parts[:1], WORLD.parts[4]), compact=True).raw
    result = salvage(raw[: raw.rindex(b",")], "x")
    assert [kept.section_id for kept in result.kept] == ["bmux.sessions/session-manager"]
    lost = result.lost[0]
    assert (lost.section_id, lost.version) == ("plugin.x/state", 9)
    assert lost.reason == "bytes of it are missing, and its form is not known"
    assert lost.place is not None
    assert raw[slice(*lost.place)].startswith(b'{"id":"plugin.x/state"')


def test_a_version_that_is_not_known_is_lost_and_named() -> None:
    result = salvage(World((WORLD.parts[0], part("panes", {"sessions": []}, 4))).raw, "x")
    (lost,) = result.lost
    assert (lost.section_id, lost.version) == ("bmux.pane_runtime/pane-runtime", 4)


def test_a_section_without_a_head_is_told_by_its_place() -> None:
    raw = WORLD.raw.replace(b'"id": "bmux.contexts', b'"\x00\x00": "bmux.contexts')
    result = salvage(raw, "x")
    (lost,) = result.lost
    assert (lost.section_id, lost.reason) == (None, "what stands here can't be read")
    assert lost.place is not None
    assert b"bmux.contexts" in raw[slice(*lost.place)]
    assert len(result.kept) == 4


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[]", b"torn", b'{"version":1', b"\x00" * 100], ids=repr
)
def test_where_nothing_can_be_kept_it_says_so(raw: bytes) -> None:
    with pytest.raises(
        NotASnapshotError, match=r"^x\.json: .*nothing that could be kept"
    ) as caught:
        salvage(raw, "x.json")
    assert caught.value.exit_code == 3


def test_every_section_lost_is_nothing_kept() -> None:
    with pytest.raises(NotASnapshotError, match="nothing that could be kept"):
        salvage(World((part("sessions", b"["),)).raw, "x")


def test_a_megabyte_takes_less_than_a_second() -> None:
    rows = [runtime(SESSIONS[0], *[pane(PANES[0], 5) for _ in range(4)]) for _ in range(330)]
    raw = World((part("panes", {"sessions": rows}),)).raw[:-400]
    wreck = bytearray(raw)
    wreck[:: len(raw) // 97] = b"\x00" * len(wreck[:: len(raw) // 97])
    assert len(raw) > 1_000_000
    before = time.process_time()
    salvage(bytes(wreck), "x")
    assert time.process_time() - before < len(raw) / 1_000_000
