"""The recorder itself: what it counts is what a run prints and writes down."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

TRIES = """
import pytest

@pytest.mark.parametrize("count", [2, 3])
def test_some(figures, soak, count):
    for _ in range(count):
        with figures.trying("crash here"):
            pass
    figures.add("input there", 10 if soak else 1, unit="inputs")

def test_lost(figures):
    with figures.trying("crash here"):
        raise OSError
"""

ALONE = (sys.executable, "-m", "pytest", "-c", "/dev/null", "-p", "tests.conftest")


@pytest.mark.parametrize(("option", "inputs"), [((), 2), (("--soak",), 20)])
def test_a_run_prints_and_writes_what_was_tried_and_lost(
    option: tuple[str, ...], inputs: int, tmp_path: Path
) -> None:
    test = tmp_path / "test_tries.py"
    test.write_text(TRIES)
    written = tmp_path / "out" / "figures.json"
    # A base of its own: making the usual one takes rights from a folder that other tests are in.
    base = ("--basetemp", str(tmp_path / "base"))
    done = subprocess.run(
        [*ALONE, *base, "--rootdir", str(tmp_path), *option, "--figures", str(written), str(test)],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "crash here: 6 points tried, 5 survived, 1 lost" in done.stdout
    assert f"input there: {inputs} inputs tried, {inputs} survived, 0 lost" in done.stdout
    told = json.loads(written.read_text())
    command = " ".join(["pytest", *option, "test_tries.py::test_lost test_tries.py::test_some"])
    assert told["soak"] is bool(option)
    assert told["figures"][0] == {
        "fault": "crash here",
        "tried": 6,
        "survived": 5,
        "losses": 1,
        "unit": "points",
        "command": command,
    }
