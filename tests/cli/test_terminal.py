"""At a terminal: the question, its answers, and how rows look."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.actions.scenes import ALPHA, DASH, Trace, below, save, world
from tests.analysis.reference_kill import killed
from tests.worlds import World, part, session

from .conftest import Run, Terminal

Open = Callable[..., Terminal]
WITHOUT_ALPHA = killed(world().raw, {ALPHA})
QUESTION = "[y/N]: "


@pytest.mark.parametrize("answer", ["y", "YES"])
def test_yes(answer: str, terminal: Open, snapshot: Path) -> None:
    screen = terminal("kill", "alpha", "--snapshot", snapshot)
    shown = screen.read_until(QUESTION)
    assert "What killing 1 session does" in shown
    assert "Kill 1 session in " in shown
    assert snapshot.read_bytes() == world().raw
    screen.type(f"{answer}\n")
    assert screen.finish() == 0
    assert f"killed session: {ALPHA}" in screen.shown
    assert snapshot.read_bytes() == WITHOUT_ALPHA


@pytest.mark.parametrize("answer", ["n\n", "\n", "yess\n", "\x04"])
def test_anything_else_is_no(answer: str, terminal: Open, snapshot: Path) -> None:
    before = Trace.of(snapshot)
    screen = terminal("kill", "alpha", "--snapshot", snapshot)
    screen.read_until(QUESTION)
    screen.type(answer)
    assert screen.finish() == 1
    assert "the answer was no; nothing was changed" in screen.shown
    assert Trace.of(snapshot) == before
    assert below(snapshot.parent) == ["snap.json"]


def test_ctrl_c(terminal: Open, snapshot: Path) -> None:
    before = Trace.of(snapshot)
    screen = terminal("kill", "alpha", "--snapshot", snapshot)
    screen.read_until(QUESTION)
    screen.type("\x03")
    assert screen.finish() == 130
    assert "Traceback" not in screen.shown
    assert Trace.of(snapshot) == before
    assert below(snapshot.parent) == ["snap.json"]


def test_a_terminal_that_hangs_up(terminal: Open, snapshot: Path) -> None:
    before = Trace.of(snapshot)
    screen = terminal("kill", "alpha", "--snapshot", snapshot)
    screen.read_until(QUESTION)
    screen.hang_up()
    assert screen.process.wait(60) == 129
    assert Trace.of(snapshot) == before


def test_what_was_shown_is_what_is_done_or_nothing(terminal: Open, snapshot: Path) -> None:
    screen = terminal("kill", "alpha", "--snapshot", snapshot)
    screen.read_until(QUESTION)
    newer = killed(world().raw, {DASH})
    save(snapshot.with_name("new"), newer).rename(snapshot)
    screen.type("y\n")
    assert screen.finish() == 4
    assert "look at a new plan" in re.sub(r"\s+", " ", screen.shown)
    assert snapshot.read_bytes() == newer


def test_a_sound_file_is_not_killed_for_the_damaged_one_before(
    terminal: Open, snapshot: Path
) -> None:
    save(snapshot, b"torn")
    screen = terminal("kill", "--all", "--snapshot", snapshot)
    assert "Move the file aside" in screen.read_until(QUESTION)
    save(snapshot.with_name("new"), world().raw).rename(snapshot)
    screen.type("y\n")
    assert screen.finish() == 4
    assert snapshot.read_bytes() == world().raw
    assert below(snapshot.parent) == ["snap.json"]


def test_agreeing_moves_a_damaged_file_aside(terminal: Open, snapshot: Path) -> None:
    save(snapshot, b"torn")
    screen = terminal("kill", "--all", "--snapshot", snapshot)
    screen.read_until(QUESTION)
    screen.type("y\n")
    assert screen.finish() == 0
    assert "moved aside: " in screen.shown
    (aside,) = below(snapshot.parent)
    assert snapshot.with_name(aside).read_bytes() == b"torn"


def test_the_question_is_seen_where_the_output_goes_elsewhere(
    terminal: Open, snapshot: Path, tmp_path: Path
) -> None:
    with (tmp_path / "out").open("wb") as out:
        screen = terminal("kill", "alpha", "--snapshot", snapshot, stdout=out)
        assert "delete" in screen.read_until(QUESTION)
        screen.type("y\n")
        assert screen.finish() == 0
    assert (tmp_path / "out").read_text() == f"killed session: {ALPHA}\n"


@pytest.mark.parametrize("stream", ["stdin", "stderr"])
def test_nobody_at_the_terminal(
    stream: str, terminal: Open, snapshot: Path, tmp_path: Path
) -> None:
    before = Trace.of(snapshot)
    with (tmp_path / "other").open("w+b") as other:
        screen = terminal("kill", "alpha", "--snapshot", snapshot, **{stream: other})
        assert screen.finish() == 2
    assert Trace.of(snapshot) == before


# --- rows -------------------------------------------------------------------------------------


def test_a_terminal_gets_a_table_and_a_pipe_gets_tabs(
    terminal: Open, run: Run, snapshot: Path
) -> None:
    screen = terminal("info", snapshot)
    assert screen.finish() == 0
    assert "\x1b[1m" in screen.shown
    assert "│" in screen.shown
    piped = run("info", snapshot).out
    assert "\x1b" not in piped
    assert f"{ALPHA}\talpha\n" in piped


def test_no_color_is_no_color(terminal: Open, snapshot: Path) -> None:
    screen = terminal("info", snapshot, env={"NO_COLOR": "1"})
    assert screen.finish() == 0
    assert "\x1b" not in screen.shown
    assert "│" in screen.shown


def test_forced_color_colours_a_pipe(run: Run, snapshot: Path) -> None:
    assert "\x1b[1m" in run("info", snapshot, env={"FORCE_COLOR": "1"}).out
    both = run("info", snapshot, env={"FORCE_COLOR": "1", "NO_COLOR": "1"}).out
    assert "\x1b" not in both
    assert "\x1b" not in run("info", snapshot, env={"FORCE_COLOR": ""}).out


def test_forty_columns_are_enough(terminal: Open, snapshot: Path) -> None:
    for arguments in (["info", snapshot], ["kill", "alpha", "-n", "--snapshot", snapshot]):
        screen = terminal(*arguments, env={"COLUMNS": "40"}, columns=40)
        assert screen.finish() == 0
        assert re.search(rf"^(session|key): {ALPHA}\r$", screen.shown, re.MULTILINE)
        assert "│" not in screen.shown


def test_the_c_locale_gets_ascii_on_a_terminal(terminal: Open, run: Run, snapshot: Path) -> None:
    screen = terminal("info", snapshot, env={"LC_ALL": "C"})
    assert screen.finish() == 0
    assert screen.shown.isascii()
    assert "alpha" in screen.shown
    strict = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for arguments in (["info", snapshot], ["tables", "--json", snapshot], ["--help"]):
        done = run(*arguments, env=strict)
        assert (done.code, done.err) == (0, "")
        assert done.out.isascii()


def test_names_beyond_ascii_are_spelled_on_a_terminal_of_the_c_locale(
    terminal: Open, snapshot: Path
) -> None:
    save(snapshot, World((part("sessions", [session(ALPHA, "naïve ☃")]),)).raw)
    screen = terminal("info", snapshot, env={"LC_ALL": "C"})
    assert screen.finish() == 0
    assert r"na\xefve \u2603" in screen.shown


def test_unicode_names_survive_the_c_locale_in_json(run: Run, snapshot: Path) -> None:
    raw = world().raw
    assert b"alpha" not in raw  # payloads are numbers
    name = "naïve ☃ 😀"
    save(snapshot, World((part("sessions", [session(ALPHA, name)]),)).raw)
    strict = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = run("info", "--json", snapshot, env=strict)
    assert done.out.isascii()
    assert done.document("info")["snapshots"][0]["sessions"][0]["name"] == name
    assert os.fsencode(name) not in done.out.encode()


def test_the_plan_of_a_resurrection_reads_as_sentences(terminal: Open, snapshot: Path) -> None:
    day = Path(__file__).parents[2] / "sample_snapshots" / "alpha4-day"
    source = day / "bmux-snapshot-v1.20261122T115637Z.json"
    save(snapshot, (day / "bmux-snapshot-v1.20261122T115652Z.json").read_bytes())
    screen = terminal("resurrect", "ops", "--from", source, "--into", snapshot)
    screen.read_until(QUESTION)
    assert "at /0 (comes back with its session)" in " ".join(screen.shown.split())
    screen.type("n\n")
    assert screen.finish() == 1
