"""One snapshot, opened: where it came from, its envelope, and a reading of every section."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from bmux_forensics.errors import EvidenceError
from bmux_forensics.snapshot.envelope import Envelope, encode_envelope
from bmux_forensics.snapshot.parsing import parse_envelope
from bmux_forensics.snapshot.reading import Reading
from bmux_forensics.snapshot.sections import BY_NAME


@dataclass(frozen=True)
class Snapshot:
    """A snapshot in memory; tables, audits and plans are made from it.

    Parameters
    ----------
    name : str
        What rows and messages call it: usually its path.
    raw : bytes
        The file, whole.
    envelope : Envelope or None
        The envelope, or None where the bytes hold none that can be read.
    envelope_problem : EvidenceError or None
        Why there is no envelope.
    saved_at : datetime or None
        When bmux saved it, as far as the file's time tells (UTC).
    digest : callable, optional
        Gives the SHA-256 of `raw` where somebody computes it already.

    Examples
    --------
    >>> whole = b'{"version":1,"checksum":675868731199239589,"sections":[]}'
    >>> snapshot = read_snapshot(whole, "empty.json")
    >>> snapshot.problems
    ()
    >>> read_snapshot(b"torn", "torn.json").envelope is None
    True
    """

    name: str
    raw: bytes = field(repr=False)
    envelope: Envelope | None = field(repr=False)
    envelope_problem: EvidenceError | None = None
    saved_at: datetime | None = None
    digest: Callable[[], str] | None = field(default=None, repr=False, compare=False)

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the file, in hex: what a plan is bound to."""
        if self.digest is not None:
            return self.digest()
        return hashlib.sha256(self.raw).hexdigest()

    @cached_property
    def readings(self) -> tuple[Reading, ...]:
        """A reading of every section, in file order; empty without an envelope."""
        sections = self.envelope.sections if self.envelope else ()
        return tuple(Reading(self.name, i, section) for i, section in enumerate(sections))

    @cached_property
    def checksum_problem(self) -> EvidenceError | None:
        """Why the checksum does not fit the sections, or None."""
        if self.envelope is None:
            return None
        try:
            self.envelope.verify(self.name)
        except EvidenceError as error:
            return error
        return None

    @cached_property
    def _first(self) -> dict[str, Reading]:
        return {r.section.id: r for r in reversed(self.readings)}

    def reading(self, name: str) -> Reading | None:
        """Return the section of that short name; the first with an id counts, as in bmux."""
        return self._first.get(BY_NAME[name].id)

    def first_position(self, section_id: str) -> int:
        """Return the position of the first section with an id; raises `KeyError` without one."""
        return self._first[section_id].position

    @cached_property
    def problems(self) -> tuple[EvidenceError, ...]:
        """Everything about the envelope and its sections that bmux would not take, in order."""
        found = [self.envelope_problem, self.checksum_problem]
        found.extend(reading.problem for reading in self.readings)
        return tuple(problem for problem in found if problem is not None)

    def require_envelope(self) -> Envelope:
        """Return the envelope, its checksum proven; raise what is wrong with either."""
        if self.envelope is None:
            assert self.envelope_problem is not None  # noqa: S101 - one of the two is always set
            raise self.envelope_problem
        if self.checksum_problem is not None:
            raise self.checksum_problem
        return self.envelope

    def with_readings(self, edited: Iterable[Reading]) -> Snapshot:
        """Return the snapshot with some of its sections edited.

        Its `raw` is the file as it would be written; it is not parsed again.
        """
        changed = {reading.position: reading for reading in edited}
        readings = tuple(changed.get(reading.position, reading) for reading in self.readings)
        envelope = self.require_envelope().with_sections([r.section for r in readings])
        snapshot = Snapshot(self.name, encode_envelope(envelope), envelope, None, self.saved_at)
        snapshot.__dict__["readings"] = readings
        return snapshot


def read_snapshot(
    raw: bytes,
    name: str,
    *,
    saved_at: datetime | None = None,
    digest: Callable[[], str] | None = None,
) -> Snapshot:
    """Read a snapshot from bytes; never raises for what the bytes hold.

    Parameters
    ----------
    raw : bytes
        The whole file.
    name : str
        What to call it.
    saved_at : datetime, optional
        When it was saved (UTC), where that is known.
    digest : callable, optional
        Gives the SHA-256 of `raw` where somebody computes it already.

    Returns
    -------
    Snapshot
        With `envelope_problem` set when the bytes are no envelope.
    """
    try:
        return Snapshot(name, raw, parse_envelope(raw, name), None, saved_at, digest)
    except EvidenceError as error:
        return Snapshot(name, raw, None, error, saved_at, digest)
