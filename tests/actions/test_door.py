"""What the door promises of one file: all of the change or none, and nothing else moved."""

from __future__ import annotations

import gzip
import lzma
import os
import re
import stat
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import zstandard

import bmux_forensics as bf
from bmux_forensics.actions.door import change_file
from bmux_forensics.errors import (
    BusyError,
    ChecksumMismatchError,
    FileMissingError,
    FileUnreadableError,
    ForensicsError,
    NoSuchSessionError,
    NotASnapshotError,
    NotRewritableError,
    SectionUndecodableError,
    SelectorError,
    SnapshotChangedError,
    UnknownVersionError,
    UsageError,
    WriteError,
)
from bmux_forensics.store.lock import LockHeldError
from tests.actions.scenes import (
    ALPHA,
    BETA,
    CONTEXT,
    DASH,
    EVIL,
    GAMMA,
    PGIDS,
    SAVED,
    Trace,
    backups,
    below,
    save,
    world,
)
from tests.analysis.reference_kill import killed
from tests.worlds import Part, World, part, session

WITHOUT_ALPHA = killed(world().raw, {ALPHA})


def refused(
    kind: type[ForensicsError], path: Path | None, *selectors: str, **options: Any
) -> ForensicsError:
    """Kill, and see that it is refused and that the file is exactly as it was."""
    before = Trace.of(path) if path is not None and path.is_file() else None
    with pytest.raises(kind) as caught:
        bf.kill(path, selectors, **options)
    if path is not None and before is not None:
        assert Trace.of(path) == before
        assert below(path.parent) == [path.name]
    return caught.value


# --- what is written, and what is kept --------------------------------------------------------


def test_a_kill_tells_what_it_did(snapshot: Path, tmp_path: Path) -> None:
    outcome = bf.kill(snapshot, ["alpha"])
    assert snapshot.read_bytes() == WITHOUT_ALPHA
    plan = outcome.plan
    assert plan is not None
    assert (plan.session_ids, plan.context_ids) == ((ALPHA,), (CONTEXT,))
    assert plan.process_groups["pgid"].tolist() == list(PGIDS)
    assert outcome.passage.sha256_before == world().snapshot().sha256
    assert backups(tmp_path) == [outcome.passage.backup]


def test_several_selectors_are_one_change_in_file_order(snapshot: Path, tmp_path: Path) -> None:
    outcome = bf.kill(snapshot, [DASH, "alpha", ALPHA])
    assert outcome.plan is not None
    assert outcome.plan.session_ids == (ALPHA, DASH)
    assert snapshot.read_bytes() == killed(world().raw, {ALPHA, DASH})
    assert len(backups(tmp_path)) == 1


def test_owner_mode_time_and_attributes_are_kept(snapshot: Path) -> None:
    if os.geteuid() == 0:
        os.chown(snapshot, 1234, 5678)
    snapshot.chmod(0o604)
    os.setxattr(snapshot, "user.note", b"evidence")
    before = Trace.of(snapshot)
    bf.kill(snapshot, ["alpha"])
    after = Trace.of(snapshot)
    assert (after.mode, after.owner, after.mtime_ns) == (before.mode, before.owner, SAVED)
    assert os.getxattr(snapshot, "user.note") == b"evidence"
    assert after.inode != before.inode


