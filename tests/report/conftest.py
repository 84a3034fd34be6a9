"""The command line as the tests of `tests/cli` run it, and a browser where there is one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.conftest import _inside, cli, run, start

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["_inside", "cli", "run", "start"]

ARTEFACTS = Path(__file__).resolve().parents[2] / "artefacts" / "report"
"""Where pictures of what a browser showed are left, for people to look at."""

_FLAGS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--disable-sync",
    "--disable-extensions",
]


@dataclass
class Opened:
    """A page in a browser, and everything it asked for or complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def photograph(self, name: str, **options: Any) -> None:
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=ARTEFACTS / f"{name}.png", **options)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Give Debian's Chromium, headless.

    Not for the whole session: while its driver runs, no other one can be started in
    the same process, and another module may have its own.
    """
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("there is no chromium on this machine: the report is not opened in a browser")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where it is used

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Opened]]:
    """Open a file from the disk in a window of its own, with no network at all."""
    with ExitStack() as stack:

        def opened(path: Path, **options: Any) -> Opened:
            context = browser.new_context(offline=True, service_workers="block", **options)
            stack.callback(context.close)
            found = Opened(context.new_page())
            found.page.on("request", lambda request: found.requests.append(request.url))
            found.page.on("console", lambda message: found.complaints.append(message.text))
            found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
            found.page.on("dialog", lambda dialog: found.complaints.append(dialog.message))
            found.page.goto(path.as_uri())
            return found

        yield opened
