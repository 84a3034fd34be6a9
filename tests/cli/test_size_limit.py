"""No verb reads more than it was allowed to, and each can be told to read it all the same."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import pytest

from bmux_forensics.cli.app import VERBS
from tests.actions.scenes import ALPHA, Trace, below

from .conftest import Run

READING = ("info", "tables", "audit", "processes", "timeline")
CHANGING = ("repair", "kill")
NO_CONTENT = {
    "undo": "what was changed can be taken back, whatever its size",
    "history": "reads the journal alone",
    "verify": "reads the journal and the backups, piece by piece",
    "backups": "reads the names of backups",
    "unlock": "reads the lock",
}
"""Verbs that read no snapshot, or none that was not let in before."""


def arguments(verb: str, path: Path) -> list[object]:
    return {
        "kill": ["kill", ALPHA, "--snapshot", path, "--yes"],
        "repair": ["repair", path, "--yes"],
        "diff": ["diff", path, path],
        "find": ["find", "--session", ALPHA, path],
        "salvage": ["salvage", path, "-o", path.with_name("new.json")],
    }.get(verb, [verb, path])


@pytest.mark.parametrize("verb", sorted(set(VERBS) - set(NO_CONTENT)))
def test_every_verb_that_reads_snapshots_has_the_flag(verb: str) -> None:
    command = importlib.import_module(f"bmux_forensics.cli.{verb}").command
    assert "--size-limit" in {name for option in command.params for name in option.opts}


@pytest.mark.parametrize("verb", [*READING, *CHANGING, "diff", "find", "salvage"])
def test_what_is_larger_is_refused_and_can_be_let_in(verb: str, cli: Run, snapshot: Path) -> None:
    before = Trace.of(snapshot)
    done = cli(*arguments(verb, snapshot), "--size-limit", 100)
    assert done.code == 3, done.err
    assert "at most 100 bytes" in done.err
    assert Trace.of(snapshot) == before
    assert below(snapshot.parent) == [snapshot.name]
    assert cli(*arguments(verb, snapshot), "--size-limit", 0).code in (0, 1)


def test_a_gigabyte_of_white_space_is_not_even_read(cli: Run, tmp_path: Path) -> None:
    path = tmp_path / "wide.json"
    path.write_bytes(b"{")
    os.truncate(path, (1 << 30) + 1)  # no disk, no time: it has holes
    for verb in (*READING, *CHANGING):
        done = cli(*arguments(verb, path))
        assert done.code == 3
        assert f"at most {1 << 30} bytes" in done.err
    assert path.stat().st_blocks < 100
