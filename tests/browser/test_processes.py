"""A kill that ends a process, in a real browser: what is asked for, refused, done and told.

JupyterLab and the processes are in a PID namespace of their own: there is nothing else to hit.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.conftest import wait_until

from .driving import MARKER, NOTEBOOK, PATIENCE, press, preview, shelve, tick
from .lab import CHROMIUM, ROOT, Tab, browser, lab

pytestmark = [
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser: {CHROMIUM} is not there"),
    pytest.mark.filterwarnings("ignore"),  # the browser's driver has its own
]

STAGE = Path(__file__).with_name("staged_lab.py")
UNSHARE = (
    *("unshare", "--pid", "--fork", "--kill-child", "--mount-proc"),
    *(() if os.geteuid() == 0 else ("--map-root-user",)),
)
PRESS_ANYWAY = "b => { b.disabled = false; b.click(); b.disabled = true; }"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    command = [*UNSHARE, "true"]
    if not sys.platform.startswith("linux") or subprocess.run(command, check=False).returncode:
        pytest.skip("no private PID namespaces here")
    return tmp_path


@pytest.fixture
def tab(folder: Path) -> Iterator[Tab]:
    python = ("env", f"PYTHONPATH={ROOT}", sys.executable)
    around = (*UNSHARE, *python, str(STAGE), str(folder))
    with lab(folder, shelve(folder), around=around) as address, browser(address) as opened:
        opened.open(NOTEBOOK)
        opened.run_all(MARKER)
        yield opened


def test_a_process_is_ended_only_when_that_was_typed(tab: Tab, folder: Path) -> None:
    ended = folder / "doomed.ended"
    picked = tab.panel("picker").locator(".bf-message", has_text="bmux's own")
    picked.wait_for(timeout=PATIENCE)
    kill = tab.panel("kill")
    tick(kill, "doomed")
    preview(kill)
    plan = kill.locator(".bf-plan", has_text="1 process group will be ended")
    plan.wait_for(timeout=PATIENCE)
    assert plan.get_by_role("cell", name="confirmed", exact=True).count() == 1
    kill.locator(".bf-picture-area details img.bf-light").wait_for(
        state="attached", timeout=PATIENCE
    )
    tab.shoot("kill-process-plan", kill)
    word, button = kill.get_by_label("Type “end 1” to confirm"), kill.locator("button.bf-apply")
    for typed in ("", "yes", "end 2"):
        word.fill(typed)
        assert button.is_disabled()
    button.evaluate(PRESS_ANYWAY)
    word.fill("end 1")
    kill.locator("button.bf-apply:not([disabled])").wait_for(timeout=PATIENCE)
    assert not ended.exists()  # what was pressed before the word was there did nothing
    press(kill, "apply", "Killed 1 session: doomed; 1 process group ended")
    assert kill.locator(".bf-outcome").get_by_role("cell", name="ended", exact=True).count() == 1
    wait_until(ended.exists, "the process has ended")
    assert ended.read_text() in ("-1", "-15")  # hung up or terminated
    assert kill.get_by_label("doomed", exact=True).count() == 0
    tab.shoot("kill-process-ended", kill)
    press(kill, "undo", "Processes that were ended stay ended")
    kill.get_by_label("doomed", exact=True).wait_for(timeout=PATIENCE)
    assert not (folder / "spared.ended").exists()
    assert tab.errors() == []
