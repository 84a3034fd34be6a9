from __future__ import annotations

import dataclasses
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bmux_forensics.errors import SnapshotChangedError, WriteError
from bmux_forensics.store import folder as folder_module
from bmux_forensics.store.reading import read_regular
from bmux_forensics.store.replace import stage

from .conftest import as_nobody, finished, names

if TYPE_CHECKING:
    from .conftest import Start


def replace(path: Path, data: bytes) -> None:
    _, identity = read_regular(path)
    with stage(identity, data) as staged:
        staged.commit()


def test_mode_times_and_attributes_are_kept(snapshot: Path) -> None:
    snapshot.chmod(0o640)
    os.utime(snapshot, ns=(1_600_000_000_123_456_789, 1_500_000_000_987_654_321))
    os.setxattr(snapshot, "user.note", b"evidence")
    os.chown(snapshot, 1234 if os.geteuid() == 0 else -1, -1)
    before = snapshot.stat()
    replace(snapshot, b"new")
    after = snapshot.stat()
    assert snapshot.read_bytes() == b"new"
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode,
        before.st_uid,
        before.st_gid,
    )
    assert after.st_mtime_ns == before.st_mtime_ns
    assert os.getxattr(snapshot, "user.note") == b"evidence"
    assert names(snapshot.parent) == ["snap.json"]


@given(st.binary(max_size=5000))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_staged_is_what_is_read(snapshot: Path, data: bytes) -> None:
    replace(snapshot, data)
    assert read_regular(snapshot)[0] == data


def test_short_writes_are_gone_on_with(snapshot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:7]))
    replace(snapshot, b"new bytes" * 100)
    assert snapshot.read_bytes() == b"new bytes" * 100


def test_a_write_that_takes_nothing_is_no_reason_to_ask_for_ever(
    snapshot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "write", lambda *_: 0)
    with pytest.raises(WriteError, match="input/output error"):
        replace(snapshot, b"new")
    assert snapshot.read_bytes() == b"old"
    assert names(snapshot.parent) == ["snap.json"]


def test_the_links_target_is_replaced_and_the_link_kept(snapshot: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(snapshot)
    replace(link, b"new")
    assert link.is_symlink()
    assert snapshot.read_bytes() == b"new"


def test_a_second_name_keeps_the_old_bytes(snapshot: Path) -> None:
    second = snapshot.with_name("second")
    os.link(snapshot, second)
    replace(snapshot, b"new")
    assert second.read_bytes() == b"old"


def test_without_a_commit_nothing_is_left(snapshot: Path) -> None:
    _, identity = read_regular(snapshot)
    with stage(identity, b"new") as staged:
        assert staged.temp.read_bytes() == b"new"
        assert staged.temp.name != "snap.json.tmp"
        assert staged.sha256.startswith("11507a0e")
    assert names(snapshot.parent) == ["snap.json"]
    with pytest.raises(KeyboardInterrupt), stage(identity, b"new"):
        raise KeyboardInterrupt
    assert names(snapshot.parent) == ["snap.json"]


@pytest.mark.parametrize("moment", ["before staging", "after staging", "at the last look"])
@pytest.mark.parametrize("change", ["saved", "gone", "in place", "swapped for a link"])
def test_a_file_that_changed_is_left_alone(snapshot: Path, moment: str, change: str) -> None:
    _, identity = read_regular(snapshot)

    def rival() -> None:
        if change == "in place":
            snapshot.write_bytes(b"rival")
            return
        snapshot.unlink()
        if change == "saved":
            snapshot.with_name("snap.json.tmp").write_bytes(b"rival")
            snapshot.with_name("snap.json.tmp").rename(snapshot)
        elif change == "swapped for a link":
            snapshot.with_name("elsewhere").write_bytes(b"rival")
            snapshot.symlink_to("elsewhere")

    def edit() -> None:
        if moment == "before staging":
            rival()
        with stage(identity, b"new") as staged:
            if moment == "after staging":
                rival()
            staged.commit(rival if moment == "at the last look" else None)

    with pytest.raises(SnapshotChangedError, match="plan anew") as caught:
        edit()
    assert caught.value.exit_code == 4
    assert not snapshot.exists() if change == "gone" else snapshot.read_bytes() == b"rival"
    assert not [name for name in names(snapshot.parent) if name.startswith(".bmux")]


def test_a_folder_swapped_in_the_middle_redirects_nothing(snapshot: Path, tmp_path: Path) -> None:
    _, identity = read_regular(snapshot)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "snap.json").write_bytes(b"theirs")
    with stage(identity, b"new") as staged:
        snapshot.parent.rename(tmp_path / "moved")
        snapshot.parent.symlink_to(elsewhere)
        staged.commit()
    assert (tmp_path / "moved" / "snap.json").read_bytes() == b"new"
    assert names(elsewhere) == ["snap.json"]
    assert (elsewhere / "snap.json").read_bytes() == b"theirs"


def test_what_the_last_look_raises_stops_it(snapshot: Path) -> None:
    _, identity = read_regular(snapshot)

    def no() -> None:
        message = "a server came up"
        raise RuntimeError(message)

    with pytest.raises(RuntimeError), stage(identity, b"new") as staged:
        staged.commit(no)
    assert snapshot.read_bytes() == b"old"


