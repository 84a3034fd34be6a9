from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from bmux_forensics.host.census import take_census
from bmux_forensics.host.identity import ProcessesUnsupportedError, identify
from bmux_forensics.host.look import PROCESS_DTYPES

if TYPE_CHECKING:
    from tests.host.conftest import Nursery

TICK = 0.011  # start times count ticks of 10 ms


def row_of(pid: int, **options: object) -> pd.Series:
    table = take_census(**options).processes  # type: ignore[arg-type]  # passed through
    (row,) = (row for _, row in table[table["pid"] == pid].iterrows())
    return row


def test_what_is_read_of_a_pane_process(nursery: Nursery, tmp_path: Path) -> None:
    child = nursery.start(["sleep", "120"], env={"BMUX_DATA_DIR": "/d", "SECRET": "s"})
    row = row_of(child.pid)
    assert (row["ppid"], row["pgid"], row["sid"]) == (os.getpid(), child.pid, child.pid)
    assert (row["uid"], row["name"], row["command"]) == (os.getuid(), "sleep", "sleep 120")
    assert row["cwd"] == str(tmp_path)
    assert row["markers"] == "BMUX_DATA_DIR,BMUX_PANE,BMUX_RUNTIME_NAME"
    assert (row["runtime_name"], row["data_dir"]) == ("default", "/d")
    assert bool(row["environ_readable"])
    assert "SECRET" not in row.to_string()


def test_when_a_process_started_is_told_to_the_tick(nursery: Nursery) -> None:
    # The machine's start is told in whole seconds; nobody may seem a second older for that.
    before = time.time()
    child = nursery.start(["sleep", "120"])
    after = time.time()
    started = row_of(child.pid)["started_at"].timestamp()
    assert before - TICK <= started <= after + TICK
    assert abs(identify(child.pid)[0].started - started) < TICK  # type: ignore[index]  # it runs


def test_dtypes_and_times() -> None:
    census = take_census()
    assert {name: str(dtype) for name, dtype in census.processes.dtypes.items()} == PROCESS_DTYPES
    assert census.boot_at < census.taken_at
    assert str(census.boot_at.tz) == "UTC"
    assert {os.getpid(), os.getppid()} <= census.kin
    assert {os.getpgrp(), os.getsid(0)} <= census.own_groups()


def test_a_stranger_is_not_looked_at_closely_unless_asked_about(nursery: Nursery) -> None:
    child = nursery.start(["sleep", "120"])
    nobody = [2**31 - 5]
    far = row_of(child.pid, owner_uids=nobody)
    assert far["name"] == "sleep"
    assert pd.isna(far["command"])
    assert pd.isna(far["environ_readable"])
    assert far["markers"] == ""
    assert row_of(child.pid, owner_uids=nobody, groups=[child.pid])["command"] == "sleep 120"


def test_zombies_are_rows_but_not_living(nursery: Nursery) -> None:
    child = nursery.start(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    census = take_census()
    assert child.pid in set(census.processes["pid"])
    assert child.pid not in set(census.living["pid"])


def test_text_that_is_no_utf8_is_spelled(nursery: Nursery) -> None:
    child = nursery.start(["sleep\udcff", "120"], executable="/bin/sleep")
    assert row_of(child.pid)["command"] == "sleep\\xff 120"


def test_a_recycled_number_is_a_new_process(nursery: Nursery) -> None:
    """psutil's own iterator would keep the start time of the process before."""
    child = nursery.start(["sleep", "120"])
    first = identify(child.pid)
    again = identify(child.pid)
    assert first is not None
    assert again is not None
    assert first[0].is_same(again[0])
    assert not first[0].is_same(again[0]._replace(started=1.0, since_boot=1.0))
    assert not first[0].is_same(again[0]._replace(uid=again[0].uid + 1))
    assert identify(2**31 - 2) is None


def test_hostile_numbers_are_not_asked_about() -> None:
    census = take_census(groups=[0, -1, 1, 2**31, 2**63, -(2**63)])
    assert census.hidden_groups == frozenset()


def test_system_without_groups_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "killpg")
    with pytest.raises(ProcessesUnsupportedError, match="no process groups") as caught:
        take_census()
    assert caught.value.exit_code == 3


@pytest.mark.usefixtures("namespaces")
def test_numbers_of_another_namespace_are_refused() -> None:
    """With the outer /proc, what psutil reads is not what a signal would hit."""
    source = (
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "from bmux_forensics.host.census import take_census\n"
        "from bmux_forensics.host.identity import ProcessesUnsupportedError\n"
        "try:\n"
        "    take_census()\n"
        "except ProcessesUnsupportedError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        ["unshare", "-rpf", sys.executable, "-c", source], capture_output=True, check=True
    )
    assert b"another PID namespace" in done.stdout
