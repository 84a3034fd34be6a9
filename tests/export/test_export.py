"""What is exported is what the tables say, read back by the programs it is for."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import bmux_forensics as bf
from bmux_forensics.analysis.rules.reference_rules import REFERENCE_RULES
from bmux_forensics.archive.exporting_keys import key_of
from bmux_forensics.errors import UsageError, printable
from bmux_forensics.tables.build import Tables, table_names
from bmux_forensics.tables.catalog import BY_NAME
from bmux_forensics.tables.graph import FOREIGN_KEYS
from bmux_forensics.tables.schema import MASK
from bmux_forensics.tables.walk import pointer_at
from tests.actions.scenes import child, save, world
from tests.cli.conftest import Run
from tests.export.test_redaction import world as private_world
from tests.worlds import (
    SECRET,
    SESSIONS,
    World,
    contexts_tree,
    hostile_worlds,
    part,
    session,
    worlds,
)

SAMPLES = Path(__file__).parents[2] / "sample_snapshots"
DAYS = (SAMPLES / "alpha4-day", SAMPLES / "alpha1-day")
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # shrinking so much takes minutes
FORMS = ("parquet", "csv", "jsonl", "sqlite")
REFERENCED = [key for key in FOREIGN_KEYS if REFERENCE_RULES.get(key.name)]


def plain(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    """Give the rows of a table as plain values, in the order of their keys."""
    if "snapshot" in frame:
        frame = frame.assign(snapshot=frame["snapshot"].astype("object"))
    return sorted(bf.rows_of(frame), key=repr)


def whole(*paths: object) -> dict[str, list[tuple[Any, ...]]]:
    archive = bf.load_archive(*map(str, paths), jobs=1)
    return {name: plain(archive.table(name)) for name in table_names()}


def tables_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "_EXPORT").read_text())["tables"]
    return found


# --- read back -------------------------------------------------------------------------------


def test_parquet_comes_back_as_the_tables(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = bf.export(*DAYS, output=out, jobs=1)
    for name, rows in whole(*DAYS).items():
        frame = pd.read_parquet(out / name)
        assert plain(frame.drop(columns="day")) == rows, name
        assert done.rows[name] == len(rows)
        expected = Tables(())[name]
        types = {str(c): expected[c].dtype for c in expected if c != "snapshot"}
        assert {str(c): frame[c].dtype for c in expected if c != "snapshot"} == types
    days = {path.name for path in (out / "panes").iterdir()}
    assert days == {"day=2026-11-22"}


def test_csv_comes_back_as_the_tables_and_runs_nowhere(tmp_path: Path) -> None:
    out = tmp_path / "out"
    nasty = ("=1+1", "+1", "-1", "@x", "\t=2", "a\x1b[31m\nb", 'quote " and, comma', "plain")
    rows = [session(SESSIONS[0], name) for name in nasty]
    named = World((part("sessions", rows), part("contexts", contexts_tree())))
    file = save(tmp_path / "nasty.json", named.raw)
    bf.export(*DAYS, file, output=out, form="csv", jobs=1)
    for name, expected in whole(*DAYS, file).items():
        with (out / f"{name}.csv").open(newline="", encoding="utf-8") as text:
            header, *found = list(csv.reader(text))
        assert header == list(Tables(())[name])
        assert sorted(found) == sorted([[spelled(cell) for cell in row] for row in expected]), name
    names = [row["name"] for row in csv.DictReader(io.StringIO((out / "sessions.csv").read_text()))]
    assert not [name for name in names if name.lstrip().startswith(("=", "+", "-", "@"))]
    assert "'=1+1" in names


def spelled(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        formula = cell.lstrip().startswith(("=", "+", "-", "@"))
        return ("'" if formula else "") + printable(cell)
    return str(cell)


def test_json_lines_come_back_as_the_tables(tmp_path: Path) -> None:
    out = tmp_path / "out"
    bf.export(*DAYS, output=out, form="jsonl", jobs=1)
    for name, expected in whole(*DAYS).items():
        lines = (out / f"{name}.jsonl").read_text().splitlines()
        assert sorted((tuple(json.loads(line).values()) for line in lines), key=repr) == expected


def test_sqlite_comes_back_as_the_tables(tmp_path: Path) -> None:
    out = tmp_path / "out"
    bf.export(*DAYS, output=out, form="sqlite", jobs=1)
    with closing(sqlite3.connect(out / "snapshots.sqlite")) as base:
        for name, expected in whole(*DAYS).items():
            columns = ", ".join(f'"{c}"' for c in Tables(())[name])
            found = base.execute(f'SELECT {columns} FROM "{name}"').fetchall()  # noqa: S608 - our own names
            assert sorted(map(known, found), key=repr) == sorted(map(known, expected), key=repr)
            info = base.execute(f'PRAGMA table_info("{name}")').fetchall()
            key = [row[1] for row in sorted(info, key=lambda row: row[5]) if row[5]]
            assert key == list(key_of(name))


def known(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Give a row as SQLite has it: truth is a number, a number of 64 bits is text."""
    cells = (str(v) if type(v) is int and v >= 2**32 else v for v in row)
    plain_cells = [int(v) if isinstance(v, bool) else v for v in cells]
    return tuple(moment(v) for v in plain_cells)


