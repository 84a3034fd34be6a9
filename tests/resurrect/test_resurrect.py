"""The verb: what it changes, what it refuses, and how it is taken back."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from bmux_forensics.actions.resurrect import (
    apply_resurrection,
    plan_of_resurrection,
    preview_resurrection,
    resurrect,
)
from bmux_forensics.errors import (
    AlreadyThereError,
    FileUnreadableError,
    NotRewritableError,
    SnapshotChangedError,
)
from bmux_forensics.snapshot.document import Snapshot, read_snapshot
from tests.actions.scenes import ALPHA, CONTEXT, GAMMA, save, world
from tests.analysis.kills import kill
from tests.cli.conftest import Run, Terminal
from tests.resurrect.comparing import require_back, rows
from tests.worlds import (
    CLIENTS,
    CONTEXTS,
    PANES,
    SECRET,
    SESSIONS,
    SURFACES,
    WORKSPACES,
    World,
    clients_tree,
    contexts_tree,
    pane,
    part,
    runtime,
    session,
)

BACK, OTHER = SESSIONS[0], SESSIONS[1]
WORK, ELSEWHERE = WORKSPACES[1], WORKSPACES[2]


def tab(context: str, owner: str, name: str, **attributes: str) -> dict[str, Any]:
    return {"id": context, "name": name, "attributes": {"bmux.session_id": owner, **attributes}}


def day(*names: str, version: int = 3, workspaces: Any = (), scope: str = WORK) -> World:
    """Give a day of newer sessions, each with a tab in one scope."""
    owners = dict(zip(SESSIONS, names, strict=False))
    places = list(zip(owners.items(), CONTEXTS, PANES, strict=False))
    contexts = {c: tab(c, o, n, workspace="work") for (o, n), c, _ in places}
    return World(
        (
            part("sessions", [session(o, n) for o, n in owners.items()]),
            part(
                "contexts",
                contexts_tree(
                    contexts=contexts,
                    session_by_context={c: o for (o, _), c, _ in places},
                    mru_contexts=list(contexts),
                ),
            ),
            part("clients", clients_tree()),
            part("tabs", {"orders": {scope: list(contexts)}, "pending": {}}, 2),
            part("panes", {"sessions": [runtime(o, pane(p)) for (o, _), _, p in places]}, version),
            part("workspaces", list(workspaces or [{"id": WORK, "name": "work"}])),
        )
    )


def without(world: World, session_id: str) -> Snapshot:
    return read_snapshot(kill(world.snapshot(), [session_id], scrub=True), "there")


# --- files -----------------------------------------------------------------------------------


@pytest.fixture
def there(tmp_path: Path, cli: Run) -> Path:
    """Give a snapshot whose session alpha was killed; an older copy lies beside it."""
    save(tmp_path / "old.json", world().raw)
    file = save(tmp_path / "snap.json", world().raw)
    assert cli("kill", "alpha", "--snapshot", file, "--yes").code == 0
    return file


def test_it_comes_back_and_is_taken_back(there: Path, cli: Run, tmp_path: Path) -> None:
    before = there.read_bytes()
    status = there.stat()
    done = cli("resurrect", "alpha", "--from", tmp_path / "old.json", "--into", there, "--yes")
    assert done.code == 0
    assert done.out.splitlines()[-1] == f"resurrected session: {ALPHA}"
    after = there.stat()
    assert (after.st_mode, after.st_mtime_ns) == (status.st_mode, status.st_mtime_ns)
    require_back(world().snapshot(), read_snapshot(there.read_bytes(), "world"), ALPHA)
    assert "resurrect" in cli("history").out
    assert SECRET not in (tmp_path / "state" / "journal.jsonl").read_text()
    assert cli("undo", "--snapshot", there, "--yes").code == 0
    assert there.read_bytes() == before
    assert cli("verify").code == 0


def test_bmux_s_own_snapshot_is_meant_by_default(own: Path, cli: Run, tmp_path: Path) -> None:
    old = tmp_path / "old.json.gz"
    old.write_bytes(gzip.compress(own.read_bytes()))
    assert cli("kill", "alpha", "--yes", "--no-signal").code == 0
    assert cli("resurrect", ALPHA[:8], "--from", old, "--yes").code == 0
    require_back(world().snapshot(), read_snapshot(own.read_bytes(), "world"), ALPHA)


def test_the_object_says_what_came_back_and_hides_what_is_private(
    there: Path, cli: Run, tmp_path: Path
) -> None:
    old = tmp_path / "old.json"
    arguments = ("resurrect", "alpha", "--from", old, "--into", there, "--json")
    would = cli(*arguments, "--dry-run")
    planned = would.document("resurrect")
    assert planned["applied"] is False
    found = cli(*arguments, "--yes").document("resurrect")
    assert found["applied"] is True
    assert (found["session_id"], found["name"]) == (ALPHA, "alpha")
    assert found["sha256_after"] == planned["sha256_after"]
    assert found["plan"] == planned["plan"]
    tables = [row["table"] for row in found["plan"]]
    assert sorted(tables) == ["bindings", "contexts", "mru_contexts", "runtimes", "sessions"]
    assert SECRET not in would.out
    panes = next(json.loads(r["new"]) for r in found["plan"] if r["table"] == "runtimes")["panes"]
    assert [p["process_group_id"] for p in panes] == [None, None]


def test_nothing_is_written_without_a_yes(there: Path, cli: Run, tmp_path: Path) -> None:
    before = there.read_bytes()
    arguments = ("resurrect", "alpha", "--from", tmp_path / "old.json", "--into", there)
    refused = cli(*arguments)
    assert refused.code == 2
    assert "--yes" in refused.line
    assert cli(*arguments, "--dry-run").code == 0
    assert there.read_bytes() == before


def test_a_person_sees_the_plan_and_says_yes(there: Path, terminal: Any, tmp_path: Path) -> None:
    arguments = ("resurrect", "alpha", "--from", tmp_path / "old.json", "--into", there)
    shown: Terminal = terminal(*arguments)
    shown.read_until("[y/N]")
    assert "insert" in shown.shown
    assert "alpha4 starts and saves" in shown.shown
    shown.type("y\n")
    assert shown.finish() == 0
    require_back(world().snapshot(), read_snapshot(there.read_bytes(), "world"), ALPHA)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("nobody", "--from", "old.json"), 1, "session not found: nobody"),
        (("twin", "--from", "old.json"), 2, "2 sessions for the selector"),
        (("", "--from", "old.json"), 2, "an empty selector"),
        ((GAMMA, "--from", "old.json"), 2, "is there already"),
        (("alpha", "--from", "absent.json"), 3, "no such file"),
        (("alpha", "--from", "torn.json"), 3, "torn.json"),
        (("alpha", "--from", "old.json", "--as", "twin"), 2, "--as"),
        (("alpha", "--from", "old.json", "--as", " "), 2, "blank"),
        (("alpha", "--from", "old.json", "--expect-sha256", "0" * 64), 4, "sha256"),
    ],
)
def test_what_can_not_be_done_is_one_line_and_changes_nothing(
    arguments: tuple[str, ...], code: int, said: str, there: Path, cli: Run
) -> None:
    save(there.with_name("torn.json"), world().raw[:-30])
    before = there.read_bytes()
    refused = cli("resurrect", *arguments, "--into", there, "--yes")
    assert (refused.code, said in refused.line) == (code, True), refused.err
    told = cli("resurrect", *arguments, "--into", there, "--yes", "--json")
    assert told.document("resurrect")["error"]["message"] in refused.line
    assert there.read_bytes() == before


def test_a_compressed_copy_takes_nobody_in(there: Path, cli: Run, tmp_path: Path) -> None:
    packed = tmp_path / "packed.json.gz"
    packed.write_bytes(gzip.compress(there.read_bytes()))
    old = tmp_path / "old.json"
    assert cli("resurrect", "alpha", "--from", old, "--into", packed, "--yes").code == 3


def test_a_held_lock_is_respected(there: Path, cli: Run, tmp_path: Path) -> None:
    lock = there.with_name(f"{there.name}.lock")
    lock.write_text("pid=1\n")
    arguments = ("--from", tmp_path / "old.json", "--into", there, "--yes", "--lock-timeout", 0)
    assert cli("resurrect", "alpha", *arguments).code == 4
    assert lock.read_text() == "pid=1\n"


def test_a_plan_that_was_seen_goes_with_its_bytes_alone(there: Path, tmp_path: Path) -> None:
    plan = preview_resurrection("alpha", tmp_path / "old.json", there)
    save(there, world().raw)
    with pytest.raises(SnapshotChangedError):
        apply_resurrection(plan)
    assert there.read_bytes() == world().raw


# --- names and ids ---------------------------------------------------------------------------


def test_a_name_that_is_taken_is_refused_and_another_one_is_given_to_the_tab_too() -> None:
    source = day("web", "ops")
    rows_left = [{**row, "name": "web"} for row in without(source, BACK).readings[0].tree]
    reading = without(source, BACK).readings[0]
    taken = read_snapshot(
        without(source, BACK).with_readings([reading.edited(rows_left)]).raw, "there"
    )
    with pytest.raises(AlreadyThereError, match=r"the name 'web' belongs to another there; .*--as"):
        plan_of_resurrection(taken, BACK, source.snapshot())
    after = plan_of_resurrection(taken, BACK, source.snapshot(), name="web-2").after
    names = {row["session_id"]: row["name"] for row in rows(after, "sessions")}
    assert names == {BACK: "web-2", OTHER: "web"}
    assert {row["context_id"]: row["name"] for row in rows(after, "contexts")} == {
        CONTEXTS[0]: "web-2",
        CONTEXTS[1]: "ops",
    }


@pytest.mark.parametrize(
    ("taken", "said"),
    [
        ({"contexts": {"contexts": {CONTEXTS[0]: tab(CONTEXTS[0], OTHER, "x")}}}, "the context"),
        ({"contexts": {"session_by_context": {CONTEXTS[0]: OTHER}}}, "the context"),
        ({"contexts": {"session_by_context": {CONTEXTS[3]: BACK}}}, "is bound to the session"),
        ({"panes": runtime(BACK, pane(PANES[3]))}, "a pane row of the session"),
        ({"panes": runtime(OTHER, pane(PANES[0]))}, "the pane"),
    ],
)
def test_an_id_that_is_taken_is_refused(taken: dict[str, Any], said: str) -> None:
    source = day("web", "ops")
    there = without(source, BACK)
    trees = {r.spec.name: r.tree for r in there.readings if r.spec is not None}
    for member, more in taken.get("contexts", {}).items():
        trees["contexts"] = {
            **trees["contexts"],
            member: {**trees["contexts"][member], **more},
        }
    if "panes" in taken:
        trees["panes"] = {"sessions": [*trees["panes"]["sessions"], taken["panes"]]}
    with pytest.raises(AlreadyThereError, match=said):
        plan_of_resurrection(source.replacing(trees).snapshot(), BACK, source.snapshot(), name="n")


def test_a_snapshot_without_the_sections_it_takes_is_refused() -> None:
    source = day("web")
    bare = World((part("sessions", []), part("contexts", contexts_tree())))
    with pytest.raises(NotRewritableError, match=r"expected the section bmux\.pane_runtime"):
        plan_of_resurrection(bare.snapshot(), BACK, source.snapshot())


# --- tabs, workspaces, forms -----------------------------------------------------------------


def test_a_tab_stands_behind_the_neighbour_that_is_left() -> None:
    source = day("a", "b", "c")
    there = without(source, SESSIONS[1])
    after = plan_of_resurrection(there, SESSIONS[1], source.snapshot()).after
    order = [row["context_id"] for row in rows(after, "tab_orders")]
    assert order == [row["context_id"] for row in rows(source.snapshot(), "tab_orders")]


def test_a_workspace_that_is_gone_comes_back_too() -> None:
    source = day("a", "b")
    there = without(
        day("a", "b", workspaces=[{"id": ELSEWHERE, "name": "x"}], scope=ELSEWHERE), BACK
    )
    after = plan_of_resurrection(there, BACK, source.snapshot()).after
    assert {row["workspace_id"]: row["name"] for row in rows(after, "workspaces")} == {
        WORK: "work",
        ELSEWHERE: "x",
    }
    placed = {row["context_id"]: row["scope_id"] for row in rows(after, "tab_orders")}
    assert placed == {CONTEXTS[0]: WORK, CONTEXTS[1]: ELSEWHERE}


def test_a_workspace_that_has_its_name_under_another_id_takes_the_tab() -> None:
    source = day("a", "b")
    there = without(
        day("a", "b", workspaces=[{"id": ELSEWHERE, "name": "work"}], scope=ELSEWHERE), BACK
    )
    after = plan_of_resurrection(there, BACK, source.snapshot()).after
    assert {row["workspace_id"] for row in rows(after, "workspaces")} == {ELSEWHERE}
    assert {row["scope_id"] for row in rows(after, "tab_orders")} == {ELSEWHERE}


def test_a_workspace_with_another_name_now_names_the_context() -> None:
    source = day("a", "b")
    there = without(day("a", "b", workspaces=[{"id": WORK, "name": "renamed"}]), BACK)
    after = plan_of_resurrection(there, BACK, source.snapshot()).after
    named = {
        row["context_id"]: row["value"]
        for row in rows(after, "context_attributes")
        if row["key"] == "workspace"
    }
    assert named[CONTEXTS[0]] == "renamed"


@pytest.mark.parametrize("version", [1, 2, 3])
def test_panes_under_the_older_section_id_come_back_under_the_newer(version: int) -> None:
    viewport = {"cols": 80, "rows": 24, "status_top_inset": 1, "status_bottom_inset": 2}
    row = runtime(BACK, pane(PANES[0]), attach_viewport=viewport)
    older = World(
        (
            part("sessions", [session(BACK, "a")]),
            part("contexts", contexts_tree()),
            part("older_panes", {"sessions": [row]}),
        )
    )
    there = without(day("b", "ops", version=version), BACK)
    after = plan_of_resurrection(there, BACK, older.snapshot()).after
    (found,) = [r for r in rows(after, "runtimes") if r["session_id"] == BACK]
    assert (found["pane_count"], found["cols"]) == (1, 80)
    # The rest of this snapshot is of alpha.4, which takes either naming in version 1 alone.
    name = "status_bottom_inset" if version == 1 else "bottom_inset"
    assert found["viewport"][name] == 2


def test_a_gone_client_does_not_come_along_with_a_floating_surface() -> None:
    surface = {
        "id": SURFACES[0],
        "pane_id": PANES[0],
        "client_id": CLIENTS[0],
        **dict.fromkeys(("x", "y", "w", "h", "z"), 1),
        **dict.fromkeys(("visible", "opaque", "accepts_input", "cursor_owner"), True),
    }
    source = day("a", "b")
    trees = source.tree("panes")
    first = {**trees["sessions"][0], "floating_surfaces": [surface]}
    source = source.replacing({"panes": {"sessions": [first, trees["sessions"][1]]}})
    after = plan_of_resurrection(without(source, BACK), BACK, source.snapshot()).after
    (found,) = rows(after, "floating_surfaces")
    assert (found["pane_id"], found["client_id"]) == (PANES[0], None)


def test_every_context_of_the_scene_is_bound_again() -> None:
    there = read_snapshot(kill(world().snapshot(), [ALPHA]), "there")
    after = plan_of_resurrection(there, ALPHA, world().snapshot()).after
    assert [row["context_id"] for row in rows(after, "bindings")] == [CONTEXT]


def test_the_size_limit_holds_for_both_files(tmp_path: Path) -> None:
    then = save(tmp_path / "then.json", world().raw)
    now = save(tmp_path / "now.json", without(world(), ALPHA).raw.ljust(len(world().raw) + 1))
    limit = then.stat().st_size
    for come_back in (preview_resurrection, resurrect):
        for small in (limit, limit - 1):
            with pytest.raises(FileUnreadableError, match=f"at most {small} bytes"):
                come_back(ALPHA, then, now, size_limit=small)
    assert now.stat().st_size == limit + 1
    assert apply_resurrection(preview_resurrection(ALPHA, then, now)).passage.applied
