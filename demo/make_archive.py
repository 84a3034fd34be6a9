"""Make an archive of snapshots whose whole truth is known: `python demo/make_archive.py FOLDER`.

A made-up host lives through some hours, one thing an hour: sessions are made, renamed,
killed and restored, panes come and go, the server restarts, and crashes leave sessions that
are hollow (listed, with no panes) or lost (not listed, and still spoken of). Every hour a
snapshot is saved as bmux saves it, some of them compressed; now and then a damaged copy
lies between. The same seed gives the same bytes.

Beside the snapshots stands `truth.json`: what a timeline has to tell, where every session
is to be found, which sessions are orphans where, and the SHA-256 of what each file holds,
decompressed, once its orphans, or one session that is named, are cleaned out.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import random
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from bmux_forensics.snapshot.envelope import Envelope, Section, encode_envelope
from bmux_forensics.snapshot.sections import BY_NAME

START = datetime(2026, 3, 1, tzinfo=UTC)
NIL = str(uuid.UUID(int=0))
PGID = 2_000_000_000  # above any pid_max: nothing can ever be hit
VERSIONS = {"tabs": 2, "panes": 3}
DAMAGES: tuple[Callable[[bytes], bytes], ...] = (
    lambda raw: raw[: len(raw) // 2],
    lambda _: b"",
    lambda raw: raw.replace(b'"checksum": ', b'"checksum": 1', 1),
    lambda raw: b"# a note\n" + raw,
)


Event = tuple[str, str, str | None, str | None]
"""What happened, to what; the session, and the context."""


@dataclass
class Session:
    """A session; what it has lies in a lost one as it was."""

    name: str
    context: str | None
    panes: dict[str, int]
    is_lost: bool = False
    commands: dict[str, str] = field(default_factory=dict)

    @property
    def is_hollow(self) -> bool:
        """Whether it is listed and has no panes."""
        return not (self.panes or self.is_lost)


class Host:
    """A server, and what happened to it."""

    def __init__(self, seed: int) -> None:
        self.source = random.Random(seed)  # noqa: S311 - the point is that it repeats
        self.sessions: dict[str, Session] = {}
        self.killed: dict[str, Session] = {}
        self.events: list[dict[str, Any]] = []
        self.client = self.new()

    def live(self, hour: int) -> list[Event]:
        """Let one thing happen, and return its events: event, subject, session, context."""
        actions = (self.make, self.make, self.kill, self.restore, self.rename, self.split)
        actions += (self.work, self.restart, self.crash, self.lose)
        return self.source.choice(actions)(hour)

    def make(self, hour: int) -> list[Event]:
        identity = self.new()
        context = self.new() if self.source.random() < 0.6 else None
        panes = {self.new(): self.group() for _ in range(self.source.randint(1, 3))}
        self.sessions[identity] = Session(f"work-{hour}", context, panes)
        return self.came(identity, "appeared")

    def kill(self, _: int) -> list[Event]:
        identity = self.pick(lambda _: True)
        if identity is None:
            return []
        gone = self.sessions.pop(identity)
        if not gone.is_lost:
            self.killed[identity] = gone
        events = [("vanished", "session", identity, None)]
        return [*events, *self.of_context(identity, gone, "vanished")]

    def restore(self, _: int) -> list[Event]:
        if not self.killed:
            return []
        identity = self.source.choice(sorted(self.killed))
        self.sessions[identity] = self.killed.pop(identity)
        return self.came(identity, "came back")

    def rename(self, _: int) -> list[Event]:
        identity = self.pick(lambda one: not one.is_lost)
        if identity is None:
            return []
        self.sessions[identity].name += "'"
        return [("renamed", "session", identity, None)]

    def split(self, _: int) -> list[Event]:
        identity = self.pick(lambda one: not one.is_lost)
        if identity is None:
            return []
        self.sessions[identity].panes[self.new()] = self.group()
        return [("gained panes", "session", identity, None)]

    def work(self, hour: int) -> list[Event]:
        identity = self.pick(lambda one: bool(one.panes) and not one.is_lost)
        if identity is None:
            return []
        one = self.sessions[identity]
        one.commands[self.source.choice(sorted(one.panes))] = f"make target-{hour}"
        return [("command changed", "session", identity, None)]

    def restart(self, _: int) -> list[Event]:
        """Stop and start the server: every pane has another process group."""
        for one in self.sessions.values():
            one.panes = {pane: self.group() for pane in one.panes}
        some = any(one.panes for one in self.sessions.values())
        return [("server restart", "server", None, None)] if some else []

    def crash(self, _: int) -> list[Event]:
        """Leave a session hollow."""
        identity = self.pick(lambda one: bool(one.panes) and not one.is_lost)
        if identity is None:
            return []
        self.sessions[identity].panes = {}
        self.sessions[identity].commands = {}
        return [("orphaned", "session", identity, None)]

    def lose(self, _: int) -> list[Event]:
        """Leave a session lost: its panes and its context stay."""
        identity = self.pick(lambda one: bool(one.panes) and not one.is_lost)
        if identity is None:
            return []
        self.sessions[identity].is_lost = True
        return [("orphaned", "session", identity, None)]

    def came(self, identity: str, event: str) -> list[Event]:
        one = self.sessions[identity]
        return [(event, "session", identity, None), *self.of_context(identity, one, event)]

    @staticmethod
    def of_context(identity: str, one: Session, event: str) -> list[Event]:
        return [(event, "context", identity, one.context)] if one.context else []

    def pick(self, which: Callable[[Session], bool]) -> str | None:
        fitting = sorted(i for i, one in self.sessions.items() if which(one))
        return self.source.choice(fitting) if fitting else None

    def new(self) -> str:
        return str(uuid.UUID(int=self.source.getrandbits(128), version=4))

    def group(self) -> int:
        return PGID + self.source.randrange(100_000_000)

    # --- how it is written -------------------------------------------------------------------

    def raw(self, without: Collection[str] = (), *, speechless: bool = False) -> bytes:
        """Write the snapshot; with some sessions cleaned out, what a clean leaves of it.

        `speechless` also cleans the stream that names a session, as is done for orphans.
        """
        kept = {i: one for i, one in self.sessions.items() if i not in without}
        chosen = min(self.sessions, default=None)
        selected = chosen if chosen in kept else None
        stream = selected if speechless else chosen
        trees: dict[str, Any] = {
            "sessions": [
                {"id": i, "name": one.name, "clients": []}
                for i, one in kept.items()
                if not one.is_lost
            ],
            "contexts": self._contexts(kept),
            "clients": {
                "connected_clients": [self.client],
                "selected_contexts": {},
                "selected_sessions": {self.client: selected},
                "follows": {},
                "attached_stream_sessions": {self.client: stream},
                "attach_detach_allowed": {self.client: True},
            },
            "tabs": {
                "orders": {NIL: [one.context for one in self.sessions.values() if one.context]},
                "pending": {},
            },
            "panes": {"sessions": [_runtime(i, one) for i, one in kept.items() if one.panes]},
            "workspaces": [{"id": NIL, "name": "default"}],
        }
        sections = [
            Section(
                BY_NAME[name].id,
                VERSIONS.get(name, 1),
                orjson.dumps(tree, option=orjson.OPT_SORT_KEYS if name == "panes" else 0),
            )
            for name, tree in trees.items()
        ]
        empty = Envelope(version=1, checksum=0, sections=())
        return encode_envelope(empty.with_sections(sections))

    @staticmethod
    def _contexts(kept: dict[str, Session]) -> dict[str, Any]:
        bound = {one.context: i for i, one in kept.items() if one.context}
        return {
            "contexts": {
                c: {"id": c, "name": None, "attributes": {"bmux.session_id": i}}
                for c, i in bound.items()
            },
            "session_by_context": bound,
            "selected_by_client": {},
            "mru_contexts": list(bound)[::-1],
        }


def _runtime(identity: str, one: Session) -> dict[str, Any]:
    panes = [
        {
            "resume_policy": "resumable",
            "execution_token": None,
            "id": pane,
            "name": None,
            "shell": "/bin/bash",
            "launch_command": None,
            "process_group_id": group,
            "active_command": one.commands.get(pane),
            "active_command_source": "verbatim" if pane in one.commands else None,
            "last_known_cwd": "/home/user",
            "padding_override": None,
        }
        for pane, group in one.panes.items()
    ]
    return {
        "session_id": identity,
        "panes": panes,
        "focused_pane_id": panes[0]["id"],
        "zoomed_pane_id": None,
        "layout_root": None,
        "attach_viewport": None,
        "floating_surfaces": [],
    }


def make_archive(folder: Path, *, seed: int, hours: int) -> dict[str, Any]:
    """Write the snapshots into a folder, and return the truth about them."""
    host = Host(seed)
    files: list[dict[str, Any]] = []
    events: list[list[Any]] = []
    seen: dict[str, dict[str, Any]] = {}
    folder.mkdir(parents=True, exist_ok=True)
    first = host.make(0)
    named = first[0][2] or ""
    for hour in range(hours):
        happened = first if hour == 0 else host.live(hour)
        moment = START + timedelta(hours=hour)
        name = f"bmux-snapshot-v1.{moment:%Y%m%dT%H%M%SZ}.json"
        raw = host.raw()
        packed = host.source.random() < 0.1
        name += ".gz" if packed else ""
        (folder / name).write_bytes(gzip.compress(raw, mtime=0) if packed else raw)
        events += [[name, *event] for event in happened]
        files.append(_file(host, name, named))
        for identity, one in host.sessions.items():
            if not one.is_lost:
                known = seen.setdefault(identity, {"first": name, "files": 0, "names": []})
                known |= {"last": name, "files": known["files"] + 1}
                known["names"] += [one.name] if one.name not in known["names"] else []
        if host.source.random() < 0.05:
            damaged = f"bmux-snapshot-v1.{moment + timedelta(minutes=30):%Y%m%dT%H%M%SZ}.json"
            (folder / damaged).write_bytes(host.source.choice(DAMAGES)(raw))
            files.append({"file": damaged, "damaged": True})
    return {
        "seed": seed,
        "events": events,
        "files": files,
        "sessions": seen,
        "named": named,
    }


def _file(host: Host, name: str, named: str) -> dict[str, Any]:
    hollow = [i for i, one in host.sessions.items() if one.is_hollow]
    lost = sorted(i for i, one in host.sessions.items() if one.is_lost)
    listed = named in host.sessions and not host.sessions[named].is_lost
    return {
        "file": name,
        "damaged": False,
        "sessions": [i for i, one in host.sessions.items() if not one.is_lost],
        "hollow": hollow,
        "lost": lost,
        "has_named": listed,
        "sha256": _sha256(host.raw()),
        "without_orphans": _sha256(host.raw([*hollow, *lost], speechless=True)),
        "without_named": _sha256(host.raw([named] if listed else [])),
    }


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def main() -> None:
    """Make an archive as the command line asks."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--hours", type=int, default=24 * 30)
    asked = parser.parse_args()
    truth = make_archive(asked.folder / "snapshots", seed=asked.seed, hours=asked.hours)
    (asked.folder / "truth.json").write_text(json.dumps(truth, indent=1) + "\n")
    print(f"{len(truth['files'])} snapshots in {asked.folder / 'snapshots'}")  # noqa: T201 - its one word


if __name__ == "__main__":
    main()
