"""What is broken in the middle: every verb that changes something, on a copy of a real snapshot."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson
import pytest

import bmux_forensics as bf
from bmux_forensics.cli.app import main
from tests.actions.scenes import ROOT, environment, save
from tests.host.conftest import Nursery, is_running, wait_until
from tests.worlds import Part, World

SAMPLE = ROOT / "sample_snapshots" / "alpha4-day" / "bmux-snapshot-v1.20261122T115637Z.json"
BROKEN = ROOT / "tests" / "data" / "restore" / "focus-and-leaf-missing-same-row.json.gz"
VICTIM = "ops"
PANES = "bmux.pane_runtime/pane-runtime"
DEAF = ("env", "--ignore-signal=TERM,HUP", "sleep", "600")
MEEK = ("env", "sleep", "600")


@dataclass
class Scene:
    """A folder of its own: bmux's data, a state folder, and children that panes name.

    Attributes
    ----------
    folder : Path
        Everything is in here.
    path : Path
        The snapshot that is to be changed.
    others : list of Path
        Further ones of the same content that the same run is to change.
    arguments : list of str
        The command line of the change.
    children : list of Popen
        Those that a kill is to end.
    known : frozenset of str
        The changes that the journal knew before the run.
    before, new : bytes or None
        What the snapshot held before, and what a run that nothing disturbs makes of it.
    """

    folder: Path
    nursery: Nursery
    path: Path = Path()
    others: list[Path] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)
    children: list[subprocess.Popen[bytes]] = field(default_factory=list)
    known: frozenset[str] = frozenset()
    before: bytes | None = None
    new: bytes | None = None

    @property
    def own(self) -> Path:
        return self.folder / "bmux-data" / "runtime" / "bmux-snapshot-v1.json"

    @property
    def env(self) -> dict[str, str]:
        return environment(self.folder)

    def clear(self) -> None:
        """Remove what an earlier point left, but no child that still runs."""
        for name in ("bmux-data", "state", "runtime"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        self.others = []

    def bytes_now(self) -> bytes | None:
        return self.bytes_of(self.path)

    def bytes_of(self, path: Path) -> bytes | None:
        return path.read_bytes() if path.exists() else None

    @property
    def paths(self) -> list[Path]:
        return [self.path, *self.others]

    def changed(self) -> list[Path]:
        """Return the snapshots that are not what they were before."""
        return [path for path in self.paths if self.bytes_of(path) != self.before]

    def living(self) -> list[subprocess.Popen[bytes]]:
        """Return children for two panes; one of them ends at a TERM, the other does not."""
        for place, command in enumerate((MEEK, DEAF)):
            if place == len(self.children):
                self.children.append(self._start(command))
            elif not is_running(self.children[place].pid):
                self.children[place].wait()
                self.nursery.children.remove(self.children[place])
                self.children[place] = self._start(command)
        return self.children

    def _start(self, command: tuple[str, ...]) -> subprocess.Popen[bytes]:
        env = {"BMUX_DATA_DIR": str(self.folder / "bmux-data")}
        child = self.nursery.start(command, env=env)
        comm = Path(f"/proc/{child.pid}/comm")
        wait_until(lambda: comm.read_text() == "sleep\n", "it does what it was started for")
        return child


def with_groups(raw: bytes, name: str, pgids: list[int]) -> bytes:
    """Let the panes of a session have process groups, in turn."""
    sections = [
        Part(s["id"], s["version"], bytes(s["bytes"])) for s in orjson.loads(raw)["sections"]
    ]
    found = bf.summarize(bf.read_snapshot(raw, "sample")).sessions
    (session,) = [session_id for session_id, called in found if called == name]
    (panes,) = [part for part in sections if part.id == PANES]
    tree = orjson.loads(panes.bytes)
    (row,) = [row for row in tree["sessions"] if row["session_id"] == session]
    while len(row["panes"]) < len(pgids):
        number = len(row["panes"])
        row["panes"].append({**row["panes"][0], "id": f"{number:08x}-aaaa-4000-8000-000000000000"})
    for pane, pgid in zip(row["panes"], pgids, strict=False):
        pane |= {"process_group_id": pgid, "shell": "/usr/bin/sleep"}
    row["layout_root"] = None
    return World(
        tuple(replace(part, payload=tree) if part is panes else part for part in sections)
    ).raw


def _kill(scene: Scene) -> None:
    pgids = [child.pid for child in scene.living()]
    scene.path = save(scene.own, with_groups(SAMPLE.read_bytes(), VICTIM, pgids))
    os.utime(scene.path)  # saved now: the children are older
    scene.arguments = ["kill", VICTIM, "--yes", "--grace", "0.05"]


def _kill_elsewhere(scene: Scene) -> None:
    scene.path = save(scene.folder / "runtime" / "snap.json", SAMPLE.read_bytes())
    scene.arguments = ["kill", VICTIM, "--yes", "--snapshot", str(scene.path)]


def _repair(scene: Scene) -> None:
    scene.path = save(scene.folder / "runtime" / "snap.json", gzip.decompress(BROKEN.read_bytes()))
    scene.arguments = ["repair", str(scene.path), "--yes"]


def _undo(scene: Scene) -> None:
    _kill_elsewhere(scene)
    entry = bf.kill(scene.path, [VICTIM]).passage.entry
    scene.arguments = ["undo", str(entry), "--snapshot", str(scene.path), "--yes"]


def _make(scene: Scene) -> None:
    _undo(scene)
    scene.path.unlink()


def _aside(scene: Scene) -> None:
    scene.path = save(scene.folder / "runtime" / "snap.json", b"this is no snapshot")
    scene.arguments = ["kill", "--all", "--yes", "--snapshot", str(scene.path)]


def _back(scene: Scene) -> None:
    _aside(scene)
    entry = bf.kill(scene.path, all_sessions=True).passage.entry
    scene.arguments = ["undo", str(entry), "--snapshot", str(scene.path), "--yes"]


def _clean(scene: Scene) -> None:
    """Three files in two folders: they go through the door together."""
    folder = scene.folder / "runtime"
    places = [folder / "day" / "one.json", folder / "day" / "two.json", folder / "other.json"]
    scene.path, *scene.others = [save(place, SAMPLE.read_bytes()) for place in places]
    scene.arguments = ["clean", str(folder), "--session", VICTIM, "--yes", "--jobs", "1"]


def _resurrect(scene: Scene) -> None:
    sample = bf.read_snapshot(SAMPLE.read_bytes(), "sample")
    after = bf.plan_of_kill(sample, [VICTIM]).after
    scene.path = save(scene.folder / "runtime" / "snap.json", after.raw)
    words = ["resurrect", VICTIM, "--from", SAMPLE, "--into", scene.path, "--yes"]
    scene.arguments = list(map(str, words))


@dataclass(frozen=True)
class Operation:
    """A verb at work.

    Parameters
    ----------
    name : str
        What a reader of the table calls it.
    prepare : callable
        Lays out a scene, the state folder too.
    again : mapping
        The exit codes that a second run may have after the change was made, and what it
        says then.
    batch : bool
        It changes many files, and exits 5 where it could not change one of them.
    """

    name: str
    prepare: Callable[[Scene], None]
    again: Mapping[int, str]
    batch: bool = False


OPERATIONS = {
    "kill": Operation("kill", _kill, {1: "session not found"}),
    "repair": Operation("repair", _repair, {0: ""}),
    "undo": Operation("undo", _undo, {1: "it is undone already"}),
    "undo-make": Operation("undo, the file gone", _make, {1: "it is undone already"}),
    "clean": Operation("clean", _clean, {1: "session not found"}, batch=True),
    "resurrect": Operation("resurrect", _resurrect, {2: "is there already"}),
    "aside": Operation("kill --all, no snapshot", _aside, {3: "no such file"}),
    "undo-aside": Operation("undo of a move aside", _back, {1: "it is undone already"}),
}


def lay_out(operation: Operation, scene: Scene) -> None:
    """Prepare a scene anew."""
    scene.clear()
    operation.prepare(scene)
    scene.known = frozenset(bf.history()["id"])
    scene.before = scene.bytes_now()


def rehearse(folder: Path) -> None:
    """Carry out every operation once in this process, to load all that they load."""
    folder.mkdir()
    kept = dict(os.environ)
    os.environ.update(environment(folder))
    nursery = Nursery(token=f"rehearsal-{os.getpid()}", folder=folder)
    scene = Scene(folder, nursery)
    try:
        for operation in OPERATIONS.values():
            lay_out(operation, scene)
            said = io.StringIO()
            quiet = contextlib.redirect_stdout(said), contextlib.redirect_stderr(said)
            with quiet[0], quiet[1], pytest.raises(SystemExit) as ending:
                main(scene.arguments)
            assert ending.value.code == 0, (operation.name, said.getvalue())
    finally:
        nursery.clear()
        os.environ.clear()
        os.environ.update(kept)
