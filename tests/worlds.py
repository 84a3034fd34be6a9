"""Snapshots to test with: worlds that a server could write, and hostile ones.

A world is drawn as plain Python trees, so that a test can say what it expects of
them without asking the code under test. Ids come from small pools: sharing,
repeating and dangling happen all the time. Some ids stand in several pools, so
that a session, a context, a client and a pane can have the same one.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from hypothesis import strategies as st

from bmux_forensics.snapshot.checksum import checksum
from bmux_forensics.snapshot.document import Snapshot, read_snapshot

SECTION_IDS = {
    "sessions": "bmux.sessions/session-manager",
    "contexts": "bmux.contexts/context-state",
    "clients": "bmux.clients/follow-state",
    "panes": "bmux.pane_runtime/pane-runtime",
    "older_panes": "bmux.server/pane-runtime",
    "tabs": "bmux.tabs/arrangements",
    "workspaces": "bmux.workspaces/catalog",
}
NIL = str(uuid.UUID(int=0))
SECRET = "s3cr3t-value"  # noqa: S105 - no password: a value that must not leak
"""The value of every environment variable in every world; no message may hold it."""


def _pool(kind: str, size: int) -> tuple[str, ...]:
    return tuple(str(uuid.uuid5(uuid.NAMESPACE_OID, f"{kind} {i}")) for i in range(size))


_SHARED = _pool("anything", 1)
SESSIONS = (*_pool("session", 3), *_SHARED)
CONTEXTS = (*_pool("context", 4), *_SHARED)
CLIENTS = (*_pool("client", 2), *_SHARED)
PANES = (*_pool("pane", 4), *_SHARED)
SURFACES = _pool("surface", 2)
WORKSPACES = (NIL, *_pool("workspace", 2))


def spellings(identity: str) -> tuple[str, ...]:
    """Give every way to write an id that bmux reads, the one it writes first."""
    return (
        identity,
        identity.upper(),
        identity.replace("-", ""),
        f"urn:uuid:{identity}",
        f"{{{identity}}}",
    )


MEANING = {
    spelled: identity
    for pool in (SESSIONS, CONTEXTS, CLIENTS, PANES, SURFACES, WORKSPACES)
    for identity in pool
    for spelled in spellings(identity)
}
"""What each spelled id means; a text that is no key of this names nothing in any world."""


@dataclass(frozen=True)
class Part:
    """A section of a world: its payload as bytes, or as the tree that they hold."""

    id: str
    version: int
    payload: Any
    unknown: dict[str, Any] = field(default_factory=dict)

    @property
    def bytes(self) -> bytes:
        return self.payload if isinstance(self.payload, bytes) else orjson.dumps(self.payload)


@dataclass(frozen=True)
class World:
    """A snapshot, before it is written."""

    parts: tuple[Part, ...]
    unknown: dict[str, Any] = field(default_factory=dict)
    compact: bool = False

    @property
    def raw(self) -> bytes:
        known = [
            {"id": part.id, "version": part.version, "bytes": list(part.bytes)}
            for part in self.parts
        ]
        entries = [{**k, **part.unknown} for k, part in zip(known, self.parts, strict=True)]
        tree = {"version": 1, "checksum": checksum(orjson.dumps(known)), "sections": entries}
        return orjson.dumps(
            {**tree, **self.unknown}, option=0 if self.compact else orjson.OPT_INDENT_2
        )

    def snapshot(self, name: str = "world") -> Snapshot:
        return read_snapshot(self.raw, name)

    def tree(self, name: str) -> Any:
        """Give the payload of the first section of that name, or None."""
        for part in self.parts:
            if part.id == SECTION_IDS[name]:
                return part.payload
        return None

    def replacing(self, trees: dict[str, Any]) -> World:
        """Give the same world with other payloads in the first section of each name."""
        left = {SECTION_IDS[name]: tree for name, tree in trees.items()}
        parts = tuple(
            replace(part, payload=left.pop(part.id)) if part.id in left else part
            for part in self.parts
        )
        return replace(self, parts=parts)

    @property
    def session_ids(self) -> list[str]:
        """The ids in the sessions section, canonical, each once."""
        return list(dict.fromkeys(MEANING[row["id"]] for row in self.tree("sessions") or ()))


def part(name: str, payload: Any, version: int = 1) -> Part:
    return Part(SECTION_IDS[name], version, payload)


def contexts_tree(**members: Any) -> dict[str, Any]:
    """Give an empty context state with some members replaced."""
    empty: dict[str, Any] = {
        "contexts": {},
        "session_by_context": {},
        "selected_by_client": {},
        "mru_contexts": [],
    }
    return {**empty, **members}


def clients_tree(**members: Any) -> dict[str, Any]:
    """Give an empty follow state with some members replaced."""
    empty: dict[str, Any] = {
        "connected_clients": [],
        "selected_contexts": {},
        "selected_sessions": {},
        "follows": {},
        "attached_stream_sessions": {},
        "attach_detach_allowed": {},
    }
    return {**empty, **members}


def session(
    identity: str, name: str | None = None, clients: tuple[str, ...] = ()
) -> dict[str, Any]:
    return {"id": identity, "name": name, "clients": list(clients)}


def pane(identity: str, pgid: Any = None, **members: Any) -> dict[str, Any]:
    return {
        "id": identity,
        "name": None,
        "shell": "/bin/sh",
        "launch_command": None,
        "process_group_id": pgid,
        "active_command": None,
        "active_command_source": None,
        "last_known_cwd": None,
        **members,
    }


def runtime(session_id: Any, *panes: Any, **members: Any) -> dict[str, Any]:
    return {
        "session_id": session_id,
        "panes": list(panes),
        "focused_pane_id": None,
        "layout_root": None,
        "attach_viewport": None,
        "floating_surfaces": [],
        **members,
    }


# --- what a server could write ---------------------------------------------------------------

# Every draw costs: one `sampled_from` over what may be is cheaper than a choice of strategies.
_WORDS = ("main", "dev", "naïve ☃", "", "a/b~c", "tab\tand \x1b[31m", "…" * 3)
_TEXT = st.sampled_from(_WORDS)
_NAMES = st.sampled_from((None, *_WORDS))
_PATHS = st.sampled_from([None, "/home/u/src", "/srv/λ", "/gone"])
_REAL_PGIDS = (None, 2_000_000_001, 2_000_000_002, 2_147_483_647)
_PGIDS = st.sampled_from(_REAL_PGIDS)
_SIZES = st.sampled_from([0, 1, 80, 65_535])


def _subset(pool: tuple[str, ...], least: int = 0) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(pool), unique=True, min_size=least, max_size=len(pool)).map(
        sorted
    )


def _record(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw an object with its members in this order (`fixed_dictionaries` shuffles them)."""
    return st.tuples(*members.values()).map(lambda values: dict(zip(members, values, strict=True)))


