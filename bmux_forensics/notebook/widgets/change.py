"""What a panel that changes a file does: show a plan, apply it to those bytes alone, undo."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import bmux_forensics as bf
from bmux_forensics.errors import (
    BusyError,
    ForensicsError,
    ServerLiveError,
    SnapshotChangedError,
    UsageError,
    WriteError,
    path_text,
)
from bmux_forensics.notebook.widgets import controls, markup
from bmux_forensics.notebook.widgets.buttons import Buttons
from bmux_forensics.notebook.widgets.panel import Panel, handler
from bmux_forensics.notebook.widgets.picker import SnapshotPicker

Source = str | Path | SnapshotPicker | None
"""A file, a picker to follow, or None for a picker of the panel's own."""

LOCK_TIMEOUT: Final = 3.0
"""Seconds to wait for the lock: as long as bmux does."""


class ChangePanel(Panel):
    """A panel on one snapshot file that plans a change, applies it and takes it back.

    Attributes
    ----------
    path : Path or None
        The file.
    snapshot : Snapshot or None
        The file as it was read: what is shown stands in these bytes.
    plan : KillPlan, RepairPlan or None
        The plan on the screen.
    outcome : Passage or None
        What the last apply or undo did to the file.
    """

    _verb = "change"

    def __init__(self, title: str, name: str, source: Source, lock_timeout: float) -> None:
        super().__init__(title, name)
        self.path: Path | None = None
        self.snapshot: bf.Snapshot | None = None
        self.tables: bf.Tables | None = None
        self.plan: Any = None
        self.outcome: bf.Passage | None = None
        self._same_file = False
        self._lock_timeout = lock_timeout
        self._own = SnapshotPicker() if source is None else None
        self._picker = source if isinstance(source, SnapshotPicker) else self._own
        self._fixed = Path(source) if isinstance(source, str | Path) else None
        self._about = controls.html("about")
        self._plan_area = controls.html("plan")
        self._picture_area = controls.html("picture-area")
        self._outcome_area = controls.html("outcome")
        self._reload = controls.button("Reload", "Read the file again", "reload")
        self._preview = controls.button(
            f"Preview {self._verb}", "Show what would be done; nothing is written", "preview"
        )
        self._phrase = controls.field("Type to confirm", "", "confirm")
        self._buttons = Buttons()
        self._apply: Any = None
        self._undo: Any = None

    def _build(self, *parts: Any, beside: tuple[Any, ...] = ()) -> None:
        """Put the parts of a panel between what is read and what can be done.

        Parameters
        ----------
        *parts : widget
            What the panel shows of the file.
        beside : tuple of widget
            What stands beside the button that makes a plan.
        """
        top = (self._own.widget,) if self._own is not None else ()
        controls.show(self._phrase, shown=False)
        self._arrange(
            *top,
            controls.row(self._reload, self._about),
            *parts,
            controls.row(self._preview, *beside),
            self._plan_area,
            self._picture_area,
            controls.row(self._phrase, self._buttons.widget),
            self._message,
            self._progress.widget,
            self._outcome_area,
        )
        for button, do in (
            (self._reload, self._read_again),
            (self._preview, self._look),
        ):
            button.on_click(do)
        controls.on_value(self._phrase, lambda _: self._unlock())
        if self._picker is not None:
            self._picker.follow(self._read_again)
        self._read_again()

    # --- what each panel says -----------------------------------------------------------

    def _fill(self) -> None:
        """Show what the file holds; called when it was read, or when there is none."""

    def _planned(self) -> Any:
        """Make the plan that is asked for."""
        raise NotImplementedError

    def _described(self, plan: Any) -> str:
        """Return a plan as markup."""
        raise NotImplementedError

    def _drawn(self, plan: Any) -> str:
        """Return a picture of a plan as markup, where there is one."""
        del plan
        return ""

    def _carried_out(self, plan: Any) -> bf.Passage:
        """Apply a plan."""
        raise NotImplementedError

    def _told_of(self, plan: Any, passage: bf.Passage) -> str:
        """Say in a line what was done."""
        raise NotImplementedError

    def _to_type(self, plan: Any) -> str:
        """Return what has to be typed before a plan is applied; empty for nothing."""
        del plan
        return ""

    def _aftermath(self, passage: bf.Passage) -> str:
        """Return markup on what else became of an apply."""
        del passage
        return ""

    # --- reading --------------------------------------------------------------------------

    @handler
    def _read_again(self) -> None:
        self._outcome_area.value = ""
        self._work("Reading the snapshot")
        self._read()
        self._clear()

    def _read(self) -> None:
        path = self._fixed or (self._picker.path if self._picker else None)
        self._same_file = path == self.path
        self.path = path
        self._drop_plan()
        self.snapshot = self.tables = None
        for button in (self._reload, self._preview):
            button.disabled = self.path is None
        self._about.value = markup.paragraph("Pick a snapshot first.") if self.path is None else ""
        try:
            if self.path is not None:
                self.snapshot = bf.open_snapshot(self.path)
                self.tables = bf.load_tables(self.snapshot)
                self._about.value = _about(self.snapshot)
        finally:
            self._fill()

    def _new_buttons(self) -> None:
        self._apply = controls.button(
            f"Apply {self._verb}", "Do what the plan says", "apply", look="danger", off=True
        )
        self._undo = controls.button(
            "Undo last change",
            "Take back the newest change of this file",
            "undo",
            off=self.path is None,
        )
        self._buttons.renew((self._apply, self._go), (self._undo, self._take_back))

    def _drop_plan(self) -> None:
        self.plan = None
        self._new_buttons()
        self._plan_area.value = self._picture_area.value = ""
        self._phrase.value = ""
        controls.show(self._phrase, shown=False)

    # --- looking, doing, taking back ------------------------------------------------------

    @handler
    def _look(self) -> None:
        """Show the plan for the bytes that are on the screen; refuse others."""
        self._drop_plan()
        self._outcome_area.value = ""
        self._work(f"Planning the {self._verb}")
        plan = self._planned()
        _ = plan.after  # what can't be written back is refused before anybody is asked
        self._plan_area.value = self._described(plan)
        self.plan = plan
        words = self._to_type(plan)
        self._phrase.description = f"Type “{words}” to confirm"
        controls.show(self._phrase, bool(words))
        self._unlock()
        self._picture_area.value = self._drawn(plan)  # last: it takes longer than the plan
        self._clear()

    def _unlock(self) -> None:
        self._apply.disabled = not self._may_go()

    def _may_go(self) -> bool:
        if self.plan is None or self.plan.after is None:
            return False
        typed: str = self._phrase.value
        return typed.strip() == self._to_type(self.plan)

    @handler
    def _go(self) -> None:
        """Apply the plan on the screen, once."""
        if not self._may_go():
            raise UsageError("apply", "no plan, or it is not confirmed", advice="preview first")
        plan = self.plan
        self._apply.disabled = True  # and with it every click that waits
        self._work(f"Applying the {self._verb}")
        try:
            passage = self._carried_out(plan)
        except SnapshotChangedError:
            self._drop_plan()  # it can never be applied any more
            raise
        except ForensicsError:
            self._unlock()  # once the lock is free, or the disk has room, it can
            raise
        line = self._told_of(plan, passage)
        self._end(passage, line, self._aftermath(passage))

    @handler
    def _take_back(self) -> None:
        """Undo the newest change of the file that holds."""
        if self.path is None:
            raise UsageError("undo", "no snapshot", advice="pick one first")
        self._undo.disabled = True
        self._work("Taking back the last change")
        try:
            self._undo_last(self.path)
        finally:
            self._undo.disabled = False

    def _undo_last(self, path: Path) -> None:
        plan = bf.plan_undo("last", path)
        self._work(f"Taking back the {plan.verb}")
        passage = bf.apply_undo(plan, lock_timeout=self._lock_timeout)
        line = f"Taken back: the {plan.verb} of {plan.when}. The file is byte for byte as before it"
        more = markup.paragraph("Processes that were ended stay ended.")
        self._end(passage, line, more if plan.verb == "kill" else "")

    def _end(self, passage: bf.Passage, line: str, more: str) -> None:
        """Say what was done, and show the file as it is now, here and in the other panels."""
        self.outcome = passage
        self._clear()
        if self._picker is not None:
            self._picker.tell()  # which reads the file again here, too
        else:
            self._read()
        self._outcome_area.value = markup.note("done", line, more=_facts(passage) + more)

    def _hint(self, error: ForensicsError) -> str:
        if isinstance(error, SnapshotChangedError):
            return "The file has changed since you looked: nothing was done. Press Reload."
        if isinstance(error, ServerLiveError):
            return "A bmux server is using this file: nothing was done."
        if isinstance(error, BusyError):
            return "Somebody else is at this file: nothing was done. Try again in a moment."
        if isinstance(error, WriteError):
            return "The system does not let us write: nothing was changed."
        return ""


def _about(snapshot: bf.Snapshot) -> str:
    saved = (
        f"time of the file {snapshot.saved_at:%Y-%m-%d %H:%M:%S} UTC" if snapshot.saved_at else ""
    )
    size = f"{len(snapshot.raw):,} bytes"
    parts = (path_text(Path(snapshot.name).name), saved, size, f"sha256 {snapshot.sha256[:12]}…")
    about = markup.paragraph(markup.text(" · ".join(part for part in parts if part)))
    wrong = [markup.note("note", f"Damaged: {problem}") for problem in snapshot.problems[:1]]
    return "".join((about, *wrong))


def _facts(passage: bf.Passage) -> str:
    """Return what a change did to the file, as markup."""
    hashes = f"sha256 {_short(passage.sha256_before)} → {_short(passage.sha256_after)}"
    lines = [hashes, *passage.notes]
    if passage.backup is not None:
        lines.append(f"the old bytes are kept in {path_text(passage.backup)}")
    return "".join(f"<br>{markup.text(line, 1000)}" for line in lines)


def _short(sha256: str | None) -> str:
    return "no file" if sha256 is None else f"{sha256[:12]}…"
