"""What happened to sessions and contexts, told from what snapshots show one after another.

Each batch is boiled down to a few columns (`facts`), where it is read. Then all of them
together are joined with themselves, shifted by one snapshot: what begins, what ends and
what differs is an event. Snapshots of one host are one history.

What an event says is only that it happened between two snapshots. A server restart is
told by the panes that stayed: when the process group of every one of them is another one,
their shells were all started anew. Clients tell nothing, for each command is a client of
its own; and where no pane stayed, a restart can't be told and is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from bmux_forensics.analysis.timeline_steps import AT, Step, Steps
from bmux_forensics.tables.build import Tables
from bmux_forensics.tables.cells import TEXT_DTYPE, cells
from bmux_forensics.tables.schema import Kind

EVENTS: Final = (
    "server restart",
    "appeared",
    "came back",
    "renamed",
    "bound",
    "unbound",
    "gained panes",
    "lost panes",
    "command changed",
    "orphaned",
    "vanished",
)
"""Every event, in the order in which those of one moment are listed."""

SUBJECTS: Final = ("server", "session", "context")
"""What an event happens to, in that order."""

_TEXTS: Final = ("host", "snapshot", "previous", "event", "subject")
_IDS: Final = ("session_id", "context_id", "pane_id", "name", "old", "new")
_WITNESSES: Final = (
    ("bindings", "session_id"),
    ("runtimes", "owner_id"),
    ("older_runtimes", "owner_id"),
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a batch says that a timeline needs; ``at`` is a position in `moments`.

    Parameters
    ----------
    moments : DataFrame
        ``snapshot`` str, ``captured_at`` datetime64[us, UTC]: those whose word counts.
    sessions : DataFrame
        ``at``, ``session_id``, ``name``, ``listed`` bool: False for one that only panes or
        bindings speak of.
    panes, contexts, bindings : DataFrame
        ``at`` and the ids; the pane's ``pgid`` and ``command``, the context's ``name``.
    """

    moments: pd.DataFrame
    sessions: pd.DataFrame
    panes: pd.DataFrame
    contexts: pd.DataFrame
    bindings: pd.DataFrame


def facts(tables: Tables) -> Facts:
    """Return what some snapshots say that a timeline needs.

    A damaged snapshot, or one without a list of sessions, proves nothing: what it does not
    show may be there all the same. So it has no part in a timeline.
    """
    snapshots, sections = tables["snapshots"], tables["sections"]
    listing = sections.loc[sections["name"] == "sessions", "snapshot"]
    counts = snapshots["error"].isna() & snapshots["snapshot"].isin(listing.unique())
    moments = snapshots.loc[counts, ["snapshot", "saved_at"]]
    moments = moments.set_axis(["snapshot", "captured_at"], axis=1).reset_index(drop=True)
    position = np.full(len(snapshots), -1)
    position[counts.to_numpy()] = np.arange(len(moments))

    def chosen(table: str, **columns: str) -> pd.DataFrame:
        frame = tables[table]
        at = position[frame["snapshot"].cat.codes.to_numpy()]
        frame = pd.DataFrame({AT: at, **{new: frame[old] for new, old in columns.items()}})
        needed = [name for name in columns if name.endswith("_id")]
        return frame[frame[AT] >= 0].dropna(subset=needed).drop_duplicates([AT, *needed])

    listed = chosen("sessions", session_id="session_id", name="name").assign(listed=True)
    spoken = [chosen(table, session_id=column) for table, column in _WITNESSES]
    rest = pd.concat(spoken).assign(name=pd.Series(dtype=TEXT_DTYPE), listed=False)
    panes = [
        chosen(table, session_id="session_id", pane_id="pane_id", pgid="pgid", command=column)
        for table, column in (("panes", "active_command"), ("older_panes", "active_command"))
    ]
    return Facts(
        moments.astype({"snapshot": TEXT_DTYPE}),
        pd.concat([listed, rest]).drop_duplicates([AT, "session_id"]),
        pd.concat(panes).drop_duplicates([AT, "session_id", "pane_id"]),
        chosen("contexts", context_id="context_id", name="name"),
        chosen("bindings", context_id="context_id", session_id="session_id"),
    )


