"""What a verb says of a file that went through the door: notes, the backup, the way back."""

from __future__ import annotations

import bmux_forensics as bf
from bmux_forensics.cli.output import say
from bmux_forensics.errors import path_text


def tell_passage(passage: bf.Passage) -> None:
    """Say on standard error what became of earlier changes, and how this one is taken back."""
    for note in passage.notes:
        say(note)
    if passage.backup is not None:
        say(f"the old bytes are kept in {path_text(passage.backup)}")
    if passage.entry is not None:
        say(f"to take it back: bmux-forensics undo {passage.entry}")
