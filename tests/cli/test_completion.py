"""Completion in the shell: verbs, options and sessions, and nothing a shell would run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.actions.scenes import ALPHA, BETA, DASH, EVIL, GAMMA, below, environment, save, world
from tests.worlds import World, part, session

Complete = Callable[..., list[str]]
RUN = "from bmux_forensics.cli import main; main()"
HEAVY = """
import sys
from bmux_forensics.cli import main
try:
    main()
finally:
    print(*(m for m in ("pandas", "pyarrow", "pydantic", "numpy", "rich") if m in sys.modules))
"""


@pytest.fixture
def complete(tmp_path: Path) -> Complete:
    """Ask for completions as bash does; returns the values."""

    def ask(*words: str, code: str = RUN, instruction: str = "bash_complete") -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            cwd=tmp_path,
            env={
                **environment(tmp_path),
                "_BMUX_FORENSICS_COMPLETE": instruction,
                "COMP_WORDS": " ".join(["bmux-forensics", *words]),
                # fish gives the word itself.
                "COMP_CWORD": words[-1] if "fish" in instruction else str(len(words)),
            },
        )
        assert (done.returncode, done.stderr) == (0, "")
        return [line.partition(",")[2] or line for line in done.stdout.split()]

    return ask


def test_verbs_and_options(complete: Complete) -> None:
    verbs = complete("")
    assert {"info", "tables", "kill", "unlock"} <= set(verbs)
    assert "--version" in complete("--v")
    assert complete("kil") == ["kill"]
    assert "--scrub" in complete("kill", "--s")


def test_sessions_of_bmuxs_own_snapshot(complete: Complete, own: Path) -> None:
    assert own.exists()
    # Two are alike, one looks like an option, one is no word: those go by their ids.
    assert complete("kill", "") == ["alpha", BETA, GAMMA, DASH, EVIL]
    assert complete("kill", "al") == ["alpha"]
    assert complete("kill", "AAAA") == [ALPHA]
    assert complete("kill", "bbbb") == [BETA, GAMMA]
    assert complete("kill", "alpha", "") == [BETA, GAMMA, DASH, EVIL]
    assert complete("kill", "nobody") == []


def test_sessions_of_the_chosen_snapshot(complete: Complete, own: Path, tmp_path: Path) -> None:
    assert own.exists()
    other = World((part("sessions", [session(ALPHA, "other")]),)).raw
    save(tmp_path / "other.json", other)
    assert complete("kill", "--snapshot", "other.json", "") == ["other"]


HOSTILE = [
    "$(touch pwned)",
    "`touch pwned`",
    "a b",
    "a;touch pwned",
    "*",
    "~",
    "-rf",
    "a\nb",
    "a'b",
]


@pytest.mark.parametrize("name", [*HOSTILE, "\x1b[31m", "", BETA, "a:b", "é\u202e"])
def test_no_name_that_a_shell_would_run(name: str, complete: Complete, own: Path) -> None:
    save(own, World((part("sessions", [session(ALPHA, name)]),)).raw)
    assert complete("kill", "") == [ALPHA]


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash to ask")
def test_bash_itself_completes(own: Path, tmp_path: Path) -> None:
    rows = [session(ALPHA, "alpha"), session(BETA, "$(touch pwned)"), session(GAMMA, "work")]
    save(own, World((part("sessions", rows),)).raw)
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "bmux-forensics"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bmux_forensics "$@"\n')
    program.chmod(0o755)
    script = """
        eval "$(_BMUX_FORENSICS_COMPLETE=bash_source bmux-forensics)"
        COMP_WORDS=(bmux-forensics kill "") COMP_CWORD=2
        _bmux_forensics_completion bmux-forensics
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=tmp_path,
        env={**environment(tmp_path), "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"},
    )
    assert (done.stdout.split(), done.stderr) == (["alpha", BETA, "work"], "")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("instruction", ["zsh_complete", "fish_complete"])
def test_other_shells(instruction: str, complete: Complete, own: Path) -> None:
    assert own.exists()
    assert "alpha" in "".join(complete("kill", "al", instruction=instruction))
    assert complete("", instruction=instruction.replace("complete", "source"))


@pytest.mark.parametrize("what", ["nothing", "garbage", "a folder", "a FIFO", "a damaged section"])
def test_it_never_fails_and_never_hangs(what: str, complete: Complete, own: Path) -> None:
    own.unlink()
    if what == "garbage":
        own.write_bytes(b"\xff" * 99)
    elif what == "a folder":
        own.mkdir()
    elif what == "a FIFO":
        os.mkfifo(own)
    elif what == "a damaged section":
        save(own, World((part("sessions", {"no": "list"}),)).raw)
    assert complete("kill", "") == []
    assert complete("kill", "--snapshot", "-", "") == []


def test_it_leaves_no_trace(complete: Complete, own: Path, tmp_path: Path) -> None:
    before = below(tmp_path)
    complete("kill", "")
    assert (below(tmp_path), own.read_bytes()) == (before, world().raw)


def test_it_loads_nothing_heavy(complete: Complete, own: Path) -> None:
    assert own.exists()
    assert complete("kill", "al", code=HEAVY) == ["alpha"]
    assert complete("", code=HEAVY)[0] == "info"
    assert not {"pandas", "pyarrow", "rich"} & set(complete("", code=HEAVY))
