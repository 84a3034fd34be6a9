"""What `kill` says about processes: before, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import bmux_forensics as bf
from bmux_forensics.cli.endings import REFUSALS, failure
from bmux_forensics.cli.options import SCHEMA
from bmux_forensics.cli.output import put, put_json, put_rows, say
from bmux_forensics.errors import PartlyDoneError, path_text

_SHOWN: Final = ("pgid", "role", "verdict", "signals", "members", "member_commands", "reason")
_PLANNED: Final = ("session_id", "pane_id", "sid", *_SHOWN)
_OUTCOME: Final = ("pgid", "role", "verdict", "outcome", "detail")
_GONE: Final = ("ended", "killed")


def planned(plan: bf.KillPlan | None) -> list[dict[str, Any]]:
    """Return what will happen to each process group, and on what evidence."""
    if plan is None or plan.ending is None or plan.ending.empty:
        return []
    from bmux_forensics.cli.frames import records  # noqa: PLC0415 - pandas: not for --help

    rows = records(plan.ending[list(_PLANNED)])
    proofs = {} if plan.scene is None else _proofs(plan.scene)
    for row in rows:
        if row["role"] == "recorded" and row["signals"]:
            row["reason"] = proofs.get(row["pgid"], row["reason"])
    return rows


def _proofs(scene: bf.ProcessScene) -> dict[int, str]:
    """Return what proves each number: a plan says only that it is proven."""
    known = scene.verdicts.dropna(subset=["pgid"])
    return dict(zip(known["pgid"].tolist(), known["reason"].tolist(), strict=True))


def show_ending(plan: bf.KillPlan, *, err: bool) -> None:
    """Show what will happen to each process group, and on what evidence."""
    rows = [[row[name] for name in _SHOWN] for row in planned(plan)]
    if rows:
        put_rows(_SHOWN, rows, title="What happens to processes", err=err)


def survival(outcome: bf.KillOutcome | None) -> PartlyDoneError | None:
    """Return what is to be said when processes outlived what was done to end them."""
    groups = outcome.passage.processes if outcome is not None else ()
    left = [group for group in groups if not group["ok"]]
    if not left:
        return None
    numbers = ", ".join(str(group["pgid"]) for group in left)
    skipped = any(group["outcome"] == "skipped" for group in left)
    advice = f"{'once no server runs, ' if skipped else ''}kill --resume ends what is proven"
    return PartlyDoneError(
        "kill", f"the sessions are gone, but process groups are left: {numbers}", advice=advice
    )


def tell_processes(plan: bf.KillPlan | None, outcome: bf.KillOutcome) -> None:
    """Say on standard error what became of each group."""
    looked = plan is not None and plan.ending is not None
    for group in groups_of(plan, outcome):
        if not looked:
            say(f"process group {group['pgid']} was not looked at: no process was to be ended")
        elif group["outcome"] in _GONE:
            say(f"process group {group['pgid']}: {group['outcome']}")
        elif group["verdict"] != "gone":
            what = f"{group['verdict']}, {group['outcome']}"
            say(f"process group {group['pgid']} was left running: {what}")
    for group in other_groups(outcome):
        say(_told(group))


def _told(group: Mapping[str, Any]) -> str:
    line = f"process group {group['pgid']} ({group['role']}): {group['outcome']}"
    return line if group["outcome"] in _GONE else f"{line}; {group['detail']}"


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
    return [{n: g[n] for n in _OUTCOME} for g in groups if g["role"] != "recorded"]


def resume_kills(
    path: Path | None, reach: bf.Reach, *, dry_run: bool, assume_no_server: bool, as_json: bool
) -> int:
    """Finish kills that were cut short, and say what became of their processes."""
    try:
        found = bf.resume(path, reach=reach, dry_run=dry_run, assume_no_server=assume_no_server)
    except REFUSALS as error:
        if as_json:
            put_json({"schema": SCHEMA, **failure(error), "resumed": []})
        raise
    left = [r for r in found if r.problem or not (dry_run or all(g["ok"] for g in r.groups))]
    code = PartlyDoneError.exit_code if left else 0
    if as_json:
        rows = [_resumed(r) for r in found]
        put_json({"schema": SCHEMA, **failure(None), "exit_code": code, "resumed": rows})
        return code
    if not found:
        put("nothing to resume")
    for r in found:
        put(f"{'would resume' if dry_run else 'resumed'}: {r.id}")
        for line in (*r.notes, *([f"bmux-forensics: {r.problem}"] if r.problem else [])):
            say(line)
        for group in r.groups:
            put(_told(group))
    return code


def _resumed(r: bf.Resumed) -> dict[str, Any]:
    problem = failure(r.problem)["error"]
    groups = [{name: group[name] for name in _OUTCOME} for group in r.groups]
    notes = list(r.notes)
    return {
        "id": r.id, "file": path_text(r.file), "groups": groups, "notes": notes, "error": problem,
    }  # fmt: skip
