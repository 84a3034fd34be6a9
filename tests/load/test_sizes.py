"""Large, deep, wide and dense snapshots: every use ends, in the memory that is stated.

The bound is what `docs/security.md` says: twenty times the file, and for each row,
section or key in it 3 KiB besides, which counts where rows say next to nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.figures import Figures
from tests.load.inputs import LARGE, MEGABYTE

ROOT = Path(__file__).resolve().parents[2]
FLOOR = 32 << 20
TIMES = 20
EACH = 3 << 10
DECIDED = 3.0
"""CPU seconds for a megabyte: one is what is stated, for a machine that is not busy."""
_HANG = 60  # CPU seconds: a minute is no decision any more
_SOAK_HANG = 3600


@pytest.fixture(scope="module")
def measured(*, soak: bool) -> dict[str, list[dict[str, Any]]]:
    """Use every input in every way; give what each took."""
    sizes = MEGABYTE | LARGE if soak else MEGABYTE
    done = subprocess.run(
        [sys.executable, "-m", "tests.load.measure", str(_SOAK_HANG if soak else _HANG)]
        + [f"{make.__name__}={size}" for make, size in sizes.items()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for line in done.stdout.splitlines():
        told = json.loads(line)
        found.setdefault(told["input"], []).append(told)
    return found


@pytest.mark.parametrize("name", [make.__name__ for make in MEGABYTE])
def test_every_use_ends_in_bounded_memory(
    name: str, measured: dict[str, list[dict[str, Any]]], figures: Figures, *, soak: bool
) -> None:
    assert len(measured.get(name, ())) == 8
    for told in measured[name]:
        with figures.trying("large and dense snapshots", unit="uses"):
            assert not told["end"].startswith(("FAILED", "ENDED")), told
            allowed = TIMES * told["size"] + FLOOR + EACH * told["elements"]
            assert told["memory"] <= allowed, told
            assert soak or told["cpu"] <= DECIDED, told
