"""``repair``: the smallest change that makes a server start, save and bring everything back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

import bmux_forensics as bf
from bmux_forensics.cli.asking import confirm
from bmux_forensics.cli.endings import Interrupted, caught_by_others, failure
from bmux_forensics.cli.findings import put_changes, put_text
from bmux_forensics.cli.options import (
    ASSUME_NO_SERVER,
    DRY_RUN,
    EXPECT_SHA256,
    JSON,
    LOCK_TIMEOUT,
    QUIET,
    SCHEMA,
    SIZE_LIMIT,
    SNAPSHOT,
    STDIN,
    YES,
)
from bmux_forensics.cli.output import put, put_json, say
from bmux_forensics.cli.passages import tell_passage
from bmux_forensics.cli.working import working
from bmux_forensics.errors import (
    ConfirmationNeededError,
    DeclinedError,
    ForensicsError,
    PartlyDoneError,
    UsageError,
    WriteError,
    path_text,
)


@dataclass(frozen=True)
class _Request:
    """What the command line asks for, whichever file it is."""

    wish: dict[str, Any]
    dry_run: bool
    yes: bool
    way: dict[str, Any]
    silent: bool
    quiet: bool


@dataclass(frozen=True)
class _Result:
    """What became of one file."""

    path: Path
    plan: bf.RepairPlan | None = None
    passage: bf.Passage | None = None
    error: ForensicsError | Interrupted | None = None

    @property
    def applied(self) -> bool | None:
        """None where what ended it may have come before the rename or after it."""
        if isinstance(self.error, Interrupted | PartlyDoneError):
            return None
        return self.passage is not None and self.passage.applied

    @property
    def exit_code(self) -> int:
        """1 when errors are left: without a fix, or with one that must be asked for."""
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
@DRY_RUN
@YES
@JSON
@EXPECT_SHA256
@LOCK_TIMEOUT
@ASSUME_NO_SERVER
@SIZE_LIMIT
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
    assume_no_server: bool,
    size_limit: int,
    quiet: bool,
) -> int:
    """Mend snapshots with the smallest change that makes a server start and save.

    Safe fixes are made unasked; one that gives something up only when its rule is named
    (--rule, --all-fixable). The plan is shown and asked about, unless --yes is given.
    Exit code 1 when errors are left; `audit --explain RULE` says what a rule means.
    """
    if paths and snapshot is not None:
        raise click.UsageError("Give paths, or --snapshot (and not both).")
    files = list(dict.fromkeys(map(Path, paths))) or [snapshot or bf.find_paths().snapshot]
    if expect_sha256 is not None and len(files) > 1:
        raise click.UsageError("--expect-sha256 goes with one file.")
    wish: dict[str, Any] = {"target": target, "rules": rules, "all_fixable": all_fixable}
    wish |= {"expect_sha256": expect_sha256, "size_limit": size_limit or None}
    way = {"lock_timeout": lock_timeout, "assume_no_server": assume_no_server}
    request = _Request(wish, dry_run, yes, way, as_json, quiet)
    results: list[_Result] = []
    for file in files:
        results.append(_one(file, request))
        if isinstance(results[-1].error, Interrupted):
            break
    return _ended(results, request)


def _ended(results: list[_Result], request: _Request) -> int:
    """Tell a program how it went, and return the exit code; a signal goes on its way."""
    if request.silent:
        try:
            put_json(_document(results))
        except WriteError as error:
            raise _untold(results, error) from error
    last = results[-1].error
    if isinstance(last, Interrupted):
        raise last
    return _exit_code(results)


def _exit_code(results: list[_Result]) -> int:
    failed = [result.error for result in results if result.error is not None]
    if failed and isinstance(failed[-1], Interrupted):
        return failed[-1].exit_code
    if failed and len(failed) < len(results):
        return PartlyDoneError.exit_code
    return max(result.exit_code for result in results)


def _untold(results: Iterable[_Result], error: WriteError) -> ForensicsError:
    """Return what to raise when nobody could be told: a file that is mended stays mended."""
    done = [path_text(result.path) for result in results if result.applied]
    if not done:
        return error
    return PartlyDoneError("repair", f"{', '.join(done)} is repaired, but {error}")


def _one(file: Path, request: _Request) -> _Result:
    try:
        result = _mended(file, request)
        try:
            _tell(result, request)
        except WriteError as error:
            raise _untold([result], error) from error
    except ForensicsError as error:
        if (came := caught_by_others()) is not None:  # a signal, not a fault of the file
            return _Result(file, error=came)
        say(f"bmux-forensics: {error}")
        for note in getattr(error, "__notes__", ()):  # what became of earlier changes
            say(note)
        return _Result(file, error=error)
    except Interrupted as interruption:
        return _Result(file, error=interruption)
    return result


def _mended(file: Path, request: _Request) -> _Result:
    if str(file) == STDIN:
        raise UsageError(
            "repair", "standard input", expected="a file", advice="save it as a file first"
        )
    own = None if file == bf.find_paths().snapshot else file
    if request.yes and not request.dry_run:
        with working("repair", quiet=request.quiet):
            outcome = bf.repair(own, **request.wish, **request.way)
        return _Result(file, outcome.plan, outcome.passage)
    with working("repair", quiet=request.quiet):
        plan = bf.preview_repair(own, **request.wish)
        _ = plan.after  # what can't be written back is refused before anybody is asked
    if request.dry_run or plan.changes.empty:
        return _Result(file, plan)
    _ask(file, plan)
    with working("repair", quiet=request.quiet):
        passage = bf.apply_repair(plan, **request.way).passage
    return _Result(file, plan, passage)


def _ask(file: Path, plan: bf.RepairPlan) -> None:
    refusal = ConfirmationNeededError(
        "repair", "nobody to ask at this terminal", expected="--yes", advice="add it to go ahead"
    )
    number = len(plan.changes)
    question = f"Make {'this change' if number == 1 else f'these {number} changes'}"
    question += f" in {path_text(file)}?"
    if not confirm(question, refusal, lambda: _show(plan, err=True)):
        raise DeclinedError("repair", "the answer was no", advice="nothing was changed")


def _tell(result: _Result, request: _Request) -> None:
    """Say what was done, or would be, unless a program is listening."""
    plan, passage = result.plan, result.passage
    if plan is not None and not request.silent:
        if not plan.changes.empty:
            if request.yes or request.dry_run:  # whoever was asked has seen it
                _show(plan)
            put(f"{'repaired' if result.applied else 'would repair'}: {path_text(result.path)}")
        elif plan.remaining.empty:
            put(f"nothing to repair: {path_text(result.path)}")
        else:
            put(f"not repaired: {path_text(result.path)}")
        _show_remaining(plan)
    if passage is None or request.quiet:
        return
    tell_passage(passage)


def _show(plan: bf.RepairPlan, *, err: bool = False) -> None:
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    put_changes(plan.changes, err=err)
    for word, forecast in (("before", plan.before), ("after", plan.forecast)):
        put_text(f"{word}: {bf.forecast_line(records(forecast)[0])}", err=err)


def _show_remaining(plan: bf.RepairPlan) -> None:
    fixes = {rule.id: rule.fix_class for rule in bf.RULES}
    left = plan.remaining["rule"]
    for rule in left.unique().tolist():
        fix = plan.remaining.loc[left == rule, "fix"].iloc[0]
        ask = f" (--rule {rule})" if fixes[rule] == "opt-in" else ""
        put_text(f"not mended: {rule} ({int((left == rule).sum())}): {fix}{ask}")


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
    before = plan.snapshot.sha256 if plan else None
    after = (plan.after or plan.snapshot).sha256 if plan else None
    return {
        "snapshot": path_text(result.path),
        **failure(result.error),
        "exit_code": result.exit_code,
        "applied": result.applied,
        "sha256_before": before,
        "sha256_after": after,
        "backup": path_text(passage.backup) if passage and passage.backup else None,
        "entry": passage.entry if passage else None,
        "plan": records(plan.changes) if plan else [],
        "remaining": records(plan.remaining) if plan else [],
        "restore_before": records(plan.before)[0] if plan else None,
        "restore_after": records(plan.forecast)[0] if plan else None,
    }
