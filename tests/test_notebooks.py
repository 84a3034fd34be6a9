"""The notebooks are one path, hold no logic of their own, and give no machine away."""

from __future__ import annotations

import ast
import itertools
import re
import runpy
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LOGIC = (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.While, ast.Try, ast.If, ast.With)
MACHINE = re.compile(r"/(?:tmp|root|var|work|Users)/|/home/(?!user\b|ada\b)")


def cells(path: Path, kind: str) -> list[Any]:
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]  # has no types
    return [cell for cell in notebook.cells if cell.cell_type == kind]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_holds_no_logic_and_uses_public_names(path: Path) -> None:
    tree = ast.parse("\n".join(cell.source for cell in cells(path, "code")))
    nodes = list(ast.walk(tree))
    assert [ast.unparse(node) for node in nodes if isinstance(node, LOGIC)] == []
    imported = {
        alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    assert not {name for name in imported if name.startswith("bmux_forensics.")}
    names = [n.attr for n in nodes if isinstance(n, ast.Attribute) and n.attr.startswith("_")]
    assert names == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_its_outputs_are_of_no_machine(path: Path) -> None:
    outputs = [output for cell in cells(path, "code") for output in cell.outputs]
    assert MACHINE.findall(str(outputs)) == []
    assert not re.search(r" object at 0x|Traceback", str(outputs))
    assert "{&#39;" not in str(outputs)  # no table shows Python's own writing of what is in a cell


def test_one_leads_to_the_next() -> None:
    for one, other in itertools.pairwise(NOTEBOOKS):
        text = "\n".join(cell.source for cell in cells(one, "markdown"))
        assert f"({other.name})" in text


def test_what_is_staged_differs_from_the_sample_as_it_is_said_to() -> None:
    staging = runpy.run_path(str(ROOT / "notebooks" / "staging.py"))
    data = staging["DAY"].read_bytes()
    assert staging["_with_row"](data, "tab-1", lambda _: None) == data
    assert len(staging["lose_the_focused_pane"](data, "tab-1")) < len(data)
    assert staging["forbid_to_resume"](data, "tab-3") != data
