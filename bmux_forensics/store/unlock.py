"""Break a lock whose holder is gone, and never one that somebody else made meanwhile.

A marker of ours names its process for ever, so that its end can be proven. bmux's
bare `pid=<n>` names a number only: a dead number is a hint that a person has to
confirm. An empty or strange one tells nothing.

Looking at a marker and removing it are two steps, and the name may belong to a new
marker in between. So whoever breaks a marker, or releases it, holds the kernel's
lock on its inode for both steps: of two breakers the second finds it gone. And the
marker is renamed first and looked at again; what is not the one that was judged
goes back without replacing anything.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bmux_forensics.errors import BusyError, ConfirmationNeededError, WriteError
from bmux_forensics.store.folder import READ, Folder
from bmux_forensics.store.leftovers import sweep, temp_name
from bmux_forensics.store.marker import Seen, holder_alive, lock_path, look
from bmux_forensics.store.mounts import is_local
from bmux_forensics.store.process import ProcessName, this_process
from bmux_forensics.store.refusals import LockChangedError, writing
from bmux_forensics.store.waiting import exclusive

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class LockState:
    """A lock as it was found, and what may be done about it.

    Parameters
    ----------
    path : Path
        The lock.
    exists : bool
        Whether there was one.
    kind : str
        "none", "ours", "bare", "empty", "strange" or "folder".
    holder : ProcessName or None
        Who made it: number, start, boot, namespace, host, as far as it says.
    holder_alive : bool or None
        Whether that process runs; None when this machine can't tell.
    age : float or None
        Seconds since it was made.
    uid : int or None
        Who owns it.
    breakable : str
        "proven" (the holder is gone), "confirm" (a person has to agree), "force"
        (nothing is known, or somebody holds it) or "no".
    why : str
        The reason, in a line.
    """

    path: Path
    exists: bool
    kind: str
    holder: ProcessName | None
    holder_alive: bool | None
    age: float | None
    uid: int | None
    breakable: str
    why: str
    _seen: Seen | None = field(default=None, repr=False, compare=False)

    @property
    def pid(self) -> int | None:
        """The holder's process number, if the marker says one."""
        return self.holder.pid if self.holder else None


class UnlockRefusedError(BusyError):
    """The lock may be somebody's, so it was left alone.

    Parameters
    ----------
    where, found, advice
        As in `bmux_forensics.errors.ForensicsError`.
    state : LockState, optional
        What was found.
    """

    kind = "unlock-refused"

    def __init__(
        self, where: str, found: str, *, advice: str = "", state: LockState | None = None
    ) -> None:
        super().__init__(where, found, advice=advice)
        self.state = state


def inspect_lock(snapshot: str | os.PathLike[str]) -> LockState:
    """Look at a snapshot's lock and judge it; nothing is changed.

    Parameters
    ----------
    snapshot : path-like
        The snapshot as it is named; `marker.links_of` lists all its names.

    Returns
    -------
    LockState
        With `exists` False when there is no lock.

    Examples
    --------
    >>> inspect_lock("/nowhere/snap.json").why
    'there is no lock'
    """
    path = lock_path(snapshot)
    if not path.parent.is_dir():
        return _judge(path, None)
    with writing(path, "looking at the lock"), Folder(path.parent) as folder:
        return _judge(path, look(folder, path.name))


def _judge(path: Path, seen: Seen | None) -> LockState:
    if seen is None:
        return LockState(path, False, "none", None, None, None, None, "no", "there is no lock")  # noqa: FBT003 - the field before it says what
    marker = seen.marker
    alive = holder_alive(marker)
    breakable, why = _verdict(path, seen, alive)
    return LockState(
        path=path,
        exists=True,
        kind=marker.kind,
        holder=marker.holder,
        holder_alive=alive,
        age=seen.age,
        uid=seen.status.st_uid,
        breakable=breakable,
        why=why,
        _seen=seen,
    )


def _verdict(path: Path, seen: Seen, alive: bool | None) -> tuple[str, str]:
    kind, holder = seen.marker.kind, seen.marker.holder
    if kind == "folder":
        return "no", "it is a folder; remove it by hand"
    if holder is None:
        return "force", "it does not say who holds it"
    if kind == "bare":
        return _verdict_bare(path, holder, alive)
    return _verdict_ours(path, holder, alive)


