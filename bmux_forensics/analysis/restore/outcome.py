"""What both servers have in common: the outcome of a start, and the sessions that come back."""

from __future__ import annotations

from dataclasses import dataclass, field

from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.snapshot.identifiers import canonical_id
from bmux_forensics.snapshot.reading import Reading


@dataclass(frozen=True)
class Outcome:
    """What a server makes of a snapshot.

    Parameters
    ----------
    starts : bool
        Whether the server starts at all.
    blocked : bool
        Whether it refuses every later save.
    sessions : tuple of str
        The sessions that come back, in file order, each once.
    panes : dict of str to int
        How many panes of each session come back; sessions with none are left out.
    """

    starts: bool = True
    blocked: bool = False
    sessions: tuple[str, ...] = ()
    panes: dict[str, int] = field(default_factory=dict)


def is_envelope(snapshot: Snapshot) -> bool:
    """Tell whether a server takes the envelope, repeated sections aside."""
    return snapshot.envelope is not None and snapshot.checksum_problem is None


def session_ids(reading: Reading | None) -> tuple[str, ...]:
    """Return the ids of a sessions section that decodes, each once; none without one."""
    if reading is None or reading.problem is not None:
        return ()
    return tuple(dict.fromkeys(canonical_id(row["id"]) or "" for row in reading.tree))
