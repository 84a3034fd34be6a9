"""Audit, forecast and orphans of an archive are those of its snapshots, put together."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pytest

import bmux_forensics as bf
from bmux_forensics.errors import FileMissingError, UsageError

SAMPLES = Path(__file__).parents[2] / "sample_snapshots"
DAYS = sorted(SAMPLES.glob("*-day/*.json"))
QUESTIONS: dict[str, Callable[..., pd.DataFrame]] = {
    "audit": lambda *paths, **way: bf.audit(*paths, target="all", **way),
    "forecast": lambda *paths, **way: bf.forecast(*paths, target="all", **way),
    "orphans": lambda *paths, **way: bf.orphans(*paths, kinds=("hollow", "unbound"), **way),
    "session_status": bf.session_status,
}


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Make a folder of more snapshots than a batch has."""
    for number in range(120):
        (tmp_path / f"{number:03}.json").write_bytes(DAYS[number % len(DAYS)].read_bytes())
    return tmp_path


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_folder_gives_what_its_files_give(name: str, many: Path) -> None:
    ask = QUESTIONS[name]
    each = ask(*sorted(many.iterdir()))
    assert each["snapshot"].cat.categories.tolist() == [str(p) for p in sorted(many.iterdir())]
    pd.testing.assert_frame_equal(ask(many), each)
    pd.testing.assert_frame_equal(ask(f"{many}/*.json"), each)
    pd.testing.assert_frame_equal(ask(bf.load_archive(many, jobs=2)), each)


@pytest.mark.parametrize("name", QUESTIONS)
def test_an_archive_of_no_files_has_the_same_columns(name: str) -> None:
    ask = QUESTIONS[name]
    none = ask(bf.Archive(()))
    assert none.empty
    pd.testing.assert_frame_equal(none, ask(bf.Tables(())))


def test_a_store_is_asked_too() -> None:
    store: Any = fsspec.filesystem("memory")
    store.pipe("/audited/one.json", DAYS[0].read_bytes())
    found = bf.audit("memory://audited")
    assert set(found["snapshot"]) == {"memory://audited/one.json"}
    columns = ["rule", "severity", "key"]
    pd.testing.assert_frame_equal(found[columns], bf.audit(DAYS[0])[columns])


def test_what_can_not_be_read_is_an_error_where_it_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileMissingError, match="no such file"):
        bf.audit(tmp_path / "gone.json")
    (tmp_path / "torn.json").write_bytes(b"{")
    archive = bf.load_archive(tmp_path, tmp_path / "gone.json")
    assert bf.audit(archive)["rule"].tolist() == ["envelope-unreadable"]
    assert archive.status["reason"].tolist()[-1] == "no such file"


def test_misuse_is_refused() -> None:
    batch = next(bf.load_archive(*DAYS).batches())
    for ask in (bf.audit, bf.forecast):
        with pytest.raises(UsageError, match="found a batch, which has let go of its snapshots"):
            ask(batch)
    with pytest.raises(UsageError, match="open snapshots beside it"):
        bf.audit(SAMPLES, bf.open_snapshot(DAYS[0]))
    with pytest.raises(UsageError, match="an archive beside others"):
        bf.audit(bf.load_archive(*DAYS), DAYS[0])
    with pytest.raises(UsageError, match="an executor that is to ask this machine"):
        bf.audit(SAMPLES, here=True, executor=object())  # type: ignore[arg-type]  # never asked


class Counting(ThreadPoolExecutor):
    """An executor that knows how much it was given."""

    given = 0

    def submit(self, *arguments: Any, **named: Any) -> Any:
        self.given += 1
        return super().submit(*arguments, **named)


def test_an_archive_that_is_there_may_be_read_by_an_executor(tmp_path: Path) -> None:
    archive = bf.load_archive(SAMPLES)
    asked: list[Callable[..., object]] = [
        bf.audit,
        bf.forecast,
        bf.timeline,
        partial(bf.find, "ops"),
        partial(bf.export, output=tmp_path / "out"),
    ]
    for ask in asked:
        with Counting(1) as pool:
            ask(archive, executor=pool)
            assert pool.given == 1


def test_what_comes_too_late_for_an_archive_is_refused(tmp_path: Path) -> None:
    archive = bf.load_archive(SAMPLES)
    too_late: list[dict[str, Any]] = [{"tz": "+02:00"}, {"host_pattern": "{host}-day/"}]
    asked: list[Callable[..., object]] = [
        bf.timeline,
        partial(bf.find, "ops"),
        partial(bf.export, output=tmp_path),
    ]
    for late in too_late:
        for ask in asked:
            with pytest.raises(UsageError, match="beside an archive"):
                ask(archive, **late)
