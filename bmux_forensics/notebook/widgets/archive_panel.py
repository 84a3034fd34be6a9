"""A folder full of snapshots by hand: its story as a picture, cleaning it, bringing back."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import ipywidgets
import pandas as pd

import bmux_forensics as bf
from bmux_forensics.errors import UsageError
from bmux_forensics.notebook.text import counted, plain, short_id
from bmux_forensics.notebook.widgets import controls, markup
from bmux_forensics.notebook.widgets.buttons import Buttons
from bmux_forensics.notebook.widgets.change import LOCK_TIMEOUT
from bmux_forensics.notebook.widgets.cleaning_text import cleaning, undone
from bmux_forensics.notebook.widgets.panel import Panel, handler
from bmux_forensics.notebook.widgets.places import Practice, offers, sample_folders, subfolders
from bmux_forensics.notebook.widgets.records import Record
from bmux_forensics.notebook.widgets.resurrect_panel import ResurrectPanel
from bmux_forensics.notebook.widgets.session_table import SessionTable

_FOLDER: Final = "folder"
_HEAD: Final = ("short id", "at the end", "in", "first seen", "last seen")
_LEGEND: Final = "● there: the newest snapshot has it · ✖ gone: only older ones do"
_WISHES: Final = [
    ("the sessions that are ticked", ()),
    ("orphans: what is lost or hollow, in every snapshot", ("lost", "hollow")),
]


class ArchivePanel(Panel):
    """See what happened in a folder of snapshots; clean sessions out of all, or bring one back.

    A folder of samples opens as practice copies.

    Parameters
    ----------
    folder : path-like, optional
        Open this folder first.
    lock_timeout : float
        Seconds to wait for a lock when a session is brought back.

    Attributes
    ----------
    archive : Archive or None
        The snapshots of the folder.
    events : DataFrame or None
        As `timeline` gives them.
    plan : CleanPlan or None
        The plan on the screen.
    outcome : CleanOutcome or None
        What the last cleaning did.
    """

    def __init__(
        self, folder: str | Path | None = None, *, lock_timeout: float = LOCK_TIMEOUT
    ) -> None:
        super().__init__("A folder of snapshots", "archive")
        self.archive: bf.Archive | None = None
        self.events: pd.DataFrame | None = None
        self.plan: bf.CleanPlan | None = None
        self.outcome: bf.CleanOutcome | None = None
        self.known = pd.DataFrame()
        self._practice = Practice()
        samples = [(f"sample: {day.name}", day) for day in sample_folders()]
        sources = [*samples, ("another folder", _FOLDER)]
        self._source = controls.choice("From", sources, "Which folder to look at", "source")
        self._where = _folder_field(folder)
        self._source.value = _FOLDER if folder is not None or not samples else samples[0][1]
        self._load = controls.button("Read", "Read all snapshots of the folder", "read")
        self._counts = controls.html("counts")
        self._timeline = controls.html("timeline")
        self.sessions = SessionTable(self._drop, head=_HEAD, facts=_facts, legend=_LEGEND)
        self._wish = controls.choice("Clean out", _WISHES, "What goes from all snapshots", "wish")
        self._preview = controls.button(
            "Preview clean", "Show what would be done; nothing is written", "preview-clean"
        )
        self._plan_area = controls.html("plan")
        self._buttons = Buttons()
        self._outcome_area = controls.html("outcome")
        self.resurrection = ResurrectPanel(self._picked, lock_timeout)
        self._below = controls.column(
            self._timeline,
            self.sessions.widget,
            controls.html("clean-title", markup.heading("Clean the whole folder")),
            controls.row(self._wish, self._preview),
            self._plan_area,
            self._buttons.widget,
            self._outcome_area,
            self.resurrection.widget,
        )
        self._new_buttons()
        self._choose()
        self._arrange(
            controls.row(self._source, self._where, self._load),
            self._counts,
            self._message,
            self._progress.widget,
            self._below,
        )
        controls.on_value(self._source, self._choose)
        controls.on_value(self._where, self._choose)
        controls.on_value(self._wish, lambda _: self._drop())
        self._load.on_click(self._read)
        self._preview.on_click(self._look)

    @handler
    def _choose(self) -> None:
        """Take another folder; it is read when that is asked for."""
        named = self._source.value == _FOLDER
        controls.show(self._where, named)
        if named:
            self._where.options = tuple(subfolders(Path(self._where.value)))
        controls.show(self._below, shown=False)
        self._counts.value = ""

    @handler
    def _read(self) -> None:
        self._read_all()

    def _read_all(self) -> None:
        """Read every snapshot of the folder, and show what happened."""
        self._drop()
        self._outcome_area.value = ""
        source = self._source.value
        practice = isinstance(source, Path)
        folder = self._practice.copy_of_day(source) if practice else Path(self._where.value)
        self._work("Reading the snapshots")
        self.archive = bf.load_archive(folder, on_progress=self._progress.count)
        self._work("Working out what happened")
        self.events = bf.timeline(self.archive)
        self.known = bf.archive_sessions(self.archive)
        counts = [f"{n:,} {word}" for word, n in self.archive.counts.items() if n]
        note = "; practice copies, the samples stay as they are" if practice else ""
        self._counts.value = markup.paragraph(markup.text(f"{', '.join(counts)}{note}"))
        self.sessions.fill(self.known)
        newest_first = reversed(offers(folder))
        self.resurrection.offer([(offer.label, offer.path) for offer in newest_first])
        controls.show(self._below, shown=True)
        archive, events = self.archive, self.events
        self._timeline.value = markup.picture(
            lambda theme: bf.draw_timeline(events, archive, theme=theme)
        )
        self._clear()

    def _picked(self) -> pd.DataFrame:
        return self.known[self.known["session_id"].isin(list(self.sessions.picked))]

    # --- cleaning -------------------------------------------------------------------------

    def _new_buttons(self) -> None:
        due = self.plan is not None and self.plan.counts["would-clean"] > 0
        self._apply = controls.button(
            "Apply clean", "Do what the plan says", "apply-clean", look="danger", off=not due
        )
        done = self.outcome is not None and self.outcome.files["entry"].notna().any()
        self._undo = controls.button(
            "Undo this cleaning",
            "Bring back the old bytes of each file",
            "undo-clean",
            off=not done,
        )
        self._buttons.renew((self._apply, self._go), (self._undo, self._take_back))

    def _drop(self) -> None:
        self.plan = None
        self._plan_area.value = ""
        self.resurrection.drop()
        self._new_buttons()

    @handler
    def _look(self) -> None:
        """Show what would become of each file."""
        self._drop()
        orphans, picked = self._wish.value, list(self.sessions.picked)
        if self.archive is None or not (orphans or picked):
            raise UsageError("clean", "no session is ticked", advice="tick one in the table")
        self._work("Planning the cleaning")
        self.plan = bf.preview_clean(
            self.archive,
            sessions=() if orphans else picked,
            orphans=orphans,
            on_progress=self._progress.count,
        )
        self._clear()
        self._plan_area.value = cleaning(self.plan)
        self._new_buttons()

    @handler
    def _go(self) -> None:
        """Clean the files, each only if it has the bytes that the plan was made from."""
        if self.plan is None:
            raise UsageError("clean", "no plan", advice="preview first")
        self._apply.disabled = True
        self._work("Cleaning")
        self.outcome = bf.apply_clean(self.plan, on_progress=self._progress.count)
        self._again(cleaning(self.outcome))

    @handler
    def _take_back(self) -> None:
        """Undo the cleaning, file by file; what can't be is said, and stops no other."""
        if self.outcome is None:
            raise UsageError("undo", "nothing was cleaned here")
        self._undo.disabled = True
        self._work("Taking the cleaning back")
        told = undone(self.outcome, self._progress.count)
        self.outcome = None
        self._again(told)

    def _again(self, told: str) -> None:
        self._clear()
        self._read_all()
        self._outcome_area.value = told


def _folder_field(folder: str | Path | None) -> Any:
    made = ipywidgets.Combobox(
        value=str(Path(folder) if folder is not None else Path.cwd()),
        description="Folder",
        placeholder="a folder: type it, or pick from the list",
        tooltip="The folder to look in",
        continuous_update=False,
    )
    return controls.wide(controls.named(made, "folder"))


def _facts(row: Record) -> tuple[str, ...]:
    """Return what is to be known of a session of the archive, in the order of `_HEAD`."""
    there = "● there" if row["is_in_newest"] else "✖ gone"
    files = counted(row["snapshots"], "file")
    return short_id(plain(row["session_id"])), there, files, _when(row["first"]), _when(row["last"])


def _when(moment: Any) -> str:
    return "unknown" if pd.isna(moment) else f"{moment:%Y-%m-%d %H:%M:%S} UTC"
