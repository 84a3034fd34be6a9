"""Many processes at one snapshot: ours, bmux's, readers, a server; some killed, some stopped.

A program that forks its children after the imports and holds the number of each. It writes
what came of it as one JSON object.

    contention.py FOLDER SEED [server]
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import orjson

import bmux_forensics as bf
from bmux_forensics.errors import BusyError, NoSuchSessionError, SnapshotChangedError
from bmux_forensics.store.journal import read_journal
from tests.actions.scenes import save
from tests.actions.test_many_processes import IDS, many_sessions
from tests.analysis.reference_kill import killed

OURS, BMUXES, READERS, EACH = 8, 3, 5, 4
WORKERS = OURS + BMUXES + READERS
TRIES = 40
SPITE = 0.6
WITH_SERVER, TRIES_WITH_SERVER = 6, 8
CHAOS = 8
"""How many of ours are killed, and how many stopped for a while."""


Tell = Callable[..., None]
"""Writes a line of words into the log of a child."""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def put(path: Path, data: bytes) -> None:
    """Save as bmux does: its own temporary name, the disk, a rename."""
    temp = path.with_name(f"{path.name}.tmp")
    with temp.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temp.replace(path)


def ours(path: Path, ids: list[str], tell: Tell, tries: int = TRIES) -> None:
    """Kill one session after another, breaking the locks of the dead as a person would."""
    for session_id in ids:
        for _ in range(tries):
            try:
                bf.kill(path, [session_id], lock_timeout=1)
            except NoSuchSessionError:  # an earlier life of this writer did it
                tell("done", session_id)
                break
            except SnapshotChangedError as error:
                tell("detected" if "very moment" in str(error) else "changed", session_id)
            except BusyError:
                with suppress(bf.ForensicsError):
                    bf.unlock(path)
            else:
                tell("done", session_id)
                break


def bmux(path: Path, ids: list[str], tell: Tell) -> None:
    """Kill one session after another in bmux's protocol: its lock, its temporary name."""
    lock = path.with_name(f"{path.name}.lock")
    for session_id in ids:
        while True:
            try:
                fd = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
                break
            except OSError as error:
                if error.errno != errno.EEXIST:
                    raise
                time.sleep(0.05)  # as its protocol has it
        os.write(fd, b"pid=%d\n" % os.getpid())
        os.close(fd)
        put(path, killed(path.read_bytes(), {session_id}))
        lock.unlink()
        tell("done", session_id)


def reader(path: Path, stop: Path, tell: Tell, *, shrinks: bool) -> None:
    """Read again and again: always a whole snapshot, and what went never comes back."""
    before = set(IDS)
    while not stop.exists():
        snapshot = bf.read_snapshot(path.read_bytes(), "read")
        snapshot.require_envelope()
        now = {session_id for session_id, _ in bf.summarize(snapshot).sessions}
        assert not shrinks or now <= before, f"{sorted(now - before)} came back"
        before = now
        tell("read")
        time.sleep(0.05)  # a reader that leaves some time to the others


def server(path: Path, stop: Path, tell: Tell, chance: random.Random) -> None:
    """Save again and again without any lock, and rather at the worst moment than at another."""
    for number in itertools.count():
        spiteful = chance.random() < SPITE  # else it lets the others through
        end = time.monotonic() + chance.uniform(0.1, 1)
        while time.monotonic() < end and not (spiteful and is_staged(path.parent)):
            time.sleep(0.0005)
        if stop.exists():
            return
        found = path.read_bytes()
        tree = orjson.loads(found) | {"server": number}
        new = orjson.dumps(tree, option=orjson.OPT_INDENT_2)
        put(path, new)
        tell("saved", sha256(found), sha256(new))


def is_staged(folder: Path) -> bool:
    """Tell whether somebody is about to put a new file in place."""
    return any(".bmux-forensics.s" in name for name in os.listdir(folder))  # noqa: PTH208 - names


