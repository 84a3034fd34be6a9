"""Why a server's typed reader would refuse a section, apart from what has a rule of its own.

A process group that is no number, or a row whose session id is no text, keeps a whole
section from decoding. Each is a finding with a pointer, and `repair` mends the cell; the
section's own finding is for whatever else is wrong with it.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import orjson
from pydantic import TypeAdapter, ValidationError

from bmux_forensics.analysis.audit.fields import strangers
from bmux_forensics.errors import EvidenceError, SectionUndecodableError
from bmux_forensics.snapshot import models
from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.snapshot.identifiers import canonical_id, canonical_owner
from bmux_forensics.snapshot.reading import Reading

_I32: Final = range(-(2**31), 2**31)


@cache
def _older() -> TypeAdapter[Any]:
    return TypeAdapter(models.OlderPaneRuntime)


def is_pgid(value: Any) -> bool:
    """Tell whether a server reads a process group id: null, or a whole number of 32 bits.

    Examples
    --------
    >>> [is_pgid(v) for v in (None, -5, True, "12", 2**31)]
    [True, True, False, False, False]
    """
    return value is None or (type(value) is int and value in _I32)


def refusal(reading: Reading, target: str) -> EvidenceError | None:
    """Return why the target refuses a section as it is, or None."""
    if reading.problem is not None or target == "alpha4":
        return reading.problem
    return _older_refusal(reading, reading.tree) if _is_panes(reading) else None


def sessions_of(snapshot: Snapshot) -> frozenset[str] | None:
    """Return the ids of a snapshot's sessions, or None where they can't be known."""
    reading = snapshot.reading("sessions")
    if reading is None or reading.problem is not None:
        return None
    return frozenset(canonical_id(row["id"]) or "" for row in reading.tree)


def other_refusal(
    reading: Reading, target: str, sessions: frozenset[str] | None
) -> EvidenceError | None:
    """Return why the target refuses a section, leaving aside what has rules of its own.

    Parameters
    ----------
    reading : Reading
        The section.
    target : str
        The server.
    sessions : frozenset of str, optional
        The snapshot's sessions, where they are known: the pane rows of others go anyway.
    """
    problem = refusal(reading, target)
    if problem is None or reading.version_problem or reading.json_problem or reading.key_problem:
        return problem
    mended = _without_known_faults(reading, sessions)
    if mended is None:
        return problem
    payload = orjson.dumps(mended)
    again = Reading(reading.where, reading.position, reading.section.with_payload(payload))
    return refusal(again, target)


def _without_known_faults(reading: Reading, sessions: frozenset[str] | None) -> Any:
    """Return a section's tree as the rules about rows and cells would mend it, else None."""
    tree = reading.tree
    if not isinstance(tree, dict):
        return None
    if reading.spec is not None and reading.spec.name == "tabs":
        strange = strangers(reading)
        return {k: v for k, v in tree.items() if k not in strange}
    if not _is_panes(reading) or not isinstance(tree.get("sessions"), list):
        return None
    rows = [_mended(row) for row in tree["sessions"] if _belongs(row, sessions)]
    return {**tree, "sessions": rows}


def _is_panes(reading: Reading) -> bool:
    return reading.spec is not None and reading.spec.name in ("panes", "older_panes")


def _belongs(row: Any, sessions: frozenset[str] | None) -> bool:
    owner = canonical_owner(row.get("session_id")) if isinstance(row, dict) else None
    return owner is not None and (sessions is None or owner in sessions)


def _mended(row: dict[str, Any]) -> dict[str, Any]:
    row = {**row, "session_id": canonical_owner(row["session_id"])}
    if isinstance(row.get("panes"), list):
        row = {**row, "panes": [_grouped(pane) for pane in row["panes"]]}
    return row


def _grouped(pane: Any) -> Any:
    if isinstance(pane, dict) and not is_pgid(pane.get("process_group_id")):
        return {**pane, "process_group_id": None}
    return pane


def _older_refusal(reading: Reading, tree: Any) -> EvidenceError | None:
    try:
        _older().validate_python(tree)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        pointer = "".join(f"/{part}" for part in first["loc"])
        return SectionUndecodableError(
            reading.place,
            f"a value at {pointer or '/'} ({first['msg']})",
            expected="the shape that alpha.1 writes",
        )
    return None
