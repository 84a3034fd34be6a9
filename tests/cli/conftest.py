"""The command line in this process where speed matters, and as a real child where it shows."""

from __future__ import annotations

import codecs
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bmux_forensics.cli import main
from tests.actions.scenes import AS_NOBODY, child, end, environment, isolate, save, world

SCHEMAS = Path(__file__).parents[1] / "schemas"
PROGRAM: tuple[str, ...] = ("-m", "bmux_forensics")


@dataclass(frozen=True)
class Done:
    """What a run of the command line came to."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line on standard error."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        return lines[0]

    def document(self, verb: str) -> dict[str, Any]:
        """Give the JSON object, as its schema has it."""
        found: dict[str, Any] = json.loads(self.out, parse_constant=_refuse)
        schema = json.loads((SCHEMAS / f"{verb}.json").read_text())
        jsonschema.validate(
            found, schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
        )
        assert found["exit_code"] == self.code
        return found


def _refuse(constant: str) -> None:
    message = f"{constant} is no JSON"
    raise ValueError(message)


Run = Callable[..., Done]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    return save(tmp_path / "runtime" / "snap.json", world().raw)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Give bmux's own snapshot."""
    place = tmp_path / "bmux-data" / "runtime" / "bmux-snapshot-v1.json"
    return save(place, world().raw)


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run the command line in this process."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, 15, 1)}
    complain = sys.unraisablehook

    def run(*arguments: object) -> Done:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ending:
            main([str(argument) for argument in arguments])
        sys.stdout.flush()
        out, err = capfd.readouterr()
        assert isinstance(ending.value.code, int)
        return Done(ending.value.code, out, err)

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)
    sys.unraisablehook = complain


@pytest.fixture
def start(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start the command line as a child; whatever still runs at the end is ended and reaped."""
    running: list[subprocess.Popen[str]] = []

    def begin(
        *arguments: object,
        env: dict[str, str] | None = None,
        nobody: bool = False,
        **options: Any,
    ) -> Any:
        if env is not None:
            options["env"] = {**environment(tmp_path), **env}
        program = PROGRAM
        if nobody:
            scratch = tmp_path_factory.mktemp("rehearsal")
            save(scratch / "snap.json", world().raw)
            program = ("-c", AS_NOBODY, str(scratch))
        process = child(*program, *map(str, arguments), folder=tmp_path, **options)
        running.append(process)
        return process

    yield begin
    for process in running:
        end(process)


@pytest.fixture
def run(start: Start) -> Run:
    """Run the command line as a child, to its end."""

    def finish(*arguments: object, feed: str = "", **options: Any) -> Done:
        process = start(*arguments, **options)
        out, err = process.communicate(feed, timeout=60)
        return Done(process.returncode, out or "", err or "")

    return finish


# --- a terminal -------------------------------------------------------------------------------

# A new session's leader takes the terminal it is given for its own; then Ctrl-C reaches it.
TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(next(fd for fd in range(3) if os.isatty(fd)), termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


class Terminal:
    """A child at a terminal of its own."""

    def __init__(self, folder: Path, arguments: tuple[str, ...], **options: Any) -> None:
        self.fd, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, options.pop("columns", 100)))
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), slave)
        self.process = child(
            "-c",
            TAKE_TERMINAL,
            *arguments,
            folder=folder,
            start_new_session=True,
            **{**streams, **options},
        )
        os.close(slave)
        self.shown = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def read_until(self, text: str, seconds: float = 60) -> str:
        """Read until some text is shown; fails when the child ends without it."""
        limit = time.monotonic() + seconds
        while text not in self.shown:
            assert self._read(limit), f"{text!r} was not shown: {self.shown!r}"
        return self.shown

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def finish(self, seconds: float = 60) -> int:
        """Read to the end and give the exit code."""
        limit = time.monotonic() + seconds
        while self._read(limit):
            pass
        return self.process.wait(seconds)

    def hang_up(self) -> None:
        os.close(self.fd)
        self.fd = -1

    def _read(self, limit: float) -> bool:
        ready, _, _ = select.select([self.fd], [], [], max(0.0, limit - time.monotonic()))
        assert ready, f"nothing more was shown: {self.shown!r}"
        try:
            data = os.read(self.fd, 4096)
        except OSError:  # how Linux says that the other side was closed
            return False
        self.shown += self._decoder.decode(data)  # a read may end inside a character
        return bool(data)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Start the command line at a terminal."""
    opened: list[Terminal] = []

    def begin(*arguments: object, env: dict[str, str] | None = None, **options: Any) -> Terminal:
        if env is not None:
            options["env"] = {**environment(tmp_path), **env}
        program = options.pop("program", PROGRAM)
        opened.append(Terminal(tmp_path, (*program, *map(str, arguments)), **options))
        return opened[-1]

    yield begin
    for one in opened:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()
        if one.fd >= 0:
            one.hang_up()
