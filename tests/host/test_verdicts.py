from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from bmux_forensics.host.census import take_census
from bmux_forensics.host.verdicts import CLAIM_DTYPES, EVIDENCE_DTYPES, RULES, judge_groups

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.host.conftest import Judged, Nursery

    Judge = Callable[..., Judged]

NOW = pd.Timestamp.now
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def leaderless(nursery: Nursery, then: str = "time.sleep(120)") -> int:
    """Start a group whose leader ends once its child is ready; return its number."""
    leader = nursery.python(
        "r, w = os.pipe()\n"
        "if os.fork():\n"
        "    os.read(r, 1)\n"
        "    os._exit(0)\n"
        f"ready('child'); os.write(w, b'x')\n{then}\n"
    )
    leader.wait()
    return leader.pid


def test_confirmed(nursery: Nursery, judge: Judge) -> None:
    child = nursery.start(["sleep", "120"])
    row = judge([child.pid], cwd=str(nursery.folder)).table.iloc[0]
    assert row["verdict"] == "confirmed"
    assert (row["members"], row["zombies"], row["group_sid"]) == (1, 0, child.pid)
    assert row["member_commands"] == "sleep 120"
    assert row["marker"] == "BMUX_PANE,BMUX_RUNTIME_NAME"
    assert row["leader_alive"]
    assert row["environ_readable"]
    assert row["shell_matches"]
    assert row["cwd_matches"]
    assert row["boot_at"] < row["leader_started_at"] < row["saved_at"] + pd.Timedelta(seconds=1)


def test_shell_and_folder_inform_but_do_not_decide(nursery: Nursery, judge: Judge) -> None:
    child = nursery.start(["sleep", "120"])
    row = judge([child.pid], program="/bin/zsh", cwd="/elsewhere").table.iloc[0]
    assert row["verdict"] == "confirmed"
    assert not row["shell_matches"]
    assert not row["cwd_matches"]


def test_recycled_when_the_environment_is_not_a_panes(nursery: Nursery, judge: Judge) -> None:
    child = nursery.start(["sleep", "120"], bmux=False)
    assert judge([child.pid]).verdicts == ["recycled"]


def test_our_own_variables_are_no_sign_of_a_pane(nursery: Nursery, judge: Judge) -> None:
    env = {"BMUX_FORENSICS_STATE_DIR": "/s", "BMUX_THEME": "dark"}
    child = nursery.start(["sleep", "120"], bmux=False, env=env)
    assert judge([child.pid]).verdicts == ["recycled"]


def test_a_folder_of_bmuxs_alone_proves_nothing(nursery: Nursery, judge: Judge) -> None:
    """Anybody's profile may export it; a pane has its runtime's name at least."""
    child = nursery.start(["sleep", "120"], bmux=False, env={"BMUX_DATA_DIR": "/srv/bmux"})
    assert judge([child.pid]).verdicts == ["unknown"]


def test_the_leader_speaks_for_its_group(nursery: Nursery, judge: Judge) -> None:
    """A child got the variables elsewhere; the group is no pane's."""
    source = (
        "import subprocess\n"
        "subprocess.Popen(['sleep', '600'], env={**os.environ, 'BMUX_PANE': '1'})\n"
        "ready(); time.sleep(120)\n"
    )
    child = nursery.python(source, bmux=False)
    nursery.wait(lambda: judge([child.pid]).table["members"][0] == 2, "both run")
    assert judge([child.pid]).verdicts == ["recycled"]


def test_recycled_when_started_after_the_save(nursery: Nursery, judge: Judge) -> None:
    child = nursery.start(["sleep", "120"])
    saved = NOW("UTC") - pd.Timedelta(seconds=60)
    row = judge([child.pid], saved_at=saved).table.iloc[0]
    assert (row["verdict"], row["reason"]) == ("recycled", _reason("started_after_save"))


def test_recycled_when_saved_before_the_boot(nursery: Nursery, judge: Judge) -> None:
    group = leaderless(nursery)
    saved = take_census().boot_at - pd.Timedelta(days=1)
    row = judge([group], saved_at=saved).table.iloc[0]
    assert (row["verdict"], row["reason"]) == ("recycled", _reason("saved_before_boot"))


def test_recycled_when_the_group_leads_no_session(nursery: Nursery, judge: Judge) -> None:
    child = nursery.python("os.setpgid(0, 0); ready(); time.sleep(120)", own_session=False)
    assert os.getpgid(child.pid) == child.pid
    row = judge([child.pid]).table.iloc[0]
    assert (row["verdict"], row["reason"]) == ("recycled", _reason("other_session"))


def test_gone(nursery: Nursery, judge: Judge) -> None:
    child = nursery.start(["true"])
    child.wait()
    assert judge([child.pid]).verdicts == ["gone"]