def test_a_new_file_replaces_nothing(snapshot: Path) -> None:
    with (
        pytest.raises(SnapshotChangedError, match="something is there"),
        stage(snapshot, b"new") as staged,
    ):
        staged.commit()
    assert snapshot.read_bytes() == b"old"
    other = snapshot.with_name("other")
    _, identity = read_regular(snapshot)
    like = dataclasses.replace(identity, mtime_ns=5)
    with stage(other, b"new", like=like) as staged:
        staged.commit()
    assert other.stat().st_mtime_ns == 5
    with stage(snapshot.with_name("third"), b"new") as staged:
        staged.commit()
    assert stat.S_IMODE(snapshot.with_name("third").stat().st_mode) == 0o600


def test_platforms_without_relative_names(snapshot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "_RELATIVE", False)
    replace(snapshot, b"new")
    assert snapshot.read_bytes() == b"new"
    assert names(snapshot.parent) == ["snap.json"]


EDIT = """
import sys
from bmux_forensics.errors import ForensicsError
from bmux_forensics.store.reading import read_regular
from bmux_forensics.store.replace import stage
_, identity = read_regular(sys.argv[1])
try:
    with stage(identity, b"n" * int(sys.argv[2])) as staged:
        staged.commit()
except ForensicsError as error:
    print(error.exit_code, error)
else:
    print("done")
"""


def test_another_user_may_not(snapshot: Path) -> None:
    code = EDIT.replace("import sys\n", "", 1)
    out = as_nobody(code, snapshot, 3)
    assert out.startswith("6 ")
    assert "no permission to write it" in out
    snapshot.chmod(0o666)
    out = as_nobody(code, snapshot, 3)
    assert "writing the new bytes beside it failed: permission denied" in out
    snapshot.parent.chmod(0o777)
    out = as_nobody(code, snapshot, 3)
    assert "it belongs to user 0" in out
    assert snapshot.read_bytes() == b"old"
    assert names(snapshot.parent) == ["snap.json"]


@pytest.mark.parametrize(
    ("mount", "message"), [("size=64k", "the disk is full"), ("remount,ro", "is read-only")]
)
def test_a_full_and_a_read_only_disk(tmp_path: Path, mount: str, message: str) -> None:
    tried = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
    if tried.returncode:
        pytest.skip("no mount namespaces here: full and read-only disks were not tried")
    script = (
        'set -e; mount -t tmpfs -o size=64k none "$1"; printf old > "$1/snap.json";'
        ' mount -o remount,"$2" "$1"; shift 2; "$@"; cat "$SNAP"; ls -A "$(dirname "$SNAP")"'
    )
    path = tmp_path / "snap.json"
    prefix, edit = ("unshare", "-m"), (sys.executable, "-c", EDIT, str(path), "100000")
    done = subprocess.run(
        [*prefix, "sh", "-c", script, "sh", str(tmp_path), mount, *edit],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "SNAP": str(path)},
    )
    first, rest = done.stdout.split("\n", 1)
    assert first.startswith("6 ")
    assert message in first
    assert rest.split() == ["oldsnap.json"]


FAULTS = [
    ("write", "EIO", "6 .*input/output error"),
    ("write", "EDQUOT", "6 .*quota"),
    ("fsync:when=1", "EIO", "6 .*writing the new bytes beside it failed: the disk reported"),
    ("rename,renameat,renameat2", "EROFS", "6 .*putting the new file in place failed: .*read-only"),
    ("fchmod", "EPERM", "6 .*does not permit"),
]


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace: faults were not tried")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_before_the_rename_leaves_the_old_file(
    snapshot: Path, start: Start, fault: tuple[str, str, str]
) -> None:
    call, error, message = fault
    name, _, when = call.partition(":")
    inject = f"inject={name}:error={error}" + (f":{when}" if when else "")
    code = EDIT.replace("print(error.exit_code, error)", "sys.exit(f'{error.exit_code} {error}')")
    process = start(
        code, snapshot, 3, prefix=("strace", "-f", "-qq", "-o", "/dev/null", "-e", inject)
    )
    _, err = process.communicate(timeout=60)
    if name != "write":  # the fault takes the child's own message too
        assert process.returncode == 1
        assert re.search(message, err)
    assert snapshot.read_bytes() == b"old"
    assert names(snapshot.parent) == ["snap.json"]


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace: faults were not tried")
def test_when_the_folder_can_not_be_synced_the_truth_is_told(snapshot: Path, start: Start) -> None:
    prefix = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=fsync:error=EIO:when=2")
    out = finished(start(EDIT, snapshot, 3, prefix=prefix))
    assert out.startswith("5 ")
    assert "the new bytes are in place, but not on the disk: the disk reported" in out
    assert snapshot.read_bytes() == b"nnn"


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace: short writes not tried")
@pytest.mark.parametrize("call", ["openat", "write", "fsync", "rename,renameat,renameat2"])
def test_killed_at_any_step_the_next_run_tidies_up(snapshot: Path, start: Start, call: str) -> None:
    prefix: tuple[str, ...] = ("strace", "-f", "-qq", "-o", "/dev/null")
    if call == "openat":
        prefix += ("-P", str(snapshot.parent))  # no other folder's opens
    start(
        EDIT, snapshot, 3, prefix=(*prefix, "-e", f"inject={call}:signal=KILL:when=1")
    ).communicate(timeout=60)
    assert snapshot.read_bytes() in (b"old", b"nnn")
    replace(snapshot, b"next")
    assert snapshot.read_bytes() == b"next"
    assert names(snapshot.parent) == ["snap.json"]
