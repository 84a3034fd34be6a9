from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmux_forensics.errors import BusyError, FileUnreadableError, WriteError
from bmux_forensics.store import journal_file
from bmux_forensics.store.journal import (
    INTENT,
    OUTCOME,
    append,
    last_entry,
    open_ids,
    read_journal,
)
from bmux_forensics.store.journal_lines import (
    FORMAT,
    NOTHING_BEFORE,
    Flaw,
    parse,
    read,
    render,
    seal,
)

from .conftest import as_nobody, finished, said

if TYPE_CHECKING:
    from .conftest import Start

FIXTURES = Path(__file__).parents[1] / "data" / "journal"


@pytest.fixture
def journal(state: Path) -> Path:
    return state / "journal.jsonl"


def chain(count: int) -> bytes:
    """Make a journal of some entries, without a file."""
    lines, prev = [], NOTHING_BEFORE
    for number in range(1, count + 1):
        facts = {"number": number, "id": f"{number:08x}", "kind": "test", "when": "", "prev": prev}
        lines.append(render({"format": FORMAT, **facts, "open": []}))
        entry = parse(lines[-1][:-1])
        assert entry is not None
        prev = entry.sha256
    return b"".join(lines)


def test_an_entry_says_who_and_when_and_follows_the_one_before(journal: Path) -> None:
    first = append("test", {"what": "a"})
    second = append("test", {"what": "b", "number": 7, "who": "somebody else"})
    assert (first.number, first.prev) == (1, NOTHING_BEFORE)
    assert (second.number, second.prev) == (2, first.sha256)
    assert read_journal().entries == (first, second)
    assert read_journal().flaws == ()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", second.when)
    assert second.facts["who"]["pid"] == os.getpid()
    assert second.facts["who"]["uid"] == os.geteuid()
    assert second.facts["what"] == "b"
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    assert stat.S_IMODE(journal.parent.stat().st_mode) == 0o700


def test_reading_makes_nothing(state: Path) -> None:
    assert read_journal().entries == ()
    assert last_entry() is None
    assert not state.exists()


def test_every_entry_lists_what_is_open() -> None:
    one = append(INTENT, {})
    two = append(INTENT, {})
    assert open_ids(two) == (one.id, two.id)
    assert open_ids(append("test", {})) == (one.id, two.id)
    assert open_ids(append(OUTCOME, {"of": one.id})) == (two.id,)
    assert open_ids(append(OUTCOME, {"of": "never heard of"})) == (two.id,)
    assert open_ids(append(OUTCOME, {"of": two.id})) == ()
    assert open_ids(last_entry()) == ()


def test_paths_that_are_no_text_survive() -> None:
    name = os.fsdecode(b"caf\xe9\n\x1b[31m\xe2\x80\xae")
    append("test", {"file": name})
    (entry,) = read_journal().entries
    assert entry.facts["file"] == name
    assert read_journal().path.read_bytes().isascii()
    assert read_journal().path.read_bytes().count(b"\n") == 1


@given(
    position=st.floats(0, 1, exclude_max=True), change=st.integers(1, 255), count=st.integers(1, 4)
)
def test_a_changed_byte_is_found_wherever_it_is(position: float, change: int, count: int) -> None:
    data = bytearray(chain(count))
    data[int(position * len(data))] ^= change
    _, flaws = read(bytes(data))
    assert [flaw.kind for flaw in flaws if flaw.kind != "torn"]


@given(count=st.integers(2, 6), gone=st.integers(0, 4))
def test_an_entry_taken_out_of_the_middle_is_missed(count: int, gone: int) -> None:
    lines = chain(count).splitlines(keepends=True)
    del lines[min(gone, count - 2)]
    assert [flaw.kind for flaw in read(b"".join(lines))[1]] == ["chain"]


def test_a_line_is_as_it_is_documented() -> None:
    """Compact JSON, the hash of the entry's own bytes in front; what is no JSON is not written."""
    facts = {"format": 1, "number": 1, "id": "a", "kind": "b", "when": "", "prev": NOTHING_BEFORE}
    body = f'{{"format":1,"number":1,"id":"a","kind":"b","when":"","prev":"{"0" * 64}"}}'.encode()
    line = (
        b'{"sha256":"' + hashlib.sha256(body).hexdigest().encode() + b'","entry":' + body + b"}\n"
    )
    assert render(facts) == line
    entry = parse(line[:-1])
    assert entry is not None
    assert (entry.offset, entry.size) == (0, len(line))
    with pytest.raises(ValueError, match="not JSON compliant"):
        render({**facts, "seconds": float("nan")})


