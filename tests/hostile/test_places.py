"""Places that somebody else can write to: what was planted there decides nothing."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import bmux_forensics as bf
from bmux_forensics.errors import ForensicsError
from bmux_forensics.store.leftovers import temp_name
from tests.actions.scenes import ALPHA, SAVED, backups, end, save, world
from tests.cli.conftest import Run
from tests.figures import Figures

OTHER_USER = 65534
NEW = bf.plan_of_kill(world().snapshot(), [ALPHA]).after.raw

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="not root: other users were not tried")


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Give a file that nobody means, and that whoever planted the names wants changed."""
    return save(tmp_path / "victim" / "precious", b"precious", 0o600)


@pytest.fixture(autouse=True)
def _victim_stays(victim: Path) -> Iterator[None]:
    before = victim.stat()
    yield
    after = victim.stat()
    assert victim.read_bytes() == b"precious"
    assert (after.st_ino, after.st_mode, after.st_uid) == (
        before.st_ino,
        before.st_mode,
        before.st_uid,
    )


def plant(folder: Path, name: str, victim: Path) -> Path:
    """Put a link to the victim under a name, as another user where that is possible."""
    place = folder / name
    place.symlink_to(victim)
    if os.geteuid() == 0:
        os.lchown(place, OTHER_USER, OTHER_USER)
    return place


@pytest.mark.parametrize(
    "name",
    [
        "snap.json.tmp",
        "snap.json.backup",
        "snap.json~",
        pytest.param(temp_name("snap.json", "stage"), id="stage"),
        pytest.param(temp_name("snap.json", "aside"), id="aside"),
        pytest.param(temp_name("snap.json", "lock"), id="lock"),
    ],
)
def test_a_planted_name_is_neither_followed_nor_removed(
    name: str, snapshot: Path, victim: Path, figures: Figures
) -> None:
    snapshot.parent.chmod(0o1777)
    planted = plant(snapshot.parent, name, victim)
    with figures.trying("hostile places: planted names"):
        assert bf.kill(snapshot, [ALPHA]).passage.applied
        assert snapshot.read_bytes() == NEW
        assert not snapshot.is_symlink()
        assert planted.readlink() == victim


def test_a_planted_lock_is_no_way_to_another_file(
    snapshot: Path, victim: Path, cli: Run, figures: Figures
) -> None:
    snapshot.parent.chmod(0o1777)
    planted = plant(snapshot.parent, "snap.json.lock", victim)
    with figures.trying("hostile places: planted names"):
        done = cli("kill", ALPHA, "--snapshot", snapshot, "--yes", "--lock-timeout", 0)
        assert (done.code, snapshot.read_bytes()) == (4, world().raw)
        assert cli("unlock", "--snapshot", snapshot).code != 0
        assert planted.is_symlink()
        assert cli("unlock", "--snapshot", snapshot, "--force", "--yes").code == 0
        assert not os.path.lexists(planted)


def test_a_planted_name_to_move_aside_to_is_not_overwritten(
    snapshot: Path, victim: Path, cli: Run, tmp_path: Path, figures: Figures
) -> None:
    save(snapshot, b"no snapshot")
    # The second is in the name: every name that may come is taken.
    digest = bf.read_snapshot(b"no snapshot", "x").sha256[:8]
    lines = "import datetime as d, os, sys\nnow = d.datetime.now(d.UTC)\n"
    lines += "for s in range(90):\n    t = now + d.timedelta(seconds=s)\n"
    lines += (
        "    os.symlink(sys.argv[2], f'{sys.argv[1]}.corrupt-{t:%Y%m%dT%H%M%SZ}-{sys.argv[3]}')"
    )
    subprocess.run([sys.executable, "-c", lines, snapshot, victim, digest], check=True)
    with figures.trying("hostile places: planted names"):
        cli("kill", "--all", "--snapshot", snapshot, "--yes")
        kept = [p for p in snapshot.parent.iterdir() if not p.is_symlink()]
        assert [p.read_bytes() for p in kept] == [b"no snapshot"]
        del tmp_path


SWAP = """
import os, sys
path, one, other = sys.argv[1:]
print("ready", flush=True)
number = 0
while True:
    number += 1
    temp = f"{path}.swap"
    os.symlink((one, other)[number % 2], temp)
    os.rename(temp, path)
"""


