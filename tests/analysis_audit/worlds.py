"""Worlds to judge and mend: sound ones, made at random, then broken one thing at a time.

A breaker changes the plain trees of a world and does nothing where the world has
nothing of its kind. What is drawn is a seed and a list of breakers, so that an
example shrinks to the breakers that matter.
"""

from __future__ import annotations

import copy
import json
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import pandas as pd
from hypothesis import settings
from hypothesis import strategies as st

from bmux_forensics.snapshot.checksum import checksum
from bmux_forensics.snapshot.document import Snapshot, read_snapshot
from bmux_forensics.snapshot.sections import BY_NAME

NIL = str(uuid.UUID(int=0))
SECRET = "s3cr3t"  # noqa: S105 - a value that must never be shown
Rng = random.Random

FEWER = settings(max_examples=settings().max_examples * 3 // 5)
"""For what looks at each example several times over: a part of what the profile says."""


def payload_of(tree: Any) -> bytes:
    """Write a tree as compact JSON, numbers of any length included; bytes are written already."""
    if isinstance(tree, bytes):
        return tree
    return json.dumps(tree, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass
class World:
    """A snapshot as plain trees: id, version and payload of each section, in file order."""

    parts: list[list[Any]] = field(default_factory=list)
    sealed: bool = True

    def part(self, name: str) -> list[Any] | None:
        """Give the first section of that name: id, version, tree."""
        return next((p for p in self.parts if p[0] == BY_NAME[name].id), None)

    def tree(self, name: str) -> Any:
        """Give its payload; None without one that is a tree."""
        part = self.part(name)
        return None if part is None or isinstance(part[2], bytes) else part[2]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The pane rows that are objects with a list of panes."""
        tree = self.tree("panes")
        rows = tree["sessions"] if isinstance(tree, dict) else []
        return [r for r in rows if isinstance(r, dict) and isinstance(r.get("panes"), list)]

    @property
    def panes(self) -> list[dict[str, Any]]:
        return [pane for row in self.rows for pane in row["panes"]]

    @property
    def raw(self) -> bytes:
        sections = [{"id": i, "version": v, "bytes": list(payload_of(t))} for i, v, t in self.parts]
        seal = checksum(orjson.dumps(sections)) if self.sealed else 7
        return orjson.dumps({"version": 1, "checksum": seal, "sections": sections})

    def snapshot(self, name: str = "world") -> Snapshot:
        return read_snapshot(self.raw, name)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Give the rows of a DataFrame as dicts."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def new_id(rng: Rng) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


# --- sound worlds ----------------------------------------------------------------------------


def layout_of(rng: Rng, ids: list[str]) -> dict[str, Any] | None:
    if len(ids) < 2:
        return {"kind": "leaf", "pane_id": ids[0]} if ids else None
    cut = rng.randint(1, len(ids) - 1)
    return {
        "kind": "split",
        "direction": rng.choice(["vertical", "horizontal"]),
        "ratio": rng.choice([0.1, 0.5, 0.9]),
        "first": layout_of(rng, ids[:cut]),
        "second": layout_of(rng, ids[cut:]),
    }


def pane(rng: Rng) -> dict[str, Any]:
    command = {"program": "vim", "args": ["x"], "cwd": None, "env": {"TOKEN": SECRET}}
    return {
        "id": new_id(rng),
        "name": rng.choice([None, "main"]),
        "shell": "/bin/bash",
        "launch_command": rng.choice([None, command]),
        "process_group_id": rng.choice([None, -5, 2_000_000_001]),
        "active_command": rng.choice([None, "make"]),
        "active_command_source": None,
        "last_known_cwd": "/home/user",
    }


def surface(rng: Rng, pane_id: str) -> dict[str, Any]:
    sizes = dict.fromkeys(("x", "y", "w", "h", "z"), 3)
    flags = dict.fromkeys(("visible", "opaque", "accepts_input", "cursor_owner"), True)
    return {"id": new_id(rng), "pane_id": pane_id, **sizes, **flags}


def runtime(rng: Rng, session_id: str, count: int | None = None) -> dict[str, Any]:
    panes = [pane(rng) for _ in range(count or rng.randint(1, 4))]
    ids = [p["id"] for p in panes]
    floating = ids[-1:] if len(ids) > 1 and rng.random() < 0.3 else []
    tiled = [i for i in ids if i not in floating]
    viewport = {"cols": 80, "rows": 24, "status_top_inset": 0, "status_bottom_inset": 1}
    return {
        "session_id": session_id,
        "panes": panes,
        "focused_pane_id": rng.choice([None, *ids]),
        "layout_root": rng.choice([None, layout_of(rng, tiled), layout_of(rng, tiled)]),
        "attach_viewport": rng.choice([None, viewport, viewport]),
        "floating_surfaces": [surface(rng, i) for i in floating],
    }


def sound_world(rng: Rng, *, older: bool = False) -> World:
    """Make a world that restores whole: on alpha.4, or as alpha.1 writes them on both."""
    sessions = sorted(new_id(rng) for _ in range(rng.randint(1, 4)))
    contexts = {new_id(rng): s for s in sessions if rng.random() < 0.8}
    clients = [new_id(rng) for _ in range(rng.randint(0, 2))]
    workspace = new_id(rng)
    named = [
        {"id": s, "name": rng.choice([None, f"work-{i}"]), "clients": clients[:1]}
        for i, s in enumerate(sessions)
    ]
    state = {
        "contexts": {
            c: {"id": c, "name": None, "attributes": {"bmux.session_id": s}}
            for c, s in contexts.items()
        },
        "session_by_context": contexts,
        "selected_by_client": dict.fromkeys(clients, next(iter(contexts))) if contexts else {},
        "mru_contexts": list(contexts),
    }
    follow = {
        "connected_clients": clients,
        "selected_contexts": dict.fromkeys(clients),
        "selected_sessions": dict.fromkeys(clients, sessions[0]),
        "follows": {c: {"leader_client_id": clients[0], "global": False} for c in clients[1:]},
        "attached_stream_sessions": dict.fromkeys(clients),
        "attach_detach_allowed": dict.fromkeys(clients, True),
    }
    parts: list[tuple[str, int, Any]] = [
        ("sessions", 1, named),
        ("contexts", 1, state),
        ("clients", 1, follow),
        (
            "panes",
            1 if older else rng.choice([1, 2, 3]),
            {"sessions": [runtime(rng, s) for s in sessions if rng.random() < 0.9]},
        ),
    ]
    if not older:
        orders = {NIL: list(contexts), workspace: []}
        version = rng.choice([1, 2])
        tabs = orders if version == 1 else {"orders": orders, "pending": {}}
        named = [{"id": NIL, "name": "default"}, {"id": workspace, "name": "other"}]
        parts += [("tabs", version, tabs), ("workspaces", 1, named)]
    return World([[BY_NAME[name].id, version, tree] for name, version, tree in parts])


# --- what can be mended ----------------------------------------------------------------------

Breaker = Callable[[World, Rng], None]


def row_of_nobody(world: World, rng: Rng) -> None:
    if world.tree("panes"):
        world.tree("panes")["sessions"].insert(0, runtime(rng, new_id(rng)))


def session_forgotten(world: World, rng: Rng) -> None:
    rows = world.tree("sessions")
    if rows:
        rows.pop(rng.randrange(len(rows)))


def row_emptied(world: World, rng: Rng) -> None:
    for row in world.rows[:1]:
        row["panes"] = []
        if rng.random() < 0.5:
            row.update(layout_root=None, focused_pane_id=None, floating_surfaces=[])


def row_repeated(world: World, rng: Rng) -> None:
    if world.rows:
        row = rng.choice(world.rows)
        again = copy.deepcopy(row) if rng.random() < 0.5 else runtime(rng, row["session_id"])
        rows = world.tree("panes")["sessions"]
        rows.insert(rng.randint(0, len(rows)), again)


def row_id_array(world: World, _: Rng) -> None:
    for row in world.rows[:1]:
        if isinstance(row["session_id"], str):
            row["session_id"] = list(uuid.UUID(row["session_id"]).bytes)


def row_id_lost(world: World, rng: Rng) -> None:
    if world.tree("panes"):
        rows = world.tree("panes")["sessions"]
        odd: list[Any] = [7, {**runtime(rng, ""), "session_id": rng.choice([None, 5, "no id"])}]
        rows.append(rng.choice(odd))


def group_odd(world: World, rng: Rng) -> None:
    if world.panes:
        odd = [2**31, "12", True, 1.5, [1], 10**30]
        rng.choice(world.panes)["process_group_id"] = rng.choice(odd)


def nonresumable(world: World, rng: Rng) -> None:
    if world.panes:
        rng.choice(world.panes)["resume_policy"] = "nonresumable"


def focus_lost(world: World, rng: Rng) -> None:
    for row in world.rows[-1:]:
        row["focused_pane_id"] = new_id(rng)


def _leaves(node: Any) -> list[dict[str, Any]]:
    if not isinstance(node, dict):
        return []
    return [node] if node["kind"] == "leaf" else _leaves(node["first"]) + _leaves(node["second"])


def _split(node: Any, other: Any, rng: Rng) -> dict[str, Any]:
    first, second = rng.choice([(node, other), (other, node)])
    ratio = rng.choice([0.5, 0.5, 3])
    return {
        "kind": "split",
        "direction": "vertical",
        "ratio": ratio,
        "first": first,
        "second": second,
    }


def _laid_out(world: World) -> list[dict[str, Any]]:
    return [row for row in world.rows if row.get("layout_root")]


def leaf_unknown(world: World, rng: Rng) -> None:
    for row in _laid_out(world)[:1]:
        leaf = {"kind": "leaf", "pane_id": new_id(rng)}
        row["layout_root"] = _split(row["layout_root"], leaf, rng)


def leaf_renamed(world: World, rng: Rng) -> None:
    for row in _laid_out(world)[-1:]:
        rng.choice(_leaves(row["layout_root"]))["pane_id"] = new_id(rng)


def leaf_again(world: World, rng: Rng) -> None:
    for row in _laid_out(world)[-1:]:
        leaf = dict(rng.choice(_leaves(row["layout_root"])))
        row["layout_root"] = _split(row["layout_root"], leaf, rng)


def pane_loose(world: World, rng: Rng) -> None:
    for row in _laid_out(world)[:1]:
        row["panes"] += [pane(rng) for _ in range(rng.randint(1, 3))]


def pane_forgotten(world: World, rng: Rng) -> None:
    if world.rows:
        row = rng.choice(world.rows)
        if row["panes"]:
            row["panes"].pop(rng.randrange(len(row["panes"])))


def leaf_floats(world: World, rng: Rng) -> None:
    for row in _laid_out(world)[:1]:
        leaf = rng.choice(_leaves(row["layout_root"]))
        row["floating_surfaces"].append(surface(rng, leaf["pane_id"]))


def ratio_odd(world: World, rng: Rng) -> None:
    for row in _laid_out(world):
        if row["layout_root"]["kind"] == "split":
            row["layout_root"]["ratio"] = rng.choice([0, 1, -3.5, 7.5, 0.09])


def tab_again(world: World, rng: Rng) -> None:
    part = world.part("tabs")
    if part and world.tree("tabs") and part[1] in (1, 2):
        orders = part[2] if part[1] == 1 else part[2]["orders"]
        for order in orders.values():
            if order:
                order.insert(rng.randint(0, len(order)), rng.choice(order))


def tabs_field(world: World, rng: Rng) -> None:
    part = world.part("tabs")
    if part and part[1] == 2 and world.tree("tabs"):
        part[2][rng.choice(["extra", "a/b~c"])] = {"x": 1}


def workspace_bad(world: World, rng: Rng) -> None:
    rows = world.tree("workspaces")
    if rows is not None:
        odd = [
            {"id": new_id(rng), "name": rng.choice(["", " \t", "\u2003"])},
            {"id": new_id(rng), "name": "default"},
            {"id": NIL, "name": "default"},
            {"id": NIL, "name": new_id(rng)},
        ]
        rows.insert(rng.randint(0, len(rows)), rng.choice(odd))


def unsealed(world: World, _: Rng) -> None:
    world.sealed = False


def section_again(world: World, rng: Rng) -> None:
    if world.parts:
        world.parts.append(copy.deepcopy(rng.choice(world.parts)))


def panes_under_older_id(world: World, _: Rng) -> None:
    part = world.part("panes")
    if part and not world.part("older_panes"):
        part[:2] = [BY_NAME["older_panes"].id, 1]


def older_panes_too(world: World, rng: Rng) -> None:
    if world.part("older_panes") is None and world.tree("sessions"):
        ids = [row["id"] for row in world.tree("sessions")] + [new_id(rng)]
        rows = [runtime(rng, i) for i in ids if rng.random() < 0.7]
        world.parts.append([BY_NAME["older_panes"].id, 1, {"sessions": rows}])


# --- what is harmless ------------------------------------------------------------------------


def selection_dangles(world: World, rng: Rng) -> None:
    state = world.tree("clients")
    if state:
        client = new_id(rng)
        state["selected_contexts"][client] = new_id(rng)
        state["selected_sessions"][client] = new_id(rng)
        state["attached_stream_sessions"][client] = new_id(rng)
        state["follows"][client] = {"leader_client_id": new_id(rng), "global": True}


def context_contradicts(world: World, rng: Rng) -> None:
    state = world.tree("contexts")
    if state:
        context = new_id(rng)
        state["contexts"][context] = {"id": new_id(rng), "name": None, "attributes": {}}
        state["session_by_context"][new_id(rng)] = new_id(rng)
        state["mru_contexts"].append(new_id(rng))


def session_again(world: World, rng: Rng) -> None:
    rows = world.tree("sessions")
    if rows:
        rows.append(dict(rng.choice(rows)))


def spelled_otherwise(world: World, rng: Rng) -> None:
    rows = world.tree("sessions")
    if rows:
        row = rng.choice(rows)
        row["id"] = rng.choice([row["id"].upper(), row["id"].replace("-", "")])


def strange_fields(world: World, rng: Rng) -> None:
    if world.panes:
        rng.choice(world.panes)["colour"] = "blue"
    world.parts.append([f"third.party/{new_id(rng)}", 9, b"junk"])


def surface_dangles(world: World, rng: Rng) -> None:
    for row in world.rows[:1]:
        lost = surface(rng, new_id(rng))
        row["floating_surfaces"].append({**lost, "context_id": new_id(rng)})


def pane_id_again(world: World, _: Rng) -> None:
    for row in world.rows[:1]:
        if row["panes"]:
            row["panes"].append(dict(row["panes"][0]))


# --- what can't be mended --------------------------------------------------------------------


def section_gone(world: World, rng: Rng) -> None:
    if world.parts:
        world.parts.pop(rng.randrange(len(world.parts)))


def section_newer(world: World, rng: Rng) -> None:
    if world.parts:
        rng.choice(world.parts)[1] = 9


def section_torn(world: World, rng: Rng) -> None:
    if world.parts:
        part = rng.choice(world.parts)
        part[2] = payload_of(part[2])[:-1]


def shell_lost(world: World, rng: Rng) -> None:
    if world.panes:
        rng.choice(world.panes).pop("shell", None)


MENDABLE: tuple[Breaker, ...] = (
    row_of_nobody,
    session_forgotten,
    row_emptied,
    row_repeated,
    row_id_array,
    row_id_lost,
    group_odd,
    nonresumable,
    focus_lost,
    leaf_unknown,
    leaf_renamed,
    leaf_again,
    pane_loose,
    pane_forgotten,
    leaf_floats,
    ratio_odd,
    tab_again,
    tabs_field,
    workspace_bad,
    unsealed,
    section_again,
    panes_under_older_id,
    older_panes_too,
)
HARMLESS: tuple[Breaker, ...] = (
    selection_dangles,
    context_contradicts,
    session_again,
    spelled_otherwise,
    strange_fields,
    surface_dangles,
    pane_id_again,
)
FATAL: tuple[Breaker, ...] = (section_gone, section_newer, section_torn, shell_lost)


def broken(seed: int, breakers: list[Breaker], *, older: bool = False) -> World:
    """Make a sound world and break it."""
    rng = random.Random(seed)  # noqa: S311 - the point is that it repeats
    world = sound_world(rng, older=older)
    for breaker in breakers:
        breaker(world, rng)
    return world


def worlds(breakers: tuple[Breaker, ...], *, most: int = 5) -> st.SearchStrategy[World]:
    """Draw a world that some breakers were let loose on."""
    return st.builds(
        broken,
        st.integers(0, 2**32),
        st.lists(st.sampled_from(breakers), max_size=most),
        older=st.booleans(),
    )


def batches(breakers: tuple[Breaker, ...]) -> st.SearchStrategy[list[Snapshot]]:
    """Draw a few snapshots to be looked at together."""
    return st.lists(worlds(breakers), min_size=1, max_size=3).map(
        lambda some: [world.snapshot(f"world-{i}") for i, world in enumerate(some)]
    )
