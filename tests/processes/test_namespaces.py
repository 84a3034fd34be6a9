"""Nothing that is not proven gets a signal, at the command line, where nothing else can be hit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.actions.scenes import environment

from .conftest import SCHEMAS

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

SCENARIO = Path(__file__).with_name("namespace_scenario.py")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    probe = ["unshare", "-pf", "--mount-proc", "true"]
    if not sys.platform.startswith("linux") or subprocess.run(probe, check=False).returncode:
        pytest.skip("no private PID namespaces here")
    folder = tmp_path_factory.mktemp("namespace")
    done = subprocess.run(
        ["unshare", "-pf", "--kill-child", "--mount-proc", sys.executable, str(SCENARIO)],
        capture_output=True,
        check=False,
        timeout=120,
        env={**environment(folder), "TMPDIR": str(folder)},
    )
    assert done.returncode == 0, done.stderr.decode()
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_only_what_is_proven_gets_a_signal(seen: dict[str, Any]) -> None:
    kill = seen["kill"]
    assert kill["groups"] == {
        "one": "protected",
        "own": "protected",
        "parent": "protected",
        "target": "confirmed",
        "other user": "foreign",
        "unmarked": "recycled",
        "recycled": "recycled",
    }  # zero and minus one are no numbers of groups, and not even listed
    assert kill["outcomes"].pop("target") == "killed"
    assert set(kill["outcomes"].values()) == {"skipped"}
    assert kill["signalled"] == ["target"]
    assert kill["exit_code"] == 0
    assert kill["target"] == -9
    assert kill["alive"]
    assert kill["heard"] == {
        "other": "ready ",
        "unmarked": "ready ",
        "recycled": "ready ",
        "parent": "ready exit0 ",
    }


def test_a_number_that_changed_hands_is_not_resumed(seen: dict[str, Any]) -> None:
    """By every other sign the new group is a pane's: the journal knows which process was meant."""
    resume = seen["resume"]
    jsonschema.validate(resume["told"], json.loads((SCHEMAS / "resume.json").read_text()))
    (row,) = resume["told"]["resumed"]
    (group,) = row["groups"]
    assert (group["pgid"], group["verdict"]) == (resume["number"], "confirmed")
    assert (group["outcome"], resume["told"]["exit_code"]) == ("skipped", 0)
    assert group["detail"] == "none of the processes that the kill meant is in it any more"
    assert (resume["heard"], resume["alive"]) == ("ready ", True)
