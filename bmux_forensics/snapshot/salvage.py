"""A new snapshot out of a truncated or damaged one: every complete section, every complete row.

Three things are tried, the best first. One wrong byte is found and undone by the
checksum (`mending`), and then nothing is lost. Where the envelope can be read, its
sections are taken from it. Else they are looked for in the text. Of a section whose
payload does not decode the complete rows are kept (`carving`). Nothing is invented, and
what is lost is listed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from bmux_forensics.errors import NotASnapshotError
from bmux_forensics.snapshot.carving import MEMBERS, carve, count_rows
from bmux_forensics.snapshot.document import read_snapshot
from bmux_forensics.snapshot.envelope import VERSION, Envelope, Section, encode_envelope
from bmux_forensics.snapshot.mending import mend
from bmux_forensics.snapshot.reading import Reading
from bmux_forensics.snapshot.wreck import Piece, search


class Proof(StrEnum):
    """How far the content of a salvaged snapshot is known to be what bmux wrote."""

    CHECKSUM = "checksum"
    """The stored checksum fits: the sections are as bmux wrote them."""
    MENDED = "mended"
    """One byte was wrong and is undone: the checksum fits the sections as they are now."""
    NONE = "none"
    """No checksum fits any more. Every row reads as one that bmux wrote, but a changed letter,
    or a stretch cut out of the middle so that both ends meet, may not show."""


@dataclass(frozen=True, slots=True)
class Salvaged:
    """A section of the new snapshot.

    Parameters
    ----------
    section_id : str
        Its id.
    version : int
        Its version.
    rows : int or None
        How many rows its lists and maps have; None for an id that bmux does not know.
    size : int
        Bytes of its payload.
    whole : bool
        The payload is the one that was found, byte for byte; else it was put together
        from the rows that were complete.
    """

    section_id: str
    version: int
    rows: int | None
    size: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """Something that the new snapshot does not hold.

    Parameters
    ----------
    section_id : str or None
        The section's id; None where it can't be read.
    version : int or None
        The section's version; None where it can't be read.
    reason : str
        What is lost, and why.
    place : (int, int) or None
        Where in the damaged file (bytes from, to); None where the envelope was read.
    """

    section_id: str | None
    version: int | None
    reason: str
    place: tuple[int, int] | None


@dataclass(frozen=True)
class Salvage:
    """A new snapshot, and what could not be brought into it.

    Parameters
    ----------
    raw : bytes
        The new file: its envelope and checksum are sound and every section decodes.
    kept : tuple of Salvaged
        Its sections, in the order they stood in.
    lost : tuple of Lost
        What it does not hold; empty when nothing was lost.
    proof : Proof
        Whether the checksum of the damaged file vouches for the content.
    """

    raw: bytes
    kept: tuple[Salvaged, ...]
    lost: tuple[Lost, ...]
    proof: Proof


def salvage(raw: bytes, where: str) -> Salvage:
    """Return a new snapshot of everything in a damaged one that is whole.

    The same bytes always give the same result, in a time linear in their number.

    Parameters
    ----------
    raw : bytes
        The damaged file.
    where : str
        What to call it in an error.

    Returns
    -------
    Salvage
        For an undamaged file the same sections, and nothing lost.

    Raises
    ------
    EvidenceError
        Nothing in the bytes can be kept.

    Examples
    --------
    >>> torn = b'{"version":1,"checksum":7,"sections":[{"id":"x","version":1,"bytes":[1]},{"id'
    >>> result = salvage(torn, "torn.json")
    >>> result.kept
    (Salvaged(section_id='x', version=1, rows=None, size=1, whole=True),)
    >>> result.lost[0].reason
    "what stands here can't be read"
    """
    envelope, proof = _readable(raw, where)
    if envelope is None:
        envelope, pieces = Envelope(VERSION, 0, ()), search(raw)
    else:
        pieces = [Piece(section, whole=True) for section in envelope.sections]
    results = _one_of_each([_result(piece, where) for piece in pieces])
    sections = [result.section for result in results if result.section is not None]
    if not sections and (pieces or proof is Proof.NONE):
        raise NotASnapshotError(
            where,
            "nothing that could be kept",
            expected="at least one complete section, or one complete row",
            advice="restore it from a copy",
        )
    return Salvage(
        encode_envelope(envelope.with_sections(sections)),
        tuple(result.kept for result in results if result.kept is not None),
        tuple(result.lost for result in results if result.lost is not None),
        proof,
    )


def _readable(raw: bytes, where: str) -> tuple[Envelope | None, Proof]:
    """Return the envelope, mended if need be, and whether its checksum fits."""
    envelope = read_snapshot(raw, where).envelope
    if envelope is not None and envelope.checksum == envelope.computed_checksum:
        return envelope, Proof.CHECKSUM
    mended = mend(raw)
    return (mended, Proof.MENDED) if mended is not None else (envelope, Proof.NONE)


@dataclass(frozen=True, slots=True)
class _Result:
    """What becomes of one piece: what of it is kept, and what is lost."""

    piece: Piece
    section: Section | None = None
    kept: Salvaged | None = None
    lost: Lost | None = None


def _result(piece: Piece, where: str) -> _Result:
    section = piece.section
    if section is None:
        return _lost(piece, "what stands here can't be read")
    reading = Reading(where, 0, section)
    if piece.whole and reading.spec is None:
        return _kept(piece, section, rows=None)
    if reading.spec is None:
        return _lost(piece, "bytes of it are missing, and its form is not known")
    name = reading.spec.name
    if (name, section.version) not in MEMBERS:
        return _lost(piece, "its version is not one that this tool knows")
    if piece.whole and reading.problem is None:
        return _kept(piece, section, rows=count_rows(name, section.version, section.payload))
    return _carved(piece, section, name)


def _carved(piece: Piece, section: Section, name: str) -> _Result:
    why = "it does not decode" if piece.whole else "bytes of it are missing"
    carved = carve(name, section.version, section.payload)
    if carved is None:
        return _lost(piece, f"{why}, and no row of it is complete")
    payload, rows = carved
    kept = _kept(piece, section.with_payload(payload), rows=rows)
    return replace(kept, lost=_lost(piece, f"{why}: all but {rows} complete rows").lost)


def _kept(piece: Piece, section: Section, *, rows: int | None) -> _Result:
    size, whole = len(section.payload), section is piece.section
    return _Result(piece, section, Salvaged(section.id, section.version, rows, size, whole))


def _lost(piece: Piece, reason: str) -> _Result:
    section_id = piece.section.id if piece.section else None
    version = piece.section.version if piece.section else None
    return _Result(piece, lost=Lost(section_id, version, reason, piece.place))


def _one_of_each(results: list[_Result]) -> list[_Result]:
    """Keep one section of each id: the first whole one, else the first of which rows are left."""
    best: dict[str, _Result] = {}
    for result in results:
        if result.section is not None and result.kept is not None:
            held = best.setdefault(result.section.id, result)
            if result.kept.whole and held.kept is not None and not held.kept.whole:
                best[result.section.id] = result
    return [
        result
        if result.section is None or best[result.section.id] is result
        else _lost(result.piece, "another section of its id is kept")
        for result in results
    ]
