"""Plans as markup: in words first, row by row for who opens it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pandas as pd

import bmux_forensics as bf
from bmux_forensics.notebook.text import counted, plain, short_id
from bmux_forensics.notebook.widgets import markup

_MOST_ROWS: Final = 500
_CHANGES: Final = ("action", "table", "key", "column", "old", "new", "json_pointer", "cause")
_GROUPS: Final = ("pgid", "role", "verdict", "signals", "members", "member_commands", "reason")
_DONE: Final = ("pgid", "role", "verdict", "outcome", "detail")
_ACTIONS: Final = {
    "delete": "go",
    "set-null": "are emptied",
    "set": "are set",
    "insert": "are added",
    "keep": "stay and will lead nowhere, as bmux leaves them",
}


def actions_line(changes: pd.DataFrame) -> str:
    """Say in a line what a plan does to how many rows.

    Examples
    --------
    >>> actions_line(pd.DataFrame({"action": ["delete", "delete", "keep"]}))
    '2 rows go; 1 row stays and will lead nowhere, as bmux leaves it'
    """
    counts = changes["action"].value_counts()
    parts = [
        f"{counted(int(counts[action]), 'row')} {_singular(words, int(counts[action]))}"
        for action, words in _ACTIONS.items()
        if action in counts
    ]
    return "; ".join(parts) or "nothing changes"


def _singular(words: str, number: int) -> str:
    if number != 1:
        return words
    changed = {"go": "goes", "are": "is", "stay": "stays", "them": "it"}
    return " ".join(changed.get(word, word) for word in words.split())


def changes_table(changes: pd.DataFrame) -> str:
    """Return every change of a plan as a table that is folded away."""
    columns = [name for name in _CHANGES if name in changes]
    rows = [[_cell(v) for v in row] for row in _rows(changes[columns].head(_MOST_ROWS))]
    more = len(changes) - len(rows)
    rest = markup.paragraph(f"… and {more:,} more: see the plan's `changes`") if more > 0 else ""
    summary = markup.text(f"every change, row by row ({len(changes):,})")
    return markup.folded(summary, markup.table(columns, rows) + rest)


def _rows(frame: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    return frame.itertuples(index=False, name=None)


def _cell(value: Any) -> str:
    return short_id(plain(value))


def bound_line(snapshot: bf.Snapshot) -> str:
    """Say which bytes a plan is for."""
    short = f"{snapshot.sha256[:12]}…"
    words = f"For the bytes with sha256 {short} alone: should the file change, it is refused."
    return f'<p class="bf-muted">{markup.text(words)}</p>'


def groups_table(ending: pd.DataFrame) -> str:
    """Return what will happen to each process group, and on what evidence."""
    rows = [[_or_none(v) for v in row] for row in _rows(ending[list(_GROUPS)])]
    return markup.table([*_GROUPS[:3], "gets", "processes", "commands", "why"], rows)


def outcomes_table(passage: bf.Passage) -> str:
    """Return what became of each process group."""
    rows = [[_or_none(group[name]) for name in _DONE] for group in passage.processes]
    return markup.table(_DONE, rows)


def _or_none(value: Any) -> str:
    return plain(value) if value is not None and not pd.isna(value) and value != "" else "–"
