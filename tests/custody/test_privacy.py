from __future__ import annotations

import json
import stat
from pathlib import Path

import bmux_forensics as bf
from bmux_forensics.actions.custody_facts import MOST_KEYS, Deed, plan_facts
from bmux_forensics.store.journal import read_journal
from tests.actions.scenes import ALPHA, EVIL_NAME, save
from tests.worlds import SECRET, World, contexts_tree, pane, part, runtime, session

NAME, FOLDER, PROGRAM, KEY = "payroll-2026", "/home/ana/merger", "nc -l 31337", "customer-name"


def telling_world(tabs: int = 1) -> World:
    """Give a world in which everything that must stay private can be recognised."""
    command = {"program": PROGRAM, "args": [PROGRAM], "cwd": FOLDER, "env": {KEY: SECRET}}
    contexts = {
        f"cccccccc-0000-4000-8000-{n:012}": {
            "id": f"cccccccc-0000-4000-8000-{n:012}",
            "name": NAME,
            "attributes": {"bmux.session_id": ALPHA, KEY: SECRET},
        }
        for n in range(tabs)
    }
    tree = contexts_tree(
        contexts=contexts,
        session_by_context=dict.fromkeys(contexts, ALPHA),
        mru_contexts=list(contexts),
    )
    panes = [pane(ALPHA, 2_000_000_001, launch_command=command, last_known_cwd=FOLDER)]
    return World(
        (
            part("sessions", [session(ALPHA, NAME)]),
            part("contexts", tree),
            part("panes", {"sessions": [runtime(ALPHA, *panes)]}, 2),
        )
    )


def test_the_journal_holds_ids_and_hashes_only(tmp_path: Path, journal: Path) -> None:
    path = save(tmp_path / "snap.json", telling_world().raw)
    bf.kill(path, [NAME], scrub=True)
    bf.undo(path=path)
    save(path, b"torn " + SECRET.encode())
    bf.kill(path, all_sessions=True)
    text = journal.read_text(encoding="ascii")
    for word in (SECRET, NAME, FOLDER, PROGRAM, KEY, EVIL_NAME):
        assert word not in text
        assert json.dumps(word)[1:-1] not in text
    assert ALPHA in text
    for place in (journal.parent, *journal.parent.rglob("*")):
        if not place.name.endswith(".backup"):  # a second name of the file itself
            assert not stat.S_IMODE(place.stat().st_mode) & 0o077, place


def test_the_plan_is_kept_as_counts_and_ids(tmp_path: Path) -> None:
    path = save(tmp_path / "snap.json", telling_world().raw)
    plan = bf.preview_kill(path, [NAME])
    bf.apply_kill(plan)
    intent = read_journal().entries[0]
    kept = intent.facts["plan"]
    shown = plan.changes[~plan.changes["contained"]]
    for (table, action), rows in shown.groupby(["table", "action"]):
        assert kept[table][action]["rows"] == len(rows)
    assert kept["sessions"]["delete"]["keys"] == [ALPHA]
    assert intent.facts["sessions"] == [ALPHA]


def test_of_very_many_rows_the_number_is_kept(tmp_path: Path) -> None:
    path = save(tmp_path / "snap.json", telling_world(MOST_KEYS + 1).raw)
    bf.kill(path, [NAME])
    intent = read_journal().entries[0]
    kept = intent.facts["plan"]["contexts"]["delete"]
    assert (kept["rows"], sorted(kept)) == (MOST_KEYS + 1, ["keys_sha256", "rows"])
    assert intent.size < 100_000


def test_process_groups_are_kept_without_what_they_run() -> None:
    group = {"pgid": 7, "started": 1.5, "verdict": "confirmed", "command": PROGRAM, "cwd": FOLDER}
    assert Deed(groups=[group]).facts() == {
        "groups": [{"pgid": 7, "started": 1.5, "verdict": "confirmed"}]
    }
    assert plan_facts(
        bf.load_tables(telling_world().snapshot())["sessions"].assign(
            table="sessions", action="delete", key=NAME
        )
    ).keys() == {"sessions"}
