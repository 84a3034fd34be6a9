"""Which snapshots speak of something: a text, a command, a folder, a session, a pane.

Text is found anywhere in a value, in any letter case; an id by its beginning, or whole in
any spelling that bmux reads. Values of environment variables are private and not searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from bmux_forensics.errors import UsageError
from bmux_forensics.snapshot.identifiers import canonical_id
from bmux_forensics.tables.build import Tables
from bmux_forensics.tables.catalog import BY_NAME
from bmux_forensics.tables.cells import TEXT_DTYPE, cells
from bmux_forensics.tables.schema import Kind

_PANE_TEXTS: Final = {
    "pane": ("pane_id", "name"),
    "command": ("active_command", "launch_program", "launch_args"),
    "folder": ("last_known_cwd", "launch_cwd"),
}

PLACES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "session": (
        ("sessions", "session_id"),
        ("sessions", "name"),
        ("runtimes", "owner_id"),
        ("older_runtimes", "owner_id"),
        ("bindings", "session_id"),
    ),
    "context": (("contexts", "context_id"), ("contexts", "name"), ("bindings", "context_id")),
    **{
        what: tuple((table, c) for table in ("panes", "older_panes") for c in columns)
        for what, columns in _PANE_TEXTS.items()
    },
    "client": (("clients", "client_id"),),
    "workspace": (("workspaces", "workspace_id"), ("workspaces", "name")),
}
"""What can be looked for, and the table columns that hold it."""

_WHOSE: Final = ("session_id", "context_id", "pane_id")
_GROUP: Final = ["host", "what", "value", *_WHOSE]
_NAMED: Final = ["snapshot", "session_id"]


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for; asked of the tables of a batch it gives a row a match.

    Parameters
    ----------
    text : str
        The text.
    what : str or None
        One of `PLACES`; None looks in all of them.

    Raises
    ------
    UsageError
        The text is empty, or there is no such place.
    """

    text: str
    what: str | None = None

    def __post_init__(self) -> None:
        """Refuse what would find everything, or nothing for the wrong reason."""
        if not self.text:
            raise UsageError("find", "an empty text", expected="what to look for")
        try:
            self.text.encode()
        except UnicodeEncodeError:  # an argument may hold any byte, a snapshot only text
            found = ascii(self.text)
            raise UsageError("find", f"{found}, which is no text", expected="UTF-8") from None
        if self.what is not None and self.what not in PLACES:
            raise UsageError("find", f"{self.what!r}", expected=", ".join(PLACES))

    def __call__(self, tables: Tables) -> pd.DataFrame:
        """Return the matches: ``snapshot``, ``captured_at``, ``what``, ``value``, ids, ``name``."""
        found = [
            self._matches(tables, what, table, column)
            for what in ([self.what] if self.what else PLACES)
            for table, column in PLACES[what]
        ]
        frame = pd.concat(found, ignore_index=True).astype({"snapshot": TEXT_DTYPE})
        frame = frame.drop_duplicates(["snapshot", *_GROUP[1:]])
        names = tables["sessions"][[*_NAMED, "name"]].dropna(subset=["session_id"])
        names = names.astype({"snapshot": TEXT_DTYPE}).drop_duplicates(_NAMED)
        moments = tables["snapshots"][["snapshot", "saved_at"]].astype({"snapshot": TEXT_DTYPE})
        frame = frame.merge(names, on=_NAMED, how="left").merge(moments, on="snapshot", how="left")
        return frame.rename(columns={"saved_at": "captured_at"})

    def _matches(self, tables: Tables, what: str, table: str, column: str) -> pd.DataFrame:
        kinds = {spec.name: spec.kind for spec in BY_NAME[table].columns}
        values = tables.lookup(table).column(column)
        rows = tables[table][self._mask(values, kinds[column])]
        found = {"snapshot": rows["snapshot"], "what": what, "value": rows[column]}
        owner = rows["owner_id"] if "owner_id" in rows else rows.get("session_id")
        ids = {name: rows.get(name) for name in _WHOSE} | {"session_id": owner}
        frame = pd.DataFrame({**found, **ids}, index=rows.index)
        return frame.astype(dict.fromkeys(["what", "value", *_WHOSE], TEXT_DTYPE))

    def _mask(self, values: pa.Array, kind: Kind) -> pd.Series[bool]:
        text = self.text
        if kind in (Kind.ID, Kind.OWNER):
            found = pc.starts_with(values, canonical_id(text) or text.lower())
        else:
            found = pc.match_substring(values, text, ignore_case=True)
        return pd.Series(pc.fill_null(found, fill_value=False).to_numpy(zero_copy_only=False))


def gathered(parts: Sequence[pd.DataFrame], hosts: pd.DataFrame) -> pd.DataFrame:
    """Return the matches of all batches, a row for each thing that was found.

    Parameters
    ----------
    parts : sequence of DataFrame
        What a `Search` found in each batch, in the order of the files.
    hosts : DataFrame
        ``path`` and ``host`` of each file.

    Returns
    -------
    DataFrame
        ``host`` str; ``what`` str, one of `PLACES`; ``value`` str, what matched;
        ``session_id``, ``context_id``, ``pane_id`` str, whose it is, null where that does
        not apply; ``name`` str, the session's last name; ``count`` int64, in how many
        snapshots; ``first_at``, ``last_at`` datetime64[us, UTC]; ``snapshots`` object, the
        list of their paths in order of capture. By first capture. Empty, with the same
        columns, when nothing matched.
    """
    empty = pd.DataFrame(columns=["snapshot", *_GROUP[1:], "name", "captured_at"])
    whole = pd.concat([part for part in parts if len(part)] or [empty], ignore_index=True)
    owners = hosts[["path", "host"]].rename(columns={"path": "snapshot"})
    whole = whole.astype({"snapshot": TEXT_DTYPE}).merge(owners, on="snapshot", how="left")
    whole = whole.sort_values("captured_at", kind="stable")
    # What a row is about, in order of first capture, as a number.
    thing = whole.groupby(_GROUP, sort=False, dropna=False).ngroup()
    firsts = whole[~thing.duplicated()]
    moments = pd.to_datetime(whole["captured_at"], utc=True).astype("datetime64[us, UTC]")
    seen = moments.groupby(thing).agg(["min", "max"])
    names: list[str | None] = [None] * len(firsts)
    snapshots: list[list[str]] = [[] for _ in range(len(firsts))]
    for i, name, snapshot in zip(thing, whole["name"], whole["snapshot"], strict=True):
        snapshots[i].append(snapshot)
        if isinstance(name, str):
            names[i] = name
    return pd.DataFrame(
        {
            **{name: _text(firsts[name]) for name in _GROUP},
            "name": cells(Kind.TEXT, names),
            "count": pd.array(list(map(len, snapshots)), dtype="int64"),
            "first_at": seen["min"].array,
            "last_at": seen["max"].array,
            "snapshots": pd.Series(snapshots, dtype="object"),
        }
    )


def _text(values: pd.Series[Any]) -> Any:
    return cells(Kind.TEXT, [value if isinstance(value, str) else None for value in values])
