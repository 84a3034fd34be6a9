"""What real servers did with every recorded snapshot, foretold."""

from __future__ import annotations

import gzip
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import orjson
import pytest

from bmux_forensics.analysis.restore.forecast import forecast
from bmux_forensics.snapshot.document import Snapshot, read_snapshot
from bmux_forensics.tables.build import Tables

CASES = Path(__file__).parents[1] / "data" / "restore"
Foretold = dict[tuple[str, str], dict[Hashable, Any]]
NAMES = sorted(path.name.removesuffix(".json.gz") for path in CASES.glob("*.json.gz"))


def load(name: str) -> Snapshot:
    return read_snapshot(gzip.decompress((CASES / f"{name}.json.gz").read_bytes()), name)


@pytest.fixture(scope="module")
def foretold() -> Foretold:
    frame = forecast(Tables([load(name) for name in NAMES]), target="all")
    return {(row["snapshot"], row["target"]): row for row in frame.to_dict("records")}


def test_there_are_cases() -> None:
    assert len(NAMES) > 60


@pytest.mark.parametrize("target", ["alpha4", "alpha1"])
@pytest.mark.parametrize("name", NAMES)
def test_the_server_did_what_is_foretold(name: str, target: str, foretold: Foretold) -> None:
    expected = orjson.loads((CASES / f"{name}.expected.json").read_bytes())[target]
    row = foretold[name, target]
    assert row["server_starts"] == expected.get("server_starts", True)
    assert row["saves_blocked"] == expected.get("saves_blocked", False)
    assert row["sessions_restored"] == expected["sessions_restored"]
    assert row["panes_restored"] == expected["panes_restored"]


@pytest.mark.parametrize("name", NAMES)
def test_what_goes_wrong_has_a_reason(name: str, foretold: Foretold) -> None:
    row = foretold[name, "alpha4"]
    losses = set(row["lost_at_next_save"])
    assert bool(row["because"]) == (row["saves_blocked"] or bool(losses))


@pytest.mark.parametrize("name", ["baseline", "unknown-fields", "pane-version-1", "bad-checksum"])
def test_one_snapshot_alone_is_foretold_the_same(name: str, foretold: Foretold) -> None:
    for target in ("alpha4", "alpha1"):
        (alone,) = forecast([load(name)], target=target).to_dict("records")
        assert alone == foretold[name, target]
