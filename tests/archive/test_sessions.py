"""The sessions of an archive: each once, with what it was called last and where it is."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bmux_forensics import archive_sessions, load_archive

DAY = Path(__file__).parents[2] / "sample_snapshots" / "alpha4-day"


def test_every_session_is_there_once() -> None:
    found = archive_sessions(DAY)
    listed = load_archive(DAY).table("sessions")
    assert found["session_id"].is_unique
    assert set(found["session_id"]) == set(listed["session_id"])
    counts = listed.groupby("session_id").size().to_dict()
    assert found.set_index("session_id")["snapshots"].to_dict() == counts
    assert (found["first"] <= found["last"]).all()


def test_the_last_snapshot_lists_it() -> None:
    for row in archive_sessions(DAY).itertuples():
        listed = load_archive(str(row.last_snapshot)).table("sessions")
        assert row.session_id in set(listed["session_id"])


def test_no_files_no_rows(tmp_path: Path) -> None:
    found = archive_sessions(tmp_path)
    assert found.empty
    assert found.columns.tolist() == archive_sessions(DAY).columns.tolist()
    assert isinstance(found["is_in_newest"], pd.Series)
