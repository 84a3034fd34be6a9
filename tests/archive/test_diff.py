"""Two snapshots that say the same are equal; what differs is told row by row, and nothing else."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

import bmux_forensics as bf
from bmux_forensics.snapshot.document import Snapshot
from tests.actions.scenes import ALPHA, BETA, save, world
from tests.cli.conftest import Run
from tests.worlds import (
    MEANING,
    SECRET,
    World,
    pane,
    part,
    runtime,
    served_worlds,
    session,
    spellings,
)

SAMPLES = Path(__file__).parents[2] / "sample_snapshots"
DAY = SAMPLES / "alpha4-day" / "bmux-snapshot-v1.20261122T115637Z.json"
COLUMNS = ["table", "change", "key", "columns", "old", "new"]


def told(a: Snapshot, b: Snapshot, **options: bool) -> list[tuple[str, str]]:
    changes = bf.diff(a, b, **options)
    assert changes.columns.tolist() == COLUMNS
    return list(zip(changes["table"], changes["change"], strict=True))


def _respelled(tree: Any, way: int) -> Any:
    """Say the same in another way: ids in another spelling, members and sessions turned round."""
    if isinstance(tree, dict):
        return {_respelled(k, way): _respelled(v, way) for k, v in reversed(tree.items())}
    if isinstance(tree, list):
        return [_respelled(value, way) for value in tree]
    return spellings(tree)[way] if isinstance(tree, str) and MEANING.get(tree) == tree else tree


@given(served_worlds(), st.integers(0, 4), st.booleans())
def test_another_encoding_says_the_same(one: World, way: int, compact: bool) -> None:
    parts = tuple(
        type(p)(p.id, p.version, _respelled(p.payload, way))
        for p in reversed(one.parts)
        if not isinstance(p.payload, bytes)
    )
    other = World(parts, compact=compact)
    same = World(tuple(p for p in one.parts if not isinstance(p.payload, bytes)))
    assert told(same.snapshot("a"), other.snapshot("b")) == []


def _without_nulls(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {k: _without_nulls(v) for k, v in tree.items() if v is not None}
    return [_without_nulls(v) for v in tree] if isinstance(tree, list) else tree


def test_a_member_that_may_be_null_may_as_well_be_absent() -> None:
    row = runtime(ALPHA, pane(BETA, None), layout_root=None, attach_viewport=None)
    parts = [{"sessions": [row]}, _without_nulls({"sessions": [row]})]
    assert parts[0] != parts[1]
    a, b = (World((part("panes", tree, 3),)).snapshot() for tree in parts)
    assert told(a, b) == []


@given(served_worlds(), served_worlds())
def test_a_difference_has_two_sides(one: World, other: World) -> None:
    there = bf.diff(one.snapshot("a"), other.snapshot("b"))
    back = bf.diff(other.snapshot("b"), one.snapshot("a"))
    turned = {"added": "removed", "removed": "added", "changed": "changed"}
    rows = sorted(zip(there["table"], there["change"].map(turned), there["key"], strict=True))
    assert rows == sorted(zip(back["table"], back["change"], back["key"], strict=True))


def _sessions(*rows: dict[str, Any]) -> Snapshot:
    return World((part("sessions", list(rows)),)).snapshot()


def test_duplicates_are_rows_of_their_own() -> None:
    one, two = session(ALPHA, "a"), session(ALPHA, "b")
    assert told(_sessions(one), _sessions(one, one)) == [("sessions", "added")]
    assert told(_sessions(one, two), _sessions(two, one)) == []
    assert told(_sessions(one, one), _sessions(one, two)) == [("sessions", "changed")]
    assert told(_sessions(one), _sessions(session(BETA, "a"))) == [
        ("sessions", "removed"),
        ("sessions", "added"),
    ]


def test_a_change_tells_its_columns() -> None:
    changes = bf.diff(_sessions(session(ALPHA, "a")), _sessions(session(ALPHA, "b")))
    row = changes.iloc[0]
    assert row["columns"] == "name"
    assert [json.loads(row[c]) for c in ("key", "old", "new")] == [
        {"session_id": ALPHA}, {"name": "a"}, {"name": "b"}
    ]  # fmt: skip


def test_a_private_value_counts_and_is_not_shown() -> None:
    base = world()
    other = World(
        tuple(
            type(p)(p.id, p.version, orjson.loads(p.bytes.replace(SECRET.encode(), b"other")))
            for p in base.parts
        )
    )
    changes = bf.diff(base.snapshot(), other.snapshot())
    assert list(zip(changes["table"], changes["change"], strict=True)) == [
        ("pane_environment", "changed")
    ]
    assert SECRET not in changes.to_csv()
    assert "other" not in changes.to_csv()
    assert "other" in bf.diff(base.snapshot(), other.snapshot(), show_env=True).to_csv()


def test_a_section_without_rows_is_compared_whole() -> None:
    base = world()
    unknown = [World((*base.parts, type(base.parts[0])("x.y/z", 1, tree))) for tree in (1, 2)]
    assert told(unknown[0].snapshot(), unknown[1].snapshot()) == [("sections", "changed")]
    assert told(base.snapshot(), unknown[0].snapshot()) == [("sections", "added")]
    assert told(unknown[0].snapshot(), unknown[0].snapshot("b")) == []


def test_the_sample_day() -> None:
    later = DAY.with_name(DAY.name.replace("37Z", "38Z"))
    changes = bf.diff(DAY, later)
    ops = changes[changes["key"].str.contains("001a81fa")]
    assert ops["table"].tolist() == ["sessions", "runtimes", "panes", "layout"]
    assert set(ops["change"]) == {"removed"}
    pd.testing.assert_frame_equal(bf.diff(DAY, DAY), changes.iloc[:0])


def test_the_verb(cli: Run, tmp_path: Path) -> None:
    later = DAY.with_name(DAY.name.replace("37Z", "38Z"))
    copy = save(tmp_path / "copy.gz", gzip.compress(DAY.read_bytes()))
    assert (cli("diff", DAY, copy).code, cli("diff", DAY, copy).out) == (0, "")
    assert cli("diff", "--json", DAY, copy).document("diff")["changes"] == []
    document = cli("diff", "--json", DAY, later).document("diff")
    assert document["changes"][0]["old"] == {"name": "ops"}
    assert document["exit_code"] == 1
    done = cli("diff", DAY, later)
    assert (done.code, done.out.splitlines()[0].split("\t"), done.err) == (1, COLUMNS, "")
    assert len(cli("diff", DAY, later, "--format", "jsonl").out.splitlines()) == len(
        document["changes"]
    )


def test_what_the_verb_refuses(cli: Run, tmp_path: Path) -> None:
    torn = save(tmp_path / "torn.json", DAY.read_bytes()[:100])
    for other, kind in ((torn, "not-a-snapshot"), (tmp_path / "gone", "no-such-file")):
        done = cli("diff", DAY, other)
        assert (done.code, done.out) == (3, "")
        assert str(other) in done.line
        document = cli("diff", "--json", DAY, other).document("diff")
        assert document["error"]["kind"] == kind
    bad = world().raw.replace(b'"checksum":', b'"checksum":1')
    assert cli("diff", DAY, save(tmp_path / "sum.json", bad)).code == 3
    assert cli("diff", DAY).code == 2
    twice = cli("diff", "-", "-")
    assert (twice.code, "standard input twice" in twice.line) == (2, True)
    assert cli("diff", DAY, copy := save(tmp_path / "x", b""), "-o", copy, "--overwrite").code == 2