def timeline(parts: Sequence[Facts], hosts: pd.DataFrame) -> pd.DataFrame:
    """Return what happened, a row an event, in order of capture.

    Parameters
    ----------
    parts : sequence of Facts
        What each batch says, in the order of the files.
    hosts : DataFrame
        ``path`` and ``host`` of each file; files without a host are one history.

    Returns
    -------
    DataFrame
        ``captured_at`` datetime64[us, UTC], of the first snapshot that shows it; ``host``
        str; ``snapshot``, ``previous`` str, that snapshot and the one before (null for a
        history's first); ``event`` str, one of `EVENTS`; ``subject`` str, one of
        `SUBJECTS`; ``session_id``, ``context_id``, ``pane_id``, ``name`` str, whom it is
        about, null where that does not apply; ``old``, ``new`` str, the names, the
        commands, or the number of panes, before and after; ``count`` Int64, how many
        panes an event is about. Empty, with the same columns, when there is nothing.
    """
    parts = parts or [facts(Tables(()))]
    steps = Steps.of([part.moments for part in parts], hosts)
    frames = {
        name: steps.placed([getattr(part, name) for part in parts])
        for name in ("sessions", "panes", "contexts", "bindings")
    }
    found = [
        _restarts(steps, frames["panes"]),
        *_lives(steps, frames["sessions"]),
        *_panes(steps, frames["sessions"], frames["panes"]),
        *_contexts(steps, frames["contexts"], frames["bindings"]),
        *_bindings(steps, frames["sessions"], frames["bindings"]),
    ]
    return _told(steps, [frame for frame in found if len(frame)])


def _event(rows: pd.DataFrame, event: str, subject: str, at: Any = None) -> pd.DataFrame:
    rows = rows.assign(event=event, subject=subject)
    return rows if at is None else rows.assign(**{AT: at})


def _restarts(steps: Steps, panes: pd.DataFrame) -> pd.DataFrame:
    step = steps.step(panes.drop_duplicates([AT, "pane_id"]), ["pane_id"])
    stayed = step.rows[step.stays & step.rows["pgid"].notna() & step.before("pgid").notna()]
    other = stayed["pgid"] != step.before("pgid")[stayed.index]
    by_moment = other.groupby(stayed[AT]).agg(["all", "size"]).reset_index()
    changed = by_moment[by_moment["all"].astype(bool)]
    return _event(changed[[AT]].assign(count=changed["size"]), "server restart", "server")


def _lives(steps: Steps, sessions: pd.DataFrame) -> list[pd.DataFrame]:
    """Tell when sessions come and go, get another name, or are left with nothing to list them."""
    listed, spoken = sessions[sessions["listed"]], sessions[~sessions["listed"]]
    life, rest = steps.step(listed, ["session_id"]), steps.step(spoken, ["session_id"])
    gone = pd.concat([life.ended(), rest.ended()])
    left = steps.missing(gone, sessions, ["session_id"])
    return [
        *_comings(life, "session"),
        _event(rest.rows[rest.begins], "orphaned", "session"),
        _event(left, "vanished", "session"),
    ]


def _comings(life: Step, subject: str) -> list[pd.DataFrame]:
    old = life.before("name")
    other = life.stays & ~life.same("name")
    renamed = life.rows.assign(old=old, new=life.rows["name"])[other]
    return [
        _event(life.rows[life.first], "appeared", subject),
        _event(life.rows[life.begins & ~life.first], "came back", subject),
        _event(renamed, "renamed", subject),
    ]


