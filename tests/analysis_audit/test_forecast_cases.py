"""What real servers did with every recorded snapshot, foretold."""

from __future__ import annotations

import gzip
from pathlib import Path

import orjson
import pandas as pd
import pytest

from bmux_forensics.analysis.restore.forecast import forecast
from bmux_forensics.snapshot.document import Snapshot, read_snapshot
from bmux_forensics.tables.build import Tables

CASES = Path(__file__).parents[1] / "data" / "restore"
NAMES = sorted(path.name.removesuffix(".json.gz") for path in CASES.glob("*.json.gz"))


def load(name: str) -> Snapshot:
    return read_snapshot(gzip.decompress((CASES / f"{name}.json.gz").read_bytes()), name)


@pytest.fixture(scope="module")
def foretold() -> pd.DataFrame:
    return forecast(Tables([load(name) for name in NAMES]), target="all").set_index(
        ["snapshot", "target"]
    )


def test_there_are_cases() -> None:
    assert len(NAMES) > 60


@pytest.mark.parametrize("target", ["alpha4", "alpha1"])
@pytest.mark.parametrize("name", NAMES)
def test_the_server_did_what_is_foretold(name: str, target: str, foretold: pd.DataFrame) -> None:
    expected = orjson.loads((CASES / f"{name}.expected.json").read_bytes())[target]
    row = foretold.loc[(name, target)]
    assert row["server_starts"] == expected.get("server_starts", True)
    assert row["saves_blocked"] == expected.get("saves_blocked", False)
    assert row["sessions_restored"] == expected["sessions_restored"]
    assert row["panes_restored"] == expected["panes_restored"]


@pytest.mark.parametrize("name", NAMES)
def test_what_goes_wrong_has_a_reason(name: str, foretold: pd.DataFrame) -> None:
    row = foretold.loc[(name, "alpha4")]
    losses = set(row["lost_at_next_save"])
    assert bool(row["because"]) == (row["saves_blocked"] or bool(losses))


@pytest.mark.parametrize("name", ["baseline", "unknown-fields", "pane-version-1", "bad-checksum"])
def test_one_snapshot_alone_is_foretold_the_same(name: str, foretold: pd.DataFrame) -> None:
    for target in ("alpha4", "alpha1"):
        (alone,) = forecast([load(name)], target=target).to_dict("records")
        assert alone == {
            **foretold.loc[(name, target)].to_dict(),
            "snapshot": name,
            "target": target,
        }
