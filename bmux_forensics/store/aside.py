"""Move an unreadable file out of the way without losing a byte of it."""

from __future__ import annotations

import datetime as dt
import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING

from bmux_forensics.errors import SnapshotChangedError
from bmux_forensics.store.folder import MAKE, Folder
from bmux_forensics.store.leftovers import temp_name
from bmux_forensics.store.placing import place
from bmux_forensics.store.refusals import NO_LINKS, NotDurableError, meaning, writing

if TYPE_CHECKING:
    from collections.abc import Callable

    from bmux_forensics.store.reading import FileIdentity

_LONGEST = 255  # bytes of a file name, on every file system we know


def move_aside(
    identity: FileIdentity,
    sha256: str,
    now: dt.datetime | None = None,
    *,
    last_look: Callable[[], None] | None = None,
) -> Path:
    """Rename a file to `<name>.corrupt-<UTC>-<8 hex of its sha256>`, replacing nothing.

    Parameters
    ----------
    identity : FileIdentity
        The file, as it was read.
    sha256 : str
        The hash of its bytes.
    now : datetime, optional
        The moment that goes into the name; the present one by default.
    last_look : callable, optional
        Called right before the rename; whatever it raises stops it.

    Returns
    -------
    Path
        Where the file is now.

    Raises
    ------
    SnapshotChangedError
        The file is no longer the one that was read; it was left alone.
    WriteError
        The rename was refused; nothing was changed.
    NotDurableError
        The file has its new name; the folder could not be brought to the disk.
    """
    moment = (now or dt.datetime.now(dt.UTC)).astimezone(dt.UTC)
    suffix = f".corrupt-{moment:%Y%m%dT%H%M%SZ}-{sha256[:8]}"
    path = identity.path
    with writing(path, "opening its folder"):
        folder = Folder(path.parent)
    with folder:
        if last_look is not None:
            last_look()
        with writing(path, "moving the file aside"):
            _refuse_changed(folder, identity)
            name = free_name(folder, path.name, suffix)
            _move(folder, identity, name)
        _sync(folder, path, name)
    return path.parent / name


def _refuse_changed(folder: Folder, identity: FileIdentity, name: str = "") -> None:
    found = "somebody else changed the file since it was read"
    try:
        if identity.is_still(folder.status(name or identity.path.name)):
            return
    except FileNotFoundError:
        found = "the file is gone"
    raise SnapshotChangedError(str(identity.path), found, advice="read it again and plan anew")


def free_name(folder: Folder, name: str, suffix: str) -> str:
    """Find a name that is free; what an earlier run of the same second left stays as it is."""
    taken = set(folder.names())
    for count in itertools.count(1):
        ending = suffix if count == 1 else f"{suffix}-{count}"
        room = _LONGEST - len(os.fsencode(ending))
        aside = os.fsdecode(os.fsencode(name)[:room]) + ending
        if aside not in taken:
            return aside
    raise AssertionError  # pragma: no cover - the count never ends


def _move(folder: Folder, identity: FileIdentity, aside: str) -> None:
    """Take the name away from exactly the file that was read.

    Unlinking by name could hit a file that a server saved this very moment. So the
    file gets its second name first, then whatever has the old one is renamed and
    looked at, and what is not ours goes back. At no moment is a file without a
    name that the sweep of temporary files spares.
    """
    name = identity.path.name
    try:
        folder.link(name, aside)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        _move_without_links(folder, identity, aside)
        return
    held = temp_name(name, "aside")
    try:
        _refuse_changed(folder, identity, aside)
        folder.replace(name, held)
        if not identity.is_still(folder.status(held)):
            _give_back(folder, held, name)
            _refuse_changed(folder, identity)
    except BaseException:
        folder.discard(aside)
        raise
    folder.discard(held)  # the file is moved whatever becomes of this third name


def _move_without_links(folder: Folder, identity: FileIdentity, aside: str) -> None:
    os.close(folder.open(aside, MAKE))  # an empty file of ours keeps the name free for the rename
    try:
        folder.replace(identity.path.name, aside)
    except OSError:
        folder.discard(aside)
        raise
    if not identity.is_still(folder.status(aside)):
        _give_back(folder, aside, identity.path.name)
        _refuse_changed(folder, identity)


def _give_back(folder: Folder, held: str, name: str) -> None:
    try:
        place(folder, held, name)
    except FileExistsError:
        folder.discard(held)  # its writer has replaced it by a newer one itself


def _sync(folder: Folder, path: Path, name: str) -> None:
    try:
        folder.sync()
    except OSError as error:
        found = f"it was moved to {name}, but not yet on the disk: {meaning(error)[0]}"
        raise NotDurableError(str(path), found) from error
