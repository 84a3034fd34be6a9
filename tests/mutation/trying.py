"""Try every mutant in a child of its own, forked when the tests are imported and collected.

mutmut writes the mutants: a copy of the package in which every function asks, at each call,
which variant of itself is the one under test. Running them is done here, because it has to be
quick: no mutant pays for imports and collection again, only the tests run that reach the
changed function, and first those that noticed another change of it.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

import pytest
from mutmut.configuration import config
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state
from mutmut.utils.file_utils import copy_also_copy_files, copy_src_dir, setup_source_paths
from mutmut.utils.format_utils import mangled_name_from_mutant_name

FOLDER = Path("mutants")
RESULTS = FOLDER / "results.json"
PATIENCE = 5
"""How many times longer than unchanged code a mutant may take in a test until it is endless."""

_LEAST_SECONDS = 2.0  # of computing
_LEAST_WAIT = 15.0  # for something else, on a machine that may be busy
_NO_MUTANT = "nothing.changed"
_NOTICED, _SURVIVED, _BROKEN = 1, 0, 2


def generate() -> None:
    """Write the mutants of the modules that pyproject.toml names."""
    # To import it says how every child of this process is to be started: only where it is needed.
    from mutmut.__main__ import create_mutants  # noqa: PLC0415 - see above

    set_mutant_under_test("mutant_generation")
    FOLDER.mkdir(exist_ok=True)
    copy_src_dir()
    copy_also_copy_files()
    setup_source_paths()
    create_mutants(os.cpu_count() or 1)


def names(patterns: Sequence[str]) -> list[str]:
    """List the mutants, or those whose name fits one of the patterns."""
    found = [
        key
        for meta in sorted((FOLDER / "bmux_forensics").rglob("*.py.meta"))
        for key in json.loads(meta.read_text())["exit_code_by_key"]
    ]
    return [n for n in found if not patterns or any(fnmatch(n, p) for p in patterns)]


def try_all(mutants: Sequence[str], told: Callable[[str], None]) -> dict[str, str]:
    """Return what became of each mutant: noticed, survived, endless or unreached.

    Raises
    ------
    RuntimeError
        The tests do not even hold for the code as it stands.
    """
    loop = Loop(mutants, told, RESULTS.absolute())
    here = Path.cwd()
    os.chdir(FOLDER)
    try:
        options = [
            "--rootdir=.",
            "-s",
            "-q",
            "--tb=no",
            "--assert=plain",
            "-o",
            "tmp_path_retention_policy=none",
        ]
        selection = config().pytest_add_cli_args_test_selection
        code = pytest.main(
            [*options, *config().pytest_add_cli_args, *selection], plugins=[Plugin(loop)]
        )
    finally:
        os.chdir(here)
    if code:
        raise RuntimeError(f"the tests do not hold for unchanged code (pytest: {code})")
    return loop.results


@dataclass
class Reached:
    """Which tests reach a function, how long each takes, and which noticed a change of it."""

    seconds: dict[pytest.Item, float] = field(default_factory=dict)
    tests: dict[str, set[pytest.Item]] = field(default_factory=lambda: defaultdict(set))
    noticing: dict[str, list[pytest.Item]] = field(default_factory=lambda: defaultdict(list))

    def in_order(self, function: str) -> list[pytest.Item]:
        """Return the tests of a function, those first that are likely to tell soon."""
        first = self.noticing[function]
        rest = sorted(self.tests[function], key=self.seconds.__getitem__)
        return [*first, *(item for item in rest if item not in first)]


@dataclass
class Running:
    """A child that tries a mutant; it writes the number of the test that failed."""

    mutant: str
    tests: Sequence[pytest.Item]
    pipe: int


class Loop:
    """Runs the collected tests once as they are, then for each mutant."""

    def __init__(self, mutants: Sequence[str], told: Callable[[str], None], results: Path) -> None:
        self.mutants = mutants
        self.told = told
        self.path = results
        self.results: dict[str, str] = {}
        self.reached = Reached()
        self.running: dict[int, Running] = {}
        self.failed: dict[str, int] = {}
        """For each mutant that was noticed, the number of the test that failed."""

    def run(self, session: pytest.Session) -> None:
        """Try everything; stops at once where a test fails on unchanged code."""
        self.watch(session)
        if session.testsfailed or not self.holds_in_a_child(session):
            return
        most = os.cpu_count() or 1
        for mutant in self.mutants:
            tests = self.reached.in_order(mangled_name_from_mutant_name(mutant))
            if not tests:
                self.results[mutant] = "unreached"
                continue
            while len(self.running) >= most:
                self.reap()
            self.start(session, mutant, tests)
        while self.running:
            self.reap()

    def watch(self, session: pytest.Session) -> None:
        """Run each test once on unchanged code, and note which functions it reaches."""
        set_mutant_under_test("stats")
        for item in session.items:
            began = time.monotonic()
            _run(item)
            self.reached.seconds[item] = time.monotonic() - began
            for function in state()._stats:
                self.reached.tests[function].add(item)
            state()._stats.clear()
            if session.testsfailed:
                self.told(f"fails on unchanged code: {item.nodeid}")
                return
        self.told(f"{len(session.items)} tests reach {len(self.reached.tests)} functions")

    def holds_in_a_child(self, session: pytest.Session) -> bool:
        """Run each test once more as mutants do; one that fails there would notice everything."""
        self.start(session, _NO_MUTANT, session.items)
        child = next(iter(self.running.values()))
        self.reap()
        if self.results.pop(_NO_MUTANT) == "survived":
            return True
        number = self.failed.get(_NO_MUTANT)
        where = "a test takes too long" if number is None else child.tests[number].nodeid
        self.told(f"fails in a child, on unchanged code: {where}")
        session.testsfailed += 1
        return False

    def start(self, session: pytest.Session, mutant: str, tests: Sequence[pytest.Item]) -> None:
        """Fork a child that runs the tests until one fails."""
        reading, writing = os.pipe()
        pid = os.fork()
        if pid:
            os.close(writing)
            self.running[pid] = Running(mutant, tests, reading)
            return
        code = _BROKEN
        try:
            code = self.child(session, mutant, tests, writing)
        finally:
            os._exit(code)

    def child(
        self, session: pytest.Session, mutant: str, tests: Sequence[pytest.Item], pipe: int
    ) -> int:
        """Run the tests until one fails, or takes so long that a signal ends this child."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        set_mutant_under_test(mutant)
        for number, item in enumerate(tests):
            usual = self.reached.seconds[item] * PATIENCE
            signal.setitimer(signal.ITIMER_PROF, _LEAST_SECONDS + usual)
            signal.setitimer(signal.ITIMER_REAL, _LEAST_WAIT + usual)
            _run(item)
            if session.testsfailed:
                os.write(pipe, str(number).encode())
                return _NOTICED
        return _SURVIVED

    def reap(self) -> None:
        """Wait for a child and take what it says."""
        pid, status = os.wait()
        child = self.running.pop(pid, None)
        if child is None:
            return  # something that a test left behind
        failed = os.read(child.pipe, 64)
        os.close(child.pipe)
        self.results[child.mutant] = _said(status)
        if failed:
            self.failed[child.mutant] = int(failed)
            test = child.tests[int(failed)]
            noticing = self.reached.noticing[mangled_name_from_mutant_name(child.mutant)]
            with suppress(ValueError):
                noticing.remove(test)
            noticing.insert(0, test)
        if len(self.results) % 20 == 0:
            self.told(f"{len(self.results)} of {len(self.mutants)} tried")
            remember(self.results, self.path)


def _run(item: pytest.Item) -> None:
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)


def _said(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    if code < 0:  # ended by a signal: its time was up, or it hit itself
        return "endless"
    return {_SURVIVED: "survived", _NOTICED: "noticed"}.get(code, "broken")


class Plugin:
    """What pytest runs instead of its own loop."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Let the loop run what was collected."""
        self._loop.run(session)
        return True


def known(path: Path = RESULTS) -> dict[str, str]:
    """Return what became of the mutants that were tried before, in the folder as it is."""
    results: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    return results


def remember(results: Mapping[str, str], path: Path = RESULTS) -> None:
    """Write down what became of mutants, beside what is known."""
    path.write_text(json.dumps(known(path) | dict(results), indent=1))


def still_open(mutants: Sequence[str]) -> Iterator[str]:
    """Yield the mutants that no run has noticed yet."""
    before = known()
    return (mutant for mutant in mutants if before.get(mutant) not in ("noticed", "endless"))
