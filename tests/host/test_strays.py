from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import psutil
import pytest

from bmux_forensics.host.server import ServerFinding
from bmux_forensics.host.strays import STRAY_DTYPES, find_strays

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from tests.host.conftest import Judged, Nursery

    Judge = Callable[..., Judged]

LEAVES_A_JOB = """
r, w = os.pipe()
if not os.fork():
    os.setpgid(0, 0)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    {change}
    ready(); os.write(w, b'x'); time.sleep(120)
os.read(r, 1)
"""


def found(nursery: Nursery, judged: Judged, **options: object) -> pd.DataFrame:
    """Find this test's strays; whatever else runs on the machine is left aside."""
    strays = find_strays(judged.table, judged.census, **options)  # type: ignore[arg-type]  # passed through
    own = {process.pid for process in nursery.descendants()}
    return strays[strays["pid"].isin(own)].reset_index(drop=True)


def job_of_a_dead_pane(nursery: Nursery, change: str = "pass", **options: bool) -> int:
    shell = nursery.python(LEAVES_A_JOB.format(change=change), bmux=options.get("bmux", True))
    shell.wait()
    return shell.pid


def test_a_job_that_outlived_its_pane(nursery: Nursery, judge: Judge) -> None:
    shell = job_of_a_dead_pane(nursery)
    judged = judge([shell])
    assert judged.verdicts == ["gone"]
    (stray,) = found(nursery, judged).itertuples()
    assert (stray.sid, stray.session_leader, stray.origin) == (shell, "gone", "session")
    assert (stray.session_id, stray.pane_id, stray.claimed_pgid) == ("session-0", "pane-0", shell)
    assert stray.endable
    assert "dead pane's session" in str(stray.evidence)
    assert stray.score == 1.0


def test_a_job_of_a_recycled_session_may_not_be_ended(nursery: Nursery, judge: Judge) -> None:
    """The session has the number, but the environment is not a pane's."""
    shell = job_of_a_dead_pane(nursery, bmux=False)
    (stray,) = found(nursery, judge([shell])).itertuples()
    assert not stray.endable
    assert "not a pane's" in str(stray.reason)


def setsid_child(nursery: Nursery) -> subprocess.Popen[bytes]:
    return nursery.python(
        "if not os.fork(): os.setsid(); ready(); time.sleep(120)\ntime.sleep(120)\n"
    )


def test_a_child_that_called_setsid_leads_back_to_its_parents_pane(
    nursery: Nursery, judge: Judge
) -> None:
    shell = setsid_child(nursery)
    (stray,) = found(nursery, judge([shell.pid, 2**31 - 9])).itertuples()
    assert (stray.session_leader, stray.origin, stray.pane_id) == ("itself", "parentage", "pane-0")
    assert stray.endable


def test_a_stray_of_which_only_the_folder_speaks(nursery: Nursery, judge: Judge) -> None:
    child = nursery.start(["sleep", "120"])
    folders = [str(nursery.folder), "/elsewhere"]
    judged = judge([2**31 - 9, 2**31 - 10])
    judged.table["last_known_cwd"] = folders
    (stray,) = found(nursery, judged).itertuples()
    assert (stray.pid, stray.origin, stray.pane_id) == (child.pid, "folder", "pane-0")
    judged.table["last_known_cwd"] = str(nursery.folder)
    table = found(nursery, judged)
    assert list(table["origin"]) == [""]
    assert table["pane_id"].isna().all()


def test_the_only_pane_there_is(nursery: Nursery, judge: Judge) -> None:
    nursery.start(["sleep", "120"])
    (stray,) = found(nursery, judge([2**31 - 9])).itertuples()
    assert (stray.origin, stray.pane_id) == ("environment", "pane-0")


def test_what_is_no_stray(nursery: Nursery, judge: Judge) -> None:
    pane = nursery.start(["sleep", "120"])
    nursery.start(["sleep", "120"], bmux=False)
    job = nursery.python("if not os.fork(): os.setpgid(0, 0); ready()\ntime.sleep(120)")
    assert found(nursery, judge([pane.pid, job.pid])).empty


def test_a_variable_exported_in_an_ordinary_terminal_is_no_proof(
    nursery: Nursery, judge: Judge
) -> None:
    """The session's leader lives and is no pane: somebody else's work."""
    terminal = nursery.python(
        "import subprocess\n"
        "env = {**os.environ, 'BMUX_RUNTIME_NAME': 'work'}\n"
        "subprocess.Popen(['sleep', '120'], env=env, process_group=0)\n"
        "ready(); time.sleep(120)\n",
        bmux=False,
    )
    nursery.wait(lambda: len(found(nursery, judge([2**31 - 9]))) == 1, "it has started")
    (stray,) = found(nursery, judge([2**31 - 9])).itertuples()
    assert (stray.ppid, stray.session_leader) == (terminal.pid, "stranger")
    assert not stray.endable
    assert "no pane of bmux's" in str(stray.reason)


def test_a_folder_variable_alone_is_no_proof(nursery: Nursery, judge: Judge) -> None:
    nursery.start(["sleep", "120"], bmux=False, env={"BMUX_DATA_DIR": "/d"})
    (stray,) = found(nursery, judge([2**31 - 9])).itertuples()
    assert not stray.endable


@pytest.mark.parametrize(("folder", "endable"), [("/srv/a", True), ("/srv/b", False)])
def test_another_bmuxs_stray(folder: str, nursery: Nursery, judge: Judge, *, endable: bool) -> None:
    nursery.start(["sleep", "120"], env={"BMUX_DATA_DIR": "/srv/a"})
    table = found(nursery, judge([2**31 - 9]), data_folder=Path(folder))
    assert list(table["endable"]) == [endable]


def test_a_live_servers_processes_are_its_own(nursery: Nursery, judge: Judge) -> None:
    server = setsid_child(nursery)
    nursery.start(["sleep", "120"])
    judged = judge([2**31 - 9])
    here = Path()
    tree = ServerFinding("other", here, "live", "", pid=server.pid)
    assert len(found(nursery, judged)) == 3
    assert len(found(nursery, judged, servers=[tree])) == 1
    named = ServerFinding("default", here, "live", "")
    assert found(nursery, judged, servers=[named]).empty
    stale = ServerFinding("default", here, "none", "")
    assert len(found(nursery, judged, servers=[stale])) == 3


def test_other_users_processes_are_not_listed(nursery: Nursery, judge: Judge) -> None:
    nursery.start(["sleep", "120"])
    uid = psutil.Process().uids().real
    assert found(nursery, judge([2**31 - 9], owner_uid=uid + 1)).empty


def test_nothing_found_gives_the_same_columns(judge: Judge) -> None:
    judged = judge([2**31 - 9], owner_uid=2**31 - 5)
    table = find_strays(judged.table, judged.census)
    assert table.empty
    assert {name: str(dtype) for name, dtype in table.dtypes.items()} == STRAY_DTYPES
