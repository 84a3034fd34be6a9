"""Look whether the journal and the backups are whole, byte for byte."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from bmux_forensics.actions.custody_judging import sha256_now
from bmux_forensics.actions.custody_reading import known_changes, owner_of, resolved
from bmux_forensics.actions.custody_record import PRUNED, Recorded, backup_key
from bmux_forensics.errors import EvidenceError, path_text
from bmux_forensics.store.backup_listing import Backup, backups
from bmux_forensics.store.journal import Journal, read_journal
from bmux_forensics.store.journal_lines import FORMAT, Flaw

PROBLEM_DTYPES: Final[Mapping[str, str]] = {
    "severity": "str",
    "kind": "str",
    "number": "Int64",
    "change": "str",
    "path": "str",
    "offset": "Int64",
    "found": "str",
}
"""Columns and dtypes of `verify`."""

_FLAWS: Final[Mapping[str, tuple[str, str]]] = {
    "torn": ("note", "torn-entry"),
    "damaged": ("damage", "damaged-entry"),
    "chain": ("damage", "broken-chain"),
}


def verify(path: str | Path | None = None) -> pd.DataFrame:
    """Return what is not whole in the journal and among the backups; nothing is written.

    Every entry's hash and its link to the one before are computed anew, and so is the
    hash of every backup.

    Parameters
    ----------
    path : path-like, optional
        Only the backups of this file. For root it also says whose journal and backups.

    Returns
    -------
    DataFrame
        One row a problem: ``severity`` str, ``damage`` or ``note`` (nothing is lost);
        ``kind`` str: ``damaged-entry`` (bytes that are no entry), ``broken-chain`` (an
        entry does not follow the one before), ``torn-entry`` (an append that was cut
        short), ``newer-format``, ``missing-backup``, ``altered-backup``,
        ``unreadable-backup``, ``unnamed-backup`` (no change names it; all that entries
        which were cut off the journal's end leave behind), ``cut-short`` (a change whose
        outcome nobody wrote down); ``number`` Int64, of the journal's entry; ``change``
        str, its id; ``path`` str; ``offset`` Int64, where in the journal; ``found`` str, a
        sentence. Empty, with the same columns, when everything is whole.

    Raises
    ------
    FileUnreadableError
        The system does not let us read the journal.
    """
    file = resolved(path) if path is not None else None
    uid = owner_of(file)
    journal = read_journal(uid)
    changes = [c for c in known_changes(uid, journal) if file in (None, c.file)]
    rows = [
        *(_flaw(journal.path, flaw) for flaw in journal.flaws),
        *_newer(journal),
        *_cut_short(journal.path, changes),
        *_backups(journal, file, uid, changes),
    ]
    return pd.DataFrame(rows, columns=list(PROBLEM_DTYPES)).astype(dict(PROBLEM_DTYPES))


def _flaw(path: Path, flaw: Flaw) -> dict[str, Any]:
    severity, kind = _FLAWS[flaw.kind]
    found = f"where entry {flaw.number} should be: {flaw.found}"
    return _row(severity, kind, path, found, number=flaw.number, offset=flaw.offset)


def _newer(journal: Journal) -> Iterator[dict[str, Any]]:
    newest = max(journal.entries, key=lambda entry: entry.format, default=None)
    if newest is not None and newest.format > FORMAT:
        found = f"format {newest.format}, and this version writes format {FORMAT}"
        yield _row("note", "newer-format", journal.path, found, number=newest.number)


def _cut_short(path: Path, changes: Iterable[Recorded]) -> Iterator[dict[str, Any]]:
    for change in changes:
        if change.note.startswith("cut short"):
            found = f"{change.verb} {change.id} was {change.note}"
            yield _row("note", "cut-short", path, found, number=change.number, change=change.id)


def _backups(
    journal: Journal, file: Path | None, uid: int | None, changes: Sequence[Recorded]
) -> Iterator[dict[str, Any]]:
    """Look at every backup, and for every one that a change needs."""
    needed: dict[str, Recorded] = {}
    for change in changes:
        if change.backup_key is not None and change.state != "failed":
            needed[change.backup_key] = change
    kept = {backup_key(backup.path): backup for backup in backups(file, uid=uid)}
    for key in needed.keys() - kept.keys() - _pruned(journal):
        change = needed[key]
        found = f"the backup of {change.verb} {change.id} is not there"
        yield _row("damage", "missing-backup", change.backup or key, found, **_of(change))
    named = {change.backup_key for change in changes}
    for key, backup in kept.items():
        if key not in named:
            found = "no change names it: its run was refused or killed, or the journal lost entries"
            yield _row("note", "unnamed-backup", backup.path, found)
        yield from _altered(backup, needed.get(key))


def _pruned(journal: Journal) -> set[str]:
    lists = (e.facts.get("backups") for e in journal.entries if e.kind == PRUNED)
    names = (name for found in lists if isinstance(found, list) for name in found)
    return {backup_key(name) for name in names if isinstance(name, str)}


def _altered(backup: Backup, change: Recorded | None) -> Iterator[dict[str, Any]]:
    # A backup that no change needs is the second name of a file that was never replaced.
    severity = "damage" if change else "note"
    if change is not None and backup.origin != change.file:
        found = f"it says that it is of {path_text(backup.origin)}"
        yield _row(
            severity, "altered-backup", backup.path.with_name("origin"), found, **_of(change)
        )
    try:
        now = sha256_now(backup.path)
    except EvidenceError as error:
        yield _row(severity, "unreadable-backup", backup.path, error.found, **_of(change))
        return
    if now not in (None, backup.sha256):
        found = f"sha256 {now} instead of {backup.sha256}"
        yield _row(severity, "altered-backup", backup.path, found, **_of(change))


def _of(change: Recorded | None) -> dict[str, Any]:
    return {"number": change.number, "change": change.id} if change else {}


def _row(severity: str, kind: str, path: Path | str, found: str, **facts: Any) -> dict[str, Any]:
    row = {"severity": severity, "kind": kind, "path": path_text(path), "found": found}
    return row | facts
