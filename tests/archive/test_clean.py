"""Sessions go out of a whole archive, as `kill` would take them out of each file."""

from __future__ import annotations

import errno
import gzip
import lzma
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

import bmux_forensics as bf
from bmux_forensics.errors import SelectorError, UsageError
from bmux_forensics.store.folder import Folder
from bmux_forensics.store.lock import SnapshotLock
from tests.actions.scenes import ALPHA, BETA, DASH, SAVED, Trace, below, save, world
from tests.cli.conftest import Run, Terminal
from tests.worlds import World, clients_tree, contexts_tree, pane, part, runtime, session, worlds

SAMPLES = Path(__file__).parents[2] / "sample_snapshots"
LOST = "99999999-0000-4000-8000-000000000009"
CONTEXT = "88888888-0000-4000-8000-000000000008"
CLIENT = "77777777-0000-4000-8000-000000000007"

PACKINGS: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    "json": (bytes, bytes),
    "gz": (gzip.compress, gzip.decompress),
    "xz": (lzma.compress, lzma.decompress),
    "zst": (zstandard.compress, zstandard.decompress),
}


def statuses(told: bf.CleanPlan | bf.CleanOutcome) -> dict[str, str]:
    paths = [Path(path).name for path in told.files["path"]]
    return dict(zip(paths, told.files["status"], strict=True))


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Give four copies of one snapshot, each packed in its way, and one of another."""
    folder = tmp_path / "archive"
    for suffix, (pack, _) in PACKINGS.items():
        save(folder / f"a.{suffix}", pack(world().raw))
    empty = World((part("sessions", []), part("contexts", contexts_tree())))
    save(folder / "b.json", empty.raw)
    return folder


def test_every_copy_is_cleaned_in_its_form_as_a_kill_would(archive: Path, tmp_path: Path) -> None:
    alone = save(tmp_path / "alone.json", world().raw)
    other = Trace.of(archive / "b.json")
    plan = bf.kill(alone, [ALPHA]).plan
    done = bf.clean(archive, sessions=["alpha"])
    assert plan is not None
    assert statuses(done) == {f"a.{suffix}": "cleaned" for suffix in PACKINGS} | {
        "b.json": "unchanged"
    }
    assert done.counts["files"] == sum(done.counts.values()) - done.counts["files"] == 5
    for suffix, (_, unpack) in PACKINGS.items():
        path = archive / f"a.{suffix}"
        assert unpack(path.read_bytes()) == alone.read_bytes()
        assert (path.stat().st_mtime_ns, path.stat().st_mode & 0o777) == (SAVED, 0o640)
    assert Trace.of(archive / "b.json") == other
    row = done.files.iloc[0]
    assert row["removed_session_ids"] == [ALPHA]
    assert row["removed_context_ids"] == list(plan.context_ids)
    assert below(archive) == ["a.gz", "a.json", "a.xz", "a.zst", "b.json"]  # no lock, no temp


@given(found=st.lists(worlds(least_sessions=1), min_size=1, max_size=4), data=st.data())
def test_a_batch_gives_the_bytes_that_a_kill_of_each_gives(
    found: list[World], data: st.DataObject
) -> None:
    snapshots = [bf.read_snapshot(one.raw, f"{i}.json") for i, one in enumerate(found)]
    ids = {i for s in snapshots for i, _ in bf.summarize(s).sessions}
    selector = data.draw(st.sampled_from(sorted(ids)))
    from bmux_forensics.analysis.cleaning import Wish, plan_cleaning  # noqa: PLC0415 - pure

    scrub = data.draw(st.booleans())
    cleanings, _ = plan_cleaning(snapshots, Wish((selector,), scrub=scrub))
    for snapshot, cleaning in zip(snapshots, cleanings, strict=True):
        try:
            after: bytes | None = bf.plan_of_kill(snapshot, [selector], scrub=scrub).after.raw
        except bf.ForensicsError:
            after = None  # no such session, or not to be rewritten safely
        assert (cleaning.after.raw if cleaning.after and not cleaning.problem else None) == after


@settings(max_examples=15)
@given(found=st.lists(worlds(least_sessions=1), min_size=1, max_size=3))
def test_after_the_orphans_went_there_are_none_and_whoever_has_panes_is_there(
    found: list[World],
) -> None:
    from bmux_forensics.analysis.cleaning import Wish, plan_cleaning  # noqa: PLC0415 - pure

    snapshots = [bf.read_snapshot(one.raw, f"{i}.json") for i, one in enumerate(found)]
    cleanings, _ = plan_cleaning(snapshots, Wish(kinds=("lost", "hollow")))
    for cleaning in cleanings:
        if cleaning.problem is not None:
            continue
        before = bf.session_status(cleaning.snapshot)
        whole = bf.read_snapshot(cleaning.result.raw, cleaning.snapshot.name)
        assert bf.orphans(whole).empty
        kept = before[~before["status"].isin(["lost", "hollow"])]["session_id"]
        assert bf.session_status(whole)["session_id"].tolist() == kept.tolist()


def test_everything_that_speaks_of_a_lost_session_goes(tmp_path: Path) -> None:
    raw = World(
        (
            part("sessions", [session(ALPHA, "alpha")]),
            part(
                "contexts",
                contexts_tree(
                    contexts={
                        CONTEXT: {
                            "id": CONTEXT,
                            "name": None,
                            "attributes": {"bmux.session_id": LOST},
                        }
                    },
                    session_by_context={CONTEXT: LOST},
                    mru_contexts=[CONTEXT],
                ),
            ),
            part(
                "clients",
                clients_tree(
                    connected_clients=[CLIENT],
                    selected_sessions={CLIENT: LOST},
                    attached_stream_sessions={CLIENT: LOST},
                ),
            ),
            part("panes", {"sessions": [runtime(LOST, pane(BETA)), runtime(ALPHA, pane(DASH))]}, 2),
        )
    ).raw
    path = save(tmp_path / "a.json", raw)
    done = bf.clean(path, orphans=["lost"])
    assert done.files["removed_session_ids"].tolist() == [[LOST]]
    assert done.files["removed_context_ids"].tolist() == [[CONTEXT]]
    assert LOST.encode() not in b"".join(
        s.payload for s in (bf.open_snapshot(path).require_envelope()).sections
    )
    assert statuses(bf.clean(path, orphans=["lost"])) == {"a.json": "unchanged"}


def test_the_sample_days_lose_no_session_that_has_panes(tmp_path: Path) -> None:
    days = shutil.copytree(SAMPLES, tmp_path / "days")
    paths = sorted(days.rglob("*.json"))
    before = {path: bf.session_status(path) for path in paths}
    done = bf.clean(days, orphans=["lost", "hollow"])
    assert done.counts["files"] == done.counts["cleaned"] + done.counts["unchanged"] == len(paths)
    for path in paths:
        with_panes = before[path].loc[before[path]["panes"] > 0, "session_id"].tolist()
        assert bf.session_status(path)["session_id"].tolist() == with_panes


def test_a_plan_is_bound_to_the_bytes_that_were_seen(archive: Path) -> None:
    plan = bf.preview_clean(archive, sessions=["alpha"])
    assert plan.counts["would-clean"] == 4
    seen = plan.files.set_index("path")["sha256_after"]
    bf.kill(archive / "a.json", [DASH])
    between = Trace.of(archive / "a.json")
    done = bf.apply_clean(plan)
    assert statuses(done) == {
        **{f"a.{suffix}": "cleaned" for suffix in PACKINGS},
        "a.json": "refused",
        "b.json": "unchanged",
    }
    assert Trace.of(archive / "a.json") == between
    after = done.files[done.files["status"] == "cleaned"].set_index("path")["sha256_after"]
    assert after.equals(seen[after.index])


def test_each_file_is_undone_by_itself_and_the_journal_agrees(archive: Path) -> None:
    before = {path: Trace.of(path).raw for path in archive.iterdir()}
    done = bf.clean(archive, sessions=["alpha"])
    assert bf.verify().empty
    assert bf.history()["verb"].tolist() == ["clean"] * 4
    for path, entry in zip(done.files["path"], done.files["entry"], strict=True):
        if isinstance(entry, str):
            bf.undo(entry, path)
    assert {path: path.read_bytes() for path in archive.iterdir()} == before


def test_without_backups_nothing_is_kept(archive: Path, tmp_path: Path) -> None:
    done = bf.clean(archive, sessions=["alpha"], backup=False)
    assert done.counts["cleaned"] == 4
    assert done.files["backup"].isna().all()
    assert not list((tmp_path / "state").rglob("*.backup"))
    assert bf.verify().empty


def test_names_are_looked_up_everywhere_before_anything_is_written(archive: Path) -> None:
    save(archive / "c.json", World((part("sessions", [session(LOST, "alpha")]),)).raw)
    before = {path: Trace.of(path) for path in archive.iterdir()}
    with pytest.raises(SelectorError) as error:
        bf.clean(archive, sessions=["alpha"])
    assert error.value.exit_code == 2
    assert sorted(error.value.candidates) == [(LOST, "alpha"), (ALPHA, "alpha")]
    assert {path: Trace.of(path) for path in archive.iterdir()} == before
    assert bf.clean(archive, sessions=["alpha"], each=True).counts["cleaned"] == 5


def test_what_is_ambiguous_in_one_file_is_refused_there(archive: Path) -> None:
    before = Trace.of(archive / "a.json")
    done = bf.clean(archive, sessions=["twin"], each=True)
    assert done.counts["refused"] == 4
    assert "name one by its id" in done.files["reason"][0]
    assert Trace.of(archive / "a.json") == before


def test_bad_files_stop_no_other(archive: Path, cli: Run) -> None:
    good = world().raw
    for name, raw in {
        "torn.json": good[: len(good) // 2],
        "empty.json": b"",
        "sum.json": good.replace(b'"checksum": ', b'"checksum": 1', 1),
        "cut.gz": gzip.compress(good)[:-30],
    }.items():
        save(archive / name, raw)
    done = cli("clean", archive, archive / "nowhere.json", "--session", ALPHA, "--yes", "--json")
    told = done.document("clean")
    assert (done.code, told["error"]["kind"]) == (5, "partly-done")
    assert {Path(f["path"]).name: f["status"] for f in told["files"]} == {
        **{f"a.{suffix}": "cleaned" for suffix in PACKINGS},
        "b.json": "unchanged",
        "torn.json": "damaged",
        "empty.json": "damaged",
        "sum.json": "damaged",
        "cut.gz": "failed",
        "nowhere.json": "failed",
    }
    assert [f["path"] for f in told["files"][:-1]] == sorted(f["path"] for f in told["files"][:-1])
    assert all(f["reason"] for f in told["files"] if f["status"] in ("damaged", "failed"))


def test_repair_and_scrub_are_part_of_the_same_change(tmp_path: Path) -> None:
    rows = [runtime(ALPHA, pane(BETA)), runtime(DASH, pane(LOST)), runtime(LOST, pane(CONTEXT))]
    raw = World(
        (
            part("sessions", [session(ALPHA, "a"), session(DASH, "b")]),
            part("contexts", contexts_tree()),
            part("panes", {"sessions": rows}, 2),
        )
    ).raw
    path = save(tmp_path / "a.json", raw)
    assert bf.forecast(path)["saves_blocked"].tolist() == [True]
    done = bf.clean(path, sessions=[ALPHA], repair=True)
    assert statuses(done) == {"a.json": "cleaned"}
    assert bf.history()["verb"].tolist() == ["clean"]
    assert bf.forecast(path)["saves_blocked"].tolist() == [False]
    assert [i for i, _ in bf.summarize(bf.open_snapshot(path)).sessions] == [DASH]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[None]:
    """Let something listen where bmux's server would."""
    place = tmp_path / "bmux-run"
    place.mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place / "server.sock"))
        listening.listen()
        yield


