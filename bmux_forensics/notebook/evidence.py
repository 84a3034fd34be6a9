"""One snapshot, as everything that is shown of it needs it: tables, findings, how sessions are.

Only DataFrames are in here, so that what is to be shared can be redacted in one place,
before anything is drawn or written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import bmux_forensics as bf
from bmux_forensics.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Evidence:
    """What a snapshot says, and what is to be said of it.

    Parameters
    ----------
    name : str
        The snapshot's name: a path.
    tables : mapping of str to DataFrame
        Its tables.
    status : DataFrame
        As `bmux_forensics.session_status`.
    findings : DataFrame
        As `bmux_forensics.audit`.
    """

    name: str
    tables: Mapping[str, pd.DataFrame]
    status: pd.DataFrame
    findings: pd.DataFrame

    @classmethod
    def of(cls, tables: bf.Tables, snapshot: str | None = None) -> Self:
        """Return what one snapshot says.

        Parameters
        ----------
        tables : Tables
            Its tables, or those of several.
        snapshot : str, optional
            Which of them; not needed when there is one.

        Raises
        ------
        UsageError
            There is no such snapshot, or several and none is named.
        """
        chosen = [s for s in tables.snapshots if snapshot is None or s.name == snapshot]
        if len(chosen) != 1:
            found = f"{len(tables.snapshots)} snapshots" if snapshot is None else repr(snapshot)
            raise UsageError("snapshot", found, expected="the name of one of the tables' snapshots")
        one = tables
        if len(tables.snapshots) != 1:
            one = bf.Tables(chosen, show_env=tables.show_env)
        return cls(chosen[0].name, one, bf.session_status(one), bf.audit(one))

    def redacted(self, redaction: bf.Redaction) -> Evidence:
        """Return the same with nothing private in it."""
        return Evidence(
            redaction.snapshot(self.name),
            redaction.tables(self.tables),
            redaction.frame(self.status),
            redaction.frame(self.findings),
        )


def rows(frame: pd.DataFrame, *names: str) -> Iterator[tuple[Any, ...]]:
    """Yield the values of some columns, a row after another, nulls as None."""
    columns = [frame[name].astype(object).where(frame[name].notna(), None) for name in names]
    yield from zip(*columns, strict=True)


def records(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield each row as a dict, nulls as None."""
    names = [str(name) for name in frame.columns]
    for values in rows(frame, *names):
        yield dict(zip(names, values, strict=True))
