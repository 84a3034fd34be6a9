"""Draw the pictures that the README and the docs show: ``python docs/pictures``.

They are made from the samples alone, so they are the same on every machine. A test
compares them with what is stored.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable
from pathlib import Path

import bmux_forensics as bf

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DAY = ROOT / "sample_snapshots" / "alpha4-day"
SNAPSHOT = DAY / "bmux-snapshot-v1.20261122T115637Z.json"
BROKEN = ROOT / "tests" / "data" / "restore" / "focus-and-leaf-missing-same-row.json.gz"


def _cascade() -> bf.Picture:
    return bf.draw_cascade(bf.plan_of_kill(bf.open_snapshot(SNAPSHOT), ["tab-3"]))


def _session_map() -> bf.Picture:
    broken = bf.read_snapshot(gzip.decompress(BROKEN.read_bytes()), "broken.json")
    return bf.draw_session_map(bf.Tables([broken]))


def _screen() -> bf.Picture:
    return bf.draw_screen(bf.load_tables(SNAPSHOT), "03b1affc-f02c-424c-a52e-4d8c8db37ead")


def _timeline() -> bf.Picture:
    archive = bf.load_archive(DAY, jobs=1)
    return bf.draw_timeline(bf.timeline(archive), archive)


PICTURES: dict[str, Callable[[], bf.Picture]] = {
    "cascade.svg": _cascade,
    "session-map.svg": _session_map,
    "screen.svg": _screen,
    "timeline.svg": _timeline,
}
"""Every picture, by its file name."""


def main() -> int:
    """Draw all pictures anew."""
    for name, draw in PICTURES.items():
        (HERE / name).write_text(draw().svg(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
