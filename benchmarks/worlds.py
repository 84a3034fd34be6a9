"""Snapshots to measure with: as large as asked, in the form and size that bmux writes.

Ids are derived from the seed, so a snapshot is the same in every run, and two
seeds share nothing. A session comes to about 21 KB of the file.
"""

from __future__ import annotations

import random
import uuid
from typing import Any

import orjson

from bmux_forensics.snapshot.envelope import Envelope, Section, encode_envelope
from bmux_forensics.snapshot.sections import BY_NAME

_NIL = str(uuid.UUID(int=0))
_PGID = 2_000_000_000  # above any pid_max: nothing can ever be hit


class _Ids:
    """Ids that look random and are not."""

    def __init__(self, seed: int) -> None:
        self._source = random.Random(seed)  # noqa: S311 - the point is that it repeats

    def new(self) -> str:
        return str(uuid.UUID(int=self._source.getrandbits(128), version=4))

    def several(self, count: int) -> list[str]:
        return sorted(self.new() for _ in range(count))


def _pane(identity: str, number: int) -> dict[str, Any]:
    return {
        "resume_policy": "resumable",
        "execution_token": None,
        "id": identity,
        "name": f"pane-{number}",
        "shell": "/bin/bash",
        "launch_command": None,
        "process_group_id": _PGID + number,
        "active_command": "sleep 5000" if number % 2 else None,
        "active_command_source": "verbatim" if number % 2 else None,
        "last_known_cwd": f"/home/user/projects/number-{number}",
        "padding_override": None,
    }


def _runtime(session_id: str, panes: list[str], number: int) -> dict[str, Any]:
    layout: dict[str, Any] = {"kind": "leaf", "pane_id": panes[0]}
    for pane_id in panes[1:]:
        second = {"kind": "leaf", "pane_id": pane_id}
        layout = {
            "kind": "split",
            "direction": "vertical",
            "ratio": 0.5,
            "first": layout,
            "second": second,
        }
    return {
        "session_id": session_id,
        "panes": [_pane(pane_id, number + i) for i, pane_id in enumerate(panes)],
        "focused_pane_id": panes[-1],
        "zoomed_pane_id": None,
        "layout_root": layout,
        "attach_viewport": {
            "cols": 140,
            "rows": 45,
            "top_inset": 0,
            "right_inset": 0,
            "bottom_inset": 1,
            "left_inset": 0,
        },
        "floating_surfaces": [],
    }


def _context_state(contexts: list[str], sessions: list[str]) -> dict[str, Any]:
    return {
        "contexts": {
            context: {
                "id": context,
                "name": f"tab-{i}",
                "attributes": {"bmux.session_id": session, "workspace": "default"},
            }
            for i, (context, session) in enumerate(zip(contexts, sessions, strict=True))
        },
        "session_by_context": dict(zip(contexts, sessions, strict=True)),
        "selected_by_client": {},
        "mru_contexts": contexts[::-1],
    }


def _follow_state(clients: list[str]) -> dict[str, Any]:
    return {
        "connected_clients": clients,
        "selected_contexts": dict.fromkeys(clients),
        "selected_sessions": dict.fromkeys(clients),
        "follows": {},
        "attached_stream_sessions": dict.fromkeys(clients),
        "attach_detach_allowed": dict.fromkeys(clients, True),
    }


def make_trees(sessions: int, seed: int) -> dict[str, Any]:
    """Return the payloads of a sound snapshot, by the short name of their section."""
    ids = _Ids(seed)
    session_ids, contexts = ids.several(sessions), ids.several(sessions)
    clients = ids.several(max(1, sessions // 3))
    return {
        "sessions": [
            {"id": s, "name": f"work-{i}", "clients": [clients[i % len(clients)]]}
            for i, s in enumerate(session_ids)
        ],
        "contexts": _context_state(contexts, session_ids),
        "clients": _follow_state(clients),
        "tabs": {"orders": {_NIL: contexts}, "pending": {}},
        "panes": {
            "sessions": [
                _runtime(s, ids.several(1 + i % 3), 3 * i) for i, s in enumerate(session_ids)
            ]
        },
        "workspaces": [{"id": _NIL, "name": "default"}],
    }


def make_snapshot(sessions: int, seed: int = 0) -> bytes:
    """Return a sound snapshot as alpha.4 writes it: pretty, one byte of payload a line.

    Each session has one context, one to three panes and a name; a few clients are in
    the file, and every third one of them more than once.

    Parameters
    ----------
    sessions : int
        How many sessions.
    seed : int
        Another seed gives other ids and nothing else.
    """
    versions = {"tabs": 2, "panes": 3}
    sections = [
        Section(BY_NAME[name].id, versions.get(name, 1), orjson.dumps(tree))
        for name, tree in make_trees(sessions, seed).items()
    ]
    empty = Envelope(version=1, checksum=0, sections=())
    return encode_envelope(empty.with_sections(sections))
