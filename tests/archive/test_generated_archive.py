"""An archive whose truth is known: timeline, find, orphans and clean equal it exactly."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import bmux_forensics as bf
from tests.actions.scenes import Trace, environment

ROOT = Path(__file__).resolve().parents[2]
HOURS = 200


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Run the program that a user runs."""
    folder = tmp_path_factory.mktemp("generated")
    program = [sys.executable, str(ROOT / "demo" / "make_archive.py"), str(folder)]
    subprocess.run(
        [*program, "--seed", "5", "--hours", str(HOURS)],
        check=True,
        env=environment(folder),
        capture_output=True,
    )
    truth: dict[str, Any] = json.loads((folder / "truth.json").read_text())
    return folder / "snapshots", truth


@pytest.fixture
def copied(generated: tuple[Path, dict[str, Any]], tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    return shutil.copytree(generated[0], tmp_path / "copied"), generated[1]


def content(path: Path) -> str:
    raw = path.read_bytes()
    raw = gzip.decompress(raw) if path.suffix == ".gz" else raw
    return hashlib.sha256(raw).hexdigest()


def sound(truth: dict[str, Any]) -> list[dict[str, Any]]:
    return [file for file in truth["files"] if not file["damaged"]]


def test_everything_happens_in_it(generated: tuple[Path, dict[str, Any]]) -> None:
    folder, truth = generated
    assert {event for _, event, *_ in truth["events"]} >= {
        *("appeared", "came back", "renamed", "gained panes", "command changed"),
        *("orphaned", "vanished", "server restart"),
    }
    assert any(file["damaged"] for file in truth["files"])
    assert any(file["lost"] and file["hollow"] for file in sound(truth))
    assert len(list(folder.glob("*.gz"))) > 5
    assert {f["file"]: f["sha256"] for f in sound(truth)} == {
        f["file"]: content(folder / f["file"]) for f in sound(truth)
    }


def test_the_timeline_tells_what_happened(generated: tuple[Path, dict[str, Any]]) -> None:
    folder, truth = generated
    events = bf.timeline(folder)
    columns = [events[c] for c in ("snapshot", "event", "subject", "session_id", "context_id")]
    told = [
        [Path(snapshot).name, *(None if pd.isna(v) else v for v in rest)]
        for snapshot, *rest in zip(*columns, strict=True)
    ]
    assert sorted(told, key=repr) == sorted(truth["events"], key=repr)


def test_find_says_where_each_session_was(generated: tuple[Path, dict[str, Any]]) -> None:
    folder, truth = generated
    archive = bf.load_archive(folder)
    for identity, known in list(truth["sessions"].items())[::12]:
        found = bf.find(identity, archive, what="session")
        rows = found[found["value"] == identity]
        files = [Path(path).name for path in rows["snapshots"].iloc[0]]
        where = [f["file"] for f in sound(truth) if identity in f["sessions"]]
        lost = [f["file"] for f in sound(truth) if identity in f["lost"]]
        assert [f for f in files if f not in lost] == where
        assert (where[0], where[-1], len(where)) == (
            known["first"],
            known["last"],
            known["files"],
        )


def test_the_orphans_are_those(generated: tuple[Path, dict[str, Any]]) -> None:
    folder, truth = generated
    for file in sound(truth)[::10]:
        found = bf.orphans(folder / file["file"])
        assert found["session_id"].tolist() == [*file["hollow"], *file["lost"]]


def test_without_its_orphans_each_file_is_what_it_should_be(
    copied: tuple[Path, dict[str, Any]],
) -> None:
    folder, truth = copied
    done = bf.clean(folder, orphans=["lost", "hollow"])
    rows = done.files.set_index(done.files["path"].map(lambda path: Path(path).name))
    for file in truth["files"]:
        row = rows.loc[file["file"]]
        if file["damaged"]:
            assert row["status"] == "damaged"
            continue
        gone = [*file["hollow"], *file["lost"]]
        assert row["status"] == ("cleaned" if gone else "unchanged")
        assert row["removed_session_ids"] == gone
        assert content(folder / file["file"]) == file["without_orphans"]
    before = {path: Trace.of(path) for path in folder.iterdir()}
    again = bf.clean(folder, orphans=["lost", "hollow"])
    assert again.counts["cleaned"] == 0
    assert {path: Trace.of(path) for path in folder.iterdir()} == before
    assert bf.verify().empty


def test_without_one_session_each_file_is_what_it_should_be(
    copied: tuple[Path, dict[str, Any]],
) -> None:
    folder, truth = copied
    done = bf.clean(folder, sessions=[truth["named"]])
    assert done.sessions[["session_id", "files"]].to_numpy().tolist() == [
        [truth["named"], sum(file["has_named"] for file in sound(truth))]
    ]
    for file in sound(truth):
        assert content(folder / file["file"]) == file["without_named"]
