"""The command line as the tests of `tests/cli` run it, inside a folder of its own."""

from __future__ import annotations

from tests.cli.conftest import _inside, cli, run, start, terminal

__all__ = ["_inside", "cli", "run", "start", "terminal"]
