"""The redaction of this user: its pseudonyms are the same in every run."""

from __future__ import annotations

from typing import Final

from bmux_forensics.analysis.redaction import Redaction
from bmux_forensics.store.secret import kept_secret

NAME: Final = "redaction.key"
"""The key in the state folder; whoever has it can try out names."""


def own_redaction() -> Redaction:
    """Return a redaction with a key that this user keeps, made when it is first needed.

    Raises
    ------
    WriteError
        The key can't be kept. `Redaction` without a key needs none: its pseudonyms are
        its own.
    """
    return Redaction(kept_secret(NAME))
