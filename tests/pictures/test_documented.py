"""The pictures in the README are the ones that are drawn now."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "pictures"
SCRIPT = runpy.run_path(str(FOLDER / "__main__.py"))


@pytest.mark.parametrize("name", SCRIPT["PICTURES"])
def test_a_picture_is_the_one_that_is_drawn_now(name: str) -> None:
    drawn = SCRIPT["PICTURES"][name]().svg()
    stored = (FOLDER / name).read_text(encoding="utf-8")
    assert drawn == stored, "run `make pictures` and look at the difference"


def test_every_picture_is_shown_and_said_in_words() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = dict(re.findall(r"!\[([^\]]+)\]\(docs/pictures/([a-z-]+\.svg)\)", readme))
    assert sorted(shown.values()) == sorted(SCRIPT["PICTURES"])
    assert sorted(path.name for path in FOLDER.glob("*.svg")) == sorted(SCRIPT["PICTURES"])


def test_the_script_draws_them_all(tmp_path: Path) -> None:
    copy = tmp_path / "docs" / "pictures"
    copy.mkdir(parents=True)
    shutil.copy(FOLDER / "__main__.py", copy)
    for folder in ("sample_snapshots", "tests/data/restore"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    subprocess.run([sys.executable, copy], cwd=ROOT, check=True, timeout=120)
    assert sorted(p.name for p in copy.glob("*.svg")) == sorted(SCRIPT["PICTURES"])
