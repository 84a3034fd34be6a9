"""A snapshot in a few numbers, without any table: what `info` shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.snapshot.reading import Reading


@dataclass(frozen=True)
class SectionSummary:
    """One section in numbers.

    Parameters
    ----------
    position : int
        Its place in the envelope.
    id : str
        Its id.
    version : int
        Its version.
    size : int
        Bytes of its payload.
    entries : int or None
        How many entries its main list or map has; None when that can't be read.
    problem : str or None
        Why bmux would not take it.
    """

    position: int
    id: str
    version: int
    size: int
    entries: int | None
    problem: str | None


@dataclass(frozen=True)
class Summary:
    """A snapshot in numbers.

    Parameters
    ----------
    name, sha256, size
        What it is called, its SHA-256 and its bytes.
    version, checksum, computed_checksum : int or None
        Of the envelope; None without one.
    sections : tuple of SectionSummary
        In file order; empty without an envelope.
    sessions : tuple of (str, str)
        Id and name (empty for none) of every session that can be read.
    problems : tuple of str
        What bmux would not take, the envelope first.
    """

    name: str
    sha256: str
    size: int
    version: int | None
    checksum: int | None
    computed_checksum: int | None
    sections: tuple[SectionSummary, ...]
    sessions: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]


_MAIN_MEMBER: Final = {
    "contexts": "contexts",
    "clients": "connected_clients",
    "panes": "sessions",
    "older_panes": "sessions",
}


def summarize(snapshot: Snapshot) -> Summary:
    """Return a snapshot in numbers; whatever is damaged, the rest is counted.

    Examples
    --------
    >>> from bmux_forensics.snapshot.document import read_snapshot
    >>> summarize(read_snapshot(b"torn", "torn.json")).problems[0][:48]
    'torn.json: expected a bmux snapshot, found text '
    """
    envelope = snapshot.envelope
    return Summary(
        snapshot.name,
        snapshot.sha256,
        len(snapshot.raw),
        envelope.version if envelope else None,
        envelope.checksum if envelope else None,
        envelope.computed_checksum if envelope else None,
        tuple(_section(reading) for reading in snapshot.readings),
        _sessions(snapshot),
        tuple(str(problem) for problem in snapshot.problems),
    )


def _section(reading: Reading) -> SectionSummary:
    problem = reading.problem
    return SectionSummary(
        reading.position,
        reading.section.id,
        reading.section.version,
        len(reading.section.payload),
        _entries(reading),
        str(problem) if problem else None,
    )


def _entries(reading: Reading) -> int | None:
    if reading.spec is None or reading.json_problem:
        return None
    tree: Any = reading.tree
    member = _MAIN_MEMBER.get(reading.spec.name)
    if member is None and isinstance(tree, dict) and "orders" in tree:
        member = "orders"
    if member is not None:
        tree = tree.get(member) if isinstance(tree, dict) else None
    return len(tree) if isinstance(tree, list | dict) else None


def _sessions(snapshot: Snapshot) -> tuple[tuple[str, str], ...]:
    reading = snapshot.reading("sessions")
    if reading is None or reading.json_problem or not isinstance(reading.tree, list):
        return ()
    rows = [row for row in reading.tree if isinstance(row, dict)]
    return tuple((str(row.get("id")), str(row.get("name") or "")) for row in rows)
