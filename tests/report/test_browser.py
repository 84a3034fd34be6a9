"""The report as a person opens it: from the disk, in a real browser, with no network."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import bmux_forensics as bf
from tests.report.conftest import Opened
from tests.report.hostile import IDS, NAMES, SPELLED, world
from tests.report.test_report import DAY, MADE, Reader

Open = Callable[..., Opened]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "day.html"
    path.write_text(bf.report(bf.load_archive(DAY, jobs=1), created_at=MADE), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "<b>hostile.json").write_bytes(world().raw)
    path = folder / "hostile.html"
    path.write_text(bf.report(folder / "<b>hostile.json", created_at=MADE), encoding="utf-8")
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_with_no_request_and_no_complaint(open_page: Open, day: Path, scheme: str) -> None:
    opened = open_page(day, color_scheme=scheme, viewport={"width": 1200, "height": 1000})
    page = opened.page
    page.wait_for_function("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    counts = page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('.bf-table')]"
        ".map(t => [t.dataset.name, t.querySelector('[role=status]').textContent]))"
    )
    rows = Reader(day.read_text(encoding="utf-8")).tables
    for name in ("findings", "events", "restore forecast", "files"):
        assert counts[name].endswith(f" of {rows[name]}")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 24, 31)")
    opened.photograph(f"day-{scheme}", full_page=True)
    assert opened.requests == [day.as_uri()]
    assert opened.complaints == []


def test_a_picture_scrolls_where_it_would_be_too_small_to_read(open_page: Open, day: Path) -> None:
    page = open_page(day, viewport={"width": 400, "height": 1000}).page
    image = page.locator("#timeline img")
    assert image.evaluate("i => i.getBoundingClientRect().width / i.naturalWidth") > 0.74
    figure = page.locator("#timeline figure")
    figure.focus()
    assert figure.evaluate("f => f === document.activeElement && f.scrollWidth > f.clientWidth")
    assert page.evaluate("document.body.scrollWidth <= window.innerWidth")


def test_a_hash_stands_there_whole(open_page: Open, day: Path) -> None:
    page = open_page(day, viewport={"width": 1200, "height": 1000}).page
    cells = page.locator("#provenance td", has_text=re.compile("^[0-9a-f]{64}$"))
    assert cells.count() >= 14
    assert cells.evaluate_all("cells => cells.every(c => c.scrollWidth <= c.clientWidth)")


def test_tables_sort_and_search(open_page: Open, day: Path) -> None:
    page = open_page(day).page
    table = page.locator(".bf-table[data-name=files]").first

    def column(number: int) -> list[str]:
        return table.locator(f"tbody tr td:nth-child({number})").all_inner_texts()

    head = table.locator("th").nth(2)
    assert head.inner_text().startswith("size")
    head.locator("button").click()
    sizes = [int(size) for size in column(3)]
    assert sizes == sorted(sizes)
    assert head.get_attribute("aria-sort") == "ascending"
    head.locator("button").press("Enter")
    assert [int(size) for size in column(3)] == sorted(sizes, reverse=True)
    search = table.get_by_role("searchbox")
    search.fill("115637")
    assert column(1) == ["bmux-snapshot-v1.20261122T115637Z.json"]
    assert "1 found, of 11" in table.get_by_role("status").inner_text()
    search.fill("nothing like that")
    assert column(1) == []
    search.fill("")
    assert len(column(1)) == 11


def test_a_long_table_pages(open_page: Open, tmp_path: Path) -> None:
    import pandas as pd  # noqa: PLC0415 - for this table alone

    path = tmp_path / "shown.html"
    shown = bf.show_table(pd.DataFrame({"number": range(45)}), name="numbers", page=20)
    path.write_text(f"<!doctype html><meta charset=utf-8>{shown._repr_html_()}", encoding="utf-8")
    page = open_page(path).page
    status = page.get_by_role("status")
    assert status.inner_text() == "rows 1 to 20 of 45"
    page.get_by_role("button", name="numbers: next page").click()
    page.get_by_role("button", name="numbers: next page").press("Enter")
    assert status.inner_text() == "rows 41 to 45 of 45"
    assert page.get_by_role("button", name="numbers: next page").is_disabled()
    assert page.locator("tbody tr").count() == 5


def test_hostile_names_show_as_text(open_page: Open, hostile: Path) -> None:
    opened = open_page(hostile)
    page = opened.page
    page.wait_for_function("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    table = page.locator(".bf-table[data-name=sessions]").last
    search = table.get_by_role("searchbox")
    for session_id, name in zip(IDS, NAMES, strict=True):
        search.fill(session_id)
        cell = table.locator("tbody tr td", has_text=session_id[:8]).locator(
            "xpath=following::td[1]"
        )
        shown = cell.get_attribute("title") or cell.inner_text()
        assert shown == SPELLED.get(name, name)
        assert len(cell.inner_text()) <= 240
    assert page.locator("main script, main img:not([src^='data:'])").count() == 0
    assert page.evaluate("document.body.scrollWidth <= window.innerWidth + 1")
    opened.photograph("hostile", full_page=True)
    assert opened.complaints == []
    assert opened.requests == [hostile.as_uri()]


def test_it_can_be_printed_in_light_colours_with_every_row(
    open_page: Open, day: Path, tmp_path: Path
) -> None:
    opened = open_page(day, color_scheme="dark")
    opened.page.emulate_media(media="print")
    ground = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(255, 255, 255)"
    assert not opened.page.locator("nav").is_visible()
    assert not opened.page.locator(".bf-bar").first.is_visible()
    assert opened.page.get_by_text("keeps those that are long gone").is_visible()
    assert opened.page.get_by_text("folded are not printed").first.is_visible()
    opened.photograph("printed", full_page=True)
    shot = opened.page.locator("#timeline img").screenshot()
    assert max(Image.open(io.BytesIO(shot)).convert("L").resize((1, 1)).tobytes()) > 200
    assert (
        opened.page.locator("td.bf-id").first.evaluate("c => getComputedStyle(c).whiteSpace")
        == "nowrap"
    )
    printed = opened.page.pdf(path=tmp_path / "report.pdf")
    assert printed.startswith(b"%PDF")


ON_PAPER = {"width": 725, "height": 1000}
"""A4, between the margins that the page asks for."""

CUT = "s => s.filter(t => t.scrollWidth > t.clientWidth + 1).map(t => t.ariaLabel)"
BROKEN = """cells => cells.filter(cell => {
    const words = document.createRange();
    words.selectNodeContents(cell);
    return words.getClientRects().length > 1;
}).map(cell => cell.textContent)"""


def test_on_paper_no_table_is_cut_and_no_number_broken(open_page: Open, day: Path) -> None:
    page = open_page(day, viewport=ON_PAPER).page
    page.emulate_media(media="print")
    assert page.locator("section > .bf-table .bf-scroll").evaluate_all(CUT) == []
    assert page.locator("section > .bf-table .bf-number").evaluate_all(BROKEN) == []


def test_a_narrow_table_scrolls_instead_of_growing_without_end(open_page: Open, day: Path) -> None:
    page = open_page(day, viewport={"width": 420, "height": 1000}).page
    cells = page.locator("#forecast td:last-child")
    assert cells.count() == 22
    lines = cells.evaluate_all(
        "cells => cells.map(c => c.clientHeight / parseFloat(getComputedStyle(c).lineHeight))"
    )
    assert max(lines) < 11
    assert page.evaluate("document.body.scrollWidth <= window.innerWidth")


def test_it_reads_without_its_script(open_page: Open, day: Path) -> None:
    page = open_page(day, java_script_enabled=False).page
    rows = Reader(day.read_text(encoding="utf-8")).tables
    assert page.locator(".bf-table[data-name=findings] tbody tr").count() == rows["findings"]
