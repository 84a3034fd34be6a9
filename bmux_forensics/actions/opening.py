"""Open a snapshot for reading: bmux's own, a file, a compressed copy or standard input."""

from __future__ import annotations

import gzip
import io
import lzma
import sys
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

import zstandard

from bmux_forensics.errors import (
    FileMissingError,
    FileUnreadableError,
    NotRewritableError,
    path_text,
)
from bmux_forensics.host.paths import BmuxPaths, find_paths
from bmux_forensics.snapshot.document import Snapshot, read_snapshot
from bmux_forensics.store.reading import Digest, FileIdentity, read_regular

SIZE_LIMIT: Final = 1 << 30
"""No more bytes than this are read of one snapshot, decompressed, unless asked for."""

STDIN: Final = "-"
"""The path that means standard input."""


_ZSTD_PIECE: Final = 1 << 10  # it can grow to 32 MiB, and only then is the limit looked at


class _Zstd:
    """Read zstd data; zstandard's own reader takes a frame that is cut off for a whole one."""

    def __init__(self, file: io.BytesIO) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        """Return all of the data, or more than `size` bytes of it."""
        pieces: list[bytes] = []
        frame, total = zstandard.ZstdDecompressor().decompressobj(), 0
        while (size < 0 or total < size) and (data := self._file.read(_ZSTD_PIECE)):
            while data:
                if frame.eof:
                    frame = zstandard.ZstdDecompressor().decompressobj()
                pieces.append(frame.decompress(data))
                total += len(pieces[-1])
                data = frame.unused_data if frame.eof else b""
        if not frame.eof and (size < 0 or total < size):
            message = "it ends too early"
            raise zstandard.ZstdError(message)
        return b"".join(pieces)


_MAGIC: Final[dict[bytes, Callable[[io.BytesIO], Any]]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    b"\x28\xb5\x2f\xfd": _Zstd,
}
_DAMAGED: Final = (OSError, EOFError, lzma.LZMAError, zlib.error, zstandard.ZstdError)


def open_snapshot(
    path: str | Path | None = None, *, size_limit: int | None = SIZE_LIMIT
) -> Snapshot:
    """Read one snapshot; what is wrong inside it is for the result to say.

    Parameters
    ----------
    path : path-like, optional
        The file, plain or compressed (gzip, xz or zstd, told by its first bytes), or ``-``
        for standard input. By default bmux's own snapshot.
    size_limit : int or None
        Refuse more bytes than this, decompressed; None lifts the limit.

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
        return read_snapshot(bytes_of(STDIN, size_limit=size_limit), STDIN)
    target = own_snapshot_path() if path is None else Path(path)
    raw, identity = read_regular(target, limit=size_limit)
    return snapshot_of(decompressed(raw, str(target), size_limit), target, identity)


def bytes_of(path: str | Path, *, size_limit: int | None = SIZE_LIMIT) -> bytes:
    """Return what `open_snapshot` would read of a file, decompressed; raises as it does."""
    if str(path) == STDIN:
        raw = _limited(sys.stdin.buffer, "standard input", size_limit)
        return decompressed(raw, "standard input", size_limit)
    return decompressed(read_regular(path, limit=size_limit)[0], str(path), size_limit)


def open_for_change(path: Path) -> tuple[Snapshot, FileIdentity]:
    """Read a snapshot file as it would be rewritten: no standard input, nothing compressed.

    Raises
    ------
    NotRewritableError
        It is a compressed copy.
    EvidenceError
        As `open_snapshot`.
    """
    raw, identity = read_regular(path)
    if raw.startswith(tuple(_MAGIC)):
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


def snapshot_of(raw: bytes, path: Path, identity: FileIdentity) -> Snapshot:
    """Read a snapshot from the bytes of a file, hashing them beside the parsing."""
    saved_at = _moment(identity.mtime_ns)
    digest = Digest(raw).hexdigest
    return read_snapshot(raw, path_text(path), saved_at=saved_at, digest=digest)


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


def decompressed(raw: bytes, where: str, limit: int | None) -> bytes:
    """Return the bytes of a compressed copy, or the bytes as they are.

    Raises
    ------
    FileUnreadableError
        The compression is damaged, or there are more bytes than the limit.
    """
    for magic, opener in _MAGIC.items():
        if raw.startswith(magic):
            try:
                return _limited(opener(io.BytesIO(raw)), where, limit)
            except _DAMAGED as error:
                raise FileUnreadableError(
                    where, f"damaged compressed data ({error})", advice="use another copy"
                ) from error
    return raw


def _limited(file: IO[bytes], where: str, limit: int | None) -> bytes:
    data = file.read() if limit is None else file.read(limit + 1)
    if limit is not None and len(data) > limit:
        raise FileUnreadableError(
            where, "more than that", expected=f"at most {limit} bytes", advice="lift the size limit"
        )
    return data
