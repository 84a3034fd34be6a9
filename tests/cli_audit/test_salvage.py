"""``salvage``: a new file out of a damaged one, and never over anything by accident."""

from __future__ import annotations

import gzip
import os
import random
import stat
from pathlib import Path

import pytest

import bmux_forensics as bf
from tests.actions.scenes import EVIL_NAME, Trace, below, save
from tests.cli.conftest import Run
from tests.worlds import SECRET

from .conftest import SAMPLE, SAMPLES, case_bytes
from .test_audit import broken_and_hostile

RAW = SAMPLE.read_bytes()
CUT = RAW[:60_000]


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    return save(tmp_path / "cut.json", CUT)


def test_what_is_whole_becomes_a_sound_snapshot_and_the_rest_is_listed(
    cli: Run, cut: Path, tmp_path: Path
) -> None:
    before, new = Trace.of(cut), tmp_path / "new.json"
    done = cli("salvage", cut, "-o", new)
    assert (done.code, done.err) == (0, "")
    assert "kept: bmux.sessions/session-manager: 5 rows, whole" in done.out
    assert "lost: bmux.pane_runtime/pane-runtime: " in done.out
    assert "no checksum vouches for the content" in done.out
    assert f"written: {new}" in done.out
    assert f"{new}: alpha4 starts and saves: 5 sessions come back, with 1 pane" in done.out
    assert bf.open_snapshot(new).problems == ()
    assert stat.S_IMODE(new.stat().st_mode) == 0o600
    assert Trace.of(cut) == before
    assert below(tmp_path) == ["cut.json", "new.json"]


