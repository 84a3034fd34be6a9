"""Find out whether a bmux server is alive that owns this snapshot.

A server that is killed leaves its socket and its pid file behind, so neither is a
proof. These are: something accepts a connection on the socket, or the recorded pid
is a process that is bmux and was already running when the file was written.

Every runtime under the runtime folder is looked at, for several servers can own one
data folder. What can't be judged is said to be so, never taken for a no. The results
are plain dataclasses, and neither pandas nor psutil is imported before it is needed:
where there is no runtime folder the answer costs a handful of system calls.
`host.server_table` shows the same as a DataFrame.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from bmux_forensics.host.paths import APP, SNAPSHOT_NAME, BmuxPaths, temporary_runtime_base
from bmux_forensics.host.server_probe import (
    SocketAnswer,
    connect,
    data_folder_of,
    judge_pid,
    read_pid,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

ServerState = Literal["live", "none", "cannot-tell"]

_DENIED: Final = frozenset({errno.EACCES, errno.EPERM})


@dataclass(frozen=True, slots=True)
class ServerFinding:
    """What one runtime folder says about a server.

    Parameters
    ----------
    runtime_name : str
        The runtime's name; ``default`` for the base.
    folder : pathlib.Path
        The folder that was looked at.
    state : {"live", "none", "cannot-tell"}
        The verdict.
    reason : str
        One sentence that a person can check.
    pid : int or None
        The server's process, where it is known.
    uid : int or None
        The server's user, where it is known.
    evidence : str
        ``socket``, ``pid file``, or empty.
    """

    runtime_name: str
    folder: Path
    state: ServerState
    reason: str
    pid: int | None = None
    uid: int | None = None
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class ServerVerdict:
    """Whether the snapshot has a live owner, and everything that was looked at.

    Parameters
    ----------
    state : {"live", "none", "cannot-tell"}
        ``live`` when any runtime has a server that may own the snapshot; else
        ``cannot-tell`` when any could not be judged; else ``none``.
    reason : str
        The sentence of the finding that decided.
    findings : tuple of ServerFinding
        One for each runtime folder that was looked at.
    """

    state: ServerState
    reason: str
    findings: tuple[ServerFinding, ...] = ()

    @property
    def live(self) -> tuple[ServerFinding, ...]:
        """The servers that answered."""
        return tuple(finding for finding in self.findings if finding.state == "live")


def find_servers(paths: BmuxPaths) -> tuple[ServerFinding, ...]:
    """Judge every runtime under the runtime folder; nothing is sent, nothing is changed.

    Parameters
    ----------
    paths : BmuxPaths
        Whose runtime folder to look in.

    Returns
    -------
    tuple of ServerFinding
        One for each runtime folder that exists or can't be looked into; empty when
        there is none. No state of a machine makes this raise.
    """
    try:
        paths.runtime_base.stat()
        runtimes = paths.runtimes()
    except OSError as error:
        if not _is_denial(error):
            return ()
        return (_cannot_tell("", paths.runtime_base, f"looking into it is refused: {error}"),)
    return tuple(_judge(name, folder) for name, folder in runtimes if _is_there(folder))


Known = dict[int | None, list[ServerFinding]]
"""What one look found, by the owner of the snapshots that it was for."""


def live_server(
    paths: BmuxPaths, snapshot: Path | None = None, *, known: Known | None = None
) -> ServerVerdict:
    """Judge whether a live server owns the snapshot, or may own it.

    Parameters
    ----------
    paths : BmuxPaths
        The bmux that is meant.
    snapshot : pathlib.Path, optional
        The file that is about to change; by default bmux's own. A server owns another
        file only when its environment names the data folder that the file is in.
    known : dict, optional
        Kept between calls, one look serves many snapshots; it starts empty.

    Returns
    -------
    ServerVerdict
        ``none`` with no findings when there is no runtime folder.
    """
    target = paths.snapshot if snapshot is None else snapshot
    owner = _owner(target)
    known = {} if known is None else known
    if owner not in known:
        bases = _bases(paths, owner)
        known[owner] = [finding for base in bases for finding in find_servers(base)]
    findings = known[owner]
    if not findings:
        return ServerVerdict("none", f"no server answers under {paths.runtime_base}")
    own = _same_file(target, paths.snapshot)
    judged = tuple(_for_snapshot(finding, target, owner, own=own) for finding in findings)
    for state in ("live", "cannot-tell"):
        for finding in judged:
            if finding.state == state:
                return ServerVerdict(finding.state, f"{finding.folder}: {finding.reason}", judged)
    return ServerVerdict("none", f"no server answers under {paths.runtime_base}", judged)


def _judge(name: str, folder: Path) -> ServerFinding:
    answer = connect(folder / "server.sock")
    if answer.state == "accepts":
        reason = f"a server accepts connections on its socket{_of(answer)}"
        return ServerFinding(name, folder, "live", reason, answer.pid, answer.uid, "socket")
    recorded = read_pid(folder / "server.pid")
    if isinstance(recorded, OSError):
        return _cannot_tell(name, folder, f"reading server.pid is refused: {recorded}")
    if recorded is not None:
        verdict = judge_pid(recorded.pid, recorded.written_at)
        if verdict.state == "bmux":
            return ServerFinding(
                name, folder, "live", verdict.reason, recorded.pid, verdict.uid, "pid file"
            )
        if verdict.state == "unknown" and answer.state != "refuses":
            return _cannot_tell(name, folder, verdict.reason)
    if answer.state == "unknown":
        return _cannot_tell(name, folder, answer.reason)
    left = "what a server left behind is stale" if recorded else "there is no pid file"
    return ServerFinding(name, folder, "none", f"{answer.reason}; {left}")


def _for_snapshot(
    finding: ServerFinding, target: Path, owner: int | None, *, own: bool
) -> ServerFinding:
    if finding.state == "none":
        return finding
    if not own:
        return _for_other_file(finding, target)
    users = {owner, _own_uid()}
    if finding.state == "live" and finding.uid is not None and finding.uid not in users:
        reason = (
            f"{finding.reason}, but it is user {finding.uid}'s: whose file it writes is unknown"
        )
        return replace(finding, state="cannot-tell", reason=reason)
    return finding


def _for_other_file(finding: ServerFinding, target: Path) -> ServerFinding:
    """Keep a server only where it names the file's own data folder."""
    folder = data_folder_of(finding.pid) if finding.pid is not None else None
    if folder is None:
        # Only a file laid out as a server lays it out can have an owner we can't name.
        if target.name == SNAPSHOT_NAME and target.parent.name == "runtime":
            reason = f"{finding.reason}; which data folder it owns can't be read"
            return replace(finding, state="cannot-tell", reason=reason)
    elif folder and _same_file(Path(folder) / "runtime" / SNAPSHOT_NAME, target):
        return finding
    return replace(finding, state="none", reason=f"{finding.reason}, but it owns another snapshot")


