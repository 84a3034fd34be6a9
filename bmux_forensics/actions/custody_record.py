"""What the journal says about each change, read from its entries: intent, outcome, undo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bmux_forensics.store.journal import INTENT, OUTCOME
from bmux_forensics.store.journal_lines import Entry
from bmux_forensics.store.process import ProcessName

PROCESSES: Final = "processes"
"""The kind of an entry that says what became of process groups, after an outcome."""

PRUNED: Final = "pruned"
"""The kind of an entry that says which backups are removed."""

COMPLETED: Final = "completed"
NOT_APPLIED: Final = "not applied"
UNKNOWN: Final = "unknown"

STATES: Final[Mapping[str, str]] = {
    COMPLETED: "done",
    NOT_APPLIED: "failed",
    UNKNOWN: "unknown",
}
"""What people read for an outcome; a change without one is "open"."""


@dataclass
class Recorded:
    """One change, as far as the journal knows it.

    Parameters
    ----------
    id : str
        What `undo` calls it.
    number : int
        The place of its intent in the journal.
    when : str
        RFC 3339, UTC.
    user : str or None
        Who made it.
    maker : ProcessName
        The process that made it.
    verb : str
        What it was.
    file : Path
        The file, every link resolved.
    before, after : str or None
        SHA-256 of its bytes before and after; None where there is no file.
    backup, aside : Path or None
        Where the old bytes were kept, or where the file itself was moved.
    moment : str or None
        The moment in the name of a file that was to be moved aside.
    sessions : tuple of str
        The sessions that it removed.
    groups : tuple of mapping
        The process groups that it was to end.
    undoes : str or None
        The change that it takes back.
    discards : tuple of str
        Later changes that went with it.
    state : str
        "done", "open", "undone", "failed" or "unknown".
    note : str
        What a person should know about the state.
    """

    id: str
    number: int
    when: str
    user: str | None
    maker: ProcessName
    verb: str
    file: Path
    before: str | None
    after: str | None
    backup: Path | None
    aside: Path | None
    moment: str | None
    sessions: tuple[str, ...]
    groups: tuple[Mapping[str, Any], ...]
    undoes: str | None
    discards: tuple[str, ...]
    state: str = "open"
    note: str = ""
    processes: tuple[Mapping[str, Any], ...] | None = field(default=None)

    @property
    def backup_key(self) -> str | None:
        """Which backup it is, wherever the state folder has been moved to."""
        return None if self.backup is None else backup_key(self.backup)


def backup_key(path: str | Path) -> str:
    """Return the part of a backup's path that never changes: its folder's name and its own.

    Examples
    --------
    >>> backup_key("/home/me/state/backups/0f1e/x.backup")
    '0f1e/x.backup'
    """
    return "/".join(Path(path).parts[-2:])


def records(entries: Iterable[Entry]) -> list[Recorded]:
    """Return every change that a journal announces, oldest first, with what became of it.

    An undo that is done makes what it took back "undone"; undoing that makes it "done"
    again. Entries of a shape that this version does not know are passed over.
    """
    found: dict[str, Recorded] = {}
    for entry in entries:
        if entry.kind == INTENT:
            change = _announced(entry)
            if change is not None:
                found.setdefault(change.id, change)
            continue
        of = found.get(_text(entry.facts, "of") or "")
        if of is None:
            continue
        if entry.kind == OUTCOME and of.state == "open":
            _conclude(of, entry.facts)
        elif entry.kind == PROCESSES:
            of.processes = _mappings(entry.facts, "groups")
    changes = list(found.values())
    mark_undone(changes)
    return changes


def _announced(entry: Entry) -> Recorded | None:
    facts = entry.facts
    verb, file = _text(facts, "verb"), _path(facts, "file")
    if verb is None or file is None:
        return None
    who = facts.get("who")
    who = who if isinstance(who, dict) else {}
    return Recorded(
        id=entry.id,
        number=entry.number,
        when=entry.when,
        user=_text(who, "user") or _number_text(who, "uid"),
        maker=_maker(who),
        verb=verb,
        file=file,
        before=_text(facts, "sha256_before"),
        after=_text(facts, "sha256_after"),
        backup=_path(facts, "backup"),
        aside=_path(facts, "aside"),
        moment=_text(facts, "moment"),
        sessions=_texts(facts, "sessions"),
        groups=_mappings(facts, "groups"),
        undoes=_text(facts, "undoes"),
        discards=_texts(facts, "discards"),
    )


def _conclude(change: Recorded, facts: Mapping[str, Any]) -> None:
    change.state = STATES.get(_text(facts, "state") or "", "unknown")
    change.note = _text(facts, "why") or ""
    change.aside = _path(facts, "aside") or change.aside


def mark_undone(changes: Sequence[Recorded]) -> None:
    """Tell what is done from what is undone: taken back by a later undo that holds itself.

    Looked at from the newest to the oldest, so that an undo that was undone takes nothing
    back, however long such a chain is.
    """
    taken: set[str] = set()
    for change in reversed(changes):
        if change.state not in ("done", "undone"):
            continue
        change.state = "undone" if change.id in taken else "done"
        if change.state == "done":
            taken.update(filter(None, (change.undoes, *change.discards)))


def _maker(who: Mapping[str, Any]) -> ProcessName:
    pid = who.get("pid")
    texts = {name: _text(who, name) or "" for name in ("start", "boot", "pidns", "host", "machine")}
    return ProcessName(pid if type(pid) is int else 0, **texts)


def _text(facts: Mapping[str, Any], name: str) -> str | None:
    value = facts.get(name)
    return value if isinstance(value, str) and value else None


def _number_text(facts: Mapping[str, Any], name: str) -> str | None:
    value = facts.get(name)
    return str(value) if type(value) is int else None


def _path(facts: Mapping[str, Any], name: str) -> Path | None:
    value = _text(facts, name)
    return None if value is None or "\0" in value else Path(value)


def _texts(facts: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = facts.get(name)
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list) else ()


def _mappings(facts: Mapping[str, Any], name: str) -> tuple[Mapping[str, Any], ...]:
    value = facts.get(name)
    return tuple(v for v in value if isinstance(v, dict)) if isinstance(value, list) else ()
