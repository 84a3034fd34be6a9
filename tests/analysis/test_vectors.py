"""Every recorded kill: what the reference did to the file, and what we do."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from bmux_forensics.errors import (
    ChecksumMismatchError,
    EvidenceError,
    NoSuchSessionError,
    NotASnapshotError,
    SectionUndecodableError,
    SelectorError,
)
from bmux_forensics.snapshot.document import read_snapshot
from tests.analysis.kills import kill_selected
from tests.analysis.reference_kill import as_bmux_writes, killed
from tests.worlds import SECTION_IDS

VECTORS = Path(__file__).parents[1] / "data" / "vectors"
NAMES = {section_id: name for name, section_id in SECTION_IDS.items()}


@dataclass(frozen=True)
class Vector:
    """A recorded kill."""

    name: str
    case: dict[str, Any]

    @property
    def before(self) -> bytes:
        return gzip.decompress((VECTORS / self.name / "before.json.gz").read_bytes())

    @property
    def after(self) -> bytes:
        return gzip.decompress((VECTORS / self.name / "after.json.gz").read_bytes())

    @property
    def selectors(self) -> list[str] | None:
        target = self.case["target"]
        return None if target == "all" else [target["selector"]]

    def __str__(self) -> str:
        return self.name


ALL = [
    Vector(path.parent.name, orjson.loads(path.read_bytes()))
    for path in sorted(VECTORS.glob("*/case.json"))
]


def _of(kind: str, outcome: str, *, fails: bool = False) -> list[Vector]:
    return [
        v
        for v in ALL
        if (v.case["kind"], v.case["outcome"], v.case["error"] is not None)
        == (kind, outcome, fails)
    ]


AS_READ = {
    "attributes-unsorted": "bmux sorts the map; we keep the order",
    "clients-unsorted-and-twice": "bmux sorts the set and drops repeats; we keep it",
    "envelope-extra-field": "bmux drops the member; we keep it",
    "follow-without-optional-maps": "bmux adds the two maps; we leave them out",
    "session-without-name": "bmux adds a null name; we leave it out",
    "unknown-follow-field": "bmux drops the member; we keep it",
    "unknown-session-field": "bmux drops the member; we keep it",
}
"""Where bmux rewrites what it read, we write back what was read."""

REFUSED = {
    "sel-empty": (SelectorError, "bmux takes the first session; we ask which one"),
    "empty-file-all": (NotASnapshotError, "bmux deletes the file; `actions` moves it aside"),
}
"""Where bmux destroys something that nobody asked for, we refuse."""

REFUSALS: dict[str, type[EvidenceError]] = {
    "bad-checksum-one": ChecksumMismatchError,
    "byte-over-255": NotASnapshotError,
    "contexts-wrong-shape": SectionUndecodableError,
    "duplicate-key-in-session": SectionUndecodableError,
    "empty-file-one": NotASnapshotError,
    "follow-wrong-shape": SectionUndecodableError,
    "layout-200-deep": SectionUndecodableError,
    "leading-bom": NotASnapshotError,
    "panes-zero-bytes": SectionUndecodableError,
    "session-without-clients": SectionUndecodableError,
    "sessions-undecodable-one": SectionUndecodableError,
    "trailing-garbage": NotASnapshotError,
    "truncated-one": NotASnapshotError,
    "version-bool": NotASnapshotError,
}
"""The errors with which we stop where bmux stops with one."""


def test_every_vector_has_its_test() -> None:
    covered = [
        *_of("parity", "written"),
        *_of("parity", "untouched"),
        *_of("parity", "untouched", fails=True),
        *_of("parity", "missing"),
    ]
    tabled = AS_READ.keys() | REFUSED.keys()
    assert {v.name for v in ALL} == {v.name for v in covered} | tabled
    assert {v.name for v in _of("parity", "untouched", fails=True)} == REFUSALS.keys()
    assert len(ALL) >= 89


@pytest.mark.parametrize("vector", _of("parity", "written"), ids=str)
def test_kill_writes_what_bmux_wrote(vector: Vector) -> None:
    result = kill_selected(read_snapshot(vector.before, vector.name), vector.selectors)
    assert result.raw == vector.after
    assert result.session_ids == vector.case["removed_session_ids"]
    assert result.context_ids == vector.case["removed_context_ids"]
    assert set(result.pgids) == set(vector.case["signalled_pgids"])


@pytest.mark.parametrize("vector", _of("parity", "written"), ids=str)
def test_reference_that_the_properties_use_is_bmux(vector: Vector) -> None:
    assert killed(vector.before, set(vector.case["removed_session_ids"])) == vector.after


@pytest.mark.parametrize("vector", _of("parity", "untouched"), ids=str)
def test_what_matches_nothing_changes_nothing(vector: Vector) -> None:
    snapshot = read_snapshot(vector.before, vector.name)
    if vector.selectors is None:
        assert kill_selected(snapshot, None).raw is None
    else:
        with pytest.raises(NoSuchSessionError, match="session not found"):
            kill_selected(snapshot, vector.selectors)


@pytest.mark.parametrize("vector", _of("parity", "untouched", fails=True), ids=str)
def test_kill_fails_where_bmux_fails(vector: Vector) -> None:
    snapshot = read_snapshot(vector.before, vector.name)
    with pytest.raises(REFUSALS[vector.name]) as caught:
        kill_selected(snapshot, vector.selectors)
    assert caught.value.exit_code == 3
    assert str(caught.value).startswith(vector.name)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("vector", _of("parity", "missing"), ids=str)
def test_missing_file_has_no_bytes_to_test_here(vector: Vector) -> None:
    assert not (VECTORS / vector.name / "before.json.gz").exists()
    assert vector.case["removed_session_ids"] == []


@pytest.mark.parametrize("vector", [v for v in ALL if v.name in AS_READ], ids=str)
def test_kill_writes_back_what_it_read_where_bmux_tidies(vector: Vector) -> None:
    result = kill_selected(read_snapshot(vector.before, vector.name), vector.selectors)
    assert result.raw is not None
    assert result.raw == killed(vector.before, set(vector.case["removed_session_ids"]))
    assert _tidied(result.raw) == _sections(vector.after)
    assert result.session_ids == vector.case["removed_session_ids"]
    assert result.context_ids == vector.case["removed_context_ids"]
    assert set(result.pgids) == set(vector.case["signalled_pgids"])


@pytest.mark.parametrize("vector", [v for v in ALL if v.name in REFUSED], ids=str)
def test_kill_is_refused_where_bmux_destroys(vector: Vector) -> None:
    with pytest.raises(REFUSED[vector.name][0]):
        kill_selected(read_snapshot(vector.before, vector.name), vector.selectors)


def _sections(raw: bytes) -> dict[str, bytes]:
    return {s["id"]: bytes(s["bytes"]) for s in orjson.loads(raw)["sections"]}


def _tidied(raw: bytes) -> dict[str, bytes]:
    """Give each payload as bmux would have written it."""
    return {
        section_id: orjson.dumps(as_bmux_writes(NAMES[section_id], orjson.loads(payload)))
        for section_id, payload in _sections(raw).items()
    }
