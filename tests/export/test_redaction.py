"""What is private does not get out, and what is shared still joins."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings

from bmux_forensics.analysis.audit.run import audit
from bmux_forensics.analysis.redaction import Redaction
from bmux_forensics.tables.build import Tables
from bmux_forensics.tables.cells import TEXT_DTYPE
from tests.worlds import (
    CONTEXTS,
    PANES,
    SESSIONS,
    Part,
    World,
    contexts_tree,
    hostile_worlds,
    pane,
    part,
    runtime,
    session,
)

PRIVATE = (
    "quokka-session",
    "quokka-context",
    "quokka-attribute",
    "quokka-key",
    "quokka-pane",
    "/quokka/shell",
    "/quokka/program",
    "quokka-argument",
    "/quokka/folder",
    "QUOKKA_VARIABLE",
    "quokka-value",
    "quokka-command",
    "quokka-token",
    "quokka-kind",
    "quokka-scope",
    "quokka-section",
    "quokka-workspace",
    "quokka-file.json",
)
KEY = b"a key of this test"


def world() -> World:
    command = {
        "program": "/quokka/program",
        "args": ["--to", "quokka-argument"],
        "cwd": "/quokka/folder",
        "env": {"QUOKKA_VARIABLE": "quokka-value"},
    }
    shown_pane = pane(  # noqa: S604 - the shell of a pane, and nothing is run
        PANES[0],
        name="quokka-pane",
        shell="/quokka/shell",
        launch_command=command,
        active_command="quokka-command",
        active_command_source="quokka-kind",
        last_known_cwd="/quokka/folder",
        execution_token={"quokka-key": "quokka-token"},
    )
    context = {"id": CONTEXTS[0], "name": "quokka-context", "attributes": {}}
    context["attributes"] = {"bmux.session_id": SESSIONS[0], "quokka-key": "quokka-attribute"}
    state = contexts_tree(
        contexts={CONTEXTS[0]: context}, session_by_context={CONTEXTS[0]: SESSIONS[0]}
    )
    return World(
        (
            part("sessions", [session(SESSIONS[0], "quokka-session")]),
            part("contexts", state),
            part("panes", {"sessions": [runtime(SESSIONS[0], shown_pane)]}, 3),
            part("tabs", {"orders": {"quokka-scope": [CONTEXTS[0]]}, "pending": {}}, 2),
            part("workspaces", [{"id": CONTEXTS[1], "name": "quokka-workspace"}]),
            part("older_panes", {"sessions": [runtime(SESSIONS[0], shown_pane, layout_root={})]}),
            Part("quokka-section", 1, b"anything"),
        )
    )


def text_of(frame: pd.DataFrame) -> str:
    return str([[str(cell) for cell in frame[name]] for name in frame])


@pytest.mark.parametrize("show_env", [False, True])
def test_nothing_private_is_left_in_any_table_or_finding(*, show_env: bool) -> None:
    tables = Tables([world().snapshot("/home/quokka/quokka-file.json")], show_env=show_env)
    redaction = Redaction(KEY)
    frames = {**redaction.tables(tables), "findings": redaction.frame(audit(tables))}
    for name, frame in frames.items():
        assert "quokka" not in text_of(frame).lower(), name


def test_what_was_private_was_there() -> None:
    tables = Tables([world().snapshot("/home/quokka/quokka-file.json")], show_env=True)
    shown = "".join(text_of(frame) for frame in tables.values())
    missing = [text for text in PRIVATE if text not in shown]
    assert not missing


def test_one_name_has_one_pseudonym_everywhere_and_another_key_gives_another() -> None:
    tables = Tables([world().snapshot("one"), world().snapshot("two")])
    done = Redaction(KEY).tables(tables)
    assert len(set(done["sessions"]["name"])) == 1
    assert done["snapshots"]["snapshot"].nunique() == 2
    folders = {*done["panes"]["launch_cwd"], *done["older_panes"]["last_known_cwd"]}
    assert len(folders) == 1
    again = Redaction(KEY).tables(tables)
    other = Redaction().tables(tables)
    assert done["sessions"].equals(again["sessions"])
    assert set(done["sessions"]["name"]).isdisjoint(other["sessions"]["name"])


@settings(max_examples=40)
@given(hostile_worlds())
def test_rows_columns_dtypes_ids_and_numbers_stay(world: World) -> None:
    tables = Tables([world.snapshot()])
    for name, redacted in Redaction(KEY).tables(tables).items():
        frame = tables[name]
        assert list(redacted) == list(frame)
        pd.testing.assert_index_equal(redacted.index, frame.index)
        for column in map(str, frame):
            if column == "snapshot":
                continue
            assert redacted[column].dtype == frame[column].dtype
            assert redacted[column].isna().equals(frame[column].isna())
            if frame[column].dtype != TEXT_DTYPE or (column.endswith("_id") and name != "sections"):
                assert redacted[column].equals(frame[column]), column


def test_two_texts_differ_after_as_they_did_before() -> None:
    redaction = Redaction(KEY)
    texts = [f"name {i}" for i in range(2000)]
    assert len({redaction.text(text) for text in texts}) == len(texts)
