"""A resurrection's plan: one row an insertion, and whether a server would take the result."""

from __future__ import annotations

from typing import Final

import orjson
import pandas as pd

from bmux_forensics.analysis.masked import masked
from bmux_forensics.analysis.plans import frame_of
from bmux_forensics.analysis.restore.forecast import forecast
from bmux_forensics.analysis.restore.words import forecast_line
from bmux_forensics.analysis.resurrection.changes import changes_of
from bmux_forensics.analysis.resurrection.conflicts import require_room
from bmux_forensics.analysis.resurrection.kept import State, kept_of
from bmux_forensics.errors import WouldNotRestoreError
from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.tables.build import Tables
from bmux_forensics.tables.cells import cells
from bmux_forensics.tables.schema import Kind

_LOSSES: Final = ("everything", "sessions", "panes")
_NEWER: Final = ("tabs", "workspaces")


def plan_resurrection(
    source: Snapshot, session_id: str, there: Tables, *, new_name: str | None = None
) -> pd.DataFrame:
    """Plan the return of a session from one snapshot into another one.

    Its row, contexts, bindings, places among the contexts used last and among the tabs, and
    its pane row come back, in the form that the other snapshot has. Left out are process
    groups, clients, and what clients had selected.

    Parameters
    ----------
    source : Snapshot
        The snapshot that lists the session.
    session_id : str
        The session, resolved.
    there : Tables
        The tables of the one snapshot that it comes back to.
    new_name : str, optional
        A name instead of its own; contexts of its name get it too.

    Returns
    -------
    DataFrame
        A plan, with the columns of `plans.COLUMNS`; every action is ``insert``. ``new`` is the
        whole element, environment values included: show `presentable` of it.

    Raises
    ------
    AlreadyThereError
        One of its ids or names is taken.
    EvidenceError
        A section that is needed, of either snapshot, does not decode or is not there.
    """
    target = there.snapshots[0]
    state, kept = State(target), kept_of(source, session_id)
    require_room(kept, state, new_name)
    changes = changes_of(kept, state, new_name)
    rows = [(0, *change.row(target.readings[change.section].tree)) for change in changes]
    return frame_of(there, sorted(rows, key=lambda row: row[1]))


def presentable(plan: pd.DataFrame) -> pd.DataFrame:
    """Return a plan with the values of environment variables masked."""
    shown = [None if pd.isna(new) else _presentable(new) for new in plan["new"]]
    return plan.assign(new=cells(Kind.TEXT, shown))


def _presentable(new: str) -> str:
    return orjson.dumps(masked(orjson.loads(new))).decode()


def servers_of(snapshot: Snapshot) -> tuple[str, ...]:
    """Return the servers that have to take a snapshot as it will be.

    alpha.4 reads every form. One of the older form, which alpha.1 brings back whole as it is,
    has to stay one that alpha.1 brings back whole.
    """
    panes = snapshot.reading("panes")
    older = panes is not None and panes.section.version == 1
    newer = any(snapshot.reading(name) is not None for name in _NEWER)
    if older and not newer and _fault(Tables([snapshot]), "alpha1") is None:
        return ("alpha4", "alpha1")
    return ("alpha4",)


def require_good(before: Snapshot, after: Tables) -> None:
    """Refuse a result that a server would not bring back whole: every session, every pane.

    Raises
    ------
    WouldNotRestoreError
        Says what a server would make of it, and whether that was so before.
    """
    for server in servers_of(before):
        fault = _fault(after, server)
        if fault is None:
            continue
        already = _fault(Tables([before]), server) is not None
        raise WouldNotRestoreError(
            before.name,
            fault if not already else f"it is not sound as it is: {fault}",
            expected="a snapshot that a server brings back whole",
            advice="mend it first with `repair`"
            if already
            else "mend a copy of the source first, with `repair`",
        )


def _fault(tables: Tables, server: str) -> str | None:
    """Say what a server would not bring back of a snapshot, or nothing."""
    frame = forecast(tables, target=server)
    row = {str(name): frame[name].iloc[0] for name in frame}
    lost = any(kind in row["lost_at_next_save"] for kind in _LOSSES)
    sound = row["server_starts"] and not row["saves_blocked"] and not lost
    return None if sound else forecast_line(row)
