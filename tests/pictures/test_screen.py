"""A screen shows the panes where the layout and the viewport put them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

import bmux_forensics as bf
from bmux_forensics.errors import UsageError
from bmux_forensics.notebook.evidence import Evidence
from bmux_forensics.notebook.pictures.screen import Screen, screen
from tests.pictures.looking import HOSTILE, inside, marks, overflowing, words
from tests.worlds import PANES, SESSIONS, World, hostile_worlds, pane, part, runtime, session

VIEW = {
    "cols": 100,
    "rows": 40,
    "top_inset": 1,
    "right_inset": 0,
    "bottom_inset": 1,
    "left_inset": 0,
}


def leaf(pane_id: str) -> dict[str, Any]:
    return {"kind": "leaf", "pane_id": pane_id}


def split(direction: str, ratio: float, first: Any, second: Any) -> dict[str, Any]:
    return {
        "kind": "split",
        "direction": direction,
        "ratio": ratio,
        "first": first,
        "second": second,
    }


def surface(pane_id: str, z: int, **members: Any) -> dict[str, Any]:
    plain = {"x": 10, "y": 5, "w": 20, "h": 10, "visible": True, "opaque": True}
    return {
        "id": PANES[3],
        "pane_id": pane_id,
        **plain,
        "z": z,
        "accepts_input": True,
        "cursor_owner": False,
        **members,
    }


def tables_of(*panes: Any, name: str | None = "work", **members: Any) -> bf.Tables:
    row = runtime(SESSIONS[0], *panes, **{"attach_viewport": VIEW, **members})
    parts = (
        part("sessions", [session(SESSIONS[0], name), session(SESSIONS[1], "bare")]),
        part("panes", {"sessions": [row]}, 3),
    )
    return bf.Tables([World(parts).snapshot()])


def screen_of(tables: bf.Tables) -> Screen:
    return screen(Evidence.of(tables), SESSIONS[0])


def test_a_layout_divides_what_the_insets_leave() -> None:
    layout = split(
        "vertical", 0.25, leaf(PANES[0]), split("horizontal", 0.5, *map(leaf, PANES[1:3]))
    )
    shown = screen_of(tables_of(*map(pane, PANES[:3]), layout_root=layout))
    assert shown.size == (100, 40)
    assert [(tile.pane_id, tile.rect) for tile in shown.tiles] == [
        (PANES[0], (0, 1, 25, 38)),
        (PANES[1], (25, 1, 75, 19)),
        (PANES[2], (25, 20, 75, 19)),
    ]


def test_floating_panes_lie_on_top_by_height_and_hidden_ones_do_not() -> None:
    floats = [surface(PANES[1], 5), surface(PANES[2], 1), surface(PANES[3], 9, visible=False)]
    tables = tables_of(*map(pane, PANES[:4]), layout_root=leaf(PANES[0]), floating_surfaces=floats)
    shown = screen_of(tables)
    assert [(tile.pane_id, tile.state) for tile in shown.tiles] == [
        (PANES[0], "tiled"),
        (PANES[2], "floating"),
        (PANES[1], "floating"),
    ]
    assert shown.tiles[1].rect == (10, 5, 20, 10)


def test_a_pane_tells_its_command_and_folder_focus_and_zoom() -> None:
    one = pane(PANES[0], name="p", active_command="vim", last_known_cwd="/home/u")
    tables = tables_of(
        one, layout_root=leaf(PANES[0]), focused_pane_id=PANES[0], zoomed_pane_id=PANES[0]
    )
    (tile,) = screen_of(tables).tiles
    assert (tile.name, tile.command, tile.folder) == ("p", "vim", "/home/u")
    assert tile.focused
    assert tile.zoomed
    picture = bf.draw_screen(tables, SESSIONS[0])
    assert {"p", "vim", "/home/u"} <= set(words(picture))
    assert marks(picture) == {"pane": 1, "has the focus": 1, "zoomed: fills the screen": 1}


def test_a_pane_that_is_not_there_and_one_that_is_not_shown() -> None:
    layout = split("vertical", 0.5, leaf(PANES[0]), leaf(PANES[1]))
    tables = tables_of(pane(PANES[0]), pane(PANES[2]), layout_root=layout)
    states = [(tile.pane_id, tile.state) for tile in screen_of(tables).tiles]
    assert states == [(PANES[0], "tiled"), (PANES[1], "missing"), (PANES[2], "outside")]
    found = marks(bf.draw_screen(tables, SESSIONS[0]))
    assert found["not there, but in the layout"] == 1
    assert found["nowhere in the layout"] == 1


def test_without_a_layout_panes_stand_in_a_grid_and_the_picture_says_so() -> None:
    tables = tables_of(*map(pane, PANES[:4]), layout_root=None, attach_viewport=None)
    shown = screen_of(tables)
    assert not shown.arranged
    assert not shown.recorded
    assert len({tile.rect for tile in shown.tiles}) == 4
    said = " ".join(words(bf.draw_screen(tables, SESSIONS[0])))
    assert "no layout recorded" in said
    assert "no screen size recorded" in said


def test_a_session_without_panes_has_an_empty_screen_and_a_stranger_none() -> None:
    tables = tables_of(pane(PANES[0]))
    assert bf.draw_screen(tables, SESSIONS[1]).alt.startswith("the screen of bare: 0 panes")
    with pytest.raises(UsageError, match="a session of the snapshot"):
        bf.draw_screen(tables, PANES[3])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_hundred_panes_stay_on_the_sheet(theme: str) -> None:
    ids = [f"{n:08x}-0000-4000-8000-000000000000" for n in range(100)]
    layout = leaf(ids[0])
    for number, pane_id in enumerate(ids[1:]):
        direction = "vertical" if number % 2 else "horizontal"
        layout = split(direction, 0.9, layout, leaf(pane_id))
    tables = tables_of(*map(pane, ids), layout_root=layout)
    picture = bf.draw_screen(tables, SESSIONS[0], theme=theme)
    assert len(screen_of(tables).tiles) == 100
    assert inside(picture)
    assert overflowing(picture) == []


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_pane_says_is_text(name: str) -> None:
    one = pane(PANES[0], name=name, active_command=name, last_known_cwd=name)
    picture = bf.draw_screen(tables_of(one, name=name, layout_root=leaf(PANES[0])), SESSIONS[0])
    assert overflowing(picture) == []
    assert all(text.isprintable() for text in words(picture))
    assert len(picture.svg()) < 200_000


@given(hostile_worlds())
@settings(max_examples=15)
def test_any_session_of_any_snapshot_can_be_drawn(hostile: World) -> None:
    tables = bf.Tables([hostile.snapshot()])
    for session_id in bf.session_status(tables)["session_id"]:
        assert inside(bf.draw_screen(tables, session_id))
