"""A kill at the level of this folder: bytes in, bytes out, as `actions` composes it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from bmux_forensics.analysis.encoding import encode_plan
from bmux_forensics.analysis.plans import plan_kill, process_groups, removed_contexts
from bmux_forensics.analysis.selectors import resolve
from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.tables.build import Tables

REWRITTEN = ("sessions", "contexts", "clients", "panes")
"""The sections that a kill that matched always encodes anew, as bmux does."""


@dataclass(frozen=True)
class Killed:
    """What a kill would do: `raw` is None where nothing is written."""

    raw: bytes | None
    session_ids: list[str]
    context_ids: list[str]
    pgids: list[int]


def targets(snapshot: Snapshot, ids: Iterable[str]) -> pd.DataFrame:
    return pd.DataFrame({"snapshot": snapshot.name, "session_id": list(ids)})


def plan_of(snapshot: Snapshot, ids: Iterable[str], *, scrub: bool = False) -> pd.DataFrame:
    return plan_kill(Tables([snapshot]), targets(snapshot, ids), scrub=scrub)


def kill(snapshot: Snapshot, ids: Iterable[str], *, scrub: bool = False) -> bytes:
    return encode_plan(snapshot, plan_of(snapshot, ids, scrub=scrub), rewrite=REWRITTEN)


def kill_selected(snapshot: Snapshot, selectors: Sequence[str] | None) -> Killed:
    """Kill what selectors mean (None: every session), looking no further than bmux does."""
    snapshot.require_envelope()
    tables = Tables([snapshot])
    if (reading := snapshot.reading("sessions")) is not None:
        reading.require()
    if selectors is None:
        ids = tables["sessions"]["session_id"].tolist()
    else:
        ids = resolve(tables["sessions"], selectors, snapshot.name)
    if not ids:
        return Killed(None, [], [], [])
    wanted = targets(snapshot, ids)
    plan = plan_kill(tables, wanted)
    raw = encode_plan(snapshot, plan, rewrite=REWRITTEN)
    return Killed(raw, ids, removed_contexts(plan), process_groups(tables, wanted)["pgid"].tolist())
