"""What the fuzzer calls: a function of bytes for each place where evidence comes in.

A target may raise `ForensicsError` and nothing else. What must hold of its result is
asserted here too, so that a wrong answer is found as a crash is. None of them may change
a file, start a process or open a connection; `guard` sees to that.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

import orjson
import pandas as pd

import bmux_forensics as bf
from bmux_forensics.archive.moments import host_in, host_pattern, moment_in
from bmux_forensics.cli.frames import records
from bmux_forensics.cli.output import put, put_rows, safe_json
from bmux_forensics.errors import ForensicsError, printable
from bmux_forensics.snapshot.document import Snapshot, read_snapshot
from bmux_forensics.snapshot.sections import SECTIONS
from bmux_forensics.store import backup_listing, journal_lines, leftovers, marker
from bmux_forensics.tables.texts import csv_text
from tests.worlds import SESSIONS, Part, World, part, session

BETWEEN: Final = b"\x1e"
"""Stands between the sections of an input; no JSON text has it."""
_UNKNOWN: Final = len(SECTIONS)
_KINDS: Final = len(SECTIONS) + 1
_VERSIONS: Final = 5
_COUNTED: Final = 7
_ACTS: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)
"""What a terminal would act on, or a reader not see; tabs and line feeds are ours."""


def input_of(parts: Iterator[Part]) -> bytes:
    """Spell sections as an input of `snapshot_of`."""
    names = [spec.id for spec in SECTIONS]
    return BETWEEN.join(
        bytes([names.index(p.id) if p.id in names else _UNKNOWN, p.version % _VERSIONS]) + p.bytes
        for p in parts
    )


def snapshot_of(data: bytes) -> Snapshot:
    """Return a sound envelope around the sections that an input spells."""
    parts = []
    for piece in data.split(BETWEEN):
        kind, version = (piece[0] % _KINDS, piece[1] % _VERSIONS) if len(piece) > 1 else (0, 1)
        identity = SECTIONS[kind].id if kind < _UNKNOWN else "com.example/unknown"
        parts.append(Part(identity, version, piece[2:]))
    return read_snapshot(World(tuple(parts), compact=True).raw, "fuzz.json")


@contextmanager
def may_refuse() -> Iterator[None]:
    """Let a refusal pass that is one clear line with a documented exit code."""
    try:
        yield
    except ForensicsError as error:
        _is_clear(error)


def _is_clear(error: ForensicsError) -> None:
    assert str(error).isprintable(), str(error)
    assert error.kind != "proof-failed", error
    assert 0 < error.exit_code < _COUNTED


def envelope(data: bytes) -> None:
    """Read any bytes as a snapshot."""
    snapshot = read_snapshot(data, "fuzz.json")
    summary = bf.summarize(snapshot)
    assert len(summary.sections) == len(snapshot.readings)
    _tells(snapshot)


def payloads(data: bytes) -> None:
    """Read any bytes as the payload of any section."""
    snapshot = snapshot_of(data)
    bf.summarize(snapshot)
    for reading in snapshot.readings:
        if reading.spec is not None and reading.problem is None:
            reading.model()
    _tells(snapshot)


def _tells(snapshot: Snapshot) -> None:
    for problem in snapshot.problems:
        line = str(problem)
        assert line.isprintable(), line
        assert "\n" not in line


def selectors(data: bytes) -> None:
    """Take any text for a selector, among sessions that have it for a name too."""
    text = data.decode("utf-8", "surrogateescape")
    name = text if text.isprintable() else None
    rows = [session(SESSIONS[0], "ops"), session(SESSIONS[1], name), session(SESSIONS[2])]
    plan = bf.plan_of_kill(World((part("sessions", rows),)).snapshot("fuzz.json"), [text])
    assert len(set(plan.session_ids)) == 1
    assert set(plan.session_ids) <= set(SESSIONS)


def tables(data: bytes) -> None:
    """Build every table, and show it in every form."""
    built = bf.Tables([snapshot_of(data)])
    for name in built:
        frame = built[name]
        rows = records(frame)
        assert len(rows) == len(frame)
        orjson.loads(safe_json(rows))


def audit(data: bytes) -> None:
    """Find what is wrong, foretell what servers make of it, say how each session is."""
    built = bf.Tables([snapshot_of(data)])
    found = bf.audit(built, target="all")
    assert set(found["rule"]) <= {rule.id for rule in bf.RULES}
    assert len(bf.forecast(built, target="all")) == 2
    bf.session_status(built)


def repair(data: bytes) -> None:
    """Plan every mend, for both servers, and carry it out in memory."""
    snapshot = snapshot_of(data)
    for target in ("alpha4", "alpha1"):
        with may_refuse():
            plan = bf.plan_of_repair(snapshot, target=target, all_fixable=True)
            assert (plan.after is None) == plan.changes.empty
            back = [len(f["sessions_restored"].iloc[0]) for f in (plan.before, plan.forecast)]
            assert back[0] <= back[1], "a repair brings less back"


def salvage(data: bytes) -> None:
    """Carve what is whole out of any bytes, and out of any payloads."""
    for snapshot in (read_snapshot(data, "fuzz.json"), snapshot_of(data)):
        with may_refuse():
            kept = bf.preview_salvage(snapshot)
            assert read_snapshot(kept.raw, "new.json").problems == ()


def plans(data: bytes) -> None:
    """Plan the kill of every session, and carry it out in memory."""
    snapshot = snapshot_of(data)
    for scrub in (False, True):
        with may_refuse():
            plan = bf.plan_of_kill(snapshot, all_sessions=True, scrub=scrub)
            left = read_snapshot(plan.after.raw, "after.json")
            left.require_envelope()
            assert bf.plan_of_kill(left, all_sessions=True).session_ids == ()


def outputs(data: bytes) -> None:
    """Write any text as rows for a terminal, a pipe, a spreadsheet and a program."""
    cells = [data[start : start + 40].decode("utf-8", "replace") for start in range(0, 200, 40)]
    columns = [f"c{number}" for number in range(len(cells))]
    sheet = csv_text(columns, [cells, cells])
    rows = list(csv.reader(io.StringIO(sheet, newline="")))
    assert [len(row) for row in rows[1:]] == [len(cells)] * 2
    assert not any(_is_formula(cell) for row in rows[1:] for cell in row)
    text = safe_json({"cells": cells})
    assert json.loads(text) == {"cells": cells}
    with redirect_stdout(io.StringIO()) as shown:
        put_rows(columns, [cells], title=printable(cells[0]))
        put(cells[0])
    lines = shown.getvalue().splitlines()
    assert [line.count("\t") for line in lines] == [len(cells) - 1] * 2 + [0]
    for written in (sheet, text, shown.getvalue()):
        assert _ACTS.search(written) is None


def pages(data: bytes) -> None:
    """Show any text in a page: it says what the text says, and has no tag that others lack."""
    cells = [data[start : start + 80].decode("utf-8", "replace") for start in range(0, 400, 80)]
    page = _page(cells)
    assert _shape(page) <= _usual_shape()
    assert _ACTS.search(page) is None


def _page(cells: list[str]) -> str:
    # Columns whose cells are shown in a way of their own, and one of any text.
    frame = pd.DataFrame(dict.fromkeys(("path", "session_id", "name"), cells), dtype="str")
    return bf.show_table(frame, now=datetime(2026, 1, 1, tzinfo=UTC))._repr_html_()


class _Tags(HTMLParser):
    """Gathers what a page is made of: each tag with the names of its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[tuple[str, ...]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add((tag, *(name for name, _ in attrs)))


def _shape(page: str) -> set[tuple[str, ...]]:
    tags = _Tags()
    tags.feed(page)
    return tags.found


@lru_cache(maxsize=1)
def _usual_shape() -> set[tuple[str, ...]]:
    return _shape(_page(["", "a", "/a/b", "a" * 80, SESSIONS[0], "/" + "a" * 80]))


def _is_formula(cell: str) -> bool:
    return cell.lstrip()[:1] in ("=", "+", "-", "@") and cell[:1] != "'"


def journal(data: bytes) -> None:
    """Read any bytes as a journal: each byte is in an entry or in a flaw."""
    entries, flaws = journal_lines.read(data)
    for entry in entries:
        assert journal_lines.parse(data[entry.offset : entry.offset + entry.size].rstrip(b"\n"))
    if data and not entries:
        assert flaws
    chain = b""
    facts: dict[str, Any] = {"number": 1, "id": "a", "kind": "x", "when": "", "format": 1}
    facts["prev"] = journal_lines.NOTHING_BEFORE
    facts["text"] = data.decode("utf-8", "surrogateescape")
    chain = journal_lines.render(facts)
    found, wrong = journal_lines.read(chain + data)
    assert found[0].facts["text"] == facts["text"]
    assert len(found) > 1 or bool(wrong) == bool(data)


def names(data: bytes) -> None:
    """Read any text as a name of a file: when it was captured, whose leftover or backup it is."""
    name = data.decode("utf-8", "surrogateescape").replace("/", "").replace("\0", "")
    moment = moment_in(name, UTC)
    assert moment is None or isinstance(moment, datetime)
    with may_refuse():
        host_in(name, host_pattern(name))
    leftovers.parse(name)
    backup_listing.parse_name(name, Path("/nowhere"), Path("snap.json"))


def markers(data: bytes) -> None:
    """Read any bytes as a lock's marker."""
    seen = marker.read(data)
    assert seen.kind in ("ours", "bare", "empty", "strange")
    if seen.kind == "ours" and seen.holder is not None:
        assert marker.read(marker.render(seen.holder, "t")).holder == seen.holder


Target = Callable[[bytes], None]
TARGETS: Final[dict[str, Target]] = {
    target.__name__: target
    for target in (
        envelope,
        payloads,
        selectors,
        tables,
        audit,
        repair,
        salvage,
        plans,
        outputs,
        pages,
        journal,
        names,
        markers,
    )
}


WEIGHTS: Final = {"tables": 16, "audit": 16, "repair": 32, "plans": 4, "selectors": 4, "salvage": 2}
"""How many inputs of the others a target's one costs, about; 1 where it is not named."""


def attempt(target: Target, data: bytes) -> None:
    """Run a target; what it may raise is no failure."""
    with may_refuse():
        target(data)
