"""Cut the power of a disk in the middle of a loop of kills, and look at what is left on it.

A program that is run in a mount namespace of its own, so that every mount and loop device
ends with it. The disk is an ext4 image; its power is cut by the file system's own shutdown,
which drops everything that was not brought to the disk. At every second cut journal and
backups are on another disk, which keeps its power: what the journal brings to the disk takes
the snapshot's folder along otherwise. For each cut it writes what it found as a line of JSON.

    powercut.py FOLDER CUTS SEED [without-fsync]
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bmux_forensics as bf
from tests.actions.scenes import save
from tests.actions.test_many_processes import IDS, many_sessions

SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN, _IOR('X', 125, __u32)
WAYS = {"flush the log": 1, "flush nothing": 2}
KILLS = 12
TORN = "torn: "

LONGEST = 0.15
"""Seconds: about as long as the kills take, so that a cut hits any of them, or none."""


def mount(image: Path, place: Path) -> None:
    # Without the help of auto_da_alloc a rename that overtakes its data leaves an empty file.
    options = "loop,noauto_da_alloc"
    subprocess.run(["mount", "-t", "ext4", "-o", options, str(image), str(place)], check=True)


def unmount(place: Path) -> None:
    subprocess.run(["umount", str(place)], check=True)


def cut(place: Path, how: int) -> None:
    fd = os.open(place, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, SHUTDOWN, how.to_bytes(4, sys.byteorder))
    finally:
        os.close(fd)


def states() -> list[bytes]:
    """Return what the file holds before the first kill, and after each."""
    found = [many_sessions().raw]
    for session_id in IDS[:KILLS]:
        after = bf.plan_of_kill(bf.read_snapshot(found[-1], "state"), [session_id]).after
        found.append(after.raw)
    return found


def start_kills(path: Path, *, broken: bool) -> tuple[int, int]:
    """Fork a child that kills one session after another; it says so after each."""
    heard, told = os.pipe()
    pid = os.fork()
    if pid:
        os.close(told)
        return pid, heard
    if broken:
        os.fsync = lambda fd: None  # noqa: ARG005 - it does nothing
    try:
        for session_id in IDS[:KILLS]:
            os.write(told, b"." if bf.kill(path, [session_id]).passage.applied else b"")
    finally:
        os._exit(0)


def end(pid: int, heard: int) -> int:
    """End the child, and return how many kills it had told to be done."""
    os.kill(pid, signal.SIGKILL)  # it is not reaped yet: the number is its own
    os.waitpid(pid, 0)
    with os.fdopen(heard, "rb") as told:
        return len(told.read())


def problem(path: Path, known: list[bytes], told: int) -> tuple[int, str]:
    """Say which state the file is in, and what is wrong with what is left."""
    now = path.read_bytes()
    if now not in known:
        return -1, f"{TORN}{len(now)} bytes"
    place = known.index(now)
    if place < told:
        return place, f"told: {told} kills were done, {place} are"
    kept = {Path(name).read_bytes() for name in bf.backups(path)["path"]}
    if not kept >= set(known[:place]):
        return place, "nowhere: the old bytes"
    found = bf.verify()
    damage = found[found["severity"] == "damage"]["kind"].tolist()
    if damage:
        return place, f"damaged: {damage}"
    changes = bf.history()
    done = changes[changes["state"] == "done"]
    if len(done) != place:
        return place, f"{place} kills are done, the journal knows {len(done)}"
    bf.unlock(path)
    bf.kill(path, [IDS[-1]])
    left = [p.name for p in path.parent.rglob("*") if p.name.endswith((".tmp", ".lock"))]
    return place, f"left: {left}" if left else ""


@dataclass
class Disk:
    """The disk whose power is cut.

    Parameters
    ----------
    image, place : Path
        Where it is, and where it is mounted.
    other : Path
        A folder on another disk.
    """

    image: Path
    place: Path
    other: Path

    def laid_out(self, raw: bytes, *, apart: bool) -> Path:
        """Save a snapshot on it, and have the state folder beside it or on the other disk."""
        folder = self.place / "all"
        state = (self.other if apart else folder) / "state"
        for old in (folder, state):
            shutil.rmtree(old, ignore_errors=True)
        path = save(folder / "snap.json", raw)
        os.environ["BMUX_FORENSICS_STATE_DIR"] = str(state)
        state.mkdir(mode=0o700, parents=True)
        os.sync()
        return path


def one(
    disk: Disk, known: list[bytes], chance: random.Random, *, apart: bool, broken: bool
) -> dict[str, Any]:
    """Cut the power once."""
    image, place = disk.image, disk.place
    mount(image, place)
    path = disk.laid_out(known[0], apart=apart)
    pid, heard = start_kills(path, broken=broken)
    moment, way = chance.uniform(0, LONGEST), chance.choice(list(WAYS))
    time.sleep(moment)  # the moment of the cut is what is tried; nothing is waited for
    cut(place, WAYS[way])
    told = end(pid, heard)
    unmount(place)
    mount(image, place)
    try:
        state, wrong = problem(path, known, told)
    except (bf.ForensicsError, OSError) as error:
        state, wrong = -1, f"{type(error).__name__}: {error}"
    unmount(place)
    facts = {"way": way, "moment": round(moment, 4), "told": told, "apart": apart}
    return facts | {"state": state, "problem": wrong}


def main() -> None:
    folder, cuts, seed, *broken = Path(sys.argv[1]), *sys.argv[2:]
    image, place = folder / "disk", folder / "place"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(24 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    mount(image, place)
    unmount(place)
    sys.stdout.write("ready\n")
    known, chance = states(), random.Random(seed)  # noqa: S311 - a seed that can be given again
    disk = Disk(image, place, folder / "other")
    for number in range(int(cuts)):
        apart = number % 2 == 1
        told = one(disk, known, chance, apart=apart, broken=bool(broken))
        sys.stdout.write(json.dumps(told) + "\n")
        if broken and told["problem"].startswith(TORN):
            return


if __name__ == "__main__":
    main()