def _verdict_ours(path: Path, holder: ProcessName, alive: bool | None) -> tuple[str, str]:
    if alive:
        return "force", f"process {holder.pid} holds it"
    me = this_process()
    if alive is False and (holder.boot == me.boot or is_local(path.parent)):
        over = "" if holder.boot == me.boot else ", and so is that boot"
        return "proven", f"process {holder.pid} that held it is gone{over}"
    if alive is False:
        return "confirm", f"process {holder.pid} held it before a reboot, on a shared file system"
    if not holder.is_place(me):
        return "force", f"process {holder.pid} of host {holder.host} may hold it"
    return "force", f"process {holder.pid} of another container or namespace may hold it"


def _verdict_bare(path: Path, holder: ProcessName, alive: bool | None) -> tuple[str, str]:
    if alive is not False:
        return "force", f"a process {holder.pid} runs; it may be the holder"
    if is_local(path.parent):
        return "confirm", f"no process {holder.pid} runs on this machine"
    return "force", f"process {holder.pid} may run on another machine of this file system"


def unlock(
    snapshot: str | os.PathLike[str],
    *,
    confirmed: bool = False,
    force: bool = False,
    inspected: LockState | None = None,
) -> LockState:
    """Break a snapshot's lock if that is safe, or if somebody takes the blame.

    Parameters
    ----------
    snapshot : path-like
        The snapshot as it is named.
    confirmed : bool
        A person agreed to break a bare marker whose number is dead.
    force : bool
        A person saw its age and owner and wants it gone, whoever holds it.
    inspected : LockState, optional
        What that person was shown: no other marker is broken.

    Returns
    -------
    LockState
        What was broken; `exists` is False when there was nothing to break.

    Raises
    ------
    ConfirmationNeededError
        Somebody has to agree first.
    UnlockRefusedError
        The holder lives, or nothing says who it is.
    LockChangedError
        The lock is not the one that was judged; it was left alone.
    WriteError
        It can't be removed, or it is a folder.
    """
    path = lock_path(snapshot)
    if not inspect_lock(snapshot).exists:
        return _judge(path, None)
    with writing(path, "breaking the lock"), Folder(path.parent) as folder:
        sweep(folder, path.name)
        with _open_marker(folder, path.name) as fd:
            seen = look(folder, path.name, fd)
            state = _judge(path, seen)
            if seen is None:
                return state
            if inspected is not None and not (inspected._seen and inspected._seen.is_still(seen)):  # noqa: SLF001 - the same module
                raise _changed(path)
            _refuse(state, confirmed=confirmed, force=force)
            with nullcontext() if fd is None else exclusive(fd):
                return state if _break(folder, path, seen) else _judge(path, None)


@contextmanager
def _open_marker(folder: Folder, name: str) -> Iterator[int | None]:
    """Hold the marker open, so that its inode can't become somebody else's meanwhile."""
    try:
        fd = folder.open(name, READ)
    except OSError:  # a link, a socket, somebody else's, or just released: the name alone has to do
        yield None
        return
    try:
        yield fd
    finally:
        os.close(fd)


def _refuse(state: LockState, *, confirmed: bool, force: bool) -> None:
    where = str(state.path)
    if state.breakable == "no":
        raise WriteError(where, state.why)
    if state.breakable == "proven" or force:
        return
    if state.breakable == "confirm":
        if not confirmed:
            raise ConfirmationNeededError(where, state.why, advice="confirm to break the lock")
        return
    age = f"{state.age:.0f} s old, owned by user {state.uid}"
    advice = "break it with --force if you are sure that nobody is editing"
    raise UnlockRefusedError(where, f"{state.why} ({age})", advice=advice, state=state)


def _break(folder: Folder, path: Path, judged: Seen) -> bool:
    """Remove exactly the marker that was judged; False when it went by itself."""
    now = look(folder, path.name)
    if now is None:
        return False
    if not now.is_still(judged):
        raise _changed(path)
    held = temp_name(path.name, "break")
    try:
        folder.replace(path.name, held)
    except FileNotFoundError:
        return False
    taken = look(folder, held)
    try:
        if taken is None or not taken.is_still(judged):
            folder.link(held, path.name)
            raise _changed(path)
    except FileExistsError:
        raise _changed(path) from None
    finally:
        folder.discard(held)
    folder.sync()
    return True


def _changed(path: Path) -> LockChangedError:
    found = "the lock changed hands meanwhile; it was left alone"
    return LockChangedError(str(path), found, advice="look at it again")
