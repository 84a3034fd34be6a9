"""What must be the same after a kill and a resurrection, and what is left behind on purpose."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.tables.build import Tables

BACK = (
    "sessions",
    "bindings",
    "contexts",
    "context_attributes",
    "mru_contexts",
    "runtimes",
    "panes",
    "pane_environment",
    "layout",
    "floating_surfaces",
    "tab_scopes",
    "tab_orders",
    "pending_tabs",
    "workspaces",
)
"""The tables that a resurrection makes as they were, but for what `expected` changes."""

_JSON = ("viewport", "launch_args", "execution_token", "padding_override", "scope", "layer")


def rows(snapshot: Snapshot, table: str) -> list[dict[str, Any]]:
    """Give the rows of a table, their places included, JSON as what it says."""
    frame = Tables([snapshot], show_env=True)[table]
    plain = frame.astype(object).where(frame.notna(), None)
    found = [dict(zip(plain, values, strict=True)) for values in plain.itertuples(index=False)]
    return [{str(k): _said(str(k), v) for k, v in row.items() if k != "section"} for row in found]


def _said(column: str, value: Any) -> Any:
    is_json = column in _JSON and value and value[0] in '[{"'  # a scope of tabs is an id
    return json.loads(value) if is_json else value


def expected(snapshot: Snapshot, table: str, session_id: str) -> list[dict[str, Any]]:
    """Give the rows that a table must have once a session was killed and brought back."""
    clients = set(Tables([snapshot])["clients"]["client_id"])
    wanted = rows(snapshot, table)
    for row in wanted:
        if table == "panes" and row["session_id"] == session_id:
            row["pgid"], row["pgid_type"] = None, "null"
        if table == "floating_surfaces" and row["session_id"] == session_id:
            row["client_id"] = row["client_id"] if row["client_id"] in clients else None
    return wanted


def require_back(before: Snapshot, after: Snapshot, session_id: str) -> None:
    for table in BACK:
        assert rows(after, table) == expected(before, table, session_id), table
    clients = Tables([after])["session_clients"]
    assert not (clients["session_id"] == session_id).any()


def keys(findings: pd.DataFrame) -> set[tuple[Any, ...]]:
    """Give what findings are about, without the places that a change may move.

    A client that had selected the session has nothing selected any more: it may be a ghost now.
    """
    findings = findings[findings["rule"] != "ghost-client"]
    names = ["rule", "table", "key", "column", "value"]
    plain = findings[names].astype(object).where(findings[names].notna(), None)
    return set(plain.itertuples(index=False, name=None))
