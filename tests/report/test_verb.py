"""``report`` on the command line: what it writes, refuses and returns."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.report.test_report import BROKEN, LAST


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "report.html"


def test_it_writes_a_page_and_says_where(cli: Run, page: Path) -> None:
    done = cli("report", LAST, "-o", page)
    assert done.code == 0
    assert done.out == f"written: {page}\n"
    assert "--redact replaces them" in done.line
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_json_tells_what_was_written(cli: Run, page: Path) -> None:
    found = cli("report", LAST, "-o", page, "--json").document("report")
    assert found["size"] == page.stat().st_size
    assert found["sha256"] == hashlib.sha256(page.read_bytes()).hexdigest()
    assert found["counts"]["loaded"] == 1


def test_findings_are_no_failure(cli: Run, page: Path) -> None:
    assert cli("report", BROKEN, "-o", page, "--quiet").code == 0


def test_some_damaged_files_leave_it_partly_done(cli: Run, page: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn.json"
    torn.write_bytes(b"{")
    found = cli("report", LAST, torn, "-o", page, "--json").document("report")
    assert found["exit_code"] == 5
    assert [file["path"] for file in found["not_loaded"]] == [str(torn)]
    assert page.exists()


def test_nothing_to_read_writes_nothing(cli: Run, page: Path, tmp_path: Path) -> None:
    found = cli("report", tmp_path / "none.json", "-o", page, "--json").document("report")
    assert found["exit_code"] == 3
    assert not page.exists()


def test_standard_input_is_read_once(run: Run, page: Path) -> None:
    text = LAST.read_text(encoding="utf-8")
    done = run("report", "-", "-o", page, "--quiet", feed=text)
    assert (done.code, done.err) == (0, "")
    assert "5 sessions come back, with 8 panes" in page.read_text(encoding="utf-8")
    both = run("report", "-", LAST, "-o", page.with_name("both.html"), feed=text)
    assert both.code == 2
    assert "standard input beside other paths" in both.line


@pytest.mark.parametrize(
    ("options", "complaint"),
    [([], "add -o report.html"), (["-o", "new.html", "--redact", "--show-env"], "one of them")],
)
def test_misuse_is_told(cli: Run, options: list[str], complaint: str) -> None:
    done = cli("report", LAST, *options)
    assert done.code == 2
    assert complaint in done.line


def test_a_file_that_is_there_is_refused_unless_it_is_to_go(cli: Run, page: Path) -> None:
    page.write_text("mine", encoding="utf-8")
    done = cli("report", LAST, "-o", page)
    assert done.code == 2
    assert "add --overwrite" in done.line
    assert page.read_text(encoding="utf-8") == "mine"
    assert cli("report", LAST, "-o", page, "--overwrite").code == 0
    assert page.read_text(encoding="utf-8") != "mine"


def test_a_snapshot_is_never_written_over(cli: Run, tmp_path: Path) -> None:
    copy = tmp_path / "copy.json"
    copy.write_bytes(LAST.read_bytes())
    done = cli("report", copy, "-o", copy, "--overwrite")
    assert done.code == 2
    assert copy.read_bytes() == LAST.read_bytes()


def test_a_folder_that_is_not_there_can_not_be_written_to(cli: Run, tmp_path: Path) -> None:
    assert cli("report", LAST, "-o", tmp_path / "none" / "report.html").code == 6


def test_redaction_reaches_the_page(cli: Run, page: Path) -> None:
    assert cli("report", LAST, "-o", page, "--redact").err == ""
    text = page.read_text(encoding="utf-8")
    assert "replaced by pseudonyms" in text
    assert LAST.name not in text


def test_pseudonyms_are_those_of_the_user_in_every_run(
    cli: Run, page: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.html"
    for where in (page, other):
        assert cli("report", LAST, "-o", where, "--redact").code == 0
    names = [set(re.findall("name-[0-9a-f]{10}", p.read_text("utf-8"))) for p in (page, other)]
    assert names[0]
    assert names[0] == names[1]
    assert cli("export", LAST, "-o", tmp_path / "out", "--format", "csv", "--redact").code == 0
    exported = (tmp_path / "out" / "sessions.csv").read_text("utf-8")
    assert set(re.findall("name-[0-9a-f]{10}", exported)) <= names[0]
