"""The outer shell: an object with a version, a checksum and sections of bytes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, Self

import orjson

from bmux_forensics.errors import ChecksumMismatchError, NotRewritableError
from bmux_forensics.snapshot.checksum import RunningChecksum

VERSION: Final = 1
"""The one envelope version there is."""

RESTORE_HINT: Final = "restore it from a copy"
"""What to do about an envelope that is broken."""

SALVAGE_HINT: Final = RESTORE_HINT + ", or carve what is whole out of it with `salvage`"
"""The same, where something may be left of it."""


@dataclass(frozen=True)
class Section:
    """One section: who reads it (id), in which form (version) and what it says (payload).

    Parameters
    ----------
    id : str
        The id, as in `sections.SECTIONS` or any other.
    version : int
        The version of the payload's form.
    payload : bytes
        What the section says.
    extra : dict of str to Any
        Members of the section object that bmux does not know; they are kept.
    """

    id: str
    version: int
    payload: bytes
    extra: dict[str, Any] = field(default_factory=dict, hash=False)

    def with_payload(self, payload: bytes) -> Section:
        """Return the same section with other bytes; unknown members stay."""
        return replace(self, payload=payload)

    def tree(self) -> dict[str, Any]:
        """Return what stands for the section in the file, without its unknown members."""
        return {"id": self.id, "version": self.version, "bytes": _byte_values(self.payload)}


@dataclass(frozen=True)
class Envelope:
    """An envelope whose shape was checked; whether its checksum fits is `verify`'s to say.

    Parameters
    ----------
    version : int
        The version of the envelope's form.
    checksum : int
        As stored in the file.
    sections : tuple of Section
        In file order.
    extra : dict of str to Any
        Members of the envelope that bmux does not know; they are kept.
    repeated : str or None
        A key that stands twice among or inside the unknown members: only its last value
        was read.
    """

    version: int
    checksum: int
    sections: tuple[Section, ...]
    extra: dict[str, Any] = field(default_factory=dict, hash=False)
    repeated: str | None = None

    @cached_property
    def _running(self) -> RunningChecksum:
        return RunningChecksum(_compact(self.sections))

    def start_checksum(self) -> Self:
        """Begin to compute the checksum, which will be asked for, beside other work."""
        _ = self._running
        return self

    @property
    def computed_checksum(self) -> int:
        """The checksum that the sections have; equal to `checksum` in a whole file."""
        return self._running.value()

    def verify(self, where: str) -> None:
        """Raise `ChecksumMismatchError` unless the stored checksum is the computed one."""
        if self.checksum != self.computed_checksum:
            raise ChecksumMismatchError(
                where,
                f"{self.checksum} in the file",
                expected=f"the checksum of its sections, {self.computed_checksum}",
                advice=SALVAGE_HINT,
            )

    def require_rewritable(self, where: str) -> None:
        """Raise `NotRewritableError` when writing it back would lose a value."""
        if self.repeated is not None:
            raise NotRewritableError(
                where,
                f"the key {self.repeated} twice in what bmux does not know",
                expected="each key once in whatever is to be kept",
                advice="only its last value could be written back, so the file stays as it is",
            )

    def with_sections(self, sections: Sequence[Section]) -> Envelope:
        """Return the same envelope around other sections, its checksum made anew."""
        changed = replace(self, sections=tuple(sections))
        sealed = replace(changed, checksum=changed.computed_checksum)
        sealed.__dict__["_running"] = changed._running  # noqa: SLF001 - the same class
        return sealed


def _byte_values(payload: bytes) -> Any:
    # orjson writes an array of bytes twice as fast as a list, but importing numpy
    # costs what reading a snapshot does: use it where the tables brought it along.
    numpy = sys.modules.get("numpy")
    return list(payload) if numpy is None else numpy.frombuffer(payload, numpy.uint8)


def _compact(sections: Sequence[Section]) -> bytes:
    trees = [section.tree() for section in sections]
    return orjson.dumps(trees, option=orjson.OPT_SERIALIZE_NUMPY)


def encode_envelope(envelope: Envelope) -> bytes:
    """Return the bytes bmux would write: two spaces of indentation, no line feed at the end.

    Unknown members stand after the known ones, in the order they were read.
    """
    tree = {
        "version": envelope.version,
        "checksum": envelope.checksum,
        "sections": [{**s.tree(), **s.extra} for s in envelope.sections],
        **envelope.extra,
    }
    return orjson.dumps(tree, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY)
