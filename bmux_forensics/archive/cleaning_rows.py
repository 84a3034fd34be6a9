"""What cleaning did to each file of an archive, and the table and counts that it makes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import pandas as pd

from bmux_forensics.analysis.cleaning import Sighting
from bmux_forensics.tables.cells import cells
from bmux_forensics.tables.schema import Kind


class Status(StrEnum):
    """What became of a file, or would become of it."""

    CLEANED = "cleaned"
    """It was changed, or its cleaned copy was written."""
    UNCHANGED = "unchanged"
    """There was nothing to clean."""
    WOULD_CLEAN = "would-clean"
    """Nothing was written, but would be."""
    SKIPPED = "skipped"
    """It is a live server's own, which would write over any change."""
    REFUSED = "refused"
    """It can't be changed safely, or not now; the reason says what to do."""
    DAMAGED = "damaged"
    """It is no snapshot that can be cleaned."""
    FAILED = "failed"
    """The system did not let us read or write it."""


@dataclass(frozen=True, slots=True)
class FileCleaned:
    """One file: a row of the table of a preview or of an outcome."""

    path: str
    status: Status
    reason: str | None = None
    session_ids: tuple[str, ...] = ()
    context_ids: tuple[str, ...] = ()
    sha256_before: str | None = None
    sha256_after: str | None = None
    backup: str | None = None
    output: str | None = None
    entry: str | None = None


@dataclass(slots=True)
class Meant:
    """A session that a selector, or the wish as a whole, means in some files."""

    selector: str
    session_id: str
    name: str
    files: int = 0


@dataclass(slots=True)
class ChunkCleaned:
    """A chunk that was worked on."""

    files: tuple[FileCleaned, ...]
    meant: list[Meant] = field(default_factory=list)
    notes: tuple[str, ...] = ()


def gather(sightings: Iterable[Sighting]) -> list[Meant]:
    """Count in how many files each session was meant; the last name is the one that is told."""
    return merged(Meant(s.selector, s.session_id, s.name, 1) for s in sightings)


def merged(parts: Iterable[Meant]) -> list[Meant]:
    """Put together what was counted in parts."""
    found: dict[tuple[str, str], Meant] = {}
    for part in parts:
        known = found.setdefault(
            (part.selector, part.session_id), Meant(part.selector, part.session_id, part.name)
        )
        known.files += part.files
        known.name = part.name or known.name
    return list(found.values())


def files_frame(rows: Sequence[FileCleaned]) -> pd.DataFrame:
    """Return the files as a table, as `CleanPlan.files` describes it."""
    texts = ("path", "status", "reason", "sha256_before", "sha256_after", "backup", "output")
    columns: dict[str, object] = {
        name: cells(Kind.TEXT, [_text(getattr(row, name)) for row in rows]) for name in texts
    }
    columns["entry"] = cells(Kind.TEXT, [row.entry for row in rows])
    for name, values in (
        ("removed_session_ids", [list(row.session_ids) for row in rows]),
        ("removed_context_ids", [list(row.context_ids) for row in rows]),
    ):
        columns[name] = pd.Series(values, dtype="object")
    order = (*texts[:3], "removed_session_ids", "removed_context_ids", *texts[3:], "entry")
    return pd.DataFrame({name: columns[name] for name in order})


def _text(value: str | None) -> str | None:
    return None if value is None else str(value)


def sessions_frame(meant: Sequence[Meant]) -> pd.DataFrame:
    """Return the sessions as a table, as `CleanPlan.sessions` describes it."""
    columns = {
        name: cells(Kind.TEXT, [getattr(one, name) or None for one in meant])
        for name in ("selector", "session_id", "name")
    }
    files = pd.Series([one.files for one in meant], dtype="int64")
    return pd.DataFrame({**columns, "files": files})


def counted(rows: Sequence[FileCleaned]) -> dict[str, int]:
    """Return how many files there are of each status; they add up to the number of files."""
    found = [str(row.status) for row in rows]
    return {"files": len(found), **{str(status): found.count(str(status)) for status in Status}}
