"""The table of the page comes from a real run, with no losses, and its commands are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .operations import OPERATIONS
from .promises import BEGIN, END, PAGE, table, written

ROOT = PAGE.parents[1]


@pytest.fixture
def rows() -> list[list[str]]:
    inside = PAGE.read_text().partition(BEGIN)[2].partition(END)[0]
    lines = [line for line in inside.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_row_is_of_a_run_that_lost_nothing(rows: list[list[str]]) -> None:
    assert len(rows) >= len(OPERATIONS)
    for fault, tried, survived, losses, command in rows:
        assert losses == "0", fault
        assert int(tried.split()[0]) == int(survived) > 0, fault
        for place in re.findall(r"(tests/\S+?)::(\w+)", command):
            assert f"def {place[1]}(" in Path(ROOT, place[0]).read_text(), command


def test_every_operation_was_broken_in_both_ways(rows: list[list[str]]) -> None:
    known = {fault for fault, *_ in rows}
    for operation in OPERATIONS.values():
        assert f"crash (SIGKILL) during {operation.name}" in known
        assert f"error during {operation.name}" in known


def test_the_last_run_of_a_kind_counts() -> None:
    figure = {"fault": "f", "tried": 2, "survived": 1, "losses": 1, "unit": "points"}
    run = {"when": "2026-01-02T03:04:05+00:00", "python": "3.11", "system": "Linux 6"}
    runs = [
        {**run, "figures": [{**figure, "command": "pytest a"}], "skipped": {}},
        {**run, "figures": [{**figure, "command": "pytest b"}], "skipped": {"t": "no loop"}},
    ]
    found = table(runs)
    assert "| f | 2 points | 1 | 1 | `pytest b` |" in found
    assert "pytest a" not in found
    assert "Not tried there: no loop." in found
    page = f"top\n{BEGIN}old\n{END}end\n"
    assert written(written(page, "x"), found) == written(page, found)
    assert written(page, found).startswith("top\n")
    assert written(page, found).endswith("end\n")
