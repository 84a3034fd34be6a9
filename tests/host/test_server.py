from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bmux_forensics.host.paths import BmuxPaths, find_paths
from bmux_forensics.host.server import find_servers, live_server
from bmux_forensics.host.server_table import servers_frame

if TYPE_CHECKING:
    from tests.host.conftest import Nursery

LISTEN = """
import socket
server = socket.socket(socket.AF_UNIX)
server.bind({path!r})
server.listen({backlog})
ready("listening")
while {accept}:
    client, _ = server.accept()
    data = client.recv(100)
    ready("bytes-%d" % len(data))
time.sleep(120)
"""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def paths(tmp_path: Path) -> BmuxPaths:
    (tmp_path / "run").mkdir()
    (tmp_path / "data" / "runtime").mkdir(parents=True)
    found = find_paths(
        {"BMUX_RUNTIME_DIR": str(tmp_path / "run"), "BMUX_DATA_DIR": str(tmp_path / "data")}
    )
    found.snapshot.write_bytes(b"{}")
    return found


def listen(
    nursery: Nursery,
    folder: Path,
    *,
    accept: bool = True,
    backlog: int = 8,
    setup: str = "",
    env: dict[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    # A short relative name: pytest's folders can be longer than a Unix address.
    source = (
        setup
        + f"os.chdir({str(folder)!r})\n"
        + LISTEN.format(path="server.sock", accept=accept, backlog=backlog)
    )
    return nursery.python(source, env=env)


def bmux_program(folder: Path) -> str:
    program = folder / "bmux"
    shutil.copy(shutil.which("sleep") or "/bin/sleep", program)
    return str(program)


def test_no_runtime_folder_at_all(tmp_path: Path) -> None:
    paths = find_paths({"BMUX_RUNTIME_DIR": str(tmp_path / "no"), "HOME": str(tmp_path)})
    assert find_servers(paths) == ()
    best = min(_timed(paths) for _ in range(20))
    assert live_server(paths).state == "none"
    assert best < 0.002


def _timed(paths: BmuxPaths) -> float:
    start = time.perf_counter()
    live_server(paths)
    return time.perf_counter() - start


def test_empty_runtime_folder(paths: BmuxPaths) -> None:
    verdict = live_server(paths)
    assert verdict.state == "none"
    assert [f.reason for f in verdict.findings] == ["there is no server.sock; there is no pid file"]


def test_socket_that_answers_is_live_and_gets_no_byte(paths: BmuxPaths, nursery: Nursery) -> None:
    child = listen(nursery, paths.runtime)
    verdict = live_server(paths)
    assert verdict.state == "live"
    (finding,) = verdict.live
    assert (finding.pid, finding.uid, finding.evidence) == (child.pid, os.geteuid(), "socket")
    nursery.wait(lambda: len(nursery.marks(child)) > 1, "the server saw the connection")
    assert nursery.marks(child) == {"listening", "bytes-0"}


def test_server_whose_queue_is_full_is_live(paths: BmuxPaths, nursery: Nursery) -> None:
    listen(nursery, paths.runtime, accept=False, backlog=0)
    waiting = []
    try:
        for _ in range(4):
            client = socket.socket(socket.AF_UNIX)
            waiting.append(client)
            client.settimeout(0)
            client.connect_ex(_short(paths.runtime / "server.sock"))
        assert live_server(paths).state == "live"
    finally:
        for client in waiting:
            client.close()


def _short(path: Path) -> str:
    return os.path.relpath(path)


def test_what_a_killed_server_leaves_behind_is_stale(paths: BmuxPaths, nursery: Nursery) -> None:
    child = listen(nursery, paths.runtime)
    (paths.runtime / "server.pid").write_text(str(child.pid))
    (paths.runtime / "server-meta.json").write_text("{}")
    child.kill()
    child.wait()
    verdict = live_server(paths)
    assert verdict.state == "none"
    assert "stale" in verdict.findings[0].reason


def test_zombie_server_is_stale(paths: BmuxPaths, nursery: Nursery) -> None:
    child = nursery.start(["bmux", "0"], executable=bmux_program(paths.data))
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    (paths.runtime / "server.pid").write_text(str(child.pid))
    assert live_server(paths).state == "none"


@pytest.mark.parametrize("name", ["default", "other"])
def test_every_runtime_is_looked_at(name: str, paths: BmuxPaths, nursery: Nursery) -> None:
    folder = paths.runtime_base if name == "default" else paths.runtime_base / "runtimes" / name
    listen(nursery, folder)
    assert [f.runtime_name for f in live_server(paths).live] == [name]


def test_live_pid_that_is_bmux(paths: BmuxPaths, nursery: Nursery) -> None:
    child = nursery.start(["bmux", "120"], executable=bmux_program(paths.data))
    (paths.runtime / "server.pid").write_text(f"{child.pid}\n")
    verdict = live_server(paths)
    assert (verdict.state, verdict.live[0].evidence) == ("live", "pid file")
    assert (verdict.live[0].pid, verdict.live[0].uid) == (child.pid, os.geteuid())


def test_pid_of_a_bmux_younger_than_its_pid_file_is_stale(
    paths: BmuxPaths, nursery: Nursery
) -> None:
    child = nursery.start(["bmux", "120"], executable=bmux_program(paths.data))
    (paths.runtime / "server.pid").write_text(str(child.pid))
    past = time.time() - 3600
    os.utime(paths.runtime / "server.pid", (past, past))
    assert live_server(paths).state == "none"


def test_live_pid_that_is_something_else(paths: BmuxPaths, nursery: Nursery) -> None:
    child = nursery.start(["sleep", "120"])
    (paths.runtime / "server.pid").write_text(str(child.pid))
    verdict = live_server(paths)
    assert verdict.state == "none"
    assert "stale" in verdict.findings[0].reason


def test_our_own_command_is_not_a_server(paths: BmuxPaths, nursery: Nursery) -> None:
    child = nursery.start(["bmux-forensics", "120"], executable=shutil.which("sleep"))
    (paths.runtime / "server.pid").write_text(str(child.pid))
    assert live_server(paths).state == "none"


@pytest.mark.parametrize(
    "content", [b"", b"-1", b"0", b"1", b"9" * 40, b"12 34", b"\xff", b"true", b"2147483648"]
)
def test_pid_files_that_say_nothing(content: bytes, paths: BmuxPaths) -> None:
    (paths.runtime / "server.pid").write_bytes(content)
    assert live_server(paths).state == "none"


def test_odd_things_under_the_names(paths: BmuxPaths) -> None:
    os.mkfifo(paths.runtime / "server.pid")
    (paths.runtime / "server.sock").write_text("a plain file")
    (paths.runtime_base / "runtimes" / "dir" / "server.pid").mkdir(parents=True)
    (paths.runtime_base / "runtimes" / "loop").symlink_to("loop")
    assert live_server(paths).state == "none"


def test_another_snapshot_is_not_the_servers(
    paths: BmuxPaths, nursery: Nursery, tmp_path: Path
) -> None:
    listen(nursery, paths.runtime)
    copy = tmp_path / "copy.json"
    copy.write_bytes(b"{}")
    assert live_server(paths, copy).state == "none"
    link = tmp_path / "link.json"
    link.symlink_to(paths.snapshot)
    assert live_server(paths, link).state == "live"


def test_server_of_another_data_folder_owns_that_folders_snapshot(
    paths: BmuxPaths, nursery: Nursery, tmp_path: Path
) -> None:
    other = tmp_path / "elsewhere" / "runtime" / "bmux-snapshot-v1.json"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"{}")
    listen(nursery, paths.runtime, env={"BMUX_DATA_DIR": str(tmp_path / "elsewhere")})
    assert live_server(paths, other).state == "live"


def _ask(paths: BmuxPaths) -> str:
    return (
        f"sys.path[:0] = {sys.path!r}\n"
        "from bmux_forensics.host.paths import find_paths\n"
        "from bmux_forensics.host.server import live_server\n"
        f"paths = find_paths({{'BMUX_RUNTIME_DIR': {str(paths.runtime_base)!r},"
        f" 'BMUX_DATA_DIR': {str(paths.data)!r}}})\n"
    )


@as_root
def test_another_users_server_can_not_be_judged(paths: BmuxPaths, nursery: Nursery) -> None:
    for folder in (paths.runtime, *paths.runtime.parents):
        if folder.is_relative_to(Path("/tmp")) and folder != Path("/tmp"):  # noqa: S108  # pytest's
            folder.chmod(0o755)
    paths.runtime.chmod(0o777)
    listen(nursery, paths.runtime, setup="import socket\nos.setgid(65534); os.setuid(65534)\n")
    verdict = live_server(paths)
    assert verdict.state == "cannot-tell"
    assert "65534" in verdict.reason


@as_root
def test_refused_folder_can_not_be_judged(
    paths: BmuxPaths, nursery: Nursery, tmp_path: Path
) -> None:
    """Run the code as nobody against a folder that only root may enter."""
    paths.runtime.chmod(0o700)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.is_relative_to(Path("/tmp")) and folder != Path("/tmp"):  # noqa: S108  # pytest's
            folder.chmod(0o755)
    source = (
        _ask(paths)
        + "import psutil, socket\n"
        + "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        + "ready(live_server(paths).state)\n"
    )
    child = nursery.python(source)
    assert nursery.marks(child) == {"cannot-tell"}


@pytest.mark.usefixtures("namespaces")
def test_pid_of_another_namespace_can_not_be_judged(paths: BmuxPaths) -> None:
    """A pid file from outside a container, with no socket to ask: nobody can say."""
    (paths.runtime / "server.pid").write_text("31337")
    source = "import sys\n" + _ask(paths) + "print(live_server(paths).state)\n"
    inside = subprocess.run(
        ["unshare", "-rpf", "--mount-proc", sys.executable, "-c", source],
        capture_output=True,
        check=True,
    )
    assert inside.stdout.split() == [b"cannot-tell"]
    assert live_server(paths).state == "none"


def test_findings_as_a_table(paths: BmuxPaths) -> None:
    full, empty = servers_frame(find_servers(paths)), servers_frame([])
    assert list(full["state"]) == ["none"]
    assert full.dtypes.equals(empty.dtypes)
    assert empty.empty
