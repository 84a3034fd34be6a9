"""Session names for the shell's completion, taken from the snapshot that is meant.

What is offered ends up on somebody's command line, unquoted: a session could be
named `$(rm -rf ~)`. So a name is offered only when no shell reads more into it than
a word, and when it means one session; any other session is offered by its id.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
from click.shell_completion import CompletionItem

import bmux_forensics as bf
from bmux_forensics.errors import printable

SIZE_LIMIT: Final = 64 << 20
"""Bytes of a snapshot that are still read while somebody waits for a completion."""

_WORD: Final = re.compile(r"[\w.@%+/][\w.@%+/-]*")
_UUID: Final = re.compile("[0-9a-fA-F-]{32,36}")


def complete_session(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the sessions of the chosen snapshot, or of bmux's own; never fails or prints."""
    del param
    try:
        path: Path | None = ctx.params.get("snapshot")
        # A path that only looks like standard input must not wait for it.
        snapshot = bf.open_snapshot(path and path.absolute(), size_limit=SIZE_LIMIT)
        sessions = bf.summarize(snapshot).sessions
        given = set(ctx.params.get("selectors") or ())
        return [item for item in _items(sessions, incomplete) if item.value not in given]
    except Exception:  # noqa: BLE001 - whatever is wrong, the shell has no place to say it
        return []


def _items(sessions: tuple[tuple[str, str], ...], incomplete: str) -> Iterator[CompletionItem]:
    names = Counter(name for _, name in sessions)
    for identity, name in sessions:
        if not _UUID.fullmatch(identity):
            continue
        is_word = bool(_WORD.fullmatch(name)) and not _UUID.fullmatch(name) and names[name] == 1
        if is_word and name.startswith(incomplete):
            yield CompletionItem(name, help=identity)
        elif identity.startswith(incomplete.lower()) and (incomplete or not is_word):
            yield CompletionItem(identity, help=printable(name))