def _bases(paths: BmuxPaths, owner: int | None) -> Iterator[BmuxPaths]:
    """Yield the runtime folder that is set, then those its owner's server may use instead.

    A server started in a login session has XDG_RUNTIME_DIR; a tool run by cron, sudo or
    ssh may not, and would look only under the temporary folder.
    """
    yield paths
    mine = owner is None or owner == _own_uid()
    if owner is None or (mine and paths.runtime_rule == "BMUX_RUNTIME_DIR"):
        return
    seen = {paths.runtime_base}
    for base in (Path(f"/run/user/{owner}") / APP, temporary_runtime_base(os.environ)):
        if base not in seen and (_owner(base) == owner or (not mine and _is_refused(base))):
            seen.add(base)
            yield replace(paths, runtime_base=base, runtime_rule=f"user {owner}'s own")


def _of(answer: SocketAnswer) -> str:
    return f" (pid {answer.pid}, user {answer.uid})" if answer.pid else ""


def _cannot_tell(name: str, folder: Path, reason: str) -> ServerFinding:
    return ServerFinding(name, folder, "cannot-tell", reason)


def _is_denial(error: OSError) -> bool:
    return error.errno in _DENIED


def _is_there(folder: Path) -> bool:
    try:
        folder.stat()
    except OSError as error:
        return _is_denial(error)
    return True


def _is_refused(folder: Path) -> bool:
    try:
        folder.stat()
    except OSError as error:
        return _is_denial(error)
    return False


def _owner(path: Path) -> int | None:
    try:
        return path.stat().st_uid
    except OSError:
        return None


def _own_uid() -> int | None:
    return os.geteuid() if hasattr(os, "geteuid") else None


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return Path(os.path.realpath(one)) == Path(os.path.realpath(other))
