"""Runs as PID 1 of a private PID namespace: panes' processes, bmux's snapshot of them, a server.

It is started by test_processes.py, with the command of the server. Nothing in here can reach a
process outside of the namespace, and all of it ends with this one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from tests.host.namespace_scenario import wait_until
from tests.processes.namespace_scenario import own_snapshot
from tests.processes.namespace_scenario import save as save_snapshot

NAMES: Final = ("doomed", "spared")
PANE: Final = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"


def start(folder: Path, name: str) -> int:
    """Start a pane's child: in a session of its own, with what a server gives to panes."""
    child = subprocess.Popen(
        [sys.executable, "-S", "-c", PANE, str(folder / f"{name}.ready")],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "BMUX_RUNTIME_NAME": "default", "BMUX_PANE": "1"},
    )
    wait_until((folder / f"{name}.ready").exists, "the child has started")
    return child.pid


def main(folder: Path, command: list[str]) -> int:
    """Stage everything; say of each child when and how it ended; end with the server."""
    groups = {name: start(folder, name) for name in NAMES}
    save_snapshot(own_snapshot(), groups, time.time())
    server = subprocess.Popen(command)
    names = {pid: name for name, pid in groups.items()}
    while True:
        pid, status = os.wait()
        code = os.waitstatus_to_exitcode(status)
        if pid in names:
            (folder / f"{names[pid]}.ended").write_text(str(code))
        if pid == server.pid:
            return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
