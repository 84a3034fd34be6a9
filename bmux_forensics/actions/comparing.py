"""Compare two snapshots."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bmux_forensics.actions.opening import open_snapshot
from bmux_forensics.analysis import diff as differing
from bmux_forensics.snapshot.document import Snapshot


def diff(
    a: str | Path | Snapshot, b: str | Path | Snapshot, *, show_env: bool = False
) -> pd.DataFrame:
    """Return what differs between two snapshots, row by row.

    Parameters
    ----------
    a, b : path-like or Snapshot
        The older and the newer one.
    show_env : bool
        Show the values of environment variables; they are compared in any case.

    Returns
    -------
    DataFrame
        As `bmux_forensics.analysis.diff.diff`: one row a row that was added, removed or
        changed; empty when both say the same.

    Raises
    ------
    EvidenceError
        One of them can't be read, or is no snapshot. What is wrong with a single section
        raises nothing: `Snapshot.problems` says it.

    Examples
    --------
    >>> day = "sample_snapshots/alpha4-day/bmux-snapshot-v1.20261122"
    >>> changes = diff(f"{day}T115637Z.json", f"{day}T115638Z.json")
    >>> changes.loc[changes["table"] == "sessions", ["change", "new"]].values.tolist()
    [['removed', nan]]
    """
    opened = [s if isinstance(s, Snapshot) else open_snapshot(s) for s in (a, b)]
    for snapshot in opened:
        if snapshot.envelope_problem is not None:
            raise snapshot.envelope_problem
    return differing.diff(opened[0], opened[1], show_env=show_env)
