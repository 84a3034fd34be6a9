"""What can be wrong with the envelope and with whole sections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from bmux_forensics.analysis.audit.evidence import Evidence, Mask
from bmux_forensics.analysis.audit.findings import ENVELOPE, Noted, fact
from bmux_forensics.analysis.audit.refusals import other_refusal, refusal, sessions_of
from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.snapshot.reading import Reading
from bmux_forensics.snapshot.sections import BY_NAME

_NEEDED: Final = ("sessions", "contexts")
_ALPHA1_VERSION: Final = 1


def envelopes(evidence: Evidence) -> Iterator[Noted]:
    """Find files that are no envelope, and checksums that do not fit."""
    frame = evidence.tables["snapshots"]
    unread = frame["version"].isna().to_numpy()
    stored, computed = (
        frame[name].to_numpy(dtype=np.uint64, na_value=0)
        for name in ("checksum", "computed_checksum")
    )
    for code in np.flatnonzero(unread).tolist():
        problem = evidence.tables.snapshots[code].envelope_problem
        detail = fact(problem) if problem else ""
        yield Noted("envelope-unreadable", code, ENVELOPE, "snapshots", detail=detail)
    for code in np.flatnonzero(stored != computed).tolist():
        yield Noted(
            "checksum-mismatch",
            code,
            ENVELOPE,
            "snapshots",
            column="checksum",
            value=str(stored[code]),
            detail=f"the checksum is {stored[code]}, that of the sections {computed[code]}",
            pointer="/checksum",
        )


def sections(evidence: Evidence) -> Iterator[Noted]:
    """Find sections that the server does not know, does not decode, or meets twice."""
    frame = evidence.tables["sections"]
    known = frame["name"].notna().to_numpy()
    repeated = frame["repeated"].to_numpy()
    suspect = repeated | ~known | frame["error"].notna().to_numpy()
    if evidence.target == "alpha1":
        suspect[:] = True  # its reader is another one: every section is asked
    for row, code, reading in _readings(evidence, suspect):
        name = reading.spec.name if reading.spec else None
        if repeated[row]:
            harmless = evidence.target == "alpha1" and name != "panes"
            severity = "warning" if harmless else None
            yield _section("duplicate-section", code, reading, severity=severity)
        elif evidence.knows(name):
            yield from _refused(evidence, code, reading)
        elif name != "older_panes":  # that one has a rule of its own
            yield _section("unknown-section", code, reading)


def _readings(evidence: Evidence, mask: Mask) -> Iterator[tuple[int, int, Reading]]:
    """Yield row number, snapshot code and reading of some rows of the sections table."""
    frame = evidence.tables["sections"]
    rows = np.flatnonzero(mask)
    codes = frame["snapshot"].cat.codes.to_numpy()[rows].tolist()
    positions = frame["section"].to_numpy()[rows].tolist()
    for row, code, position in zip(rows.tolist(), codes, positions, strict=True):
        yield row, code, evidence.tables.snapshots[code].readings[position]


def _section(rule: str, code: int, reading: Reading, **more: Any) -> Noted:
    pointer = f"/sections/{reading.position}"
    return Noted(rule, code, ENVELOPE, "sections", key=reading.section.id, pointer=pointer, **more)


def _refused(evidence: Evidence, code: int, reading: Reading) -> Iterator[Noted]:
    version = reading.section.version
    if version_refused(reading, evidence.target):
        yield _section(
            "unknown-section-version", code, reading, value=str(version), column="version"
        )
        return
    sessions = sessions_of(evidence.tables.snapshots[code])
    problem = other_refusal(reading, evidence.target, sessions)
    if problem is not None:
        detail = fact(problem)
        yield Noted(
            "section-undecodable", code, reading.position, "sections", reading.section.id,
            detail=f"the section {reading.section.id} does not decode: {detail}",
        )  # fmt: skip


def version_refused(reading: Reading, target: str) -> bool:
    """Tell whether the target does not read a section in the version that it has."""
    if target == "alpha1":
        return reading.section.version != _ALPHA1_VERSION
    return reading.version_problem is not None


def missing(evidence: Evidence) -> Iterator[Noted]:
    """Find snapshots without a section that others are built on."""
    frame = evidence.tables["sections"]
    codes = frame["snapshot"].cat.codes.to_numpy()
    readable = evidence.tables["snapshots"]["version"].notna().to_numpy()
    has = {
        name: _has(frame, codes, name, len(readable)) for name in (*_NEEDED, "panes", "older_panes")
    }
    for name in _NEEDED:
        severity = "warning" if evidence.target == "alpha1" and name == "contexts" else None
        for code in np.flatnonzero(readable & ~has[name]).tolist():
            yield _absent(code, name, severity)
    peopled = np.zeros(len(readable), dtype=bool)
    peopled[evidence.codes("sessions")[evidence.counted("sessions")]] = True
    for code in np.flatnonzero(peopled & ~has["panes"] & ~has["older_panes"]).tolist():
        yield _absent(code, "panes", "warning")


def _has(frame: pd.DataFrame, codes: Any, name: str, count: int) -> Any:
    mask = np.zeros(count, dtype=bool)
    mask[codes[(frame["name"] == name).to_numpy(dtype=bool)]] = True
    return mask


def _absent(code: int, name: str, severity: str | None) -> Noted:
    key = BY_NAME[name].id
    return Noted("section-missing", code, ENVELOPE, "sections", key, severity=severity)


def older_panes(evidence: Evidence) -> Iterator[Noted]:
    """Find panes under the older section id, and panes that stand before their sessions."""
    frame = evidence.tables["sections"]
    older = (frame["name"] == "older_panes").to_numpy(dtype=bool) & ~frame["repeated"].to_numpy()
    counts = np.bincount(evidence.codes("older_runtimes"), minlength=evidence.snapshot_count)
    for _, code, reading in _readings(evidence, older):
        empty = reading.has_rows and not counts[code] and refusal(reading, "alpha4") is None
        severity = "info" if empty else None
        rows = str(int(counts[code]))
        yield _section("legacy-pane-section", code, reading, value=rows, severity=severity)
    if evidence.target == "alpha1":
        for code, snapshot in enumerate(evidence.tables.snapshots):
            yield from _out_of_order(evidence, code, snapshot)


def _out_of_order(evidence: Evidence, code: int, snapshot: Snapshot) -> Iterator[Noted]:
    panes, sessions = snapshot.reading("panes"), snapshot.reading("sessions")
    usable = evidence.usable("panes")[code] and evidence.usable("sessions")[code]
    if usable and panes and sessions and panes.position < sessions.position:
        yield _section("pane-section-before-sessions", code, panes)