@pytest.mark.usefixtures("server")
def test_a_live_servers_own_snapshot_is_skipped_with_the_reason(
    archive: Path, tmp_path: Path
) -> None:
    own = save(tmp_path / "bmux-data" / "runtime" / "bmux-snapshot-v1.json", world().raw)
    before = Trace.of(own)
    for done in (
        bf.preview_clean(own, archive, sessions=[ALPHA]),
        bf.clean(own, archive, sessions=[ALPHA]),
    ):
        assert done.files["status"].tolist()[0] == "skipped"
        assert "a bmux server owns it" in done.files["reason"][0]
    assert done.counts["cleaned"] == 4
    assert Trace.of(own) == before


@pytest.mark.usefixtures("server")
def test_a_live_servers_own_snapshot_is_copied_like_any_other(tmp_path: Path) -> None:
    own = save(tmp_path / "bmux-data" / "runtime" / "bmux-snapshot-v1.json", world().raw)
    plan = bf.preview_clean(own, sessions=[ALPHA], output=tmp_path / "seen")
    assert plan.files["status"].tolist() == ["would-clean"]
    assert not (tmp_path / "seen").exists()
    seen = bf.apply_clean(plan)
    done = bf.clean(own, sessions=[ALPHA], output=tmp_path / "out")
    for each in (seen, done):
        assert each.files["status"].tolist() == ["cleaned"]
        assert Path(each.files["output"][0]).read_bytes() != own.read_bytes()
    assert own.read_bytes() == world().raw


