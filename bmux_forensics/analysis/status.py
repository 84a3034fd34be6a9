"""What each session amounts to, in one word; and the orphans, with their evidence."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import numpy as np
import pandas as pd

from bmux_forensics.errors import UsageError
from bmux_forensics.tables.build import Tables
from bmux_forensics.tables.cells import TEXT_DTYPE

STATUSES: Final = ("lost", "hollow", "unbound", "bound")
"""The words, in the order in which the first that holds is taken.

``lost``: only other sections still speak of the session. ``hollow``: it has no panes.
``unbound``: no context leads to it, which is normal for a session made from the command
line. ``bound``: a context leads to it.
"""

_KEY: Final = ["snapshot", "session_id"]

_WITNESSES: Final = {
    "bindings": "session_id",
    "runtimes": "owner_id",
    "older_runtimes": "owner_id",
    "client_sessions": "session_id",
    "attached_streams": "session_id",
    "context_attributes": "value_id",
}
"""The tables that speak of sessions, and the column that does."""


def session_status(tables: Tables) -> pd.DataFrame:
    """Tell of each session what leads to it, what is in it, and which word says it all.

    A section that is there and can't be read proves nothing: without the sessions nothing
    is called lost, without the panes nothing hollow, without the contexts nothing unbound.
    Panes under the older section id count.

    Parameters
    ----------
    tables : Tables
        The tables of the snapshots.

    Returns
    -------
    DataFrame
        One row a session, lost ones included: ``snapshot`` category; ``session_id``,
        ``name`` str; ``contexts``, ``clients``, ``panes`` int64, how many; ``commands``,
        ``folders`` object, lists of str, each once, in file order; ``status`` str, one of
        `STATUSES`. In file order, lost ones behind, by id. Empty, with the same columns,
        when there is none.

    Examples
    --------
    >>> session_status(Tables([])).columns.tolist()[-1]
    'status'
    """
    frame = _known_and_lost(tables)
    panes = _panes(tables)
    for name, source in (
        ("contexts", tables["bindings"]),
        ("clients", tables["session_clients"]),
        ("panes", panes),
    ):
        sizes = source.groupby(_KEY, observed=True).size().rename(name).reset_index()
        frame = frame.merge(sizes, on=_KEY, how="left")
        frame[name] = frame[name].fillna(0).astype("int64")
    for name, columns in (
        ("commands", ("active_command", "launch_program")),
        ("folders", ("last_known_cwd", "launch_cwd")),
    ):
        frame[name] = _lists(frame, panes, columns)
    hollow = (frame["panes"] == 0) & ~_hidden(frame, tables, "panes", "older_panes")
    unbound = (frame["contexts"] == 0) & ~_hidden(frame, tables, "contexts")
    words = np.select(
        [frame["lost"], hollow, unbound],
        list(STATUSES[:3]),
        default=STATUSES[3],
    )
    frame["status"] = pd.Series(words, dtype=TEXT_DTYPE)
    frame["snapshot"] = frame["snapshot"].astype(tables.snapshot_dtype)
    return frame.drop(columns="lost")


def orphans(tables: Tables, kinds: Collection[str] = ("lost", "hollow")) -> pd.DataFrame:
    """Return the sessions of some statuses, each with what still speaks of it.

    Parameters
    ----------
    tables : Tables
        The tables of the snapshots.
    kinds : collection of str
        The statuses that count; an unbound session counts only when it is asked for.

    Returns
    -------
    DataFrame
        The rows of `session_status` with those statuses, and ``evidence`` str: how many
        rows of which table speak of the session. Empty, with the same columns, when there
        is none.

    Raises
    ------
    UsageError
        There is no such status.
    """
    for kind in kinds:
        if kind not in STATUSES:
            raise UsageError("kinds", f"{kind!r}", expected=", ".join(STATUSES))
    status = session_status(tables)
    frame = status[status["status"].isin(list(kinds))].reset_index(drop=True)
    spoken = _spoken(tables)
    counts = spoken.groupby([*_KEY, "table"], observed=True, sort=False).size().reset_index()
    words: dict[tuple[str, str], list[str]] = {}
    for snapshot, session_id, table, count in counts.itertuples(index=False):
        words.setdefault((snapshot, session_id), []).append(f"{table} {count}")
    keys = zip(frame["snapshot"].astype(object), frame["session_id"], strict=True)
    evidence = [", ".join(words.get(key, [])) for key in keys]
    return frame.assign(evidence=pd.Series(evidence, dtype=TEXT_DTYPE))


def _known_and_lost(tables: Tables) -> pd.DataFrame:
    rows = tables["sessions"].dropna(subset=["session_id"])
    known = rows.drop_duplicates(_KEY)[[*_KEY, "name"]].assign(lost=False)
    spoken = _spoken(tables).drop_duplicates(_KEY)[_KEY]
    read = set(_with_sessions(tables))
    spoken = spoken[spoken["snapshot"].astype(object).isin(read)]
    both = spoken.merge(known[_KEY], on=_KEY, how="left", indicator=True)
    missing = both.loc[both["_merge"] == "left_only", _KEY].sort_values("session_id")
    lost = missing.assign(name=pd.Series(None, index=missing.index, dtype=TEXT_DTYPE), lost=True)
    frame = pd.concat([known, lost], ignore_index=True)
    frame["snapshot"] = frame["snapshot"].astype(tables.snapshot_dtype)
    return frame.sort_values("snapshot", kind="stable", ignore_index=True)


def _with_sessions(tables: Tables) -> list[str]:
    """Return the snapshots whose sessions are known."""
    sections = tables["sections"]
    usable = (sections["name"] == "sessions") & sections["has_rows"] & ~sections["repeated"]
    return sections.loc[usable, "snapshot"].astype(object).tolist()


def _hidden(frame: pd.DataFrame, tables: Tables, *names: str) -> pd.Series[bool]:
    """Tell which sessions are of a snapshot that has such a section, but one that is not read."""
    sections = tables["sections"]
    unread = sections["name"].isin(names) & ~sections["has_rows"]
    return frame["snapshot"].isin(sections.loc[unread, "snapshot"].astype(object).unique())


def _spoken(tables: Tables) -> pd.DataFrame:
    """Return every row that speaks of a session: snapshot, session_id and its table."""
    parts = []
    for table, column in _WITNESSES.items():
        frame = tables[table]
        if table == "context_attributes":
            frame = frame[frame["key"] == "bmux.session_id"]
        part = frame[["snapshot", column]].dropna().rename(columns={column: "session_id"})
        parts.append(part.assign(table=table))
    return pd.concat(parts, ignore_index=True)


def _panes(tables: Tables) -> pd.DataFrame:
    panes = pd.concat([tables["panes"], tables["older_panes"]], ignore_index=True)
    return panes.dropna(subset=["session_id"]).drop_duplicates([*_KEY, "pane_id"])


def _lists(frame: pd.DataFrame, panes: pd.DataFrame, columns: tuple[str, ...]) -> pd.Series[Any]:
    """Return for each session the values that its panes have in some columns, each once."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    keys = zip(panes["snapshot"].astype(object), panes["session_id"], strict=True)
    values = zip(*(panes[column].tolist() for column in columns), strict=True)
    for key, texts in zip(keys, values, strict=True):
        found.setdefault(key, {}).update(dict.fromkeys(t for t in texts if isinstance(t, str)))
    wanted = zip(frame["snapshot"].astype(object), frame["session_id"], strict=True)
    return pd.Series([list(found.get(key, {})) for key in wanted], dtype="object")
