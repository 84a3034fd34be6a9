"""Runs of the command line in children forked after the imports: many faults in a second.

A program and the class that talks to it. The program imports everything and rehearses
each verb once. For each request it forks a child, which stops itself until whoever is to
trace it is there; so every system call that is seen is one of the verb's own.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bmux_forensics.cli.app import VERBS, main
from tests.actions.scenes import environment

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Parameters
    ----------
    code : int
        Its exit code, or the negative number of the signal that ended it.
    out, err : str
        What it wrote.
    """

    code: int
    out: str
    err: str


class Run:
    """A child that is stopped before its first step, and waits for `go`."""

    def __init__(self, forks: Forks, pid: int, out: Path, err: Path) -> None:
        self.pid = pid
        self._forks, self._out, self._err = forks, out, err

    def go(self) -> None:
        os.kill(self.pid, signal.SIGCONT)  # the program has not reaped it: the number is its own

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)  # as above

    def ended(self) -> Ended:
        """Wait for its end."""
        status = self._forks.ask(wait=self.pid)["status"]
        out, err = self._out, self._err
        return Ended(status, out.read_text(), err.read_text())


class Forks:
    """The program, started once and asked many times; use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._count = 0
        self._program = subprocess.Popen(
            [sys.executable, str(Path(__file__)), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(folder),
            cwd=folder,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self._program.communicate(timeout=60)

    def ask(self, **request: Any) -> dict[str, Any]:
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(json.dumps(request) + "\n")
        self._program.stdin.flush()
        answer: dict[str, Any] = json.loads(self._program.stdout.readline())
        return answer

    def start(
        self, arguments: Sequence[object], *, env: Mapping[str, str], limit: int | None = None
    ) -> Run:
        """Fork a child that will run the command line, and stop it.

        `limit` is the largest file in bytes that it may write.
        """
        self._count += 1
        out, err = (self._folder / f"{self._count}.{name}" for name in ("out", "err"))
        asked = {"arguments": list(map(str, arguments)), "env": dict(env), "limit": limit}
        pid = self.ask(**asked, out=str(out), err=str(err))["pid"]
        return Run(self, pid, out, err)

    def run(self, arguments: Sequence[object], **options: Any) -> Ended:
        """Run the command line to its end."""
        run = self.start(arguments, **options)
        run.go()
        return run.ended()


def _child(request: dict[str, Any]) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(request["env"])
    nothing = os.open(os.devnull, os.O_RDONLY)
    files = [os.open(request[name], os.O_WRONLY | os.O_CREAT, 0o600) for name in ("out", "err")]
    for number, fd in enumerate([nothing, *files]):
        os.dup2(fd, number)
        os.close(fd)
    if request["limit"] is not None:
        import resource  # noqa: PLC0415 - only here

        resource.setrlimit(resource.RLIMIT_FSIZE, (request["limit"], resource.RLIM_INFINITY))
    os.kill(os.getpid(), signal.SIGSTOP)
    try:
        main(request["arguments"])
    except SystemExit as ending:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ending.code if isinstance(ending.code, int) else 70)
    except BaseException:  # noqa: BLE001 - a traceback is what the test looks for
        sys.excepthook(*sys.exc_info())
    os._exit(70)


def _rehearse(folder: Path) -> None:
    """Load all that the verbs load: the children's first system call is then a step."""
    for verb in VERBS:
        importlib.import_module(f"bmux_forensics.cli.{verb}")
    from tests.faults.operations import rehearse  # noqa: PLC0415 - the program's alone

    rehearse(folder)


def _serve() -> None:
    requests, answers = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    _rehearse(Path(sys.argv[1]) / "rehearsal")
    assert threading.active_count() == 1, "a forked child would lack the other threads"
    with os.fdopen(requests) as lines, os.fdopen(answers, "w") as told:
        for line in lines:
            request = json.loads(line)
            if "wait" in request:
                _, status = os.waitpid(request["wait"], 0)
                answer = {"status": os.waitstatus_to_exitcode(status)}
            else:
                pid = os.fork()
                if pid == 0:
                    _child(request)
                os.waitpid(pid, os.WUNTRACED)
                answer = {"pid": pid}
            told.write(json.dumps(answer) + "\n")
            told.flush()


if __name__ == "__main__":
    _serve()
