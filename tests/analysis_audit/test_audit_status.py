"""What each session amounts to, in one word."""

from __future__ import annotations

from typing import Any

import pytest

from bmux_forensics.analysis.status import orphans, session_status
from bmux_forensics.errors import UsageError
from bmux_forensics.tables.build import Tables
from tests.analysis_audit.test_audit_rules import (
    C1,
    GONE,
    P1,
    P3,
    S1,
    S2,
    pane,
    row,
    sound,
    written,
)
from tests.analysis_audit.worlds import records


def words(trees: dict[str, Any], **versions: int) -> dict[str, str]:
    frame = session_status(Tables([written(trees, versions).snapshot()]))
    return dict(zip(frame["session_id"], frame["status"], strict=True))


def test_a_session_is_bound_or_unbound() -> None:
    assert words(sound()) == {S1: "bound", S2: "unbound"}


def test_a_session_without_panes_is_hollow_whatever_leads_to_it() -> None:
    trees = sound()
    trees["panes"]["sessions"].pop(0)
    assert words(trees) == {S1: "hollow", S2: "unbound"}
    del trees["panes"]
    assert words(trees) == {S1: "hollow", S2: "hollow"}


def test_a_session_that_only_others_speak_of_is_lost() -> None:
    trees = sound()
    trees["sessions"].pop(0)
    assert words(trees) == {S2: "unbound", S1: "lost"}
    (found,) = records(orphans(Tables([written(trees).snapshot()])))
    assert found["evidence"] == (
        "bindings 1, runtimes 1, client_sessions 1, attached_streams 1, context_attributes 1"
    )
    assert found["panes"] == 2


def test_what_can_not_be_read_proves_nothing() -> None:
    trees = sound()
    for name in ("panes", "contexts"):
        torn = {**trees, name: b"{"}
        assert "hollow" not in words(torn).values()
    assert words({**trees, "contexts": b"{"}) == {S1: "bound", S2: "bound"}
    assert words({**trees, "sessions": b"{"}) == {}
    assert words(trees, panes=9) == {S1: "bound", S2: "unbound"}


def test_panes_under_the_older_section_id_count() -> None:
    trees = sound()
    trees["older_panes"] = trees.pop("panes")
    assert words(trees) == {S1: "bound", S2: "unbound"}


def test_commands_and_folders_stand_once_in_file_order() -> None:
    trees = sound()
    launch = {"program": "vim", "cwd": "/work"}
    trees["panes"]["sessions"][0]["panes"] = [
        pane(P1, active_command="make"),
        pane(P3, active_command="make", launch_command=launch),
    ]
    first = records(session_status(Tables([written(trees).snapshot()])))[0]
    assert (first["contexts"], first["clients"], first["panes"]) == (1, 1, 2)
    assert first["commands"] == ["make", "vim"]
    assert first["folders"] == ["/home/u", "/work"]


def test_unbound_sessions_are_orphans_only_when_they_are_asked_for() -> None:
    tables = Tables([written(sound()).snapshot()])
    assert orphans(tables).empty
    assert orphans(tables, ["unbound"])["session_id"].tolist() == [S2]
    with pytest.raises(UsageError, match="expected lost, hollow, unbound, bound, found 'dead'"):
        orphans(tables, ["dead"])


def test_snapshots_do_not_mix() -> None:
    whole, forgetful = sound(), sound()
    forgetful["sessions"].pop(1)
    forgetful["panes"]["sessions"].append(row(GONE, pane(P1)))
    tables = Tables([written(whole).snapshot("a"), written(forgetful).snapshot("b")])
    frame = session_status(tables)
    assert frame["snapshot"].dtype == tables.snapshot_dtype
    assert list(zip(frame["snapshot"], frame["session_id"], frame["status"], strict=True)) == [
        ("a", S1, "bound"),
        ("a", S2, "unbound"),
        ("b", S1, "bound"),
        ("b", S2, "lost"),
        ("b", GONE, "lost"),
    ]
    assert C1 in set(tables["contexts"]["context_id"])
