"""The picture of processes shows every verdict, and the facts that are held against the record."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import bmux_forensics as bf
from bmux_forensics.notebook.pictures.processes import LINES, VERDICTS, evidence
from tests.pictures.looking import HOSTILE, inside, marks, overflowing, words

DAY = "sample_snapshots/alpha4-day/bmux-snapshot-v1.20261122T115637Z.json"


@pytest.fixture(scope="module")
def scene() -> bf.ProcessScene:
    return bf.processes(DAY)


def verdicts_with(scene: bf.ProcessScene, **columns: list[Any]) -> pd.DataFrame:
    """Give the table of a look at this machine with some of its facts replaced."""
    frame = scene.verdicts.head(len(next(iter(columns.values())))).copy()
    for name, values in columns.items():
        frame[name] = pd.Series(values, index=frame.index, dtype="object").astype(frame[name].dtype)
    return frame


def test_every_recorded_group_is_judged_and_shown(scene: bf.ProcessScene) -> None:
    shown = evidence(scene)
    assert len(shown.groups) == len(scene.verdicts)
    assert shown.counts == scene.verdicts["verdict"].value_counts().to_dict()
    assert len(shown.strays) + shown.more_strays == len(scene.strays)


def test_living_groups_stand_first_and_each_verdict_has_its_mark(scene: bf.ProcessScene) -> None:
    frame = verdicts_with(scene, verdict=list(reversed(VERDICTS)))
    shown = evidence(frame)
    assert [group.verdict for group in shown.groups] == list(VERDICTS)
    found = marks(bf.draw_processes(frame))
    assert sum(found.values()) == len(VERDICTS)
    assert max(found.values()) == 1


def test_facts_hold_do_not_or_can_not_be_told(scene: bf.ProcessScene) -> None:
    frame = verdicts_with(
        scene,
        members=[2, 0],
        leader_alive=[True, None],
        environ_readable=[True, False],
        marker=["BMUX_PANE", None],
        shell_matches=[False, None],
        cwd_matches=[None, None],
    )
    facts = {group.pgid: group.facts for group in evidence(frame).groups}
    alive, gone = frame["pgid"].tolist()
    assert facts[alive] == (True, True, False, None)
    assert facts[gone] == (None, None, None, None)
    found = marks(bf.draw_processes(frame))
    assert (found["holds"], found["does not"], found["can't be told"]) == (2, 1, 1)


def test_when_a_group_began_is_told_beside_the_save(scene: bf.ProcessScene) -> None:
    saved = scene.verdicts["saved_at"].iloc[0]
    began = [saved - pd.Timedelta(hours=3), saved + pd.Timedelta(minutes=2)]
    frame = verdicts_with(scene, members=[1, 1], session_started_at=began)
    assert [group.started for group in evidence(frame).groups] == [
        "3 h before the save",
        "2 min after the save",
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("count", [1, 10, 500])
def test_of_many_groups_the_rest_is_counted(scene: bf.ProcessScene, count: int, theme: str) -> None:
    frame = pd.concat([scene.verdicts] * 70, ignore_index=True).head(count)
    shown = evidence(frame)
    assert len(shown.groups) == min(count, LINES)
    assert sum(shown.counts.values()) == count
    picture = bf.draw_processes(frame, theme=theme)
    assert inside(picture)
    assert overflowing(picture) == []
    assert picture.get_size_inches()[1] < 16
    assert any(word.startswith("and ") for word in words(picture)) == (count > LINES)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_command_is_text(scene: bf.ProcessScene, name: str) -> None:
    frame = verdicts_with(scene, members=[1], member_commands=[name], active_command=[name])
    picture = bf.draw_processes(frame)
    assert overflowing(picture) == []
    assert all(text.isprintable() for text in words(picture))


def test_no_panes(scene: bf.ProcessScene) -> None:
    assert bf.draw_processes(scene.verdicts.head(0)).alt == "0 process groups: none"
