"""A cluster gives the same as this machine, whatever happens to its workers; so does S3."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask
import distributed
import fsspec
import pandas as pd
import pytest

import bmux_forensics as bf
from bmux_forensics.archive.stores import Destination
from bmux_forensics.errors import UsageError
from tests.actions.scenes import eventually
from tests.cli.conftest import Run

from . import falling

SAMPLES = Path(__file__).parents[2] / "sample_snapshots"
DAY = SAMPLES / "alpha4-day"
KEYS = {"key": "test", "secret": "test"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[distributed.LocalCluster]:
    """Start two worker processes."""
    # A task is given up after two workers, not four: each takes a second to come back.
    with dask.config.set({"distributed.scheduler.allowed-failures": 1}):
        made: Any = distributed.LocalCluster(  # type: ignore[no-untyped-call]  # it has no types
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # None means one port, which another run may have
        )
    with made:
        yield made


@pytest.fixture
def client(cluster: distributed.LocalCluster) -> Iterator[Any]:
    made: Any = distributed.Client(cluster, set_as_default=False)  # type: ignore[no-untyped-call]  # as above
    with made:
        made.wait_for_workers(2, timeout=30)
        yield made


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Start a server that speaks S3, holding the sample days."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url, server)
        store = fsspec.filesystem("s3", **KEYS, endpoint_url=url)
        store.mkdir("archive")
        for day in SAMPLES.glob("*-day"):
            paths = sorted(day.iterdir())
            store.put([str(p) for p in paths], [f"archive/{day.name}/{p.name}" for p in paths])
        yield url
    finally:
        server.kill()
        server.wait()


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while server.poll() is None and time.monotonic() < end:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - the server of this test
        except urllib.error.HTTPError:
            return  # it answers
        except OSError:
            continue
        else:
            return
    pytest.fail("the server did not start")


def assert_same(one: bf.Archive, other: bf.Archive, *, but: tuple[str, ...] = ()) -> None:
    """Compare the batches of two archives, and what they say of their files."""
    ones, others = list(one), list(other)
    assert len(ones) == len(others)
    for here, there in zip(ones, others, strict=True):
        assert list(here) == list(there)
        for name in here:
            left, right = (t[name].drop(columns=list(but), errors="ignore") for t in (here, there))
            pd.testing.assert_frame_equal(left, right)
    gone = [{"snapshot": "path"}.get(name, name) for name in but]
    pd.testing.assert_frame_equal(one.status.drop(columns=gone), other.status.drop(columns=gone))


def test_a_cluster_gives_the_same_as_this_machine(client: Any) -> None:
    here = bf.load_archive(SAMPLES, jobs=2)
    assert_same(here, bf.load_archive(SAMPLES, executor=client))
    pd.testing.assert_frame_equal(bf.timeline(SAMPLES, executor=client), bf.timeline(here))
    found = bf.find("ops", SAMPLES, executor=client.get_executor(pure=False))
    pd.testing.assert_frame_equal(found, bf.find("ops", here))
    for ask in (bf.audit, bf.forecast, bf.session_status):
        pd.testing.assert_frame_equal(ask(SAMPLES, executor=client), ask(here))


@pytest.fixture
def many(tmp_path: Path) -> Path:
    raw = next(DAY.iterdir()).read_bytes()
    for i in range(400):
        (tmp_path / f"{i:04}.json").write_bytes(raw if i % 20 == 0 else b"{}" + b" " * i)
    return tmp_path


def test_a_worker_killed_in_the_middle_changes_nothing(client: Any, many: Path) -> None:
    archive = bf.load_archive(many, executor=client)
    answers = list(archive.ask(falling.once))
    assert (many / "fell").exists()
    sizes = [p.stat().st_size for p in sorted(many.glob("*.json"))]
    assert [size for answer in answers for size in answer] == sizes
    assert_same(bf.load_archive(many, jobs=1), bf.load_archive(many, executor=client))
    assert archive.counts == {"files": 400, "loaded": 20, "damaged": 380, "unreadable": 0}


def test_what_a_broken_pool_leaves_undone_is_done_here(many: Path) -> None:
    with ProcessPoolExecutor(2, multiprocessing.get_context("forkserver")) as pool:
        archive = bf.load_archive(many, executor=pool, jobs=2)
        assert sum(map(len, archive.ask(falling.once))) == 400
        assert (many / "fell").exists()
    assert archive.counts == {"files": 400, "loaded": 20, "damaged": 380, "unreadable": 0}
    assert_same(bf.load_archive(DAY), bf.load_archive(DAY, executor=pool, jobs=1))


def test_an_executor_that_is_brought_is_not_ended(many: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        assert_same(bf.load_archive(many, jobs=1), bf.load_archive(many, executor=pool))
        assert_same(bf.load_archive(many, jobs=1), bf.load_archive(many, executor=pool))
        first = next(bf.load_archive(many, executor=pool).batches("sessions"))
        assert len(first.files) == 100
        assert pool.submit(len, "abc").result() == 3


def test_the_verbs_ask_a_cluster(client: Any, cli: Run) -> None:
    done = cli("find", "ops", SAMPLES, "--scheduler", client.scheduler.address)
    assert (done.code, done.out, done.err) == (0, cli("find", "ops", SAMPLES).out, "")
    done = cli("audit", SAMPLES, "--scheduler", client.scheduler.address)
    assert (done.code, done.out, done.err) == (0, cli("audit", SAMPLES).out, "")


def test_no_scheduler_there_is_misuse(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bmux_forensics.archive.executors._CONNECT", 0.2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        for address in (f"tcp://127.0.0.1:{taken.getsockname()[1]}", "nonsense://x"):
            done = cli("timeline", SAMPLES, "--scheduler", address)
            assert (done.code, done.out) == (2, "")
            assert "expected the address of a Dask scheduler" in done.line
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"bmux-forensics\[cluster\]"):
        bf.cluster("tcp://127.0.0.1:1").__enter__()


def test_a_store_that_speaks_s3(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {**KEYS, "endpoint_url": endpoint}
    paths = [f"s3://archive/{day}" for day in ("alpha1-day", "alpha4-day")]
    there = bf.load_archive(*paths, storage_options=options, jobs=2)
    assert_same(bf.load_archive(SAMPLES), there, but=("snapshot",))
    names = [f"s3://archive/{p.parent.name}/{p.name}" for p in sorted(SAMPLES.glob("*-day/*"))]
    assert there.status["path"].tolist() == names
    wild = bf.load_archive("s3://archive/*-day/*.json", storage_options=options)
    assert wild.status["path"].tolist() == names
    for name, value in {"key": "ACCESS_KEY_ID", "secret": "SECRET_ACCESS_KEY"}.items():
        monkeypatch.setenv(f"AWS_{value}", KEYS[name])
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    columns = ["snapshot", "previous"]
    pd.testing.assert_frame_equal(
        bf.timeline("s3://archive").drop(columns=columns),
        bf.timeline(SAMPLES).drop(columns=columns),
    )
    found = bf.find("ops", "s3://archive/alpha4-day", what="session")
    assert found["snapshots"].tolist() == [[name for name in names if "115637" in name]]
    status = bf.load_archive("s3://archive/none.json", "s3://nosuch/*.json").status
    assert status["reason"].tolist() == ["no such file", "no file matches"]


def test_a_cluster_reads_a_store(client: Any, endpoint: str) -> None:
    options = {**KEYS, "endpoint_url": endpoint}
    there = bf.load_archive("s3://archive", storage_options=options, executor=client)
    assert_same(bf.load_archive(SAMPLES), there, but=("snapshot",))


def test_writing_into_a_store(endpoint: str) -> None:
    target = Destination("s3://archive/out", {**KEYS, "endpoint_url": endpoint})
    assert target.get("part-0.bin") is None
    assert target.put("day=1/part-0.bin", b"one") == "s3://archive/out/day=1/part-0.bin"
    target.put("day=1/part-0.bin", b"two")
    assert target.get("day=1/part-0.bin") == b"two"
    assert "test" not in repr(target)


def test_a_cluster_writes_the_cleaned_copies_of_a_local_pool(
    client: Any, many: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """One of its two workers is killed when the first copy is there."""
    here, there = tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("there")
    with _a_worker_killed(client, there):
        done = bf.clean(many, all_sessions=True, output=there, executor=client)
    own = bf.clean(many, all_sessions=True, output=here, jobs=2)
    assert done.counts == own.counts
    assert done.counts["cleaned"] == 20
    # Nothing that the killed worker was writing is left.
    copies = {p.name: p.read_bytes() for p in there.iterdir()}
    assert copies == {p.name: p.read_bytes() for p in here.iterdir()}


@pytest.mark.parametrize("form", ["parquet", "csv", "sqlite"])
def test_a_cluster_exports_what_the_local_pool_exports(
    form: str, client: Any, many: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """One of its two workers is killed when something is there."""
    here, there = tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("there")
    with _a_worker_killed(client, there):
        done = bf.export(many, output=there, form=form, executor=client)
    assert bf.export(many, output=here, form=form, jobs=2).rows == done.rows
    files = {p.relative_to(there): p.read_bytes() for p in there.rglob("*") if p.is_file()}
    assert files == {p.relative_to(here): p.read_bytes() for p in here.rglob("*") if p.is_file()}


@contextmanager
def _a_worker_killed(client: Any, folder: Path) -> Iterator[None]:
    """Kill one of its workers as soon as something is in a folder."""
    pids = list(client.run(os.getpid).values())
    watching = threading.Thread(target=_kill_at_first, args=(folder, pids[0]))
    watching.start()
    yield
    watching.join()


def _kill_at_first(folder: Path, pid: int) -> None:
    eventually(lambda: any(folder.iterdir()))
    os.kill(pid, signal.SIGKILL)  # a worker that this test's cluster started


def test_an_archive_in_s3_is_cleaned_into_s3(endpoint: str, client: Any) -> None:
    options = {**KEYS, "endpoint_url": endpoint}
    wish: dict[str, Any] = {"sessions": ["ops"], "each": True, "storage_options": options}
    done = bf.clean("s3://archive", output="s3://cleaned/days", executor=client, **wish)
    assert done.counts["cleaned"] == 3
    store = fsspec.filesystem("s3", **KEYS, endpoint_url=endpoint)
    found = {path: store.cat(path) for path in store.find("cleaned")}
    assert len(found) == len(done.files)
    again = bf.clean("s3://archive", output="s3://cleaned/days", jobs=2, **wish)
    assert again.files.equals(done.files)
    assert {path: store.cat(path) for path in store.find("cleaned")} == found


def test_a_chunk_that_ends_every_worker_is_given_up(client: Any, many: Path) -> None:
    archive = bf.load_archive(many / "0000.json", executor=client)
    assert list(archive.ask(falling.always)) == []
    assert archive.counts["unreadable"] == 1
    assert archive.status["reason"][0].startswith("the process that read it was ended")
