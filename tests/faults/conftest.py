"""One program that forks for all tests, and for each a folder of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.actions.scenes import isolate
from tests.host.conftest import Nursery

from .forks import Forks
from .operations import Scene


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    with Forks(tmp_path_factory.mktemp("forks") / "program") as program:
        yield program


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    isolate(monkeypatch, tmp_path)
    nursery = Nursery(token=f"{os.getpid()}-{time.monotonic_ns()}", folder=tmp_path / "nursery")
    nursery.folder.mkdir()
    try:
        yield Scene(tmp_path, nursery)
    finally:
        nursery.clear()
