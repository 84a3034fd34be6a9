"""Each rule has a world that breaks it, and a close one that does not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pytest

from bmux_forensics.analysis.audit.findings import COLUMNS
from bmux_forensics.analysis.audit.run import audit
from bmux_forensics.analysis.rules.book import BY_ID, RULES, explain, rule_of
from bmux_forensics.analysis.rules.model import SEVERITIES
from bmux_forensics.analysis.rules.reference_rules import REFERENCE_RULES
from bmux_forensics.errors import UsageError
from bmux_forensics.snapshot.document import read_snapshot
from bmux_forensics.snapshot.edits import resolve
from bmux_forensics.snapshot.sections import BY_NAME
from bmux_forensics.tables.build import Tables
from bmux_forensics.tables.graph import FOREIGN_KEYS
from tests.analysis_audit.worlds import NIL, SECRET, World

S1, S2, S3 = (f"0000000{i}-0000-4000-8000-000000000001" for i in (1, 2, 3))
C1, C2 = (f"0000000{i}-0000-4000-8000-000000000002" for i in (1, 2))
P1, P2, P3 = (f"0000000{i}-0000-4000-8000-000000000003" for i in (1, 2, 3))
K1, K2 = (f"0000000{i}-0000-4000-8000-000000000004" for i in (1, 2))
W1 = "00000001-0000-4000-8000-000000000005"
GONE = "0000000f-0000-4000-8000-00000000000f"

Json = dict[str, Any]


def pane(identity: str, **members: Any) -> Json:
    return {"id": identity, "shell": "/bin/sh", "last_known_cwd": "/home/u", **members}


def leaf(identity: str) -> Json:
    return {"kind": "leaf", "pane_id": identity}


def split(first: Json, second: Json, ratio: float = 0.5) -> Json:
    shape: Json = {"kind": "split", "direction": "vertical", "ratio": ratio}
    return {**shape, "first": first, "second": second}


def surface(identity: str, **members: Any) -> Json:
    sizes = dict.fromkeys(("x", "y", "w", "h", "z"), 1)
    flags = dict.fromkeys(("visible", "opaque", "accepts_input", "cursor_owner"), True)
    return {"id": W1, "pane_id": identity, **sizes, **flags, **members}


def row(session_id: Any, *panes: Json, **members: Any) -> Json:
    return {
        "session_id": session_id,
        "panes": list(panes),
        "layout_root": None,
        "attach_viewport": None,
        "floating_surfaces": [],
        **members,
    }


def sound() -> dict[str, Any]:
    """Two sessions; the first is bound to a context and has two panes, the second has one."""
    return {
        "sessions": [
            {"id": S1, "name": "one", "clients": [K1]},
            {"id": S2, "name": "two", "clients": []},
        ],
        "contexts": {
            "contexts": {C1: {"id": C1, "name": None, "attributes": {"bmux.session_id": S1}}},
            "session_by_context": {C1: S1},
            "selected_by_client": {K1: C1},
            "mru_contexts": [C1],
        },
        "clients": {
            "connected_clients": [K1, K2],
            "selected_contexts": {K1: C1, K2: None},
            "selected_sessions": {K1: S1, K2: None},
            "follows": {K2: {"leader_client_id": K1, "global": False}},
            "attached_stream_sessions": {K1: S1, K2: None},
            "attach_detach_allowed": {},
        },
        "panes": {
            "sessions": [
                row(
                    S1,
                    pane(P1),
                    pane(P2),
                    focused_pane_id=P1,
                    zoomed_pane_id=P2,
                    layout_root=split(leaf(P1), leaf(P2)),
                ),
                row(S2, pane(P3), layout_root=leaf(P3)),
            ]
        },
        "tabs": {"orders": {NIL: [C1], W1: []}, "pending": {C1: W1}},
        "workspaces": [{"id": NIL, "name": "default"}, {"id": W1, "name": "other"}],
    }


VERSIONS = {"panes": 3, "tabs": 2}


def written(trees: dict[str, Any], versions: dict[str, int] | None = None) -> World:
    given = {**VERSIONS, **(versions or {})}
    parts = [
        [BY_NAME[n].id if n in BY_NAME else n, given.get(n, 1), tree] for n, tree in trees.items()
    ]
    return World(parts)


Change = Callable[[dict[str, Any]], Any]


def at(pointer: str, value: Any) -> Change:
    """Set a member of a section's tree, by a path from the section's name on."""

    def change(trees: dict[str, Any]) -> None:
        *way, last = pointer.split("/")
        node: Any = trees
        for token in way:
            node = node[int(token)] if isinstance(node, list) else node[token]
        if isinstance(node, list):
            node[int(last) if last != "-" else len(node) :] = [value]
        else:
            node[last] = value

    return change


def without(name: str) -> Change:
    def change(trees: dict[str, Any]) -> None:
        del trees[name]

    return change


def also(*changes: Change) -> Change:
    def change(trees: dict[str, Any]) -> None:
        for one in changes:
            one(trees)

    return change


@dataclass(frozen=True)
class Case:
    """A change that breaks a rule, one close by that does not, and where the finding points."""

    rule: str
    breaks: Change
    close: Change
    pointer: str | None = None
    value: str | None = None
    target: str = "alpha4"
    versions: dict[str, int] = field(default_factory=dict)


ROW1, PANE1 = "panes/sessions/0", "panes/sessions/0/panes/0"
KEPT: Change = also()
"""The sound world itself."""

CASES = (
    Case("unknown-section", at("third.party", b"y"), KEPT, "/sections/6"),
    Case("unknown-section-version", KEPT, KEPT, "/sections/3", "9", versions={"panes": 9}),
    Case("section-undecodable", at("clients", [1]), at("clients/follows", {}), ""),
    Case("section-missing", without("contexts"), without("tabs"), ""),
    Case("section-missing", without("panes"), without("workspaces"), ""),
    Case("unknown-field", at(f"{PANE1}/colour", 1), at(f"{PANE1}/name", "x")),
    Case("tabs-unknown-field", at("tabs/extra", {}), at("tabs/pending", {}), "/extra"),
    Case(
        "tab-listed-twice",
        at(f"tabs/orders/{NIL}/-", C1.upper()),
        at(f"tabs/orders/{W1}/-", C1),
        f"/orders/{NIL}/1",
        C1,
    ),
    Case("workspace-invalid", at("workspaces/1/name", " \u2003"), at("workspaces/1/name", "\x1c")),
    Case("workspace-invalid", at("workspaces/1/name", "default"), at("workspaces/1/name", "d")),
    Case("workspace-invalid", at("workspaces/1/id", NIL), at("workspaces/1/id", S1)),
    Case(
        "legacy-pane-section",
        at("older_panes", {"sessions": [row(S1, pane(P1))]}),
        KEPT,
        "/sections/6",
        "1",
    ),
    Case(
        "pane-row-without-session",
        at(f"{ROW1}/session_id", GONE),
        at(f"{ROW1}/session_id", S1.upper()),
        "/sessions/0/session_id",
        GONE,
    ),
    Case(
        "pane-row-without-panes",
        at(ROW1, row(S1)),
        at(ROW1, row(S1, pane(P1))),
        "/sessions/0/panes",
    ),
    Case(
        "pane-row-twice",
        at("panes/sessions/-", row(S1, pane(GONE))),
        also(
            at("panes/sessions/-", row(S3, pane(GONE))), at("sessions/-", {"id": S3, "clients": []})
        ),
        "/sessions/2/session_id",
        S1,
    ),
    Case(
        "pane-row-id-not-text",
        at(f"{ROW1}/session_id", list(bytes.fromhex(S1.replace("-", "")))),
        at(f"{ROW1}/session_id", f"urn:uuid:{S1}"),
        "/sessions/0/session_id",
        "array",
    ),
    Case(
        "pane-pgid-invalid",
        at(f"{PANE1}/process_group_id", 2**31),
        at(f"{PANE1}/process_group_id", 2**31 - 1),
        "/sessions/0/panes/0/process_group_id",
    ),
    Case(
        "focused-pane-missing",
        at(f"{ROW1}/focused_pane_id", P3),
        at(f"{ROW1}/focused_pane_id", None),
        "/sessions/0/focused_pane_id",
        P3,
    ),
    Case(
        "layout-pane-missing",
        at(f"{ROW1}/layout_root/second", split(leaf(P2), leaf(P3))),
        at(f"{ROW1}/layout_root/second", leaf(P2)),
        "/sessions/0/layout_root/second/second/pane_id",
        P3,
    ),
    Case(
        "pane-outside-layout",
        at(f"{ROW1}/panes/-", pane(GONE)),
        also(at(f"{ROW1}/panes/-", pane(GONE)), at(f"{ROW1}/floating_surfaces/-", surface(GONE))),
        "/sessions/0/panes/2/id",
        GONE,
    ),
    Case(
        "layout-pane-twice",
        at(f"{ROW1}/layout_root/second", split(leaf(P2), leaf(P1))),
        at(f"{ROW1}/layout_root/second", leaf(P2)),
        "/sessions/0/layout_root/second/second/pane_id",
        P1,
    ),
    Case(
        "floating-pane-in-layout",
        at(f"{ROW1}/floating_surfaces/-", surface(P2)),
        also(at(f"{ROW1}/floating_surfaces/-", surface(P2)), at(f"{ROW1}/layout_root", leaf(P1))),
        "/sessions/0/layout_root/second/pane_id",
        P2,
    ),
    Case(
        "split-ratio-out-of-range",
        at(f"{ROW1}/layout_root/ratio", 0.95),
        at(f"{ROW1}/layout_root/ratio", 0.9),
        "/sessions/0/layout_root/ratio",
        "0.95",
    ),
    Case(
        "pane-nonresumable",
        at(f"{PANE1}/resume_policy", "nonresumable"),
        at(f"{PANE1}/resume_policy", "resumable"),
        "/sessions/0/panes/0/resume_policy",
    ),
    Case(
        "session-without-panes",
        at("sessions/-", {"id": S3, "clients": []}),
        at("sessions/-", {"id": S2, "clients": []}),
        "/2/id",
        S3,
    ),
    Case(
        "context-unbound",
        at(f"contexts/contexts/{C2}", {"id": C2, "attributes": {}}),
        also(
            at(f"contexts/contexts/{C2}", {"id": C2, "attributes": {}}),
            at(f"contexts/session_by_context/{C2}", S2),
        ),
        f"/contexts/{C2}",
        C2,
    ),
    Case(
        "binding-without-session",
        at(f"contexts/session_by_context/{C1}", GONE),
        at(f"contexts/session_by_context/{C1}", S1.upper()),
        f"/session_by_context/{C1}",
        GONE,
    ),
    Case(
        "binding-without-context",
        at(f"contexts/session_by_context/{C2}", S1),
        KEPT,
        f"/session_by_context/{C2}",
        C2,
    ),
    Case(
        "context-key-differs",
        at(f"contexts/contexts/{C1}/id", C2),
        at(f"contexts/contexts/{C1}/id", C1.upper()),
        f"/contexts/{C1}/id",
        C2,
    ),
    Case(
        "session-attribute-differs",
        at(f"contexts/contexts/{C1}/attributes/bmux.session_id", S2),
        at(f"contexts/contexts/{C1}/attributes/note", S2),
        f"/contexts/{C1}/attributes/bmux.session_id",
        S2,
    ),
    Case(
        "session-id-twice",
        at("sessions/-", {"id": S1.upper(), "clients": []}),
        KEPT,
        "/2/id",
        S1,
    ),
    Case(
        "session-name-shared", at("sessions/1/name", "one"), at("sessions/1/name", None), "/0/name"
    ),
    Case(
        "pane-id-twice", at("panes/sessions/1/panes/0/id", P1), KEPT, "/sessions/0/panes/0/id", P1
    ),
    Case("session-without-context", KEPT, at(f"contexts/session_by_context/{C2}", S2), "/1/id", S2),
    Case(
        "ghost-client",
        KEPT,
        also(
            without("clients"), at("sessions/0/clients", []), at("contexts/selected_by_client", {})
        ),
        "",
        "2",
    ),
    Case(
        "selected-context-missing",
        at(f"contexts/selected_by_client/{K1}", GONE),
        at(f"clients/selected_contexts/{K1}", None),
        f"/selected_by_client/{K1}",
        GONE,
    ),
    Case(
        "selected-context-missing",
        at(f"clients/selected_contexts/{K1}", GONE),
        KEPT,
        f"/selected_contexts/{K1}",
        GONE,
    ),
    Case(
        "selected-session-missing",
        at(f"clients/selected_sessions/{K1}", GONE),
        at(f"clients/selected_sessions/{K1}", S2),
        f"/selected_sessions/{K1}",
        GONE,
    ),
    Case(
        "attached-session-missing",
        at(f"clients/attached_stream_sessions/{K1}", GONE),
        at(f"clients/attached_stream_sessions/{K1}", None),
        f"/attached_stream_sessions/{K1}",
        GONE,
    ),
    Case("mru-context-missing", at("contexts/mru_contexts/-", GONE), KEPT, "/mru_contexts/1", GONE),
    Case(
        "follow-leader-missing",
        at(f"clients/follows/{K2}/leader_client_id", GONE),
        at(f"clients/follows/{GONE}", {"leader_client_id": K1, "global": True}),
        f"/follows/{K2}/leader_client_id",
        GONE,
    ),
    Case(
        "zoomed-pane-missing",
        at(f"{ROW1}/zoomed_pane_id", P3),
        at(f"{ROW1}/zoomed_pane_id", P1),
        "/sessions/0/zoomed_pane_id",
        P3,
    ),
    Case(
        "floating-pane-missing",
        at(f"{ROW1}/floating_surfaces/-", surface(P3)),
        at(f"{ROW1}/floating_surfaces/-", surface(P2)),
        "/sessions/0/floating_surfaces/0/pane_id",
        P3,
    ),
    Case(
        "floating-anchor-missing",
        at(f"{ROW1}/floating_surfaces/-", surface(P2, anchor_pane_id=P3)),
        at(f"{ROW1}/floating_surfaces/-", surface(P2, anchor_pane_id=P1)),
        "/sessions/0/floating_surfaces/0/anchor_pane_id",
        P3,
    ),
    Case(
        "floating-context-missing",
        at(f"{ROW1}/floating_surfaces/-", surface(P2, context_id=C2)),
        at(f"{ROW1}/floating_surfaces/-", surface(P2, context_id=C1)),
        "/sessions/0/floating_surfaces/0/context_id",
        C2,
    ),
    Case("tab-context-missing", at(f"tabs/orders/{W1}/-", C2), KEPT, f"/orders/{W1}/0", C2),
    Case("tab-scope-missing", at(f"tabs/orders/{GONE}", []), KEPT, f"/orders/{GONE}", GONE),
    Case(
        "tab-scope-missing", at("workspaces", []), at("tabs/orders", {NIL: [C1]}), f"/orders/{W1}"
    ),
    Case("pending-context-missing", at(f"tabs/pending/{C2}", W1), KEPT, f"/pending/{C2}", C2),
    Case(
        "pending-scope-missing",
        at(f"tabs/pending/{C1}", GONE),
        at(f"tabs/pending/{C1}", NIL),
        f"/pending/{C1}",
        GONE,
    ),
)


def judged(world: World, target: str = "alpha4", **options: Any) -> pd.DataFrame:
    return audit(Tables([world.snapshot()]), target=target, **options)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_a_rule_is_found_where_it_is_broken(case: Case) -> None:
    trees = sound()
    case.breaks(trees)
    world = written(trees, case.versions)
    found = judged(world, case.target)
    hits = found[found["rule"] == case.rule]
    assert len(hits) == 1
    (hit,) = hits.to_dict("records")
    assert hit["severity"] in SEVERITIES
    assert hit["fix"] == BY_ID[case.rule].fix
    if case.pointer is not None:
        assert hit["json_pointer"] == case.pointer
    if case.value is not None:
        assert hit["value"] == case.value
    if isinstance(hit["section_id"], str):
        reading = world.snapshot().readings[world.snapshot().first_position(hit["section_id"])]
        resolve(reading.tree, hit["json_pointer"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_a_rule_is_not_found_close_by(case: Case) -> None:
    trees = sound()
    case.close(trees)
    assert case.rule not in set(judged(written(trees), case.target)["rule"])


def test_every_rule_is_shown() -> None:
    shown = {case.rule for case in CASES}
    elsewhere = {
        "envelope-unreadable",
        "checksum-mismatch",
        "duplicate-section",
        "pane-section-before-sessions",
        "folder-gone",
        "shell-gone",
    }
    assert shown | elsewhere == {rule.id for rule in RULES}
    assert not shown & elsewhere


def test_the_sound_world_has_no_more_than_two_lines() -> None:
    found = judged(written(sound()))
    assert found["rule"].tolist() == ["session-without-context", "ghost-client"]
    assert set(found["severity"]) == {"info"}


def test_an_envelope_that_no_server_takes() -> None:
    whole = written(sound()).raw
    assert judged(written(sound()))["rule"].tolist() != ["envelope-unreadable"]
    for raw in (b"", b"{", whole[:-1], b"\xef\xbb\xbf" + whole, whole.replace(b":1,", b":2,", 1)):
        found = audit(Tables([read_snapshot(raw, "torn")]))
        assert found["rule"].tolist() == ["envelope-unreadable"]


def test_a_checksum_that_does_not_fit() -> None:
    world = written(sound())
    world.sealed = False
    (hit,) = judged(world, rules=["checksum-mismatch"]).to_dict("records")
    assert (hit["value"], hit["json_pointer"], hit["severity"]) == ("7", "/checksum", "error")
    world.sealed = True
    assert judged(world, rules=["checksum-mismatch"]).empty


def test_a_section_that_stands_twice_weighs_less_where_both_are_applied() -> None:
    world = written(sound())
    assert judged(world, rules=["duplicate-section"]).empty
    world.parts.append(copy.deepcopy(world.parts[0]))
    (hit,) = judged(world, rules=["duplicate-section"]).to_dict("records")
    assert (hit["key"], hit["json_pointer"]) == (BY_NAME["sessions"].id, "/sections/6")
    assert hit["severity"] == "error"
    assert judged(world, "alpha1", rules=["duplicate-section"])["severity"].tolist() == ["warning"]


def test_panes_before_their_sessions_concern_alpha1_alone() -> None:
    trees = {
        name: tree for name, tree in sound().items() if name in ("sessions", "contexts", "panes")
    }
    turned = written(dict(reversed(trees.items())), {"panes": 1})
    rule = "pane-section-before-sessions"
    assert judged(turned, "alpha1", rules=[rule])["rule"].tolist() == [rule]
    assert judged(turned, rules=[rule]).empty
    assert judged(written(trees, {"panes": 1}), "alpha1", rules=[rule]).empty


def test_this_machine_is_asked_once_and_only_when_it_is_given() -> None:
    asked: list[list[str]] = []

    def host(paths: Any) -> dict[str, bool]:
        asked.append(list(paths))
        return dict.fromkeys(asked[-1], False)

    world = written(sound())
    assert "folder-gone" not in set(judged(world)["rule"])
    counts = judged(world, host=host)["rule"].value_counts()
    assert (counts["folder-gone"], counts["shell-gone"]) == (3, 3)
    assert asked == [["/home/u", "/bin/sh"]]
    known = judged(world, host={"/home/u": True, "/bin/sh": False})["rule"].value_counts()
    assert known.get("folder-gone", 0) == 0
    assert known["shell-gone"] == 3


def test_a_fault_with_a_rule_of_its_own_is_said_once() -> None:
    trees = sound()
    trees["panes"]["sessions"][0]["panes"][0]["process_group_id"] = "12"
    trees["tabs"]["extra"] = 1
    errors = judged(written(trees))
    assert errors.loc[errors["severity"] == "error", "rule"].tolist() == [
        "tabs-unknown-field",
        "pane-pgid-invalid",
    ]
    del trees["panes"]["sessions"][0]["panes"][1]["shell"]
    assert "section-undecodable" in set(judged(written(trees))["rule"])


@pytest.mark.parametrize("name", ["sessions", "contexts", "panes", "workspaces"])
def test_a_section_that_is_not_read_stands_for_what_would_refer_to_it(name: str) -> None:
    trees = sound()
    trees[name] = b"{"
    found = judged(written(trees))
    worse = found[found["severity"] != "info"]
    assert worse["rule"].tolist() == ["section-undecodable"]


def test_no_environment_is_shown() -> None:
    trees = sound()
    command = {"program": "vim", "args": [], "env": {"TOKEN": SECRET, "OTHER": 7}}
    trees["panes"]["sessions"][0]["panes"][0]["launch_command"] = command
    found = judged(written(trees))
    assert "section-undecodable" in set(found["rule"])
    assert SECRET not in found.to_csv()


def test_every_reference_is_accounted_for() -> None:
    names = {key.name for key in FOREIGN_KEYS if not key.contained}
    assert {name for name in names if not name.startswith("older-")} == set(REFERENCE_RULES)
    assert {rule for rule in REFERENCE_RULES.values() if rule} <= BY_ID.keys()


def test_an_empty_audit_has_every_column() -> None:
    nothing = audit(Tables([]))
    full = judged(written(sound()))
    assert list(nothing.columns) == list(full.columns) == list(COLUMNS)
    assert nothing.dtypes.astype(str).tolist() == full.dtypes.astype(str).tolist()


def test_an_unknown_rule_or_target_is_refused() -> None:
    with pytest.raises(UsageError, match="did you mean pane-row-twice"):
        rule_of("pane-row-twic")
    with pytest.raises(UsageError, match="expected the id of a rule, found 'x'"):
        audit(Tables([]), rules=["x"])
    with pytest.raises(UsageError, match="expected alpha4 or alpha1, found 'alpha9'"):
        audit(Tables([]), target="alpha9")


def test_every_rule_explains_itself() -> None:
    for rule in RULES:
        page = explain(rule.id)
        assert rule.meaning in page
        assert rule.effect in page
        assert rule.fix in page
