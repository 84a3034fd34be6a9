"""The power goes in the middle of kills: old or new, never torn; and this test can tell."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.actions.scenes import environment
from tests.figures import Figures

from .powercut import TORN

PROGRAM = Path(__file__).with_name("powercut.py")
CUTS, MANY = 12, 300
LOST = "power cut (ext4 shut down) during kills"


def cuts(folder: Path, count: int, seed: str, *broken: str) -> list[dict[str, Any]]:
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        pytest.skip("not root, or no mkfs.ext4: power cuts were not tried")
    done = subprocess.run(
        ["unshare", "-m", sys.executable, str(PROGRAM), str(folder), str(count), seed, *broken],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=environment(folder),
    )
    first, *lines = done.stdout.splitlines() or [""]
    if first != "ready":
        pytest.skip(f"no loop devices or mounts here: power cuts were not tried ({done.stderr})")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in lines]


def test_a_power_cut_leaves_the_old_file_or_the_new(
    tmp_path: Path, figures: Figures, *, soak: bool
) -> None:
    seed = secrets.token_hex(4) if soak else "an ordinary run"
    found = cuts(tmp_path, MANY if soak else CUTS, seed)
    assert len(found) == (MANY if soak else CUTS)
    for told in found:
        with figures.trying(LOST, about=(seed, told), unit="moments"):
            assert told["problem"] == ""
    assert len({told["state"] for told in found}) > 1, "every cut came at the same step"


def test_the_same_test_catches_a_tool_that_does_not_sync(tmp_path: Path) -> None:
    found = cuts(tmp_path, MANY, "without fsync", "without-fsync")
    assert found[-1]["problem"].startswith(TORN), "kills without fsync survived every cut"
