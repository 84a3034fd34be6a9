"""Runs as PID 1 of a private PID namespace, among bystanders that record every signal.

It is started by test_namespaces.py and prints one JSON object. Nothing in here can
reach a process outside of the namespace, whatever the code under test does.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from bmux_forensics.host.census import take_census
from bmux_forensics.host.ending import EndingOptions, end_groups, plan_ending
from bmux_forensics.host.strays import find_strays
from bmux_forensics.host.verdicts import judge_groups

RECORDER = """
import os, signal, sys, time
folder, name, uid = sys.argv[1:4]
log = os.open(os.path.join(folder, name), os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o666)
for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
    signal.signal(number, lambda n, _: os.write(log, (signal.Signals(n).name + ' ').encode()))
if uid != '0':
    os.setgid(int(uid)); os.setuid(int(uid))
os.write(log, b'ready ')
while True:
    time.sleep(60)
"""

# Stands for a pane's shell that is our parent: it starts the runner and waits.
PARENT = """
import os, signal, subprocess, sys, time
log = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o666)
for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
    signal.signal(number, lambda n, _: os.write(log, (signal.Signals(n).name + ' ').encode()))
os.write(log, b'ready ')
code = subprocess.run([sys.executable, *sys.argv[2:]], process_group=0).returncode
os.write(log, ('exit%d ' % code).encode())
while True:
    time.sleep(60)
"""

PANE = {"BMUX_RUNTIME_NAME": "default", "BMUX_PANE": "1"}


def wait_until(condition: object, what: str) -> None:
    limit = time.monotonic() + 30
    while not condition():  # type: ignore[operator]  # a callable
        if time.monotonic() > limit:
            raise TimeoutError(what)
        time.sleep(0.002)


def bystander(
    folder: Path, name: str, *, uid: int = 0, pane: bool = True
) -> subprocess.Popen[bytes]:
    child = subprocess.Popen(
        [sys.executable, "-S", "-c", RECORDER, str(folder), name, str(uid)],
        start_new_session=True,
        env={**os.environ, **(PANE if pane else {})},
    )
    wait_until(lambda: (folder / name).exists() and (folder / name).read_text(), name)
    return child


def recycle(folder: Path, number: int) -> subprocess.Popen[bytes]:
    """Start a bystander under a number that was another process's."""
    for _ in range(50):
        Path("/proc/sys/kernel/ns_last_pid").write_text(str(number - 1))
        child = bystander(folder, "recycled")
        if child.pid == number:
            return child
        child.kill()
        child.wait()
        (folder / "recycled").unlink()
    message = "the kernel did not hand the number out again"
    raise RuntimeError(message)


def run_inside(arguments: dict[str, object]) -> None:
    """Judge and end everything, with every option that widens the reach."""
    numbers = {**arguments["groups"], "own": os.getpgrp(), "ours negated": -os.getpgrp()}  # type: ignore[dict-item]  # the harness wrote it
    census = take_census(groups=numbers.values())
    claims = pd.DataFrame(
        {
            "snapshot": "s",
            "session_id": list(numbers),
            "pane_id": list(numbers),
            "pgid": pd.array(list(numbers.values()), dtype="Int64"),
        }
    )
    saved = pd.Timestamp(arguments["saved_at"], unit="s", tz="UTC")  # type: ignore[arg-type]  # a float
    verdicts = judge_groups(claims, census, saved_at=saved, owner_uid=0)
    options = EndingOptions(whole_session=True, include_plausible=True, include_strays=True)
    strays = find_strays(verdicts, census)
    plan = plan_ending(verdicts, census, options, strays=strays)
    portable = bool(arguments["portable"])
    outcomes = end_groups(plan, grace=0.1, portable=portable)
    # A forged plan that calls our own, our parent's and the first group confirmed.
    forged = plan[plan["session_id"].isin(["own", "parent", "one", "zero", "minus one"])].assign(
        verdict="confirmed", hang_up=True, terminate=True, kill=True, owner_uid=0
    )
    forged = pd.concat([forged, forged.assign(role="stray", verdict="stray")])
    refused = end_groups(forged, grace=0, portable=portable)
    Path(str(arguments["result"])).write_text(
        json.dumps(
            {
                "verdicts": dict(zip(verdicts["session_id"], verdicts["verdict"], strict=True)),
                "reasons": dict(zip(verdicts["session_id"], verdicts["reason"], strict=True)),
                "outcomes": dict(zip(outcomes["session_id"], outcomes["outcome"], strict=True)),
                "refused": sorted(set(refused["outcome"])),
                "strays": strays["pid"].tolist(),
            }
        )
    )


def main() -> None:
    """Set the stage, run the code under test as a pane's child, and report."""
    heard: list[str] = []
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        signal.signal(number, lambda n, _: heard.append(signal.Signals(n).name))
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    before = bystander(folder, "before")
    target = bystander(folder, "target")
    others = {
        "other user": bystander(folder, "other", uid=65534),
        "unmarked": bystander(folder, "unmarked", pane=False),
    }
    saved_at = time.time()
    before.kill()
    before.wait()
    wait_until(lambda: time.time() > saved_at + 2, "the save is well in the past")
    others["recycled"] = recycle(folder, before.pid)
    result = folder / "result"
    groups = {"one": 1, "zero": 0, "minus one": -1, "target": target.pid}
    groups |= {name: child.pid for name, child in others.items()}
    arguments = {
        "groups": groups, "saved_at": saved_at, "portable": sys.argv[1] == "portable",
        "result": str(result),
    }  # fmt: skip
    # The parent's number is known only once it runs: it passes the arguments through a file.
    request = folder / "request"
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(folder / "parent"), __file__, "--inside", str(request)],
        start_new_session=True,
        env={**os.environ, **PANE},
    )
    groups["parent"] = parent.pid
    (folder / "writing").write_text(json.dumps(arguments))
    (folder / "writing").rename(request)
    wait_until(lambda: "exit" in _read(folder / "parent"), "the runner is done")
    sys.stdout.write(
        json.dumps(
            {
                **(json.loads(result.read_text()) if result.exists() else {}),
                "heard": {
                    **{name: _read(folder / name) for name in ("other", "unmarked", "recycled")},
                    "parent": _read(folder / "parent"),
                    "init": " ".join(heard),
                },
                "alive": {name: child.poll() is None for name, child in others.items()}
                | {"parent": parent.poll() is None},
                "target": target.poll(),
                "recycled number": others["recycled"].pid == before.pid,
            }
        )
    )


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


if __name__ == "__main__":
    if sys.argv[1] == "--inside":
        request = Path(sys.argv[2])
        wait_until(request.exists, "the request is there")
        run_inside(json.loads(request.read_text()))
    else:
        main()
