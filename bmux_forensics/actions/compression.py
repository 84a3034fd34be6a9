"""Compressed copies of snapshots: told by their first bytes, and never larger than allowed."""

from __future__ import annotations

import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import zstandard

from bmux_forensics.errors import FileUnreadableError

_ZSTD_PIECE: Final = 1 << 10  # it can grow to 32 MiB, and only then is the limit looked at
_TORN_PIECE: Final = 64  # of compressed data: what this holds is lost before damage, at most


class _Zstd:
    """Read zstd data; zstandard's own reader takes a frame that is cut off for a whole one."""

    def __init__(self, file: io.BytesIO) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        """Return all of the data, or at least `size` bytes of it."""
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


@dataclass(frozen=True)
class _Form:
    """A form of compression: how a sound copy is opened, how any is begun, how one is made."""

    open: Callable[[io.BytesIO], Any]
    start: Callable[[], Any]
    pack: Callable[[bytes, bytes], bytes]


def _seconds(old: bytes) -> int:
    """Return the time that a gzip header has of its file."""
    return int.from_bytes(old[4:8], "little")


_MAGIC: Final = {
    b"\x1f\x8b": _Form(
        lambda file: gzip.GzipFile(fileobj=file),
        lambda: zlib.decompressobj(31),
        lambda old, data: gzip.compress(data, mtime=_seconds(old)),
    ),
    b"\xfd7zXZ\x00": _Form(
        lzma.LZMAFile, lzma.LZMADecompressor, lambda _, data: lzma.compress(data)
    ),
    b"\x28\xb5\x2f\xfd": _Form(
        _Zstd,
        lambda: zstandard.ZstdDecompressor().decompressobj(),
        lambda _, data: zstandard.ZstdCompressor(write_checksum=True).compress(data),
    ),
}
_DAMAGED: Final = (OSError, EOFError, lzma.LZMAError, zlib.error, zstandard.ZstdError)


def is_compressed(raw: bytes) -> bool:
    """Tell whether bytes are a compressed copy, as far as their beginning says."""
    return raw.startswith(tuple(_MAGIC))


def packed_like(old: bytes, data: bytes) -> bytes:
    """Return some bytes in the form that others have: compressed the same way, or plain.

    The same bytes come out wherever and whenever it is done: a gzip header keeps the
    time that the old one has.

    Examples
    --------
    >>> new = packed_like(gzip.compress(b"old", mtime=7), b"new")
    >>> gzip.decompress(new), _seconds(new)
    (b'new', 7)
    >>> packed_like(b"plain", b"new")
    b'new'
    """
    for magic, form in _MAGIC.items():
        if old.startswith(magic):
            return form.pack(old, data)
    return data


def decompressed(raw: bytes, where: str, limit: int | None, *, torn: bool = False) -> bytes:
    """Return the bytes of a compressed copy, or the bytes as they are.

    Parameters
    ----------
    raw : bytes
        The file.
    where : str
        What to call it in an error.
    limit : int or None
        Refuse more bytes than this, decompressed.
    torn : bool
        Of a copy that is damaged, return what it gives up to the damage.

    Raises
    ------
    FileUnreadableError
        The compression is damaged, or there are more bytes than the limit.
    """
    for magic, form in _MAGIC.items():
        if raw.startswith(magic):
            file = _Torn(raw, form.start) if torn else form.open(io.BytesIO(raw))
            try:
                return limited(file, where, limit)
            except _DAMAGED as error:
                raise FileUnreadableError(
                    where,
                    f"damaged compressed data ({error})",
                    advice="use another copy, or carve what is whole out of it with `salvage`",
                ) from error
    return raw


class _Torn:
    """Read compressed data up to where it is damaged."""

    def __init__(self, raw: bytes, start: Callable[[], Any]) -> None:
        self._raw = raw
        self._start = start

    def read(self, size: int = -1) -> bytes:
        """Return what there is, at least `size` bytes where there are so many."""
        data, frame = bytearray(), self._start()
        at = 0
        with suppress(*_DAMAGED):  # the rest is lost
            while at < len(self._raw) and (size < 0 or len(data) < size):
                piece = self._raw[at : at + _TORN_PIECE]
                data += frame.decompress(piece)
                at += len(piece)
                if frame.eof:
                    at -= len(frame.unused_data)
                    frame = self._start()
        return bytes(data)


def limited(file: Any, where: str, limit: int | None) -> bytes:
    """Read a whole file, if it has no more bytes than the limit.

    Raises
    ------
    FileUnreadableError
        It has more.
    """
    data: bytes = file.read() if limit is None else file.read(limit + 1)
    if limit is not None and len(data) > limit:
        raise FileUnreadableError(
            where, "more than that", expected=f"at most {limit} bytes", advice="lift the size limit"
        )
    return data
