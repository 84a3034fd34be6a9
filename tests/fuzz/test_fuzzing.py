"""Coverage-guided fuzzing of every place where evidence comes in: nothing may come of it.

Never an exception but `ForensicsError`, never a hang, never a file written or a process
started. A failure leaves its input in the temporary folder of the test: put it into
``corpus/<target>/``, and it is tried first from then on.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.figures import Figures
from tests.fuzz.seeds import regressions
from tests.fuzz.targets import TARGETS, attempt

_ROOT = Path(__file__).resolve().parents[2]
_RUNS = 300
_SOAK_SECONDS = 300

needs_atheris = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None,
    reason="not tried: fuzzing guided by coverage (there is no atheris for this platform)",
)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory, *, soak: bool) -> Path:
    """Fuzz all targets, one after another; give the folder of what came of it."""
    folder = tmp_path_factory.mktemp("fuzzing")
    amount = ("0", str(_SOAK_SECONDS)) if soak else (str(_RUNS), "0")
    subprocess.run(
        [sys.executable, "-m", "tests.fuzz.drive", str(folder), *amount],
        cwd=_ROOT,
        capture_output=True,
        check=False,
    )
    return folder


@needs_atheris
@pytest.mark.parametrize("target", TARGETS)
def test_no_input_does_any_harm(target: str, fuzzed: Path, figures: Figures) -> None:
    log = (fuzzed / f"{target}.log").read_text(errors="replace")
    found = sorted(path.name for path in fuzzed.glob(f"{target}-*"))
    done = re.search(r"^Done (\d+) runs", log, re.MULTILINE)
    lost = bool(found) or done is None
    figures.add(f"fuzzing: {target}", int(done[1]) if done else 1, losses=int(lost), unit="inputs")
    assert not lost, f"{found} in {fuzzed}:\n{log[-3000:]}"


@pytest.mark.parametrize("target", TARGETS)
def test_what_was_found_once_is_found_no_more(target: str, figures: Figures) -> None:
    for data in regressions(target):
        with figures.trying(f"fuzzing: {target}", unit="inputs"):
            attempt(TARGETS[target], data)


# --- the guard itself ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "deed",
    [
        "open('x', 'w')",
        "os.open('x', os.O_CREAT)",
        "os.mkdir('x')",
        "os.kill(os.getpid(), 0)",
        "os.unlink('there')",
        "subprocess.run(['true'])",
    ],
)
def test_the_guard_refuses_whatever_changes_something(deed: str, tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    program = "import os, subprocess, sys\nfrom tests.fuzz.guard import forbid_changes\n"
    program += "open(sys.argv[1]).close()\nforbid_changes()\nopen(sys.argv[1]).close()\n"
    program += f"os.chdir(sys.argv[2])\ntry:\n    {deed}\nexcept Exception:\n    pass\n"
    done = subprocess.run(
        [sys.executable, "-c", program, __file__, str(tmp_path)],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ForbiddenError" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
