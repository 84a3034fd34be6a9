"""A cleaning as markup: how many files of each fate, and each file for who opens it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import bmux_forensics as bf
from bmux_forensics.errors import ForensicsError, path_text
from bmux_forensics.notebook.text import counted, plain
from bmux_forensics.notebook.widgets import markup
from bmux_forensics.notebook.widgets.records import records

_MOST_ROWS: Final = 500
_WORDS: Final = {"would-clean": "would be cleaned", "unchanged": "without any of it"}
_BAD: Final = frozenset({"refused", "damaged", "failed"})


def cleaning(told: bf.CleanPlan | bf.CleanOutcome) -> str:
    """Return what a cleaning would do, or did."""
    fates = Counter(told.files["status"].tolist())
    counts = [f"{counted(n, 'file')} {_WORDS.get(word, word)}" for word, n in fates.items()]
    names = ", ".join(
        f"{plain(row['name']) or row['session_id']} ({counted(row['files'], 'file')})"
        for row in records(told.sessions)
    )
    line = "; ".join(counts) or "no files"
    bad = not _BAD.isdisjoint(fates)
    rows = [
        (Path(row["path"]).name, row["status"], plain(row["reason"]))
        for row in records(told.files.head(_MOST_ROWS))
    ]
    files = markup.folded("each file", markup.table(("file", "what", "why"), rows))
    kind = "failed" if bad else "note" if isinstance(told, bf.CleanPlan) else "done"
    meant = markup.paragraph(markup.text(f"Sessions: {names}", 2000)) if names else ""
    return markup.note(kind, line, more=meant) + files


def undone(outcome: bf.CleanOutcome, on_progress: Callable[[int, int], None]) -> str:
    """Take a cleaning back, and say of how many files, and which not."""
    due = [row for row in records(outcome.files) if isinstance(row["entry"], str)]
    left: list[str] = []
    for number, row in enumerate(reversed(due)):
        on_progress(number, len(due))
        try:
            bf.undo(row["entry"], row["path"])
        except ForensicsError as error:
            left.append(f"{path_text(row['path'])}: {error}")
    line = f"Taken back: {counted(len(due) - len(left), 'file')} as before, byte for byte"
    more = "".join(f"<br>{markup.text(one, 1000)}" for one in left)
    if left:
        return markup.note("failed", f"{line}; {counted(len(left), 'file')} not", more=more)
    return markup.note("done", line)