def moment(cell: Any) -> Any:
    """Give a moment in one spelling."""
    is_moment = isinstance(cell, str) and cell.endswith("Z") and cell[10:11] == "T"
    return pd.Timestamp(cell).isoformat() if is_moment else cell


def test_what_the_export_says_of_itself(tmp_path: Path) -> None:
    out = tmp_path / "out"
    bf.export(DAYS[0], output=out, jobs=1)
    about = json.loads((out / "_EXPORT").read_text())
    assert about["tables"]["panes"]["key"] == ["snapshot", "section", "runtime", "position"]
    assert about["tables"]["snapshots"]["rows"] == 11
    assert {row["name"] for row in about["relations"]} == {key.name for key in FOREIGN_KEYS}
    status = pd.read_parquet(out / "files")
    assert status["status"].tolist() == ["loaded"] * 11


# --- references ------------------------------------------------------------------------------


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow], phases=PHASES)
@given(st.lists(worlds(), min_size=1, max_size=2), hostile_worlds())
def test_the_check_of_foreign_keys_finds_what_the_audit_calls_dangling(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[World], hostile: World
) -> None:
    folder = tmp_path_factory.mktemp("worlds")
    for number, drawing in enumerate([*drawn, hostile]):
        save(folder / "in" / f"{number}.json", drawing.raw)
    bf.export(folder / "in", output=folder / "out", form="sqlite", jobs=1)
    found = set()
    with closing(sqlite3.connect(folder / "out" / "snapshots.sqlite")) as base:
        for table, row, parent, number in base.execute("PRAGMA foreign_key_check").fetchall():
            if not parent.endswith("_keys"):
                pytest.fail(f"{table} is contained in nothing of {parent}")
            links = base.execute(f'PRAGMA foreign_key_list("{table}")').fetchall()
            named = [link[3] for link in links if link[0] == number]
            key = ", ".join(f'"{c}"' for c in key_of(table))
            (place,) = base.execute(
                f'SELECT {key} FROM "{table}" WHERE rowid = ?',  # noqa: S608 - our own names
                (row,),
            ).fetchall()
            found.add((table, place, reference_of(table, parent.removesuffix("_keys"), named)))
    assert found == dangling(folder / "in")
    shutil.rmtree(folder)


def reference_of(table: str, parent: str, columns: list[str]) -> str:
    (name,) = {
        key.name
        for key in REFERENCED
        if (key.table, key.parent) == (table, parent)
        and columns[-1] == (key.columns[-1] if key.where is None else key.name)
    }
    return name


def dangling(folder: Path) -> set[tuple[Any, ...]]:
    """Give the rows that findings of the audit name, by their JSON pointers."""
    archive = bf.load_archive(folder, jobs=1)
    snapshots = [bf.open_snapshot(file.path) for file in archive.files]
    tables = Tables(snapshots)
    rules = {(key.table, key.columns[-1], key.parent): key for key in REFERENCED}
    findings = bf.audit(tables)
    wanted = set()
    for row in bf.records(findings[findings["ref_table"].notna()]):
        key = rules.get((row["table"], row["column"], row["ref_table"]))
        if key is not None and REFERENCE_RULES[key.name] == row["rule"]:
            place = place_of(tables, row["table"], row["snapshot"], row["json_pointer"])
            wanted.add((row["table"], place, key.name))
    return wanted


def place_of(tables: Tables, table: str, snapshot: str, pointer: str) -> tuple[Any, ...]:
    spec, frame = BY_NAME[table], tables[table]
    rows = frame[frame["snapshot"] == snapshot]
    version = next(s for s in tables.snapshots if s.name == snapshot).reading(spec.section)
    assert version is not None
    template = spec.pointer(version.section.version)
    names = key_of(table)
    found = {
        pointer_at(template, row): tuple(row[name] for name in names) for row in bf.records(rows)
    }
    # A finding leads to a row, or to a member of it; a layout's root is the start of all of it.
    while pointer not in found:
        pointer = pointer.rpartition("/")[0]
    return found[pointer]


