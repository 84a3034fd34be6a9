"""One snapshot after another: what is there in two that follow each other, and what is not.

Every snapshot has a number, ``at``; those of a host follow each other without a gap, so
"the one before" is one less. A thing's rows, sorted by ``at`` and shifted by one, say when
it begins, when it stays and when it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from bmux_forensics.tables.cells import TEXT_DTYPE

AT: Final = "at"
"""The column with a snapshot's number."""

_NO_HOST: Final = ""


@dataclass(frozen=True)
class Steps:
    """The snapshots of all histories, numbered: by host, then by moment, then as found.

    Parameters
    ----------
    moments : DataFrame
        ``snapshot``, ``host`` str, ``captured_at``; the index is the number.
    last : array of int64
        For each snapshot the number of the last one of its host.
    renumbered : tuple of arrays
        For each batch the number of each of its moments.
    """

    moments: pd.DataFrame
    last: npt.NDArray[np.int64]
    renumbered: tuple[npt.NDArray[np.int64], ...]

    @classmethod
    def of(cls, moments: Sequence[pd.DataFrame], hosts: pd.DataFrame) -> Self:
        """Return the moments of some batches in order, given the host of each path."""
        empty = pd.DataFrame(
            {
                "snapshot": pd.Series(dtype=TEXT_DTYPE),
                "captured_at": pd.Series(dtype="datetime64[us, UTC]"),
            }
        )
        whole = pd.concat([empty, *moments], ignore_index=True)
        whole = whole.merge(
            hosts[["path", "host"]].rename(columns={"path": "snapshot"}), on="snapshot", how="left"
        )
        key = whole["host"].fillna(_NO_HOST).rank(method="dense").to_numpy()
        time = whole["captured_at"].rank(method="dense", na_option="bottom").to_numpy()
        order = np.lexsort([time, key])  # stable: as found among equal moments
        number = np.empty(len(order), dtype=np.int64)
        number[order] = np.arange(len(order))
        ordered_key = key[order]
        last = np.searchsorted(ordered_key, ordered_key, side="right") - 1
        cuts = np.cumsum([len(frame) for frame in moments])[:-1]
        return cls(
            whole.iloc[order].reset_index(drop=True),
            last.astype(np.int64),
            tuple(np.split(number, cuts)) if moments else (),
        )

    def placed(self, frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
        """Put the rows of all batches together, numbered anew, with their ``host``."""
        parts = [
            frame.assign(**{AT: number[frame[AT].to_numpy()]})
            for number, frame in zip(self.renumbered, frames, strict=True)
        ]
        frame = pd.concat(parts, ignore_index=True)
        hosts = self.moments["host"].fillna(_NO_HOST).to_numpy()
        return frame.assign(host=pd.Series(hosts[frame[AT].to_numpy()], dtype=TEXT_DTYPE))

    def step(self, rows: pd.DataFrame, key: list[str]) -> Step:
        """Return the rows of some things, each beside its own row of the snapshot before."""
        by = ["host", *key]
        rows = rows.sort_values([*by, AT], kind="stable", ignore_index=True)
        group = rows.groupby(by, sort=False, dropna=False)
        return Step(rows, group.shift(1), group[AT].shift(-1), self.last[rows[AT].to_numpy()])

    def previous(self) -> npt.NDArray[Any]:
        """Return the name of the snapshot before each; None for the first of a host."""
        names = self.moments["snapshot"].to_numpy(dtype=object)
        before = np.concatenate([[None], names[:-1]]) if len(names) else names
        first = np.concatenate([[-1], self.last[:-1]]) if len(names) else self.last
        # The first of a host comes right after the last one of another.
        before[first < np.arange(len(names))] = None
        return before

    @staticmethod
    def missing(rows: pd.DataFrame, present: pd.DataFrame, key: list[str]) -> pd.DataFrame:
        """Return the rows whose thing is not among those present at that moment."""
        on = [AT, "host", *key]
        joined = rows.merge(present[on].drop_duplicates(), on=on, how="left", indicator=True)
        return joined[joined["_merge"] == "left_only"].drop(columns="_merge")


@dataclass(frozen=True)
class Step:
    """The rows of some things, sorted by thing and number, each with its neighbours in time.

    Parameters
    ----------
    rows : DataFrame
        The rows.
    shifted : DataFrame
        For each row the row before of the same thing.
    next_at : Series
        For each row the number of the next one of the same thing.
    last : array of int64
        For each row the last number of its host.
    """

    rows: pd.DataFrame
    shifted: pd.DataFrame
    next_at: pd.Series[Any]
    last: npt.NDArray[np.int64]

    @property
    def first(self) -> pd.Series[bool]:
        """Which rows are the first ever of their thing."""
        return self.shifted[AT].isna()

    @property
    def stays(self) -> pd.Series[bool]:
        """Which rows have one of the same thing in the snapshot before."""
        return self.shifted[AT] == self.rows[AT] - 1

    @property
    def begins(self) -> pd.Series[bool]:
        """Which rows have none of the same thing in the snapshot before."""
        return ~self.stays

    def before(self, column: str) -> pd.Series[Any]:
        """Return a column as it was in the row before."""
        return self.shifted[column]

    def same(self, column: str) -> pd.Series[bool]:
        """Tell which rows have the value of the row before; nothing is the same as nothing."""
        now, then = self.rows[column], self.shifted[column]
        return (now == then).fillna(value=False) | (now.isna() & then.isna())

    def ended(self) -> pd.DataFrame:
        """Return the last row of each thing that ends, at the snapshot that lacks it."""
        ends = (self.next_at != self.rows[AT] + 1) & (self.rows[AT] < self.last)
        ended = self.rows[ends]
        return ended.assign(**{AT: ended[AT] + 1})
