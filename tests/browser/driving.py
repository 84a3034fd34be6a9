"""What a person does with panels, and the notebooks they do it in."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import nbformat

from .lab import ROOT

NOTEBOOK: Final = "05-drive-everything.ipynb"
MARKER: Final = "all panels are there"
PATIENCE: Final = 60_000


def shelve(folder: Path) -> Path:
    """Copy the notebooks; the one with the panels says at its end that it is there."""
    shelf = folder / "shelf"
    shutil.copytree(ROOT / "notebooks", shelf, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    notebook = read(shelf)
    save(shelf / NOTEBOOK, notebook, notebook.cells)
    return shelf


def read(shelf: Path) -> Any:
    return nbformat.read(shelf / NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]  # has no types


def save(path: Path, notebook: Any, cells: Iterable[Any]) -> None:
    """Write a notebook that holds other cells, and says at its end that it is there."""
    words = ", ".join(map(repr, MARKER.split()))  # the source must not hold what it prints
    last = nbformat.v4.new_code_cell(f"print({words})")  # type: ignore[no-untyped-call]  # has no types
    notebook.cells = [*cells, last]
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]  # as above


def preview(panel: Any) -> None:
    panel.locator(".bf-preview").click()
    panel.locator(".bf-plan h4").first.wait_for(timeout=PATIENCE)


def press(panel: Any, button: str, says: str, where: str = "outcome") -> None:
    """Press a button and wait for what the panel says then."""
    panel.locator(f"button.bf-{button}:not([disabled])").click(timeout=PATIENCE)
    panel.locator(f".bf-{where} .bf-note", has_text=says).wait_for(timeout=PATIENCE)


def tick(panel: Any, name: str) -> None:
    panel.get_by_label(name, exact=True).check(timeout=PATIENCE)
