"""Real processes at one snapshot: none loses, none fails, and the dead block until unlock."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import bmux_forensics as bf
from bmux_forensics.store.lock import LockHeldError
from tests.actions.scenes import ALPHA, Trace, backups, below, child, end, save, world
from tests.analysis.reference_kill import killed
from tests.worlds import World, contexts_tree, pane, part, runtime, session

PROCESSES, KILLS, SURVIVORS = 8, 25, 5
IDS = [f"{i:08x}-0000-4000-8000-000000000000" for i in range(PROCESSES * KILLS + SURVIVORS)]

KILL_MANY = """
import sys
import bmux_forensics as bf
path, *ids = sys.argv[1:]
bf.plan_of_kill  # everything is imported before the start
print("ready", flush=True)
sys.stdin.readline()
for session_id in ids:
    outcome = bf.kill(path, [session_id])
    assert outcome.passage.applied
"""

HOLD = """
import sys
from pathlib import Path
from bmux_forensics.actions.door import change_file
def prepare(snapshot):
    print("held", flush=True)
    sys.stdin.readline()
    return None
change_file(Path(sys.argv[1]), prepare)
"""


@pytest.fixture
def children() -> Iterator[list[subprocess.Popen[str]]]:
    running: list[subprocess.Popen[str]] = []
    with ExitStack() as stack:
        yield running
        for process in running:
            stack.callback(end, process)


def many_sessions() -> World:
    """Give many sessions, every tenth with a context and a pane: small enough to be quick."""
    owners = IDS[::10]
    contexts = [i.replace("-4000-", "-4001-") for i in owners]
    return World(
        (
            part("sessions", [session(i) for i in IDS]),
            part(
                "contexts",
                contexts_tree(
                    contexts={c: {"id": c, "name": None, "attributes": {}} for c in contexts},
                    session_by_context=dict(zip(contexts, owners, strict=True)),
                    mru_contexts=contexts,
                ),
            ),
            part("panes", {"sessions": [runtime(i, pane(i)) for i in owners]}, 2),
        )
    )


def test_eight_processes_lose_none_of_two_hundred_kills(
    snapshot: Path, tmp_path: Path, children: list[subprocess.Popen[str]]
) -> None:
    raw = many_sessions().raw
    save(snapshot, raw)
    victims = IDS[: PROCESSES * KILLS]
    for number in range(PROCESSES):
        own = victims[number::PROCESSES]  # neighbours in the file are killed by rivals
        children.append(child("-c", KILL_MANY, str(snapshot), *own, folder=tmp_path))
    for process in children:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in children:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    ends = [process.communicate(timeout=80)[1] for process in children]
    assert ends == [""] * PROCESSES
    assert [process.returncode for process in children] == [0] * PROCESSES
    assert snapshot.read_bytes() == killed(raw, set(victims))
    assert below(snapshot.parent) == ["snap.json"]
    # Every state but the last was backed up before it was replaced.
    kept = {bf.open_snapshot(path).sha256 for path in backups(tmp_path)}
    assert len(kept) == PROCESSES * KILLS
    assert bf.open_snapshot(snapshot).sha256 not in kept


def test_a_holder_killed_in_the_middle_blocks_until_unlock(
    snapshot: Path, tmp_path: Path, children: list[subprocess.Popen[str]]
) -> None:
    before = Trace.of(snapshot)
    holder = child("-c", HOLD, str(snapshot), folder=tmp_path)
    children.append(holder)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(LockHeldError, match=f"held by process {holder.pid} .*wait for it") as alive:
        bf.kill(snapshot, ["alpha"], lock_timeout=0.05)
    assert (alive.value.exit_code, alive.value.alive) == (4, True)
    with pytest.raises(bf.ForensicsError, match="holds it") as living:
        bf.unlock(snapshot, confirmed=True)
    assert living.value.exit_code == 4
    holder.kill()
    holder.wait()
    with pytest.raises(LockHeldError, match=r"which is gone; break it with .* unlock") as dead:
        bf.kill(snapshot, ["alpha"], lock_timeout=0.05)
    assert (dead.value.exit_code, dead.value.pid) == (4, holder.pid)
    assert Trace.of(snapshot) == before
    assert below(snapshot.parent) == ["snap.json", "snap.json.lock"]
    assert bf.inspect_lock(snapshot).breakable == "proven"
    assert bf.unlock(snapshot).exists
    bf.kill(snapshot, ["alpha"])
    assert snapshot.read_bytes() == killed(world().raw, {ALPHA})
    assert below(snapshot.parent) == ["snap.json"]
