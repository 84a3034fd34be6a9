"""Processes of a census as plain rows, for the questions that follow one process to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bmux_forensics.host.identity import ENDED, Identity

if TYPE_CHECKING:
    import pandas as pd


class ProcessRow(NamedTuple):
    """One row of a census; None where the table has a null."""

    pid: int
    ppid: int | None
    pgid: int | None
    sid: int | None
    uid: int | None
    started_at: pd.Timestamp | None
    since_boot: float | None
    status: str
    name: str
    command: str | None
    cwd: str | None
    environ_readable: bool | None
    markers: str
    runtime_name: str | None
    runtime_dir: str | None
    data_dir: str | None

    @property
    def runs(self) -> bool:
        """Whether it does more than wait to be reaped."""
        return self.status not in ENDED

    @property
    def label(self) -> str:
        """Its command, or where that is not known its name."""
        return self.command or self.name

    @property
    def identity(self) -> Identity | None:
        """What makes it this process; None where start or user is not known."""
        if self.started_at is None or self.since_boot is None or self.uid is None:
            return None
        return Identity(self.pid, self.started_at.timestamp(), self.since_boot, self.uid)


def process_rows(table: pd.DataFrame) -> list[ProcessRow]:
    """Return the rows of a census's table, or of a part of it, in their order."""
    columns = []
    for name in ProcessRow._fields:
        column = table[name]
        columns.append(column.astype(object).where(column.notna(), None).tolist())
    return [ProcessRow(*values) for values in zip(*columns, strict=True)]
