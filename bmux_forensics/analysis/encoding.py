"""The bytes that a plan makes of a snapshot: nothing is written here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import pandas as pd

from bmux_forensics.analysis.plans import edits_of
from bmux_forensics.analysis.reshaping import (
    ENVELOPE,
    exact_tree,
    lost,
    reseals,
    reshaped,
    with_copies,
)
from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.snapshot.edits import Edit

REWRITTEN: Final = ("sessions", "contexts", "clients", "panes")
"""The sections that bmux encodes anew in every kill that matched."""


def encode_plan(snapshot: Snapshot, plan: pd.DataFrame, *, rewrite: Collection[str] = ()) -> bytes:
    """Return the file as it will be when a plan has been carried out; see `carry_out`."""
    return carry_out(snapshot, plan, rewrite=rewrite).raw


def carry_out(snapshot: Snapshot, plan: pd.DataFrame, *, rewrite: Collection[str] = ()) -> Snapshot:
    """Return the snapshot as it will be when a plan has been carried out.

    Every pointer is resolved against the snapshot as it was read. Sections that the plan
    does not touch keep their bytes, unknown members and sections included. A wrong
    checksum is made anew only by a plan that says so.

    Parameters
    ----------
    snapshot : Snapshot
        The snapshot that the plan was made from.
    plan : DataFrame
        A plan of that one snapshot.
    rewrite : collection of str
        Short names of sections to encode anew even if the plan has nothing for them.

    Raises
    ------
    NotRewritableError
        A section that must be encoded holds what would not survive it.
    EvidenceError
        The envelope or such a section is not one that bmux would take.
    """
    return carry_out_edits(snapshot, edits_of(plan), rewrite=rewrite)


def carry_out_edits(
    snapshot: Snapshot, edits: Mapping[int, list[Edit]], *, rewrite: Collection[str] = ()
) -> Snapshot:
    """Return the snapshot as it will be after the edits of a plan; as `carry_out`."""
    edits = dict(edits)
    of_envelope = edits.pop(ENVELOPE, [])
    if not reseals(of_envelope):
        snapshot.require_envelope()
    if snapshot.envelope is not None:
        snapshot.envelope.require_rewritable(snapshot.name)
    edits = with_copies(snapshot, edits)
    named = {reading.position for name in rewrite if (reading := snapshot.reading(name))}
    edited = []
    for position in sorted((named | edits.keys()) - lost(of_envelope)):
        reading = snapshot.readings[position]
        tree = exact_tree(reading, edits.get(position, ()))
        reading.require_distinct_ids()
        edited.append(reading.edited(tree))
    if of_envelope:
        return reshaped(snapshot, edited, of_envelope)
    return snapshot.with_readings(edited)
