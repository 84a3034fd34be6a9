"""Every snapshot that a real server wrote reads without a complaint, and writes back the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import BaseModel

from bmux_forensics.snapshot.document import Snapshot, read_snapshot
from bmux_forensics.snapshot.envelope import encode_envelope
from bmux_forensics.snapshot.models import OlderPaneRuntime

SAMPLES = sorted((Path(__file__).parents[2] / "sample_snapshots").glob("*/*.json"))


def _read(path: Path) -> Snapshot:
    return read_snapshot(path.read_bytes(), path.name)


def test_both_days_are_here() -> None:
    assert {path.parent.name for path in SAMPLES} == {"alpha1-day", "alpha4-day"}
    assert len(SAMPLES) == 19


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.name)
def test_sample_reads_and_writes_back_the_same_bytes(path: Path) -> None:
    snapshot = _read(path)
    assert snapshot.problems == ()
    assert encode_envelope(snapshot.require_envelope()) == snapshot.raw
    for reading in snapshot.readings:
        assert orjson.dumps(reading.tree) == reading.section.payload


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.name)
def test_every_payload_passes_through_its_model(path: Path) -> None:
    snapshot = _read(path)
    assert snapshot.readings
    for reading in snapshot.readings:
        model = reading.model()
        assert dumped(model) == reading.tree
        assert unknown_members(model) == [], reading.place


@pytest.mark.parametrize(
    "path", [p for p in SAMPLES if p.parent.name == "alpha1-day"], ids=lambda p: p.name
)
def test_alpha1_pane_payload_passes_through_the_model_of_alpha1(path: Path) -> None:
    reading = _read(path).reading("panes")
    assert reading is not None
    assert dumped(OlderPaneRuntime.model_validate(reading.tree)) == reading.tree


def dumped(model: Any) -> Any:
    """Give a payload's tree back from its model: what was not there is not added."""
    if isinstance(model, BaseModel):
        return model.model_dump(by_alias=True, exclude_unset=True)
    if isinstance(model, list):
        return [dumped(item) for item in model]
    if isinstance(model, dict):
        return {key: dumped(item) for key, item in model.items()}
    return model


def unknown_members(model: Any) -> list[str]:
    """Give the names of all members, however deep, that the models do not know."""
    if isinstance(model, BaseModel):
        extra = list(model.model_extra or {})
        return extra + [
            n for f in type(model).model_fields for n in unknown_members(getattr(model, f))
        ]
    items = model.values() if isinstance(model, dict) else model if isinstance(model, list) else ()
    return [name for item in items for name in unknown_members(item)]
