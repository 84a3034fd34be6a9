"""What the notebooks stage: a folder to work in, damage on purpose, processes of one's own.

None of it is needed to use `bmux_forensics`; it is here so that the notebooks can show what
they are about and nothing else.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import psutil

import bmux_forensics as bf
from bmux_forensics.snapshot.envelope import Envelope, Section, encode_envelope
from bmux_forensics.snapshot.parsing import parse_envelope

TOP = Path(__file__).resolve().parents[1]
"""The checkout."""

DAY = TOP / "sample_snapshots/alpha4-day/bmux-snapshot-v1.20261122T115637Z.json"
"""What a real server wrote in the middle of a working day."""

_PANES = "bmux.pane_runtime/pane-runtime"


def fingerprints(folder: str | Path) -> list[tuple[str, str, int]]:
    """Return name, SHA-256 and modification time of every file in a folder."""
    files = sorted(p for p in Path(folder).rglob("*") if p.is_file())
    return [
        (str(p), hashlib.sha256(p.read_bytes()).hexdigest(), p.stat().st_mtime_ns) for p in files
    ]


class Scratch:
    """A temporary folder to work in; the state of bmux_forensics and bmux's own are in it, too.

    Attributes
    ----------
    folder : Path
        Where; the working directory while it is open.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="notebook-"))
        self._here = Path.cwd()
        self._before = {k: v for k, v in os.environ.items() if k.startswith("BMUX_")}
        _forget(self._before)
        os.environ["BMUX_DATA_DIR"] = str(self.folder / "bmux")
        os.environ["BMUX_RUNTIME_DIR"] = str(self.folder / "run")
        os.environ["BMUX_FORENSICS_STATE_DIR"] = str(self.folder / "state")
        os.chdir(self.folder)
        atexit.register(self.close)

    def close(self) -> None:
        """Put everything back, and remove the folder."""
        atexit.unregister(self.close)
        os.chdir(self._here)
        _forget(os.environ)
        os.environ.update(self._before)
        shutil.rmtree(self.folder, ignore_errors=True)


def _forget(names: Any) -> None:
    for name in [name for name in names if name.startswith("BMUX_")]:
        os.environ.pop(name, None)


# --- damage -------------------------------------------------------------------------------


def lose_the_focused_pane(data: bytes, session: str) -> bytes:
    """Return a snapshot in which a session's focus and layout name a pane that is gone."""

    def change(row: dict[str, Any]) -> None:
        row["panes"] = [pane for pane in row["panes"] if pane["id"] != row["focused_pane_id"]]

    return _with_row(data, session, change)


def forbid_to_resume(data: bytes, session: str) -> bytes:
    """Return a snapshot in which the first pane of a session must not be started again."""

    def change(row: dict[str, Any]) -> None:
        row["panes"][0]["resume_policy"] = "nonresumable"

    return _with_row(data, session, change)


def _with_row(data: bytes, session: str, change: Callable[[dict[str, Any]], None]) -> bytes:
    """Change the pane row of a session, named by its name; the checksum is made anew."""
    tables = bf.load_tables(bf.read_snapshot(data, "staged"))
    ids = tables["sessions"].set_index("name")["session_id"]
    envelope = parse_envelope(data, "staged")
    (section,) = (one for one in envelope.sections if one.id == _PANES)
    tree = orjson.loads(section.payload)
    (row,) = (one for one in tree["sessions"] if one["session_id"] == ids[session])
    change(row)
    changed = section.with_payload(orjson.dumps(tree))
    return encode_envelope(
        envelope.with_sections([changed if one is section else one for one in envelope.sections])
    )


# --- processes ----------------------------------------------------------------------------

_PROCESS = """
import os, signal, sys
def be(what):
    os.write(1, (what + chr(10)).encode())  # a whole line at once: two may speak
    sys.stdin.read()      # until the notebook hangs up
kind = sys.argv[1]
if kind == "stubborn":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if kind == "strayed" and os.fork() == 0:
    os.setsid()           # leaves the pane's group and session, and keeps its environment
    be(str(os.getpid()))
    os._exit(0)
be("ready")
"""
_KINDS = {17: "plain", 18: "stubborn", 19: "strayed", 33: "somebody else's"}
_SESSIONS = {"work": (17, 18, 19), "mail": (33,), "keep": ()}


