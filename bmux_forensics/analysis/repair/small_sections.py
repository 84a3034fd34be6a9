"""Mends of tabs, workspaces and the envelope: each is at the place that its finding names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from bmux_forensics.analysis.audit.findings import ENVELOPE
from bmux_forensics.analysis.audit.naming import BLANK
from bmux_forensics.analysis.audit.refusals import other_refusal, refusal, sessions_of
from bmux_forensics.analysis.repair.changes import NOTHING, Change, copy_of
from bmux_forensics.analysis.rules.book import BY_ID
from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.snapshot.edits import resolve
from bmux_forensics.snapshot.identifiers import canonical_id

Finding = Mapping[str, Any]
"""A row of the findings, by column; nulls are None."""

SECTION_FAULTS: Final = {
    "panes": {"pane-pgid-invalid", "pane-row-id-not-text", "pane-row-without-session"},
    "tabs": {"tabs-unknown-field"},
}
"""The rules whose findings keep a section from decoding, by its short name."""


def finding_changes(snapshot: Snapshot, findings: list[Finding]) -> Iterator[Change]:
    """Yield the changes of findings that are mended at the very place they name."""
    for finding in findings:
        mend = _MENDS.get(finding["rule"])
        if mend is not None:
            yield from mend(snapshot, finding)


def may_be_sealed(snapshot: Snapshot, wanted: Collection[str], target: str) -> bool:
    """Tell whether every section decodes, or will once some rules are mended.

    Only then may a checksum be made anew: bytes that were damaged rarely decode.
    """
    sessions = sessions_of(snapshot)
    for reading in snapshot.readings:
        name = reading.spec.name if reading.spec else ""
        if name == "older_panes" or refusal(reading, "alpha4") is None:
            continue
        concern = {r for r in SECTION_FAULTS.get(name, ()) if target in BY_ID[r].severity}
        if not concern <= set(wanted) or other_refusal(reading, "alpha4", sessions) is not None:
            return False
    return True


def _change(
    snapshot: Snapshot,
    finding: Finding,
    action: str,
    pointer: str | None = None,
    new: Any = NOTHING,
) -> Change:
    section = ENVELOPE
    if finding["section_id"] is not None:
        section = snapshot.first_position(finding["section_id"])
    return Change(
        section,
        finding["table"],
        finding["key"] or "",
        finding["column"],
        action,
        finding["json_pointer"] if pointer is None else pointer,
        (finding["rule"],),
        new,
    )


def _drop(snapshot: Snapshot, finding: Finding) -> Iterator[Change]:
    yield _change(snapshot, finding, "delete")


def _seal(snapshot: Snapshot, finding: Finding) -> Iterator[Change]:
    # The number is known only when everything else is done: the plan fills it in.
    yield _change(snapshot, finding, "set", new=0)


def _move_behind(snapshot: Snapshot, finding: Finding) -> Iterator[Change]:
    source = copy_of(ENVELOPE, finding["json_pointer"])
    yield _change(snapshot, finding, "delete")
    yield _change(snapshot, finding, "insert", "/sections/-", source)


def _workspace(snapshot: Snapshot, finding: Finding) -> Iterator[Change]:
    if finding["column"] == "workspace_id":
        row, _, _ = finding["json_pointer"].rpartition("/")
        yield _change(snapshot, finding, "delete", row)
        return
    reading = snapshot.reading("workspaces")
    rows = reading.tree if reading else []
    name = resolve(rows, finding["json_pointer"])
    stem = "workspace" if BLANK.fullmatch(name) else name
    # The whole id can be taken by nobody but a row of the same id, and that one goes. Its start
    # will not do where another row's id starts alike: that row may be given a name as well.
    taken = {row["name"] for row in rows}
    start = finding["key"][:8]
    alike = sum((canonical_id(row["id"]) or "").startswith(start) for row in rows)
    endings = (start, finding["key"]) if alike == 1 else (finding["key"],)
    new = next((n for n in (f"{stem}-{e}" for e in endings) if n not in taken), None)
    yield _change(snapshot, finding, "set", new=new or f"{stem}-{finding['key']}-again")


_MENDS: Final[dict[str, Callable[[Snapshot, Finding], Iterator[Change]]]] = {
    "checksum-mismatch": _seal,
    "duplicate-section": _drop,
    "pane-section-before-sessions": _move_behind,
    "tab-listed-twice": _drop,
    "tabs-unknown-field": _drop,
    "workspace-invalid": _workspace,
}
"""How findings are mended whose mend needs no more than the finding."""

MENDED_IN_PLACE: Final = frozenset(_MENDS)
"""The rules whose findings `finding_changes` mends."""