@dataclass
class Crowd:
    """The children: their numbers, and how to start one again."""

    folder: Path
    roles: dict[str, Callable[[Tell], None]] = field(default_factory=dict)
    pids: dict[int, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    killed: int = 0
    stopped: int = 0

    def start(self, name: str) -> None:
        pid = os.fork()
        if pid:
            self.pids[pid] = name
            return
        with (self.folder / f"{name}.log").open("a") as log:

            def tell(*words: str) -> None:
                log.write(" ".join(words) + "\n")
                log.flush()

            try:
                self.roles[name](tell)
            except BaseException:  # noqa: BLE001 - told to the parent, whatever it is
                tell("failed", traceback.format_exc().replace("\n", "|"))
                os._exit(1)
        os._exit(0)

    def reap(self) -> None:
        for pid in list(self.pids):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                name = self.pids.pop(pid)
                if os.waitstatus_to_exitcode(status) == -signal.SIGKILL:
                    self.start(name)
                elif status:
                    self.failed.append(name)

    def alive(self, kind: str) -> list[int]:
        return [pid for pid, name in self.pids.items() if name.startswith(kind)]

    def disturb(self, chance: random.Random) -> None:
        """Kill one of ours, or stop it for a while; every number is an unreaped child's."""
        living = self.alive("ours")
        if not living:
            return
        pid = chance.choice(living)
        if chance.random() < 0.5 and self.killed < CHAOS:
            os.kill(pid, signal.SIGKILL)
            self.killed += 1
        elif self.stopped < CHAOS:
            os.kill(pid, signal.SIGSTOP)
            time.sleep(chance.uniform(0.01, 0.2))
            os.kill(pid, signal.SIGCONT)
            self.stopped += 1

    def words(self) -> list[list[str]]:
        logs = sorted(self.folder.glob("*.log"))
        return [line.split() for log in logs for line in log.read_text().splitlines()]


def gather(path: Path, crowd: Crowd, chance: random.Random, *, with_server: bool) -> None:
    """Say who does what, start everybody, and wait until the writers are through."""
    stop = crowd.folder / "stop"
    lists = [IDS[i * EACH : (i + 1) * EACH] for i in range(OURS + BMUXES)]
    if with_server:
        for number, ids in enumerate(lists[:WITH_SERVER]):
            crowd.roles[f"ours{number}"] = partial(ours, path, ids[:2], tries=TRIES_WITH_SERVER)
        crowd.roles["server"] = partial(server, path, stop, chance=chance)
    else:
        for number, ids in enumerate(lists):
            name, role = ("ours", ours) if number < OURS else ("bmux", bmux)
            crowd.roles[f"{name}{number}"] = partial(role, path, ids)
    for number in range(WORKERS - len(crowd.roles)):
        crowd.roles[f"reader{number}"] = partial(reader, path, stop, shrinks=not with_server)
    for name in crowd.roles:
        crowd.start(name)
    while crowd.alive("ours") or crowd.alive("bmux"):
        time.sleep(chance.uniform(0.005, 0.05))
        crowd.disturb(chance)
        crowd.reap()
    stop.touch()
    while crowd.pids:
        crowd.reap()
        time.sleep(0.005)


def lost_saves(folder: Path, saves: list[list[str]]) -> list[str]:
    """Name the server's saves that somebody replaced without having read them."""
    edges: dict[str, set[str]] = {}
    for entry in read_journal().entries:
        if entry.kind == "intent":
            edges.setdefault(entry.facts["sha256_before"], set()).add(entry.facts["sha256_after"])
    kept = {sha256(p.read_bytes()) for p in folder.iterdir() if p.is_file()}
    lost = []
    for (_, _, saved), (_, found, _) in itertools.pairwise(saves):
        reached, ahead = {saved}, [saved]
        while ahead:
            for after in edges.get(ahead.pop(), ()):
                if after not in reached:
                    reached.add(after)
                    ahead.append(after)
        if found not in reached and saved not in kept:
            lost.append(saved)
    return lost


def aftermath(path: Path, crowd: Crowd, *, with_server: bool) -> list[str]:
    """Say what is wrong in the end."""
    wrong = [line[1] for line in crowd.words() if line[0] == "failed"]
    wrong += [f"{name} failed" for name in crowd.failed]
    left = {session_id for session_id, _ in bf.summarize(bf.open_snapshot(path)).sessions}
    done = {line[1] for line in crowd.words() if line[0] == "done"}
    if with_server:
        wrong += lost_saves(path.parent, [w for w in crowd.words() if w[0] == "saved"])
    else:
        wrong += [f"killed, and there again: {session_id}" for session_id in done & left]
        wrong += [f"never killed: {i}" for i in set(IDS[: (OURS + BMUXES) * EACH]) - done]
    bf.unlock(path)  # raises where a lock was left by somebody who lives
    bf.kill(path, [IDS[-1]])
    found = bf.verify()
    wrong += found[found["severity"] == "damage"]["kind"].tolist()
    wrong += [p.name for p in path.parent.iterdir() if p.name.endswith((".tmp", ".lock"))]
    return wrong


def main() -> None:
    folder, seed, *with_server = Path(sys.argv[1]), *sys.argv[2:]
    chance = random.Random(seed)  # noqa: S311 - a seed that can be given again
    path = save(folder / "runtime" / "snap.json", many_sessions().raw)
    os.environ["BMUX_FORENSICS_STATE_DIR"] = str(folder / "state")
    scratch = save(folder / "scratch" / "snap.json", many_sessions().raw)
    bf.kill(scratch, [IDS[-1]])  # everything is imported before the children are forked
    bf.unlock(scratch)
    crowd = Crowd(folder / "logs")
    crowd.folder.mkdir()
    gather(path, crowd, chance, with_server=bool(with_server))
    wrong = aftermath(path, crowd, with_server=bool(with_server))
    words = [line[0] for line in crowd.words()]
    told: dict[str, Any] = {name: words.count(name) for name in sorted({*words})}
    told |= {"killed": crowd.killed, "stopped": crowd.stopped, "wrong": wrong}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
