"""Names for temporary files that tell whose they are, and the sweep of those nobody needs.

A process that is killed can't clean up. So the name of every temporary file of
this room says which process made it, and whoever comes next removes those whose
process is proven gone. The name is built from hashes and numbers only; nothing
that was read from a snapshot is ever part of it. It differs from bmux's own
`<snapshot>.tmp`, which a server may be writing at this moment.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

from bmux_forensics.store.folder import Folder
from bmux_forensics.store.process import ProcessName, is_gone, this_process

_PREFIX = ".bmux-forensics."
_PATTERN = re.compile(
    r"\.bmux-forensics\.(?P<role>lock|break|stage|swap|aside|copy)\.(?P<target>[0-9a-f]{8})"
    r"\.(?P<place>[0-9a-f]{8})\.(?P<boot>[0-9a-f]{8})\.(?P<pidns>[0-9]*)"
    r"\.(?P<pid>[0-9]{1,10})-(?P<start>[0-9.]*)\.(?P<moment>[0-9a-f]{16})[0-9a-f]{8}\.tmp"
)
_LARGEST = (1 << 64) - 1
_MANY = 2000  # names; listing a larger folder at every edit would cost more than the edit
_OFTEN = 10.0  # seconds
_listed: dict[tuple[int, int, int], float] = {}


@dataclass(frozen=True, slots=True)
class Leftover:
    """A temporary file of ours, read from its name.

    Parameters
    ----------
    name, role : str
        The file's name, and what it was made for.
    target : str
        A hash of the name of the file it belongs to.
    owner : ProcessName
        The process that made it; host and boot are hashes here.
    moment : int
        When it was made, on the monotonic clock of that boot; in the role "swap", the inode
        of the file that was made, which another one may have changed places with.
    """

    name: str
    role: str
    target: str
    owner: ProcessName
    moment: int


def _short(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:8]


def target_mark(target: str) -> str:
    """Hash a file name, for use inside another.

    Examples
    --------
    >>> target_mark("bmux-snapshot-v1.json")
    '210b2096'
    """
    return _short(target)


def temp_name(target: str, role: str, moment: int | None = None) -> str:
    """Make a name that no other file has, and that says who made it for what.

    Parameters
    ----------
    target, role : str
        As in `Leftover`.
    moment : int, optional
        As in `Leftover`; now by default.

    Examples
    --------
    >>> found = parse(temp_name("snap.json", "stage"))
    >>> (found.role, found.owner.pid) == ("stage", os.getpid())
    True
    """
    number = (time.monotonic_ns() if moment is None else moment) & _LARGEST
    maker = _maker(this_process())
    return f"{_PREFIX}{role}.{target_mark(target)}.{maker}.{number:016x}{secrets.token_hex(4)}.tmp"


@lru_cache(maxsize=1)
def _maker(me: ProcessName) -> str:
    place = f"{_short(me.host, me.machine)}.{_short(me.boot)}.{me.pidns}"
    return f"{place}.{me.pid}-{me.start}"


def parse(name: str) -> Leftover | None:
    """Read such a name; None for every other.

    Examples
    --------
    >>> parse("bmux-snapshot-v1.json.tmp") is None
    True
    """
    if not name.startswith(_PREFIX):
        return None
    match = _PATTERN.fullmatch(name)
    if match is None:
        return None
    me = this_process()
    # Only hashes stand in the name: where they are those of this place, its facts are meant.
    here = match["place"] == _short(me.host, me.machine)
    same_boot = match["boot"] == _short(me.boot)
    owner = ProcessName(
        pid=int(match["pid"]),
        start=match["start"],
        boot=me.boot if same_boot else f"not {me.boot}",
        pidns=match["pidns"],
        host=me.host if here else "",
        machine=me.machine if here else "",
    )
    return Leftover(name, match["role"], match["target"], owner, int(match["moment"], 16))


def siblings(folder: Folder) -> list[Leftover]:
    """List the temporary files of ours in a folder.

    A folder with thousands of names is listed every ten seconds at most; in between
    it seems to hold none.
    """
    key = _key(folder)
    now = time.monotonic()
    if now - _listed.get(key, -_OFTEN) < _OFTEN:
        return []
    names = folder.names()
    if len(names) > _MANY:
        _listed[key] = now
    return [known for known in map(parse, names) if known is not None]


def _key(folder: Folder) -> tuple[int, int, int]:
    status = folder.status()
    return os.getpid(), status.st_dev, status.st_ino


def sweep(folder: Folder, target: str | None = None) -> list[str]:
    """Remove temporary files of ours whose process is proven gone.

    Parameters
    ----------
    folder : Folder
        Where to look.
    target : str, optional
        Only what was made for the file of this name; everything of ours otherwise.

    Returns
    -------
    list of str
        The names that were removed. Nothing that goes wrong is raised: tidying up
        is a courtesy.
    """
    mark = None if target is None else target_mark(target)
    try:
        owners = _trusted_owners(folder.status())
        found = siblings(folder)
    except OSError:
        return []
    return [
        known.name
        for known in found
        if mark in (None, known.target) and _remove(folder, known, owners)
    ]


def sweep_once(folder: Folder) -> list[str]:
    """Remove all temporary files of ours in a folder whose process is proven gone.

    For some seconds this process then takes the folder for one that holds none: whoever
    changes many files of one folder would list it several times for each of them.
    """
    removed = sweep(folder)
    with suppress(OSError):
        _listed[_key(folder)] = time.monotonic()
    return removed


def _trusted_owners(status: os.stat_result) -> set[int]:
    """Whose files may be removed: our own, and for root also the folder owner's."""
    me = os.geteuid() if hasattr(os, "geteuid") else status.st_uid
    return {me, status.st_uid} if me == 0 else {me}


def _remove(folder: Folder, known: Leftover, owners: set[int]) -> bool:
    try:
        status = folder.status(known.name)
        ours = stat.S_ISREG(status.st_mode) and status.st_uid in owners
        if not ours or _is_only_name(known, status) or not is_gone(known.owner):
            return False
        folder.unlink(known.name)
    except OSError:
        return False
    return True


def _is_only_name(known: Leftover, status: os.stat_result) -> bool:
    """Tell whether this may be the only name of a file that somebody else made."""
    held = known.role in ("aside", "swap")
    return held and status.st_nlink < 2 and not is_made_here(known, status)  # noqa: PLR2004 - two names


def is_made_here(known: Leftover, status: os.stat_result) -> bool:
    """Tell whether what a run held is the new file that it was about to put in place."""
    return known.role == "swap" and status.st_ino & _LARGEST == known.moment
