"""File systems that take no more: the old file stays, and nothing else is left.

Each runs on a small file system of its own, in a mount namespace that ends with it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.actions.scenes import environment, save, world

INSIDE = """
import json, os, pathlib, subprocess, sys
place, source, scene, *kill = sys.argv[1:]
place = pathlib.Path(place)
def mount(*options):
    subprocess.run(["mount", "-t", "tmpfs", *options, "none", str(place)], check=True)
mount("-o", "size=256k")
snapshot = place / "snap.json"
raw = pathlib.Path(source).read_bytes()
state = pathlib.Path(os.environ["BMUX_FORENSICS_STATE_DIR"])
if scene in ("state full", "state read-only"):
    snapshot = place.parent / "outside" / "snap.json"
    snapshot.parent.mkdir()
    os.environ["BMUX_FORENSICS_STATE_DIR"] = str(place / "state")
    state = place / "state"
snapshot.write_bytes(raw)
os.utime(snapshot, ns=(10**18, 10**18))
room = {"no room at all": 0, "room for the lock": 2, "state full": 1}.get(scene)
if room is not None:
    page = os.sysconf("SC_PAGE_SIZE")
    with open(place / "filler", "wb", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(page))
        except OSError:
            pass
        filler.truncate(filler.tell() - room * page)
if scene in ("read-only", "state read-only"):
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
before = snapshot.stat()
done = subprocess.run([sys.executable, "-m", "bmux_forensics", "kill", *kill, "--yes", "--json",
    "--snapshot", str(snapshot)], capture_output=True, text=True, timeout=60)
after = snapshot.stat()
print(json.dumps({
    "code": done.returncode, "out": done.stdout, "err": done.stderr,
    "same": snapshot.read_bytes() == raw and
        (before.st_ino, before.st_mtime_ns, before.st_mode) ==
        (after.st_ino, after.st_mtime_ns, after.st_mode),
    "names": sorted(p.name for p in snapshot.parent.iterdir() if p.name != "filler"),
    "backups": [str(p) for p in state.rglob("*.backup")] if state.exists() else [],
    "temporary": [str(p) for p in state.rglob("*.tmp")] if state.exists() else [],
}))
"""


def in_a_namespace(tmp_path: Path, scene: str, *kill: str) -> dict[str, Any]:
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespaces here: full and read-only disks were not tried")
    source = save(tmp_path / "source.json", world().raw)
    place = tmp_path / "place"
    place.mkdir()
    done = subprocess.run(
        ["unshare", "-m", sys.executable, "-c", INSIDE, str(place), str(source), scene, *kill],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=tmp_path,
        env=environment(tmp_path),
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("scene", "says"),
    [
        ("no room at all", "the disk is full; free some space"),
        ("room for the lock", "the disk is full; free some space"),
        ("state full", "the disk is full; free some space"),
        ("read-only", "the file system is read-only; remount it writable"),
        ("state read-only", "the file system is read-only; remount it writable"),
    ],
)
def test_a_disk_that_takes_no_more(scene: str, says: str, tmp_path: Path) -> None:
    found = in_a_namespace(tmp_path, scene, "alpha")
    assert found["code"] == 6, found["err"]
    (line,) = found["err"].splitlines()
    assert says in line
    told = json.loads(found["out"])
    assert (told["exit_code"], told["error"]["kind"]) == (6, "write-failed")
    assert (told["applied"], told["had_snapshot"]) == (False, True)
    assert found["same"]
    assert found["names"] == ["snap.json"]
    assert found["temporary"] == []


def test_the_same_scene_with_room_is_a_kill(tmp_path: Path) -> None:
    found = in_a_namespace(tmp_path, "room", "alpha")
    assert (found["code"], found["same"], len(found["backups"])) == (0, False, 1)
    assert found["names"] == ["snap.json"]
