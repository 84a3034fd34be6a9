"""The kill panel: what is picked is what goes, once, from the bytes on the screen."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import bmux_forensics as bf
from bmux_forensics.errors import (
    BusyError,
    ServerLiveError,
    SnapshotChangedError,
    UsageError,
)
from bmux_forensics.store.lock import SnapshotLock
from tests.actions.scenes import ALPHA, BETA, EVIL, GAMMA, ROOT, Trace, below, save, world
from tests.processes.conftest import Bmux, gone, uuid
from tests.worlds import SECRET

from .conftest import previewed, said, watched

HOSTILE = ("<script", "<img src=x", "<b>evil", "\x1b", "\u202e")


def sessions_in(path: Path) -> list[str]:
    return [identity for identity, _ in bf.summarize(bf.open_snapshot(path)).sessions]


def test_it_kills_what_is_ticked_and_takes_it_back(file: Path) -> None:
    panel = bf.KillPanel(file)
    before = Trace.of(file)
    box = next(b for b in panel.sessions._boxes.values() if "alpha" in b.description)
    box.value = True
    panel._preview.click()
    assert panel.plan.session_ids == (ALPHA,)
    assert Trace.of(file) == before  # a preview writes nothing
    assert "Kill 1 session: alpha." in panel._plan_area.value
    assert panel._picture_area.value.count("<img") == 2  # one a theme
    panel._apply.click()
    assert panel.last_error is None
    assert "Killed 1 session: alpha" in said(panel)
    assert ALPHA not in sessions_in(file)
    assert panel.outcome is not None
    assert panel.outcome.applied
    assert panel.plan is None
    panel._undo.click()
    assert "Taken back: the kill" in said(panel)
    assert file.read_bytes() == before.raw
    assert file.stat().st_mtime_ns == before.mtime_ns
    assert panel.sessions.picked == {}


def test_what_takes_time_is_seen_to_be_worked_on(file: Path) -> None:
    """By a bar that the browser moves; it is gone when the work is, however that ended."""
    panel = bf.KillPanel(file)
    bars = watched(panel)
    previewed(panel, ALPHA)
    panel._apply.click()
    panel._undo.click()
    names = [bar.split('"')[1] for bar in bars if bar]
    assert names[0] == "Planning the kill"
    assert [n for n in names if n.startswith(("App", "Tak"))] == [
        "Applying the kill",
        "Taking back the last change",
        "Taking back the kill",
    ]
    assert (bars[-1], panel._progress.widget.layout.display) == ("", "none")
    file.unlink()
    panel._reload.click()
    assert panel.last_error is not None
    assert bars[-2:] == ['<progress aria-label="Reading the snapshot"></progress>', ""]


def test_a_double_click_applies_once(file: Path) -> None:
    panel = bf.KillPanel(file)
    previewed(panel, ALPHA)
    button = panel._apply
    button.click()
    after = Trace.of(file)
    button.click()  # the second one, which waited while the first was worked on
    assert panel.last_error is None
    assert Trace.of(file) == after
    assert len(bf.history()) == 1


def test_a_double_click_undoes_once(file: Path) -> None:
    panel = bf.KillPanel(file)
    for one in (ALPHA, BETA):
        previewed(panel, one)
        panel._apply.click()
    button = panel._undo
    button.click()
    button.click()
    assert BETA in sessions_in(file)
    assert ALPHA not in sessions_in(file)


def test_a_late_click_applies_no_other_plan(file: Path) -> None:
    panel = bf.KillPanel(file)
    previewed(panel, ALPHA)
    before, late = Trace.of(file), panel._apply
    previewed(panel, BETA)
    assert late.comm is None  # what the browser sends for it reaches nothing any more
    assert panel._apply is not late
    assert Trace.of(file) == before


def test_a_late_tick_picks_no_other_session(file: Path) -> None:
    panel = bf.KillPanel(file)
    late = next(iter(panel.sessions._boxes.values()))
    panel._reload.click()
    assert next(iter(panel.sessions._boxes.values())) is not late
    assert panel.sessions.picked == {}


def test_other_picks_or_choices_drop_the_plan(file: Path) -> None:
    panel = bf.KillPanel(file)
    changes: tuple[Callable[[], None], ...] = (
        lambda: panel.sessions.pick(BETA),
        lambda: setattr(panel._scrub, "value", True),
        lambda: setattr(panel._signal, "value", False),
    )
    for change in changes:
        previewed(panel, ALPHA)
        assert not panel._apply.disabled
        change()
        assert panel.plan is None
        assert panel._apply.disabled
        assert panel._plan_area.value == ""


def test_a_plan_for_other_bytes_is_refused(file: Path) -> None:
    panel = bf.KillPanel(file)
    previewed(panel, ALPHA)
    bf.kill(file, [GAMMA])
    behind = Trace.of(file)
    panel._apply.click()
    assert isinstance(panel.last_error, SnapshotChangedError)
    assert "changed since you looked" in said(panel)
    assert Trace.of(file) == behind
    assert panel._apply.disabled
    panel._preview.click()  # a plan of what is not on the screen is refused too
    assert isinstance(panel.last_error, SnapshotChangedError)
    panel._reload.click()
    assert panel.last_error is None
    assert panel.sessions.picked == {ALPHA: "alpha"}
    panel._preview.click()
    panel._apply.click()
    assert ALPHA not in sessions_in(file)


def test_a_file_that_is_gone_is_told_of(file: Path) -> None:
    panel = bf.KillPanel(file)
    previewed(panel, ALPHA)
    file.unlink()
    panel._apply.click()
    assert isinstance(panel.last_error, SnapshotChangedError)
    assert not file.exists()


def test_a_held_lock_is_told_of_and_the_plan_stays(file: Path) -> None:
    panel = bf.KillPanel(file, lock_timeout=0.05)
    previewed(panel, ALPHA)
    before = Trace.of(file)
    hold = (
        "import sys; from bmux_forensics.store.lock import SnapshotLock\n"
        "with SnapshotLock(sys.argv[1]): print('held', flush=True); sys.stdin.readline()"
    )
    command = [sys.executable, "-c", hold, str(file)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        panel._apply.click()
        assert isinstance(panel.last_error, BusyError)
        assert "nothing was done" in said(panel)
        assert Trace.of(file) == before
        holder.communicate("\n")
    assert not panel._apply.disabled
    panel._apply.click()
    assert panel.last_error is None
    assert ALPHA not in sessions_in(file)
    with SnapshotLock(file):
        pass  # and the panel let go of the lock


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_permission_that_was_lost_is_told_of(file: Path) -> None:
    script = (
        "import os, sys, bmux_forensics as bf\n"
        "from pathlib import Path\n"
        "file = Path(sys.argv[1])\n"
        "panel = bf.KillPanel(file)\n"
        "panel._no_server.value = True  # what others run here, another user can't tell\n"
        "panel.sessions.pick(sys.argv[2])\n"
        "panel._preview.click()\n"
        "assert panel.plan is not None, panel.last_error\n"
        "# Another user may not read Python itself: whatever is needed is loaded before.\n"
        "other = bf.KillPanel(sys.argv[3])\n"
        "other.sessions.pick(sys.argv[2])\n"
        "other._preview.click()\n"
        "other._apply.click()\n"
        "'x'.encode('ascii')\n"
        "os.setuid(65534)\n"
        "panel._apply.click()\n"
        "print(panel._message.value)\n"
    )
    for folder in (file.parent, *file.parent.parents[:-1]):
        folder.chmod(folder.stat().st_mode | 0o055)
    file.chmod(0o644)
    before, other = Trace.of(file), save(file.with_name("other.json"), file.read_bytes())
    done = subprocess.run(
        [sys.executable, "-c", script, str(file), ALPHA, str(other)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "MPLCONFIGDIR": str(file.parent)},
    )
    assert "does not let us write: nothing was changed" in done.stdout, done.stdout + done.stderr
    assert Trace.of(file) == before


def test_a_live_server_is_told_of(bmux: Bmux) -> None:
    path = bmux.record(doomed=[None], other=[None])
    before = Trace.of(path)
    panel = bf.KillPanel(path)
    previewed(panel, uuid(0))
    server = bmux.listen()
    panel._apply.click()
    assert isinstance(panel.last_error, ServerLiveError)
    assert "bmux server is using this file" in said(panel)
    assert Trace.of(path) == before
    server.kill()
    server.wait()
    panel._apply.click()
    assert panel.last_error is None
    assert sessions_in(path) == [uuid(1)]


def test_processes_are_ended_only_when_their_number_was_typed(bmux: Bmux) -> None:
    child, other = bmux.start(), bmux.start()
    path = bmux.record(doomed=[child], other=[other])
    panel = bf.KillPanel()  # bmux's own snapshot is what its picker starts with
    assert panel.path == path
    previewed(panel, uuid(0))
    assert "1 process group will be ended" in panel._plan_area.value
    assert "confirmed" in panel._plan_area.value
    assert panel._picture_area.value.count("<img") == 4  # what goes, and the processes' evidence
    assert panel._phrase.description == "Type “end 1” to confirm"
    assert panel._apply.disabled
    for typed in ("end", "end 2", "END 1"):
        panel._phrase.value = typed
        assert panel._apply.disabled
    panel._go()  # even if a click came through
    assert isinstance(panel.last_error, UsageError)
    assert child.poll() is None
    panel._phrase.value = "end 1"
    bars = watched(panel)
    panel._apply.click()
    assert panel.last_error is None
    begun, counted = (f'<progress aria-label="{what}' for what in ("Applying", "Ending 1 process"))
    assert [bars[0].startswith(begun), bars[1].startswith(counted)] == [True, True]
    assert any(bar.endswith('max="1" value="1"></progress> 1 of 1') for bar in bars)
    assert bars[-1] == ""
    assert "1 process group ended" in said(panel)
    assert gone(child)
    assert other.poll() is None
    panel._undo.click()
    assert "Processes that were ended stay ended" in said(panel)
    assert sessions_in(path) == [uuid(0), uuid(1)]


def test_without_a_pick_it_says_what_to_do(file: Path) -> None:
    panel = bf.KillPanel(file)
    panel._preview.click()
    assert isinstance(panel.last_error, UsageError)
    assert "tick one" in said(panel)
    panel.sessions.pick(ALPHA)
    panel._preview.click()
    assert panel.last_error is None
    assert said(panel) == ""


def test_a_fault_of_ours_is_shown_and_raised(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = bf.KillPanel(file)
    panel.sessions.pick(ALPHA)
    monkeypatch.setattr(panel, "_described", lambda plan: plan.no_such_thing)
    with pytest.raises(AttributeError):
        panel._look()
    assert isinstance(panel.last_error, AttributeError)
    assert "a fault of bmux_forensics" in said(panel)
    assert panel._apply.disabled


def test_nothing_of_a_snapshot_acts_or_leaks(tmp_path: Path) -> None:
    raw = world().raw
    evil = world()
    rows = evil.tree("sessions")
    rows[0]["name"] = "<script>alert(1)</script><img src=x onerror=x>"
    rows[1]["name"] = "n" * 10_000
    file = save(tmp_path / "<b>evil.json", evil.raw)
    assert evil.raw != raw
    panel = bf.KillPanel(file)
    previewed(panel, ALPHA, BETA, EVIL)
    panel._plan_area.value += panel._picture_area.value
    pages = [panel._plan_area.value, panel._about.value, panel.sessions._count.value]
    panel._apply.click()
    pages += [said(panel), *(line.children[1].value for line in panel.sessions._lines.values())]
    for page in pages:
        assert not any(
            bad in page for bad in ("<script", "<img src=x", "<b>evil", "\x1b", "\u202e")
        )
        assert SECRET not in page
    assert max(len(b.description) for b in panel.sessions._boxes.values()) <= 40


def test_the_table_finds_pages_and_counts(tmp_path: Path) -> None:
    from benchmarks.worlds import make_snapshot  # noqa: PLC0415 - the one test that needs many

    file = tmp_path / "many.json"
    file.write_bytes(make_snapshot(30))
    table = bf.KillPanel(file).sessions
    assert len(table._page.children) == 12
    table._after.click()
    table._after.click()
    assert len(table._page.children) == 6
    assert table._after.disabled
    table._find.value = "WORK-2"
    assert [row["name"] for row in table._hits][:2] == ["work-2", "work-20"]
    table._all.click()
    assert len(table.picked) == len(table._hits) == 11
    table._find.value = "no such thing"
    assert "0 sessions of 30; 11 picked" in table._count.value
    table._none.click()
    assert table.picked == {}


def test_nothing_else_is_left_in_the_folder(file: Path) -> None:
    panel = bf.KillPanel(file)
    previewed(panel, ALPHA)
    panel._apply.click()
    panel._undo.click()
    assert [n for n in below(file.parent) if not n.startswith("state")] == ["day.json"]
