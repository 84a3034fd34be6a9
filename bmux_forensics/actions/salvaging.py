"""Carve what is whole out of a damaged snapshot into a new file, never over an old one."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from bmux_forensics.actions.door import is_own_snapshot
from bmux_forensics.actions.opening import SIZE_LIMIT, STDIN, open_snapshot
from bmux_forensics.errors import ProofError, UsageError, path_text
from bmux_forensics.snapshot import salvage as carving
from bmux_forensics.snapshot.document import Snapshot, read_snapshot
from bmux_forensics.snapshot.salvage import Salvage
from bmux_forensics.store.reading import FileIdentity, read_regular
from bmux_forensics.store.replace import stage


@dataclass(frozen=True)
class SalvageOutcome:
    """What was carved out of a damaged snapshot, and where it is now.

    Parameters
    ----------
    source : Snapshot
        The damaged snapshot; its file is as it was.
    salvage : Salvage
        What was kept and what was lost.
    snapshot : Snapshot
        The new snapshot, named by its path.
    path : Path
        The new file.
    """

    source: Snapshot
    salvage: Salvage = field(repr=False)
    snapshot: Snapshot
    path: Path


def preview_salvage(source: str | Path | Snapshot) -> Salvage:
    """Return what could be carved out of a snapshot; nothing is written.

    Parameters
    ----------
    source : path-like or Snapshot
        The snapshot: a path (also a compressed copy, or ``-``), or one that is open.

    Raises
    ------
    EvidenceError
        It can't be read, or nothing in it can be kept.
    """
    snapshot = source if isinstance(source, Snapshot) else open_snapshot(source, torn=True)
    return carving.salvage(snapshot.raw, snapshot.name)


def salvage(
    source: str | Path,
    output: str | Path,
    *,
    overwrite: bool = False,
    size_limit: int | None = SIZE_LIMIT,
) -> SalvageOutcome:
    """Write a new snapshot of everything in a damaged one that is whole.

    The new file is for its owner alone, and appears whole or not at all.

    Parameters
    ----------
    source : path-like
        The damaged snapshot: a file, also a compressed copy, or ``-``.
    output : path-like
        The new file.
    overwrite : bool
        Replace a file of that name; never the source itself, however it is named, and
        never bmux's own snapshot.
    size_limit : int or None
        As in `open_snapshot`.

    Raises
    ------
    UsageError
        There is such a file, or it is the source.
    EvidenceError
        The source can't be read, or nothing in it can be kept.
    WriteError
        The system would not let us write; there is no new file.
    """
    path = Path(output)
    _refuse_source(source, path)
    old = _to_replace(path, overwrite=overwrite)
    damaged = open_snapshot(source, size_limit=size_limit, torn=True)
    result = preview_salvage(damaged)
    snapshot = read_snapshot(result.raw, path_text(path))
    if snapshot.problems:
        raise ProofError(
            str(source),
            f"the new snapshot would not be sound: {snapshot.problems[0]}",
            advice="this is a fault of bmux_forensics: please report it",
        )
    # A file that is replaced keeps its owner and permissions, but its content is of now.
    like = replace(old, mtime_ns=time.time_ns()) if old else None
    with stage(old or path, result.raw, like=like) as staged:
        staged.commit()
    return SalvageOutcome(damaged, result, snapshot, path)


def _refuse_source(source: str | Path, output: Path) -> None:
    try:
        there = output.stat()
        read = os.fstat(sys.stdin.fileno()) if str(source) == STDIN else Path(source).stat()
    except (OSError, ValueError):
        return  # one of the two is not there: reading or writing it will say so
    if os.path.samestat(there, read):
        raise UsageError(str(output), "the damaged file itself", expected="another file")


def _to_replace(path: Path, *, overwrite: bool) -> FileIdentity | None:
    """Return which file is to be replaced, None for a new one."""
    if str(path) == STDIN:
        raise UsageError("-o -", "standard output", expected="a new file")
    if not os.path.lexists(path):
        return None
    if not overwrite:
        raise UsageError(
            str(path), "a file of that name", expected="a new file", advice="add --overwrite"
        )
    if is_own_snapshot(path):
        raise UsageError(
            str(path), "bmux's own snapshot", expected="another file", advice="look at it first"
        )
    if path.exists() and not path.is_file():
        raise UsageError(str(path), "no regular file", expected="a file that can be replaced")
    return read_regular(path)[1] if path.exists() else None
