"""What `kill` says about processes: before, and what became of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import bmux_forensics as bf
from bmux_forensics.cli.endings import failure
from bmux_forensics.cli.options import SCHEMA
from bmux_forensics.cli.output import put, put_json, put_rows, say
from bmux_forensics.errors import PartlyDoneError

_SHOWN: Final = ("pgid", "role", "verdict", "signals", "members", "member_commands", "reason")
_GONE: Final = ("ended", "killed")


def show_ending(plan: bf.KillPlan, *, err: bool) -> None:
    """Show what will happen to each process group, and on what evidence."""
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    if plan.ending is not None and not plan.ending.empty:
        rows = [[row[name] for name in _SHOWN] for row in records(plan.ending[list(_SHOWN)])]
        put_rows(_SHOWN, rows, title="What happens to processes", err=err)


def survived(outcome: bf.KillOutcome | None) -> bool:
    """Tell whether a process outlived what was done to end it."""
    return outcome is not None and any(not group["ok"] for group in outcome.passage.processes)


def tell_processes(plan: bf.KillPlan | None, outcome: bf.KillOutcome) -> None:
    """Say on standard error what became of each group."""
    for group in groups_of(plan, outcome):
        if group["outcome"] in _GONE:
            say(f"process group {group['pgid']}: {group['outcome']}")
        elif group["verdict"] != "gone":
            what = f"{group['verdict']}, {group['outcome']}"
            say(f"process group {group['pgid']} was left running: {what}")
    for group in other_groups(outcome):
        say(f"process group {group['pgid']} ({group['role']}): {group['outcome']}")


def groups_of(plan: bf.KillPlan | None, outcome: bf.KillOutcome | None) -> list[dict[str, Any]]:
    """Return each recorded group of the removed sessions once, with verdict and outcome."""
    if plan is None:
        return []
    verdicts: dict[int, str] = {}
    if plan.ending is not None:
        recorded = plan.ending[plan.ending["role"] == "recorded"].dropna(subset=["pgid"])
        pairs = zip(recorded["pgid"].tolist(), recorded["verdict"].tolist(), strict=True)
        verdicts = dict(pairs)
    done = _outcomes(outcome)
    numbers = dict.fromkeys(plan.process_groups["pgid"].tolist())
    return [
        {
            "pgid": pgid,
            "verdict": verdicts.get(pgid, "unknown"),
            "outcome": done.get(pgid, "skipped"),
        }
        for pgid in numbers
    ]


def _outcomes(outcome: bf.KillOutcome | None) -> dict[int, str]:
    groups = outcome.passage.processes if outcome is not None else ()
    return {g["pgid"]: g["outcome"] for g in groups if g["role"] == "recorded"}


def other_groups(outcome: bf.KillOutcome | None) -> list[dict[str, Any]]:
    """Return what became of the other groups of the panes' sessions, and of strays."""
    groups = outcome.passage.processes if outcome is not None else ()
    names = ("pgid", "role", "verdict", "outcome", "detail")
    return [{n: g[n] for n in names} for g in groups if g["role"] != "recorded"]


def resume_kills(path: Path | None, reach: bf.Reach, *, as_json: bool) -> int:
    """Finish kills that were cut short, and say what became of their processes."""
    finished = bf.resume(path, reach=reach)
    failed = [r for r in finished if r.problem or not all(g["ok"] for g in r.groups)]
    code = PartlyDoneError.exit_code if failed else 0
    if as_json:
        rows = [
            {"id": r.id, "file": str(r.file), "groups": list(r.groups), **failure(r.problem)}
            for r in finished
        ]
        put_json({"schema": SCHEMA, **failure(None), "exit_code": code, "resumed": rows})
        return code
    if not finished:
        put("nothing to resume")
    for r in finished:
        put(f"resumed: {r.id}")
        if r.problem is not None:
            say(f"bmux-forensics: {r.problem}")
        for group in r.groups:
            put(f"process group {group['pgid']}: {group['outcome']}")
    return code