def test_a_flaw_says_what_where_and_how_much() -> None:
    one, two, three = chain(3).splitlines(keepends=True)
    first = parse(one[:-1])
    assert first is not None
    skipping = render({**first.facts, "number": 3, "prev": first.sha256})
    at, after = len(one), len(one) + len(two)
    torn = "an append that was cut short after {} bytes".format
    damaged = "{} bytes that are no entry".format
    unknown = {"offset": 0, "size": 0, "sha256": "0" * 64}
    for data, flaws in (
        (b"torn", [Flaw("torn", 1, 0, 4, torn(4))]),
        (one + two[:40], [Flaw("torn", 2, at, 40, torn(40))]),
        (one + two + three[:-2], [Flaw("torn", 3, after, len(three) - 2, torn(len(three) - 2))]),
        (one + b"bad\n", [Flaw("damaged", 2, at, 4, damaged(4))]),
        (b"bad\n", [Flaw("damaged", 1, 0, 4, damaged(4))]),
        (two[:-1] + b" ", [Flaw("damaged", 1, 0, len(two), damaged(len(two)))]),
        (one + b"xx\n" + two, [Flaw("damaged", 2, at, 3, damaged(3))]),
        (one + three, [Flaw("chain", 2, at, 0, "entry 3 does not follow the one before it")]),
        (one + skipping, [Flaw("chain", 2, at, 0, "it calls itself entry 3")]),
        (
            render({**first.facts, "sealed": unknown}),
            [Flaw("damaged", 1, 0, 0, damaged(0))],
        ),
        (
            one
            + b"to\n"
            + render({**first.facts, "number": 2, "prev": first.sha256, "sealed": seal(b"to", at)}),
            [Flaw("torn", 2, at, 2, torn(2))],
        ),
    ):
        assert read(data)[1] == flaws


def test_entries_behind_an_empty_line_are_found() -> None:
    entries, flaws = read(b"\n" + chain(2))
    assert [entry.number for entry in entries] == [1, 2]
    assert [(flaw.kind, flaw.offset, flaw.size) for flaw in flaws] == [("damaged", 0, 1)]


@given(st.binary(max_size=300), st.integers(0, 3))
def test_any_bytes_can_be_read(data: bytes, count: int) -> None:
    entries, flaws = read(chain(count) + data)
    assert len(entries) == count
    assert bool(flaws) == bool(data)


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=8))
def test_an_entry_of_any_shape_can_be_read(value: object) -> None:
    facts = {"format": 1, "number": 1, "id": "a", "kind": "a", "when": "", "prev": NOTHING_BEFORE}
    for name in facts:
        line = render({**facts, name: value})
        entries, _ = read(line)
        assert all(isinstance(open_ids(entry), tuple) for entry in entries)
    assert parse(render({**facts, "deep": None}).replace(b"null", b"[" * 100_000)) is None


def test_an_entry_that_lacks_just_its_newline_is_one(journal: Path) -> None:
    append(INTENT, {})
    journal.write_bytes(journal.read_bytes()[:-1])
    (first,) = read_journal().entries
    assert last_entry() == first
    second = append("test", {})
    assert read_journal().entries == (first, second)
    assert read_journal().flaws == ()


