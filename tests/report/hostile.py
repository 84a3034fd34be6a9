"""A snapshot in which every text is an attack on whoever looks at it."""

from __future__ import annotations

from typing import Any

from tests.pictures.looking import HOSTILE
from tests.worlds import (
    CONTEXTS,
    PANES,
    SECRET,
    SESSIONS,
    World,
    contexts_tree,
    pane,
    part,
    runtime,
    session,
)

NAMES = (
    *HOSTILE,
    "<img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "</script></style></title><script>alert(2)</script>",
    "javascript:alert(3)",
    "{{ 7 * 7 }}{% raw %}",
    "@import url(http://example.invalid/)",
)

SPELLED = {
    HOSTILE[1]: r"a\x1b[31mred\u202egnol\nline\x07",
    HOSTILE[4]: "漢字 \U0001f4a5 \\u3164",
}
"""How those are shown that hold what can't be seen, or acts."""

IDS = tuple(f"{n:08x}-0000-4000-8000-000000000000" for n in range(len(NAMES)))


def world() -> World:
    """Give a session a name, its one context and pane named alike."""
    command: dict[str, Any] = {
        "program": NAMES[0],
        "args": list(NAMES),
        "cwd": NAMES[3],
        "env": {"TOKEN": SECRET},
    }
    contexts = contexts_tree(
        contexts={
            CONTEXTS[0]: {"id": CONTEXTS[0], "name": NAMES[3], "attributes": {NAMES[8]: NAMES[9]}}
        },
        session_by_context={CONTEXTS[0]: IDS[0], CONTEXTS[1]: SESSIONS[0]},
    )
    rows = [
        runtime(i, pane(i, name=name, active_command=name, last_known_cwd=name))
        for i, name in zip(IDS, NAMES, strict=True)
    ]
    rows[0]["panes"].append(pane(PANES[0], launch_command=command))
    return World(
        (
            part("sessions", [session(i, n) for i, n in zip(IDS, NAMES, strict=True)]),
            part("contexts", contexts),
            part("panes", {"sessions": rows}, 3),
            part("workspaces", [{"id": IDS[0], "name": NAMES[3]}]),
        )
    )
