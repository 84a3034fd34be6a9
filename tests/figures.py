"""The figures of the tests that break things: what was tried, what was survived, what was lost.

A pytest plugin. A test that tries many points of one kind counts each of them:

    def test_something(figures: Figures) -> None:
        for point in points:
            with figures.trying("crash during a kill"):
                ...  # what fails here is a loss

The terminal summary shows the sums, `--figures FILE` writes them down, and `--soak`
asks the tests to take all the time they want.
"""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

_PROPERTY = "figure"
_PROFILE = "BMUX_FORENSICS_TEST_PROFILE"
_GATHERED = pytest.StashKey["Gathered"]()
_TOLD_SKIPS = re.compile(r"tests/(faults|fuzz|hostile|load)/")


@dataclass(frozen=True)
class Figure:
    """What one test, or several of one kind, tried.

    Parameters
    ----------
    fault : str
        The kind of fault, in words for a reader of the table.
    tried : int
        Points, moments or inputs at which it was tried.
    survived : int
        Those after which every promise held.
    losses : int
        Those after which one did not.
    unit : str
        What was counted.
    command : str
        What tries it again.
    """

    fault: str
    tried: int
    survived: int
    losses: int
    unit: str = "points"
    command: str = ""


class Figures:
    """The figures of one test."""

    def __init__(self) -> None:
        self._found: dict[str, Figure] = {}
        self.lost: list[str] = []

    def add(
        self,
        fault: str,
        tried: int,
        *,
        survived: int | None = None,
        losses: int = 0,
        unit: str = "points",
    ) -> None:
        """Count points that were tried; all that are no loss were survived."""
        kept = tried - losses if survived is None else survived
        before = self._found.get(fault, Figure(fault, 0, 0, 0, unit))
        self._found[fault] = _sum(before, Figure(fault, tried, kept, losses, unit))

    @contextmanager
    def trying(self, fault: str, about: object = "", *, unit: str = "points") -> Iterator[None]:
        """Count one point; it is a loss if the block fails.

        With a word `about` the point, the test goes on with the next one and fails at the
        end, so that one run finds all there is to find.
        """
        try:
            yield
        except (AssertionError, pytest.fail.Exception) as problem:
            self.add(fault, 1, losses=1, unit=unit)
            if not about:
                raise
            self.lost.append(f"{fault}: {about}: {problem}")
        except BaseException:
            self.add(fault, 1, losses=1, unit=unit)
            raise
        else:
            self.add(fault, 1, unit=unit)

    def found(self) -> list[Figure]:
        """Return what was counted, a figure for each kind of fault."""
        return list(self._found.values())


def _sum(one: Figure, other: Figure) -> Figure:
    return replace(
        one,
        tried=one.tried + other.tried,
        survived=one.survived + other.survived,
        losses=one.losses + other.losses,
    )


class Gathered:
    """The figures of the whole run, and what was not tried in it."""

    def __init__(self) -> None:
        self.figures: dict[str, Figure] = {}
        self.tests: dict[str, set[str]] = {}
        self.skips: dict[str, str] = {}
        self.start = datetime.now(UTC)

    def take(self, report: pytest.TestReport) -> None:
        """Take what a test has counted, or why it was skipped."""
        if report.skipped and _TOLD_SKIPS.match(report.nodeid):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
            self.skips[report.nodeid] = reason.removeprefix("Skipped: ")
        if report.when != "teardown":
            return
        for name, value in report.user_properties:
            if name == _PROPERTY and isinstance(value, dict):
                self._count(Figure(**value), report.nodeid)

    def _count(self, figure: Figure, nodeid: str) -> None:
        known = self.figures.get(figure.fault)
        self.figures[figure.fault] = _sum(known, figure) if known else figure
        self.tests.setdefault(figure.fault, set()).add(nodeid.partition("[")[0])

    def rows(self, *, soak: bool) -> list[Figure]:
        """Return the sums, each with the command that tries it again."""
        options = "pytest --soak" if soak else "pytest"
        return [
            replace(figure, command=f"{options} {' '.join(sorted(self.tests[fault]))}")
            for fault, figure in self.figures.items()
        ]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("faults and fuzzing")
    group.addoption(
        "--soak", action="store_true", help="try every point, and look further, at length"
    )
    group.addoption("--figures", metavar="FILE", help="write what was tried and lost as JSON")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_GATHERED] = Gathered()
    if is_soak(config):
        os.environ[_PROFILE] = "soak"  # for the programs that the tests start
        settings.load_profile("soak")


def is_soak(config: pytest.Config) -> bool:
    """Tell whether the run is to look further than an ordinary one."""
    return bool(config.getoption("--soak")) or os.environ.get(_PROFILE) == "soak"


@pytest.fixture(scope="session")
def soak(pytestconfig: pytest.Config) -> bool:
    """Whether the tests may take all the time they want."""
    return is_soak(pytestconfig)


@pytest.fixture
def figures(record_property: Any) -> Iterator[Figures]:
    """Count what this test tries."""
    counted = Figures()
    yield counted
    for figure in counted.found():
        record_property(_PROPERTY, asdict(figure))
    assert not counted.lost, "\n".join(counted.lost)


class _Listener:
    def __init__(self, gathered: Gathered) -> None:
        self._gathered = gathered

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._gathered.take(report)


def pytest_sessionstart(session: pytest.Session) -> None:
    gathered = session.config.stash[_GATHERED]
    session.config.pluginmanager.register(_Listener(gathered), "bmux-forensics-figures")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    gathered = config.stash[_GATHERED]
    rows = gathered.rows(soak=is_soak(config))
    if rows:
        terminalreporter.section("faults")
        for figure in rows:
            terminalreporter.write_line(
                f"{figure.fault}: {figure.tried} {figure.unit} tried, "
                f"{figure.survived} survived, {figure.losses} lost"
            )
    target = config.getoption("--figures")
    if target:
        _write(Path(target), gathered, rows, soak=is_soak(config))


def _write(path: Path, gathered: Gathered, rows: list[Figure], *, soak: bool) -> None:
    told = {
        "schema": 1,
        "when": gathered.start.isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - gathered.start).total_seconds()),
        "soak": soak,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "figures": [asdict(figure) for figure in rows],
        "skipped": gathered.skips,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told, indent=2) + "\n")
