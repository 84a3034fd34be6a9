"""Whatever a snapshot says, in every output it is text and nothing else."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

import bmux_forensics as bf
from bmux_forensics.cli.app import group
from tests.actions.scenes import save
from tests.cli.conftest import Done, Run, Terminal
from tests.figures import Figures

from .evidence import ACTS, SECRET, ids, world

READING = {
    "info": ["info", "SNAP"],
    "tables": ["tables", "SNAP"],
    "panes": ["tables", "SNAP", "--table", "panes"],
    "attributes": ["tables", "SNAP", "--table", "context_attributes"],
    "audit": ["audit", "SNAP", "--target", "all"],
    "diff": ["diff", "SNAP", "OTHER"],
    "find": ["find", "--session", ids(1), "SNAP", "OTHER"],
    "timeline": ["timeline", "SNAP", "OTHER"],
    "processes": ["processes", "SNAP"],
    "repair": ["repair", "SNAP", "--dry-run", "--all-fixable"],
    "resurrect": ["resurrect", ids(1), "--from", "OTHER", "--into", "OTHER", "--dry-run"],
    "clean": ["clean", "--orphans", "--dry-run", "SNAP", "OTHER"],
    "kill": ["kill", ids(1), "--dry-run", "--snapshot", "SNAP"],
    "ambiguous": ["kill", "TEXT", "--dry-run", "--snapshot", "SNAP"],
}
FORMS = {
    "panes": ("csv", "json", "jsonl", "table"),
    "attributes": ("csv", "json", "jsonl"),
    "diff": ("csv", "json", "jsonl"),
    "find": ("csv", "json", "jsonl"),
    "timeline": ("csv", "json", "jsonl"),
}
OBJECTS = ("info", "tables", "audit", "diff", "find", "timeline", "processes", "repair", "kill")


def asked(verb: str, text: str, folder: Path) -> list[str]:
    """Write the snapshots of a text, sound and broken, and give a verb's arguments."""
    for name, sound in (("SNAP", False), ("OTHER", True)):
        save(folder / "evidence" / f"{name}.json", world(text, sound=sound).raw)
    if verb == "ambiguous":
        save(folder / "evidence" / "SNAP.json", world(text).raw)
    known = {name: str(folder / "evidence" / f"{name}.json") for name in ("SNAP", "OTHER")}
    return [known.get(word, text if word == "TEXT" else word) for word in READING[verb]]


def is_text(done: Done) -> None:
    for shown in (done.out, done.err):
        assert ACTS.search(shown) is None, repr(shown)
        assert SECRET not in shown
        assert "Traceback" not in shown


@pytest.mark.parametrize("verb", READING)
def test_in_a_pipe(verb: str, text: str, cli: Run, tmp_path: Path, figures: Figures) -> None:
    with figures.trying("hostile evidence: pipe", unit="outputs"):
        done = cli(*asked(verb, text, tmp_path))
        assert done.code in (0, 1, 2, 3, 5)
        is_text(done)
        # A line break in a name begins no line of its own.
        assert not re.search("^(two|killed session: 1)", done.out + done.err, re.MULTILINE)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["evidence"]


