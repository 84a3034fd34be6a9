"""Very many tiny files: each has its line, memory grows by the lines alone, progress is told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.figures import Figures
from tests.worlds import SESSIONS, World, part, session

ROOT = Path(__file__).resolve().parents[2]
_LINE = 4 << 10  # bytes of memory for a line of the status, and what it takes to make it
_FLOOR = 64 << 20

LOADER = """
import json, resource, sys
import bmux_forensics as bf

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

len(bf.load_archive(sys.argv[1] + "/0").status)  # whatever is loaded late is loaded now
before, told = peak(), []
archive = bf.load_archive(sys.argv[1], jobs=1, on_progress=lambda *done: told.append(done))
status = archive.status
print(json.dumps({"rows": len(status), "read": int((status["status"] == "read").sum()),
                  "kinds": sorted(set(status["status"])), "memory": peak() - before,
                  "told": len(told), "last": told[-1],
                  "grows": told == sorted(told)}))
"""


def test_of_very_many_tiny_files_each_has_its_line(
    tmp_path: Path, figures: Figures, *, soak: bool
) -> None:
    count = 100_000 if soak else 1_500
    sound = World((part("sessions", [session(SESSIONS[0], "ops")]),), compact=True).raw
    for number in range(count):
        folder = tmp_path / str(number // 500)
        if number % 500 == 0:
            folder.mkdir()
        raw = (sound, b"", b"{", sound[:-9])[number % 4]
        (folder / f"snap-{number:06}.json").write_bytes(raw)
    done = subprocess.run(
        [sys.executable, "-c", LOADER, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    assert told["rows"] == count
    assert told["memory"] <= _FLOOR + _LINE * count, told
    assert told["grows"]
    assert told["told"] >= count / 500
    assert told["last"] == [count, count]
    figures.add("very many tiny files", count, unit="files")
