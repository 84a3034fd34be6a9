from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.actions.scenes import child, environment

VERBS = ("kill", "undo", "make", "aside", "back")
FEWEST_STEPS = 10


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Rehearse every verb in one program: importing takes longer than many steps."""
    folder = tmp_path_factory.mktemp("rehearsal")
    program = Path(__file__).with_name("rehearsal.py")
    profile = {"BMUX_FORENSICS_TEST_PROFILE": os.environ.get("BMUX_FORENSICS_TEST_PROFILE", "")}
    process = child(
        str(program), str(folder), *VERBS, folder=folder, env={**environment(folder), **profile}
    )
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.parametrize("verb", VERBS)
def test_killed_before_any_change_the_next_run_knows_what_happened(
    steps: list[dict[str, Any]], verb: str
) -> None:
    mine = [told for told in steps if told["verb"] == verb]
    assert len(mine) >= FEWEST_STEPS
    for told in mine:
        assert told["damage"] == told["damage_after"] == [], told
        assert told["looking_changed_nothing"], told
        assert told["left"] == [], told
        assert told["open_after"] == 0, told
        _check_state(told)
    assert {told["changed"] for told in mine} == {False, True}
    cut = {told["states"][0] for told in mine if told["notes"] not in ([], [""])}
    assert cut == {"done", "failed"}


def _check_state(told: dict[str, Any]) -> None:
    if not told["states"]:  # not announced yet
        assert (told["changed"], told["said"]) == (False, []), told
        return
    assert told["states"] == ["done" if told["changed"] else "failed"], told
    if told["notes"] == [""]:  # the outcome was written before the crash
        assert told["said"] == [], told
        return
    assert told["notes"][0].startswith("cut short: "), told
    (line,) = told["said"]
    assert ("it was done" if told["changed"] else "it was not done") in line, told
