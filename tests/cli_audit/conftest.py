"""The command line as the tests of `tests/cli` run it, and snapshots that real servers judged."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.actions.scenes import save
from tests.cli.conftest import _inside, cli, own, run, start, terminal

__all__ = ["_inside", "cli", "own", "run", "start", "terminal"]

CASES = Path(__file__).parents[1] / "data" / "restore"
NAMES = sorted(path.name.removesuffix(".json.gz") for path in CASES.glob("*.json.gz"))
SAMPLES = Path(__file__).parents[2] / "sample_snapshots"
SAMPLE = SAMPLES / "alpha4-day" / "bmux-snapshot-v1.20261122T115637Z.json"

Case = Callable[[str], Path]


def case_bytes(name: str) -> bytes:
    return gzip.decompress((CASES / f"{name}.json.gz").read_bytes())


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """Save a recorded case as a file of its own."""
    return lambda name: save(tmp_path / "files" / f"{name}.json", case_bytes(name))
