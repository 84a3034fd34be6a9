"""Whatever is put before it: one clear line, the right exit code, and nothing moved."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.actions.scenes import (
    ALPHA,
    EVIL,
    EVIL_NAME,
    Trace,
    below,
    open_to_others,
    save,
    world,
)
from tests.worlds import Part, World, part, session

from .conftest import Done, Run

SESSIONS = "bmux.sessions/session-manager"


@dataclass(frozen=True)
class Bad:
    """A snapshot that no kill may touch, and what has to be said of it."""

    raw: bytes
    says: str
    tables: bool = False
    """It has an envelope, so that `tables` shows what can be read."""


def _in_sessions(payload: bytes, version: int = 1) -> bytes:
    return World((Part(SESSIONS, version, payload), *world().parts[1:])).raw


RAW = world().raw
DEEP = b"[" * 200 + b"]" * 200
BAD = {
    "empty": Bad(b"", "empty"),
    "truncated": Bad(RAW[: len(RAW) // 2], "JSON"),
    "no JSON": Bad(b"\x7fELF\x00\x1b[31m", "JSON"),
    "no envelope": Bad(b"[1, 2]", "an array"),
    "an envelope without sections": Bad(b'{"version": 1, "checksum": 7}', "sections"),
    "an unknown version": Bad(RAW.replace(b'"version": 1', b'"version": 2', 1), "version 2"),
    "a wrong checksum": Bad(
        re.sub(rb'"checksum": \d+', b'"checksum": 7', RAW), "checksum", tables=True
    ),
    "a byte over 255": Bad(RAW.replace(b"        91,", b"        256,", 1), "256"),
    "a key twice": Bad(RAW.replace(b'"version": 1,', b'"version": 1, "version": 1,', 1), "twice"),
    "a BOM": Bad(b"\xef\xbb\xbf" + RAW, "byte order mark"),
    "an envelope nested too deep": Bad(b'{"x": %s, %s' % (DEEP, RAW[1:]), "deep"),
    "a payload nested too deep": Bad(_in_sessions(DEEP), "200 levels", tables=True),
    "a payload that is no JSON": Bad(_in_sessions(b"{"), f"section {SESSIONS}", tables=True),
    "a payload of no bytes": Bad(_in_sessions(b""), "no bytes", tables=True),
    "a payload of another shape": Bad(
        _in_sessions(b'[{"id": 7, "clients": []}]'), "/0/id", tables=True
    ),
    "a key twice in a payload": Bad(
        _in_sessions(b'[{"id":"%s","id":"","clients":[]}]' % ALPHA.encode()), "twice", tables=True
    ),
    "a section of an unknown version": Bad(_in_sessions(b"[]", 7), "version 7", tables=True),
}


def untouched(done: Done, code: int, path: Path, before: Trace) -> None:
    assert done.code == code, done.err
    assert Trace.of(path) == before
    assert below(path.parent) == [path.name]
    assert not (path.parents[1] / "state").exists()


@pytest.mark.parametrize("name", BAD)
def test_no_kill_touches_a_bad_file(name: str, cli: Run, snapshot: Path) -> None:
    bad = BAD[name]
    before = Trace.of(save(snapshot, bad.raw))
    for extra in (["--yes"], ["--dry-run"], []):
        done = cli("kill", "alpha", "--snapshot", snapshot, *extra)
        untouched(done, 3, snapshot, before)
        assert done.out == ""
        assert done.line.startswith(f"bmux-forensics: {snapshot}")
        assert bad.says in done.line
        assert done.line.isprintable()
    done = cli("kill", "alpha", "--snapshot", snapshot, "--yes", "--json")
    untouched(done, 3, snapshot, before)
    told = done.document("kill")
    assert told["had_snapshot"]
    assert f"bmux-forensics: {told['error']['message']}" == done.line


@pytest.mark.parametrize("name", BAD)
def test_info_shows_what_is_wrong(name: str, cli: Run, snapshot: Path) -> None:
    bad = BAD[name]
    before = Trace.of(save(snapshot, bad.raw))
    done = cli("info", snapshot)
    untouched(done, 3, snapshot, before)
    assert bad.says in done.line
    assert f"size      {len(bad.raw)} bytes" in done.out
    problem = next(line for line in done.out.splitlines() if line.startswith("problem: "))
    assert bad.says in problem
    if bad.tables:
        assert "bmux.contexts/context-state\t1\t" in done.out  # the sound part is still shown
    told = cli("info", "--json", snapshot).document("info")
    assert bad.says in told["snapshots"][0]["problems"][0]
    assert told["error"]["message"] == told["snapshots"][0]["problems"][0]


@pytest.mark.parametrize("name", BAD)
def test_tables_show_the_sound_sections(name: str, cli: Run, snapshot: Path) -> None:
    bad = BAD[name]
    before = Trace.of(save(snapshot, bad.raw))
    done = cli("tables", snapshot)
    untouched(done, 3, snapshot, before)
    assert bad.says in done.line
    assert ("contexts\t1\t" in done.out) == bad.tables
    told = cli("tables", "--json", snapshot).document("tables")
    assert bool(told["tables"]) == bad.tables
    assert bad.says in told["error"]["message"]


@pytest.mark.parametrize("name", [n for n in BAD if "payload" in n or "version" in n])
def test_all_moves_nothing_aside_that_may_be_good(name: str, cli: Run, snapshot: Path) -> None:
    before = Trace.of(save(snapshot, BAD[name].raw))
    done = cli("kill", "--all", "--yes", "--snapshot", snapshot)
    untouched(done, 3, snapshot, before)
    assert BAD[name].says in done.line


@pytest.mark.parametrize("parts", [(), (part("contexts", {}),), (part("sessions", []),)])
def test_no_sessions_at_all(parts: tuple[Part, ...], cli: Run, snapshot: Path) -> None:
    before = Trace.of(save(snapshot, World(parts).raw))
    done = cli("kill", "--all", "--yes", "--snapshot", snapshot)
    untouched(done, 0, snapshot, before)
    assert (done.out, done.err) == ("no sessions\n", "")
    done = cli("kill", "alpha", "--yes", "--snapshot", snapshot)
    untouched(done, 1, snapshot, before)
    assert (done.out, done.line) == ("", "session not found: alpha")


# --- what stands at the path ------------------------------------------------------------------


def _folder(path: Path) -> None:
    path.mkdir()


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def _circle(path: Path) -> None:
    path.symlink_to(path.name)


def _below_a_file(path: Path) -> None:
    path.parent.rmdir()
    path.parent.write_bytes(b"")


def _missing(path: Path) -> None:
    assert not path.exists()


PLACES: dict[str, tuple[Callable[[Path], None], str]] = {
    "nothing": (_missing, "no such file"),
    "nothing below a file": (_below_a_file, "no such file"),
    "a folder": (_folder, "a folder"),
    "a FIFO": (os.mkfifo, "a FIFO"),
    "a dangling link": (_dangling, "which is not there"),
    "a link in a circle": (_circle, "in a circle"),
}


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize(
    "verb", [["info"], ["tables"], ["kill", "alpha", "--yes"], ["kill", "--all", "--yes"]]
)
def test_no_regular_file(name: str, verb: list[str], cli: Run, tmp_path: Path) -> None:
    make, says = PLACES[name]
    path = tmp_path / "place" / "snap.json"
    path.parent.mkdir()
    make(path)
    before = below(tmp_path)
    option = ["--snapshot"] if verb[0] == "kill" else []
    done = cli(*verb, *option, path)
    assert (done.code, done.out) == (3, "")
    if path.is_dir() and not option:  # a folder is an archive for those who read
        assert done.line.endswith("found no snapshots there")
    else:
        assert done.line.startswith(f"bmux-forensics: {path}")
        assert says in done.line
    told = cli(*verb, *option, path, "--json").document(verb[0])
    assert told["error"]["kind"] == "no-such-file"
    assert below(tmp_path) == before


def test_standard_input_that_is_bad(run: Run, tmp_path: Path) -> None:
    done = run("info", "-", feed="torn")
    assert (done.code, below(tmp_path)) == (3, [])
    assert done.line.startswith("bmux-forensics: -: ")


def test_kill_does_not_take_standard_input_for_a_file(run: Run, tmp_path: Path) -> None:
    done = run("kill", "--all", "--yes", "--snapshot", "-", feed=RAW.decode())
    assert (done.code, below(tmp_path)) == (3, [])
    assert "no such file" in done.line


def test_a_good_file_is_shown_beside_a_bad_one(cli: Run, snapshot: Path) -> None:
    done = cli("info", snapshot, "nowhere.json", snapshot)
    assert done.code == 3
    assert done.line.startswith("bmux-forensics: nowhere.json: no such file")
    assert done.out.count(f"snapshot  {snapshot}") == 2


def test_a_file_over_the_limit(cli: Run, snapshot: Path) -> None:
    done = cli("info", "--size-limit", 100, snapshot)
    assert done.code == 3
    assert "at most 100 bytes" in done.line
    assert cli("info", "--size-limit", 0, snapshot).code == 0


# --- permissions ------------------------------------------------------------------------------


def _own_folder(path: Path) -> None:
    os.chown(path.parent, 65534, 65534)


def test_no_permission_to_read(run: Run, snapshot: Path, tmp_path: Path) -> None:
    open_to_others(tmp_path)
    snapshot.chmod(0o600)
    before = Trace.of(snapshot)
    for verb in (["info"], ["kill", "--all", "--yes", "--snapshot"]):
        done = run(*verb, snapshot, nobody=True)
        untouched(done, 3, snapshot, before)
        assert done.line.startswith(f"bmux-forensics: {snapshot}: no permission to read it")


def test_no_permission_to_look_into_the_folder(run: Run, snapshot: Path, tmp_path: Path) -> None:
    open_to_others(tmp_path)
    snapshot.parent.chmod(0o700)
    before = Trace.of(snapshot)
    for verb in (["info"], ["kill", "--all", "--yes", "--json", "--snapshot"]):
        done = run(*verb, snapshot, nobody=True)
        untouched(done, 3, snapshot, before)
        assert "no permission to read it" in done.line


def test_no_permission_to_look_for_bmuxs_own(run: Run, own: Path, tmp_path: Path) -> None:
    open_to_others(tmp_path)
    own.parent.chmod(0o700)
    done = run("kill", "--all", "--yes", nobody=True)
    assert (done.code, done.out) == (3, "")  # by no means "no sessions"
    assert "no permission to read it" in done.line


def test_no_permission_to_write_the_file(run: Run, snapshot: Path, tmp_path: Path) -> None:
    open_to_others(tmp_path)
    _own_folder(snapshot)
    snapshot.chmod(0o644)
    (tmp_path / "state").mkdir()
    os.chown(tmp_path / "state", 65534, 65534)
    before = Trace.of(snapshot)
    done = run("kill", "alpha", "--yes", "--snapshot", snapshot, nobody=True)
    assert (done.code, done.out) == (6, "")
    assert "no permission to write it; make it writable first" in done.line
    assert Trace.of(snapshot) == before
    assert below(snapshot.parent) == ["snap.json"]


def test_no_permission_to_write_the_folder(run: Run, snapshot: Path, tmp_path: Path) -> None:
    open_to_others(tmp_path)
    snapshot.chmod(0o666)
    before = Trace.of(snapshot)
    done = run("kill", "alpha", "--yes", "--json", "--snapshot", snapshot, nobody=True)
    untouched(done, 6, snapshot, before)
    assert "permission denied" in done.line
    assert done.document("kill")["error"]["kind"] == "write-failed"


def test_no_permission_to_keep_a_backup(run: Run, snapshot: Path, tmp_path: Path) -> None:
    open_to_others(tmp_path)
    _own_folder(snapshot)
    os.chown(snapshot, 65534, 65534)
    before = Trace.of(snapshot)
    done = run("kill", "alpha", "--yes", "--snapshot", snapshot, nobody=True)
    untouched(done, 6, snapshot, before)
    assert str(tmp_path / "state") in done.line


def test_only_reading_is_needed_to_look(run: Run, snapshot: Path, tmp_path: Path) -> None:
    open_to_others(tmp_path)
    snapshot.chmod(0o644)
    before = Trace.of(snapshot)
    done = run("kill", "alpha", "--dry-run", "--snapshot", snapshot, nobody=True)
    untouched(done, 0, snapshot, before)
    assert done.out.endswith(f"would kill session: {ALPHA}\n")


# --- the lock ---------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"pid=1\n", b"\x1b[31mnonsense"])
def test_a_strange_lock_is_waited_for(content: bytes, cli: Run, snapshot: Path) -> None:
    lock = snapshot.with_name("snap.json.lock")
    lock.write_bytes(content)
    before = Trace.of(snapshot), Trace.of(lock)
    done = cli("kill", "alpha", "--yes", "--snapshot", snapshot, "--lock-timeout", "0.05")
    assert (done.code, done.out) == (4, "")
    assert done.line.startswith(f"bmux-forensics: {lock}: the lock is held by ")
    assert "bmux-forensics unlock" in done.line
    assert (Trace.of(snapshot), Trace.of(lock)) == before
    assert below(snapshot.parent) == ["snap.json", "snap.json.lock"]
    told = cli(
        "kill", "alpha", "--yes", "--json", "--snapshot", snapshot, "--lock-timeout", 0
    ).document("kill")
    assert told["error"]["kind"] == "lock-held"


def test_a_lock_that_is_a_folder(cli: Run, snapshot: Path) -> None:
    lock = snapshot.with_name("snap.json.lock")
    lock.mkdir()
    before = Trace.of(snapshot)
    done = cli("kill", "alpha", "--yes", "--snapshot", snapshot)
    assert done.code == 6
    assert "the lock is a folder; remove that folder" in done.line
    assert Trace.of(snapshot) == before
    assert below(snapshot.parent) == ["snap.json", "snap.json.lock"]


# --- selectors and names ----------------------------------------------------------------------


def test_a_selector_that_starts_with_a_dash(cli: Run, snapshot: Path) -> None:
    before = Trace.of(snapshot)
    done = cli("kill", "-dash", "--snapshot", snapshot)
    untouched(done, 2, snapshot, before)
    assert "kill -- -dash" in done.line
    assert cli("kill", "--yes", "--snapshot", snapshot, "--", "-dash").code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "give --all"),
        (["alpha", "--all"], "not both"),
        ([""], "an empty selector"),
        (["twin"], "2 sessions for the selector 'twin'"),
        (["--frobnicate"], "--frobnicate"),
        (["a", "--lock-timeout", "-1"], "--lock-timeout"),
        (["a", "--lock-timeout", "nan"], "--lock-timeout"),
        (["a", "--grace", "inf"], "--grace"),
        (["a", "--expect-sha256", "abc"], "64 hex digits"),
        (["alpha"], "--yes"),
    ],
)
def test_misuse(arguments: list[str], says: str, cli: Run, snapshot: Path) -> None:
    before = Trace.of(snapshot)
    done = cli("kill", "--snapshot", snapshot, *arguments)
    untouched(done, 2, snapshot, before)
    assert done.out == ""
    assert says in done.line


def test_an_unknown_verb(cli: Run) -> None:
    done = cli("frobnicate\x1b[31m")
    assert (done.code, done.out) == (2, "")
    assert done.line.isprintable()


def test_an_unknown_option_is_spelled_too(cli: Run) -> None:
    done = cli("info", "--\x1b]0;title\x07")
    assert done.code == 2
    assert done.line.isprintable()


def _clean(text: str) -> bool:
    return text.replace("\n", "").replace("\t", "").isprintable()


@pytest.mark.parametrize(
    "arguments",
    [
        ["info"],
        ["info", "--json"],
        ["tables", "-t", "sessions"],
        ["tables", "-t", "sessions", "--format", "csv"],
        ["tables", "-t", "sessions", "--format", "json"],
        ["tables", "-t", "sessions", "--format", "jsonl"],
        ["tables", "--json"],
    ],
)
@pytest.mark.parametrize("color", [False, True])
def test_evil_names_reach_nobody_raw(
    arguments: list[str], color: bool, cli: Run, snapshot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if color:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setenv("COLUMNS", "200")
    done = cli(*arguments, snapshot)
    assert done.code == 0
    assert _clean(done.out + done.err)
    assert "red" in done.out


def test_evil_names_reach_nobody_raw_in_a_kill(cli: Run, snapshot: Path) -> None:
    rows = [session(EVIL, EVIL_NAME), session(ALPHA, EVIL_NAME)]
    save(snapshot, World((part("sessions", rows),)).raw)
    for arguments in (
        [EVIL_NAME],  # ambiguous: the candidates are named
        ["nobody\x1b[31m\u202e\n"],
        ["--all", "--dry-run"],
        ["--all", "--dry-run", "--json"],
        ["--all", "--yes"],
    ):
        done = cli("kill", "--snapshot", snapshot, *arguments)
        assert _clean(done.out + done.err), arguments


def test_evil_paths_reach_nobody_raw(cli: Run, tmp_path: Path) -> None:
    path = save(tmp_path / "place" / "\x1b[31m\u202e\n.json", RAW)
    for arguments in (
        ["info", path],
        ["info", f"{path}.not"],
        ["tables", path],
        ["kill", "alpha", "--snapshot", path, "--yes"],
        ["unlock", "--snapshot", path],
        ["unlock", "--snapshot", path, "--json"],
    ):
        done = cli(*arguments)
        assert _clean(done.out + done.err), arguments


def test_a_selector_and_a_path_that_are_no_text(cli: Run, tmp_path: Path) -> None:
    path = save(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.json")), RAW)
    for arguments in (["info"], ["tables"], ["kill", "alpha", "--dry-run", "--snapshot"]):
        assert cli(*arguments, path).code == 0
        told = cli(*arguments, path, "--json").document(arguments[0])
        assert r"\xff.json" in str(told).replace("\\\\", "\\")
    done = cli("kill", "--snapshot", path, os.fsdecode(b"\xfe"), "--yes")
    assert (done.code, done.line) == (1, r"session not found: \udcfe")


# --- no bmux at all ---------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [["info"], ["tables"]])
@pytest.mark.parametrize("variable", ["BMUX_DATA_DIR", "XDG_DATA_HOME", "HOME"])
def test_no_bmux_on_this_machine(
    verb: list[str], variable: str, cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for other in ("BMUX_DATA_DIR", "XDG_DATA_HOME", "HOME"):
        if other == variable:
            break
        monkeypatch.delenv(other)
    done = cli(*verb)
    assert (done.code, done.out) == (3, "")
    assert os.environ[variable] in done.line
    assert f"because of {variable}" in done.line
    assert "bmux-forensics info sample_snapshots/" in done.line
    assert cli(*verb, "--json").document(verb[0])["error"]["kind"] == "no-such-file"
    assert below(tmp_path) == []


def test_no_bmux_is_nothing_to_kill(cli: Run, tmp_path: Path) -> None:
    done = cli("kill", "--all", "--yes")
    assert (done.code, done.out) == (0, "no sessions\n")
    assert "because of BMUX_DATA_DIR" in done.line
    assert "sample_snapshots/" in done.line
    done = cli("kill", "alpha", "beta", "--yes")
    assert (done.code, done.out) == (1, "")
    missing = ["session not found: alpha", "session not found: beta"]
    assert done.err.splitlines()[:2] == missing
    assert "because of BMUX_DATA_DIR" in done.err.splitlines()[2]
    assert cli("kill", "alpha", "-q").line == "session not found: alpha"
    for selector, code in (("--all", 0), ("alpha", 1)):
        told = cli("kill", selector, "--json").document("kill")
        assert (told["exit_code"], told["had_snapshot"], told["applied"]) == (code, False, False)
    assert cli("unlock").out == "no lock\n"
    assert below(tmp_path) == []


def test_reading_verbs_leave_no_trace(cli: Run, own: Path, tmp_path: Path) -> None:
    before, names = Trace.of(own), below(tmp_path)
    for arguments in (
        ["info"],
        ["tables"],
        ["tables", "-t", "panes"],
        ["kill", "alpha", "--dry-run"],
        ["unlock"],
    ):
        assert cli(*arguments).code == 0
    assert (Trace.of(own), below(tmp_path)) == (before, names)
    assert stat.S_IMODE(own.stat().st_mode) == 0o640
