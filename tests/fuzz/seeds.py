"""Where the fuzzer starts: payloads of real snapshots and recorded vectors, and old failures."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bmux_forensics.snapshot.document import Snapshot, read_snapshot
from bmux_forensics.store import journal_lines, leftovers, marker
from bmux_forensics.store.process import this_process
from tests.fuzz.targets import BETWEEN, input_of
from tests.worlds import Part

HERE: Final = Path(__file__).parent
CORPUS: Final = HERE / "corpus"
"""Inputs that found something once, a folder a target; they are tried first, every time."""

_ROOT: Final = HERE.parents[1]
_LARGEST: Final = 6000  # bytes: a short input is tried a hundred times while a long one is once


def snapshots() -> Iterator[Snapshot]:
    """Give the samples, the recorded kills and the recorded starts, smallest first."""
    files = [*(_ROOT / "sample_snapshots").glob("*/*.json")]
    files += [*(_ROOT / "tests" / "data").glob("*/*.json.gz")]
    files += [*(_ROOT / "tests" / "data").glob("*/*/before.json.gz")]
    for path in sorted(files):
        raw = path.read_bytes()
        yield read_snapshot(gzip.decompress(raw) if path.suffix == ".gz" else raw, path.name)


def _parts(snapshot: Snapshot) -> list[Part]:
    return [Part(r.section.id, r.section.version, r.section.payload) for r in snapshot.readings]


def _sections() -> Iterator[bytes]:
    for snapshot in snapshots():
        yield input_of(iter(_parts(snapshot)))


def _payloads() -> Iterator[bytes]:
    for whole in _sections():
        yield from whole.split(BETWEEN)


def _envelopes() -> Iterator[bytes]:
    for snapshot in snapshots():
        yield json.dumps(json.loads(snapshot.raw or b"0")).encode() if snapshot.envelope else b""
        yield snapshot.raw


def _selectors() -> Iterator[bytes]:
    for path in sorted((_ROOT / "tests" / "data" / "vectors").glob("*/case.json")):
        target = json.loads(path.read_bytes())["target"]
        yield (target if isinstance(target, str) else target["selector"]).encode()


def _journals() -> Iterator[bytes]:
    yield (_ROOT / "tests" / "data" / "journal" / "v1.jsonl").read_bytes()[:_LARGEST]
    facts = {"number": 1, "id": "a", "kind": "x", "when": "", "format": 1}
    yield journal_lines.render({**facts, "prev": journal_lines.NOTHING_BEFORE})


def _names() -> Iterator[bytes]:
    digest = "0" * 64
    yield f"20261122T203354.947653Z_{digest}_100644_0_0_1795379633519388204.backup".encode()
    yield leftovers.temp_name("snap.json", "stage").encode()
    yield from (path.name.encode() for path in (_ROOT / "sample_snapshots").glob("*/*"))
    yield b"{host}-2026-11-22_115610.json.gz"


def _markers() -> Iterator[bytes]:
    yield marker.render(this_process(), "t")
    yield b"pid=7\n"


def _texts() -> Iterator[bytes]:
    yield "=1+1 <b>naïve</b> ☃\x1b[31m\u202e\u200b\r\n\t".encode()
    yield b"\"><script>alert(1)</script><img src=x onerror=alert(1)> ' onclick=alert(1) &lt;"


_KINDS: Final = {
    "envelope": _envelopes,
    "payloads": _payloads,
    "selectors": _selectors,
    "salvage": _envelopes,
    "outputs": _texts,
    "pages": _texts,
    "journal": _journals,
    "names": _names,
    "markers": _markers,
}


def seeds(target: str, most: int) -> list[bytes]:
    """Return distinct inputs to start from, the shortest ones, at most so many."""
    found = {seed for seed in _KINDS.get(target, _sections)() if 0 < len(seed) <= _LARGEST}
    return sorted(found, key=lambda seed: (len(seed), seed))[:most]


def regressions(target: str) -> list[bytes]:
    """Return what was found before."""
    return [path.read_bytes() for path in sorted((CORPUS / target).glob("*"))]