def test_the_object_tells_the_same(cli: Run, cut: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.json"
    told = cli("salvage", cut, "-o", new, "--json").document("salvage")
    assert told["sha256_before"] == bf.open_snapshot(cut).sha256
    assert told["sha256_after"] == bf.open_snapshot(new).sha256
    assert told["proof"] == "none"
    assert [s["section_id"] for s in told["kept"]] == [
        r.section.id for r in bf.open_snapshot(new).readings
    ]
    assert told["lost"]
    again = cli("audit", "--json", new).document("audit")
    assert (told["findings"], told["restore"]) == (again["findings"], again["restore"])


@pytest.mark.parametrize("way", ["compressed", "standard input"])
def test_it_reads_whatever_the_others_read(way: str, run: Run, cut: Path, tmp_path: Path) -> None:
    packed, new, plain = tmp_path / "cut.json.gz", tmp_path / "new.json", tmp_path / "plain.json"
    packed.write_bytes(gzip.compress(CUT))
    if way == "compressed":
        done = run("salvage", packed, "-o", new)
    else:
        done = run("salvage", "-", "-o", new, feed=CUT.decode())
    assert done.code == 0
    assert run("salvage", cut, "-o", plain).code == 0
    assert new.read_bytes() == plain.read_bytes()


def test_a_sound_snapshot_comes_out_as_it_was(cli: Run, tmp_path: Path) -> None:
    new = tmp_path / "new.json"
    done = cli("salvage", SAMPLE, "-o", new)
    assert done.code == 0
    assert new.read_bytes() == RAW
    assert "lost: " not in done.out
    assert "the checksum fits" in done.out


@pytest.mark.parametrize("raw", [b"", b"torn", b"\0" * 999, RAW[:40], b"[" * 99_999])
def test_nothing_to_carve_is_exit_code_3_and_no_file(raw: bytes, cli: Run, tmp_path: Path) -> None:
    bad, new = save(tmp_path / "bad.json", raw), tmp_path / "new.json"
    done = cli("salvage", bad, "-o", new)
    assert done.code == 3
    assert done.out == ""
    assert "nothing that could be kept" in done.line
    told = cli("salvage", bad, "-o", new, "--json").document("salvage")
    assert not told["written"]
    assert below(tmp_path) == ["bad.json"]


def test_nothing_there_to_read(cli: Run, tmp_path: Path) -> None:
    packed = tmp_path / "torn.gz"
    packed.write_bytes(gzip.compress(CUT)[:99])
    for source in (tmp_path / "gone", tmp_path, packed):
        assert cli("salvage", source, "-o", tmp_path / "new.json").code == 3
    assert below(tmp_path) == ["torn.gz"]


# --- never over anything by accident --------------------------------------------------------------


def names_of(cut: Path) -> list[Path]:
    """Give the damaged file by every kind of name."""
    hard, soft = cut.with_name("hard.json"), cut.with_name("soft.json")
    os.link(cut, hard)
    soft.symlink_to(cut.name)
    return [cut, hard, soft, cut.parent / "." / ".." / cut.parent.name / cut.name]


def test_the_damaged_file_is_never_written_over_however_it_is_named(cli: Run, cut: Path) -> None:
    names = names_of(cut)
    before, listed = Trace.of(cut), below(cut.parent)
    for source in names:
        for output in names:
            for extra in ([], ["--overwrite"]):
                done = cli("salvage", source, "-o", output, *extra)
                assert done.code == 2
                assert "the damaged file itself" in done.line
    assert Trace.of(cut) == before
    assert below(cut.parent) == listed


def test_nor_is_standard_input(run: Run, cut: Path) -> None:
    with cut.open() as source:
        done = run("salvage", "-", "-o", cut, "--overwrite", stdin=source)
    assert done.code == 2
    assert "the damaged file itself" in done.line
    assert cut.read_bytes() == CUT


def test_another_file_is_replaced_only_when_asked(cli: Run, cut: Path, tmp_path: Path) -> None:
    other = save(tmp_path / "other.json", b"mine", mode=0o644)
    done = cli("salvage", cut, "-o", other)
    assert done.code == 2
    assert "--overwrite" in done.line
    assert other.read_bytes() == b"mine"
    began = cut.stat().st_mtime_ns
    assert cli("salvage", cut, "-o", other, "--overwrite").code == 0
    assert bf.open_snapshot(other).problems == ()
    assert stat.S_IMODE(other.stat().st_mode) == 0o644
    assert other.stat().st_mtime_ns > began  # it holds what was made now
    assert below(tmp_path) == ["cut.json", "other.json"]


def test_bmuxs_own_snapshot_is_not_written_over(cli: Run, cut: Path, own: Path) -> None:
    before = Trace.of(own)
    done = cli("salvage", cut, "-o", own, "--overwrite")
    assert done.code == 2
    assert "bmux's own snapshot" in done.line
    assert Trace.of(own) == before


@pytest.mark.parametrize(
    ("output", "code"), [("-", 2), (".", 2), ("no/such/folder/new.json", 6), ("dangling", 2)]
)
def test_what_can_not_be_written_is_told_in_one_line(
    output: str, code: int, cli: Run, cut: Path, tmp_path: Path
) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    done = cli("salvage", cut, "-o", output)
    assert done.code == code
    assert done.line
    assert below(tmp_path) == ["cut.json", "dangling"]


@pytest.mark.parametrize("arguments", [[], ["x.json"], ["a", "b", "-o", "c"], ["-o", "c"]])
def test_misuse_is_one_line_and_exit_code_2(arguments: list[str], cli: Run, tmp_path: Path) -> None:
    done = cli("salvage", *arguments)
    assert done.code == 2
    assert done.line
    assert below(tmp_path) == []


def test_a_file_whose_telling_failed_is_partly_done(run: Run, cut: Path, tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = run("salvage", cut, "-o", "new.json", stdout=full)
    assert done.code == 5
    assert "it is written, but standard output" in done.err
    assert bf.open_snapshot(tmp_path / "new.json").problems == ()


# --- whatever the damage --------------------------------------------------------------------------


def damaged(rng: random.Random) -> bytes:
    """Cut a real snapshot, flip some of its bytes, or both."""
    raw = bytearray(rng.choice(sorted(SAMPLES.rglob("*.json"))).read_bytes())
    for _ in range(rng.choice((0, 1, 1, 5))):
        raw[rng.randrange(len(raw))] = rng.randrange(256)
    return bytes(raw[: rng.randrange(rng.choice((2_000, len(raw), len(raw))))])


def test_whatever_the_damage_the_new_file_is_sound_or_there_is_none(
    cli: Run, tmp_path: Path
) -> None:
    rng = random.Random(4)  # noqa: S311 - the same damage every time
    codes = set()
    for number in range(40):
        bad = save(tmp_path / f"{number}.json", damaged(rng))
        new = tmp_path / f"{number}.new"
        done = cli("salvage", bad, "-o", new)
        codes.add(done.code)
        assert done.code in (0, 3), done.err
        assert new.exists() == (done.code == 0)
        if new.exists():
            assert bf.open_snapshot(new).problems == ()
    assert codes == {0, 3}


def test_hostile_names_stay_text_and_nothing_secret_is_shown(cli: Run, tmp_path: Path) -> None:
    raw = broken_and_hostile().raw
    bad = save(tmp_path / "evil.json", raw[:-200])
    for extra in ([], ["--json"]):
        done = cli("salvage", bad, "-o", tmp_path / "new.json", "--overwrite", *extra)
        assert done.code == 0
        assert SECRET not in done.out + done.err
        assert all(line.replace("\t", "").isprintable() for line in done.out.splitlines())
    assert EVIL_NAME in bf.load_tables(tmp_path / "new.json")["sessions"]["name"].tolist()


# --- info ----------------------------------------------------------------------------------------


def test_info_says_what_salvage_would_still_read(cli: Run, cut: Path, tmp_path: Path) -> None:
    done = cli("info", cut)
    assert done.code == 3
    kept = [line for line in done.out.splitlines() if line.startswith("salvage: ")]
    assert len(kept) == len(bf.preview_salvage(cut).kept)
    assert kept[0] == "salvage: bmux.sessions/session-manager: 5 rows"
    assert kept[-1] == "salvage: bmux.pane_runtime/pane-runtime: 1 complete row"
    assert "salvage" not in cli("info", SAMPLE).out
    torn = save(tmp_path / "torn.json", b"torn")
    assert cli("info", torn).out.splitlines()[-1] == "salvage: nothing in it is whole"
    seal = save(tmp_path / "seal.json", case_bytes("bad-checksum"))
    assert "salvage: bmux.sessions/session-manager: 4 rows" in cli("info", seal).out
    assert below(tmp_path) == ["cut.json", "seal.json", "torn.json"]


def test_paths_that_are_no_text_are_spelled_by_every_verb(run: Run, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9\x1b[31m.json")
    path, new = save(tmp_path / name, CUT), tmp_path / os.fsdecode(b"\xff.new")
    requests = {
        "audit": ["audit", path],
        "repair": ["repair", "--yes", path],
        "salvage": ["salvage", path, "-o", new, "--overwrite"],
    }
    for verb, arguments in requests.items():
        done = run(*arguments, env={"LC_ALL": "C"})
        assert (done.code, done.err) == (int(verb != "salvage"), "")
        assert r"\xe9" in done.out or verb == "salvage"
        assert all(line.replace("\t", "").isprintable() for line in done.out.splitlines())
        told = run(*arguments, "--json").document(verb)
        assert "caf" in str(told)
    assert bf.open_snapshot(new).problems == ()
    assert run("salvage", path, "-o", path, "--json").document("salvage")["exit_code"] == 2
