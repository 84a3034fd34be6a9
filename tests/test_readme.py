"""The README and the demo are true: documented commands are run and compared."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bmux_forensics as bf
from bmux_forensics.cli.app import VERBS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")

VARYING = (
    (r"(?m)^(saved +).*$", r"\1<when>"),
    (r"\S*/backups/[0-9a-f]{32}/\S+?_([0-9a-f]{64})_\S+\.backup", r"<state>/\1.backup"),
    (r"bmux-forensics undo [0-9a-f]{8,}", "bmux-forensics undo <id>"),
    (r"(?m)^(undone: \w+) [0-9a-f]{8,}$", r"\1 <id>"),
    (r"\S*/bmux/runtime/bmux-snapshot-v1\.json", "<data>/bmux-snapshot-v1.json"),
)
"""What differs from machine to machine, and how it is told; all else is compared."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", README)


def aligned(text: str) -> str:
    """Line up neighbouring lines with tabs, two spaces between the columns."""
    shown: list[str] = []
    for with_tabs, lines in _runs(text.splitlines()):
        rows = [line.split("\t") for line in lines]
        if with_tabs:
            widths = [
                max(len(row[i]) for row in rows if i < len(row)) for i in range(max(map(len, rows)))
            ]
            rows = [[f"{cell:<{widths[i]}}  " for i, cell in enumerate(row)] for row in rows]
        shown += ["".join(row).rstrip() for row in rows]
    return "\n".join(shown)


def _runs(lines: list[str]) -> list[tuple[bool, list[str]]]:
    runs: list[tuple[bool, list[str]]] = []
    for line in lines:
        if not runs or runs[-1][0] != ("\t" in line):
            runs.append(("\t" in line, []))
        runs[-1][1].append(line)
    return runs


def steady(text: str) -> str:
    for pattern, told in VARYING:
        text = re.sub(pattern, told, text)
    return text.strip()


def transcript(console: list[str]) -> list[tuple[str, str]]:
    """Return each documented command and the output that stands below it."""
    parts = [part for block in console for part in re.split(r"(?m)^\$ ", block)[1:]]
    return [(command, output) for command, _, output in (part.partition("\n") for part in parts)]


def environment(home: Path) -> dict[str, str]:
    """Return variables with which nothing of this machine's bmux is found."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("BMUX", "XDG", "PYTEST"))}
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "LC_ALL"):
        kept.pop(name, None)
    path = os.pathsep.join([str(Path(sys.executable).parent), kept["PATH"]])
    state = str(home / "state")
    return kept | {
        "PATH": path,
        "HOME": str(home),
        "BMUX_FORENSICS_STATE_DIR": state,
        "LANG": "C.UTF-8",
        "PYTHONUTF8": "1",
    }


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "sample_snapshots", tmp_path / "sample_snapshots")
    shutil.copytree(ROOT / "demo", tmp_path / "demo")
    shutil.copytree(ROOT / "tests" / "data" / "restore", tmp_path / "tests" / "data" / "restore")
    return tmp_path


def test_the_documented_commands_and_program_print_what_the_readme_shows(checkout: Path) -> None:
    told, found = [], []
    for command, output in transcript(blocks("console")):
        done = run(["bash", "-c", command], checkout)
        told.append(f"$ {command}\n{steady(output)}")
        found.append(f"$ {command}\n{steady(aligned(done.stdout))}")
    assert len(found) > 5
    assert "\n".join(found) == "\n".join(told)
    # The program reads the file that the commands above left.
    program = blocks("python")[0]
    done = run([sys.executable, "-c", program], checkout)
    assert steady(done.stdout) == steady(blocks("text")[0])


def test_names_of_the_facade_in_the_readme_exist() -> None:
    names = set(re.findall(r"\bbf\.(\w+)", README))
    assert names
    assert names <= set(dir(bf))


def test_every_verb_has_its_row() -> None:
    section = README.split("## The verbs\n")[1].split("\n## ")[0]
    told = re.findall(r"`([a-z]+)`", "".join(re.findall(r"(?m)^\| (`[^|]+) \|", section)))
    assert sorted(told) == sorted(VERBS)


def test_the_exit_codes_name_every_verb() -> None:
    codes = README.partition("## Exit codes")[2].partition("\n## ")[0]
    assert [verb for verb in VERBS if f"`{verb}`" not in codes] == []


def test_links_lead_to_files_of_the_checkout() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_demo_ends_with_its_proof_and_leaves_the_samples_alone(checkout: Path) -> None:
    samples = {p: p.read_bytes() for p in (checkout / "sample_snapshots").rglob("*.json")}
    done = run(["bash", "demo/run.sh"], checkout)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1].startswith("demo OK")
    assert all(path.read_bytes() == data for path, data in samples.items())


@pytest.mark.parametrize(
    ("lie", "complaint"),
    [
        pytest.param('[[ $* == *--yes* ]] && echo "killed" && exit 0', "the file is", id="no-kill"),
        pytest.param("[[ $1 == tables ]] && exit 3", "tables", id="failing-verb"),
    ],
)
def test_the_demo_fails_loudly_when_the_tool_does_not_do_its_work(
    checkout: Path, lie: str, complaint: str
) -> None:
    real = Path(sys.executable).parent / "bmux-forensics"
    liar = checkout / "bin" / "bmux-forensics"
    liar.parent.mkdir()
    liar.write_text(f'#!/usr/bin/env bash\n{lie}\nexec "{real}" "$@"\n', encoding="utf-8")
    liar.chmod(0o755)
    command = f'PATH="{liar.parent}:$PATH" bash demo/run.sh'
    done = run(["bash", "-c", command], checkout)
    assert done.returncode == 1
    last = done.stdout.splitlines()[-1]
    assert last.startswith("demo FAILED")
    assert complaint in last
