"""Custody of a change: announced in the journal before it happens, concluded after it.

A crash in between leaves an open intent. Whoever comes next compares the file with the
two hashes of the intent, knows what happened, says so and writes the outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from bmux_forensics.actions.custody_facts import group_facts
from bmux_forensics.actions.custody_judging import judge
from bmux_forensics.actions.custody_reading import advice_on, is_unaccounted
from bmux_forensics.actions.custody_record import (
    COMPLETED,
    NOT_APPLIED,
    PROCESSES,
    STATES,
    Recorded,
    records,
)
from bmux_forensics.errors import FileUnreadableError, ForensicsError, WriteError, path_text
from bmux_forensics.store.folder import Folder
from bmux_forensics.store.journal import (
    INTENT,
    OUTCOME,
    append,
    append_all,
    last_entry,
    open_ids,
    read_journal,
)
from bmux_forensics.store.journal_lines import Entry
from bmux_forensics.store.process import is_gone
from bmux_forensics.store.swapping import rescue

UNTOLD: Final = "done, but the journal could not be told: {}"
"""What a person is told of a change whose outcome could not be written."""

_DUE: Final = "due"
"""What an outcome says of processes that are to be ended after it."""


class Notice:
    """A change on its way: announced right before it happens, concluded whatever comes.

    Parameters
    ----------
    uid : int
        Whose file it is, and so whose journal.
    facts : mapping
        The intent.
    """

    def __init__(self, uid: int, facts: Mapping[str, Any]) -> None:
        self._uid = uid
        self.intent = dict(facts)
        self.id: str | None = None
        self.notes: list[str] = []

    def before(self, last_look: Callable[[], None]) -> Callable[[], None]:
        """Return the last look, with the announcement in front of it."""

        def announce() -> None:
            self.id = append(INTENT, self.intent, uid=self._uid).id
            last_look()

        return announce

    @contextmanager
    def concluded(self, happened: Callable[[], bool]) -> Iterator[None]:
        """Write the outcome of the block; `happened` tells after a failure if it changed a file."""
        try:
            yield
        except BaseException as error:
            if self.id is not None:
                self._conclude_failure(error, happened=happened())
            raise

    def _conclude_failure(self, error: BaseException, *, happened: bool) -> None:
        state, why = NOT_APPLIED, ""
        if happened:
            verdict = judge(self._recorded())
            if verdict is None:
                return
            state, why = verdict.state, verdict.why
        kind = error.kind if isinstance(error, ForensicsError) else type(error).__name__
        why = f"{kind}: {why}" if why else kind
        try:
            append(OUTCOME, {"of": self.id, "state": state, "why": why}, uid=self._uid)
        except ForensicsError as trouble:
            error.add_note(f"the journal could not be told: {trouble}")

    def _recorded(self) -> Recorded:
        return next(r for r in records(read_journal(self._uid).entries) if r.id == self.id)

    def complete(self, **facts: Any) -> None:
        """Write that the change is done and proven.

        The change stands whatever happens here, so a failure is a note: the next run
        sees the open intent, compares the file, and concludes it.
        """
        due = {"processes": _DUE} if self.intent.get("groups") else {}
        self._tell(OUTCOME, {"state": COMPLETED, **due, **facts})

    def tell_processes(self, outcomes: Sequence[Mapping[str, Any]]) -> None:
        """Write what became of process groups."""
        self._tell(PROCESSES, {"groups": group_facts(outcomes)})

    def _tell(self, kind: str, facts: dict[str, Any]) -> None:
        try:
            append(kind, {"of": self.id, **facts}, uid=self._uid)
        except ForensicsError as trouble:
            self.notes.append(UNTOLD.format(trouble))


def announce_all(notices: Sequence[Notice], uid: int) -> None:
    """Announce changes of files of one owner together; raises `WriteError` before any is."""
    entries = append_all(INTENT, [notice.intent for notice in notices], uid=uid)
    for notice, entry in zip(notices, entries, strict=True):
        notice.id = entry.id


def complete_all(notices: Sequence[Notice], uid: int) -> None:
    """Write that announced changes are done and proven; a failure is a note, as `complete`."""
    try:
        append_all(OUTCOME, [{"of": n.id, "state": COMPLETED} for n in notices], uid=uid)
    except ForensicsError as trouble:
        for notice in notices:
            notice.notes.append(UNTOLD.format(trouble))


def settle(
    uid: int, held: Path | None = None, sha256: Callable[[], str | None] | None = None
) -> list[str]:
    """Conclude what earlier runs left open, and say in a line each what happened.

    Parameters
    ----------
    uid : int
        Whose journal.
    held : Path, optional
        The file whose lock we hold, resolved: whoever announced a change of it is not at
        it any more. Of other files only those whose process is proven gone are concluded.
    sha256 : callable, optional
        Gives the hash of that file as it is now.

    Raises
    ------
    WriteError
        There is something open, and the journal can't be read or written.
    """
    try:
        last = last_entry(uid)
        if not open_ids(last) and not _is_due(last):
            return []
        changes = records(read_journal(uid).entries)
    except FileUnreadableError as error:
        raise WriteError(
            error.where, error.found, advice="the journal has to be readable"
        ) from error
    notes = []
    for change in changes:
        ours = change.file == held
        if change.state != "open" or not (ours or is_gone(change.maker)):
            continue
        verdict = judge(change, changes, sha256 if ours else None)
        if verdict is None:
            continue
        notes += _rescued(change.file)
        aside = {"aside": str(verdict.aside)} if verdict.aside else {}
        facts = {"of": change.id, "state": verdict.state, "why": verdict.why, **aside}
        append(OUTCOME, facts | {"by": "a later run"}, uid=uid)
        notes.append(sentence(change, verdict.state, verdict.why))
        change.state = STATES[verdict.state]
    lost = (change for change in changes if is_unaccounted(change))
    return [*notes, *(f"{c.verb} {c.id} of {path_text(c.file)}: {advice_on(c)}" for c in lost)]


def _rescued(path: Path) -> list[str]:
    """Find what a run that was killed held at that moment, and say where it is now."""
    with suppress(OSError), Folder(path.parent) as folder:
        return [
            f"somebody saved {path_text(path)} while it was changed: that is kept in {name}"
            for name in map(path_text, rescue(folder, path.name))
        ]
    return []


def _is_due(last: Entry | None) -> bool:
    """Tell whether the last thing that was written is a change whose processes are still due."""
    return last is not None and last.kind == OUTCOME and last.facts.get("processes") == _DUE


def sentence(change: Recorded, state: str, why: str) -> str:
    """Say what became of a change that was cut short."""
    what = {"done": "it was done", "failed": "it was not done"}.get(STATES[state], "unknown")
    return f"{change.verb} {change.id} of {path_text(change.file)} was cut short: {what} ({why})"