def test_a_links_target_is_replaced_and_the_link_kept(snapshot: Path, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "link.json"
    link.parent.mkdir()
    link.symlink_to(os.path.relpath(snapshot, link.parent))
    bf.kill(link, ["alpha"])
    assert link.is_symlink()
    assert snapshot.read_bytes() == WITHOUT_ALPHA
    assert (below(link.parent), below(snapshot.parent)) == (["link.json"], ["snap.json"])


@pytest.mark.parametrize("held", ["the link's", "the file's"])
def test_a_link_is_locked_by_both_of_its_names(snapshot: Path, tmp_path: Path, held: str) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(snapshot)
    named = link if held == "the link's" else snapshot
    lock = named.with_name(named.name + ".lock")
    lock.write_bytes(b"pid=1\n")
    before = Trace.of(snapshot)
    with pytest.raises(LockHeldError, match="held by process 1") as caught:
        bf.kill(link, ["alpha"], lock_timeout=0.05)
    assert caught.value.exit_code == 4
    assert Trace.of(snapshot) == before
    lock.unlink()
    assert (link.is_symlink(), below(snapshot.parent)) == (True, ["snap.json"])
    assert not list(tmp_path.glob("*.lock"))


def test_another_name_of_the_inode_keeps_the_old_bytes(snapshot: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.hardlink_to(snapshot)
    bf.kill(snapshot, ["alpha"])
    assert (snapshot.read_bytes(), other.read_bytes()) == (WITHOUT_ALPHA, world().raw)


def test_each_state_of_the_file_has_its_backup(snapshot: Path, tmp_path: Path) -> None:
    states = []
    for selector in ("alpha", "-dash"):
        states.append(snapshot.read_bytes())
        bf.kill(snapshot, [selector])
    assert sorted(b.read_bytes() for b in backups(tmp_path)) == sorted(states)
    folder = tmp_path / "state"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert all(stat.S_IMODE(p.stat().st_mode) & 0o077 == 0 for p in folder.rglob("*") if p.is_dir())


def test_a_backup_on_another_file_system_is_a_copy(
    snapshot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shm = Path("/dev/shm")  # noqa: S108 - another file system is the point
    if not shm.is_dir() or shm.stat().st_dev == snapshot.stat().st_dev:
        pytest.skip("no second file system to write to")
    folder = shm / f"bmux-forensics-test-{os.getpid()}"
    folder.mkdir(0o700)
    monkeypatch.setenv("BMUX_FORENSICS_STATE_DIR", str(folder))
    try:
        backup = bf.kill(snapshot, ["alpha"]).passage.backup
        assert backup is not None
        assert (backup.read_bytes(), backup.stat().st_nlink) == (world().raw, 1)
        assert stat.S_IMODE(backup.stat().st_mode) & 0o077 == 0
    finally:
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        folder.rmdir()


def test_no_backup_no_change(
    snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "occupied").write_bytes(b"")
    monkeypatch.setenv("BMUX_FORENSICS_STATE_DIR", str(tmp_path / "occupied"))
    assert refused(WriteError, snapshot, "alpha").exit_code == 6


def test_scrub_cleans_what_a_kill_leaves_dangling(snapshot: Path) -> None:
    tabs = Part("bmux.tabs/arrangements", 1, {ALPHA: [CONTEXT]})
    raw = World((*world().parts, tabs)).raw
    save(snapshot, raw)
    bf.kill(snapshot, ["alpha"], scrub=True)
    scrubbed = bf.open_snapshot(snapshot)
    assert CONTEXT.encode() not in b"".join(r.section.payload for r in scrubbed.readings)
    save(snapshot, raw)
    bf.kill(snapshot, ["alpha"])
    assert snapshot.read_bytes() == killed(raw, {ALPHA})


# --- nothing is written -----------------------------------------------------------------------


def test_one_selector_without_a_session_stops_all(snapshot: Path, tmp_path: Path) -> None:
    error = refused(NoSuchSessionError, snapshot, "alpha", "nobody", "no one")
    assert isinstance(error, NoSuchSessionError)
    assert error.selectors == ("nobody", "no one")
    assert backups(tmp_path) == []


def test_an_ambiguous_selector_names_its_candidates(snapshot: Path) -> None:
    for selector in ("twin", "bbbb"):
        error = refused(SelectorError, snapshot, selector, "nobody")
        assert isinstance(error, SelectorError)
        assert error.exit_code == 2
        assert [i for i, _ in error.candidates] == [BETA, GAMMA]
        assert BETA in str(error)
        assert GAMMA in str(error)


def test_one_of_two_alike_goes_by_its_id(snapshot: Path) -> None:
    bf.kill(snapshot, [GAMMA.upper()])
    assert snapshot.read_bytes() == killed(world().raw, {GAMMA})


@pytest.mark.parametrize("options", [{}, {"selectors": ["a"], "all_sessions": True}])
def test_neither_or_both_is_misuse(snapshot: Path, options: dict[str, Any]) -> None:
    before = Trace.of(snapshot)
    with pytest.raises(UsageError, match="selectors or all sessions"):
        bf.kill(snapshot, **options)
    assert Trace.of(snapshot) == before


def test_nothing_to_kill_writes_nothing(snapshot: Path, tmp_path: Path) -> None:
    save(snapshot, killed(world().raw, {ALPHA, BETA, GAMMA, DASH, EVIL}))
    before = Trace.of(snapshot)
    outcome = bf.kill(snapshot, all_sessions=True)
    assert (outcome.passage.applied, outcome.passage.backup) == (False, None)
    assert outcome.passage.sha256_after == outcome.passage.sha256_before
    assert (Trace.of(snapshot), below(tmp_path)) == (before, ["runtime", "runtime/snap.json"])


def test_a_compressed_copy_is_never_taken_for_damage(snapshot: Path) -> None:
    for data in (gzip.compress(world().raw), lzma.compress(world().raw)):
        save(snapshot, data)
        error = refused(NotRewritableError, snapshot, all_sessions=True)
        assert "decompress it first" in str(error)
        with pytest.raises(NotRewritableError, match="a compressed copy"):
            bf.preview_kill(snapshot, ["alpha"])


def test_a_number_that_would_not_survive_stops_the_kill(snapshot: Path) -> None:
    rows = world().parts[0].bytes[:-2] + b',"big":18446744073709551616}]'
    save(snapshot, World((Part(world().parts[0].id, 1, rows),)).raw)
    assert refused(NotRewritableError, snapshot, "alpha").exit_code == 3


# --- bound plans ------------------------------------------------------------------------------


def test_a_plan_that_was_seen_is_what_is_done(snapshot: Path) -> None:
    plan = bf.preview_kill(snapshot, ["alpha"])
    assert snapshot.read_bytes() == world().raw
    outcome = bf.apply_kill(plan)
    assert snapshot.read_bytes() == WITHOUT_ALPHA == plan.after.raw
    assert outcome.passage.sha256_after == plan.after.sha256


@pytest.mark.parametrize("change", ["another kill", "one more byte", "gone", "a link to another"])
def test_a_plan_is_refused_on_other_bytes(snapshot: Path, tmp_path: Path, change: str) -> None:
    plan = bf.preview_kill(snapshot, ["alpha"])
    if change == "another kill":
        bf.kill(snapshot, ["-dash"])
    elif change == "one more byte":
        snapshot.write_bytes(world().raw + b" ")
    else:
        snapshot.unlink()
        if change != "gone":
            other = save(tmp_path / "other.json", killed(world().raw, {DASH}))
            snapshot.symlink_to(other)
    before = Trace.of(snapshot) if snapshot.exists() else None
    with pytest.raises(SnapshotChangedError, match="look at a new plan") as caught:
        bf.apply_kill(plan)
    assert caught.value.exit_code == 4
    assert (Trace.of(snapshot) if snapshot.exists() else None) == before
    assert not [name for name in below(snapshot.parent) if name != "snap.json"]


def test_the_same_bytes_saved_anew_are_what_was_seen(snapshot: Path) -> None:
    plan = bf.preview_kill(snapshot, ["alpha"])
    snapshot.unlink()
    save(snapshot, world().raw)
    bf.apply_kill(plan)
    assert snapshot.read_bytes() == WITHOUT_ALPHA


def test_expected_bytes_are_the_only_ones_changed(snapshot: Path) -> None:
    right = world().snapshot().sha256
    error = refused(SnapshotChangedError, snapshot, "alpha", expect_sha256="0" * 64)
    assert error.exit_code == 4
    assert right in str(error)
    with pytest.raises(SnapshotChangedError):
        bf.preview_kill(snapshot, ["alpha"], expect_sha256="0" * 64)
    bf.kill(snapshot, ["alpha"], expect_sha256=right.upper())
    assert snapshot.read_bytes() == WITHOUT_ALPHA


def test_expected_bytes_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SnapshotChangedError, match="no such file"):
        bf.kill(None, all_sessions=True, expect_sha256="0" * 64)
    assert below(tmp_path) == []


def test_a_save_at_the_last_moment_is_not_lost(snapshot: Path, tmp_path: Path) -> None:
    newer = killed(world().raw, {DASH})

    def prepare(found: bf.Snapshot) -> bf.Snapshot:
        save(tmp_path / "fresh", newer).rename(snapshot)  # a server takes no lock
        return bf.plan_of_kill(found, ["alpha"]).after

    with pytest.raises(SnapshotChangedError, match="plan anew"):
        change_file(snapshot, prepare)
    assert snapshot.read_bytes() == newer
    assert below(snapshot.parent) == ["snap.json"]


def test_a_lock_taken_from_us_stops_the_change(snapshot: Path) -> None:
    lock = snapshot.with_name("snap.json.lock")

    def prepare(found: bf.Snapshot) -> bf.Snapshot:
        lock.unlink()
        lock.write_bytes(b"pid=1\n")
        return bf.plan_of_kill(found, ["alpha"]).after

    with pytest.raises(BusyError, match="taken by somebody else"):
        change_file(snapshot, prepare)
    assert snapshot.read_bytes() == world().raw
    assert lock.read_bytes() == b"pid=1\n"
    assert below(snapshot.parent) == ["snap.json", "snap.json.lock"]


# --- moving aside -----------------------------------------------------------------------------

BROKEN = {
    "empty": b"",
    "no JSON": b"\x00\xff",
    "torn": world().raw[:1000],
    "no envelope": b'{"version": 1}',
    "wrong checksum": re.sub(rb'"checksum": \d+', b'"checksum": 7', world().raw),
}
DAMAGED_INSIDE = World((Part("bmux.sessions/session-manager", 1, b"{"),)).raw
NEWER_SECTION = World((part("sessions", [], 9),)).raw
NEWER_ENVELOPE = world().raw.replace(b'"version": 1', b'"version": 2', 1)


@pytest.mark.parametrize("name", BROKEN)
def test_what_no_kill_can_read_is_moved_aside_whole(
    name: str, snapshot: Path, tmp_path: Path
) -> None:
    before = Trace.of(save(snapshot, BROKEN[name]))
    outcome = bf.kill(snapshot, all_sessions=True)
    aside = outcome.passage.moved_aside
    assert aside is not None
    assert outcome.passage.sha256_before is not None
    assert aside.name.startswith("snap.json.corrupt-")
    assert aside.name.endswith(outcome.passage.sha256_before[:8])
    assert Trace.of(aside) == before
    assert below(snapshot.parent) == [aside.name]
    assert backups(tmp_path) == []


@pytest.mark.parametrize("name", BROKEN)
def test_a_selector_moves_nothing_aside(name: str, snapshot: Path) -> None:
    save(snapshot, BROKEN[name])
    kind = ChecksumMismatchError if name == "wrong checksum" else NotASnapshotError
    assert refused(kind, snapshot, "alpha").exit_code == 3


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (DAMAGED_INSIDE, SectionUndecodableError),
        (NEWER_SECTION, UnknownVersionError),
        (NEWER_ENVELOPE, UnknownVersionError),
    ],
    ids=["damaged section", "newer section", "newer envelope"],
)
def test_what_may_be_good_for_another_tool_stays(
    raw: bytes, kind: type[ForensicsError], snapshot: Path
) -> None:
    save(snapshot, raw)
    assert refused(kind, snapshot, all_sessions=True).exit_code == 3