def _map(keys: tuple[str, ...], values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.sampled_from(keys), values, max_size=3).map(
        lambda tree: dict(sorted(tree.items()))
    )


_CONTEXT_STATES = st.builds(
    lambda members, names, bound, selected, mru: contexts_tree(
        contexts={
            c: {
                "id": c,
                "name": name,
                "attributes": {"bmux.session_id": bound[c]} if c in bound else {},
            }
            for c, name in zip(members, names, strict=False)
        },
        session_by_context=bound,
        selected_by_client=selected,
        mru_contexts=mru,
    ),
    _subset(CONTEXTS),
    st.lists(_NAMES, min_size=len(CONTEXTS), max_size=len(CONTEXTS)),
    _map(CONTEXTS, st.sampled_from(SESSIONS)),
    _map(CLIENTS, st.sampled_from(CONTEXTS)),
    st.lists(st.sampled_from(CONTEXTS), max_size=4),
)

_FOLLOW_STATES = st.builds(
    clients_tree,
    connected_clients=_subset(CLIENTS),
    selected_contexts=_map(CLIENTS, st.sampled_from((None, *CONTEXTS))),
    selected_sessions=_map(CLIENTS, st.sampled_from((None, *SESSIONS))),
    follows=_map(
        CLIENTS,
        _record(**{"leader_client_id": st.sampled_from(CLIENTS), "global": st.booleans()}),
    ),
    attached_stream_sessions=_map(CLIENTS, st.sampled_from((None, *SESSIONS))),
    attach_detach_allowed=_map(CLIENTS, st.booleans()),
)

