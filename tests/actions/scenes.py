"""Places to try the door and the command line in: an environment, snapshots, children."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.worlds import SECRET, World, contexts_tree, pane, part, runtime, session

ROOT = Path(__file__).resolve().parents[2]
SAVED = 1_700_000_000_123_456_789
"""When the snapshots of these tests were saved, in nanoseconds."""

ALPHA = "aaaaaaaa-0000-4000-8000-000000000001"
BETA = "bbbbbbbb-0000-4000-8000-000000000002"
GAMMA = "bbbbbbbb-0000-4000-8000-000000000003"
DASH = "dddddddd-0000-4000-8000-000000000004"
EVIL = "eeeeeeee-0000-4000-8000-000000000005"
EVIL_NAME = "x\x1b[31mred\u202egnol\n\x07\x9b2J"
CONTEXT = "cccccccc-0000-4000-8000-000000000001"
PGIDS = (2_000_000_001, 2_000_000_002)


def world() -> World:
    """Give five sessions: one with all that goes with it, two alike, two with bad names."""
    sessions = [
        session(ALPHA, "alpha"),
        session(BETA, "twin"),
        session(GAMMA, "twin"),
        session(DASH, "-dash"),
        session(EVIL, EVIL_NAME),
    ]
    contexts = contexts_tree(
        contexts={CONTEXT: {"id": CONTEXT, "name": None, "attributes": {"bmux.session_id": ALPHA}}},
        session_by_context={CONTEXT: ALPHA},
        mru_contexts=[CONTEXT],
    )
    command: dict[str, Any] = {"program": "=cmd", "args": [], "cwd": None, "env": {"TOKEN": SECRET}}
    panes = [pane(ALPHA, PGIDS[0], launch_command=command), pane(BETA, PGIDS[1])]
    return World(
        (
            part("sessions", sessions),
            part("contexts", contexts),
            part("panes", {"sessions": [runtime(ALPHA, *panes)]}, 2),
        )
    )


def save(path: Path, raw: bytes, mode: int = 0o640) -> Path:
    """Write a file as bmux left it some time ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    path.chmod(mode)
    os.utime(path, ns=(SAVED, SAVED))
    return path


def environment(folder: Path) -> dict[str, str]:
    """Give the variables of a child that must not leave a folder."""
    names = ("HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
    return {
        **{name: str(folder / name.lower()) for name in names},
        "XDG_RUNTIME_DIR": str(folder / "xdg_runtime"),
        "BMUX_DATA_DIR": str(folder / "bmux-data"),
        "BMUX_RUNTIME_DIR": str(folder / "bmux-run"),
        "BMUX_FORENSICS_STATE_DIR": str(folder / "state"),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "LC_ALL": "C.UTF-8",
        "TERM": "xterm",
    }


def isolate(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Keep this process inside a folder too."""
    for name in list(os.environ):
        if name.startswith(("BMUX_", "XDG_")) or name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
            monkeypatch.delenv(name)
    for name, value in environment(folder).items():
        monkeypatch.setenv(name, value)


@dataclass(frozen=True)
class Trace:
    """What a file was: equal as long as nobody touched it."""

    raw: bytes
    inode: int
    mtime_ns: int
    mode: int
    owner: tuple[int, int]

    @classmethod
    def of(cls, path: Path) -> Trace:
        status = path.stat()
        return cls(
            path.read_bytes(),
            status.st_ino,
            status.st_mtime_ns,
            status.st_mode,
            (status.st_uid, status.st_gid),
        )


def below(folder: Path) -> list[str]:
    """List every name in a folder, at any depth."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def backups(folder: Path) -> list[Path]:
    return sorted((folder / "state").rglob("*.backup"))


def eventually(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """Wait until something holds, and return it."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)
    return value


def child(*arguments: str, folder: Path, **options: Any) -> subprocess.Popen[str]:
    """Start Python in a process of its own that stays inside a folder."""
    settings: dict[str, Any] = {
        "stdin": subprocess.PIPE,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
        "env": environment(folder),
        "cwd": folder,
    }
    return subprocess.Popen([sys.executable, *arguments], **{**settings, **options})


def end(process: subprocess.Popen[str]) -> None:
    """End a child that a failed test left running, and reap it."""
    if process.poll() is None:
        process.kill()
    process.communicate()


def open_to_others(folder: Path) -> None:
    """Let another user into a test's folder; skip where we can't become one."""
    if os.geteuid() != 0:
        pytest.skip("not root: what another user may do was not tried")
    for place in [folder, *folder.parents[:-2]]:
        place.chmod(place.stat().st_mode | 0o011)  # pytest keeps its folders for their owner alone


AS_NOBODY = """
import contextlib, io, os, pathlib, sys
from bmux_forensics.cli.app import _run, main
# Another user may be unable to read the interpreter: a rehearsal loads all there is to load.
scratch = pathlib.Path(sys.argv[1])
state = os.environ["BMUX_FORENSICS_STATE_DIR"]
os.environ["BMUX_FORENSICS_STATE_DIR"] = str(scratch / "state")
bad = scratch / "bad.json"
bad.write_bytes(b"")
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    for verb in ("info", "tables"):
        _run([verb, str(scratch / "snap.json")])
        _run([verb, str(bad), "--json"])
    _run(["kill", "alpha", "--yes", "--json", "--snapshot", str(scratch / "snap.json")])
    _run(["kill", "-dash", "--snapshot", str(bad)])
    _run(["unlock", "--snapshot", str(bad), "--json"])
os.environ["BMUX_FORENSICS_STATE_DIR"] = state
os.setgroups([]); os.setgid(65534); os.setuid(65534)
main(sys.argv[2:])
"""
"""Runs the command line as a user who owns nothing; its first argument is a scratch folder."""
