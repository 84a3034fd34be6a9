"""The envelope's checksum: FNV-1a, 64 bits, over the compact JSON of its sections."""

from __future__ import annotations

import threading

from fnv_c import fnv1a_64

_INLINE = 1 << 16


class RunningChecksum:
    """A checksum that is made beside the caller's own work: the C code needs no interpreter.

    Parameters
    ----------
    compact_sections : bytes
        As for `checksum`.

    Examples
    --------
    >>> RunningChecksum(b"a").value() == checksum(b"a")
    True
    """

    def __init__(self, compact_sections: bytes) -> None:
        self._data = compact_sections
        self._value = 0
        self._thread: threading.Thread | None = None
        if len(compact_sections) < _INLINE:
            self._run()
            return
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._value = checksum(self._data)
        self._data = b""  # a quarter of the file: not to be kept for nothing

    def value(self) -> int:
        """Wait for the checksum and return it."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        return self._value


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
