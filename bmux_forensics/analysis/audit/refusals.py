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
from bmux_forensics.snapshot.identifiers import canonical_id
from bmux_forensics.snapshot.reading import Reading

_I32: Final = range(-(2**31), 2**31)
_NIL: Final = "00000000-0000-0000-0000-000000000000"


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


def other_refusal(reading: Reading, target: str) -> EvidenceError | None:
    """Return why the target refuses a section, leaving aside what has rules of its own."""
    problem = refusal(reading, target)
    if problem is None or reading.version_problem or reading.json_problem or reading.key_problem:
        return problem
    mended = without_known_faults(reading)
    if mended is None:
        return problem
    payload = orjson.dumps(mended)
    again = Reading(reading.where, reading.position, reading.section.with_payload(payload))
    return refusal(again, target)


def without_known_faults(reading: Reading) -> Any:
    """Return a section's tree as the rules about single cells would mend it, else None."""
    tree = reading.tree
    if not isinstance(tree, dict):
        return None
    if reading.spec is not None and reading.spec.name == "tabs":
        strange = strangers(reading)
        return {k: v for k, v in tree.items() if k not in strange}
    if not _is_panes(reading) or not isinstance(tree.get("sessions"), list):
        return None
    rows = [_named(row) for row in tree["sessions"] if isinstance(row, dict)]
    return {**tree, "sessions": rows}


def _is_panes(reading: Reading) -> bool:
    return reading.spec is not None and reading.spec.name == "panes"


def _named(row: dict[str, Any]) -> dict[str, Any]:
    named = canonical_id(row.get("session_id")) is not None
    row = row if named else {**row, "session_id": _NIL}
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
