"""Refuse to change a snapshot behind the back of a server that owns it."""

from __future__ import annotations

from pathlib import Path

from bmux_forensics.errors import ServerLiveError
from bmux_forensics.host.paths import find_paths
from bmux_forensics.host.server import Known, ServerVerdict, live_server


class Watch:
    """One look for servers, for any number of snapshots."""

    def __init__(self) -> None:
        self._paths = find_paths()
        self._known: Known = {}

    def server_of(self, path: Path) -> ServerVerdict:
        """Judge whether a live server owns a snapshot; nothing is sent, nothing is changed."""
        return live_server(self._paths, path, known=self._known)

    def require_none(self, path: Path, *, assume_none: bool = False) -> None:
        """Raise as `require_no_server`."""
        _refuse(self.server_of(path), path, assume_none=assume_none)


def server_of(path: Path) -> ServerVerdict:
    """Judge whether a live server owns one snapshot."""
    return Watch().server_of(path)


def require_no_server(path: Path, *, assume_none: bool = False) -> None:
    """Raise `ServerLiveError` when a server owns the snapshot, or when that can't be told.

    Parameters
    ----------
    path : Path
        The snapshot.
    assume_none : bool
        Take "can't be told" for a no; a server that answers is never ignored.
    """
    Watch().require_none(path, assume_none=assume_none)


def _refuse(verdict: ServerVerdict, path: Path, *, assume_none: bool) -> None:
    if verdict.state == "live":
        raise ServerLiveError(
            str(path),
            f"a bmux server owns it: {verdict.reason}",
            advice="use `bmux kill-session`, or stop the server first",
        )
    if verdict.state == "cannot-tell" and not assume_none:
        raise ServerLiveError(
            str(path),
            f"a bmux server may own it: {verdict.reason}",
            advice="make sure that none runs, then add --assume-no-server",
        )


def why_not_now(path: Path, *, assume_none: bool = False) -> str | None:
    """Say why a snapshot's processes must be left alone now; None when nothing speaks against it.

    Parameters
    ----------
    path : Path
        The snapshot.
    assume_none : bool
        As in `require_no_server`.
    """
    try:
        require_no_server(path, assume_none=assume_none)
    except ServerLiveError as refusal:
        return refusal.found
    return None
