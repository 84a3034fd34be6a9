"""What has to be true after a fault, and what a person does next."""

from __future__ import annotations

from pathlib import Path

import bmux_forensics as bf
from tests.host.conftest import is_running, wait_until

from .forks import Forks
from .operations import Operation, Scene


def require_whole(operation: Operation, scene: Scene, forks: Forks) -> bool:
    """Look at what a fault left, do what a person does next; tell whether the file is new.

    The file is old or new, the old bytes are somewhere, the journal explains it, a lock that
    was left is broken by proof, processes that were to end are ended by a resume, the same
    run once more completes, and then no temporary file is left. Of several files each.
    """
    _require_kept(scene)
    changed = scene.changed()
    for path in scene.paths:
        bf.unlock(path)  # raises where it is not proven that its holder is gone
        assert not path.with_name(path.name + ".lock").exists()
    if operation.name == "kill":
        _finish(scene, changed=bool(changed))

    again = forks.run(scene.arguments, env=scene.env)
    if changed == scene.paths:
        assert again.code in operation.again, again
        assert operation.again[again.code] in again.err, again
    else:
        assert again.code == 0, again
    assert again.code != 0 or all(scene.bytes_of(path) == scene.new for path in scene.paths)
    for path in filter(Path.exists, scene.paths):
        bf.kill(path, all_sessions=True, reach=bf.Reach(signal=False))  # the next change
    assert damage() == []
    assert left(scene) == []
    assert "open" not in bf.history()["state"].tolist()
    return bool(changed)


def _require_kept(scene: Scene) -> None:
    """Look whether each file is old or new, and what is known of it."""
    states: dict[str, list[str]] = {}
    for row in bf.history().to_dict("records"):
        if row["id"] not in scene.known:
            states.setdefault(row["file"], []).append(row["state"])
    for path in scene.paths:
        now, mine = scene.bytes_of(path), states.pop(str(path), [])
        assert now in (scene.before, scene.new), "torn"
        if now == scene.before:
            assert mine in ([], ["failed"]), mine
            continue
        assert mine == ["done"], mine
        assert scene.before is None or scene.before in kept(path), "the old bytes are nowhere"
    assert states == {}
    assert damage() == []


def _finish(scene: Scene, *, changed: bool) -> None:
    """End the processes that the kill meant to end, if it was carried out."""
    resumed = bf.resume(scene.path, reach=bf.Reach(grace=0.05))
    if not changed:
        assert resumed == []
        assert all(is_running(child.pid) for child in scene.children)
        return
    assert all(one.problem is None for one in resumed)
    wait_until(
        lambda: not any(is_running(child.pid) for child in scene.children), "they were ended"
    )
    assert bf.resume(scene.path) == []


def kept(path: Path) -> list[bytes]:
    """Return the content of every backup of a file, and of what was moved aside."""
    backups = [Path(name) for name in bf.backups(path)["path"]]
    return [p.read_bytes() for p in (*backups, *path.parent.glob("*.corrupt-*"))]


def damage() -> list[str]:
    """Return what is wrong with journal and backups."""
    problems = bf.verify()
    return problems[problems["severity"] == "damage"]["kind"].tolist()


def left(scene: Scene) -> list[str]:
    """Return the names of temporary files and locks."""
    places = (scene.path.parent, scene.folder / "state")
    names = [p.name for place in places for p in place.rglob("*")]
    return [name for name in names if name.startswith(".bmux") or name.endswith((".lock", ".tmp"))]
