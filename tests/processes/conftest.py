"""Real children in sessions of their own, a snapshot that records them, and the command line.

Whatever a test starts ends with it: the nursery finds even what left its session. Nothing
else can get a signal: only numbers of the nursery's children are ever recorded, and what
strays is looked at in a dry run before anything is ended.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bmux_forensics.cli import main
from tests.actions.scenes import child, end, environment, isolate
from tests.host.conftest import Nursery, is_running, wait_until
from tests.worlds import World, contexts_tree, pane, part, runtime, session

SCHEMAS = Path(__file__).parents[1] / "schemas"

PROOF = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
DEAF = PROOF + "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
WAIT = "ready(); time.sleep(600)\n"


@dataclass(frozen=True)
class Done:
    """What a run of the command line came to."""

    code: int
    out: str
    err: str

    def document(self, schema: str) -> dict[str, Any]:
        """Give the JSON object, as its schema has it."""
        found: dict[str, Any] = json.loads(self.out)
        shape = json.loads((SCHEMAS / f"{schema}.json").read_text())
        checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
        jsonschema.validate(found, shape, format_checker=checker)
        assert found["exit_code"] == self.code
        return found


def uuid(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-000000000000"


@dataclass
class Bmux:
    """A bmux data folder of the test's own, whose snapshot records the test's children."""

    folder: Path
    nursery: Nursery
    capfd: pytest.CaptureFixture[str]
    runs: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def snapshot(self) -> Path:
        return self.folder / "bmux-data" / "runtime" / "bmux-snapshot-v1.json"

    @property
    def runtime(self) -> Path:
        return self.folder / "bmux-run"

    def start(self, source: str = WAIT, **options: Any) -> subprocess.Popen[bytes]:
        """Start a pane's child: in a session of its own, with what a server gives to panes."""
        env = {"BMUX_DATA_DIR": str(self.folder / "bmux-data")} if options.get("bmux", True) else {}
        return self.nursery.python(source, env=env, **options)

    def record(self, **panes: Sequence[Any]) -> Path:
        """Save a snapshot now: a session a word, a pane for each number or child."""
        return self.save(
            [session(uuid(i), name) for i, name in enumerate(panes)],
            [
                runtime(uuid(i), *(self._pane(64 * i + j, one) for j, one in enumerate(numbers)))
                for i, numbers in enumerate(panes.values())
            ],
        )

    def save(self, sessions: list[Any], runtimes: list[Any], path: Path | None = None) -> Path:
        target = path or self.snapshot
        target.parent.mkdir(parents=True, exist_ok=True)
        world = World(
            (
                part("sessions", sessions),
                part("contexts", contexts_tree()),
                part("panes", {"sessions": runtimes}, 2),
            )
        )
        new = target.with_name("new")
        new.write_bytes(world.raw)
        return new.replace(target)  # whole at once: somebody may be waiting for it

    @staticmethod
    def _pane(number: int, one: Any) -> dict[str, Any]:
        pgid = one.pid if isinstance(one, subprocess.Popen) else one
        return pane(uuid(0xF000_0000 + number), pgid, shell=sys.executable)

    def cli(self, *arguments: object) -> Done:
        """Run the command line in this process."""
        self.capfd.readouterr()
        with pytest.raises(SystemExit) as ending:
            main([str(argument) for argument in arguments])
        sys.stdout.flush()
        out, err = self.capfd.readouterr()
        assert isinstance(ending.value.code, int)
        return Done(ending.value.code, out, err)

    def kill(self, *arguments: object) -> dict[str, Any]:
        return self.cli("kill", *arguments, "--yes", "--json").document("kill")

    def program(
        self, *arguments: str, env: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.Popen[str]:
        """Start Python as a process of its own; it is ended and reaped with the test."""
        variables = {**environment(self.folder), **(env or {})}
        process = child(*arguments, folder=self.folder, env=variables, **options)
        self.runs.append(process)
        return process

    def run(self, *arguments: object, **options: Any) -> Done:
        """Run the command line as a process of its own, to its end."""
        process = self.program("-m", "bmux_forensics", *map(str, arguments), **options)
        out, err = process.communicate(timeout=120)
        return Done(process.returncode, out, err)

    def listen(self, place: str = ".") -> subprocess.Popen[bytes]:
        """Start what stands for a server: it accepts connections and answers nothing."""
        folder = self.runtime / place
        folder.mkdir(parents=True, exist_ok=True)
        return self.nursery.python(
            "import socket\n"
            f"os.chdir({str(folder)!r})\n"
            "server = socket.socket(socket.AF_UNIX)\n"
            "server.bind('server.sock'); server.listen(); ready()\n"
            "while True: server.accept()[0].close()\n",
            bmux=False,
        )


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def bmux(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Bmux]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, 15, 1)}
    nursery = Nursery(token=f"{os.getpid()}-{time.monotonic_ns()}", folder=tmp_path / "nursery")
    nursery.folder.mkdir()
    scene = Bmux(tmp_path, nursery, capfd)
    try:
        yield scene
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        try:
            for process in scene.runs:
                end(process)
        finally:
            nursery.clear()


def outcomes(told: Mapping[str, Any], member: str = "process_groups") -> dict[int, tuple[str, str]]:
    """Give verdict and outcome of each group."""
    return {g["pgid"]: (g["verdict"], g["outcome"]) for g in told[member]}


def gone(*children: subprocess.Popen[bytes]) -> bool:
    return not any(is_running(one.pid) for one in children)


__all__ = ["DEAF", "PROOF", "WAIT", "Bmux", "Done", "gone", "is_running", "outcomes", "wait_until"]
