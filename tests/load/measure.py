"""Use one snapshot in every way, each in a child of its own, and say what it took.

``python -m tests.load.measure SECONDS INPUT=SIZE...`` writes a line of JSON for each input
and use: CPU seconds, the memory that the use took on top of what an empty one leaves, and
how it ended. A child that uses more than SECONDS of CPU time is ended by the system: it
hangs.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import bmux_forensics as bf
from bmux_forensics.errors import ForensicsError
from bmux_forensics.snapshot.document import read_snapshot
from bmux_forensics.snapshot.mending import mend
from tests.fuzz.guard import forbid_changes, limit
from tests.load.inputs import BY_NAME
from tests.worlds import SESSIONS, World, part, session


def _info(raw: bytes) -> None:
    bf.summarize(read_snapshot(raw, "x"))


def _salvage(raw: bytes) -> None:
    bf.preview_salvage(read_snapshot(raw, "x"))


def _tables(raw: bytes) -> None:
    built = bf.Tables([read_snapshot(raw, "x")])
    for name in built:
        _ = built[name]


def _audit(raw: bytes) -> None:
    bf.audit(bf.Tables([read_snapshot(raw, "x")]), target="all")


def _forecast(raw: bytes) -> None:
    built = bf.Tables([read_snapshot(raw, "x")])
    bf.forecast(built, target="all")
    bf.session_status(built)


def _repair(raw: bytes) -> None:
    _ = bf.plan_of_repair(read_snapshot(raw, "x")).after


def _kill(raw: bytes) -> None:
    plan = bf.plan_of_kill(read_snapshot(raw, "x"), [SESSIONS[0]])
    _ = plan.changes, plan.after


def _kill_all(raw: bytes) -> None:
    plan = bf.plan_of_kill(read_snapshot(raw, "x"), all_sessions=True)
    _ = plan.changes, plan.after


USES: Final[dict[str, Callable[[bytes], None]]] = {
    use.__name__.strip("_"): use
    for use in (_info, _salvage, _tables, _audit, _forecast, _repair, _kill, _kill_all)
}
_SMALL: Final = World((part("sessions", [session(SESSIONS[0])]), part("panes", {"sessions": []})))


def warm() -> None:
    """Use a small snapshot in every way, so that whatever is loaded late is loaded."""
    for use in USES.values():
        use(_SMALL.raw)
    mend(b'{"version":1,"checksum":5,"sections":[]}')


def made(name: str, size: int) -> tuple[bytes, int]:
    """Make an input in a child: memory that was freed here would be had for nothing later."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.close(reader)
        raw, elements = BY_NAME[name](size)
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(b"%d\n" % elements)
            pipe.write(raw)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        told = pipe.readall()
    os.wait()
    number, _, raw = told.partition(b"\n")
    return raw, int(number)


def measured(use: Callable[[bytes], None], raw: bytes, seconds: int) -> dict[str, Any]:
    """Use a snapshot in a child that may look but not touch."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        limit(cpu_seconds=seconds)
        forbid_changes()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start, end = time.process_time(), "done"
        try:
            use(raw)
        except ForensicsError as error:
            end = error.kind
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is told
            end = f"FAILED: {error!r}"[:500]
        used = time.process_time() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        os.write(writer, json.dumps({"cpu": used, "memory": peak * 1024, "end": end}).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    result: dict[str, Any] = json.loads(told) if told else {"end": f"ENDED: {status}"}
    return result


def main(seconds: int, wanted: list[str]) -> None:
    """Measure each input in each use."""
    warm()
    for word in wanted:
        name, _, size = word.partition("=")
        raw, elements = made(name, int(size))
        for use, function in USES.items():
            facts = {"input": name, "use": use, "size": len(raw), "elements": elements}
            sys.stdout.write(json.dumps(facts | measured(function, raw, seconds)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
