"""Children that every test can start, and that are gone afterwards whatever happened."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd
import psutil
import pytest

from bmux_forensics.host.census import Census, take_census
from bmux_forensics.host.verdicts import judge_groups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

DEADLINE = 10.0
"""Seconds that a condition may take to come true; waiting ends as soon as it does."""


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Watch a condition until it holds; there is no sleeping in place of one."""
    limit = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > limit:
            pytest.fail(f"still not so after {DEADLINE} s: {what}")
        time.sleep(0.002)


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _environ(pid: int) -> dict[str, str]:
    try:
        return psutil.Process(pid).environ()
    except (psutil.Error, OSError):
        return {}


@dataclass
class Nursery:
    """Starts children in sessions of their own, and ends every one of them at the end.

    Descendants that left their parent's session are found by a variable that only this
    nursery's children carry, and ended one by one after a look at that variable.
    """

    token: str
    folder: Path
    children: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        own_session: bool = True,
        bmux: bool = True,
        executable: str | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a child; with `bmux` it carries the environment of a pane."""
        variables = {k: v for k, v in os.environ.items() if not k.startswith("BMUX_")}
        variables |= {"NURSERY": self.token, **(env or {})}
        if bmux:
            variables |= {"BMUX_RUNTIME_NAME": "default", "BMUX_PANE": "1"}
        child = subprocess.Popen(
            command,
            env=variables,
            cwd=cwd or self.folder,
            start_new_session=own_session,
            stdin=subprocess.DEVNULL,
            executable=executable,
        )
        self.children.append(child)
        # While a program starts, there is a moment in which its environment reads as empty.
        wait_until(lambda: not is_running(child.pid) or _environ(child.pid), "it has started")
        return child

    def python(self, source: str, *, ready: int = 1, **options: object) -> subprocess.Popen[bytes]:
        """Start Python code and wait until it has called `ready()` so many times."""
        marks = self.folder / f"ready-{len(self.children)}"
        marks.mkdir(mode=0o777)
        marks.chmod(0o777)
        prelude = (
            "import os, signal, sys, time\n"
            # Opened once: a child that becomes another user may not walk there any more.
            f"MARKS = os.open({str(marks)!r}, os.O_RDONLY)\n"
            "def ready(name=None):\n"
            "    os.close(os.open(str(name or os.getpid()), os.O_CREAT, dir_fd=MARKS))\n"
        )
        child = self.start([sys.executable, "-S", "-c", prelude + source], **options)  # type: ignore[arg-type]  # passed through
        wait_until(
            lambda: len(list(marks.iterdir())) >= ready or child.poll() is not None,
            "the child is ready",
        )
        assert len(list(marks.iterdir())) >= ready, "the child ended before it was ready"
        return child

    def marks(self, child: subprocess.Popen[bytes]) -> set[str]:
        return {p.name for p in (self.folder / f"ready-{self.children.index(child)}").iterdir()}

    def wait(self, condition: Callable[[], object], what: str) -> None:
        wait_until(condition, what)

    def descendants(self) -> list[psutil.Process]:
        """List every living process that carries this nursery's own variable."""
        found = []
        for pid in psutil.pids():
            with contextlib.suppress(psutil.Error, OSError):
                # Fresh: psutil's iterator would hand out whoever had the number before.
                process = psutil.Process(pid)
                if process.environ().get("NURSERY") == self.token and is_running(process.pid):
                    found.append(process)
        return found

    def clear(self) -> None:
        for child in self.children:
            child.kill()  # nobody else reaps it, so the number is still its own
        for _ in range(50):
            for process in self.descendants():
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()  # psutil checks that the pid is still this process
            for child in self.children:
                child.poll()
            if not self.descendants():
                break
            time.sleep(0.01)
        for child in self.children:
            child.wait(timeout=DEADLINE)
        assert not self.descendants(), "a test left something running"


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[Nursery]:
    started = Nursery(token=f"{os.getpid()}-{time.monotonic_ns()}", folder=tmp_path)
    try:
        yield started
    finally:
        started.clear()


@pytest.fixture(scope="session")
def namespaces() -> None:
    """Skip where private PID namespaces are not permitted."""
    if not sys.platform.startswith("linux"):
        pytest.skip("PID namespaces are Linux's")
    probe = subprocess.run(
        ["unshare", "-rpf", "--mount-proc", "true"], capture_output=True, check=False
    )
    if probe.returncode:
        pytest.skip(f"unshare is not permitted: {probe.stderr.decode().strip()}")


@dataclass(frozen=True)
class Judged:
    """Verdicts, and the census that they were made from."""

    table: pd.DataFrame
    census: Census

    @property
    def verdicts(self) -> list[str]:
        return list(self.table["verdict"])


def judge(pgids: Sequence[object], **options: object) -> Judged:
    """Judge claims on these groups by panes of one snapshot, saved at this moment."""
    settings = {"saved_at": pd.Timestamp.now("UTC"), "owner_uid": os.getuid(), **options}
    census = take_census(groups=[number for number in pgids if type(number) is int])
    count = range(len(pgids))
    claims = pd.DataFrame(
        {
            "snapshot": pd.Series(["snap"] * len(pgids), dtype="category"),
            "section": 0,
            "runtime": pd.Series(list(count), dtype="Int64"),
            "position": 0,
            "session_id": [f"session-{n}" for n in count],
            "pane_id": [f"pane-{n}" for n in count],
            "pgid": pd.Series(list(pgids), dtype=object),
            "shell": settings.pop("program", "/bin/sleep"),
            "last_known_cwd": settings.pop("cwd", None),
            "active_command": None,
        }
    )
    return Judged(judge_groups(claims, census, **settings), census)  # type: ignore[arg-type]  # passed through


@pytest.fixture(name="judge")
def judge_fixture() -> Callable[..., Judged]:
    return judge
