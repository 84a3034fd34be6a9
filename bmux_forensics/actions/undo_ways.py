"""The door for a file that is not there: made anew, put back, or moved out of the way again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bmux_forensics.actions.custody import Notice, settle
from bmux_forensics.actions.custody_facts import Deed
from bmux_forensics.actions.custody_judging import sha256_now
from bmux_forensics.actions.door import Passage, change_file, locked_names
from bmux_forensics.actions.serving import require_no_server
from bmux_forensics.errors import EvidenceError, ProofError, SnapshotChangedError, path_text
from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.store.folder import Folder
from bmux_forensics.store.leftovers import sweep
from bmux_forensics.store.placing import place
from bmux_forensics.store.reading import FileIdentity
from bmux_forensics.store.refusals import NotDurableError, meaning, writing
from bmux_forensics.store.replace import stage


class _UnwantedError(EvidenceError):
    """Stands for the problem of a file that has to go, though it may be sound."""


def move_file_aside(
    path: Path, sha256: str | None, deed: Deed, *, lock_timeout: float, assume_no_server: bool
) -> Passage:
    """Move exactly these bytes aside, as `kill` does with what can't be read."""

    def refuse(snapshot: Snapshot) -> None:
        raise _UnwantedError(snapshot.name, "there was no file before")

    return change_file(
        path,
        refuse,
        verb="undo",
        account=lambda: deed,
        expect_sha256=sha256,
        lock_timeout=lock_timeout,
        unreadable=lambda problem: isinstance(problem, _UnwantedError),
        assume_no_server=assume_no_server,
        packed=True,
        size_limit=None,
    )


def make_file(  # noqa: PLR0913 - each is a part of the request
    path: Path,
    data: bytes,
    like: FileIdentity,
    deed: Deed,
    *,
    lock_timeout: float,
    assume_no_server: bool,
) -> Passage:
    """Make a file that is gone, with the bytes and everything else it had.

    Raises
    ------
    SnapshotChangedError
        Something is there.
    WriteError
        The system would not let us; nothing was changed.
    """
    with (
        _locked_absence(path, like.uid, lock_timeout, none=assume_no_server) as (last_look, notes),
        stage(path, data, like=like) as staged,
    ):
        notice = _notice(path, like.uid, staged.sha256, deed)
        with notice.concluded(lambda: os.path.lexists(path)):
            staged.commit(notice.before(last_look))
        notice.complete()
        return _passage(path, staged.sha256, notice, notes)


def put_file_back(  # noqa: PLR0913 - each is a part of the request
    path: Path,
    aside: FileIdentity,
    sha256: str | None,
    deed: Deed,
    *,
    lock_timeout: float,
    assume_no_server: bool,
) -> Passage:
    """Give a file that was moved aside its name again.

    Raises
    ------
    SnapshotChangedError
        Something is there, or the moved file is not what it was.
    WriteError
        The system would not let us; nothing was changed.
    NotDurableError
        It has its name; the folder could not be brought to the disk.
    """
    with _locked_absence(path, aside.uid, lock_timeout, none=assume_no_server) as (
        last_look,
        notes,
    ):
        notice = _notice(path, aside.uid, sha256, deed)
        with notice.concluded(lambda: os.path.lexists(path)):
            _rename(path, aside, notice.before(last_look))
            if sha256_now(path) != sha256:
                raise ProofError(path_text(path), "other bytes", expected=f"sha256 {sha256}")
        notice.complete()
        return _passage(path, sha256, notice, notes)


def _rename(path: Path, aside: FileIdentity, last_look: Callable[[], None]) -> None:
    with writing(path, "opening its folder"):
        folder = Folder(path.parent)
    with folder:
        sweep(folder, path.name)
        last_look()
        with writing(path, "putting the file back"):
            try:
                if not aside.is_still(folder.status(aside.path.name)):
                    raise _changed(aside.path, "it is not the file that was moved aside")
                place(folder, aside.path.name, path.name)
            except FileNotFoundError:
                raise _changed(aside.path, "it is gone") from None
            except FileExistsError:
                raise _changed(path, "something is there already") from None
        try:
            folder.sync()
        except OSError as error:
            found = f"it is back, but not yet on the disk: {meaning(error)[0]}"
            raise NotDurableError(str(path), found) from error


def _changed(path: Path, found: str) -> SnapshotChangedError:
    return SnapshotChangedError(path_text(path), found, advice="look at it again")


@contextmanager
def _locked_absence(
    path: Path, uid: int, timeout: float, *, none: bool
) -> Iterator[tuple[Callable[[], None], list[str]]]:
    """Hold the locks of a file that is not there, its open changes concluded."""
    with locked_names(path, timeout) as still_ours:

        def look() -> None:
            still_ours()
            require_no_server(path, assume_none=none)

        if os.path.lexists(path):
            raise _changed(path, "something is there already")
        look()
        yield look, settle(uid, path, lambda: None)


def _notice(path: Path, uid: int, sha256: str | None, deed: Deed) -> Notice:
    facts = {"verb": "undo", "file": str(path), "sha256_before": None, "sha256_after": sha256}
    return Notice(uid, facts | deed.facts())


def _passage(path: Path, sha256: str | None, notice: Notice, notes: list[str]) -> Passage:
    return Passage(
        path,
        sha256_after=sha256,
        applied=True,
        entry=notice.id,
        notes=(*notes, *notice.notes),
    )