def _panes(steps: Steps, sessions: pd.DataFrame, panes: pd.DataFrame) -> list[pd.DataFrame]:
    """Tell what becomes of the panes of sessions that are there before and after."""
    life = steps.step(panes, ["session_id", "pane_id"])
    sizes = panes.groupby([AT, "host", "session_id"]).size().rename("panes").reset_index()
    listed = sessions[sessions["listed"]].drop(columns="listed")
    session = steps.step(
        listed.merge(sizes, on=[AT, "host", "session_id"], how="left").fillna({"panes": 0}),
        ["session_id"],
    )
    stays = session.rows.assign(before=session.before("panes"))[session.stays]
    counted = stays.assign(old=stays["before"].map(_whole), new=stays["panes"].map(_whole))
    hollow = counted[(counted["before"] > 0) & (counted["panes"] == 0)]
    gained = _counted(counted, life.rows[life.begins])
    lost = _counted(counted, life.ended())
    commands = life.rows.assign(old=life.before("command"), new=life.rows["command"])
    commands = commands[life.stays & ~life.same("command")]
    names = stays[[AT, "host", "session_id", "name"]]
    return [
        _event(hollow.assign(count=hollow["before"]), "orphaned", "session"),
        _event(gained, "gained panes", "session"),
        _event(lost[lost["panes"] > 0], "lost panes", "session"),
        _event(commands.merge(names, on=[AT, "host", "session_id"]), "command changed", "session"),
    ]


def _whole(number: float) -> str:
    return str(int(number))


def _counted(sessions: pd.DataFrame, panes: pd.DataFrame) -> pd.DataFrame:
    key = [AT, "host", "session_id"]
    return sessions.merge(panes.groupby(key).size().rename("count").reset_index(), on=key)


def _contexts(steps: Steps, contexts: pd.DataFrame, bindings: pd.DataFrame) -> list[pd.DataFrame]:
    """Tell when contexts come and go; the session is the one they are, or were, bound to."""
    bound = contexts.merge(bindings, on=[AT, "host", "context_id"], how="left")
    life = steps.step(bound.drop_duplicates([AT, "host", "context_id"]), ["context_id"])
    return [*_comings(life, "context"), _event(life.ended(), "vanished", "context")]


def _bindings(steps: Steps, sessions: pd.DataFrame, bindings: pd.DataFrame) -> list[pd.DataFrame]:
    """Tell when a session that is there before and after gets or loses a context."""
    life = steps.step(bindings, ["context_id", "session_id"])
    session = steps.step(sessions[sessions["listed"]], ["session_id"])
    names = session.rows.loc[session.stays, [AT, "host", "session_id", "name"]]
    key = [AT, "host", "session_id"]
    return [
        _event(life.rows[life.begins].merge(names, on=key), "bound", "session"),
        _event(life.ended().merge(names, on=key), "unbound", "session"),
    ]


def _told(steps: Steps, found: list[pd.DataFrame]) -> pd.DataFrame:
    """Put the events in order and give them the columns that are documented."""
    frame = pd.concat(found, ignore_index=True) if found else pd.DataFrame({AT: []})
    at = frame[AT].to_numpy().astype(np.int64)
    frame = frame.assign(
        captured_at=steps.moments["captured_at"].to_numpy()[at],
        host=steps.moments["host"].to_numpy()[at],
        snapshot=steps.moments["snapshot"].to_numpy()[at],
        previous=steps.previous()[at],
    )
    frame = frame.reindex(columns=["captured_at", *_TEXTS, *_IDS, "count"])
    moments = pd.to_datetime(frame["captured_at"], utc=True).astype("datetime64[us, UTC]")
    columns: dict[str, Any] = {"captured_at": moments.array}
    for name in (*_TEXTS, *_IDS):
        columns[name] = cells(Kind.TEXT, [v if isinstance(v, str) else None for v in frame[name]])
    columns["count"] = frame["count"].astype("Int64").array
    told = pd.DataFrame(columns)
    order = (
        told["name"],
        told["event"].map(EVENTS.index),
        told["subject"].map(SUBJECTS.index),
        told["host"],
        told["captured_at"],
    )
    ranks = [key.rank(method="dense", na_option="bottom").to_numpy() for key in order]
    return told.iloc[np.lexsort(ranks)].reset_index(drop=True)