@pytest.mark.parametrize("verb", READING)
@pytest.mark.parametrize("columns", ["40", "200"])
def test_on_a_terminal(
    verb: str,
    columns: str,
    *,
    text: str,
    cli: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    figures: Figures,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", columns)
    with figures.trying("hostile evidence: terminal", unit="outputs"):
        done = cli(*asked(verb, text, tmp_path))
        bare = re.sub(r"\x1b\[[0-9;]*m", "", done.out + done.err)  # rich's own bold
        assert ACTS.search(bare) is None
        assert "\x1b]" not in done.out
        assert SECRET not in bare


@pytest.mark.parametrize(("verb", "form"), [(v, f) for v, forms in FORMS.items() for f in forms])
def test_in_every_format(
    verb: str, form: str, *, text: str, cli: Run, tmp_path: Path, figures: Figures
) -> None:
    with figures.trying("hostile evidence: formats", unit="outputs"):
        done = cli(*asked(verb, text, tmp_path), "--format", form)
        is_text(done)
        if form == "csv":
            rows = list(csv.reader(io.StringIO(done.out, newline="")))
            assert {len(row) for row in rows} == {len(rows[0])}
            assert not any(is_formula(cell) for row in rows for cell in row)
        elif form == "jsonl":
            assert all(isinstance(json.loads(line), dict) for line in done.out.splitlines())
        elif form == "json":
            json.loads(done.out)


def is_formula(cell: str) -> bool:
    return cell.lstrip()[:1] in ("=", "+", "@") or re.match(r"\s*-\D", cell) is not None


@pytest.mark.parametrize("verb", OBJECTS)
def test_in_the_object(verb: str, text: str, cli: Run, tmp_path: Path, figures: Figures) -> None:
    with figures.trying("hostile evidence: JSON", unit="outputs"):
        done = cli(*asked(verb, text, tmp_path), "--json")
        is_text(done)
        told = json.loads(done.out)
        if verb == "info":
            assert told["snapshots"][0]["sessions"][0]["name"] == text


def test_in_the_journal_and_the_names_of_backups(
    text: str, cli: Run, snapshot: Path, tmp_path: Path, figures: Figures
) -> None:
    save(snapshot, world(text).raw)
    with figures.trying("hostile evidence: journal and backups", unit="outputs"):
        for arguments in (
            ["kill", ids(1), "--snapshot", snapshot, "--yes"],
            ["undo", "--snapshot", snapshot, "--yes"],
            ["kill", "--all", "--snapshot", snapshot, "--yes"],
            ["history", "--snapshot", snapshot],
            ["verify", "--snapshot", snapshot],
            ["backups", "--snapshot", snapshot],
            ["unlock", "--snapshot", snapshot],
        ):
            done = cli(*arguments)
            is_text(done)
            assert done.code in (0, 1)
        files = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
        assert all(re.fullmatch(r"[\w./-]+", str(path)) for path in files), files
        assert {path.parts[0] for path in files} == {"runtime", "state"}
        journal = (tmp_path / "state" / "journal.jsonl").read_bytes()
        assert text.encode() not in journal
        assert json.dumps(text)[1:-1].encode() not in journal
        assert SECRET.encode() not in journal


def test_moved_aside_under_a_name_of_ours(
    text: str, cli: Run, snapshot: Path, tmp_path: Path
) -> None:
    save(snapshot, f'{{"version": 1, "checksum": 1, "x": {json.dumps(text)}'.encode())
    done = cli("kill", "--all", "--yes", "--snapshot", snapshot)
    is_text(done)
    assert done.code == 0
    (aside,) = (path.name for path in snapshot.parent.iterdir() if path.name != ".lock")
    assert re.fullmatch(r"snap\.json\.corrupt-\d{8}T\d{6}Z-[0-9a-f]{8}", aside)
    assert {path.name for path in tmp_path.iterdir()} == {"runtime", "state"}


def test_in_a_prompt(text: str, terminal: Callable[..., Terminal], snapshot: Path) -> None:
    save(snapshot, world(text).raw)
    screen = terminal("kill", ids(1), "--snapshot", snapshot, env={"NO_COLOR": "1"})
    screen.read_until("[y/N]: ")
    screen.type("n\n")
    assert screen.finish() == 1
    bare = re.sub(r"\x1b\[[0-9;]*[mK]|\r", "", screen.shown)
    assert ACTS.search(bare) is None


def test_in_completion(text: str, snapshot: Path) -> None:
    save(snapshot, world(text).raw)
    complete = ShellComplete(group, {}, "bmux-forensics", "_X")
    items = complete.get_completions(["kill", "--snapshot", str(snapshot)], "")
    assert {ids(1), ids(2)} <= {item.value for item in items} | {item.help for item in items}
    for item in items:
        for shown in (item.value, item.help or ""):
            assert shown.isprintable()


class _Tags(HTMLParser):
    """The tags and attributes of a page, and its text outside scripts of ours."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def is_plain_html(page: str) -> None:
    """Fail unless no evidence became a tag, a handler or an address."""
    tags = _Tags()
    tags.feed(page)
    assert not tags.tags & {"iframe", "object", "embed", "base", "form", "link"}
    assert not [name for name, _ in tags.attributes if name.startswith("on")]
    addresses = [v for name, v in tags.attributes if name in ("href", "src", "xlink:href")]
    assert not [v for v in addresses if not v.startswith(("#", "data:image/"))]
    assert "<script>alert" not in page
    assert SECRET not in page


def test_in_a_notebook(text: str, figures: Figures) -> None:
    found = bf.Tables([world(text, sound=False).snapshot("x.json")])
    for name in found:
        with figures.trying("hostile evidence: notebook tables", unit="outputs"):
            is_plain_html(bf.show_table(found[name])._repr_html_())
    with figures.trying("hostile evidence: notebook tables", unit="outputs"):
        is_plain_html(bf.show_table(bf.audit(found, target="all"))._repr_html_())


@pytest.mark.parametrize("redacted", [(), ("--redact",)], ids=["whole", "redacted"])
def test_in_a_report(
    redacted: tuple[str, ...], *, text: str, cli: Run, tmp_path: Path, figures: Figures
) -> None:
    asked("info", text, tmp_path)
    page = tmp_path / "report.html"
    with figures.trying("hostile evidence: the report", unit="outputs"):
        done = cli("report", tmp_path / "evidence", "-o", page, *redacted)
        is_text(done)
        is_plain_html(page.read_text())
        if redacted:
            assert text not in html.unescape(page.read_text())
        # The library that draws keeps a list of fonts in the user's cache.
        made = {path.name for path in tmp_path.iterdir() if not path.name.startswith("xdg_")}
        # The key of the pseudonyms is kept, so that they are the same in every run.
        assert made == {"evidence", "report.html"} | ({"state"} if redacted else set())


def test_in_pictures(text: str, figures: Figures) -> None:
    snapshot = world(text).snapshot("x.json")
    plan = bf.plan_of_kill(snapshot, [ids(1)])
    pictures = [
        bf.draw_cascade(plan),
        bf.draw_session_map(bf.Tables([snapshot])),
        bf.draw_screen(bf.Tables([snapshot]), ids(1)),
    ]
    for picture in pictures:
        with figures.trying("hostile evidence: pictures", unit="outputs"):
            ET.fromstring(picture.svg())  # noqa: S314 - made by us a moment ago
            assert "<script" not in picture.svg()
            assert SECRET not in picture.svg()
            assert ACTS.search(picture.alt) is None