# --- what is private -------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_environment_values_are_masked_unless_asked_for(form: str, tmp_path: Path) -> None:
    file = save(tmp_path / "snap.json", world().raw)
    for show in (False, True):
        out = tmp_path / f"out-{show}"
        bf.export(file, output=out, form=form, jobs=1, show_env=show)
        there = b"".join(p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file())
        assert (SECRET.encode() in there) is show
        assert (MASK.encode() in there) is not show


@pytest.mark.parametrize("form", FORMS)
def test_nothing_private_is_in_a_redacted_export(form: str, tmp_path: Path) -> None:
    file = save(tmp_path / "quokka" / "quokka-file.json", private_world().raw)
    torn = save(tmp_path / "quokka" / "quokka-torn.json", b'{"quokka":')
    out = tmp_path / "out"
    bf.export(file, torn, output=out, form=form, jobs=1, redaction=bf.Redaction(b"key"))
    for path in out.rglob("*"):
        assert "quokka" not in str(path.relative_to(out))
        assert not path.is_file() or b"quokka" not in path.read_bytes().lower(), path


# --- the same again --------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_a_second_run_leaves_the_same_and_asks_to_overwrite(form: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    bf.export(*DAYS, output=out, form=form, jobs=1)
    foreign = save(out / "mine.txt", b"mine")
    first = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    with pytest.raises(UsageError, match="--overwrite"):
        bf.export(*DAYS, output=out, form=form, jobs=1)
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == first
    bf.export(*DAYS, output=out, form=form, jobs=2, overwrite=True)
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == first
    bf.export(DAYS[1], output=out, form=form, jobs=1, overwrite=True)
    assert tables_of(out)["snapshots"]["rows"] == 8
    if form == "parquet":
        assert len(pd.read_parquet(out / "snapshots")) == 8
    assert foreign.read_bytes() == b"mine"


@pytest.mark.parametrize("form", FORMS)
def test_a_url_gets_the_same_tables(form: str, tmp_path: Path) -> None:
    url = f"memory://export-{form}"
    bf.export(*DAYS, output=url, form=form, jobs=1)
    bf.export(*DAYS, output=url, form=form, jobs=1, overwrite=True)
    memory = fsspec.filesystem("memory")
    names = memory.find(f"/export-{form}")
    assert f"/export-{form}/_EXPORT" in names
    rows = whole(*DAYS)
    if form == "sqlite":
        memory.get_file(f"/export-{form}/snapshots.sqlite", str(tmp_path / "got"))
        with closing(sqlite3.connect(tmp_path / "got")) as base:
            assert base.execute("SELECT count(*) FROM panes").fetchone() == (len(rows["panes"]),)
        return
    data = [memory.cat_file(n) for n in names if n.startswith(f"/export-{form}/panes/")]
    if form == "parquet":
        parts = [pd.read_parquet(io.BytesIO(part)) for part in data]
        assert plain(pd.concat(parts)) == rows["panes"]
    else:
        lines = sum(len(part.splitlines()) - (form == "csv") for part in data)
        assert lines == len(rows["panes"])


def test_what_a_killed_writer_left_is_gone_at_the_end(tmp_path: Path) -> None:
    out = tmp_path / "out"
    bf.export(DAYS[1], output=out, jobs=1)
    there = sorted(out.rglob("*"))
    (part,) = (out / "panes").rglob("*.parquet")
    begun = "import sys; from bmux_forensics.store.leftovers import temp_name as t;"
    begun += "open(sys.argv[1] + '/' + t('part', 'copy'), 'w').write('half')"
    with child("-c", begun, str(part.parent), folder=tmp_path) as process:
        assert process.communicate(timeout=60)[1] == ""
    assert len(sorted(out.rglob("*"))) == len(there) + 1
    bf.export(DAYS[1], output=out, jobs=1, overwrite=True)
    assert sorted(out.rglob("*")) == there


def test_many_batches_are_many_parts_and_lose_nothing(tmp_path: Path) -> None:
    source = (DAYS[0] / "bmux-snapshot-v1.20261122T115637Z.json").read_bytes()
    for number in range(230):
        name = f"s.202611{1 + number % 28:02d}T{number % 24:02d}0000Z-{number}.json"
        save(tmp_path / "in" / name, source)
    done = bf.export(tmp_path / "in", output=tmp_path / "out", jobs=1)
    sessions = pd.read_parquet(tmp_path / "out" / "sessions")
    assert done.rows["sessions"] == len(sessions) == 230 * 5
    assert sessions["snapshot"].nunique() == 230
    assert sessions["day"].nunique() == 28
    parts = {p.name for p in (tmp_path / "out" / "sessions").rglob("*.parquet")}
    assert len(parts) == 3


