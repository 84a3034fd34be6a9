"""The journal: what was changed, when and by whom; entries are only ever appended.

It is one file in the state folder of the snapshot's owner, private to that user. An
append happens under the kernel's lock on the file, is one write of whole lines, and
returns when they are on the disk. So the entries of several processes form one
chain (see `journal_lines`), and what an entry promises is promised for ever.

Every entry lists the intents that are still `open`: changes that were announced and of
which no outcome is known. Whoever comes next finds them in the last line alone.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from bmux_forensics._version import __version__
from bmux_forensics.errors import WriteError
from bmux_forensics.store.folder import read_at
from bmux_forensics.store.journal_file import (
    NAME,
    find_last,
    held_for_append,
    held_for_reading,
    write_lines,
)
from bmux_forensics.store.journal_lines import (
    FORMAT,
    NOTHING_BEFORE,
    Entry,
    Flaw,
    parse,
    read,
    render,
    seal,
)
from bmux_forensics.store.process import this_process
from bmux_forensics.store.refusals import writing
from bmux_forensics.store.state import open_state, state_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

INTENT: Final = "intent"
"""The kind of an entry that announces a change."""

OUTCOME: Final = "outcome"
"""The kind of an entry that says what became of an intent, which it names as `of`."""

_ID_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Journal:
    """A journal as it was read.

    Parameters
    ----------
    path : Path
        The file, which may not be there.
    entries : tuple of Entry
        Every entry that is unchanged, in order.
    flaws : tuple of Flaw
        Where it is not whole.
    """

    path: Path
    entries: tuple[Entry, ...] = ()
    flaws: tuple[Flaw, ...] = ()


def append(kind: str, facts: Mapping[str, Any], *, uid: int | None = None) -> Entry:
    """Add an entry; when this returns it is on the disk.

    The parameters and errors are those of `append_all`, for the facts of one entry.
    """
    return append_all(kind, [facts], uid=uid)[0]


def append_all(
    kind: str, several: Sequence[Mapping[str, Any]], *, uid: int | None = None
) -> list[Entry]:
    """Add entries, one after another; when this returns all of them are on the disk.

    Parameters
    ----------
    kind : str
        What they are about; `INTENT` opens its id and `OUTCOME` closes the one named `of`.
    several : sequence of mapping
        What each says, as JSON: ids, numbers and hashes, never what a pane holds.
    uid : int, optional
        The snapshot's owner; it matters only to root.

    Returns
    -------
    list of Entry
        As they stand in the file now.

    Raises
    ------
    WriteError
        It can't be written, or a newer version of this tool wrote to the journal.
    BusyError
        Somebody else held the journal all the while.
    """
    with open_state(uid) as folder:
        path = folder.path / NAME
        with writing(path, "writing the journal"), held_for_append(folder) as fd:
            size = os.fstat(fd).st_size
            last, end = find_last(fd, size)
            _refuse_newer(last, path)
            rest = read_at(fd, end, size - end)
            whole = size == 0 or read_at(fd, size - 1, 1) == b"\n"
            entries: list[Entry] = []
            lines = b"" if whole else b"\n"
            for facts in several:
                body = _chained(kind, facts, entries[-1] if entries else last)
                if rest and not entries:
                    body["sealed"] = seal(rest, end)
                line = render(body)
                entry = parse(line[:-1], size + len(lines))
                assert entry is not None  # noqa: S101 - it was rendered a moment ago
                entries.append(entry)
                lines += line
            write_lines(fd, lines, size)
    return entries


def _chained(kind: str, facts: Mapping[str, Any], last: Entry | None) -> dict[str, Any]:
    entry_id = secrets.token_hex(_ID_BYTES)
    is_open = list(open_ids(last))
    if kind == INTENT:
        is_open.append(entry_id)
    elif kind == OUTCOME and facts.get("of") in is_open:
        is_open.remove(facts["of"])
    own = {
        "format": FORMAT,
        "number": last.number + 1 if last else 1,
        "prev": last.sha256 if last else NOTHING_BEFORE,
        "open": is_open,
        "id": entry_id,
        "kind": kind,
        "when": dt.datetime.now(dt.UTC).isoformat(timespec="microseconds")[:-6] + "Z",
        "tool": __version__,
        "who": _who(),
    }
    return own | {name: value for name, value in facts.items() if name not in own}


def open_ids(entry: Entry | None) -> tuple[str, ...]:
    """Return the intents that were open when an entry had been written."""
    found = entry.facts.get("open") if entry else None
    return tuple(i for i in found if isinstance(i, str)) if isinstance(found, list) else ()


def _who() -> dict[str, Any]:
    me = this_process()
    uid = os.geteuid() if hasattr(os, "geteuid") else None
    return {
        "uid": uid,
        "user": _user_name(uid),
        "pid": me.pid,
        "start": me.start,
        "host": me.host,
        "machine": me.machine,
        "boot": me.boot,
        "pidns": me.pidns,
    }


@lru_cache(maxsize=4)
def _user_name(uid: int | None) -> str | None:
    if uid is None:
        return os.environ.get("USERNAME")
    import pwd  # noqa: PLC0415 - POSIX only

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def _refuse_newer(last: Entry | None, path: Path) -> None:
    if last is not None and last.format > FORMAT:
        raise WriteError(
            str(path),
            f"format {last.format}",
            expected=f"format {FORMAT} or older",
            advice="a newer bmux-forensics wrote to this journal: use that one",
        )


def read_journal(uid: int | None = None) -> Journal:
    """Read the whole journal; makes nothing.

    Parameters
    ----------
    uid : int, optional
        The owner of the snapshots; it matters only to root.

    Returns
    -------
    Journal
        Without entries where there is none.

    Raises
    ------
    FileUnreadableError
        The system does not let us read it.
    BusyError
        Somebody else held it all the while.
    """
    path = state_path(uid) / NAME
    with held_for_reading(path) as fd:
        data = b"" if fd is None else read_at(fd, 0, os.fstat(fd).st_size)
    entries, flaws = read(data)
    return Journal(path, tuple(entries), tuple(flaws))


def last_entry(uid: int | None = None) -> Entry | None:
    """Read the last whole entry, which says what is open; None without a journal.

    Raises
    ------
    FileUnreadableError, BusyError
        As `read_journal`.
    """
    with held_for_reading(state_path(uid) / NAME) as fd:
        return None if fd is None else find_last(fd, os.fstat(fd).st_size)[0]
