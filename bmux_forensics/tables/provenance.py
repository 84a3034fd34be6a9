"""Where rows come from: the snapshots themselves, and their sections."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.tables.cells import cells
from bmux_forensics.tables.schema import Kind


def snapshots_table(snapshots: Sequence[Snapshot], dtype: pd.CategoricalDtype) -> pd.DataFrame:
    """Return one row a snapshot.

    Returns
    -------
    DataFrame
        ``snapshot`` category; ``sha256`` str, of the file; ``size`` int64, bytes;
        ``saved_at`` datetime64[us, UTC], null where unknown; ``version`` Int64;
        ``sections`` int64, how many; ``checksum``, ``computed_checksum`` UInt64, null
        without an envelope; ``error`` str, the first thing bmux would not take, or null.
    """
    envelopes = [snapshot.envelope for snapshot in snapshots]
    return pd.DataFrame(
        {
            "snapshot": pd.Categorical.from_codes(np.arange(len(snapshots)), dtype=dtype),
            "sha256": cells(Kind.TEXT, [s.sha256 for s in snapshots]),
            "size": np.array([len(s.raw) for s in snapshots], dtype=np.int64),
            "saved_at": pd.to_datetime(
                pd.Series([s.saved_at for s in snapshots], dtype="object"), utc=True
            ).astype("datetime64[us, UTC]"),
            "version": cells(Kind.INTEGER, [e.version if e else None for e in envelopes]),
            "sections": np.array([len(s.readings) for s in snapshots], dtype=np.int64),
            "checksum": _unsigned([e.checksum if e else None for e in envelopes]),
            "computed_checksum": _unsigned([e.computed_checksum if e else None for e in envelopes]),
            "error": cells(
                Kind.TEXT, [str(s.problems[0]) if s.problems else None for s in snapshots]
            ),
        }
    )


def _unsigned(values: list[int | None]) -> pd.api.extensions.ExtensionArray:
    # Through numpy: 2**64-1 beside None would become a float on any other way.
    numbers = np.array([v or 0 for v in values], dtype=np.uint64)
    return pd.arrays.IntegerArray(numbers, np.array([v is None for v in values], dtype=bool))


def sections_table(snapshots: Sequence[Snapshot], dtype: pd.CategoricalDtype) -> pd.DataFrame:
    """Return one row a section.

    Returns
    -------
    DataFrame
        ``snapshot`` category; ``section`` int64, its position; ``section_id`` str;
        ``name`` str, the short name, null for an id that bmux does not know;
        ``version`` Int64; ``size`` int64, bytes of the payload; ``repeated`` bool, an
        earlier section has the same id; ``has_rows`` bool, whether tables are built
        from it; ``error`` str, why bmux would not take it, or null.
    """
    rows = [(code, reading) for code, s in enumerate(snapshots) for reading in s.readings]
    readings = [reading for _, reading in rows]
    codes = np.array([code for code, _ in rows], dtype=np.int64)
    firsts = [snapshots[code].first_position(r.section.id) for code, r in rows]
    return pd.DataFrame(
        {
            "snapshot": pd.Categorical.from_codes(codes, dtype=dtype),
            "section": np.array([r.position for r in readings], dtype=np.int64),
            "section_id": cells(Kind.TEXT, [r.section.id for r in readings]),
            "name": cells(Kind.TEXT, [r.spec.name if r.spec else None for r in readings]),
            "version": cells(Kind.INTEGER, [r.section.version for r in readings]),
            "size": np.array([len(r.section.payload) for r in readings], dtype=np.int64),
            "repeated": np.array(
                [f != r.position for f, r in zip(firsts, readings, strict=True)], dtype=bool
            ),
            "has_rows": np.array([r.has_rows for r in readings], dtype=bool),
            "error": cells(Kind.TEXT, [str(r.problem) if r.problem else None for r in readings]),
        }
    )