def test_a_link_that_is_swapped_all_the_while(
    snapshot: Path, victim: Path, tmp_path: Path, figures: Figures, *, soak: bool
) -> None:
    link = tmp_path / "swapped" / "snap.json"
    link.parent.mkdir(mode=0o777)
    link.symlink_to(snapshot)
    swapper = subprocess.Popen(
        [sys.executable, "-c", SWAP, link, snapshot, victim], stdout=subprocess.PIPE, text=True
    )
    try:
        assert swapper.stdout is not None
        assert swapper.stdout.readline() == "ready\n"
        for _ in range(400 if soak else 40):
            save(snapshot, world().raw)
            with figures.trying("hostile places: a link swapped in the middle"):
                applied = killed(link)
                assert snapshot.read_bytes() == (NEW if applied else world().raw)
                assert not snapshot.is_symlink()
                assert victim.read_bytes() == b"precious"
                assert {p.name for p in victim.parent.iterdir()} <= {"precious"}
    finally:
        end(swapper)


def killed(path: Path) -> bool:
    try:
        return bf.kill(path, [ALPHA], lock_timeout=0.2).passage.applied
    except ForensicsError:
        return False  # it led to the victim just then, or to something else than before


def test_a_hard_link_to_somebody_elses_name_keeps_the_old_bytes(
    snapshot: Path, tmp_path: Path, figures: Figures
) -> None:
    other = tmp_path / "theirs.json"
    other.hardlink_to(snapshot)
    with figures.trying("hostile places: hard links"):
        bf.kill(snapshot, [ALPHA])
        assert (other.read_bytes(), snapshot.read_bytes()) == (world().raw, NEW)
        assert other.stat().st_mtime_ns == SAVED


# --- a state folder that is not ours ----------------------------------------------------------


def _fifo_journal(state: Path) -> None:
    os.mkfifo(state / "journal.jsonl")


def _fifo_origin(state: Path) -> None:
    (state / "backups" / "x").mkdir(parents=True)
    os.mkfifo(state / "backups" / "x" / "origin")


def _endless_journal(state: Path) -> None:
    (state / "journal.jsonl").symlink_to("/dev/zero")


def _folder_journal(state: Path) -> None:
    (state / "journal.jsonl").mkdir()


def _linked_backups(state: Path) -> None:
    (state / "backups").symlink_to("/proc")


TRAPS = (_fifo_journal, _fifo_origin, _endless_journal, _folder_journal, _linked_backups)


@pytest.mark.parametrize("trap", TRAPS, ids=[trap.__name__.strip("_") for trap in TRAPS])
@pytest.mark.parametrize("verb", ["history", "verify", "backups", "processes", "undo"])
def test_no_trap_in_the_state_folder_holds_a_reader(  # noqa: PLR0917 - a place and a trap each
    verb: str,
    trap: Callable[[Path], None],
    run: Run,
    snapshot: Path,
    tmp_path: Path,
    figures: Figures,
) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    trap(state)
    arguments = (
        [verb, str(snapshot)] if verb == "processes" else [verb, "--snapshot", str(snapshot)]
    )
    with figures.trying("hostile places: traps in the state folder"):
        done = run(*arguments)
        assert "Traceback" not in done.err
        assert done.code in (0, 1, 3, 6)
        assert len(done.err.splitlines()) <= 2


@root_only
def test_a_state_folder_of_somebody_else_stops_a_change(
    snapshot: Path, tmp_path: Path, figures: Figures
) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    os.chown(state, OTHER_USER, OTHER_USER)
    with figures.trying("hostile places: state folders of others"):
        with pytest.raises(ForensicsError, match="belongs to user") as caught:
            bf.kill(snapshot, [ALPHA])
        assert caught.value.exit_code == 6
        assert snapshot.read_bytes() == world().raw
        assert not list(state.iterdir())


@root_only
def test_root_on_a_users_file_in_everybodys_folder(
    snapshot: Path, tmp_path: Path, figures: Figures
) -> None:
    snapshot.parent.chmod(0o1777)
    os.chown(snapshot, OTHER_USER, OTHER_USER)
    with figures.trying("hostile places: root on a user's file"):
        bf.kill(snapshot, [ALPHA])
        now = snapshot.stat()
        assert (now.st_uid, now.st_gid, stat.S_IMODE(now.st_mode)) == (65534, 65534, 0o640)
        (backup,) = backups(tmp_path)
        closed = [p for p in backup.parents if p.is_relative_to(tmp_path / "state")]
        assert all(stat.S_IMODE(p.stat().st_mode) == 0o700 for p in closed)
        assert {p.name for p in snapshot.parent.iterdir()} == {"snap.json"}
