from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
import shutil
from typing import TYPE_CHECKING

import pytest

from bmux_forensics.errors import SnapshotChangedError
from bmux_forensics.store.aside import move_aside
from bmux_forensics.store.reading import read_regular

from .conftest import finished, names

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Start

NOW = dt.datetime(2026, 11, 22, 11, 56, 37, tzinfo=dt.UTC)
OLD = hashlib.sha256(b"old").hexdigest()
ASIDE = f"snap.json.corrupt-20261122T115637Z-{OLD[:8]}"


def test_it_gets_its_name_and_keeps_everything(snapshot: Path) -> None:
    before = snapshot.stat()
    moved = move_aside(read_regular(snapshot)[1], OLD, NOW)
    assert names(snapshot.parent) == [ASIDE]
    assert moved.read_bytes() == b"old"
    assert (moved.stat().st_ino, moved.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert moved.stat().st_nlink == 1


def test_it_replaces_nothing(snapshot: Path) -> None:
    snapshot.with_name(ASIDE).write_bytes(b"earlier")
    moved = move_aside(read_regular(snapshot)[1], OLD, NOW)
    assert moved.name == ASIDE + "-2"
    assert snapshot.with_name(ASIDE).read_bytes() == b"earlier"
    assert moved.read_bytes() == b"old"


@pytest.mark.parametrize("late", [False, True])
def test_a_file_that_was_saved_meanwhile_stays(snapshot: Path, late: bool) -> None:  # noqa: FBT001, RUF100 - a case
    _, identity = read_regular(snapshot)

    def save() -> None:
        snapshot.with_name("tmp").write_bytes(b"saved")
        snapshot.with_name("tmp").rename(snapshot)

    if not late:
        save()
    with pytest.raises(SnapshotChangedError, match="plan anew"):
        move_aside(identity, OLD, NOW, last_look=save if late else None)
    assert snapshot.read_bytes() == b"saved"
    assert names(snapshot.parent) == ["snap.json"]


def test_a_long_name_is_cut(snapshot: Path) -> None:
    long = snapshot.with_name("é" * 120)
    snapshot.rename(long)
    moved = move_aside(read_regular(long)[1], OLD, NOW)
    assert moved.name.endswith(ASIDE.removeprefix("snap.json"))
    assert len(os.fsencode(moved.name)) == 255
    assert moved.read_bytes() == b"old"


MOVE = """
import sys
from bmux_forensics.store.aside import move_aside
from bmux_forensics.store.reading import read_regular
print(move_aside(read_regular(sys.argv[1])[1], sys.argv[2]).name)
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace: no links was not tried")
def test_where_links_fail(snapshot: Path, start: Start) -> None:
    prefix = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=link,linkat:error=EPERM")
    name = finished(start(MOVE, snapshot, OLD, prefix=prefix)).strip()
    assert re.fullmatch(r"snap\.json\.corrupt-\d{8}T\d{6}Z-[0-9a-f]{8}", name)
    assert names(snapshot.parent) == [name]
    assert snapshot.with_name(name).read_bytes() == b"old"


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace: kills were not tried")
@pytest.mark.parametrize("call", ["link,linkat", "rename,renameat,renameat2", "unlink,unlinkat"])
def test_killed_at_any_step_no_byte_is_lost(snapshot: Path, start: Start, call: str) -> None:
    prefix = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={call}:signal=KILL")
    start(MOVE, snapshot, OLD, prefix=prefix).communicate(timeout=60)
    assert names(snapshot.parent)
    assert all(path.read_bytes() == b"old" for path in snapshot.parent.iterdir())
    assert any(not name.startswith(".") for name in names(snapshot.parent))
