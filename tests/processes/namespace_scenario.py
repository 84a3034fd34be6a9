"""Runs as PID 1 of a private PID namespace: `kill` and `kill --resume` among bystanders.

It is started by test_namespaces.py and prints one JSON object. Every bystander records each
signal that it hears; nothing in here can reach a process outside of the namespace.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.host.namespace_scenario import PARENT, _read, bystander, recycle, wait_until
from tests.processes.test_crash import STOPPED
from tests.worlds import World, contexts_tree, pane, part, runtime, session

BMUX = {name: value for name, value in os.environ.items() if name.startswith("BMUX_")}
"""Where our bmux is: for those who kill, not for bystanders, whom it would mark."""

WIDEST = ("--whole-session", "--include-plausible", "--include-strays", "--grace", "0.1")


def save(path: Path, groups: dict[str, int], saved_at: float) -> None:
    """Write a snapshot with a session for each group."""
    ids = {name: f"{i:08x}-0000-4000-8000-000000000000" for i, name in enumerate(groups)}
    rows = [runtime(ids[name], pane(ids[name], pgid)) for name, pgid in groups.items()]
    parts = (
        part("sessions", [session(ids[name], name) for name in groups]),
        part("contexts", contexts_tree()),
        part("panes", {"sessions": rows}, 2),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(World(parts).raw)
    os.utime(path, (saved_at, saved_at))


def own_snapshot() -> Path:
    return Path(BMUX["BMUX_DATA_DIR"], "runtime", "bmux-snapshot-v1.json")


def run_inside(request: dict[str, Any]) -> None:
    """Record our own group too, and kill everything as widely as it goes."""
    from bmux_forensics.cli import main  # noqa: PLC0415 - PID 1 does not need it

    save(own_snapshot(), {**request["groups"], "own": os.getpgrp()}, request["saved_at"])
    with Path(request["result"]).open("w") as file, contextlib.redirect_stdout(file):
        main(["kill", "--all", "--yes", "--json", *WIDEST])


def kill_everything(folder: Path) -> dict[str, Any]:
    """Kill among bystanders that must not hear a thing, and one that is proven."""
    before, target = bystander(folder, "before"), bystander(folder, "target")
    others = {
        "other user": bystander(folder, "other", uid=65534),
        "unmarked": bystander(folder, "unmarked", pane=False),
    }
    saved_at = time.time()
    before.kill()
    before.wait()
    wait_until(lambda: time.time() > saved_at + 2, "the save is well in the past")
    others["recycled"] = recycle(folder, before.pid)
    parent = subprocess.Popen(
        [
            *(sys.executable, "-c", PARENT, str(folder / "parent")),
            *(__file__, "--inside", str(folder / "request")),
        ],
        start_new_session=True,
        env={**os.environ, **BMUX, "BMUX_RUNTIME_NAME": "default", "BMUX_PANE": "1"},
    )
    groups = {"one": 1, "zero": 0, "minus one": -1, "target": target.pid, "parent": parent.pid}
    groups |= {name: child.pid for name, child in others.items()}
    request = {"groups": groups, "saved_at": saved_at, "result": str(folder / "result")}
    (folder / "writing").write_text(json.dumps(request))
    (folder / "writing").rename(folder / "request")
    wait_until(lambda: "exit" in _read(folder / "parent"), "the runner is done")
    told = json.loads((folder / "result").read_text())
    names = {pgid: name for name, pgid in groups.items()}
    return {
        "exit_code": told["exit_code"],
        "groups": {names.get(g["pgid"], "own"): g["verdict"] for g in told["process_groups"]},
        "outcomes": {names.get(g["pgid"], "own"): g["outcome"] for g in told["process_groups"]},
        "signalled": sorted(names[r["pgid"]] for r in told["process_plan"] if r["signals"]),
        "heard": {n: _read(folder / n) for n in ("other", "unmarked", "recycled", "parent")},
        "alive": all(child.poll() is None for child in (*others.values(), parent)),
        "target": target.poll(),
    }


def resume_after_the_number_changed_hands(folder: Path) -> dict[str, Any]:
    """Crash before the first signal; then the pane ends, and another one gets its number."""
    place = folder / "resume"
    place.mkdir(mode=0o777)
    place.chmod(0o777)
    first = bystander(place, "first")
    # Saved "later": the time alone would not tell the two panes apart.
    save(own_snapshot(), {"doomed": first.pid}, time.time() + 3600)
    crash = subprocess.Popen(
        [
            *(sys.executable, "-c", STOPPED),
            *("bmux_forensics.actions.processes:end_groups", "before"),
            *("kill", "doomed", "--yes"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **BMUX},
    )
    assert crash.stderr is not None
    assert crash.stderr.readline() == "stopped\n"
    crash.kill()
    crash.communicate()
    first.kill()
    first.wait()
    second = recycle(place, first.pid)
    resume = subprocess.run(
        [sys.executable, "-m", "bmux_forensics", "kill", "--resume", "--json", *WIDEST],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **BMUX},
    )
    return {
        "told": json.loads(resume.stdout),
        "heard": _read(place / "recycled"),
        "alive": second.poll() is None,
        "number": first.pid,
    }


def main() -> None:
    """Set both stages and report."""
    for name in BMUX:
        del os.environ[name]
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    report = {
        "kill": kill_everything(folder),
        "resume": resume_after_the_number_changed_hands(folder),
    }
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        wait_until(Path(sys.argv[2]).exists, "the request is there")
        run_inside(json.loads(Path(sys.argv[2]).read_text()))
    else:
        main()
