"""The JSON behind a finding: what stands there, environment values never."""

from __future__ import annotations

import json

from bmux_forensics import masked_json, read_snapshot
from tests.actions.scenes import ALPHA, world
from tests.worlds import SECRET, SECTION_IDS

PANES = SECTION_IDS["panes"]


def test_it_is_what_stands_there() -> None:
    text = masked_json(world().snapshot(), SECTION_IDS["sessions"], "/0")
    assert text is not None
    assert json.loads(text) == {"id": ALPHA, "name": "alpha", "clients": []}


def test_environment_values_are_masked_wherever_the_pointer_leads() -> None:
    snapshot = world().snapshot()
    launch = "/sessions/0/panes/0/launch_command"
    for pointer in ("", "/sessions/0", launch, f"{launch}/env", f"{launch}/env/TOKEN"):
        text = masked_json(snapshot, PANES, pointer)
        assert text is not None
        assert "•••" in text
        assert SECRET not in text


def test_what_is_not_there_is_none() -> None:
    snapshot = world().snapshot()
    assert masked_json(snapshot, PANES, "/sessions/99") is None
    assert masked_json(snapshot, "no.such/section", "") is None
    assert masked_json(read_snapshot(b"torn", "torn"), PANES, "") is None
