"""The session map shows what is there, what leads to it, and what leads to nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

import bmux_forensics as bf
from benchmarks.worlds import make_snapshot
from bmux_forensics.errors import UsageError
from bmux_forensics.notebook.evidence import Evidence
from bmux_forensics.notebook.pictures.session_map import LINES, SessionMap, session_map
from tests.pictures.looking import HOSTILE, inside, marks, overflowing, words
from tests.worlds import (
    CLIENTS,
    CONTEXTS,
    PANES,
    SESSIONS,
    World,
    clients_tree,
    contexts_tree,
    hostile_worlds,
    pane,
    part,
    runtime,
    session,
)


def tables_of(world: World) -> bf.Tables:
    return bf.Tables([world.snapshot()])


def map_of(world: World) -> SessionMap:
    return session_map(Evidence.of(tables_of(world)))


def world() -> World:
    """Give a sound session, one without panes, one that only a binding speaks of; loose ends."""
    context = {"id": CONTEXTS[0], "name": "first", "attributes": {}}
    alone = {"id": CONTEXTS[3], "name": "alone", "attributes": {}}
    contexts = contexts_tree(
        contexts={CONTEXTS[0]: context, CONTEXTS[3]: alone},
        session_by_context={CONTEXTS[0]: SESSIONS[0], CONTEXTS[1]: SESSIONS[2]},
        mru_contexts=[CONTEXTS[0], CONTEXTS[2]],
    )
    clients = clients_tree(
        connected_clients=[CLIENTS[0]],
        selected_sessions={CLIENTS[0]: SESSIONS[0], CLIENTS[1]: SESSIONS[1]},
    )
    layout = {"kind": "leaf", "pane_id": PANES[0]}
    row = runtime(SESSIONS[0], pane(PANES[0], active_command="vim"), layout_root=layout)
    return World(
        (
            part("sessions", [session(SESSIONS[0], "sound"), session(SESSIONS[1], "empty")]),
            part("contexts", contexts),
            part("clients", clients),
            part("panes", {"sessions": [row]}, 3),
        )
    )


def test_every_session_stands_there_once_the_most_troubled_first() -> None:
    shown = map_of(world())
    assert [(line.session_id, line.state) for line in shown.lines] == [
        (SESSIONS[2], "lost"),
        (SESSIONS[1], "hollow"),
        (SESSIONS[0], "bound"),
    ]
    assert shown.counts == {"lost": 1, "hollow": 1, "bound": 1}


def test_what_hangs_on_a_session_stands_beside_it() -> None:
    lines = {line.session_id: line for line in map_of(world()).lines}
    sound = lines[SESSIONS[0]]
    assert [(t.id, t.state, t.label) for t in sound.contexts] == [(CONTEXTS[0], "bound", "first")]
    assert [(t.id, t.state, t.label) for t in sound.panes] == [(PANES[0], "tiled", "vim")]
    assert [(t.id, t.state) for t in sound.clients] == [(CLIENTS[0], "selects")]
    assert [(t.id, t.state) for t in lines[SESSIONS[1]].clients] == [(CLIENTS[1], "unknown")]
    assert [(t.id, t.state) for t in lines[SESSIONS[2]].contexts] == [(CONTEXTS[1], "missing")]
    assert "binding-without-session" in lines[SESSIONS[2]].findings


def test_what_leads_to_nothing_stands_below() -> None:
    loose = {thing.id: thing for thing in map_of(world()).loose}
    assert loose[CONTEXTS[3]].state == "unbound"
    assert loose[CONTEXTS[2]].state == "missing"
    assert loose[CONTEXTS[2]].label == "mru_contexts"


def test_an_error_makes_a_session_broken_and_names_the_rule() -> None:
    row = runtime(SESSIONS[0], pane(PANES[0]), focused_pane_id=PANES[1])
    broken = world().replacing({"panes": {"sessions": [row]}})
    line = next(line for line in map_of(broken).lines if line.session_id == SESSIONS[0])
    assert line.state == "broken"
    assert "focused-pane-missing" in line.findings


def test_a_session_whose_context_is_missing_is_not_called_sound() -> None:
    contexts = contexts_tree(session_by_context={CONTEXTS[1]: SESSIONS[0]})
    row = runtime(SESSIONS[0], pane(PANES[0]), layout_root={"kind": "leaf", "pane_id": PANES[0]})
    parts = (
        part("sessions", [session(SESSIONS[0], "sound")]),
        part("contexts", contexts),
        part("panes", {"sessions": [row]}, 3),
    )
    (line,) = map_of(World(parts)).lines
    assert (line.state, line.findings) == ("dangling", ("binding-without-context",))
    assert [thing.state for thing in line.contexts] == ["missing"]


def test_every_thing_is_marked() -> None:
    picture = bf.draw_session_map(tables_of(world()))
    assert marks(picture) == {
        "session that only others speak of": 1,
        "session without panes": 1,
        "sound session": 1,
        "context": 1,
        "context that leads to no session": 1,
        "context that is not there": 2,
        "pane": 1,
        "client that selects it": 1,
        "client that no list has": 1,
    }
    assert {"sound", "empty", "first", "vim"} <= set(words(picture))
    assert picture.alt == "3 sessions: 1 lost, 1 without panes, 1 sound"


@pytest.mark.parametrize("count", [1, 10, 500])
def test_of_many_sessions_none_is_left_without_a_mark(count: int) -> None:
    tables = bf.Tables([bf.read_snapshot(make_snapshot(count), "world")])
    shown = session_map(Evidence.of(tables))
    assert len(shown.lines) == min(count, LINES)
    assert len(shown.lines) + len(shown.rest) == count
    picture = bf.draw_session_map(tables)
    assert marks(picture)["sound session"] == count
    assert inside(picture)
    assert overflowing(picture) == []
    assert picture.get_size_inches()[1] < 14


def test_troubled_sessions_are_told_in_full_however_many_sound_ones_there_are() -> None:
    many = [session(SESSIONS[0], "hollow")]
    tables = bf.Tables([bf.read_snapshot(make_snapshot(60), "world")])
    sound = tables["sessions"]["session_id"].tolist()
    rows = [runtime(i, pane(i)) for i in sound]
    some = [session(i, f"s-{n}") for n, i in enumerate(sound)] + many
    shown = map_of(
        World(
            (
                part("sessions", some),
                part("contexts", contexts_tree()),
                part("panes", {"sessions": rows}, 3),
            )
        )
    )
    assert shown.lines[0].state == "hollow"
    assert len(shown.rest) == 61 - LINES


def test_a_snapshot_is_chosen_by_name() -> None:
    both = bf.Tables([world().snapshot("one"), World((part("sessions", []),)).snapshot("two")])
    assert bf.draw_session_map(both, snapshot="two").alt == "0 sessions: none"
    for name in (None, "three"):
        with pytest.raises(UsageError, match="the name of one of the tables' snapshots"):
            bf.draw_session_map(both, snapshot=name)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_name_is_text_and_stays_on_the_sheet(name: str, theme: str) -> None:
    hostile = world().replacing({"sessions": [session(SESSIONS[0], name)]})
    picture = bf.draw_session_map(tables_of(hostile), theme=theme)
    svg = picture.svg()
    assert overflowing(picture) == []
    assert all(text.isprintable() for text in words(picture))
    assert "<script>" not in svg
    assert len(svg) < 200_000


@given(hostile_worlds())
@settings(max_examples=15)
def test_any_snapshot_can_be_drawn(hostile: World) -> None:
    shown = map_of(hostile)
    status = bf.session_status(tables_of(hostile))
    assert sum(shown.counts.values()) == len(status)
    assert inside(bf.draw_session_map(tables_of(hostile)))