_COMMANDS: st.SearchStrategy[dict[str, Any] | None] = st.sampled_from(
    [
        None,
        {"program": "vim", "args": [], "cwd": None, "env": {}},
        {
            "program": "/usr/bin/λ",
            "args": ["-p", "a b"],
            "cwd": "/srv/λ",
            "env": {"A/B~C": SECRET, "TOKEN": SECRET},
        },
    ]
)


def _panes(version: int) -> st.SearchStrategy[dict[str, Any]]:
    members = {
        "name": _NAMES,
        "shell": st.sampled_from(["/bin/bash", "/gone/zsh"]),
        "launch_command": _COMMANDS,
        "process_group_id": _PGIDS,
        "active_command": _NAMES,
        "active_command_source": st.sampled_from([None, "verbatim", "inspection"]),
        "last_known_cwd": _PATHS,
    }
    if version < 3:
        return _record(id=st.just(NIL), **members)
    return _record(
        resume_policy=st.sampled_from(["resumable", "nonresumable"]),
        execution_token=st.none() | st.just("0f" * 8),
        id=st.just(NIL),
        **members,
        padding_override=st.none() | st.just({"top": 1}),
    )


def _viewports(version: int) -> st.SearchStrategy[dict[str, int] | None]:
    older = ("status_top_inset", "status_bottom_inset")
    newer = ("top_inset", "right_inset", "bottom_inset", "left_inset")
    insets = older if version == 1 else newer
    return st.none() | _record(**dict.fromkeys(("cols", "rows", *insets), _SIZES))


@st.composite
def _layouts(draw: st.DrawFn, leaves: list[str]) -> dict[str, Any]:
    if len(leaves) == 1:
        return {"kind": "leaf", "pane_id": leaves[0]}
    cut = draw(st.integers(1, len(leaves) - 1))
    return {
        "kind": "split",
        "direction": draw(st.sampled_from(["vertical", "horizontal"])),
        "ratio": draw(st.sampled_from([0.1, 0.3333333432674408, 0.5, 0.9])),
        "first": draw(_layouts(leaves[:cut])),
        "second": draw(_layouts(leaves[cut:])),
    }


@st.composite
def _surfaces(draw: st.DrawFn, version: int, identity: str, shown: str) -> dict[str, Any]:
    newer = version > 2
    flags = ("visible", "opaque", "accepts_input", "cursor_owner")
    return {
        "id": identity,
        "pane_id": shown,
        **({"anchor_pane_id": draw(st.sampled_from((None, *PANES)))} if newer else {}),
        **({"context_id": draw(st.sampled_from((None, *CONTEXTS)))} if newer else {}),
        **({"client_id": draw(st.sampled_from((None, *CLIENTS)))} if newer else {}),
        **dict.fromkeys(("x", "y", "w", "h"), 3),
        "z": draw(st.sampled_from([-1, 0, 2_147_483_647])),
        **({"scope": "per_window", "layer": "floating_pane"} if newer else {}),
        **dict.fromkeys(flags, draw(st.booleans())),
    }


