"""``repair``: the smallest change that makes a server start, save and bring everything back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

import bmux_forensics as bf
from bmux_forensics.cli.asking import confirm
from bmux_forensics.cli.audit import forecast_line
from bmux_forensics.cli.endings import failure
from bmux_forensics.cli.options import JSON, LOCK_TIMEOUT, QUIET, SCHEMA, SNAPSHOT, YES
from bmux_forensics.cli.output import put, put_json, put_rows, say
from bmux_forensics.errors import (
    ConfirmationNeededError,
    DeclinedError,
    ForensicsError,
    PartlyDoneError,
    path_text,
)

_SHOWN: Final = ("action", "table", "key", "column", "json_pointer", "cause")


@dataclass(frozen=True)
class _Request:
    """What the command line asks for, whichever file it is."""

    target: str
    rules: tuple[str, ...]
    all_fixable: bool
    dry_run: bool
    yes: bool
    lock_timeout: float
    expect_sha256: str | None
    silent: bool
    quiet: bool

    def wish(self) -> dict[str, Any]:
        """Return what the library is to be asked for."""
        return {
            "target": self.target,
            "rules": self.rules,
            "all_fixable": self.all_fixable,
            "expect_sha256": self.expect_sha256,
        }


@dataclass(frozen=True)
class _Result:
    """What became of one file."""

    path: Path
    plan: bf.RepairPlan | None = None
    passage: bf.Passage | None = None
    error: ForensicsError | None = None

    @property
    def exit_code(self) -> int:
        """1 when errors are left that no repair mends unasked."""
        if self.error is not None:
            return self.error.exit_code
        return 1 if self.plan is not None and not self.plan.remaining.empty else 0


@click.command(name="repair")
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@SNAPSHOT
@click.option("--rule", "rules", multiple=True, metavar="ID", help="Also mend this opt-in rule.")
@click.option("--all-fixable", is_flag=True, help="Mend whatever has a fix.")
@click.option(
    "--target",
    type=click.Choice(["alpha4", "alpha1"]),
    default="alpha4",
    show_default=True,
    help="The bmux server to mend for.",
)
@click.option("-n", "--dry-run", is_flag=True, help="Show the plan and change nothing.")
@YES
@JSON
@click.option("--expect-sha256", metavar="HEX", help="Refuse any other bytes than these.")
@LOCK_TIMEOUT
@QUIET
def command(  # noqa: PLR0913 - one parameter an option
    paths: tuple[str, ...],
    *,
    snapshot: Path | None,
    rules: tuple[str, ...],
    all_fixable: bool,
    target: str,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    expect_sha256: str | None,
    lock_timeout: float,
    quiet: bool,
) -> int:
    """Mend snapshots with the smallest change that makes a server start and save.

    Safe fixes are made unasked; one that gives something up only when its rule is named
    (--rule, --all-fixable). Exit code 1 when errors are left; `audit --explain RULE` says
    what a rule means.
    """
    if paths and snapshot is not None:
        raise click.UsageError("Give paths, or --snapshot (and not both).")
    if expect_sha256 is not None and len(paths) > 1:
        raise click.UsageError("--expect-sha256 goes with one file.")
    request = _Request(
        target, rules, all_fixable, dry_run, yes, lock_timeout, expect_sha256, as_json, quiet
    )
    files = [Path(path) for path in paths] or [snapshot or bf.find_paths().snapshot]
    results = [_one(file, request) for file in files]
    if as_json:
        put_json(_document(results))
    return _exit_code(results)


def _exit_code(results: list[_Result]) -> int:
    codes = {result.exit_code for result in results}
    if len(results) > 1 and any(r.error for r in results) and not all(r.error for r in results):
        return PartlyDoneError.exit_code
    return max(codes)


def _one(file: Path, request: _Request) -> _Result:
    try:
        return _mended(file, request)
    except ForensicsError as error:
        say(f"bmux-forensics: {error}")
        return _Result(file, error=error)


def _mended(file: Path, request: _Request) -> _Result:
    own = None if file == bf.find_paths().snapshot else file
    if request.yes and not request.dry_run:
        outcome = bf.repair(own, lock_timeout=request.lock_timeout, **request.wish())
        return _told(file, outcome.plan, outcome.passage, request)
    plan = bf.preview_repair(own, **request.wish())
    _ = plan.after  # what can't be written back is refused before anybody is asked
    if request.dry_run or plan.changes.empty:
        return _told(file, plan, None, request)
    _ask(file, plan)
    passage = bf.apply_repair(plan, lock_timeout=request.lock_timeout).passage
    return _told(file, plan, passage, request)


def _told(
    file: Path, plan: bf.RepairPlan, passage: bf.Passage | None, request: _Request
) -> _Result:
    """Say what was done, or would be, unless a program is listening."""
    applied = passage is not None and passage.applied
    if not request.silent:
        if not plan.changes.empty:
            _show(plan)
        elif plan.remaining.empty:
            put(f"nothing to repair: {path_text(file)}")
        _show_remaining(plan)
        if applied:
            put(f"repaired: {path_text(file)}")
    if passage is not None and passage.backup is not None and not request.quiet:
        say(f"the old bytes are kept in {path_text(passage.backup)}")
    return _Result(file, plan, passage)


def _ask(file: Path, plan: bf.RepairPlan) -> None:
    refusal = ConfirmationNeededError(
        "repair", "nobody to ask at this terminal", expected="--yes", advice="add it to go ahead"
    )
    question = f"Make these {len(plan.changes)} changes in {path_text(file)}?"
    if not confirm(question, refusal, lambda: _show(plan, err=True)):
        raise DeclinedError("repair", "the answer was no", advice="nothing was changed")


def _show(plan: bf.RepairPlan, *, err: bool = False) -> None:
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    rows = [[row[name] for name in _SHOWN] for row in records(plan.changes)]
    put_rows(_SHOWN, rows, title="What the repair changes", err=err)
    tell = say if err else put
    tell(f"before: {forecast_line(records(plan.before)[0])}")
    tell(f"after:  {forecast_line(records(plan.forecast)[0])}")


def _show_remaining(plan: bf.RepairPlan) -> None:
    left = plan.remaining
    for rule in left["rule"].unique().tolist():
        count = int((left["rule"] == rule).sum())
        put(f"not mended: {rule} ({count}): {left.loc[left['rule'] == rule, 'fix'].iloc[0]}")


def _document(results: list[_Result]) -> dict[str, Any]:
    failed = next((result.error for result in results if result.error), None)
    return {
        "schema": SCHEMA,
        **failure(failed),
        "exit_code": _exit_code(results),
        "snapshots": [_snapshot(result) for result in results],
    }


def _snapshot(result: _Result) -> dict[str, Any]:
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    plan, passage = result.plan, result.passage
    changed = plan.after if plan is not None else None
    before = plan.snapshot.sha256 if plan else None
    return {
        "snapshot": path_text(result.path),
        **failure(result.error),
        "exit_code": result.exit_code,
        "applied": passage.applied if passage else False,
        "sha256_before": before,
        "sha256_after": changed.sha256 if changed else before,
        "backup": path_text(passage.backup) if passage and passage.backup else None,
        "plan": records(plan.changes) if plan else [],
        "remaining": records(plan.remaining) if plan else [],
        "restore": records(plan.forecast) if plan else [],
    }
