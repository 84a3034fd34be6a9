"""What can be wrong with names and ids: they clash, or contradict each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import numpy as np

from bmux_forensics.analysis.audit.antijoin import NO_KEY, having, lacking, numbers_of, repeated
from bmux_forensics.analysis.audit.evidence import Evidence, equals, rows_where
from bmux_forensics.analysis.audit.findings import ENVELOPE, Found, Noted
from bmux_forensics.analysis.audit.repeats import once_each
from bmux_forensics.tables.graph import FOREIGN_KEYS

SESSION_ATTRIBUTE: Final = "bmux.session_id"

_WHITE_SPACE: Final = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
BLANK: Final = re.compile(rf"[{_WHITE_SPACE}]*")
"""What bmux takes for a blank name: Unicode's white space, and nothing else."""


def sessions(evidence: Evidence) -> Iterator[Found]:
    """Find session ids and names that repeat, and sessions that no context leads to."""
    twice = repeated(evidence, ("sessions", ("session_id",)))
    yield Found("session-id-twice", "sessions", twice, "session_id")
    yield once_each(evidence, "session-name-shared", "sessions", "name", ~twice)
    alone = lacking(evidence, ("sessions", ("session_id",)), ("bindings", ("session_id",)))
    yield Found("session-without-context", "sessions", alone, "session_id", "bindings")


def contexts(evidence: Evidence) -> Iterator[Found]:
    """Find contexts that call themselves, or their session, by another id."""
    outer, inner = numbers_of(evidence, ("contexts", ("context_id",)), ("contexts", ("inner_id",)))
    differs = (outer != inner) & (inner != NO_KEY) & evidence.counted("contexts")
    yield Found("context-key-differs", "contexts", differs, "inner_id")
    table, columns = "context_attributes", ("context_id", "value_id")
    says = equals(evidence.column(table, "key"), SESSION_ATTRIBUTE)
    bound = having(evidence, (table, ("context_id",)), ("bindings", ("context_id",)))
    agrees = having(evidence, (table, columns), ("bindings", ("context_id", "session_id")))
    rows = says & bound & ~agrees
    yield Found(
        "session-attribute-differs",
        table,
        rows,
        "value",
        keys=evidence.texts(table, "context_id", rows_where(rows)),
        details=_bound_sessions(evidence, rows_where(rows).tolist()),
    )


def _bound_sessions(evidence: Evidence, rows: list[int]) -> list[str]:
    lookup, bindings = (
        evidence.tables.lookup("context_attributes"),
        evidence.tables.lookup("bindings"),
    )
    keys = dict(lookup.keys(("context_id",), rows))
    found = bindings.rows(("context_id",), keys.values())
    sessions = dict(
        zip(
            found,
            evidence.texts("bindings", "session_id", np.array(list(found), dtype=np.int64)),
            strict=True,
        )
    )
    by_key = {key: sessions[row] for row, key in found.items()}
    return [by_key[keys[row]] for row in rows]


def tabs(evidence: Evidence) -> Iterator[Found]:
    """Find tabs that an order lists again."""
    twice = repeated(evidence, ("tab_orders", ("scope", "context_id")))
    scopes = evidence.texts("tab_orders", "scope_id", rows_where(twice))
    yield Found("tab-listed-twice", "tab_orders", twice, "context_id", details=scopes)


def workspaces(evidence: Evidence) -> Iterator[Found]:
    """Find workspaces whose name is blank, or whose name or id is taken already."""
    taken_id = repeated(evidence, ("workspaces", ("workspace_id",)))
    taken_name = repeated(evidence, ("workspaces", ("name",)), ~taken_id)
    names = evidence.column("workspaces", "name").to_pylist()
    blank = np.array([n is not None and bool(BLANK.fullmatch(n)) for n in names], dtype=bool)
    blank &= ~taken_id & evidence.counted("workspaces")
    for rows, column, detail in (
        (taken_id, "workspace_id", "its id is taken already"),
        (taken_name & ~blank, "name", "its name is taken already"),
        (blank, "name", "its name is blank"),
    ):
        details = [detail] * int(rows.sum())
        yield Found("workspace-invalid", "workspaces", rows, column, details=details)


def ghosts(evidence: Evidence) -> Iterator[Noted]:
    """Count the clients of each snapshot: one line, however many there are."""
    columns = [
        (key.table, key.columns[-1])
        for key in FOREIGN_KEYS
        if not key.counts and not key.table.startswith("older_")
    ]
    columns.append(("clients", "client_id"))
    sides = [(table, (column,)) for table, column in columns]
    numbers, codes = [], []
    for (table, _), values in zip(sides, numbers_of(evidence, *sides), strict=True):
        kept = (values != NO_KEY) & evidence.counted(table)
        numbers.append(values[kept])
        codes.append(evidence.codes(table)[kept])
    _, first = np.unique(np.concatenate(numbers), return_index=True)
    counts = np.bincount(np.concatenate(codes)[first], minlength=evidence.snapshot_count)
    for code in np.flatnonzero(counts).tolist():
        yield Noted("ghost-client", code, ENVELOPE, "clients", value=str(int(counts[code])))
