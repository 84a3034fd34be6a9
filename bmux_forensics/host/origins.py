"""Which pane a stray process most likely came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bmux_forensics.host.rows import ProcessRow


class Origin(NamedTuple):
    """A recorded pane."""

    snapshot: str | None
    session_id: str | None
    pane_id: str | None
    claimed_pgid: int | None


NO_ORIGIN: Final = Origin(None, None, None, None)

_Key = TypeVar("_Key")


class Origins(NamedTuple):
    """The recorded panes, by whatever may lead back to one.

    A folder or command that several panes share leads nowhere and is left out of the
    way back; `folders` keeps all of them.
    """

    by_pid: Mapping[int, ProcessRow]
    panes: frozenset[Origin]
    by_group: Mapping[int, Origin]
    by_folder: Mapping[str, Origin]
    by_command: Mapping[str, Origin]
    folders: frozenset[str]

    @classmethod
    def of(cls, verdicts: pd.DataFrame, by_pid: Mapping[int, ProcessRow]) -> Origins:
        """Index the panes of a table of verdicts."""
        columns = ["snapshot", "session_id", "pane_id", "pgid", "last_known_cwd", "active_command"]
        plain = verdicts[columns].astype(object)
        plain = plain.where(plain.notna(), None)
        rows = [(Origin(*values[:4]), *values[4:]) for values in plain.itertuples(index=False)]
        return cls(
            by_pid=by_pid,
            panes=frozenset(origin for origin, *_ in rows),
            by_group=_only((o.claimed_pgid, o) for o, *_ in rows),
            by_folder=_only((folder, o) for o, folder, _ in rows),
            by_command=_only((command, o) for o, _, command in rows),
            folders=frozenset(folder for _, folder, _ in rows if folder),
        )

    def find(self, row: ProcessRow) -> tuple[Origin | None, str]:
        """Return the likeliest pane and what led to it, the surest way first."""
        ways = (
            ("session", self.by_group.get(row.sid or 0)),
            ("parentage", self._through_parents(row)),
            ("folder", self.by_folder.get(row.cwd or "")),
            ("command", self.by_command.get(row.command or "")),
            ("environment", next(iter(self.panes)) if len(self.panes) == 1 else None),
        )
        return next(((origin, way) for way, origin in ways if origin is not None), (None, ""))

    def _through_parents(self, row: ProcessRow) -> Origin | None:
        for parent in self._parents(row):
            origin = self.by_group.get(parent.pgid or 0) or self.by_group.get(parent.sid or 0)
            if origin is not None:
                return origin
        return None

    def _parents(self, row: ProcessRow) -> Iterator[ProcessRow]:
        seen = {row.pid}
        parent = self.by_pid.get(row.ppid or 0)
        while parent is not None and parent.pid not in seen:
            seen.add(parent.pid)
            yield parent
            parent = self.by_pid.get(parent.ppid or 0)


def _only(pairs: Iterable[tuple[_Key | None, Origin]]) -> dict[_Key, Origin]:
    """Keep the keys that lead to one pane and no other."""
    found: dict[_Key, set[Origin]] = {}
    for key, origin in pairs:
        if key:
            found.setdefault(key, set()).add(origin)
    return {key: next(iter(origins)) for key, origins in found.items() if len(origins) == 1}
