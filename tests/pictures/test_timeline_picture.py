"""A timeline shows who was there from when to when, and what happened."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import LineCollection

import bmux_forensics as bf
from bmux_forensics.notebook.pictures.timeline import LANES, THIN, Lives, lives
from tests.archive.days import START, Host, raw_of
from tests.pictures.looking import inside, marks, overflowing, words

SAMPLES = "sample_snapshots/alpha4-day"


def at(hours: int) -> datetime:
    return START + timedelta(hours=hours)


def told(host: Host, folder: Path) -> tuple[bf.Picture, Lives]:
    host.save(folder)
    archive = bf.load_archive(folder, jobs=1)
    events = bf.timeline(archive)
    return bf.draw_timeline(events, archive), lives(events, archive.status)


def test_a_session_goes_and_comes_back(tmp_path: Path) -> None:
    host = Host(1)
    host.make()
    host.raws.append(host.raw())
    host.kill()
    host.raws.append(host.raw())
    host.restore()
    host.raws.append(host.raw())
    host.raws.append(host.raw())
    picture, shown = told(host, tmp_path)
    (lane,) = shown.lanes
    assert [(span.start, span.end, span.state) for span in lane.spans] == [
        (at(0), at(1), "there"),
        (at(1), at(2), "gap"),
        (at(2), at(3), "there"),
    ]
    assert shown.present == ((at(0), 1), (at(1), 0), (at(2), 1))
    found = marks(picture)
    assert (found["appeared"], found["gone"], found["came back"]) == (1, 1, 1)


def test_an_orphaned_stretch_ends_with_panes(tmp_path: Path) -> None:
    host = Host(2)
    host.make()
    host.raws.append(host.raw())
    host.empty()
    host.raws.append(host.raw())
    host.split()
    host.raws.append(host.raw())
    picture, shown = told(host, tmp_path)
    spans = [(span.start, span.end, span.state) for span in shown.lanes[0].spans]
    assert spans[:2] == [(at(0), at(1), "there"), (at(1), at(2), "orphaned")]
    assert marks(picture)["orphaned from here"] == 1


def test_restarts_and_snapshots_stand_where_they_happened(tmp_path: Path) -> None:
    host = Host(3)
    host.make()
    host.raws.append(host.raw())
    host.restart()
    host.raws.append(host.raw())
    (tmp_path / "bmux-snapshot-v1.20260301T013000Z.json").write_bytes(b"torn")
    picture, shown = told(host, tmp_path)
    assert shown.restarts == (at(1),)
    assert shown.captures == (at(0), at(1))
    assert len(shown.damaged) == 1
    found = marks(picture)
    assert found["server restart"] == 1
    assert found["snapshot"] == 2
    assert found["damaged snapshot"] == 1


def test_the_sample_day() -> None:
    archive = bf.load_archive(SAMPLES, jobs=1)
    events = bf.timeline(archive)
    shown = lives(events, archive.status)
    sessions = events[(events["subject"] == "session") & (events["event"] == "appeared")]
    assert [lane.session_id for lane in shown.lanes] == sessions["session_id"].tolist()
    assert max(number for _, number in shown.present) == 5
    assert bf.draw_timeline(events, archive).alt == "6 sessions in 11 snapshots, 1 server restart"


def test_without_the_archive_the_last_event_is_the_end() -> None:
    events = bf.timeline(bf.load_archive(SAMPLES, jobs=1))
    shown = lives(events)
    assert (
        max(span.end for lane in shown.lanes for span in lane.spans) == events["captured_at"].max()
    )
    # Snapshots in which nothing happened are not among the events: there is no number to tell.
    assert bf.draw_timeline(events).alt == "6 sessions, 1 server restart"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("count", [1, 10, 500])
def test_every_session_has_a_lane_and_it_stays_readable(
    count: int, theme: str, tmp_path: Path
) -> None:
    host = Host(4)
    for _ in range(count):
        host.make()
    host.raws.append(host.raw())
    host.empty()
    host.raws.append(raw_of(host.sessions))
    host.save(tmp_path)
    archive = bf.load_archive(tmp_path, jobs=1)
    events = bf.timeline(archive)
    shown = lives(events, archive.status)
    assert len(shown.lanes) == min(count, LANES)
    assert len(shown.lanes) + len(shown.thin) == count
    assert shown.hidden == ()
    assert any(span.state == "orphaned" for lane in shown.lanes for span in lane.spans)
    picture = bf.draw_timeline(events, archive, theme=theme)
    assert inside(picture)
    assert overflowing(picture) == []
    assert picture.get_size_inches()[1] < 24
    assert stretches(picture) >= count  # every session has a lane
    assert ("460 more sessions" in words(picture)) == (count > LANES)


def stretches(picture: bf.Picture) -> int:
    """Count the level lines that begin where time does."""
    lines = [c for c in picture.axes[0].collections if isinstance(c, LineCollection)]
    ends = [np.asarray(path.vertices) for line in lines for path in line.get_paths()]
    begin = min(float(points[0, 0]) for points in ends)
    return sum(points[0, 0] == begin and points[0, 1] == points[-1, 1] for points in ends)


def test_sessions_beyond_the_lanes_are_counted(tmp_path: Path) -> None:
    host = Host(6)
    for _ in range(LANES + THIN + 3):
        host.make()
    host.raws.append(host.raw())
    picture, shown = told(host, tmp_path)
    assert (len(shown.thin), len(shown.hidden)) == (THIN, 3)
    assert any("3 sessions without a lane" in word for word in words(picture))


def test_no_two_signs_look_the_same(tmp_path: Path) -> None:
    host = Host(7)
    host.make()
    host.raws.append(host.raw())
    host.work()
    host.raws.append(host.raw())
    picture, _ = told(host, tmp_path)
    assert marks(picture)["other command"] == 1
    # The other stroke is named beside the row that it stands in.
    assert "snapshot" not in words(picture)
    assert "snapshots" in words(picture)


def test_an_archive_of_nothing() -> None:
    events = bf.timeline(bf.load_archive("sample_snapshots/README.md", jobs=1))
    assert "nothing is known" in words(bf.draw_timeline(events))


def test_a_random_life_is_told_without_a_gap_in_it(tmp_path: Path) -> None:
    host = Host(5)
    host.live(40)
    picture, shown = told(host, tmp_path)
    assert inside(picture)
    for lane in shown.lanes:
        for before, after in zip(lane.spans, lane.spans[1:], strict=False):
            assert before.end == after.start
            assert before.state != after.state
    last = {
        lane.session_id
        for lane in shown.lanes
        if lane.spans and lane.spans[-1].end == at(39) and lane.spans[-1].state != "gap"
    }
    assert set(host.sessions) == last - set(host.killed)
