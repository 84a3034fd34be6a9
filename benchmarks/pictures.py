"""The timeline of a large archive is drawn in no more time than the archive took to load."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

import orjson

import bmux_forensics as bf
from benchmarks.report import Figure, show
from benchmarks.worlds import make_trees
from bmux_forensics.snapshot.envelope import Envelope, Section, encode_envelope
from bmux_forensics.snapshot.sections import BY_NAME

SNAPSHOTS: Final = 1_000
SESSIONS: Final = 12
_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_VERSIONS: Final = {"tabs": 2, "panes": 3}

T = TypeVar("T")


def main() -> bool:
    """Measure, print, and tell whether the bound holds."""
    with tempfile.TemporaryDirectory() as folder:
        write_history(Path(folder))
        archive = bf.load_archive(folder, jobs=1)
        loading, events = _timed(lambda: bf.timeline(archive))
        drawing, picture = _timed(lambda: bf.draw_timeline(events, archive))
        writing, _ = _timed(picture.svg)
    title = f"timeline of {SNAPSHOTS} snapshots, {len(events)} events"
    return show(title, [Figure("drawn and written / loaded", (drawing + writing) / loading, 1.0)])


def write_history(folder: Path) -> None:
    """Write snapshots an hour apart: a session comes and goes at each, commands change."""
    trees = make_trees(SESSIONS, seed=1)
    sessions = trees["sessions"]
    for number in range(SNAPSHOTS):
        gone = number % SESSIONS
        trees["panes"]["sessions"][gone]["panes"][0]["active_command"] = f"make {number}"
        shown = {**trees, "sessions": [s for i, s in enumerate(sessions) if i != gone]}
        sections = [
            Section(BY_NAME[name].id, _VERSIONS.get(name, 1), orjson.dumps(tree))
            for name, tree in shown.items()
        ]
        raw = encode_envelope(Envelope(version=1, checksum=0, sections=()).with_sections(sections))
        moment = _START + timedelta(hours=number)
        (folder / f"bmux-snapshot-v1.{moment:%Y%m%dT%H%M%SZ}.json").write_bytes(raw)


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result
