"""Every way this package says no: one base error, one child per kind of refusal.

An error carries its facts as attributes (where, what was expected, what was
found, what to do next) and joins them into one line. The exit code belongs to
the kind, so that the command line and a script that uses the library agree.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import ClassVar, Self


class ForensicsError(Exception):
    """Say where, what was expected, what was found and what to do next, in one line.

    Parameters
    ----------
    where : str
        The file, section, row or argument that is meant.
    found : str
        What was there.
    expected : str, optional
        What should have been there.
    advice : str, optional
        What the user can do next.

    Examples
    --------
    >>> print(ChecksumMismatchError("snap.json", found="checksum 1", expected="checksum 2"))
    snap.json: expected checksum 2, found checksum 1
    """

    kind: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 3

    def __init__(self, where: str, found: str, *, expected: str = "", advice: str = "") -> None:
        self.where = where
        self.found = found
        self.expected = expected
        self.advice = advice
        super().__init__(where, found)

    def __str__(self) -> str:
        """Join the facts; control characters from evidence are spelled, never sent."""
        fact = f"expected {self.expected}, found {self.found}" if self.expected else self.found
        line = f"{self.where}: {fact}" + (f"; {self.advice}" if self.advice else "")
        return printable(line)


def printable(text: str) -> str:
    r"""Spell every character that could move a cursor, reorder a line or break it in two.

    Examples
    --------
    >>> print(printable("a\x1b[31mb\u202ec\nd"))
    a\x1b[31mb\u202ec\nd
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def path_text(path: str | os.PathLike[str]) -> str:
    r"""Return a path as text that can be encoded: bytes that are no UTF-8 are spelled.

    Examples
    --------
    >>> path_text("caf\udce9.json")
    'caf\\xe9.json'
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def several(count: int, noun: str) -> str:
    """Say a number of things.

    Examples
    --------
    >>> several(1, "row"), several(2, "row")
    ('1 row', '2 rows')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"


# --- 1: the answer is no ---------------------------------------------------------------------


class NoSuchSessionError(ForensicsError):
    """A selector names no session of the snapshot.

    Parameters
    ----------
    where, found, expected, advice
        As in `ForensicsError`.
    selectors : tuple of str
        The selectors that name none.
    """

    kind = "no-such-session"
    exit_code = 1

    def __init__(
        self,
        where: str,
        found: str,
        *,
        expected: str = "",
        advice: str = "",
        selectors: tuple[str, ...] = (),
    ) -> None:
        super().__init__(where, found, expected=expected, advice=advice)
        self.selectors = selectors

    @classmethod
    def of(cls, selectors: Sequence[str], where: str) -> Self:
        """Say of some selectors that they name no session of a snapshot."""
        found = f"session not found: {', '.join(selectors)}"
        return cls(where, found, selectors=tuple(selectors))


class DeclinedError(ForensicsError):
    """The person at the prompt said no."""

    kind = "declined"
    exit_code = 1


# --- 2: usage --------------------------------------------------------------------------------


class UsageError(ForensicsError):
    """The request itself can't be carried out as it was put."""

    kind = "usage"
    exit_code = 2


class SelectorError(UsageError):
    """A selector is empty, or means more than one session.

    Parameters
    ----------
    where, found, expected, advice
        As in `ForensicsError`.
    candidates : tuple of (str, str)
        Id and name of every session the selector could mean.
    """

    kind = "selector"

    def __init__(
        self,
        where: str,
        found: str,
        *,
        expected: str = "",
        advice: str = "",
        candidates: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(where, found, expected=expected, advice=advice)
        self.candidates = candidates


class AlreadyThereError(UsageError):
    """What shall come back has an id or a name that is taken."""

    kind = "already-there"


class ConfirmationNeededError(UsageError):
    """Nobody can be asked, and nobody said yes."""

    kind = "confirmation-needed"


# --- 3: evidence that can't be read, or can't be rewritten safely ----------------------------


class EvidenceError(ForensicsError):
    """The evidence can't be used; it stays as it is."""

    kind = "evidence"


class FileMissingError(EvidenceError):
    """A path that the user named is not there, or is no regular file."""

    kind = "no-such-file"


class FileUnreadableError(EvidenceError):
    """The system would not let us read the file."""

    kind = "unreadable"


class NotASnapshotError(EvidenceError):
    """The bytes are no envelope."""

    kind = "not-a-snapshot"


class UnknownVersionError(EvidenceError):
    """The envelope or a section is of a version that this tool does not know."""

    kind = "unknown-version"


class ChecksumMismatchError(EvidenceError):
    """The sections are not the ones the checksum was made for."""

    kind = "checksum-mismatch"


class SectionUndecodableError(EvidenceError):
    """A section's bytes do not decode, or have another shape than bmux takes."""

    kind = "section-undecodable"


class NotRewritableError(EvidenceError):
    """Writing this back would lose something, so nothing is written."""

    kind = "not-rewritable"


class WouldNotRestoreError(EvidenceError):
    """No server would bring back all of what would be written, so nothing is."""

    kind = "would-not-restore"


class ProofError(EvidenceError):
    """What was staged or read back is not what was planned."""

    kind = "proof-failed"


# --- 4: busy ---------------------------------------------------------------------------------


class BusyError(ForensicsError):
    """Somebody else is at the file."""

    kind = "busy"
    exit_code = 4


class SnapshotChangedError(BusyError):
    """The file is no longer the one that the plan was made from."""

    kind = "snapshot-changed"


class ServerLiveError(BusyError):
    """A bmux server owns the snapshot, or one can't be ruled out."""

    kind = "server-live"


# --- 5: partly done --------------------------------------------------------------------------


class PartlyDoneError(ForensicsError):
    """Some of it was done, some was not."""

    kind = "partly-done"
    exit_code = 5


# --- 6: can't be written ---------------------------------------------------------------------


class WriteError(ForensicsError):
    """The system would not let us write; nothing was changed."""

    kind = "write-failed"
    exit_code = 6
