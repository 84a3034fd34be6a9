"""Evidence that wants to be more than text, in every place of a snapshot that holds text."""

from __future__ import annotations

import re
from typing import Any, Final

from tests.worlds import World, clients_tree, contexts_tree, pane, part, runtime, session

EVIL: Final = {
    "terminal": "\x1b]0;owned\x07\x1b[2J\x9b31mred",
    "html": '"><script>alert(1)</script><img src=x onerror=alert(1)>',
    "formula": '=HYPERLINK("http://evil.example","x")',
    "path": "../../../../tmp/../etc/owned",
    "direction": "abc\u202egnp.exe\u2066\u200f",
    "unseen": "a\u200bb\u200dc\ufeffd\u00ad",
    "lines": "one\r\ntwo\nkilled session: 1\tthree\u2028four",
    "template": "{{7*7}}${7*7}%s%n{0}[link]x[/link]",
    "url": "javascript:alert(1)",
}
"""What a text may try, by the kind of reader it is meant for."""

SECRET: Final = "s3cr3t-in-the-environment"  # noqa: S105 - no password: it must not leak
ACTS: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)
"""What a terminal acts on or a reader does not see; line feeds and tabs are ours."""


def ids(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-000000000001"


def world(text: str, *, sound: bool = True) -> World:
    """Give a world that says a text wherever it can; an unsound one also where it may not."""
    one, two, context, client, first, second = map(ids, range(1, 7))
    command: dict[str, Any] = {"program": text, "args": [text, "-rf"], "cwd": text}
    command["env"] = {text: SECRET, "TOKEN": SECRET}
    facts: dict[str, Any] = {"launch_command": command, "name": text, "shell": text}
    facts |= {"active_command": text, "last_known_cwd": text}
    rows = [
        runtime(one, pane(first, 2_000_000_001, **facts), pane(second, None, **facts)),
        runtime(two, pane(first, 2_000_000_002, **facts), focused_pane_id=first),
    ]
    attributes = {"bmux.session_id": one, text: text}
    contexts = contexts_tree(
        contexts={context: {"id": context, "name": text, "attributes": attributes}},
        session_by_context={context: one},
        selected_by_client={client: context},
        mru_contexts=[context],
    )
    parts = [
        part("sessions", [session(one, text), session(two, text)]),
        part("contexts", contexts),
        part("clients", clients_tree(selected_sessions={client: one})),
        part("panes", {"sessions": rows}, 3),
        part("tabs", {"orders": {text if not sound else ids(9): [context]}, "pending": {}}, 2),
        part("workspaces", [{"id": ids(9), "name": text}] * (1 if sound else 2)),
    ]
    unknown = {} if sound else {text: {"x": text}}
    return World(tuple(parts), unknown)
