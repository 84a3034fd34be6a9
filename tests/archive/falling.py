"""Questions that end the worker they are asked in; by themselves, for workers to import fast."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from bmux_forensics.tables.build import Tables


def once(tables: Tables) -> tuple[int, ...]:
    """End the worker the first time that it comes to one of the batches."""
    if any(s.name.endswith("0150.json") for s in tables.snapshots):
        marker = Path(tables.snapshots[0].name).parent / "fell"
        if not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return tuple(len(s.raw) for s in tables.snapshots)


def always(tables: Tables) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return len(tables)
