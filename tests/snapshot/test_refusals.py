"""What is refused: each with one clear line, the right class, and no secret in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmux_forensics.errors import (
    ChecksumMismatchError,
    EvidenceError,
    NotASnapshotError,
    NotRewritableError,
    SectionUndecodableError,
    UnknownVersionError,
    printable,
)
from bmux_forensics.snapshot.document import Snapshot, read_snapshot
from bmux_forensics.snapshot.json_text import depth
from bmux_forensics.snapshot.reading import Reading
from tests.analysis.kills import kill_selected
from tests.worlds import (
    CONTEXTS,
    NIL,
    PANES,
    SECRET,
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

GOOD = World((part("sessions", [session(SESSIONS[0], "ops")]),), compact=True).raw
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def with_bytes(text: str) -> bytes:
    """Give an envelope whose first payload is spelled by this JSON text."""
    return (
        b'{"version":1,"checksum":0,"sections":[{"id":"x","version":1,"bytes":'
        + text.encode()
        + b"}]}"
    )


def refusal_of(snapshot: Snapshot) -> EvidenceError:
    with pytest.raises(EvidenceError) as caught:
        snapshot.require_envelope()
    return caught.value


# --- the envelope ----------------------------------------------------------------------------

NOT_SNAPSHOTS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "found an empty file"),
    "white space": (b" \n\t", "found white space only"),
    "not JSON": (b"hello", "not JSON"),
    "cut": (GOOD[:-9], "not JSON"),
    "BOM": (b"\xef\xbb\xbf" + GOOD, "not JSON"),
    "UTF-16": (GOOD.decode().encode("utf-16"), "not JSON"),
    "invalid UTF-8": (GOOD.replace(b"bmux", b"bm\xffx"), "not JSON"),
    "lone surrogate": (GOOD.replace(b"bmux.", b"\\ud800"), "not JSON"),
    "trailing garbage": (GOOD + b"x", "not JSON"),
    "two values": (GOOD + GOOD, "not JSON"),
    "NUL behind": (GOOD + b"\x00", "not JSON"),
    "NaN": (GOOD.replace(b'"version":1,"checksum"', b'"version":NaN,"checksum"'), "not JSON"),
    "an array": (b"[]", "found an array"),
    "a number": (b"7", "found 7"),
    "null": (b"null", "found nothing"),
    "no version": (b'{"checksum":0,"sections":[]}', "at /version: expected the number 1"),
    "version true": (b'{"version":true,"checksum":0,"sections":[]}', "found true"),
    "version 1.0": (b'{"version":1.0,"checksum":0,"sections":[]}', "found 1.0"),
    "version text": (b'{"version":"1","checksum":0,"sections":[]}', 'found "1"'),
    "no checksum": (b'{"version":1,"sections":[]}', "found an object"),
    "checksum null": (b'{"version":1,"checksum":null,"sections":[]}', "at /checksum"),
    "checksum true": (b'{"version":1,"checksum":true,"sections":[]}', "at /checksum"),
    "checksum negative": (b'{"version":1,"checksum":-1,"sections":[]}', "at /checksum"),
    "checksum -0": (b'{"version":1,"checksum":-0,"sections":[]}', "at /checksum"),
    "checksum 2^64": (b'{"version":1,"checksum":18446744073709551616,"sections":[]}', "/checksum"),
    "no sections": (b'{"version":1,"checksum":0}', "at /sections"),
    "sections an object": (b'{"version":1,"checksum":0,"sections":{}}', "at /sections"),
    "section null": (b'{"version":1,"checksum":0,"sections":[null]}', "at /sections/0"),
    "section without id": (
        b'{"version":1,"checksum":0,"sections":[{"version":1,"bytes":[]}]}',
        "at /sections/0/id",
    ),
    "section id a number": (
        b'{"version":1,"checksum":0,"sections":[{"id":7,"version":1,"bytes":[]}]}',
        "at /sections/0/id",
    ),
    "section version over u32": (
        b'{"version":1,"checksum":0,"sections":[{"id":"x","version":4294967296,"bytes":[]}]}',
        "at /sections/0/version",
    ),
    "section version true": (
        b'{"version":1,"checksum":0,"sections":[{"id":"x","version":true,"bytes":[]}]}',
        "at /sections/0/version",
    ),
    "no bytes": (
        b'{"version":1,"checksum":0,"sections":[{"id":"x","version":1}]}',
        "at /sections/0/bytes",
    ),
    "bytes text": (with_bytes('"aGk="'), 'at /sections/0/bytes: .* found "aGk="'),
    "bytes null": (with_bytes("null"), "at /sections/0/bytes: .* found nothing"),
    "byte 256": (with_bytes("[1,256]"), "at /sections/0/bytes/1: .* found 256"),
    "byte -1": (with_bytes("[-1]"), "at /sections/0/bytes/0: .* found -1"),
    "byte -0": (with_bytes("[-0]"), "at /sections/0/bytes/0: .* found -0.0"),
    "byte true": (with_bytes("[true]"), "at /sections/0/bytes/0: .* found true"),
    "byte null": (with_bytes("[1,2,null]"), "at /sections/0/bytes/2: .* found nothing"),
    "byte text": (with_bytes('["1"]'), 'at /sections/0/bytes/0: .* found "1"'),
    "byte 1.0": (with_bytes("[1.0]"), "at /sections/0/bytes/0: .* found 1.0"),
    "byte 1e0": (with_bytes("[1e0]"), "at /sections/0/bytes/0: .* found 1.0"),
    "byte an array": (with_bytes("[[1]]"), "at /sections/0/bytes/0: .* found an array"),
    "byte over 64 bits": (with_bytes("[18446744073709551616]"), "at /sections/0/bytes/0"),
    "version twice": (GOOD.replace(b"{", b'{"version":1,', 1), 'the key "version" twice'),
    "checksum twice": (GOOD.replace(b"{", b'{"checksum":0,', 1), 'the key "checksum" twice'),
    "sections twice": (GOOD.replace(b"{", b'{"sections":[],', 1), 'the key "sections" twice'),
    "section id twice": (GOOD.replace(b'"id"', b'"id":"y","id"'), 'the key "id" twice'),
    "section version twice": (GOOD.replace(b'"id"', b'"version":1,"id"'), 'key "version" twice'),
    "section bytes twice": (GOOD.replace(b'"id"', b'"bytes":[],"id"'), 'the key "bytes" twice'),
    "100,000 levels": (b"[" * 100_000 + b"]" * 100_000, "not JSON"),
    "100,000 levels inside": (
        GOOD.replace(b"{", b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b",", 1),
        "not JSON",
    ),
}


@pytest.mark.parametrize("case", NOT_SNAPSHOTS)
def test_what_is_no_envelope_is_refused(case: str) -> None:
    raw, found = NOT_SNAPSHOTS[case]
    snapshot = read_snapshot(raw, "snap.json")
    error = refusal_of(snapshot)
    assert type(error) is NotASnapshotError
    assert (error.kind, error.exit_code) == ("not-a-snapshot", 3)
    assert re.search(found, str(error)), str(error)
    assert str(error).startswith("snap.json")
    assert str(error).isprintable()
    assert snapshot.problems == (error,)
    assert snapshot.readings == ()


@pytest.mark.parametrize("version", [0, 2, 2**32, -1])
def test_another_envelope_version_is_refused(version: int) -> None:
    raw = GOOD.replace(b'{"version":1', f'{{"version":{version}'.encode(), 1)
    error = refusal_of(read_snapshot(raw, "snap.json"))
    assert type(error) is UnknownVersionError
    assert f"found version {version}" in str(error)


def test_wrong_checksum_is_refused_and_the_sections_can_still_be_read() -> None:
    raw = re.sub(rb'"checksum":\d+', b'"checksum":7', GOOD)
    snapshot = read_snapshot(raw, "snap.json")
    error = refusal_of(snapshot)
    assert type(error) is ChecksumMismatchError
    assert "found 7 in the file" in str(error)
    reading = snapshot.reading("sessions")
    assert reading is not None
    assert reading.tree == [session(SESSIONS[0], "ops")]


@pytest.mark.parametrize("behind", [b"", b" ", b"\n", b"\r\n\t " * 100], ids=repr)
def test_white_space_behind_and_between_is_fine(behind: bytes) -> None:
    spaced = behind + GOOD.replace(b",", b"," + behind) + behind
    assert read_snapshot(spaced, "snap.json").problems == ()


def test_unknown_members_are_fine_in_any_number_and_the_last_one_wins() -> None:
    raw = GOOD.replace(b"{", b'{"new":1,"new":2,', 1)
    envelope = read_snapshot(raw, "snap.json").require_envelope()
    assert envelope.extra == {"new": 2}


def test_escaped_keys_are_keys() -> None:
    raw = GOOD.replace(b'"version"', b'"v\\u0065rsion"')
    assert read_snapshot(raw, "snap.json").problems == ()
    twice = GOOD.replace(b"{", b'{"v\\u0065rsion":1,', 1)
    assert "twice" in str(refusal_of(read_snapshot(twice, "snap.json")))


def test_an_unknown_member_that_would_not_survive_is_refused() -> None:
    raw = GOOD.replace(b"{", b'{"new":18446744073709551616,', 1)
    error = refusal_of(read_snapshot(raw, "snap.json"))
    assert type(error) is NotRewritableError
    assert "18446744073709551616" in str(error)


REPEATED = {
    "among the envelope's": GOOD.replace(b"{", b'{"new":1,"new":2,', 1),
    "inside one of them": GOOD.replace(b"{", b'{"new":[{"a":1,"a":2}],', 1),
    "inside a section's": GOOD.replace(b'{"id"', b'{"new":{"a":1,"b":{"a":1,"a":2}},"id"', 1),
}


@pytest.mark.parametrize("case", REPEATED)
def test_a_key_twice_in_what_bmux_does_not_know_is_read_but_not_written(case: str) -> None:
    snapshot = read_snapshot(REPEATED[case], "snap.json")
    assert snapshot.problems == ()
    with pytest.raises(NotRewritableError, match=r'^snap\.json: .* key "(new|a)" twice') as told:
        kill_selected(snapshot, ["ops"])
    assert told.value.exit_code == 3


# --- payloads --------------------------------------------------------------------------------


def reading_of(name: str, payload: Any, version: int = 1) -> Reading:
    (reading,) = World((part(name, payload, version),)).snapshot("snap.json").readings
    return reading


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


SESSION = orjson.dumps(session(SESSIONS[0])).decode()
UNDECODABLE: dict[str, tuple[str, bytes, str]] = {
    "no bytes": ("sessions", b"", "found no bytes"),
    "not JSON": ("sessions", b"[", "not JSON"),
    "BOM": ("sessions", b"\xef\xbb\xbf[]", "not JSON"),
    "trailing garbage": ("sessions", b"[]]", "not JSON"),
    "invalid UTF-8": ("sessions", b'["\xff"]', "not JSON"),
    "lone surrogate": ("sessions", b'[{"id":"\\udc00"}]', "not JSON"),
    "a number that is infinite": ("panes", b'{"sessions":[],"x":1e400}', "not JSON"),
    "5,000 digits": ("panes", b'{"sessions":[],"x":' + b"9" * 5000 + b"}", "not JSON"),
    "128 levels": ("panes", nested(128), "128 levels deep"),
    "100,000 levels": ("panes", nested(100_000), "100000 levels deep"),
    "an object": ("sessions", b"{}", "found an object"),
    "null": ("contexts", b"null", "found null"),
    "session without clients": ("sessions", f'[{{"id":"{NIL}"}}]'.encode(), "/0/clients"),
    "session id odd": ("sessions", b'[{"id":"x","clients":[]}]', 'found "x" at /0/id'),
    "session name a number": (
        "sessions",
        f'[{{"id":"{NIL}","name":7,"clients":[]}}]'.encode(),
        "found 7 at /0/name",
    ),
    "session key twice": (
        "sessions",
        f'[{{"id":"{NIL}","name":null,"name":"x","clients":[]}}]'.encode(),
        'found the key "name" twice',
    ),
    "contexts key twice": (
        "contexts",
        orjson.dumps(contexts_tree()).replace(b"{", b'{"mru_contexts":[],', 1),
        'found the key "mru_contexts" twice',
    ),
    "context key twice": (
        "contexts",
        orjson.dumps(
            contexts_tree(contexts={CONTEXTS[0]: {"id": CONTEXTS[0], "attributes": {}}})
        ).replace(b'"attributes"', b'"id":"","attributes"'),
        'found the key "id" twice',
    ),
    "clients key twice": (
        "clients",
        orjson.dumps(clients_tree()).replace(b"{", b'{"follows":{},', 1),
        'found the key "follows" twice',
    ),
    "follow key twice": (
        "clients",
        orjson.dumps(
            clients_tree(follows={NIL: {"leader_client_id": NIL, "global": True}})
        ).replace(b'"global"', b'"global":false,"global"'),
        'found the key "global" twice',
    ),
    "clients allowed null": (
        "clients",
        orjson.dumps(clients_tree(attach_detach_allowed={NIL: None})),
        "/attach_detach_allowed",
    ),
    "clients connected absent": ("clients", b"{}", "/connected_clients"),
}


@pytest.mark.parametrize("case", UNDECODABLE)
def test_a_payload_that_bmux_does_not_take_is_refused(case: str) -> None:
    name, payload, found = UNDECODABLE[case]
    reading = reading_of(name, payload)
    with pytest.raises(SectionUndecodableError) as caught:
        reading.require()
    assert (caught.value.kind, caught.value.exit_code) == ("section-undecodable", 3)
    assert found in str(caught.value)
    assert str(caught.value).startswith(f"snap.json, section {reading.section.id}: ")
    assert str(caught.value).isprintable()
    assert not reading.has_rows
    assert reading.problem is not None


@pytest.mark.parametrize(("name", "version"), [("sessions", 2), ("panes", 4), ("tabs", 0)])
def test_a_section_of_an_unknown_version_is_refused(name: str, version: int) -> None:
    reading = reading_of(name, [], version)
    with pytest.raises(UnknownVersionError, match=f"found version {version}"):
        reading.require()
    assert not reading.has_rows


def test_nesting_of_127_levels_is_taken() -> None:
    assert reading_of("panes", nested(127)).require() is not None


@given(st.text(alphabet='[]{}"\\ax,', max_size=30))
def test_depth_of_text_in_strings_is_none(text: str) -> None:
    encoded = orjson.dumps([text, {text: [text]}, text])
    assert depth(encoded) == 3


LAST_WINS: dict[str, tuple[str, bytes, Callable[[Any], bool]]] = {
    "binding": (
        "contexts",
        orjson.dumps(contexts_tree(session_by_context={CONTEXTS[0]: SESSIONS[1]})).replace(
            b'"session_by_context":{',
            f'"session_by_context":{{"{CONTEXTS[0]}":"{SESSIONS[0]}",'.encode(),
        ),
        lambda tree: tree["session_by_context"] == {CONTEXTS[0]: SESSIONS[1]},
    ),
    "pane member": (
        "panes",
        orjson.dumps({"sessions": [runtime(SESSIONS[0], pane(PANES[0], 5))]}).replace(
            b'"process_group_id":5', b'"process_group_id":4,"process_group_id":5'
        ),
        lambda tree: tree["sessions"][0]["panes"][0]["process_group_id"] == 5,
    ),
    "pane section member": (
        "panes",
        b'{"sessions":7,"sessions":[]}',
        lambda tree: tree == {"sessions": []},
    ),
    "scope of tabs in version 1": (
        "tabs",
        f'{{"{NIL}":["{CONTEXTS[0]}"],"{NIL}":[]}}'.encode(),
        lambda tree: tree == {NIL: []},
    ),
}


@pytest.mark.parametrize("case", LAST_WINS)
def test_the_last_of_a_repeated_key_wins_in_maps_and_in_panes(case: str) -> None:
    name, payload, holds = LAST_WINS[case]
    assert holds(reading_of(name, payload).require())


def test_a_repeated_scope_is_no_problem_and_a_repeated_member_of_newer_tabs_is() -> None:
    orders = f'{{"{NIL}":[],"{NIL}":[]}}'
    assert reading_of("tabs", orders.encode()).problem is None
    newer = f'{{"orders":{orders},"pending":{{}}}}'
    assert reading_of("tabs", newer.encode(), 2).problem is None
    twice = newer.replace("{", '{"pending":{},', 1)
    assert "twice" in str(reading_of("tabs", twice.encode(), 2).problem)


# --- integers that would not survive ---------------------------------------------------------

TOO_BIG = b'{"sessions":[{"session_id":"%s","panes":[],"x":%s}]}'


@pytest.mark.parametrize("number", [b"18446744073709551616", b"-9223372036854775809", b"9" * 300])
def test_an_integer_over_64_bits_where_we_must_write_is_refused(number: bytes) -> None:
    panes = part("panes", TOO_BIG % (SESSIONS[1].encode(), number))
    world = World((part("sessions", [session(SESSIONS[0], "ops"), session(SESSIONS[1])]), panes))
    with pytest.raises(NotRewritableError, match="integers of at most 64 bits"):
        kill_selected(world.snapshot(), ["ops"])


@pytest.mark.parametrize("number", [b"18446744073709551615", b"-9223372036854775808"])
def test_integers_of_64_bits_survive(number: bytes) -> None:
    panes = part("panes", TOO_BIG % (SESSIONS[1].encode(), number))
    world = World((part("sessions", [session(SESSIONS[0], "ops"), session(SESSIONS[1])]), panes))
    raw = kill_selected(world.snapshot(), ["ops"]).raw
    assert raw is not None
    reading = read_snapshot(raw, "after").reading("panes")
    assert reading is not None
    assert b'"x":' + number in reading.section.payload


def test_an_integer_over_64_bits_in_a_section_that_stays_is_no_obstacle() -> None:
    stays = Part("plugin.x/state", 1, b"[18446744073709551616]")
    world = World((part("sessions", [session(SESSIONS[0], "ops")]), stays))
    raw = kill_selected(world.snapshot(), ["ops"]).raw
    assert raw is not None
    assert read_snapshot(raw, "after").readings[1].section.payload == stays.payload


# --- two keys that mean one id --------------------------------------------------------------

TWO_SPELLINGS = {
    "bindings": part(
        "contexts",
        contexts_tree(session_by_context={CONTEXTS[0].upper(): SESSIONS[0], CONTEXTS[0]: NIL}),
    ),
    "selections": part(
        "clients", clients_tree(selected_sessions={f"{{{NIL}}}": SESSIONS[0], NIL: None})
    ),
}


@pytest.mark.parametrize("case", TWO_SPELLINGS)
def test_two_spellings_of_one_key_are_read_but_not_written(case: str) -> None:
    world = World((part("sessions", [session(SESSIONS[0], "ops")]), TWO_SPELLINGS[case]))
    assert world.snapshot().problems == ()
    with pytest.raises(
        NotRewritableError, match=r"in two spellings at /se.*the file stays as it is"
    ):
        kill_selected(world.snapshot(), ["ops"])


# --- what messages may hold ------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", ["a\nb", "\x1b[31m", "\u202etxt", "\x9bm", "\u2028", "\x00"], ids=ascii
)
def test_no_message_holds_a_raw_control_character(value: str) -> None:
    broken = World(
        (
            part("sessions", [{"id": value, "clients": []}]),
            part("contexts", contexts_tree(mru_contexts=[value])),
            Part(value, 1, b""),
        )
    )
    for name in ("snap.json", f"snap{value}.json"):
        messages = [str(problem) for problem in broken.snapshot(name).problems]
        assert len(messages) == 2
        assert not any(map(CONTROL.search, messages))
    bad_id = orjson.dumps({"version": 1, "checksum": 0, "sections": [{"id": "x", value: 1}]})
    assert not CONTROL.search(str(refusal_of(read_snapshot(bad_id, "snap.json"))))


ENVIRONMENTS: dict[str, Any] = {
    "a number for a value": {"A": SECRET, "B": 7},
    "a secret in a list": [SECRET],
    "a secret alone": SECRET,
    "a secret in an object": {"A": {"B": SECRET}},
}


@pytest.mark.parametrize("case", ENVIRONMENTS)
@pytest.mark.parametrize("name", ["panes", "older_panes"])
def test_no_message_holds_an_environment_value(case: str, name: str) -> None:
    command = {"program": "vim", "args": [], "cwd": None, "env": ENVIRONMENTS[case]}
    rows = {"sessions": [runtime(SESSIONS[0], pane(PANES[0], launch_command=command))]}
    problem = reading_of(name, rows).problem
    assert problem is not None
    assert "/launch_command/env" in str(problem)
    assert SECRET not in str(problem) + repr(problem) + "".join(map(str, problem.args))


@given(worlds())
def test_no_message_of_any_world_holds_an_environment_value(world: World) -> None:
    for problem in world.snapshot().problems:
        assert SECRET not in str(problem)
        assert str(problem).isprintable()


@given(st.text(max_size=20))
def test_printable_is_printable_and_leaves_plain_text_alone(text: str) -> None:
    assert printable(text).isprintable()
    if text.isprintable():
        assert printable(text) == text


@given(st.binary(max_size=60), st.integers(0, len(GOOD)), st.integers(0, 60))
def test_no_bytes_make_reading_crash(noise: bytes, at: int, cut: int) -> None:
    raw = GOOD[:at] + noise + GOOD[at + cut :]
    snapshot = read_snapshot(raw, "snap.json")
    for problem in snapshot.problems:
        assert isinstance(problem, EvidenceError)
        assert str(problem).isprintable()