def test_a_section_that_is_needed_later_stops_all_too(snapshot: Path) -> None:
    contexts = Part("bmux.contexts/context-state", 1, b"[]")
    save(snapshot, World((world().parts[0], contexts)).raw)
    refused(SectionUndecodableError, snapshot, all_sessions=True)


def test_what_is_no_file_is_never_moved(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    fifo, folder, link = place / "fifo", place / "folder", place / "link"
    os.mkfifo(fifo)
    folder.mkdir()
    link.symlink_to("nowhere")
    for path in (fifo, folder, link, place / "missing"):
        error = refused(FileMissingError, path, all_sessions=True)
        assert error.exit_code == 3
        assert str(path) in str(error)
    assert below(place) == ["fifo", "folder", "link"]


def test_the_expected_bytes_hold_for_moving_aside_too(snapshot: Path) -> None:
    save(snapshot, b"torn")
    refused(SnapshotChangedError, snapshot, all_sessions=True, expect_sha256="0" * 64)


# --- bmux's own snapshot ----------------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path) -> Path:
    place = tmp_path / "bmux-data" / "runtime" / "bmux-snapshot-v1.json"
    return save(place, world().raw)


def test_no_path_means_bmuxs_own(own: Path) -> None:
    assert bf.find_paths().snapshot == own
    assert bf.has_own_snapshot()
    bf.kill(selectors=["alpha"])
    assert own.read_bytes() == WITHOUT_ALPHA
    assert bf.preview_kill(selectors=["-dash"]).path == own


def test_no_bmux_is_no_session(tmp_path: Path) -> None:
    outcome = bf.kill(all_sessions=True)
    assert (outcome.had_snapshot, outcome.plan, outcome.passage.applied) == (False, None, False)
    with pytest.raises(NoSuchSessionError, match="session not found: alpha"):
        bf.kill(selectors=["alpha"])
    with pytest.raises(FileMissingError, match=r"because of BMUX_DATA_DIR.*sample_snapshots"):
        bf.preview_kill(selectors=["alpha"])
    assert below(tmp_path) == []


def test_a_dangling_link_is_not_no_bmux(tmp_path: Path) -> None:
    place = tmp_path / "bmux-data" / "runtime"
    place.mkdir(parents=True)
    (place / "bmux-snapshot-v1.json").symlink_to("nowhere")
    with pytest.raises(FileMissingError, match=r"symbolic link to .*nowhere"):
        bf.kill(all_sessions=True)


@pytest.mark.parametrize("kind", ["symbolic link", "hard link"])
def test_bmuxs_own_is_locked_as_bmux_does_however_it_is_named(
    own: Path, tmp_path: Path, kind: str
) -> None:
    alias = tmp_path / "alias.json"
    alias.symlink_to(own) if kind == "symbolic link" else alias.hardlink_to(own)
    lock = bf.find_paths().lock
    lock.write_bytes(b"pid=1\n")
    with pytest.raises(LockHeldError) as caught:
        bf.kill(alias, ["alpha"], lock_timeout=0.05)
    assert (caught.value.path, own.read_bytes()) == (lock, world().raw)


def test_a_time_that_no_calendar_has_is_no_reason_to_fail(snapshot: Path) -> None:
    os.utime(snapshot, (2**33, 2**33))
    assert bf.open_snapshot(snapshot).saved_at is not None
    os.utime(snapshot, (-(2**31), -(2**31)))
    bf.kill(snapshot, ["alpha"])
    assert snapshot.stat().st_mtime == -(2**31)


def test_a_name_that_is_no_text_is_no_obstacle(tmp_path: Path) -> None:
    path = save(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.json")), world().raw)
    bf.apply_kill(bf.preview_kill(path, ["alpha"]))
    assert path.read_bytes() == WITHOUT_ALPHA
    with pytest.raises(NoSuchSessionError):
        bf.kill(path, [os.fsdecode(b"\xff")])
    assert bf.load_tables(path)["sessions"]["snapshot"].iloc[0].endswith(r"\xff.json")


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "zstd": zstandard.compress,
}


@pytest.mark.parametrize("name", PACKERS)
def test_compressed_copies_are_read(name: str, tmp_path: Path) -> None:
    pack = PACKERS[name]
    whole = save(tmp_path / "whole", pack(world().raw))
    assert bf.open_snapshot(whole).raw == world().raw
    half = len(world().raw) // 2
    parts = save(tmp_path / "parts", pack(world().raw[:half]) + pack(world().raw[half:]))
    assert bf.open_snapshot(parts).raw == world().raw


@pytest.mark.parametrize("name", PACKERS)
def test_damaged_compression_is_no_snapshot(name: str, tmp_path: Path) -> None:
    packed = PACKERS[name](world().raw)
    for data in (packed[:-5], packed[: len(packed) // 2], packed[:6]):
        path = save(tmp_path / "copy", data)
        with pytest.raises(FileUnreadableError, match="damaged compressed data") as caught:
            bf.open_snapshot(path)
        assert caught.value.exit_code == 3


@pytest.mark.parametrize("name", PACKERS)
def test_of_a_damaged_copy_what_it_still_gives_is_salvaged(name: str, tmp_path: Path) -> None:
    rows = [session(str(uuid.UUID(int=number)), f"tab {number}") for number in range(3000)]
    raw = World((part("sessions", rows), *world().parts[1:])).raw
    packed = PACKERS[name](raw)
    if name != "zstd":  # the others end with nothing but sums and sizes
        new = tmp_path / "new.json"
        found = bf.salvage(save(tmp_path / "trailer", packed[:-3]), new).salvage
        assert (found.proof, found.lost, new.read_bytes()) == ("checksum", (), raw)
    half = bf.preview_salvage(save(tmp_path / "half", packed[: len(packed) // 2]))
    assert 100 < (half.kept[0].rows or 0) < 3000
    assert half.lost
    spoiled = bytearray(packed)
    spoiled[len(packed) // 2 : len(packed) // 2 + 40] = bytes(40)
    with suppress(NotASnapshotError):  # what it gives may be less than a row
        assert bf.preview_salvage(save(tmp_path / "spoiled", bytes(spoiled))).lost


@pytest.mark.parametrize("name", PACKERS)
def test_a_bomb_is_refused_at_the_limit(name: str, tmp_path: Path) -> None:
    path = save(tmp_path / "bomb", PACKERS[name](b" " * 3_000_000))
    with pytest.raises(FileUnreadableError, match="at most 1000000 bytes"):
        bf.open_snapshot(path, size_limit=1_000_000)