def test_bmuxs_own_snapshot_is_cleaned_under_bmuxs_own_lock(tmp_path: Path) -> None:
    own = save(tmp_path / "bmux-data" / "runtime" / "bmux-snapshot-v1.json", world().raw)
    link = tmp_path / "link.json"
    link.symlink_to(own)
    with SnapshotLock(own):
        done = bf.clean(link, sessions=[ALPHA])
        assert done.files["status"].tolist() == ["refused"]
        assert "the lock is held" in done.files["reason"][0]
    assert bf.clean(link, sessions=[ALPHA]).counts["cleaned"] == 1
    assert link.is_symlink()


def test_a_wish_is_one_thing_and_has_paths(tmp_path: Path) -> None:
    for wish in ({}, {"sessions": ["a"], "all_sessions": True}, {"sessions": [""]}):
        with pytest.raises(UsageError, match="clean"):
            bf.clean(tmp_path, **wish)
    with pytest.raises(UsageError, match="kinds"):
        bf.clean(tmp_path, orphans=["strange"])
    with pytest.raises(UsageError, match="no paths"):
        bf.preview_clean(all_sessions=True)
    with pytest.raises(UsageError, match="standard input"):
        bf.preview_clean("-", all_sessions=True)
    with pytest.raises(UsageError, match="jobs"):
        bf.clean(tmp_path, all_sessions=True, jobs=0)


