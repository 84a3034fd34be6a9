"""What `clean` says: which sessions, what became of each file, and the JSON object."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from bmux_forensics.cli.endings import failure
from bmux_forensics.cli.options import SCHEMA
from bmux_forensics.cli.output import put_rows, say
from bmux_forensics.errors import (
    EvidenceError,
    FileMissingError,
    FileUnreadableError,
    ForensicsError,
    NoSuchSessionError,
    PartlyDoneError,
    several,
)

if TYPE_CHECKING:
    import bmux_forensics as bf

_BAD: Final = ("refused", "damaged", "failed")
_FILE: Final = (
    *("path", "status", "reason", "removed_session_ids", "removed_context_ids"),
    *("sha256_before", "sha256_after", "backup", "output"),
)


def verdict(told: bf.CleanPlan | bf.CleanOutcome) -> ForensicsError | None:
    """Return what the whole run amounts to; None when it is done."""
    counts, files = told.counts, told.files
    if not counts["files"]:
        return FileMissingError("archive", "no snapshots there", expected="files like *.json")
    if not (files["sha256_before"].notna() & (files["status"] != "damaged")).any():
        return _nothing_readable(files.iloc[0], len(files))
    bad = {status: counts[status] for status in _BAD if counts[status]}
    if bad:
        found = ", ".join(f"{number} {status}" for status, number in bad.items())
        return PartlyDoneError("clean", found, expected=f"{counts['files']} sound files")
    if told.wish.selectors and told.sessions.empty:
        return NoSuchSessionError.of(told.wish.selectors, "clean")
    return None


def _nothing_readable(first: Any, count: int) -> EvidenceError:
    kind = FileMissingError if str(first["reason"]).startswith("no ") else FileUnreadableError
    more = f" (and {count - 1} more)" if count > 1 else ""
    return kind(first["path"], f"{first['reason']}{more}")


def put_meant(told: bf.CleanPlan | bf.CleanOutcome, *, err: bool = False) -> None:
    """Show which sessions are meant, and in how many files."""
    rows = [(row["session_id"], row["name"], row["files"]) for row in _meant(told)]
    put_rows(("session_id", "name", "files"), rows, title="Sessions to clean out", err=err)


def _meant(told: bf.CleanPlan | bf.CleanOutcome) -> list[dict[str, Any]]:
    """Return each session once, whichever selectors mean it, with how many files have it."""
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    has = Counter(one for ids in told.files["removed_session_ids"] for one in set(ids))
    rows = records(told.sessions.drop_duplicates("session_id"))
    return [{**row, "files": max(row["files"], has[row["session_id"]])} for row in rows]


def show(told: bf.CleanPlan | bf.CleanOutcome, *, each: bool, quiet: bool) -> None:
    """Show the sessions and, of the files, whatever was not left alone."""
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    columns = ("status", "path", "sessions", "reason")
    files = told.files[told.files["status"] != "unchanged"]
    rows = [
        (row["status"], row["path"], len(row["removed_session_ids"]) or None, row["reason"])
        for row in records(files)
    ]
    put_rows(columns, rows, title="Files")
    found = set(told.sessions["selector"])
    for selector in dict.fromkeys(told.wish.selectors) if found else ():  # else it is the verdict
        if selector not in found:
            say(f"session not found: {selector}")
    if quiet:
        return
    for row in _meant(told):
        named = f" ({row['name']})" if row["name"] else ""
        say(f"session {row['session_id']}{named}: in {several(row['files'], 'file')}")
    for selector in () if each else told.ambiguous:
        say(f"{selector!r} means several sessions: with --yes it needs --each")
    for note in getattr(told, "notes", ()):
        say(note)
    counts = told.counts
    parts = [f"{n} {status}" for status, n in counts.items() if n and status != "files"]
    say(": ".join(filter(None, (several(counts["files"], "file"), ", ".join(parts)))))


def document(
    told: bf.CleanPlan | bf.CleanOutcome | None, error: BaseException | None
) -> dict[str, Any]:
    """Return the JSON object, whichever way the run ended."""
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    files = records(told.files[list(_FILE)]) if told is not None else []
    counts = told.counts if told is not None else None
    return {"schema": SCHEMA, **failure(error), "files": files, "counts": counts}
