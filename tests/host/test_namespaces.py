"""Nothing that is not proven ours gets a signal: shown where nothing else can be hit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.usefixtures("namespaces"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user"),
]

SCENARIO = Path(__file__).with_name("namespace_scenario.py")
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("way", ["pidfd", "portable"])
def test_only_what_is_proven_gets_a_signal(way: str, tmp_path: Path) -> None:
    variables = {k: v for k, v in os.environ.items() if not k.startswith("BMUX_")}
    done = subprocess.run(
        ["unshare", "-pf", "--kill-child", "--mount-proc", sys.executable, str(SCENARIO), way],
        capture_output=True,
        check=False,
        timeout=60,
        env={**variables, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr.decode()
    seen = json.loads(done.stdout)
    assert seen["verdicts"] == {
        "one": "protected",
        "zero": "protected",
        "minus one": "protected",
        "own": "protected",
        "ours negated": "protected",
        "parent": "protected",
        "target": "confirmed",
        "other user": "foreign",
        "unmarked": "recycled",
        "recycled": "recycled",
    }, seen["reasons"]
    assert seen["recycled number"]
    assert "after the save" in seen["reasons"]["recycled"]
    # The one that is proven is ended; the recorders shrug off all but KILL.
    assert seen["target"] == -9
    assert seen["outcomes"].pop("target") == "killed"
    assert set(seen["outcomes"].values()) == {"skipped"}
    assert seen["refused"] == ["skipped"]
    assert seen["strays"] == []
    # Nobody else has heard a thing.
    assert all(seen["alive"].values()), seen["alive"]
    assert seen["heard"] == {
        "other": "ready ",
        "unmarked": "ready ",
        "recycled": "ready ",
        "parent": "ready exit0 ",
        "init": "",
    }