# --- the command line -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "cleaned"),
    [
        (("--session", "alpha", "--yes"), 0, 4),
        (("--session", "nobody", "--yes"), 1, 0),
        (("--session", "alpha", "--dry-run"), 0, 0),
        (("--session", "alpha"), 2, 0),  # nobody to ask
        (("--session", "", "--yes"), 2, 0),
        (("--session", "a", "--all", "--yes"), 2, 0),
        (("--yes",), 2, 0),
        (("--all", "--yes"), 0, 4),
        (("--orphans", "--yes"), 0, 4),
        (("--orphans", "lost", "--yes"), 0, 0),
        (("--orphans=bound", "--yes"), 0, 4),
        (("--orphans=strange", "--yes"), 2, 0),
    ],
)
def test_exit_codes(
    arguments: tuple[str, ...], code: int, cleaned: int, archive: Path, cli: Run
) -> None:
    before = {path: Trace.of(path) for path in sorted(archive.iterdir())}
    done = cli("clean", *arguments, archive)
    assert done.code == code, done
    changed = [path for path, trace in before.items() if Trace.of(path) != trace]
    assert len(changed) == cleaned


def test_nothing_readable_is_3(tmp_path: Path, cli: Run) -> None:
    (tmp_path / "none").mkdir()
    assert cli("clean", "none", "--all", "--yes").code == 3
    assert cli("clean", "nowhere", "--all", "--yes").code == 3
    save(tmp_path / "bad.json", b"x")
    done = cli("clean", "bad.json", "--all", "--yes", "--json")
    told = done.document("clean")
    assert (told["exit_code"], told["files"][0]["status"]) == (3, "damaged")
    assert done.err == f"bmux-forensics: {told['error']['message']}\n"  # as without --json


def test_an_ambiguous_name_is_listed_and_needs_each(archive: Path, cli: Run) -> None:
    save(archive / "c.json", World((part("sessions", [session(LOST, "alpha")]),)).raw)
    done = cli("clean", "--session", "alpha", "--yes", archive)
    assert done.code == 2
    assert LOST in done.err
    assert "--each" in done.err
    told = cli("clean", "--session", "alpha", "--yes", "--json", archive).document("clean")
    assert (told["error"]["kind"], told["files"]) == ("selector", [])
    assert cli("clean", "--session", "alpha", "--yes", "--each", archive).code == 0


def test_a_person_sees_what_goes_and_may_say_no(
    archive: Path, terminal: Callable[..., Terminal]
) -> None:
    before = Trace.of(archive / "a.json")
    asked = terminal("clean", "--session", "alpha", archive)
    asked.read_until("[y/N]: ")
    assert ALPHA[:8] in asked.shown
    assert "Clean 1 session out of 4 files?" in asked.shown
    asked.type("n\n")
    assert asked.finish() == 1
    assert Trace.of(archive / "a.json") == before
    asked = terminal("clean", "--session", "alpha", archive)
    asked.read_until("[y/N]: ")
    asked.type("y\n")
    assert asked.finish() == 0
    assert Trace.of(archive / "a.json") != before