@st.composite
def _runtimes(draw: st.DrawFn, version: int, session_id: str) -> dict[str, Any]:
    ids = draw(st.lists(st.sampled_from(PANES), unique=True, min_size=1, max_size=3))
    floating = ids[1:] if draw(st.booleans()) else []
    tiled = [i for i in ids if i not in floating]
    return {
        "session_id": session_id,
        "panes": [{**draw(_panes(version)), "id": i} for i in ids],
        "focused_pane_id": draw(st.sampled_from((None, *ids))),
        **({"zoomed_pane_id": draw(st.sampled_from((None, *ids)))} if version > 2 else {}),
        "layout_root": draw(st.none() | _layouts(tiled)),
        "attach_viewport": draw(_viewports(version)),
        "floating_surfaces": [
            draw(_surfaces(version, surface, i))
            for surface, i in zip(SURFACES, floating, strict=False)
        ],
    }


@st.composite
def _pane_sections(draw: st.DrawFn, name: str, session_ids: list[str]) -> Part:
    version = draw(st.sampled_from((1, 2, 3))) if name == "panes" else 1
    rows = [draw(_runtimes(version, i)) for i in session_ids if draw(st.booleans())]
    return part(name, {"sessions": rows}, version)


_ORDERS = _map(WORKSPACES, st.lists(st.sampled_from(CONTEXTS), unique=True, max_size=3))
_TAB_SECTIONS = st.builds(lambda orders: part("tabs", orders), _ORDERS) | st.builds(
    lambda orders, pending: part("tabs", {"orders": orders, "pending": pending}, 2),
    _ORDERS,
    _map(CONTEXTS, st.sampled_from(WORKSPACES)),
)
_WORKSPACE_SECTIONS = _subset(WORKSPACES).map(
    lambda ids: part("workspaces", [{"id": i, "name": f"work {i[:4]}"} for i in ids])
)


@st.composite
def served_worlds(draw: st.DrawFn, *, least_sessions: int = 0) -> World:
    """Draw a world that a server could write: decodable everywhere, sorted, in canonical form.

    References may dangle in it, clients may be gone: real snapshots are like that.
    """
    ids = draw(_subset(SESSIONS, least_sessions))
    rows = [session(i, draw(_NAMES), tuple(draw(_subset(CLIENTS)))) for i in ids]
    parts = [
        part("clients", draw(_FOLLOW_STATES)),
        part("contexts", draw(_CONTEXT_STATES)),
        part("sessions", rows),
    ]
    if draw(st.booleans()):
        parts.append(draw(_pane_sections("panes", ids)))
    if draw(st.integers(0, 3)) == 0:
        parts.append(draw(_pane_sections("older_panes", ids)))
    if draw(st.booleans()):
        parts.append(draw(_TAB_SECTIONS))
    if draw(st.booleans()):
        parts.append(draw(_WORKSPACE_SECTIONS))
    return World(tuple(parts))


# --- hostile worlds --------------------------------------------------------------------------

_UNKNOWN: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {},
        {},
        {"x-note": None, "tree": [[]]},
        {"payload": -(2**63), "bmux/future~1": {"b": 1, "a": []}},
        {"x-note": 2**64 - 1, "model_extra": "\x00\x7f\u2028"},
        {"x-note": [True, -0.0, 1e300, 1.5, ""]},
    ]
)
"""Members that bmux does not know, some of them named like something in our code."""


