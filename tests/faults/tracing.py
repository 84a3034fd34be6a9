"""The system calls of a run, and faults put into them: strace's own, at a call of our choice."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from .forks import Ended, Run

CHANGING = (
    *("openat", "write", "pwrite64", "fsync", "fdatasync", "ftruncate", "linkat", "link"),
    *("rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir"),
    *("chmod", "fchmod", "fchmodat", "chown", "fchown", "fchownat", "utimensat"),
    *("setxattr", "fsetxattr", "symlink", "symlinkat", "kill", "pidfd_send_signal"),
)
"""Every call that can change a file or hit a process."""

OPEN = "openat"

_LINE = re.compile(r"(?P<pid>\d+) +(?P<call>\w+)\((?P<rest>.*)")
_NAMES = (
    (re.compile(r"\.bmux-forensics\.(\w+)\.[\w.-]+\.tmp"), r"{temporary \1}"),
    (re.compile(r"\d{8}T\d{6}\.\d{6}Z_\w+\.backup"), "{backup}"),
    (re.compile(r"\.corrupt-\w+-[0-9a-f]{8}"), ".corrupt-{mark}"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "{mark}"),
)
_CREATES = re.compile(r"O_(CREAT|TRUNC|WRONLY|RDWR)")
_HELD = re.compile(r"<(/[^>]*)>")
_NAMED = re.compile(r'"([^"]*)"')
_SIGNAL = re.compile(r"\b(SIG[A-Z]+)\b")
_WRITES = ("write", "pwrite64")


@dataclass(frozen=True)
class Step:
    """One system call of a run.

    Parameters
    ----------
    call : str
        Its name.
    number : int
        Which of the calls of this name it is, from 1 on.
    site : str
        What it does to what, without the parts of a name that differ from run to run.
    changes : bool
        It changes something; opening a file to read it does not.
    """

    call: str
    number: int
    site: str
    changes: bool = True

    def __str__(self) -> str:
        return f"{self.call} {self.number} ({self.site})"


def require_strace() -> None:
    """Skip where faults can't be put into system calls."""
    if shutil.which("strace") is None:
        pytest.skip("no strace: crashes and errors at each system call were not tried")
    probe = subprocess.run(
        ["strace", "-qq", "-o", "/dev/null", "true"], capture_output=True, check=False
    )
    if probe.returncode:
        pytest.skip("strace may not trace here: crashes and errors were not tried")


@contextmanager
def _attached(run: Run, *options: str) -> Iterator[None]:
    tracer = subprocess.Popen(
        ["strace", "-f", "-p", str(run.pid), *options], stderr=subprocess.PIPE, text=True
    )
    assert tracer.stderr is not None
    try:
        line = tracer.stderr.readline()
        if "attached" not in line:
            run.kill()
            pytest.fail(f"strace: {line}")
        yield
    finally:
        tracer.communicate(timeout=60)


def traced(start: Callable[[], Run], folder: Path, log: Path) -> list[Step]:
    """Run twice, and list the steps of both; `folder` holds all that is changed.

    How often a process opens files outside depends on how many others run at the moment, so
    the calls that open something are counted in the folder alone, and in a run of their own.
    """
    steps: list[Step] = []
    for only in ("", OPEN):
        run = start()
        calls = only or ",".join(f"?{call}" for call in CHANGING if call != OPEN)
        where = ("-e", f"trace={calls}", *_in(folder, only))
        with _attached(run, "-y", "-s", "200", "-o", str(log), *where):
            run.go()
            assert run.ended().code == 0
        steps += _steps(log.read_text(errors="replace"), run.pid, str(folder))
    return steps


def _in(folder: Path, call: str) -> list[str]:
    """Return the options that make strace count only what is in the folder."""
    if call != OPEN:
        return []
    places = [p for p in (folder, *sorted(folder.rglob("*"))) if ".tmp" not in p.name]
    return [word for place in places for word in ("-P", str(place))]


def _steps(text: str, pid: int, folder: str) -> Iterator[Step]:
    counts: Counter[str] = Counter()
    entries = 0
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        if found is None or int(found["pid"]) != pid or found["rest"].startswith("<"):
            continue
        call, rest = found["call"], found["rest"]
        counts[call] += 1
        look = call == OPEN and not _CREATES.search(rest)
        site = _names(call, rest, folder)
        yield Step(call, counts[call], f"{entries} {site}", changes=not look)
        if call == "write" and "journal.jsonl" in site:
            entries += 1  # what comes before an entry is another step than what comes after it


def _names(call: str, rest: str, folder: str) -> str:
    """Return a call's paths and its signal, in a spelling that is the same in every run."""
    for pattern, instead in _NAMES:
        rest = pattern.sub(instead, rest)
    arguments = rest.rpartition(" = ")[0] if " = " in rest else rest
    names = _HELD.findall(arguments)
    if call not in _WRITES:  # what is written is no name
        names += _NAMED.findall(arguments) + _SIGNAL.findall(arguments)
    return " ".join(name.removeprefix(folder).strip("/") for name in names)


def distinct(steps: list[Step]) -> list[Step]:
    """Keep the first step of each site."""
    first: dict[tuple[str, str], Step] = {}
    for step in steps:
        first.setdefault((step.call, step.site), step)
    return list(first.values())


def changing(steps: list[Step]) -> list[Step]:
    """Keep the steps that change something: a crash before any other is one before these."""
    return [step for step in steps if step.changes]


def injected(run: Run, step: Step, fault: str, folder: Path) -> Ended:
    """Let a stopped run go, with a fault in one of its system calls."""
    where = ("-e", f"trace={step.call}", *_in(folder, step.call))
    inject = f"inject={step.call}:{fault}:when={step.number}"
    with _attached(run, "-o", "/dev/null", *where, "-e", inject):
        run.go()
        return run.ended()
