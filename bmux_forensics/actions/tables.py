"""Load the tables of some snapshots."""

from __future__ import annotations

from pathlib import Path

from bmux_forensics.actions.opening import open_snapshot
from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.tables.build import Tables


def load_tables(*sources: str | Path | Snapshot, show_env: bool = False) -> Tables:
    """Return the tables of snapshots: paths, or snapshots that are open already.

    Parameters
    ----------
    *sources : path-like or Snapshot
        None means bmux's own snapshot.
    show_env : bool
        Show the values of environment variables instead of a mask.

    Returns
    -------
    Tables
        A mapping from table name to DataFrame, built as they are asked for.
    """
    opened = [s if isinstance(s, Snapshot) else open_snapshot(s) for s in sources]
    return Tables(opened or [open_snapshot()], show_env=show_env)
