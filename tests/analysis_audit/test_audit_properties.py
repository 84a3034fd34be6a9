"""What must hold of every audit, whatever is broken and however many are looked at."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from bmux_forensics.analysis.audit.run import audit
from bmux_forensics.analysis.restore.forecast import forecast
from bmux_forensics.analysis.rules.book import rules_page
from bmux_forensics.snapshot.document import Snapshot, read_snapshot
from bmux_forensics.snapshot.sections import BY_NAME
from bmux_forensics.tables.build import Tables
from tests.analysis_audit.worlds import (
    FATAL,
    FEWER,
    HARMLESS,
    MENDABLE,
    World,
    batches,
    records,
    row_repeated,
    section_again,
    session_again,
    worlds,
)

ROOT = Path(__file__).parents[2]
TARGETS = st.sampled_from(["alpha4", "alpha1"])
ANYTHING = batches((*MENDABLE, *HARMLESS, *FATAL))
LOSSES = {"sessions", "panes", "everything"}


@given(ANYTHING, TARGETS)
@FEWER
def test_a_batch_is_judged_like_each_of_its_snapshots(
    snapshots: list[Snapshot], target: str
) -> None:
    together = audit(Tables(snapshots), target=target).astype({"snapshot": "str"})
    alone = [audit(Tables([s]), target=target).astype({"snapshot": "str"}) for s in snapshots]
    assert_frame_equal(together, pd.concat(alone, ignore_index=True))


ORDERED = tuple(
    breaker
    for breaker in (*MENDABLE, *HARMLESS, *FATAL)
    # Of two that are the same the first counts, so their order does mean something.
    if breaker not in (row_repeated, section_again, session_again)
)


def _turned(world: World, rng: random.Random) -> World:
    """Give the same world, the rows of its sections and the members of its maps in any order."""
    parts = [[i, v, t if isinstance(t, bytes) else _shuffled(t, rng)] for i, v, t in world.parts]
    rng.shuffle(parts)
    return World(parts, world.sealed)


def _shuffled(node: Any, rng: random.Random) -> Any:
    if isinstance(node, dict):
        keys = list(node)
        rng.shuffle(keys)
        return {key: _shuffled(node[key], rng) for key in keys}
    if isinstance(node, list):
        items = [_shuffled(item, rng) for item in node]
        if not all(isinstance(item, int) for item in items):  # an id of 16 byte values
            rng.shuffle(items)
        return items
    return node


@given(worlds(ORDERED), st.integers(0, 2**32))
def test_the_order_of_rows_does_not_matter(world: World, seed: int) -> None:
    turned = _turned(world, random.Random(seed))  # noqa: S311 - the point is that it repeats
    seen = [audit(Tables([w.snapshot()])) for w in (world, turned)]
    said = [
        Counter(zip(f["rule"], f["severity"], f["value"].fillna(""), strict=True)) for f in seen
    ]
    assert said[0] == said[1]


@given(ANYTHING)
@FEWER
def test_what_is_foretold_agrees_with_what_is_found(snapshots: list[Snapshot]) -> None:
    tables = Tables(snapshots)
    found = audit(tables)
    stops = found[(found["severity"] == "error") & (found["rule"] != "legacy-pane-section")]
    for snapshot, row in zip(snapshots, records(forecast(tables)), strict=True):
        assert row["saves_blocked"] == (snapshot.name in set(stops["snapshot"]))
        assert row["server_starts"] or "layout-pane-missing" in row["because"]


@given(ANYTHING)
@FEWER
def test_alpha1_loses_nothing_without_an_error(snapshots: list[Snapshot]) -> None:
    tables = Tables(snapshots)
    found = audit(tables, target="alpha1")
    errors = set(found.loc[found["severity"] == "error", "snapshot"])
    for snapshot, row in zip(snapshots, records(forecast(tables, target="alpha1")), strict=True):
        assert snapshot.name in errors or not LOSSES & row["lost_at_next_save"].keys()


@pytest.mark.parametrize("target", ["alpha1", "alpha4"])
def test_a_sample_day_is_healthy_for_the_server_that_wrote_it(target: str) -> None:
    paths = sorted((ROOT / "sample_snapshots" / f"{target}-day").glob("*.json"))
    tables = Tables([read_snapshot(path.read_bytes(), path.name) for path in paths])
    assert len(paths) >= 8
    found = audit(tables, target=target)
    assert set(found["severity"]) == {"info"}
    assert found.loc[found["rule"] == "ghost-client", "snapshot"].is_unique
    foretold = forecast(tables, target=target)
    assert foretold["server_starts"].all()
    assert not foretold["saves_blocked"].any()
    assert foretold["lost_at_next_save"].tolist() == [{}] * len(paths)
    assert foretold["because"].tolist() == [[]] * len(paths)


def test_alpha1_keeps_the_sessions_of_a_newer_file_and_loses_its_panes() -> None:
    path = min((ROOT / "sample_snapshots" / "alpha4-day").glob("*.json"))
    snapshot = read_snapshot(path.read_bytes(), "newer")
    (row,) = records(forecast([snapshot], target="alpha1"))
    assert len(row["sessions_restored"]) == 1
    assert row["panes_restored"] == {}
    assert set(row["lost_at_next_save"]) == {"panes", "sections"}
    assert row["because"] == ["unknown-section", "unknown-section-version"]


def test_the_page_of_rules_is_current() -> None:
    # To write it anew: python -m bmux_forensics.analysis.rules > docs/rules.md
    assert (ROOT / "docs" / "rules.md").read_text(encoding="utf-8") == rules_page()


def test_a_spelling_is_no_difference() -> None:
    ids = ["0F0F0F0F-0000-4000-8000-000000000001", "{0f0f0f0f-0000-4000-8000-000000000001}"]
    names = ("contexts", "session_by_context", "selected_by_client")
    maps: dict[str, Any] = {name: {} for name in names}
    trees: list[tuple[str, Any]] = [
        ("sessions", [{"id": ids[0], "clients": []}]),
        ("contexts", {**maps, "mru_contexts": []}),
        ("panes", {"sessions": [{"session_id": ids[1], "panes": [{"id": ids[0], "shell": "x"}]}]}),
    ]
    world = World([[BY_NAME[name].id, 1, orjson.loads(orjson.dumps(t))] for name, t in trees])
    assert audit(Tables([world.snapshot()]))["severity"].tolist() == ["info"]