# --- the verb --------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_the_verb_says_what_it_wrote(form: str, cli: Run, tmp_path: Path) -> None:
    done = cli("export", *DAYS, "-o", tmp_path / "out", "--format", form, "--json")
    found = done.document("export")
    assert found["counts"]["loaded"] == 19
    assert found["tables"] == {k: v["rows"] for k, v in tables_of(tmp_path / "out").items()}
    again = cli("export", *DAYS, "-o", tmp_path / "out", "--format", form)
    assert (again.code, "--overwrite" in again.line) == (2, True)
    said = cli("export", *DAYS, "-o", tmp_path / "out", "--format", form, "--overwrite")
    assert said.code == 0
    assert said.out.startswith("exported: ")


def test_bad_files_are_told_and_the_others_are_exported(cli: Run, tmp_path: Path) -> None:
    save(tmp_path / "in" / "torn.json", b"{")
    save(tmp_path / "in" / "good.json", world().raw)
    out = tmp_path / "out"
    done = cli("export", tmp_path / "in", "-o", out, "--format", "jsonl", "--json")
    found = done.document("export")
    assert done.code == 5
    assert [Path(row["path"]).name for row in found["not_loaded"]] == ["torn.json"]
    status = [json.loads(line)["status"] for line in (out / "files.jsonl").read_text().splitlines()]
    assert sorted(status) == ["damaged", "loaded"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("absent.json", "-o", "out"), 3),
        (("empty", "-o", "out"), 3),
        ((str(DAYS[0]), "-o", "out", "--redact", "--show-env"), 2),
        ((str(DAYS[0]), "-o", "a-file"), 2),
        ((str(DAYS[0]), "-o", "nowhere://x"), 6),
        ((str(DAYS[0]), "-o", "a-file/below"), 6),
    ],
)
def test_what_can_not_be_done_is_one_line(
    arguments: tuple[str, ...], code: int, cli: Run, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    save(tmp_path / "a-file", b"mine")
    done = cli("export", *arguments)
    assert (done.code, bool(done.line)) == (code, True), done.err
    assert cli("export", *arguments, "--overwrite", "--json").document("export")["error"]
    assert (tmp_path / "a-file").read_bytes() == b"mine"


def test_pseudonyms_are_the_same_in_every_run_of_a_user(cli: Run, tmp_path: Path) -> None:
    for name in ("one", "two"):
        options = ("-o", tmp_path / name, "--format", "jsonl", "--redact")
        assert cli("export", DAYS[0], *options).code == 0
    one, two = ((tmp_path / n / "sessions.jsonl").read_bytes() for n in ("one", "two"))
    assert one == two
    assert b"ops" not in one
    key = tmp_path / "state" / "redaction.key"
    assert key.stat().st_mode & 0o777 == 0o600
    key.write_bytes(b"short")
    done = cli("export", DAYS[0], "-o", tmp_path / "three", "--redact")
    assert (done.code, "redaction.key" in done.line) == (6, True)


def test_a_database_is_read_by_pandas(tmp_path: Path) -> None:
    bf.export(DAYS[0], output=tmp_path / "out", form="sqlite", jobs=1)
    with closing(sqlite3.connect(tmp_path / "out" / "snapshots.sqlite")) as base:
        frame = pd.read_sql("SELECT * FROM sessions", base)
    assert len(pa.Table.from_pandas(frame)) == len(whole(DAYS[0])["sessions"])


def test_a_path_that_is_not_there_costs_no_export(cli: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cli("export", DAYS[0], "-o", out, "--format", "csv").code == 0
    kept = {path.name: path.read_bytes() for path in out.iterdir()}
    assert cli("export", tmp_path / "gone", "-o", out, "--format", "csv", "--overwrite").code == 3
    assert {path.name: path.read_bytes() for path in out.iterdir()} == kept
    assert cli("export", tmp_path / "gone", "-o", tmp_path / "new").code == 3
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("form", FORMS)
def test_what_can_not_be_read_leaves_no_export(form: str, cli: Run, tmp_path: Path) -> None:
    save(tmp_path / "in" / "torn.gz", b"\x1f\x8b no gzip")
    save(tmp_path / "in" / "fifo-size.json", b"x" * 64)
    options = ("-o", tmp_path / "new" / "out", "--format", form)
    assert cli("export", "in", *options, "--size-limit", 32).code == 3
    assert not (tmp_path / "new").exists()
    out = tmp_path / "out"
    kept = bf.export(DAYS[0], output=out, form=form, jobs=1).rows
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    again = ("-o", out, "--format", form, "--overwrite")
    assert cli("export", "in", *again, "--size-limit", 32).code == 3
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before
    assert kept["snapshots"] == 11


@pytest.mark.parametrize("form", FORMS)
def test_an_export_is_for_nobody_else_to_read(form: str, tmp_path: Path) -> None:
    bf.export(DAYS[0], output=tmp_path / "out", form=form)
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert len(files) > 1
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
