"""What a selector means: a UUID, else an exact name, else the start of an id."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmux_forensics.analysis.selectors import matches, resolve
from bmux_forensics.errors import NoSuchSessionError, SelectorError
from bmux_forensics.snapshot.identifiers import canonical_id
from bmux_forensics.tables.build import Tables
from tests.analysis.reference_kill import meaning
from tests.worlds import SESSIONS, World, hostile_worlds, part, session, spellings

OPS = "ab12cd34-0000-4000-8000-00000000000a"
DEV = "ab12ef56-0000-4000-8000-00000000000b"
OTHER = "77777777-0000-4000-8000-00000000000c"
ROWS = [
    session(OPS, "ops"),
    session(DEV, "dev"),
    session(OTHER, None),
    session("99999999-0000-4000-8000-00000000000d", "twin"),
    session("88888888-0000-4000-8000-00000000000e", "twin"),
]


def resolved(*selectors: str, rows: list[dict[str, object]] = ROWS) -> list[str]:
    tables = Tables([World((part("sessions", rows),)).snapshot()])
    return resolve(tables["sessions"], selectors, "world")


@pytest.mark.parametrize("selector", spellings(OPS))
def test_every_spelling_of_a_uuid_means_that_id(selector: str) -> None:
    assert resolved(selector) == [OPS]


@pytest.mark.parametrize(
    "selector",
    [
        f"URN:UUID:{OPS}",
        f"Urn:Uuid:{OPS}",
        f"urn:{OPS}",
        f" {OPS}",
        f"{OPS} ",
        f"{OPS}\n",
        f"{{{OPS.replace('-', '')}}}",
        f"urn:uuid:{OPS.replace('-', '')}",
        f"{{{OPS}",
        f"{OPS}}}",
        f"{{urn:uuid:{OPS}}}",
        OPS.replace("-", "", 1),
        OPS.replace("-", "_"),
        OPS[:-1] + "g",
        f"0x{OPS.replace('-', '')}",
    ],
)
def test_no_other_spelling_is_a_uuid(selector: str) -> None:
    assert canonical_id(selector) is None
    with pytest.raises(NoSuchSessionError):
        resolved(selector)


def test_a_uuid_means_the_id_and_nothing_else() -> None:
    rows = [session(DEV, OPS), session(OTHER, OPS.replace("-", ""))]
    with pytest.raises(NoSuchSessionError):
        resolved(OPS, rows=rows)
    with pytest.raises(NoSuchSessionError):
        resolved(OPS.replace("-", ""), rows=rows)


def test_an_exact_name_comes_before_the_start_of_an_id() -> None:
    assert resolved("ab12", rows=[session(OPS, "ops"), session(OTHER, "ab12")]) == [OTHER]


@pytest.mark.parametrize("selector", ["OPS", "Ops", "op", "ops ", " ops", "op.", "o*"])
def test_a_name_is_exact(selector: str) -> None:
    with pytest.raises(NoSuchSessionError):
        resolved(selector)


@pytest.mark.parametrize(
    ("selector", "expected"),
    [("ab12c", OPS), ("AB12E", DEV), (OPS[:-1], OPS), (OPS[:-1].upper(), OPS), ("7", OTHER)],
)
def test_the_start_of_an_id_in_any_letter_case(selector: str, expected: str) -> None:
    assert resolved(selector) == [expected]


@pytest.mark.parametrize("selector", ["ab12cd340", "b12c", "0000", "{ab12", "urn:uuid:ab12"])
def test_the_start_of_an_id_is_of_its_hyphenated_form(selector: str) -> None:
    with pytest.raises(NoSuchSessionError):
        resolved(selector)


@pytest.mark.parametrize("name", ["-dash", "--all", "naïve ☃ 名", "a\nb", "\x1b[31m", "*", "%s"])
def test_any_text_can_be_a_name(name: str) -> None:
    assert resolved(name, rows=[session(OPS, name), session(DEV, "dev")]) == [OPS]


@pytest.mark.parametrize("selector", ["twin", "ab12", "AB"])
def test_an_ambiguous_selector_is_refused_with_its_candidates(selector: str) -> None:
    with pytest.raises(SelectorError, match="found 2 sessions for the selector") as caught:
        resolved(selector)
    assert caught.value.exit_code == 2
    assert len(caught.value.candidates) == 2
    assert all(i in str(caught.value) for i, _ in caught.value.candidates)


def test_names_of_two_rows_of_one_session_are_not_ambiguous() -> None:
    rows = [session(OPS, "ops"), session(DEV, "dev"), session(OPS.upper(), "ops")]
    assert resolved("ops", rows=rows) == [OPS]
    assert resolved("ab12c", rows=rows) == [OPS]


def test_only_the_step_that_matches_first_can_be_ambiguous() -> None:
    rows = [session(OPS, "x"), session(DEV, "y"), session(OTHER, "ab12")]
    assert resolved("ab12", rows=rows) == [OTHER]


def test_an_empty_selector_is_refused_and_names_the_sessions() -> None:
    with pytest.raises(SelectorError, match="an empty selector") as caught:
        resolved("")
    assert [i for i, _ in caught.value.candidates] == [row["id"] for row in ROWS]
    with pytest.raises(SelectorError, match="there is no session"):
        resolved("", rows=[])


def test_a_miss_names_every_selector_that_misses() -> None:
    with pytest.raises(NoSuchSessionError, match="session not found: nope, nor this") as caught:
        resolved("nope", "ops", "nor this")
    assert caught.value.exit_code == 1
    assert caught.value.selectors == ("nope", "nor this")


@pytest.mark.parametrize("refused", ["", "twin"])
def test_a_refusal_wins_over_misses_wherever_it_stands(refused: str) -> None:
    for selectors in (("nope", refused), (refused, "nope"), ("ops", "nope", refused)):
        with pytest.raises(SelectorError):
            resolved(*selectors)


def test_many_selectors_give_each_session_once_in_file_order() -> None:
    assert resolved("77", "dev", "ops", OPS, "ab12cd") == [OPS, DEV, OTHER]
    assert resolved() == []


def test_a_selector_that_is_no_unicode_text_names_nothing() -> None:
    with pytest.raises(NoSuchSessionError) as caught:
        resolved("ops\udcff")
    assert str(caught.value).isprintable()
    assert str(caught.value).encode()


def test_messages_spell_control_characters() -> None:
    rows = [session(OPS, "a\x1b[31m"), session(DEV, "a\x1b[31m")]
    with pytest.raises(SelectorError) as caught:
        resolved("a\x1b[31m", rows=rows)
    assert str(caught.value).isprintable()


@given(
    hostile_worlds(),
    st.sampled_from([s for i in SESSIONS for s in spellings(i)])
    | st.sampled_from(SESSIONS).flatmap(lambda i: st.integers(1, 35).map(lambda n: i[:n]))
    | st.sampled_from(["main", "dev", "", "naïve ☃"]),
)
def test_resolving_agrees_with_the_format_in_any_world(world: World, selector: str) -> None:
    rows = world.tree("sessions") or []
    ids = [(meaning(row["id"]) or "", row.get("name")) for row in rows]
    steps = [
        [i for i, _ in ids if i == meaning(selector)],
        [i for i, name in ids if name == selector],
        [i for i, _ in ids if i.startswith(selector.lower())],
    ]
    steps = steps[:1] if meaning(selector) else steps[1:]
    expected = list(dict.fromkeys(next((step for step in steps if step), [])))
    frame = Tables([world.snapshot()])["sessions"]
    if selector and len(expected) == 1:
        assert resolve(frame, [selector], "world") == expected
        return
    refused = not selector or len(expected) > 1
    with pytest.raises(SelectorError if refused else NoSuchSessionError):
        resolve(frame, [selector], "world")


@given(st.lists(hostile_worlds(), min_size=2, max_size=3), st.sampled_from(["main", SESSIONS[0]]))
def test_matches_in_many_snapshots_are_the_matches_in_each(
    drawn: list[World], selector: str
) -> None:
    snapshots = [world.snapshot(f"world {i}") for i, world in enumerate(drawn)]
    rows = matches(Tables(snapshots)["sessions"], selector)
    alone = [matches(Tables([s])["sessions"], selector) for s in snapshots]
    assert rows["session_id"].tolist() == [i for part in alone for i in part["session_id"]]
    assert rows["snapshot"].tolist() == [n for part in alone for n in part["snapshot"]]