def _spelled(pool: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.sampled_from([*pool * 6, *(other for i in pool for other in spellings(i)[1:])])


def _or_none(pool: tuple[str, ...]) -> st.SearchStrategy[str | None]:
    return st.sampled_from([None, *pool, *(other for i in pool for other in spellings(i)[1:])])


def _hostile_map(
    keys: tuple[str, ...], values: st.SearchStrategy[Any]
) -> st.SearchStrategy[dict[str, Any]]:
    """Draw a map in any order, its keys in any spelling, but each id once."""
    rows = st.lists(
        st.tuples(_spelled(keys), values), unique_by=lambda row: MEANING[row[0]], max_size=4
    )
    return rows.map(dict)


def _with_unknown(tree: dict[str, Any], unknown: dict[str, Any]) -> dict[str, Any]:
    return {**unknown, **tree}


_HOSTILE_SESSIONS = st.lists(
    st.builds(
        _with_unknown,
        st.fixed_dictionaries(
            {"clients": st.lists(_spelled(CLIENTS), max_size=2), "id": _spelled(SESSIONS)},
            optional={"name": _NAMES},
        ),
        _UNKNOWN,
    ),
    max_size=5,
)

_HOSTILE_CONTEXTS = st.builds(
    _with_unknown,
    st.fixed_dictionaries(
        {
            "mru_contexts": st.lists(_spelled(CONTEXTS), max_size=5),
            "contexts": _hostile_map(
                CONTEXTS,
                st.builds(
                    _with_unknown,
                    st.fixed_dictionaries(
                        {
                            "attributes": st.dictionaries(
                                st.sampled_from(["bmux.session_id", "z", "a/b~"]),
                                _spelled(SESSIONS) | _TEXT,
                                max_size=2,
                            ),
                            "id": _spelled(CONTEXTS),
                        },
                        optional={"name": _NAMES},
                    ),
                    _UNKNOWN,
                ),
            ),
            "selected_by_client": _hostile_map(CLIENTS, _spelled(CONTEXTS)),
            "session_by_context": _hostile_map(CONTEXTS, _spelled(SESSIONS)),
        }
    ),
    _UNKNOWN,
)

_HOSTILE_CLIENTS = st.builds(
    _with_unknown,
    st.fixed_dictionaries(
        {
            "selected_sessions": _hostile_map(CLIENTS, _or_none(SESSIONS)),
            "selected_contexts": _hostile_map(CLIENTS, _or_none(CONTEXTS)),
            "connected_clients": st.lists(_spelled(CLIENTS), max_size=3),
            "follows": _hostile_map(
                CLIENTS,
                st.fixed_dictionaries(
                    {"global": st.booleans(), "leader_client_id": _spelled(CLIENTS)}
                ),
            ),
        },
        optional={
            "attached_stream_sessions": _hostile_map(CLIENTS, _or_none(SESSIONS)),
            "attach_detach_allowed": _hostile_map(CLIENTS, st.booleans()),
        },
    ),
    _UNKNOWN,
)

ODD_PGIDS: list[Any] = [None, True, "2000000001", 1.5, -7, 0, 2**31, -(2**31) - 1, [5], {}]
_ODD_IDS: list[Any] = [
    None,
    7,
    "",
    "not an id",
    [],
    {},
    True,
    f" {SESSIONS[0]}",
    f"{SESSIONS[0]}\n",
]
_OWNERS: st.SearchStrategy[Any] = (
    _spelled(SESSIONS)
    | st.sampled_from(_ODD_IDS)
    | st.sampled_from(SESSIONS).map(lambda i: list(uuid.UUID(i).bytes))
)

_HOSTILE_PANES = st.builds(
    _with_unknown,
    st.fixed_dictionaries(
        {"id": _spelled(PANES) | st.sampled_from(_ODD_IDS)},
        optional={
            "process_group_id": st.sampled_from([*_REAL_PGIDS, *ODD_PGIDS]),
            "launch_command": st.sampled_from(
                [None, 7, {}, {"env": [1]}, {"env": {"A": 7, "B/~": SECRET}, "program": []}]
            ),
            "shell": st.sampled_from(["/bin/sh", 7, None]),
        },
    ),
    _UNKNOWN,
)
_HOSTILE_LAYOUTS: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([None, 7, [], {"kind": "leaf"}, {"kind": "split", "first": 5}])
    | _spelled(PANES).map(lambda i: {"kind": "leaf", "pane_id": i}),
    lambda inner: st.fixed_dictionaries(
        {"kind": st.just("split"), "first": inner, "second": inner},
        optional={"ratio": st.sampled_from([0.0, -1, 7, 1e300, "half"])},
    ),
    max_leaves=3,
)
_HOSTILE_SURFACES = st.fixed_dictionaries(
    {"pane_id": _spelled(PANES) | st.sampled_from(_ODD_IDS)},
    optional={
        "context_id": _or_none(CONTEXTS),
        "anchor_pane_id": _or_none(PANES),
        "x": st.sampled_from([0, -1, 2**64 - 1, "left"]),
    },
)
_HOSTILE_RUNTIMES: st.SearchStrategy[Any] = st.builds(
    _with_unknown,
    st.fixed_dictionaries(
        {"session_id": _OWNERS},
        optional={
            "panes": st.lists(_HOSTILE_PANES | st.sampled_from([7, None]), max_size=2)
            | st.sampled_from([None, {}, "x"]),
            "layout_root": _HOSTILE_LAYOUTS,
            "floating_surfaces": st.lists(_HOSTILE_SURFACES | st.just(7), max_size=2),
            "focused_pane_id": _spelled(PANES) | st.sampled_from(_ODD_IDS),
            "attach_viewport": st.sampled_from([None, {}, {"cols": True, "rows": -1}, 7]),
        },
    ),
    _UNKNOWN,
)
_HOSTILE_PANE_TREES: st.SearchStrategy[Any] = st.one_of(
    st.builds(
        _with_unknown,
        st.fixed_dictionaries(
            {"sessions": st.lists(_HOSTILE_RUNTIMES | st.sampled_from([7, None, []]), max_size=4)}
        ),
        _UNKNOWN,
    ),
    st.sampled_from([7, [], {}, None, {"sessions": 7}, {"sessions": {}}]),
)
_STRANGERS = st.builds(
    Part,
    st.sampled_from(["plugin.x/state", "", "bmux.future/thing"]),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=12),
)


