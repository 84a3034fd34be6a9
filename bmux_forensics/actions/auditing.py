"""Ask of snapshots what is wrong with them, what a server will make of them, who is orphaned."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from bmux_forensics.actions.door import is_own_snapshot
from bmux_forensics.actions.tables import load_tables
from bmux_forensics.analysis import status
from bmux_forensics.analysis.audit import run
from bmux_forensics.analysis.restore import forecast as restoring
from bmux_forensics.analysis.rules.book import POSITION
from bmux_forensics.analysis.rules.model import SEVERITIES, TARGETS
from bmux_forensics.host.filesystem import exists
from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.tables.build import Tables

Source = str | Path | Snapshot | Tables
"""A snapshot by path, one that is open, or the tables of several."""

_OF_THIS_MACHINE = ("folder-gone", "shell-gone")


def tables_of(*sources: Source) -> Tables:
    """Return the tables of some sources; those of bmux's own snapshot without any."""
    if len(sources) == 1 and isinstance(sources[0], Tables):
        return sources[0]
    snapshots: list[str | Path | Snapshot] = []
    for source in sources:
        if isinstance(source, Tables):
            snapshots.extend(source.snapshots)
        else:
            snapshots.append(source)
    return load_tables(*snapshots)


def audit(
    *sources: Source,
    target: str = "alpha4",
    rules: Collection[str] | None = None,
    here: bool = False,
) -> pd.DataFrame:
    """Find everything that is wrong with some snapshots, or worth knowing.

    The choices are those of `bmux_forensics.audit`, which asks this of archives too.
    """
    tables = tables_of(*sources)
    targets = TARGETS if target == restoring.ALL else (target,)
    parts = [
        run.audit(tables, target=t, rules=rules, host=exists if here else None) for t in targets
    ]
    if not here:
        parts += _asked_of_this_machine(tables, targets[0], rules)
    return parts[0] if len(parts) == 1 else _each_once(parts)


def _asked_of_this_machine(
    tables: Tables, target: str, rules: Collection[str] | None
) -> list[pd.DataFrame]:
    """Return what this machine lacks of what bmux's own snapshot names, if that is among them."""
    own = [s for s in tables.snapshots if is_own_snapshot(Path(s.name))]
    asked = [rule for rule in _OF_THIS_MACHINE if rules is None or rule in rules]
    if not own or not asked:
        return []
    found = run.audit(Tables(own), target=target, rules=asked, host=exists)
    found["snapshot"] = found["snapshot"].cat.set_categories(tables.snapshot_dtype.categories)
    return [found]


def _each_once(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Put findings together, by snapshot and from worst to least; the worst of equal ones stays."""
    frame = pd.concat(parts, ignore_index=True)
    keys = (
        frame["rule"].map(POSITION),
        frame["severity"].map(SEVERITIES.index),
        frame["snapshot"].cat.codes,
    )
    frame = frame.iloc[np.lexsort([key.to_numpy() for key in keys])]
    same = [name for name in frame.columns if name not in ("severity", "fix")]  # its rule says
    return frame.drop_duplicates(same).reset_index(drop=True)


def forecast(*sources: Source, target: str = "alpha4") -> pd.DataFrame:
    """Foretell what a server makes of some snapshots when it starts on them."""
    return restoring.forecast(tables_of(*sources), target=target)


def session_status(*sources: Source) -> pd.DataFrame:
    """Say of every session what it has and in one word how it is."""
    return status.session_status(tables_of(*sources))


def orphans(*sources: Source, kinds: Collection[str] = ("lost", "hollow")) -> pd.DataFrame:
    """List the sessions that nothing leads to any more, with what shows it."""
    return status.orphans(tables_of(*sources), kinds)
