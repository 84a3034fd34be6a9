"""Nothing that was written is lost on the way through: served worlds, and hostile ones."""

from __future__ import annotations

import orjson
from hypothesis import given

from bmux_forensics.snapshot.envelope import encode_envelope
from tests.snapshot.test_samples import dumped
from tests.worlds import World, hostile_worlds, served_worlds


@given(served_worlds())
def test_served_world_survives_a_round_trip(world: World) -> None:
    snapshot = world.snapshot()
    assert snapshot.problems == ()
    assert encode_envelope(snapshot.require_envelope()) == world.raw
    for part, reading in zip(world.parts, snapshot.readings, strict=True):
        assert orjson.dumps(reading.tree) == part.bytes
        assert dumped(reading.model()) == part.payload


@given(served_worlds())
def test_served_world_is_encoded_as_a_server_writes_it_but_for_sorted_panes(world: World) -> None:
    for part, reading in zip(world.parts, world.snapshot().readings, strict=True):
        sort = orjson.OPT_SORT_KEYS if part.id.endswith("/pane-runtime") else 0
        assert reading.encode(reading.tree) == orjson.dumps(part.payload, option=sort)


@given(hostile_worlds())
def test_hostile_world_keeps_what_bmux_does_not_know(world: World) -> None:
    snapshot = world.snapshot()
    written = orjson.loads(encode_envelope(snapshot.require_envelope()))
    assert written == orjson.loads(world.raw)
    assert [bytes(s["bytes"]) for s in written["sections"]] == [p.bytes for p in world.parts]
    assert snapshot.checksum_problem is None


@given(hostile_worlds())
def test_hostile_known_sections_decode_and_keep_unknown_members(world: World) -> None:
    for part, reading in zip(world.parts, world.snapshot().readings, strict=True):
        if reading.spec is not None:
            assert orjson.dumps(reading.require()) == part.bytes
        if reading.spec is not None and not reading.spec.any_shape:
            assert dumped(reading.model()) == part.payload
