"""Sixteen at one snapshot, some killed, some stopped: nothing is lost, nothing is torn."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.actions.scenes import environment
from tests.figures import Figures

PROGRAM = Path(__file__).with_name("contention.py")
SECONDS = 60
"""How long each kind goes on with --soak; otherwise it is one round."""


def one_round(folder: Path, seed: str, *kind: str) -> dict[str, Any]:
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(folder), seed, *kind],
        capture_output=True,
        text=True,
        check=False,
        env=environment(folder),
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize("kind", [(), ("server",)], ids=["with the lock", "with a server"])
def test_nothing_is_lost_among_sixteen(
    kind: tuple[str, ...], tmp_path: Path, figures: Figures, *, soak: bool
) -> None:
    end = time.monotonic() + (SECONDS if soak else 0)
    name = "a server that saves without the lock" if kind else "bmux's protocol, 8 of ours"
    number = 0
    while not number or time.monotonic() < end:
        seed = secrets.token_hex(4) if soak else "an ordinary run"
        told = one_round(tmp_path / str(number), seed, *kind)
        number += 1
        lost = len(told["wrong"])
        count = sum(told.get(word, 0) for word in ("done", "changed", "detected"))
        figures.add(f"16 at once: {name}", count, losses=lost, unit="changes")
        figures.add(f"16 at once: {name}, readers", told["read"], unit="reads")
        assert told["wrong"] == [], (seed, told)
        assert told["killed"] + told["stopped"] > 0, told
        assert told["read"] > 0, told
        assert kind or told["done"] >= len(told), told
