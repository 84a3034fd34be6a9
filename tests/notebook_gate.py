"""A plugin for nbval: an error that a widget hides fails the cell that it came up in.

nbval runs a notebook's cells and compares outputs, but passes over every message about
widgets. An exception inside an Output widget can end as a mere part of that widget's
state, and a panel of ours shows a refusal as a line of its own: neither is an output of
the cell. Here each such message is read as it comes by. Use it with
``pytest -p tests.notebook_gate --nbval ...``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from nbval.kernel import RunningKernel

_REFUSAL: Final = re.compile(r'class="bf-note bf-failed"[^>]*>(.*)', re.DOTALL)
_TAG: Final = re.compile("<[^>]*>")


class HiddenErrorError(Exception):
    """A widget's state holds an error."""


def hidden_errors(message: dict[str, Any]) -> Iterator[str]:
    """Give the errors in a message about a widget: of an Output's state, or on a panel."""
    if not message["msg_type"].startswith("comm"):
        return
    state = message["content"].get("data", {}).get("state", {})
    for output in state.get("outputs", ()):
        if output.get("output_type") == "error":
            yield f"{output.get('ename')}: {output.get('evalue')}"
    value = state.get("value")
    if isinstance(value, str):
        yield from (_TAG.sub(" ", found).strip() for found in _REFUSAL.findall(value))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Run a cell of a notebook, and fail it for what its widgets hide."""
    if type(item).__name__ != "IPyNbCell":
        return (yield)
    found: list[str] = []
    read = RunningKernel.get_message

    def reading(kernel: Any, stream: str, timeout: float | None = None) -> Any:
        message = read(kernel, stream, timeout=timeout)
        found.extend(hidden_errors(message))
        return message

    RunningKernel.get_message = reading
    try:
        result = yield
    finally:
        RunningKernel.get_message = read
    if found:
        raise HiddenErrorError(f"a widget of this cell hides an error: {'; '.join(found)}")
    return result
