"""Kill a run with SIGKILL before each of its system calls that changes something.

A program of its own: it imports everything once and forks a child for each step. The
child counts the calls that can change a file and kills itself before the chosen one.
What the next run finds is written as a line of JSON for each step.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bmux_forensics as bf
from tests.actions.scenes import save, world

CHANGING = (
    *(os.open, os.write, os.fsync, os.ftruncate, os.link, os.rename, os.replace, os.unlink),
    *(os.mkdir, os.rmdir, os.chmod, os.fchmod, os.fchown, os.utime, os.setxattr),
)
NAMES = {id(call): call.__name__ for call in CHANGING}
SOAK = os.environ.get("BMUX_FORENSICS_TEST_PROFILE") == "soak"
BAD = b"this is no snapshot"


def die_before(step: int) -> None:
    """End this process with SIGKILL before its step-th changing call."""
    left = [step]

    def watch(frame: object, event: str, argument: object) -> None:
        del frame
        if event == "c_call" and id(argument) in NAMES:
            left[0] -= 1
            if left[0] == 0:
                os.write(1, f"{NAMES[id(argument)]}\n".encode())
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(watch)


def crash(run: Callable[[], object], step: int) -> bool:
    """Run in a child that dies at a step; tell whether it got that far."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        die_before(step)
        run()
        sys.setprofile(None)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the run failed"
    return False


class Scene:
    """A snapshot and a state folder before the run that is to crash."""

    def __init__(self, folder: Path, verb: str) -> None:
        self.folder, self.verb = folder, verb
        os.environ["BMUX_FORENSICS_STATE_DIR"] = str(folder / "state")
        self.path = save(folder / "runtime" / "snap.json", world().raw)
        self.prepared = folder.with_name("prepared")
        self.aside: Path | None = None
        getattr(self, f"prepare_{verb}")()
        self.before = self.bytes_now()
        shutil.copytree(folder, self.prepared, symlinks=True)

    def prepare_kill(self) -> None:
        self.first = bf.kill(self.path, ["-dash"]).passage.entry

    def run_kill(self) -> None:
        bf.kill(self.path, ["alpha"])

    def prepare_undo(self) -> None:
        self.first = bf.kill(self.path, ["-dash"]).passage.entry

    def run_undo(self) -> None:
        bf.undo("last", self.path)

    def prepare_make(self) -> None:
        self.first = bf.kill(self.path, ["-dash"]).passage.entry
        self.path.unlink()

    def run_make(self) -> None:
        bf.undo("last", self.path)

    def prepare_aside(self) -> None:
        save(self.path, BAD)

    def run_aside(self) -> None:
        bf.kill(self.path, all_sessions=True)

    def prepare_back(self) -> None:
        save(self.path, BAD)
        bf.kill(self.path, all_sessions=True)

    def run_back(self) -> None:
        bf.undo("last", self.path)

    def bytes_now(self) -> bytes | None:
        return self.path.read_bytes() if self.path.exists() else None

    def reset(self) -> None:
        shutil.rmtree(self.folder)
        shutil.copytree(self.prepared, self.folder, symlinks=True)

    def run(self) -> None:
        getattr(self, f"run_{self.verb}")()

    def rehearse(self, step: int) -> dict[str, Any] | None:
        self.reset()
        known = set(bf.history()["id"])
        if not crash(self.run, step):
            return None
        now = self.bytes_now()
        listed = self.listing()
        changes = bf.history()
        new = changes[~changes["id"].isin(known)]
        told = {
            "verb": self.verb,
            "step": step,
            "changed": now != self.before,
            "states": new["state"].tolist(),
            "notes": new["note"].fillna("").tolist(),
            "looking_changed_nothing": listed == self.listing(),
            "damage": self.damage(),
        }
        return told | self.next_run(elsewhere=self.verb == "kill" and step % 2 == 0)

    def next_run(self, *, elsewhere: bool) -> dict[str, Any]:
        """Do what a person does next: unlock, and change something, here or elsewhere first."""
        bf.unlock(self.path)
        notes: tuple[str, ...] = ()
        if elsewhere or self.bytes_now() is None:
            lone = save(self.folder / "runtime" / "lone.json", world().raw)
            notes = bf.kill(lone, ["alpha"]).passage.notes
        if self.bytes_now() is None:
            if self.verb == "aside":
                save(self.path, BAD)
            self.run()
        elif self.bytes_now() == BAD:
            notes += bf.kill(self.path, all_sessions=True).passage.notes
        else:
            notes += bf.kill(self.path, [any_session(self.path)]).passage.notes
        names = [path.name for path in self.path.parent.iterdir()]
        return {
            "said": list(notes),
            "left": [name for name in names if name.startswith(".") or name.endswith(".lock")],
            "open_after": list(bf.history()["state"]).count("open"),
            "damage_after": self.damage(),
        }

    def damage(self) -> list[str]:
        problems = bf.verify()
        return problems[problems["severity"] == "damage"]["kind"].tolist()

    def listing(self) -> list[tuple[str, int]]:
        return sorted((str(p), p.lstat().st_mtime_ns) for p in self.folder.rglob("*"))


def any_session(path: Path) -> str:
    """Give the id of any session that is left."""
    return bf.summarize(bf.open_snapshot(path)).sessions[-1][0]


def main() -> None:
    for verb in sys.argv[2:]:
        scene = Scene(Path(sys.argv[1], verb, "scene"), verb)
        step = 1
        while (told := scene.rehearse(step)) is not None:
            sys.stdout.write(json.dumps(told) + "\n")
            step += 1 if verb == "kill" or SOAK else 2  # the others share most of its way


if __name__ == "__main__":
    main()
