"""While one large snapshot is worked on, a terminal is told; nothing else is, and no short work."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.worlds import make_snapshot
from bmux_forensics.cli import working as module
from bmux_forensics.cli.working import CLEAR, note, working
from tests.actions.scenes import save

from .conftest import Run, Terminal

Open = Callable[..., Terminal]
# How long a machine takes decides nothing here: the moment that nobody minds is over at once.
IMPATIENT = (
    "-c",
    """import sys
from bmux_forensics.cli import main, working
working._PATIENCE = 0.001
sys.exit(main())
""",
)
ON_FILE = [
    ["audit", "big.json"],
    ["report", "big.json", "-o", "page.html"],
    ["repair", "big.json", "-n"],
    ["kill", "work-0", "--yes", "--snapshot", "big.json"],
    ["undo", "--yes", "--snapshot", "big.json"],
]


@pytest.fixture(scope="module")
def big() -> bytes:
    return make_snapshot(300)


def test_work_that_lasts_shows_signs_of_life_and_takes_them_back(
    big: bytes, terminal: Open, tmp_path: Path
) -> None:
    save(tmp_path / "big.json", big)
    for arguments in ON_FILE:
        screen = terminal(*arguments, program=IMPATIENT)
        assert screen.finish() in (0, 1)
        told = re.findall(r"\r\x1b\[K(\w+): working, \d+ s", screen.shown)
        assert set(told) == {arguments[0]}
        # The line is taken back before anything else is said.
        last = screen.shown.rpartition(" s\r\x1b[K")[2]
        assert last
        assert "working" not in last


def test_quiet_is_quiet_and_a_pipe_is_told_nothing(
    big: bytes, terminal: Open, run: Run, tmp_path: Path
) -> None:
    save(tmp_path / "big.json", big)
    screen = terminal("repair", "big.json", "-n", "--quiet", program=IMPATIENT)
    assert screen.finish() == 0
    assert "working" not in screen.shown
    assert CLEAR not in screen.shown
    done = run("repair", "big.json", "-n")
    assert (done.code, "working" in done.err, "\x1b" in done.err) == (0, False, False)


class _Screen:
    def __init__(self) -> None:
        self.shown = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> None:
        self.shown += text

    def flush(self) -> None:
        pass


def test_short_work_shows_nothing_and_long_work_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = _Screen()
    monkeypatch.setattr("sys.stderr", screen)
    with working("audit", quiet=False):
        assert note("1 of 2 files")
    assert screen.shown == ""
    monkeypatch.setattr(module, "_PATIENCE", 0.02)
    with working("audit", quiet=False):
        assert note("1 of 2 files")
        while screen.shown.count("audit: 1 of 2 files, 0 s") < 2:
            time.sleep(0.01)
    assert screen.shown.startswith(f"{CLEAR}audit: 1 of 2 files, 0 s{CLEAR}audit: ")
    assert screen.shown.endswith(f" s{CLEAR}")
    assert not note("nothing is shown any more")
    with pytest.raises(ZeroDivisionError), working("audit", quiet=False):
        raise ZeroDivisionError
    screen.shown = ""
    with working("audit", quiet=True):
        assert not note("quiet")
        time.sleep(0.1)
    assert screen.shown == ""
