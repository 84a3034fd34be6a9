"""``backups``: the old bytes that are kept, and the removal of those nobody needs."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

import bmux_forensics as bf
from bmux_forensics.cli.asking import confirm
from bmux_forensics.cli.endings import REFUSALS, failure
from bmux_forensics.cli.history import local_time
from bmux_forensics.cli.options import JSON, LOCK_TIMEOUT, SCHEMA, SNAPSHOT, YES
from bmux_forensics.cli.output import put, put_json, put_rows
from bmux_forensics.errors import ConfirmationNeededError, DeclinedError, UsageError

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = ("file", "taken", "used", "size", "changes", "needed", "path")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST: Final = 1_000_000  # of any unit; a date that long ago can still be told


def _age(ctx: click.Context, param: click.Parameter, value: str | None) -> dt.timedelta | None:
    del ctx, param
    if value is None:
        return None
    found = re.fullmatch(r"([0-9]{1,7})([mhdw])", value)
    if found is None or int(found[1]) > _LONGEST:
        raise click.BadParameter("write a number and m, h, d or w, as 30d")
    try:
        age = dt.timedelta(**{_UNITS[found[2]]: int(found[1])})
        _ = dt.datetime.now(dt.UTC) - age
    except OverflowError:
        raise click.BadParameter("that is before any calendar") from None
    return age


@dataclass(frozen=True)
class _Request:
    """What the command line asks for."""

    path: Path | None
    prune: bool
    keep: int | None
    older_than: dt.timedelta | None
    lock_timeout: float

    def carry_out(self, *, dry_run: bool) -> pd.DataFrame:
        return bf.prune_backups(
            keep=self.keep,
            older_than=self.older_than,
            path=self.path,
            dry_run=dry_run,
            lock_timeout=self.lock_timeout,
        )


@click.command(name="backups")
@SNAPSHOT
@click.option("--prune", is_flag=True, help="Remove old ones, as --keep and --older-than say.")
@click.option("--keep", type=click.IntRange(min=1), metavar="N", help="Keep the N newest of each.")
@click.option(
    "--older-than", callback=_age, metavar="AGE", help="Remove only older ones: 12h, 30d, 8w."
)
@click.option("-n", "--dry-run", is_flag=True, help="Show what would go and change nothing.")
@YES
@JSON
@LOCK_TIMEOUT
def command(  # noqa: PLR0913 - one parameter an option
    *,
    snapshot: Path | None,
    prune: bool,
    keep: int | None,
    older_than: dt.timedelta | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    lock_timeout: float,
) -> int:
    """List the backups of every snapshot, or of one (--snapshot), or remove old ones.

    With --keep and --older-than both have to agree. The newest backup of a snapshot
    stays, and so does what undoing its newest change needs.
    """
    if prune == (keep is None and older_than is None):
        found = "--prune alone" if prune else "--keep or --older-than without --prune"
        raise UsageError("backups", found, expected="--prune with --keep or --older-than")
    request = _Request(snapshot, prune, keep, older_than, lock_timeout)
    try:
        rows, pruned = _carry_out(request, dry_run=dry_run, yes=yes)
    except REFUSALS as error:
        if as_json:
            put_json({"schema": SCHEMA, **failure(error), "backups": [], "pruned": False})
        raise
    if as_json:
        listed = [{**row, "changes": (row["changes"] or "").split()} for row in rows]
        put_json({"schema": SCHEMA, **failure(None), "backups": listed, "pruned": pruned})
    elif prune:
        _tell(rows, pruned=pruned)
    else:
        _put(rows)
    return 0


def _carry_out(request: _Request, *, dry_run: bool, yes: bool) -> tuple[list[dict[str, Any]], bool]:
    """Return the backups as rows, and whether those that are marked are gone."""
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    if not request.prune:
        return records(bf.backups(request.path)), False
    rows = records(request.carry_out(dry_run=True))
    count = sum(row["prune"] for row in rows)
    if dry_run or not count:
        return rows, False
    if not yes:
        _ask(count)
    return records(request.carry_out(dry_run=False)), True


def _ask(count: int) -> None:
    refusal = ConfirmationNeededError(
        "backups", "nobody to ask at this terminal", expected="--yes", advice="add it to go ahead"
    )
    if not confirm(f"Remove {count} backup(s) for ever?", refusal):
        raise DeclinedError("backups", "the answer was no", advice="nothing was removed")


def _tell(rows: list[dict[str, Any]], *, pruned: bool) -> None:
    gone = [row["path"] for row in rows if row["prune"]]
    for path in gone:
        put(f"{'removed' if pruned else 'would remove'}: {path}")
    if not gone:
        put("nothing to remove")


def _put(rows: list[dict[str, Any]]) -> None:
    if not rows:
        put("no backups")
        return
    for row in rows:
        row |= {name: local_time(row[name]) for name in ("taken", "used")}
    put_rows(_SHOWN, [[row[name] for name in _SHOWN] for row in rows], title="Backups")