@pytest.mark.parametrize("keep", [1, 40, -2])
def test_an_append_that_was_cut_short_is_sealed(journal: Path, keep: int) -> None:
    first = append("test", {})
    whole = journal.read_bytes()
    append(INTENT, {"lost": True})
    torn = journal.read_bytes()[len(whole) :][:keep]
    journal.write_bytes(whole + torn)
    assert [flaw.kind for flaw in read_journal().flaws] == ["torn"]
    assert open_ids(last_entry()) == ()
    after = append("test", {"next": True})
    assert (after.number, after.prev) == (2, first.sha256)
    assert torn in journal.read_bytes()  # evidence stays
    found = read_journal()
    assert found.entries == (first, after)
    assert [(flaw.kind, flaw.number, flaw.size) for flaw in found.flaws] == [("torn", 2, len(torn))]
    data = bytearray(journal.read_bytes())
    data[len(whole) + len(torn) // 2] ^= 1
    assert [flaw.kind for flaw in read(bytes(data))[1]] == ["damaged"]


def test_damage_stays_damage_when_the_next_entry_seals_it(journal: Path) -> None:
    append("test", {})
    append("test", {})
    data = bytearray(journal.read_bytes())
    data[-30] ^= 1
    journal.write_bytes(data)
    assert append("test", {}).number == 2
    assert [flaw.kind for flaw in read_journal().flaws] == ["damaged"]


def test_a_large_last_entry_is_found() -> None:
    append("test", {"keys": ["x" * 36] * 10_000})
    assert append("test", {}).number == 2
    assert read_journal().flaws == ()


def test_a_newer_journal_is_read_and_not_appended_to(journal: Path) -> None:
    append("test", {})
    entry = last_entry()
    assert entry is not None
    newer = {**entry.facts, "format": FORMAT + 1, "number": 2, "prev": entry.sha256, "new": {}}
    with journal.open("ab") as file:
        file.write(render(newer))
    before = journal.read_bytes()
    with pytest.raises(WriteError, match="expected format 1 or older, found format 2; a newer"):
        append("test", {})
    assert journal.read_bytes() == before
    assert [e.format for e in read_journal().entries] == [FORMAT, FORMAT + 1]


def test_the_first_format_can_still_be_read() -> None:
    entries, flaws = read((FIXTURES / "v1.jsonl").read_bytes())
    assert [(e.number, e.kind, e.format) for e in entries] == [
        (1, "intent", 1),
        (2, "outcome", 1),
        (3, "intent", 1),
        (4, "outcome", 1),
        (4 + 1, "intent", 1),
    ]
    assert [flaw.kind for flaw in flaws] == ["torn"]
    assert open_ids(entries[-1]) == (entries[-1].id,)


@pytest.mark.parametrize("what", ["folder", "fifo", "link"])
def test_what_is_no_file_is_refused(journal: Path, what: str, tmp_path: Path) -> None:
    journal.parent.mkdir(mode=0o700)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"theirs")
    if what == "folder":
        journal.mkdir()
    elif what == "fifo":
        os.mkfifo(journal)
    else:
        journal.symlink_to(elsewhere)
    with pytest.raises(WriteError):
        append("test", {})
    with pytest.raises(FileUnreadableError, match=r"can't be read|no regular file"):
        read_journal()
    assert elsewhere.read_bytes() == b"theirs"


def test_a_journal_that_others_may_read_is_made_private(journal: Path) -> None:
    append("test", {})
    journal.chmod(0o644)
    append("test", {})
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600


def test_another_user_may_not_read_it(journal: Path) -> None:
    append("test", {})
    code = """
from bmux_forensics.errors import ForensicsError
from bmux_forensics.store.journal import read_journal
try:
    read_journal()
except ForensicsError as error:
    print(error.exit_code, error)
"""
    journal.parent.chmod(0o755)
    out = as_nobody(code, journal)
    assert out.startswith("3 ")
    assert "permission denied" in out


HOLD = """
import fcntl, sys
file = open(sys.argv[1], "rb")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.readline()
"""


def test_somebody_who_holds_it_for_ever_is_not_waited_for(
    journal: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    append("test", {})
    monkeypatch.setattr(journal_file, "_WAIT", 0.05)
    holder = start(HOLD, journal)
    assert said(holder) == "held"
    with pytest.raises(BusyError, match="somebody has held the journal"):
        append("test", {})
    with pytest.raises(BusyError, match="stopped bmux-forensics process"):
        read_journal()
    finished(holder) if holder.stdin is None else holder.communicate("\n")
    append("test", {})
    assert len(read_journal().entries) == 2


APPEND = """
import sys
from bmux_forensics.store.journal import append
sys.stdin.readline()
for number in range(int(sys.argv[1])):
    append("test", {"n": number, "keys": ["k" * 36] * (number % 5) * 400})
"""


def test_processes_that_append_at_once_make_one_whole_chain(start: Start) -> None:
    children = [start(APPEND, 60) for _ in range(4)]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    for child in children:
        finished(child)
    found = read_journal()
    assert found.flaws == ()
    assert [entry.number for entry in found.entries] == list(range(1, 241))
    by = {entry.facts["who"]["pid"] for entry in found.entries}
    assert by == {child.pid for child in children}


WRITE = """
import sys
from bmux_forensics.errors import ForensicsError
from bmux_forensics.store.journal import append
try:
    append("test", {})
except ForensicsError as error:
    print(error.exit_code, error)
"""


@pytest.mark.parametrize(
    ("inject", "message"),
    [
        ("write:error=ENOSPC:when=1", "the disk is full"),
        ("fsync:error=EIO:when=1", "input/output error"),
        ("flock:error=ENOLCK", "writing the journal failed"),
    ],
)
def test_what_can_not_be_promised_does_not_stand_there(
    journal: Path, start: Start, inject: str, message: str
) -> None:
    append("test", {})
    before = journal.read_bytes()
    prefix = (
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-P",
        str(journal),
        "-e",
        f"inject={inject}",
    )
    out = finished(start(WRITE, prefix=prefix))
    assert out.startswith("6 ")
    assert message in out
    assert journal.read_bytes() == before