class Stage(Scratch):
    """Processes of one's own, and a snapshot that records them.

    Each waits for a line from the notebook, and ends when there can't come one any more:
    all of them end with the notebook's kernel, however that ends.

    Attributes
    ----------
    started : dict of str to Popen
        The processes, by kind.
    stray : int
        The process that left its group.
    """

    def __init__(self) -> None:
        super().__init__()
        self.started: dict[str, subprocess.Popen[str]] = {}
        for kind in ("plain", "stubborn"):
            self._start(kind)
        self.stray = int((self._start("strayed", lines=2) - {"ready"}).pop())
        self._start("somebody else's", by_bmux=False)

    def _start(self, kind: str, *, by_bmux: bool = True, lines: int = 1) -> set[str]:
        """Start a process in a session of its own; a server gives its panes these variables."""
        variables = {"BMUX_RUNTIME_NAME": "default", "BMUX_PANE": "1"} if by_bmux else {}
        if by_bmux:
            variables["BMUX_DATA_DIR"] = os.environ["BMUX_DATA_DIR"]
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("BMUX_")}
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", _PROCESS, kind],
            start_new_session=True,
            env=inherited | variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.started[kind] = process
        assert process.stdout is not None  # noqa: S101 - it was asked for
        said = {process.stdout.readline().strip() for _ in range(lines)}
        assert "ready" in said  # noqa: S101 - else the stage does not stand
        return said

    def alive(self) -> pd.Series:
        """Say of each process whether it runs."""
        table = {kind: process.poll() is None for kind, process in self.started.items()}
        try:  # one that has ended and waits to be reaped does not run
            table["the stray"] = psutil.Process(self.stray).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            table["the stray"] = False
        return pd.Series(table, name="runs")

    def save(self) -> Path:
        """Write a snapshot that records the processes to where bmux has its own."""
        trees: dict[str, Any] = {
            "bmux.sessions/session-manager": [
                {"id": _id(number), "name": name, "clients": []}
                for number, name in enumerate(_SESSIONS, 1)
            ],
            "bmux.contexts/context-state": {
                "contexts": {},
                "session_by_context": {},
                "selected_by_client": {},
                "mru_contexts": [],
            },
            _PANES: {
                "sessions": [
                    self._row(_id(number), panes)
                    for number, panes in enumerate(_SESSIONS.values(), 1)
                    if panes
                ]
            },
        }
        sections = [Section(name, 1, orjson.dumps(tree)) for name, tree in trees.items()]
        empty = Envelope(version=1, checksum=0, sections=())
        file = Path(bf.find_paths().snapshot)
        file.parent.mkdir(parents=True)
        file.write_bytes(encode_envelope(empty.with_sections(sections)))
        return file

    def _row(self, session_id: str, panes: tuple[int, ...]) -> dict[str, Any]:
        return {
            "session_id": session_id,
            "panes": [self._pane(number, _KINDS[number]) for number in panes],
            "focused_pane_id": None,
            "layout_root": None,
            "attach_viewport": None,
            "floating_surfaces": [],
        }

    def _pane(self, number: int, kind: str) -> dict[str, Any]:
        return {
            "id": _id(number),
            "name": kind,
            "shell": sys.executable,
            "process_group_id": self.started[kind].pid,
            "last_known_cwd": str(self.folder / f"pane-{number}"),
        }

    def named(self, table: pd.DataFrame) -> pd.DataFrame:
        """Name panes rather than numbers: those are others in every run."""
        kinds = {_id(number): kind for number, kind in _KINDS.items()}
        return table.assign(pane=table["pane_id"].map(kinds))

    def close(self) -> None:
        """Hang up on whatever is left, wait for it, and remove the folder."""
        for process in self.started.values():
            assert process.stdin is not None  # noqa: S101 - it was asked for
            process.stdin.close()
        for process in self.started.values():
            process.wait(timeout=30)
            assert process.stdout is not None  # noqa: S101 - it was asked for
            process.stdout.close()
        super().close()


def _id(number: int) -> str:
    return str(uuid.UUID(f"{number:08x}-0000-4000-8000-000000000000"))