def test_gone_when_only_zombies_are_left(nursery: Nursery, judge: Judge) -> None:
    child = nursery.start(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    row = judge([child.pid]).table.iloc[0]
    assert (row["verdict"], row["members"], row["zombies"]) == ("gone", 0, 1)
    assert row["reason"] == _reason("zombies_only")


def test_a_group_without_leader_is_judged_by_its_members(nursery: Nursery, judge: Judge) -> None:
    group = leaderless(nursery)
    row = judge([group]).table.iloc[0]
    assert row["verdict"] == "confirmed"
    assert not row["leader_alive"]


def test_unknown_when_the_age_of_a_leaderless_group_is_not_proven(
    nursery: Nursery, judge: Judge
) -> None:
    group = leaderless(nursery)
    row = judge([group], saved_at=NOW("UTC") - pd.Timedelta(seconds=60)).table.iloc[0]
    assert (row["verdict"], row["reason"]) == ("unknown", _reason("age_unproven"))


def test_protected(nursery: Nursery, judge: Judge) -> None:
    server = nursery.start(["sleep", "120"])
    numbers = [1, 0, -1, -server.pid, os.getpgrp(), os.getsid(0), server.pid]
    numbers += [os.getpgid(os.getppid())]
    judged = judge(numbers, server_pids=[server.pid])
    assert set(judged.verdicts) == {"protected"}


@as_root
def test_foreign(nursery: Nursery, judge: Judge) -> None:
    child = nursery.python("os.setgid(65534); ready(); os.setuid(65534); time.sleep(120)")
    nursery.wait(lambda: judge([child.pid]).verdicts == ["foreign"], "it is another user")
    assert judge([child.pid], owner_uid=65534).verdicts != ["foreign"]


@as_root
def test_one_foreign_member_makes_the_group_foreign(nursery: Nursery, judge: Judge) -> None:
    source = "if not os.fork(): os.setuid(65534)\nready('both'); time.sleep(120)"
    child = nursery.python(source)
    nursery.wait(lambda: judge([child.pid]).table["member_uids"][0] == "0,65534", "both users run")
    row = judge([child.pid]).table.iloc[0]
    assert (row["verdict"], row["member_uids"]) == ("foreign", "0,65534")


@as_root
def test_plausible_when_the_environment_can_not_be_read(
    nursery: Nursery, judge: Judge, tmp_path: Path
) -> None:
    """Judge as nobody: a process that dropped its rights lets nobody read it."""
    child = nursery.python("ready(); os.setgid(65534); os.setuid(65534); time.sleep(120)")
    nursery.wait(lambda: judge([child.pid]).verdicts == ["foreign"], "it has dropped its rights")
    judging = nursery.python(
        f"sys.path[:0] = {sys.path!r}\n"
        "import pandas as pd\n"
        "from bmux_forensics.host.census import take_census\n"
        "from bmux_forensics.host.verdicts import judge_groups\n"
        f"claims = pd.DataFrame({{'pgid': [{child.pid}]}})\n"
        f"out = open({str(tmp_path / 'verdict')!r}, 'w')\n"
        "os.setgid(65534); os.setuid(65534)\n"
        f"census = take_census(groups=[{child.pid}])\n"
        "table = judge_groups(claims, census, saved_at=pd.Timestamp.now('UTC'), owner_uid=65534)\n"
        "print(table['verdict'][0], table['environ_readable'][0], file=out, flush=True)\n",
        ready=0,
    )
    assert judging.wait(timeout=30) == 0
    assert (tmp_path / "verdict").read_text() == "plausible False\n"


def test_hostile_numbers_are_no_numbers(nursery: Nursery, judge: Judge) -> None:
    child = nursery.start(["sleep", "120"])
    hostile = [True, str(child.pid), float(child.pid), np.bool_(1), 2**31, 2**63, 2**70, None]
    hostile += [float("nan"), [child.pid], b"7"]
    judged = judge(hostile)
    assert judged.table["pgid"].isna().all()
    assert set(judged.verdicts) == {"unknown"}
    assert set(judged.table["reason"]) == {_reason("no_number")}
    assert (judged.table["members"] == 0).all()


def test_a_number_that_two_sessions_claim_is_trusted_for_neither(
    nursery: Nursery, judge: Judge
) -> None:
    one, two = nursery.start(["sleep", "120"]), nursery.start(["sleep", "120"])
    judged = judge([one.pid, two.pid, one.pid])
    assert judged.verdicts == ["unknown", "confirmed", "unknown"]
    assert judged.table["reason"][0] == _reason("claimed_twice")


def test_one_pane_that_stands_twice_is_one_claimant(nursery: Nursery, judge: Judge) -> None:
    child = nursery.start(["sleep", "120"])
    judged = judge([child.pid, child.pid])
    twice = judged.table[[*CLAIM_DTYPES]].assign(session_id="s", pane_id="p")
    assert set(judge_groups(twice, judged.census)["verdict"]) == {"confirmed"}
    two_files = judged.table[[*CLAIM_DTYPES]].assign(snapshot=["a", "b"])
    assert set(judge_groups(two_files, judged.census)["verdict"]) == {"confirmed"}


@pytest.mark.parametrize(
    ("option", "fact"), [("saved_at", "no_save_time"), ("owner_uid", "no_owner")]
)
def test_unknown_when_the_snapshot_says_too_little(
    option: str, fact: str, nursery: Nursery, judge: Judge
) -> None:
    child = nursery.start(["sleep", "120"])
    row = judge([child.pid], **{option: None}).table.iloc[0]
    assert (row["verdict"], row["reason"]) == ("unknown", _reason(fact))


def test_each_snapshot_brings_its_own_time_and_owner(nursery: Nursery, judge: Judge) -> None:
    child = nursery.start(["sleep", "120"])
    judged = judge([child.pid, child.pid])
    claims = judged.table[[*CLAIM_DTYPES]].assign(
        snapshot=["old", "new"],
        saved_at=[NOW("UTC") - pd.Timedelta(hours=1), NOW("UTC")],
    )
    assert list(judge_groups(claims, judged.census)["verdict"]) == ["recycled", "confirmed"]


def test_a_stopped_pane_is_confirmed(nursery: Nursery, judge: Judge) -> None:
    child = nursery.start(["sleep", "120"])
    os.killpg(child.pid, signal.SIGSTOP)
    assert judge([child.pid]).verdicts == ["confirmed"]


def test_the_claims_stay_as_they_are_with_a_fresh_index(judge: Judge) -> None:
    judged = judge([2, 3])
    claims = judged.table[[*CLAIM_DTYPES]].set_axis([7, 8])
    again = judge_groups(claims, judged.census)
    assert list(again.columns) == [*CLAIM_DTYPES, *EVIDENCE_DTYPES]
    assert list(again.index) == [0, 1]
    assert list(claims.index) == [7, 8]


def test_what_a_claim_lacks_is_there_as_nulls_of_its_kind() -> None:
    table = judge_groups(pd.DataFrame({"pgid": [2**30]}), take_census())
    found = {name: str(table[name].dtype) for name in CLAIM_DTYPES}
    assert found == dict(CLAIM_DTYPES)


def test_a_time_without_a_zone_is_utc(judge: Judge) -> None:
    judged = judge([2])
    saved = NOW("UTC")
    claims = judged.table[[*CLAIM_DTYPES]].assign(saved_at=saved.tz_localize(None))
    assert judge_groups(claims, judged.census)["saved_at"][0] == saved


def test_a_folder_matches_only_where_both_are_known(nursery: Nursery, judge: Judge) -> None:
    child, gone = nursery.start(["sleep", "120"]), nursery.start(["true"])
    gone.wait()
    table = judge([child.pid, gone.pid], cwd=str(nursery.folder)).table
    assert table["cwd_matches"].tolist() == [True, pd.NA]
    assert judge([child.pid]).table["cwd_matches"].isna().all()


def test_from_two_on_a_number_is_looked_at(nursery: Nursery, judge: Judge) -> None:
    """The census is told of the same process under each number."""
    child = nursery.start(["sleep", "120"])
    judged = judge([child.pid])
    processes = judged.census.processes
    for number, members in ((0, 0), (1, 0), (2, 1)):
        moved = processes[processes["pid"] == child.pid].assign(pgid=number)
        census = replace(judged.census, processes=moved.astype(processes.dtypes))
        claims = judged.table[[*CLAIM_DTYPES]].assign(pgid=number)
        assert judge_groups(claims, census)["members"].tolist() == [members]


def test_nothing_claimed_gives_the_same_columns(judge: Judge) -> None:
    judged = judge([2])
    claims = judged.table[[*CLAIM_DTYPES]]
    empty = judge_groups(claims.iloc[:0], judged.census)
    assert empty.empty
    assert empty.dtypes.equals(judged.table.dtypes)
    assert {name: str(empty[name].dtype) for name in EVIDENCE_DTYPES} == EVIDENCE_DTYPES


def test_only_the_number_is_required() -> None:
    census = take_census()
    table = judge_groups(pd.DataFrame({"pgid": [2**30]}), census)
    assert list(table["verdict"]) == ["gone"]
    with pytest.raises(KeyError, match="pgid"):
        judge_groups(pd.DataFrame(), census)


def _reason(fact: str) -> str:
    return next(rule.reason for rule in RULES if rule.fact == fact)
