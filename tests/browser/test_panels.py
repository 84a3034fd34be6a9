"""The panels in a real browser, against a real JupyterLab: what a person does, and sees."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from .driving import MARKER, NOTEBOOK, PATIENCE, press, preview, read, save, shelve, tick
from .lab import CHROMIUM, ROOT, Tab, browser, lab

pytestmark = [
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser: {CHROMIUM} is not there"),
    pytest.mark.filterwarnings("ignore"),  # the browser's driver has its own
]


PREPARED = """import bmux_forensics as bf
bf.register_display()
tables = bf.load_tables("damaged/bmux-snapshot-v1.20261122T115700Z.json")"""


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """Open the notebook with the panels and run it."""
    folder = tmp_path_factory.mktemp("lab")
    shelf = shelve(folder)
    notebook = read(shelf)
    sources = (PREPARED, "bf.draw_session_map(tables)", "bf.draw_session_map(tables, theme='dark')")
    save(shelf / "pictures.ipynb", notebook, map(nbformat.v4.new_code_cell, sources))
    with lab(folder, shelf) as address, browser(address) as opened:
        opened.open(NOTEBOOK)
        opened.run_all(MARKER)
        yield opened


def pick(tab: Tab, source: str, snapshot: str) -> Path:
    """Pick a sample as a person does; gives its practice copy."""
    picker = tab.panel("picker")
    picker.locator(".bf-source select").select_option(label=source)
    files = picker.locator(".bf-snapshot select")
    option = files.locator("option", has_text=snapshot)
    option.wait_for(state="attached", timeout=PATIENCE)
    files.select_option(label=option.text_content())
    told = picker.locator(".bf-message code", has_text=snapshot)
    told.wait_for(timeout=PATIENCE)
    for panel in ("audit", "kill"):
        about = tab.panel(panel).locator(".bf-about", has_text=snapshot)
        about.wait_for(timeout=PATIENCE)
    return Path(told.text_content())


def test_audit_kill_and_undo(tab: Tab) -> None:
    file = pick(tab, "sample: alpha4-day", "20261122T115637Z")
    before = sha256(file)
    audit = tab.panel("audit")
    audit.locator("summary", has_text="session-without-context").first.click(timeout=PATIENCE)
    assert audit.locator("details[open] pre").first.is_visible()
    tab.shoot("audit", audit)
    kill = tab.panel("kill")
    tick(kill, "tab-1")
    tick(kill, "ops")
    preview(kill)
    kill.locator(".bf-plan", has_text="Kill 2 sessions: tab-1, ops.").wait_for(timeout=PATIENCE)
    picture = kill.locator("img.bf-light")
    picture.wait_for(timeout=PATIENCE)
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    assert sha256(file) == before  # a preview writes nothing
    tab.shoot("kill-plan", kill)
    press(kill, "apply", "Killed 2 sessions: tab-1, ops")
    assert sha256(file) != before
    tab.shoot("kill-applied", kill)
    assert kill.get_by_label("tab-1", exact=True).count() == 0
    press(kill, "undo", "Taken back: the kill")
    assert sha256(file) == before
    kill.get_by_label("tab-1", exact=True).wait_for(timeout=PATIENCE)
    assert tab.errors() == []


NAMELESS = """() => [...document.querySelectorAll(
    '.bf-panel button, .bf-panel input, .bf-panel select, .bf-panel [tabindex="0"]')]
  .filter(e => e.offsetParent !== null)
  .filter(e => ![e.getAttribute('aria-label'), e.textContent, e.title,
    ...[...(e.labels || [])].map(l => l.textContent)].some(t => t?.trim()))
  .map(e => e.outerHTML.slice(0, 200))"""
"""The controls on the screen that no screen reader could name."""


def test_tables_read_from_the_left(tab: Tab) -> None:
    head = tab.page.locator(".bf-shown th").first  # JupyterLab would have it at the right
    head.wait_for(state="attached", timeout=PATIENCE)
    assert head.evaluate("h => getComputedStyle(h).textAlign") == "left"


def test_every_control_has_a_name(tab: Tab) -> None:
    pick(tab, "sample: alpha4-day", "20261122T115643Z")
    kill = tab.panel("kill")
    kill.locator("button.bf-more").click()
    tick(kill, "tab-2")
    preview(kill)
    kill.locator(".bf-sheet img.bf-light").wait_for(timeout=PATIENCE)
    assert tab.page.locator(".bf-panel input").count() > 10
    assert tab.page.evaluate(NAMELESS) == []
    kill.locator("button.bf-more").click()
    kill.locator("button.bf-none").click()
    kill.locator(".bf-count", has_text="none picked yet").wait_for(timeout=PATIENCE)


def test_a_file_that_changed_meanwhile_is_refused(tab: Tab) -> None:
    file = pick(tab, "sample: alpha4-day", "20261122T115638Z")
    kill = tab.panel("kill")
    tick(kill, "tab-2")
    preview(kill)
    kill.locator(".bf-plan", has_text="Kill 1 session: tab-2.").wait_for(timeout=PATIENCE)
    other = next((ROOT / "sample_snapshots" / "alpha4-day").glob("*115643Z*"))
    file.write_bytes(other.read_bytes())
    behind = sha256(file)
    press(kill, "apply", "Press Reload", "message")
    assert sha256(file) == behind
    assert kill.locator("button.bf-apply").is_disabled()
    tab.shoot("kill-refused", kill)
    kill.locator(".bf-reload").click()
    kill.locator(".bf-message .bf-note").wait_for(state="detached", timeout=PATIENCE)
    assert tab.errors() == []


def test_a_folder_is_read_and_a_session_brought_back(tab: Tab) -> None:
    archive = tab.panel("archive")
    archive.locator(".bf-source select").select_option(label="sample: alpha4-day")
    archive.locator(".bf-read").click()
    archive.locator(".bf-timeline img.bf-light").wait_for(timeout=PATIENCE)
    tick(archive, "ops")
    back = archive.locator(".bf-resurrect")
    preview(back)
    press(back, "apply", "Brought back: ops")
    archive.locator(".bf-preview-clean").click()
    archive.locator("button.bf-apply-clean:not([disabled])").wait_for(timeout=PATIENCE)
    tab.shoot("archive", archive)
    assert tab.errors() == []


TURNED = "images => images.map(i => getComputedStyle(i).filter !== 'none')"


def test_pictures_of_a_cell_follow_the_theme(tab: Tab) -> None:
    """Those that are light turn with the page; one that was drawn dark stays."""
    tab.open("pictures.ipynb")
    tab.run_all(MARKER)
    pictures = tab.page.locator(".jp-RenderedImage img")
    assert pictures.evaluate_all(TURNED) == [False, False]
    tab.dark()
    assert pictures.evaluate_all(TURNED) == [True, False]
    tab.shoot("pictures-dark")
    tab.light()
    assert pictures.evaluate_all(TURNED) == [False, False]
    assert tab.errors() == []
    tab.open(NOTEBOOK)
    tab.run_all(MARKER)


def test_mending_in_the_dark_at_half_width_by_keyboard(tab: Tab) -> None:
    tab.page.set_viewport_size({"width": 700, "height": 1000})
    tab.dark()
    file = pick(tab, "sample: damaged", "20261122T115700Z")
    before = sha256(file)
    audit = tab.panel("audit")
    audit.locator("summary", has_text="pane-row-without-session").wait_for(timeout=PATIENCE)
    tab.shoot("audit-dark-half", audit)
    audit.locator(".bf-preview").focus()
    tab.page.keyboard.press("Enter")
    audit.locator("button.bf-apply:not([disabled])").wait_for(timeout=PATIENCE)
    audit.locator("img.bf-dark").wait_for(timeout=PATIENCE)
    tab.shoot("audit-plan-dark-half", audit)
    audit.locator(".bf-preview").focus()
    focused = "() => document.activeElement.className"
    for _ in range(8):  # through what the plan holds to the button below it
        tab.page.keyboard.press("Tab")
        if "bf-apply" in tab.page.evaluate(focused):
            break
    tab.page.keyboard.press("Space")
    audit.locator(".bf-outcome .bf-note", has_text="Repaired").wait_for(timeout=PATIENCE)
    assert sha256(file) != before
    tab.shoot("audit-mended-dark-half", audit)
    kill = tab.panel("kill")
    tick(kill, "tab-1")
    preview(kill)
    kill.locator("img.bf-dark").wait_for(timeout=PATIENCE)
    assert not kill.locator("img.bf-light").is_visible()
    picture = kill.locator("img.bf-dark")
    assert picture.evaluate("i => i.getBoundingClientRect().width / i.naturalWidth") > 0.74
    sheet = kill.locator(".bf-sheet")
    assert sheet.evaluate("s => s.scrollWidth > s.clientWidth")  # it scrolls, by itself alone
    assert sheet.evaluate("s => s.closest('.bf-panel').scrollWidth <= innerWidth")
    tab.shoot("kill-plan-dark-half", kill)
    press(audit, "undo", "Taken back: the repair")
    assert sha256(file) == before
    assert tab.errors() == []
