"""``info``: what a snapshot is, what is in it, what is wrong with it. Needs no tables."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

import bmux_forensics as bf
from bmux_forensics.cli.archives import no_snapshots
from bmux_forensics.cli.endings import failure
from bmux_forensics.cli.options import JSON, PATHS, SCHEMA, SIZE_LIMIT
from bmux_forensics.cli.output import put, put_json, put_rows, say
from bmux_forensics.errors import EvidenceError, ForensicsError, several


@click.command(name="info")
@PATHS
@JSON
@SIZE_LIMIT
def command(paths: tuple[str, ...], *, as_json: bool, size_limit: int) -> int:
    """Say what each snapshot is, what is in it and what is wrong with it.

    PATHs are snapshots, folders of them, globs and URLs, compressed or not. A damaged file
    is shown as far as it can be read; then the exit code is 3.
    """
    documents: list[dict[str, Any]] = []
    shown = 0
    problems: list[ForensicsError] = []  # all of them: the first is the verb's own
    inside: list[EvidenceError] = []
    for found in bf.open_each(*paths, size_limit=size_limit or None):
        if isinstance(found, ForensicsError):
            say(f"bmux-forensics: {found}")
            problems.append(found)
            continue
        problems.extend(found.problems)
        inside.extend(found.problems)
        summary = bf.summarize(found)
        if as_json:
            documents.append(_document(found, summary))
        else:
            if shown:
                put()
            _put(found, summary)
        shown += 1
    if not shown and not problems:
        problems.append(no_snapshots())
        say(f"bmux-forensics: {problems[0]}")
    _tell_unseen(inside)
    first = problems[0] if problems else None
    if as_json:
        put_json({"schema": SCHEMA, **failure(first), "snapshots": documents})
    return first.exit_code if first else 0


def _tell_unseen(problems: list[EvidenceError]) -> None:
    """Say that there are problems where the person does not see the output itself."""
    if problems and not sys.stdout.isatty():
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        say(f"bmux-forensics: {problems[0]}{more}")


def _document(snapshot: bf.Snapshot, summary: bf.Summary) -> dict[str, Any]:
    saved = snapshot.saved_at
    sessions = [{"id": i, "name": name or None} for i, name in summary.sessions]
    return {
        **asdict(summary),
        "sessions": sessions,
        "saved_at": saved.isoformat().replace("+00:00", "Z") if saved else None,
    }


def _put(snapshot: bf.Snapshot, summary: bf.Summary) -> None:
    put(f"snapshot  {summary.name}")
    put(f"size      {summary.size} bytes")
    put(f"sha256    {summary.sha256}")
    if snapshot.saved_at is not None:
        put(f"saved     {_moment(snapshot.saved_at)}")
    if summary.version is not None:
        good = summary.checksum == summary.computed_checksum
        verdict = "fits the sections" if good else "does NOT fit the sections"
        put(f"envelope  version {summary.version}, checksum {verdict}")
        columns = ("section", "version", "bytes", "entries", "state")
        put()
        put_rows(columns, [_section_row(section) for section in summary.sections])
    if summary.sessions:
        put()
        put_rows(("session", "name"), summary.sessions)
    if summary.problems:
        put()
    for problem in summary.problems:
        put(f"problem: {problem}")
    if summary.problems:
        _put_salvageable(snapshot)


def _put_salvageable(snapshot: bf.Snapshot) -> None:
    """Say of a damaged file what `salvage` would still get out of it."""
    put()
    try:
        kept = bf.preview_salvage(snapshot).kept
    except EvidenceError:
        put("salvage: nothing in it is whole")
        return
    for section in kept:
        put(f"salvage: {section.section_id}: {_amount(section)}")


def _amount(section: Any) -> str:
    if section.rows is None:
        return several(section.size, "byte")
    return several(section.rows, "row" if section.whole else "complete row")


def _section_row(section: Any) -> tuple[object, ...]:
    state = "damaged" if section.problem else "ok"
    return (section.id, section.version, section.size, section.entries, state)


def _moment(moment: datetime) -> str:
    age = datetime.now(UTC) - moment
    local = moment.astimezone().isoformat(sep=" ", timespec="seconds")
    return f"{local} ({age.days} days ago)" if age.days > 0 else local
