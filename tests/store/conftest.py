"""Real files, real processes: nothing of the store is replaced by a stand-in."""

from __future__ import annotations

import errno
import os
import pwd
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Start = Callable[..., subprocess.Popen[str]]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep every test out of the user's own state folder."""
    path = tmp_path / "state"
    monkeypatch.setenv("BMUX_FORENSICS_STATE_DIR", str(path))
    return path


@pytest.fixture
def users_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home for the user 65534 of group 65533; the machine's own has none that exists."""
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 65534, 65533)
    entry = pwd.struct_passwd(("nobody", "x", 65534, 65533, "", str(home), "/bin/false"))
    monkeypatch.setattr(pwd, "getpwuid", lambda _: entry)
    monkeypatch.delenv("BMUX_FORENSICS_STATE_DIR")
    return home


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    folder = tmp_path / "runtime"
    folder.mkdir()
    path = folder / "snap.json"
    path.write_bytes(b"old")
    return path


@pytest.fixture
def start() -> Iterator[Start]:
    """Start Python code in a process of its own; what runs at the end is killed and reaped."""
    running: list[subprocess.Popen[str]] = []

    def run(code: str, *arguments: object, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*prefix, sys.executable, "-c", code, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        running.append(process)
        return process

    yield run
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def said(process: subprocess.Popen[str]) -> str:
    """Wait for the next line that the process writes."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def finished(process: subprocess.Popen[str], code: int = 0) -> str:
    """Wait for the end and return what the process wrote."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    return out


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


NOBODY = """
import os, sys
os.chdir("/")
os.setgroups([]); os.setgid(65534); os.setuid(65534)
"""


def as_nobody(code: str, *arguments: object) -> str:
    """Run code as a user who owns nothing, whose way to the test's folder is open."""
    if os.geteuid() != 0:
        pytest.skip("not root: what another user may do was not tried")
    for argument in arguments:
        # pytest keeps its folders for their owner alone.
        for folder in Path(str(argument)).parents[:-2]:
            folder.chmod(folder.stat().st_mode | 0o055)
    done = subprocess.run(
        # Modules are looked up before the rights are dropped: the checkout may be private.
        [sys.executable, "-c", PRELOAD + NOBODY + code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


PRELOAD = """
import bmux_forensics.store.reading, bmux_forensics.store.lock, bmux_forensics.store.replace
import encodings.ascii, pwd, platformdirs, platformdirs.unix
from bmux_forensics.store.process import this_process
this_process()
import bmux_forensics.store.backup, bmux_forensics.store.aside, bmux_forensics.store.unlock
import bmux_forensics.store.journal
"""


def fails(monkeypatch: pytest.MonkeyPatch, call: str, number: int = errno.EIO) -> None:
    """Let the system refuse a call of `os` from now on."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, refuse)


@contextmanager
def refusing(call: str, number: int = errno.EIO) -> Iterator[None]:
    """Let the system refuse a call of `os` inside the block."""
    with pytest.MonkeyPatch.context() as patched:
        fails(patched, call, number)
        yield


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be on a file system that has no hard links."""
    fails(monkeypatch, "link", errno.EPERM)


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """List the inodes that are brought to the disk, while they really are."""
    found: list[int] = []
    fsync = os.fsync

    def noted(fd: int) -> None:
        found.append(os.fstat(fd).st_ino)
        fsync(fd)

    monkeypatch.setattr(os, "fsync", noted)
    return found
