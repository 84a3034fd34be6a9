"""The report says what the library says, asks for nothing, and runs nothing out of evidence."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings

import bmux_forensics as bf
from benchmarks.worlds import make_snapshot
from tests.report.hostile import NAMES, SPELLED, world
from tests.worlds import SECRET, World, hostile_worlds

ROOT = Path(__file__).resolve().parents[2]
DAY = ROOT / "sample_snapshots" / "alpha4-day"
LAST = DAY / "bmux-snapshot-v1.20261122T115652Z.json"
BROKEN = ROOT / "tests" / "data" / "restore" / "focus-and-leaf-missing-same-row.json.gz"
MADE = datetime(2026, 11, 22, 12, tzinfo=UTC)
_VOID = {"meta", "img", "link", "input", "br", "hr", "source"}


class Reader(HTMLParser):
    """Reads a page the way a browser does: elements, their attributes, and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.tables: dict[str, int] = {}
        self._inside: list[str] = []
        self._name = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.elements.append((tag, found))
        self._name = found.get("data-name") or self._name
        if tag == "tr" and "tbody" in self._inside:
            self.tables[self._name] = self.tables.get(self._name, 0) + 1
        if tag not in _VOID:
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._inside.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._inside and self._inside[-1] not in ("script", "style"):
            self.text.append(data)


@pytest.fixture(scope="module")
def day() -> str:
    return bf.report(bf.load_archive(DAY, jobs=1), created_at=MADE)


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    path = tmp_path / "<b>hostile.json"
    path.write_bytes(world().raw)
    return path


def test_the_page_is_the_same_every_time(day: str) -> None:
    assert bf.report(bf.load_archive(DAY, jobs=1), created_at=MADE) == day


def test_it_says_what_the_library_says(day: str) -> None:
    reader = Reader(day)
    archive = bf.load_archive(DAY, jobs=1)
    tables = bf.load_tables(*sorted(DAY.glob("*.json")))
    assert reader.tables["files"] == len(archive)
    assert reader.tables["findings"] == len(bf.audit(tables))
    assert reader.tables["restore forecast"] == 2 * len(archive)
    assert reader.tables["events"] == len(bf.timeline(archive))
    text = " ".join(reader.text)
    for sha256 in archive.status["sha256"]:
        assert sha256 in text
    last = {str(k): v for k, v in bf.forecast(bf.load_tables(LAST)).iloc[0].items()}
    assert bf.forecast_line(last) in text


def test_tables_are_whole() -> None:
    tables = bf.load_tables(LAST)
    reader = Reader(bf.report(LAST, created_at=MADE))
    for name in tables:
        assert reader.tables.get(name, 0) == len(tables[name]), name


def test_findings_come_with_their_explanations() -> None:
    text = " ".join(Reader(bf.report(BROKEN, created_at=MADE)).text)
    found = set(bf.audit(bf.load_tables(BROKEN))["rule"])
    assert found
    for rule in (rule for rule in bf.RULES if rule.id in found):
        assert rule.meaning in text
        assert rule.effect in text
        assert rule.fix in text
    assert "every save is REFUSED" in text


def test_it_has_pictures_that_say_what_they_show(day: str) -> None:
    images = [attrs for tag, attrs in Reader(day).elements if tag == "img"]
    assert len(images) > 3
    for image in images:
        assert image["alt"]
        kind, _, data = (image["src"] or "").partition(",")
        assert kind == "data:image/svg+xml;base64"
        assert b"<script" not in base64.b64decode(data)
    assert "6 sessions in 11 snapshots, 1 server restart" in [image["alt"] for image in images]


