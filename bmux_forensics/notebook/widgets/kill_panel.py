"""Kill sessions by hand: pick them, see all that goes with them, apply, take it back."""

from __future__ import annotations

import bmux_forensics as bf
from bmux_forensics.errors import UsageError
from bmux_forensics.notebook.text import counted
from bmux_forensics.notebook.widgets import controls, markup, plan_text
from bmux_forensics.notebook.widgets.change import LOCK_TIMEOUT, ChangePanel, Source
from bmux_forensics.notebook.widgets.session_table import SessionTable

_GONE = ("ended", "killed")


class KillPanel(ChangePanel):
    """Kill sessions in a snapshot: pick, look at the plan, apply it, take it back.

    A plan is applied only to the bytes that it was made from. Where it ends processes,
    its apply has to be confirmed by typing; processes are ended only for bmux's own
    snapshot, unless it is asked for.

    Parameters
    ----------
    source : path-like or SnapshotPicker, optional
        A snapshot file, or the picker to follow; by default a picker of its own.
    lock_timeout : float
        Seconds to wait for the lock.

    Attributes
    ----------
    plan : KillPlan or None
        The plan on the screen.

    Examples
    --------
    >>> panel = KillPanel("sample_snapshots/alpha4-day/bmux-snapshot-v1.20261122T115637Z.json")
    >>> panel, panel.last_error, panel.plan
    (<KillPanel>, None, None)
    """

    _verb = "kill"

    def __init__(self, source: Source = None, *, lock_timeout: float = LOCK_TIMEOUT) -> None:
        super().__init__("Kill sessions", "kill", source, lock_timeout)
        self.sessions = SessionTable(self._drop_plan)
        self._signal = controls.choice(
            "Processes of the sessions",
            [
                ("end them if this is bmux's own snapshot", None),
                ("leave them alone", False),
                ("end them, whichever file this is", True),
            ],
            "Whether the processes of the panes are ended too",
            "signal",
        )
        self._whole = controls.check("also jobs that asked to stay (nohup)", "whole-session")
        self._plausible = controls.check("also those that are not quite proven", "plausible")
        self._strays = controls.check("also what strayed from these sessions", "strays")
        self._scrub = controls.check("also clean references that bmux leaves dangling", "scrub")
        self._no_server = controls.check(
            "go ahead where nobody can tell whether a server runs", "no-server"
        )
        options = (self._whole, self._plausible, self._strays, self._scrub, self._no_server)
        for option in (self._signal, *options):
            controls.on_value(option, lambda _: self._drop_plan())
        more = controls.button("More choices", "Show or hide what else can be chosen", "more")
        box = controls.column(self._signal, *options)
        controls.show(box, shown=False)
        more.on_click(lambda _: controls.show(box, box.layout.display == "none"))
        self._build(self.sessions.widget, box, beside=(more,))

    def _fill(self) -> None:
        there = self.tables is not None
        controls.show(self.sessions.widget, there)
        if self.tables is not None:
            self.sessions.fill(bf.session_status(self.tables), keep=self._same_file)

    def _planned(self) -> bf.KillPlan:
        if self.snapshot is None or not self.sessions.picked:
            raise UsageError("kill", "no session is picked", advice="tick one in the table")
        return bf.preview_kill(
            self.path,
            list(self.sessions.picked),
            scrub=self._scrub.value,
            reach=bf.Reach(
                signal=self._signal.value,
                whole_session=self._whole.value,
                include_plausible=self._plausible.value,
                include_strays=self._strays.value,
            ),
            expect_sha256=self.snapshot.sha256,
        )

    def _described(self, plan: bf.KillPlan) -> str:
        names = ", ".join(self.sessions.picked.values())
        what = f"Kill {counted(len(plan.session_ids), 'session')}: {names}."
        return "".join(
            (
                markup.heading("The plan"),
                markup.paragraph(f"<b>{markup.text(what)}</b>"),
                markup.paragraph(markup.text(f"{plan_text.actions_line(plan.changes)}.")),
                plan_text.changes_table(plan.changes),
                _processes(plan),
                plan_text.bound_line(plan.snapshot),
            )
        )

    def _drawn(self, plan: bf.KillPlan) -> str:
        drawn = markup.picture(lambda theme: bf.draw_cascade(plan, self.tables, theme=theme))
        scene = plan.scene
        if scene is None:
            return drawn
        evidence = markup.picture(lambda theme: bf.draw_processes(scene, theme=theme))
        return drawn + markup.folded("the evidence on every process of this snapshot", evidence)

    def _to_type(self, plan: bf.KillPlan) -> str:
        number = _meant(plan)
        return f"end {number}" if number else ""

    def _carried_out(self, plan: bf.KillPlan) -> bf.Passage:
        return bf.apply_kill(
            plan,
            lock_timeout=self._lock_timeout,
            assume_no_server=self._no_server.value,
            on_progress=self._ended,
        ).passage

    def _ended(self, done: int, total: int) -> None:
        self._work(f"Ending {counted(total, 'process group')}")
        self._progress.count(done, total)

    def _told_of(self, plan: bf.KillPlan, passage: bf.Passage) -> str:
        names = ", ".join(self.sessions.picked.values())
        done = f"Killed {counted(len(plan.session_ids), 'session')}: {names}"
        left = [group for group in passage.processes if not group["ok"]]
        if left:
            numbers = ", ".join(str(group["pgid"]) for group in left)
            return f"{done}. Process groups that are LEFT: {numbers}"
        ended = sum(group["outcome"] in _GONE for group in passage.processes)
        return f"{done}; {counted(ended, 'process group')} ended" if ended else done

    def _aftermath(self, passage: bf.Passage) -> str:
        return plan_text.outcomes_table(passage) if passage.processes else ""


def _meant(plan: bf.KillPlan) -> int:
    """Return how many process groups a plan sends signals to."""
    return 0 if plan.ending is None else int((plan.ending["signals"] != "").sum())


def _processes(plan: bf.KillPlan) -> str:
    head = markup.heading("Their processes")
    if plan.reach is None:
        words = "None is touched: this is not bmux's own snapshot, or they were to be left alone."
        return head + markup.paragraph(words)
    if plan.ending is None:
        return head + markup.paragraph("This system has no process groups: none is touched.")
    number = _meant(plan)
    words = f"{counted(number, 'process group')} will be ended" if number else "None will be ended"
    rows = plan_text.groups_table(plan.ending) if len(plan.ending) else ""
    return head + markup.paragraph(markup.text(f"{words}.")) + rows
