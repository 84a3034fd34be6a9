"""The notebooks' gate catches what a widget would hide, in notebooks broken on purpose."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
SETUP = "import ipywidgets\nout = ipywidgets.Output()"
BROKEN = "def broken(_):\n    raise KeyError('as planned')\n"

BAD = {
    "handler": (
        f"{BROKEN}button = ipywidgets.Button()\nbutton.on_click(broken)\nbutton.click()",
        "KeyError",
    ),
    "output": ("with out:\n    raise KeyError('as planned')", "KeyError"),
    "captured": (
        "@out.capture()\ndef broken():\n    raise KeyError('as planned')\n\nbroken()",
        "KeyError",
    ),
    "state": (
        (
            "error = {'output_type': 'error', 'ename': 'KeyError', 'evalue': 'as planned'}\n"
            "out.outputs = ({**error, 'traceback': []},)"
        ),
        "a widget of this cell hides an error: KeyError: as planned",
    ),
    "panel": (
        "import bmux_forensics as bf\npanel = bf.KillPanel('no-such.json')",
        "a widget of this cell hides an error: .*no-such.json",
    ),
    "changed": ("print('what it says now')", "stale"),
}
"""Source of a cell, and what its failure has to say."""


def notebook(path: Path) -> None:
    """Write a notebook with a cell for every way to fail, and two sound ones around them."""
    sources = [SETUP, *(cell for cell, _ in BAD.values()), "with out:\n    print('fine')"]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]  # type: ignore[no-untyped-call]  # has no types
    for number, one in enumerate(cells, 1):
        one.execution_count = number
    for cell, shown in ((cells[-2], "stale\n"), (cells[-1], "fine\n")):
        cell.outputs = [nbformat.v4.new_output("stream", text=shown)]  # type: ignore[no-untyped-call]  # as above
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)  # type: ignore[no-untyped-call]  # as above


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Run the notebook through the gate, as `make test` does."""
    folder = tmp_path_factory.mktemp("broken")
    notebook(folder / "broken.ipynb")
    # A base of its own: making the usual one takes rights from a folder that other tests are in.
    options = ("-p", "tests.notebook_gate", "--nbval", "-p", "no:cacheprovider", "-rA")
    base = ("--basetemp", str(tmp_path_factory.mktemp("base") / "run"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *base, "--rootdir", str(folder), str(folder)],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "300", "BMUX_FORENSICS_STATE_DIR": str(folder / "state")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", BAD)
def test_it_fails(name: str, report: str) -> None:
    cell = f"Cell {list(BAD).index(name) + 1}"
    assert re.search(rf"^FAILED .*::{cell}\b", report, re.MULTILINE)
    section = re.search(
        rf"^_+ .*::{cell} _+\n(.*?)(?=^_{{3,}}|^={{3,}})", report, re.MULTILINE | re.DOTALL
    )
    assert section is not None
    assert re.search(BAD[name][1], section[1])


def test_what_is_sound_passes(report: str) -> None:
    assert len(re.findall(r"^FAILED", report, re.MULTILINE)) == len(BAD)
    for cell in ("Cell 0", f"Cell {len(BAD) + 1}"):
        assert re.search(rf"^PASSED .*::{cell}\b", report, re.MULTILINE)