@st.composite
def hostile_worlds(draw: st.DrawFn, *, least_sessions: int = 0) -> World:
    """Draw a world that bmux's offline kill would still take, and no server ever wrote.

    Every known section but the pane ones decodes; sections may be missing or stand
    twice, in any order, between unknown ones; rows repeat; ids are in any spelling.
    """
    versions = st.sampled_from((1, 2, 3))
    tab_trees = _TAB_SECTIONS.filter(lambda tabs: tabs.payload)
    sections = [
        *([part("contexts", draw(_HOSTILE_CONTEXTS))] if draw(st.integers(0, 5)) else []),
        *([part("clients", draw(_HOSTILE_CLIENTS))] if draw(st.integers(0, 5)) else []),
        *(
            [part("panes", draw(_HOSTILE_PANE_TREES), draw(versions))]
            if draw(st.integers(0, 5))
            else []
        ),
        *([part("older_panes", draw(_HOSTILE_PANE_TREES))] if not draw(st.integers(0, 3)) else []),
        *([draw(tab_trees)] if draw(st.booleans()) else []),
        *draw(st.lists(_STRANGERS, max_size=2)),
    ]
    rows = draw(_HOSTILE_SESSIONS.filter(lambda rows: len(rows) >= least_sessions))
    if least_sessions or draw(st.integers(0, 9)):
        sections.append(part("sessions", rows))
    shuffled = draw(st.permutations(sections))
    if shuffled and not draw(st.integers(0, 3)):
        # The first with an id counts; the second is left as it is.
        shuffled = [*shuffled, replace(shuffled[0], version=1)]
    parts = tuple(replace(p, unknown=draw(_UNKNOWN)) for p in shuffled)
    return World(parts, draw(_UNKNOWN), draw(st.booleans()))


def worlds(*, least_sessions: int = 0) -> st.SearchStrategy[World]:
    """Draw either kind of world."""
    return served_worlds(least_sessions=least_sessions) | hostile_worlds(
        least_sessions=least_sessions
    )
