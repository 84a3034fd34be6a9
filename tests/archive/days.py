"""A made-up host whose history is known: every step does one thing, and says which event it is."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.worlds import World, clients_tree, contexts_tree, pane, part, runtime, session

START = datetime(2026, 3, 1, tzinfo=UTC)
Event = tuple[int, str, str, str | None, str | None]
"""The number of the snapshot, the event, its subject, the session and the context."""


@dataclass
class Session:
    name: str
    context: str | None
    bound: bool
    panes: dict[str, tuple[int, str | None]]


@dataclass
class Host:
    """A server, and everything that ever happened to it."""

    seed: int
    sessions: dict[str, Session] = field(default_factory=dict)
    killed: dict[str, Session] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    raws: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.source = random.Random(self.seed)  # noqa: S311 - the point is that it repeats

    def live(self, steps: int) -> None:
        """Do one thing a step, and save a snapshot after each."""
        actions: list[Callable[[], None]] = [
            self.make,
            self.kill,
            self.restore,
            self.rename,
            self.split,
            self.close,
            self.empty,
            self.work,
            self.rebind,
            self.restart,
            lambda: None,
        ]
        for _ in range(steps):
            self.source.choice(actions)()
            self.raws.append(self.raw())

    # --- what can happen ---------------------------------------------------------------------

    def make(self) -> None:
        identity = self.new()
        context = self.new() if self.source.random() < 0.6 else None
        panes: dict[str, tuple[int, str | None]] = {}
        for _ in range(self.source.randint(1, 3)):
            panes[self.new()] = (self.group(), None)
        made = Session(f"s-{len(self.raws)}", context, context is not None, panes)
        self.sessions[identity] = made
        self._come(identity, made, "appeared")

    def kill(self) -> None:
        if chosen := self.pick():
            identity, gone = chosen
            del self.sessions[identity]
            self.killed[identity] = gone
            self.note("vanished", "session", identity)
            if gone.context:
                self.note("vanished", "context", identity if gone.bound else None, gone.context)

    def restore(self) -> None:
        if self.killed:
            identity = self.source.choice(sorted(self.killed))
            back = self.sessions[identity] = self.killed.pop(identity)
            self._come(identity, back, "came back")

    def _come(self, identity: str, what: Session, event: str) -> None:
        self.note(event, "session", identity)
        if what.context:
            self.note(event, "context", identity if what.bound else None, what.context)

    def rename(self) -> None:
        if chosen := self.pick():
            chosen[1].name += "'"
            self.note("renamed", "session", chosen[0])

    def split(self) -> None:
        if chosen := self.pick():
            chosen[1].panes[self.new()] = (self.group(), None)
            self.note("gained panes", "session", chosen[0])

    def close(self) -> None:
        chosen = self.pick()
        if chosen and len(chosen[1].panes) > 1:
            del chosen[1].panes[self.source.choice(sorted(chosen[1].panes))]
            self.note("lost panes", "session", chosen[0])

    def empty(self) -> None:
        chosen = self.pick()
        if chosen and chosen[1].panes:
            chosen[1].panes.clear()
            self.note("orphaned", "session", chosen[0])

    def work(self) -> None:
        chosen = self.pick()
        if chosen and chosen[1].panes:
            where = self.source.choice(sorted(chosen[1].panes))
            group, _ = chosen[1].panes[where]
            chosen[1].panes[where] = (group, f"make {len(self.raws)}")
            self.note("command changed", "session", chosen[0])

    def rebind(self) -> None:
        chosen = self.pick()
        if chosen and chosen[1].context:
            chosen[1].bound = not chosen[1].bound
            event = "bound" if chosen[1].bound else "unbound"
            self.note(event, "session", chosen[0], chosen[1].context)

    def restart(self) -> None:
        for one in self.sessions.values():
            one.panes = {p: (self.group(), command) for p, (_, command) in one.panes.items()}
        if any(one.panes for one in self.sessions.values()):
            self.note("server restart", "server")

    # --- how it is written -------------------------------------------------------------------

    def note(
        self, event: str, subject: str, session_id: str | None = None, context: str | None = None
    ) -> None:
        self.events.append((len(self.raws), event, subject, session_id, context))

    def new(self) -> str:
        return str(uuid.UUID(int=self.source.getrandbits(128), version=4))

    def group(self) -> int:
        return 2_000_000_000 + self.source.randrange(100_000_000)

    def pick(self) -> tuple[str, Session] | None:
        return (
            self.source.choice(sorted(self.sessions.items(), key=lambda x: x[0]))
            if (self.sessions)
            else None
        )

    def raw(self) -> bytes:
        return raw_of(self.sessions)

    def save(self, folder: Path) -> list[Path]:
        """Write the snapshots, an hour apart, and give their paths."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for i, raw in enumerate(self.raws):
            moment = START + timedelta(hours=i)
            paths.append(folder / f"bmux-snapshot-v1.{moment:%Y%m%dT%H%M%SZ}.json")
            paths[-1].write_bytes(raw)
        return paths


def raw_of(sessions: dict[str, Session]) -> bytes:
    """Write a snapshot of some sessions."""
    contexts = {s.context: (i, s) for i, s in sessions.items() if s.context}
    state = contexts_tree(
        contexts={
            c: {"id": c, "name": None, "attributes": {"bmux.session_id": i}}
            for c, (i, _) in contexts.items()
        },
        session_by_context={c: i for c, (i, s) in contexts.items() if s.bound},
    )
    return World(
        (
            part("sessions", [session(i, s.name) for i, s in sessions.items()]),
            part("contexts", state),
            part("clients", clients_tree()),
            part("panes", {"sessions": [_runtime(i, s) for i, s in sessions.items()]}, 3),
        )
    ).raw


def _runtime(identity: str, one: Session) -> dict[str, Any]:
    panes = [
        pane(p, group, active_command=command, resume_policy="resumable", execution_token=None)
        for p, (group, command) in one.panes.items()
    ]
    return runtime(identity, *panes)
