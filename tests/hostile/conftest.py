"""The command line as the tests of `tests/cli` run it, and the texts that evidence says."""

from __future__ import annotations

import pytest

from tests.cli.conftest import _inside, cli, own, run, snapshot, start, terminal
from tests.figures import is_soak

from .evidence import EVIL

__all__ = ["_inside", "cli", "own", "run", "snapshot", "start", "terminal"]

_AT_ONCE = {
    "formula": EVIL["formula"],
    "path": EVIL["path"],
    "all": "".join(text for name, text in EVIL.items() if name != "formula"),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try every text by itself where there is time, else most of them in one."""
    if "text" in metafunc.fixturenames:
        texts = EVIL if is_soak(metafunc.config) else _AT_ONCE
        metafunc.parametrize("text", texts.values(), ids=list(texts))
