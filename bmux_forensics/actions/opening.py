"""Open a snapshot for reading: bmux's own, a file, a compressed copy or standard input."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bmux_forensics.actions.compression import decompressed, is_compressed, limited
from bmux_forensics.errors import (
    FileMissingError,
    NotRewritableError,
    path_text,
)
from bmux_forensics.host.paths import BmuxPaths, find_paths
from bmux_forensics.snapshot.document import Snapshot, read_snapshot
from bmux_forensics.store.reading import Digest, FileIdentity, read_bytes, read_regular

SIZE_LIMIT: Final = 1 << 30
"""No more bytes than this are read of one snapshot, decompressed, unless asked for."""

STDIN: Final = "-"
"""The path that means standard input."""


def open_snapshot(
    path: str | Path | None = None,
    *,
    size_limit: int | None = SIZE_LIMIT,
    torn: bool = False,
    name: str | None = None,
) -> Snapshot:
    """Read one snapshot; what is wrong inside it is for the result to say.

    Parameters
    ----------
    path : path-like, optional
        The file, plain or compressed (gzip, xz or zstd, told by its first bytes), or ``-``
        for standard input. By default bmux's own snapshot.
    size_limit : int or None
        Refuse more bytes than this, decompressed; None lifts the limit.
    torn : bool
        Of a compressed copy that is damaged, take what it still gives.
    name : str, optional
        What rows and messages call it; by default its path.

    Returns
    -------
    Snapshot
        Also for a file that holds no envelope (`Snapshot.envelope_problem` says why).

    Raises
    ------
    FileMissingError
        There is nothing, or no regular file.
    FileUnreadableError
        The system does not let us read it, it is too large, or its compression is damaged.
    """
    if str(path) == STDIN:
        return read_snapshot(bytes_of(STDIN, size_limit=size_limit, torn=torn), STDIN)
    target = own_snapshot_path() if path is None else Path(path)
    raw, identity = read_regular(target, limit=size_limit)
    whole = decompressed(raw, str(target), size_limit, torn=torn)
    return snapshot_of(whole, target, identity, name=name)


def bytes_of(path: str | Path, *, size_limit: int | None = SIZE_LIMIT, torn: bool = False) -> bytes:
    """Return what `open_snapshot` would read of a file, decompressed; raises as it does."""
    if str(path) == STDIN:
        raw = limited(sys.stdin.buffer, "standard input", size_limit)
        return decompressed(raw, "standard input", size_limit, torn=torn)
    return decompressed(read_bytes(path, limit=size_limit), str(path), size_limit, torn=torn)


def open_for_change(
    path: Path, *, packed: bool = False, size_limit: int | None = SIZE_LIMIT
) -> tuple[Snapshot, FileIdentity]:
    """Read a snapshot file as it would be rewritten: no standard input, nothing compressed.

    With `packed`, a compressed copy is taken as the bytes that it is: no envelope is found.

    Raises
    ------
    NotRewritableError
        It is a compressed copy.
    EvidenceError
        As `open_snapshot`.
    """
    raw, identity = read_regular(path, limit=size_limit)
    if is_compressed(raw) and not packed:
        raise NotRewritableError(
            str(path), "a compressed copy", expected="a snapshot", advice="decompress it first"
        )
    return snapshot_of(raw, path, identity), identity


def own_snapshot_path() -> Path:
    """Return where bmux's own snapshot is.

    Raises
    ------
    FileMissingError
        Nothing is there.
    """
    paths = find_paths()
    if not has_own_snapshot():
        raise no_bmux_here(paths)
    return paths.snapshot


def has_own_snapshot() -> bool:
    """Tell whether anything stands, or may stand, where bmux keeps its own snapshot."""
    try:
        find_paths().snapshot.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # we may not look: reading it will say why
    return True


def snapshot_of(
    raw: bytes, path: Path, identity: FileIdentity, *, name: str | None = None
) -> Snapshot:
    """Read a snapshot from the bytes of a file, hashing them beside the parsing."""
    saved_at = _moment(identity.mtime_ns)
    digest = Digest(raw).hexdigest
    return read_snapshot(raw, name or path_text(path), saved_at=saved_at, digest=digest)


def _moment(mtime_ns: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(mtime_ns / 1e9, UTC)
    except (ValueError, OverflowError, OSError):
        return None  # a file system can hold moments that no calendar has


def no_bmux_here(paths: BmuxPaths) -> FileMissingError:
    """Say where bmux's own snapshot would be, what decided that, and what to try instead."""
    return FileMissingError(
        str(paths.snapshot),
        "no bmux snapshot on this machine",
        advice=f"looked there because of {paths.data_rule}; name a snapshot to read another one, "
        "for example `bmux-forensics info sample_snapshots/alpha4-day/*.json`",
    )
