"""What a kill must do, written down a second time: from the format's page, over plain trees.

No table, no graph, no pointer: nothing is shared with the code under test but JSON.
"""

from __future__ import annotations

import uuid
from typing import Any

import orjson

from bmux_forensics.snapshot.checksum import checksum
from tests.worlds import SECTION_IDS

Tree = Any
_SORTED = {SECTION_IDS["panes"]}
_URN = "urn:uuid:"


def meaning(text: Tree) -> str | None:
    """Give the id that a text means to bmux, or None."""
    if not isinstance(text, str):
        return None
    wrapped = text.startswith((_URN, "{"))
    core = text.removeprefix(_URN) if text.startswith(_URN) else text
    if text.startswith("{"):
        core = text[1:-1] if text.endswith("}") else ""
    try:
        canonical = str(uuid.UUID(core))
    except ValueError:
        return None
    allowed = {canonical} if wrapped else {canonical, canonical.replace("-", "")}
    return canonical if core.lower() in allowed else None


def killed_trees(trees: dict[str, Tree], ids: set[str]) -> dict[str, Tree]:
    """Give the payloads (by short name) after a kill of these sessions; the old ones stay."""
    after = dict(trees)
    if "sessions" in trees:
        after["sessions"] = [row for row in trees["sessions"] if meaning(row["id"]) not in ids]
    gone: set[str | None] = set()
    if "contexts" in trees:
        after["contexts"], gone = _killed_contexts(trees["contexts"], ids)
    if "clients" in trees:
        after["clients"] = {
            **trees["clients"],
            "selected_sessions": _nulled(trees["clients"]["selected_sessions"], ids),
            "selected_contexts": _nulled(trees["clients"]["selected_contexts"], gone),
        }
    if "panes" in trees:
        after["panes"] = _killed_panes(trees["panes"], ids)
    return after


def _killed_contexts(tree: Tree, ids: set[str]) -> tuple[Tree, set[str | None]]:
    bound = tree["session_by_context"]
    gone = {meaning(context) for context, owner in bound.items() if meaning(owner) in ids}
    return {
        **tree,
        "contexts": {c: row for c, row in tree["contexts"].items() if meaning(c) not in gone},
        "session_by_context": {c: s for c, s in bound.items() if meaning(s) not in ids},
        "selected_by_client": {
            client: c for client, c in tree["selected_by_client"].items() if meaning(c) not in gone
        },
        "mru_contexts": [c for c in tree["mru_contexts"] if meaning(c) not in gone],
    }, gone


def _nulled(selected: dict[str, Tree], gone: Any) -> dict[str, Tree]:
    return {client: None if meaning(x) in gone else x for client, x in selected.items()}


def _killed_panes(tree: Tree, ids: set[str]) -> Tree:
    if not isinstance(tree, dict) or not isinstance(tree.get("sessions"), list):
        return tree
    rows = [
        row
        for row in tree["sessions"]
        if not isinstance(row, dict) or meaning(row.get("session_id")) not in ids
    ]
    return {**tree, "sessions": rows}


def killed(raw: bytes, ids: set[str]) -> bytes:
    """Give the file after a kill of these sessions, every surviving row as it was read."""
    envelope = orjson.loads(raw)
    names = {section_id: name for name, section_id in SECTION_IDS.items()}
    first: dict[str, int] = {}
    for position, entry in enumerate(envelope["sections"]):
        first.setdefault(names.get(entry["id"], ""), position)
    written = {n: p for n, p in first.items() if n in ("sessions", "contexts", "clients", "panes")}
    trees = {n: orjson.loads(bytes(envelope["sections"][p]["bytes"])) for n, p in written.items()}
    for name, tree in killed_trees(trees, ids).items():
        entry = envelope["sections"][written[name]]
        option = orjson.OPT_SORT_KEYS if entry["id"] in _SORTED else 0
        entry["bytes"] = list(orjson.dumps(tree, option=option))
    known = [{k: e[k] for k in ("id", "version", "bytes")} for e in envelope["sections"]]
    entries = [{**k, **e} for k, e in zip(known, envelope["sections"], strict=True)]
    sealed = {"version": 1, "checksum": checksum(orjson.dumps(known)), "sections": entries}
    return orjson.dumps({**sealed, **_unknown(envelope)}, option=orjson.OPT_INDENT_2)


def _unknown(envelope: dict[str, Tree]) -> dict[str, Tree]:
    return {k: v for k, v in envelope.items() if k not in ("version", "checksum", "sections")}


def as_bmux_writes(name: str, tree: Tree) -> Tree:
    """Give a payload the way bmux writes it back: fields in order, unknown ones gone."""
    if name == "sessions":
        return [
            {"id": r["id"], "name": r.get("name"), "clients": sorted(set(r["clients"]))}
            for r in tree
        ]
    if name == "contexts":
        rows = {
            c: {
                "id": row["id"],
                "name": row.get("name"),
                "attributes": _in_order(row["attributes"]),
            }
            for c, row in _in_order(tree["contexts"]).items()
        }
        maps = {k: _in_order(tree[k]) for k in ("session_by_context", "selected_by_client")}
        return {"contexts": rows, **maps, "mru_contexts": tree["mru_contexts"]}
    if name == "clients":
        names = ("selected_contexts", "selected_sessions", "follows")
        optional = ("attached_stream_sessions", "attach_detach_allowed")
        return {
            "connected_clients": sorted(set(tree["connected_clients"])),
            **{key: _in_order(tree.get(key, {})) for key in (*names, *optional)},
        }
    return tree


def _in_order(tree: dict[str, Tree]) -> dict[str, Tree]:
    return dict(sorted(tree.items()))
