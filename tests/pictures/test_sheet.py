"""What holds for every picture: no state, no markup, the same bytes, both themes."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from types import ModuleType

import matplotlib as mpl
import pytest

import bmux_forensics as bf
from bmux_forensics.errors import UsageError
from bmux_forensics.notebook.pictures import (
    cascade_drawing,
    processes_drawing,
    screen_drawing,
    session_map_drawing,
)
from bmux_forensics.notebook.pictures.letters import LACKING, fitted, width_of
from bmux_forensics.notebook.pictures.recolour import adaptive_svg
from bmux_forensics.notebook.pictures.sheet import Sign
from bmux_forensics.notebook.pictures.theme import THEMES

DAY = "sample_snapshots/alpha4-day/bmux-snapshot-v1.20261122T115637Z.json"


def picture(theme: str = "light") -> bf.Picture:
    return bf.draw_session_map(bf.load_tables(DAY), theme=theme)


def test_a_picture_is_the_same_every_time_whatever_the_user_set() -> None:
    first = picture().svg()
    with mpl.rc_context({"font.family": "serif", "text.color": "red", "svg.fonttype": "none"}):
        assert picture().svg() == first
    assert "<!--" not in first


def test_a_picture_leaves_no_state_and_opens_no_window() -> None:
    code = (
        "import sys, bmux_forensics as bf\n"
        f"bf.draw_session_map(bf.load_tables({DAY!r})).svg()\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=120)


@pytest.mark.parametrize("theme", sorted(THEMES))
def test_a_picture_says_for_which_ground_it_was_drawn(theme: str) -> None:
    """So that a dark page can turn the light ones, and no others."""
    data, shown = picture(theme)._repr_mimebundle_()
    assert set(data) == {"image/png", "text/plain"}
    assert shown["needs_background"] == theme


def test_the_facade_costs_no_drawing() -> None:
    code = (
        "import sys, bmux_forensics as bf\n"
        "assert callable(bf.load_tables)\n"
        "heavy = {'matplotlib', 'jinja2', 'IPython'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_it_shows_itself_in_a_notebook() -> None:
    bundle, facts = picture()._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]) == picture().png()
    width, height = picture().get_size_inches()
    assert facts["image/png"] == {"width": round(width * 96), "height": round(height * 96)}
    assert ET.fromstring(picture().svg()).tag.endswith("svg")  # noqa: S314 - our own text
    assert bundle["text/plain"] == "<Picture: 5 sessions: 2 without a context, 3 sound>"
    assert picture().png(dpi=36).startswith(b"\x89PNG")


def test_the_dark_picture_has_no_light_colour() -> None:
    light, dark = picture("light").svg(), picture("dark").svg()
    assert THEMES["light"].ground in light
    assert THEMES["dark"].ground in dark
    shared = set(vars_of("light")) & set(vars_of("dark"))
    assert not shared
    assert not set(vars_of("light")) & set(re.findall("#[0-9a-f]{6}", dark))


def vars_of(theme: str) -> list[str]:
    return [getattr(THEMES[theme], name) for name in THEMES[theme].__dataclass_fields__]


def test_one_picture_for_both_themes_takes_its_colours_from_the_page() -> None:
    text = adaptive_svg(picture())
    body = text.replace(text[text.index("<style>") : text.index("</style>")], "", 1)
    assert not set(vars_of("light")) & set(re.findall("#[0-9a-f]{6}", body))
    assert "var(--ground)" in body
    assert ET.fromstring(text).tag.endswith("svg")  # noqa: S314 - our own text


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("name", "least"),
    [("ink", 7.0), ("faint", 4.5), ("bad", 4.5), ("good", 3.0), ("warn", 3.0), ("other", 3.0)],
)
def test_text_and_marks_stand_out_from_the_ground(theme: str, name: str, least: float) -> None:
    for ground in ("ground", "panel"):
        pair = [luminance(getattr(THEMES[theme], n)) + 0.05 for n in (ground, name)]
        assert max(pair) / min(pair) >= least


@pytest.mark.parametrize(
    "module", [cascade_drawing, processes_drawing, screen_drawing, session_map_drawing]
)
def test_no_two_signs_of_a_picture_have_one_shape_alone_for_two_things(module: ModuleType) -> None:
    values = [*vars(module).values()]
    values += [sign for one in values if isinstance(one, dict) for sign in one.values()]
    signs = {sign for sign in values if isinstance(sign, Sign)}
    shapes = Counter((sign.shape, sign.hollow) for sign in signs)
    assert signs
    assert max(shapes.values()) == 1


def test_there_is_no_third_theme() -> None:
    with pytest.raises(UsageError, match="light or dark"):
        picture("sepia")


def test_letters_that_the_font_lacks_are_boxes() -> None:
    assert fitted("漢a", 10) == f"{LACKING}a"
    assert fitted("\x1b\u202e", 10) == r"\x1b\u202e"


def test_a_text_is_cut_where_its_room_ends() -> None:
    for room in (5, 30, 61.5, 200):
        assert width_of(fitted("m" * 50, 9, room), 9) <= max(room, width_of("…", 9))
