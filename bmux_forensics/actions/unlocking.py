"""Look at a snapshot's locks and break those whose holder is gone."""

from __future__ import annotations

from pathlib import Path

from bmux_forensics.host.paths import find_paths
from bmux_forensics.store.marker import links_of
from bmux_forensics.store.unlock import LockState
from bmux_forensics.store.unlock import inspect_lock as _inspect
from bmux_forensics.store.unlock import unlock as _unlock

__all__ = ["LockState", "inspect_lock", "unlock"]


def inspect_lock(path: str | Path | None = None) -> LockState:
    """Look at a snapshot's lock and judge it; nothing is changed.

    Parameters
    ----------
    path : path-like, optional
        The snapshot; by default bmux's own. Where it is a symbolic link, an edit locks
        every name along it, and the first lock that is there is shown.

    Returns
    -------
    LockState
        With `exists` False when there is no lock.
    """
    return _inspect(_locked_name(path))


def unlock(
    path: str | Path | None = None,
    *,
    confirmed: bool = False,
    force: bool = False,
    inspected: LockState | None = None,
) -> LockState:
    """Break a snapshot's lock if that is safe, or if somebody takes the blame.

    Parameters
    ----------
    path : path-like, optional
        The snapshot; by default bmux's own.
    confirmed, force, inspected
        As in `bmux_forensics.store.unlock.unlock`.

    Returns
    -------
    LockState
        What was broken; `exists` is False when there was nothing to break.

    Raises
    ------
    ConfirmationNeededError
        Somebody has to agree first (exit code 2).
    BusyError
        The holder lives, nothing says who it is, or the lock just changed hands (4).
    WriteError
        It can't be removed (6).
    """
    return _unlock(_locked_name(path), confirmed=confirmed, force=force, inspected=inspected)


def _locked_name(path: str | Path | None) -> Path:
    target = Path(path) if path is not None else find_paths().snapshot
    names = links_of(target)
    return next((name for name in names if _inspect(name).exists), names[0])
