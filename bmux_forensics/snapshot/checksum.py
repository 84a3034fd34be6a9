"""The envelope's checksum: FNV-1a, 64 bits, over the compact JSON of its sections."""

from __future__ import annotations

from fnv_c import fnv1a_64


def checksum(compact_sections: bytes) -> int:
    """Return FNV-1a 64 of the compact JSON of a ``sections`` array.

    It guards against accident, not malice: anyone who edits a snapshot can make it anew.

    Examples
    --------
    >>> hex(checksum(b""))
    '0xcbf29ce484222325'
    >>> hex(checksum(b"a"))
    '0xaf63dc4c8601ec8c'
    """
    return int(fnv1a_64(compact_sections))
