"""Every recorded kill once more, on a real file and through the door."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest

import bmux_forensics as bf
from bmux_forensics.errors import (
    ChecksumMismatchError,
    EvidenceError,
    FileMissingError,
    NoSuchSessionError,
    NotASnapshotError,
    SectionUndecodableError,
    SelectorError,
)
from tests.actions.scenes import SAVED, Trace, backups, below, save
from tests.analysis.reference_kill import killed

VECTORS = Path(__file__).parents[1] / "data" / "vectors"
CASES: dict[str, dict[str, Any]] = {
    path.parent.name: orjson.loads(path.read_bytes())
    for path in sorted(VECTORS.glob("*/case.json"))
}
ERRORS: dict[str, type[EvidenceError]] = {
    "bad-checksum-one": ChecksumMismatchError,
    "contexts-wrong-shape": SectionUndecodableError,
    "duplicate-key-in-session": SectionUndecodableError,
    "follow-wrong-shape": SectionUndecodableError,
    "layout-200-deep": SectionUndecodableError,
    "panes-zero-bytes": SectionUndecodableError,
    "session-without-clients": SectionUndecodableError,
    "sessions-undecodable-one": SectionUndecodableError,
}
"""What is wrong where bmux fails too; everything else is no envelope at all."""


def named(kind: str, outcome: str, *, fails: bool = False) -> list[str]:
    return [
        name
        for name, case in CASES.items()
        if (case["kind"], case["outcome"], case["error"] is not None) == (kind, outcome, fails)
    ]


def bytes_of(name: str, moment: str) -> bytes:
    return gzip.decompress((VECTORS / name / f"{moment}.json.gz").read_bytes())


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "runtime" / "snap.json"


def kill(name: str, path: Path | None) -> bf.KillOutcome:
    target = CASES[name]["target"]
    if target == "all":
        return bf.kill(path, all_sessions=True)
    return bf.kill(path, [target["selector"]])


def test_every_case_is_run_by_one_test() -> None:
    run = [
        *named("parity", "written"),
        *named("parity", "untouched"),
        *named("parity", "untouched", fails=True),
        *named("parity", "missing"),
        *named("deviates", "written"),
        *named("deviates", "deleted"),
    ]
    assert sorted(run) == sorted(CASES)
    assert len(CASES) >= 89


def check_written(name: str, place: Path, tmp_path: Path, expected: bytes) -> None:
    before = bytes_of(name, "before")
    save(place, before)
    outcome = kill(name, place)
    assert place.read_bytes() == expected
    passage, plan = outcome.passage, outcome.plan
    assert (outcome.had_snapshot, passage.applied, passage.moved_aside) == (True, True, None)
    assert plan is not None
    assert list(plan.session_ids) == CASES[name]["removed_session_ids"]
    assert list(plan.context_ids) == CASES[name]["removed_context_ids"]
    assert set(plan.process_groups["pgid"]) == set(CASES[name]["signalled_pgids"])
    assert bf.open_snapshot(place).sha256 == passage.sha256_after
    after = place.stat()
    assert (after.st_mode & 0o7777, after.st_mtime_ns) == (0o640, SAVED)
    assert passage.backup is not None
    assert backups(tmp_path) == [passage.backup]
    kept = passage.backup.stat()
    assert (passage.backup.read_bytes(), kept.st_mode & 0o7777) == (before, 0o640)
    assert kept.st_mtime_ns == SAVED
    assert below(place.parent) == ["snap.json"]


def check_untouched(place: Path, before: Trace, tmp_path: Path) -> None:
    assert Trace.of(place) == before
    assert below(place.parent) == ["snap.json"]
    assert backups(tmp_path) == []


@pytest.mark.parametrize("name", named("parity", "written"))
def test_the_file_gets_bmuxs_bytes(name: str, place: Path, tmp_path: Path) -> None:
    check_written(name, place, tmp_path, bytes_of(name, "after"))


@pytest.mark.parametrize("name", [n for n in named("deviates", "written") if n != "sel-empty"])
def test_the_file_keeps_what_bmux_drops_or_sorts(name: str, place: Path, tmp_path: Path) -> None:
    ids = set(CASES[name]["removed_session_ids"])
    check_written(name, place, tmp_path, killed(bytes_of(name, "before"), ids))


@pytest.mark.parametrize("name", named("parity", "untouched"))
def test_what_matches_nothing_writes_nothing(name: str, place: Path, tmp_path: Path) -> None:
    before = Trace.of(save(place, bytes_of(name, "before")))
    if CASES[name]["target"] == "all":
        outcome = kill(name, place)
        assert outcome.plan is not None
        assert (outcome.plan.session_ids, outcome.passage.applied) == ((), False)
    else:
        with pytest.raises(NoSuchSessionError, match="session not found") as caught:
            kill(name, place)
        assert caught.value.exit_code == 1
        assert caught.value.selectors == (CASES[name]["target"]["selector"],)
    check_untouched(place, before, tmp_path)


@pytest.mark.parametrize("name", named("parity", "untouched", fails=True))
def test_we_fail_where_bmux_fails(name: str, place: Path, tmp_path: Path) -> None:
    before = Trace.of(save(place, bytes_of(name, "before")))
    with pytest.raises(ERRORS.get(name, NotASnapshotError)) as caught:
        kill(name, place)
    assert caught.value.exit_code == 3
    assert str(caught.value).startswith(str(place))
    check_untouched(place, before, tmp_path)


@pytest.mark.parametrize("name", named("parity", "missing"))
def test_no_file_is_no_session(name: str, place: Path, tmp_path: Path) -> None:
    with pytest.raises(NoSuchSessionError) as own:
        kill(name, None)
    assert own.value.exit_code == 1
    assert not kill_all_of_nothing().had_snapshot
    with pytest.raises(FileMissingError, match="no such file") as given:
        kill(name, place)
    assert given.value.exit_code == 3
    assert below(tmp_path) == []


def kill_all_of_nothing() -> bf.KillOutcome:
    return bf.kill(all_sessions=True)


def test_an_empty_selector_is_refused(place: Path, tmp_path: Path) -> None:
    before = Trace.of(save(place, bytes_of("sel-empty", "before")))
    with pytest.raises(SelectorError, match="an empty selector") as caught:
        kill("sel-empty", place)
    assert caught.value.exit_code == 2
    assert caught.value.candidates
    check_untouched(place, before, tmp_path)


@pytest.mark.parametrize("name", named("deviates", "deleted"))
def test_what_bmux_deletes_is_moved_aside(name: str, place: Path) -> None:
    before = Trace.of(save(place, bytes_of(name, "before")))
    outcome = kill(name, place)
    aside = outcome.passage.moved_aside
    assert aside is not None
    assert Trace.of(aside) == before
    assert below(place.parent) == [aside.name]
    assert (outcome.plan, outcome.passage.applied, outcome.passage.backup) == (None, False, None)
