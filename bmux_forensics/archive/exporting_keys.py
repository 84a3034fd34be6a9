"""References of one batch as a database can hold them: which of them lead nowhere.

A database only knows "is there" and "is not". An audit knows a third case: where the section
that would list an id can't be gone by, or another finding stands for the row, nothing is said
about a reference. Such ids are in the table of keys too, marked as not listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
import pyarrow as pa

from bmux_forensics.analysis.audit.evidence import Evidence
from bmux_forensics.analysis.audit.pane_rows import moot_rows
from bmux_forensics.analysis.audit.references import dangling_references
from bmux_forensics.analysis.redaction import Redaction
from bmux_forensics.analysis.rules.reference_rules import REFERENCE_RULES
from bmux_forensics.tables.build import Tables, places_of
from bmux_forensics.tables.catalog import BY_NAME
from bmux_forensics.tables.graph import FOREIGN_KEYS
from bmux_forensics.tables.schema import ForeignKey

TARGET: Final = "alpha4"
"""The server whose view of a snapshot decides what a reference means."""

REFERENCES: Final = tuple(key for key in FOREIGN_KEYS if REFERENCE_RULES.get(key.name) is not None)
"""The references whose breach is a finding: foreign keys into a table of keys."""

CONTAINED: Final = tuple(key for key in FOREIGN_KEYS if key.contained)
"""The references by place: foreign keys into the table itself."""

KEYED: Final = {key.parent: key.parent_columns for key in REFERENCES}
"""The tables that have a table of keys, and the columns of it."""

Key = tuple[Any, ...]


def key_of(table: str) -> tuple[str, ...]:
    """Return the columns that identify a row of a table: its place, and for files the path.

    Examples
    --------
    >>> key_of("panes"), key_of("snapshots"), key_of("files")
    (('snapshot', 'section', 'runtime', 'position'), ('snapshot',), ('path',))
    """
    if table in BY_NAME:
        return ("snapshot", "section", *places_of(table))
    return {"snapshots": ("snapshot",), "sections": ("snapshot", "section")}.get(table, ("path",))


@dataclass(frozen=True)
class Sheet:
    """The tables of a batch with the keys of each: Arrow columns, sent home from a worker.

    Parameters
    ----------
    frames : dict of str to pyarrow.Table
        The tables that have rows.
    keys : dict of str to list of tuple
        For each table of `KEYED` the distinct keys: snapshot, values, and whether the
        table lists them.
    """

    frames: dict[str, pa.Table]
    keys: dict[str, list[Key]]


@dataclass(frozen=True)
class Sheets:
    """Gather the tables and keys of a batch: what a worker is asked.

    Parameters
    ----------
    redaction : Redaction or None
        What hides names, folders and commands.
    """

    redaction: Redaction | None = None

    def __call__(self, tables: Tables) -> Sheet:
        """Do it."""
        names = [str(n) for n in tables.snapshot_dtype.categories]
        if self.redaction is not None:
            names = [self.redaction.snapshot(name) for name in names]
        keys = {
            parent: [(names[code], *values, listed) for (code, *values), listed in found.items()]
            for parent, found in _keys(tables).items()
        }
        frames = {}
        for name in tables:
            frame = tables[name]
            if len(frame):
                shown = frame if self.redaction is None else self.redaction.frame(frame, name)
                frames[name] = pa.Table.from_pandas(shown, preserve_index=False)
        return Sheet(frames, keys)


def _keys(tables: Tables) -> dict[str, dict[Key, bool]]:
    keys = {
        parent: dict.fromkeys(_values(tables[parent], columns), True)
        for parent, columns in KEYED.items()
    }
    evidence = Evidence(tables, TARGET)
    broken = dangling_references(evidence, moot_rows(evidence))
    for reference, found in zip(REFERENCES, broken, strict=True):
        frame = tables[reference.table]
        there = keys[reference.parent]
        for key in _values(frame[~found.rows & refers(frame, reference)], reference.columns):
            there.setdefault(key, False)
    return keys


def refers(frame: pd.DataFrame, reference: ForeignKey) -> Any:
    """Tell which rows of a table have a reference at all."""
    mask = frame[list(reference.columns)].notna().all(axis=1)
    if reference.where is not None:
        column, value = reference.where
        mask &= frame[column].isna() if value is None else frame[column].eq(value)
    return mask.to_numpy(dtype=bool)


def _values(frame: pd.DataFrame, columns: tuple[str, ...]) -> Iterator[Key]:
    whole = frame[frame[list(columns)].notna().all(axis=1)]
    codes = whole["snapshot"].cat.codes.tolist()
    return zip(codes, *(whole[name].tolist() for name in columns), strict=True)
