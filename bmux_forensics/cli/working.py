"""Signs of life on a terminal while one large snapshot is worked on, and nowhere else."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bmux_forensics.cli.output import emit

CLEAR: Final = "\r\x1b[K"
"""Takes back the line that the cursor is on."""

_PATIENCE: Final = 0.5  # seconds that nobody minds; also how often the line is written anew

_notes: Final[list[str]] = []  # how far each piece of work is that is shown now


def note(text: str) -> bool:
    """Say how far the work is that `working` shows; false when it shows none."""
    if not _notes:
        return False
    _notes[-1] = text
    return True


@contextmanager
def working(verb: str, *, quiet: bool) -> Iterator[None]:
    """Show on standard error's terminal that a verb is at work, once that takes a moment.

    Nothing may be printed inside: the line is taken back at the end.
    """
    if quiet or not sys.stderr.isatty():
        yield
        return
    done = threading.Event()
    _notes.append("working")
    teller = threading.Thread(target=_tell, args=(verb, done), daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()
        _notes.pop()


def _tell(verb: str, done: threading.Event) -> None:
    start, is_shown = time.monotonic(), False
    while not done.wait(_PATIENCE):
        emit(f"{CLEAR}{verb}: {_notes[-1]}, {time.monotonic() - start:.0f} s", err=True)
        is_shown = True
    if is_shown:
        emit(CLEAR, err=True)