def test_worker_processes_do_the_same(archive: Path, tmp_path: Path, run: Run) -> None:
    alone = shutil.copytree(archive, tmp_path / "alone")
    for path in alone.iterdir():
        os.utime(path, ns=(SAVED, SAVED))
    bf.clean(alone, sessions=[ALPHA], jobs=1)
    done = run("clean", archive, "--session", ALPHA, "--yes", "--jobs", "2", "--json")
    assert done.document("clean")["counts"]["cleaned"] == 4
    assert {p.name: p.read_bytes() for p in archive.iterdir()} == {
        p.name: p.read_bytes() for p in alone.iterdir()
    }


def test_a_kind_that_is_nearly_one_is_no_path(archive: Path, cli: Run) -> None:
    before = Trace.of(archive / "a.json")
    done = cli("clean", archive, "--orphans", "unbond", "--yes")
    assert (done.code, "found 'unbond'" in done.line) == (2, True)
    assert Trace.of(archive / "a.json") == before
    done = cli("clean", "--orphans", "gone", archive, "--dry-run")
    assert "gone\t\tno such file" in done.out


def test_what_was_done_is_counted_in_words(archive: Path, cli: Run, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    assert cli("clean", "none", "--all", "--yes").err.startswith("0 files\n")
    done = cli("clean", archive, "--session", "alpha", "--dry-run")
    assert "5 files: 1 unchanged, 4 would-clean" in done.err


def test_a_link_to_a_file_of_the_batch_takes_no_lock_away_from_it(archive: Path) -> None:
    (archive / "z.json").symlink_to("a.json")
    done = bf.clean(archive, sessions=[ALPHA])
    packed = {f"a.{suffix}": "cleaned" for suffix in PACKINGS}
    assert statuses(done) == packed | {"b.json": "unchanged", "z.json": "unchanged"}
    assert (archive / "z.json").is_symlink()
    assert below(archive) == ["a.gz", "a.json", "a.xz", "a.zst", "b.json", "z.json"]


def test_a_folder_that_is_not_on_the_disk_is_told_of_each_of_its_files(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = Folder.sync

    def full(folder: Folder) -> None:
        if folder.path == archive:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        sync(folder)

    monkeypatch.setattr(Folder, "sync", full)
    done = bf.clean(archive, sessions=[ALPHA])
    failed = done.files[done.files["status"] == "failed"]
    assert len(failed) == len(PACKINGS)
    assert set(failed["reason"]) == {failed["reason"].iloc[0]}
    assert failed["reason"].iloc[0].startswith("the new bytes are in place, but not on the disk")
    assert below(archive) == ["a.gz", "a.json", "a.xz", "a.zst", "b.json"]


def test_a_session_that_two_selectors_mean_is_counted_in_every_file(
    tmp_path: Path, cli: Run
) -> None:
    for name, called in (("a", "old"), ("b", "new"), ("c", "new")):
        one = World((part("sessions", [session(LOST, called)]),))
        save(tmp_path / "day" / f"{name}.json", one.raw)
    both = ("--session", "old", "--session", "new")
    assert f"session {LOST} (old): in 3 files" in cli("clean", "day", *both, "--dry-run").err


def test_of_several_selectors_one_that_means_nothing_anywhere_is_told(
    archive: Path, cli: Run
) -> None:
    done = cli("clean", archive, "--session", "alpha", "--session", "nobody", "--dry-run")
    assert done.code == 0
    assert "session not found: nobody\n" in done.err
    assert "session not found: alpha" not in done.err
    none = cli("clean", archive, "--session", "nobody", "--dry-run")
    assert none.code == 1
    assert none.err.count("session not found: nobody") == 1


def test_who_said_each_is_not_told_to(archive: Path, cli: Run) -> None:
    save(archive / "c.json", World((part("sessions", [session(LOST, "alpha")]),)).raw)
    asked = ("clean", archive, "--session", "alpha")
    assert "it needs --each" in cli(*asked, "--dry-run").err
    assert "--each" not in cli(*asked, "--each", "--dry-run").err
    assert "--each" not in cli(*asked, "--each", "--yes").err


def test_one_text_is_no_list_of_sessions(archive: Path) -> None:
    before = Trace.of(archive / "a.json")
    snapshot = bf.open_snapshot(archive / "a.json")
    for refused in (
        lambda: bf.clean(archive, sessions=ALPHA, each=True),
        lambda: bf.preview_clean(archive, orphans="lost"),
        lambda: bf.plan_of_kill(snapshot, ALPHA),
        lambda: bf.kill(archive / "a.json", ALPHA),
    ):
        with pytest.raises(UsageError, match=r"expected a list, found the text '.*'; write \["):
            refused()
    assert Trace.of(archive / "a.json") == before
