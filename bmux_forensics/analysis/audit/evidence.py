"""What every check looks at: the tables, the target, and which sections it can go by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bmux_forensics.tables.build import Tables
from bmux_forensics.tables.catalog import BY_NAME

Rows = npt.NDArray[np.int64]
"""Row numbers of a table, rising."""
Mask = npt.NDArray[np.bool_]
"""A truth value for each row of a table, or for each snapshot of the batch."""

_READ_BY: Final = {
    "alpha4": frozenset({"sessions", "contexts", "clients", "panes", "tabs", "workspaces"}),
    "alpha1": frozenset({"sessions", "contexts", "clients", "panes"}),
}
"""The sections that each server reads, by short name."""

_OLDER_VERSION: Final = 1
"""The one version of every section that alpha.1 reads."""


@dataclass(frozen=True)
class Evidence:
    """The tables of some snapshots, read with one target server in mind.

    Parameters
    ----------
    tables : Tables
        The tables.
    target : str
        ``alpha4`` or ``alpha1``.
    """

    tables: Tables
    target: str

    @property
    def snapshot_count(self) -> int:
        """How many snapshots the batch has."""
        return len(self.tables.snapshots)

    def knows(self, section: str | None) -> bool:
        """Whether the target knows a section, by its short name."""
        return section in _READ_BY[self.target]

    def column(self, table: str, name: str) -> Any:
        """Return a column of a table as an Arrow array."""
        return self.tables.lookup(table).column(name)

    def codes(self, table: str) -> npt.NDArray[np.int64]:
        """Return the snapshot code of each row of a table."""
        return self.tables.lookup(table).codes

    def texts(self, table: str, name: str, rows: Rows) -> list[Any]:
        """Return the values of a column in some rows, None for null."""
        values: list[Any] = self.column(table, name).take(pa.array(rows, pa.int64())).to_pylist()
        return values

    @cached_property
    def _usable(self) -> dict[str, Mask]:
        frame = self.tables["sections"]
        codes = frame["snapshot"].cat.codes.to_numpy()
        first = frame["has_rows"].to_numpy() & ~frame["repeated"].to_numpy()
        if self.target == "alpha1":
            versions = frame["version"].to_numpy(dtype=np.int64)
            first &= versions == _OLDER_VERSION
        usable = {}
        for name in {table.section for table in BY_NAME.values()}:
            mask = np.zeros(self.snapshot_count, dtype=bool)
            if self.knows(name):
                mask[codes[first & (frame["name"] == name).to_numpy(dtype=bool)]] = True
            usable[name] = mask
        return usable

    def usable(self, section: str) -> Mask:
        """Tell for each snapshot whether the target reads rows from a section.

        Where it does not, the section's own finding (missing, of another version,
        undecodable) stands for everything in it, and for all that would refer to it.
        """
        return self._usable[section]

    def counted(self, table: str) -> Mask:
        """Tell for each row of a table whether the target reads it."""
        mask: Mask = self.usable(BY_NAME[table].section)[self.codes(table)]
        return mask


def is_null(array: Any) -> Mask:
    """Tell which values of an Arrow array are null."""
    mask: Mask = array.is_null().to_numpy(zero_copy_only=False)
    return mask


def equals(array: Any, value: str) -> Mask:
    """Tell which values of an Arrow text array are equal to one; a null is not.

    Examples
    --------
    >>> equals(pa.array(["a", None, "b"]), "a").tolist()
    [True, False, False]
    """
    mask: Mask = (pa.compute.fill_null(pa.compute.equal(array, value), fill_value=False)).to_numpy(
        zero_copy_only=False
    )
    return mask


def rows_where(mask: Mask) -> Rows:
    """Return the numbers of the rows that a mask holds for."""
    return np.flatnonzero(mask)
