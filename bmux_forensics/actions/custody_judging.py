"""What became of a change that was announced and never concluded: told by the bytes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bmux_forensics.actions.custody_record import COMPLETED, NOT_APPLIED, UNKNOWN, Recorded
from bmux_forensics.errors import EvidenceError, FileMissingError, ForensicsError
from bmux_forensics.store.reading import read_regular


@dataclass(frozen=True)
class Verdict:
    """What became of a change.

    Parameters
    ----------
    state : str
        "completed", "not applied" or "unknown".
    why : str
        What tells so.
    aside : Path or None
        Where the file was found that was to be moved aside.
    """

    state: str
    why: str
    aside: Path | None = None


def judge(
    change: Recorded,
    changes: Sequence[Recorded] = (),
    sha256: Callable[[], str | None] | None = None,
) -> Verdict | None:
    """Tell what became of an open change; None when it can't be looked at.

    Parameters
    ----------
    change : Recorded
        The change.
    changes : sequence of Recorded
        All of the journal: the next change of the same file says what it found.
    sha256 : callable, optional
        Gives the hash of the file as it is now; it is read by default.
    """
    aside = find_aside(change.file, change.moment, change.before)
    if aside is not None:
        if _is_same_file(aside, change.file):  # its second name was made, the first is still there
            return Verdict(NOT_APPLIED, "the file is where it was")
        return Verdict(COMPLETED, "the file is where it was to be moved", aside)
    later = next((c for c in changes if c.number > change.number and c.file == change.file), None)
    if later is not None:
        return _compare(change, later.before, f"change {later.id} found it so")
    try:
        now = sha256() if sha256 is not None else sha256_now(change.file)
    except ForensicsError:
        return None
    return _compare(change, now, "the file is gone" if now is None else "the file's hash tells")


def _is_same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _compare(change: Recorded, found: str | None, source: str) -> Verdict:
    if found == change.after:
        return Verdict(COMPLETED, source)
    if found == change.before:
        return Verdict(NOT_APPLIED, source)
    return Verdict(UNKNOWN, f"{source}: neither the old bytes nor the new, it changed since")


def sha256_now(path: Path) -> str | None:
    """Return the hash of a file as it is now, None where there is none.

    Raises
    ------
    EvidenceError
        It is there and can't be read.
    """
    try:
        return hashlib.sha256(read_regular(path, limit=None)[0]).hexdigest()
    except FileMissingError:
        if os.path.lexists(path):
            raise
        return None


def find_aside(path: Path, moment: str | None, sha256: str | None) -> Path | None:
    """Find a file that was moved aside at that moment, by its name and its bytes."""
    if moment is None or sha256 is None:
        return None
    mark = f".corrupt-{moment}-{sha256[:8]}"
    try:
        names = sorted(name for name in os.listdir(path.parent) if mark in name)  # noqa: PTH208 - names
    except OSError:
        return None
    for name in names:
        try:
            if sha256_now(path.parent / name) == sha256:
                return path.parent / name
        except EvidenceError:
            continue
    return None