def test_it_asks_for_nothing_and_runs_nothing_but_its_own(hostile: Path) -> None:
    page = bf.report(hostile, created_at=MADE)
    elements = Reader(page).elements
    assert [tag for tag, _ in elements].count("script") == 1
    assert [tag for tag, _ in elements].count("style") == 1
    allowed = {"src": "data:image/svg+xml;base64,", "href": "#"}
    for tag, attrs in elements:
        assert tag not in ("link", "iframe", "object", "embed", "form", "base", "svg")
        assert not [name for name in attrs if name.startswith("on") or name == "style"]
        for name, start in allowed.items():
            assert (attrs.get(name) or start).startswith(start)
    policy = next(a["content"] or "" for t, a in elements if "http-equiv" in a)
    assert "default-src 'none'" in policy
    for name in ("script", "style"):
        (body,) = re.findall(rf"(?s)<{name}>(.*?)</{name}>", page)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy


def test_hostile_names_are_text(hostile: Path) -> None:
    reader = Reader(bf.report(hostile, created_at=MADE))
    told = "".join(reader.text) + "".join(a.get("title") or "" for _, a in reader.elements)
    for name in NAMES:
        assert name in told or name in SPELLED
    assert all(spelled in told for spelled in SPELLED.values())
    assert "n" * 10_000 in told
    assert not [c for c in told if not c.isprintable() and c != "\n"]


def test_environment_values_are_masked_unless_they_are_asked_for(hostile: Path) -> None:
    assert SECRET not in bf.report(hostile, created_at=MADE)
    assert SECRET in bf.report(hostile, created_at=MADE, show_env=True)


def test_a_redacted_report_holds_nothing_private(tmp_path: Path) -> None:
    folder = tmp_path / "quokka"
    folder.mkdir()
    for path in sorted(DAY.glob("*.json"))[-2:]:
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "torn-quokka.json").write_bytes(b"quokka")
    private = (
        "quokka",
        "naïve",
        "sleep 5000",
        "/home/user",
        "/bin/bash",
        "bmux-snapshot-v1",
        "tab-",
    )
    plain = bf.report(folder, created_at=MADE)
    redacted = bf.report(folder, created_at=MADE, redaction=bf.Redaction(b"key"))
    assert [text for text in private if text not in plain] == []
    assert [text for text in private if text in redacted] == []
    pictures = re.findall(r"base64,([A-Za-z0-9+/=]+)", redacted)
    assert all("quokka" not in base64.b64decode(p).decode() for p in pictures)
    assert Reader(redacted).tables["sessions"] == Reader(plain).tables["sessions"]


@given(hostile_worlds())
@settings(max_examples=4)
def test_any_snapshot_can_be_reported(strange: World) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "strange.json"
        path.write_bytes(strange.raw)
        archive = bf.load_archive(path, jobs=1)
        for redaction in (None, bf.Redaction(b"key")):
            page = bf.report(archive, created_at=MADE, redaction=redaction)
            assert SECRET not in page
            assert Reader(page).tables["files"] == 1


def test_a_torn_file_has_its_place_and_its_reason(tmp_path: Path) -> None:
    torn = tmp_path / "torn.json"
    torn.write_bytes(LAST.read_bytes()[:60_000])
    text = " ".join(Reader(bf.report(torn, created_at=MADE)).text)
    assert "damaged" in text
    assert "envelope-unreadable" in text


def test_a_hundred_sessions_fit(tmp_path: Path) -> None:
    path = tmp_path / "many.json"
    path.write_bytes(make_snapshot(100))
    page = bf.report(path, created_at=MADE)
    assert len(page.encode()) < 5_000_000
    assert Reader(page).tables["sessions"] == 100
    assert "94 more sessions are not drawn" in page


def test_the_worst_comes_first_and_a_torn_file_is_not_the_latest(tmp_path: Path) -> None:
    folder = tmp_path / "day"
    folder.mkdir()
    (folder / LAST.name).write_bytes(LAST.read_bytes())
    torn = folder / "bmux-snapshot-v1.20991122T115652Z.json"
    torn.write_bytes(LAST.read_bytes()[:60_000])
    text = " ".join(Reader(bf.report(folder, created_at=MADE)).text)
    words = " ".join(text.split())
    assert "sessions in the latest 5" in words
    assert "panes in the latest 8" in words
    assert words.index("error envelope-unreadable") < words.index("info ghost-client")
