"""What stands in a lock's marker: bmux's one line, then lines of ours that nobody else reads.

Everything here only looks. Making a marker is the business of `lock`, breaking one
of `unlock`.
"""

from __future__ import annotations

import os
import re
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from bmux_forensics.store.folder import READ, Folder
from bmux_forensics.store.process import ProcessName, is_alive, is_gone, this_process

LARGEST = 4096
"""Bytes of a marker that are looked at; a longer one is nobody's we know."""

_MOST_LINKS = 40  # as many as the kernel follows
_PID = re.compile(rb"pid=([1-9][0-9]{0,9})\n")
_OURS = b"by=bmux-forensics\n"
_FIELDS = ("start", "boot", "pidns", "host", "machine", "token")
_LINE = re.compile(r"(" + "|".join(_FIELDS) + r")=([^\n]*)")


@dataclass(frozen=True, slots=True)
class Marker:
    """A marker's content, understood as far as it can be.

    Parameters
    ----------
    kind : str
        "ours", "bare" (bmux's own line and nothing else), "empty" or "strange".
    holder : ProcessName or None
        Who made it; of a bare one only the number is known.
    """

    kind: str
    holder: ProcessName | None


def render(holder: ProcessName, token: str) -> bytes:
    r"""Write a marker for a process; the token tells two of its holds apart.

    Examples
    --------
    >>> render(ProcessName(7, start="1"), "t").split(b"\n")[:3]
    [b'pid=7', b'by=bmux-forensics', b'start=1']
    """
    facts = {
        "start": holder.start,
        "boot": holder.boot,
        "pidns": holder.pidns,
        "host": holder.host,
        "machine": holder.machine,
        "token": token,
    }
    lines = "".join(f"{name}={facts[name]}\n" for name in _FIELDS)
    return f"pid={holder.pid}\n".encode("ascii") + _OURS + lines.encode("utf-8", "replace")


def read(content: bytes) -> Marker:
    r"""Understand a marker, whoever wrote it.

    Examples
    --------
    >>> read(b"pid=7\n").kind, read(b"").kind, read(b"pid=7").kind
    ('bare', 'empty', 'strange')
    >>> read(render(ProcessName(7, start="1"), "t")).holder.start
    '1'
    """
    if not content:
        return Marker("empty", None)
    first = _PID.match(content)
    if first is None or len(content) > LARGEST:
        return Marker("strange", None)
    pid, rest = int(first[1]), content[first.end() :]
    if not rest:
        return Marker("bare", ProcessName(pid))
    facts = _facts(rest)
    if facts is None:
        return Marker("strange", None)
    facts.pop("token")
    return Marker("ours", ProcessName(pid, **facts))


def _facts(rest: bytes) -> dict[str, str] | None:
    """Read our own lines; None unless each is there once, so that a torn marker proves nothing."""
    if not rest.startswith(_OURS) or not rest.endswith(b"\n"):
        return None
    lines = rest[len(_OURS) : -1].decode("utf-8", "replace").split("\n")
    matches = [_LINE.fullmatch(line) for line in lines]
    facts = {match[1]: match[2] for match in matches if match is not None}
    whole = len(lines) == len(matches) == len(facts) == len(_FIELDS)
    return facts if whole else None


def holder_alive(marker: Marker) -> bool | None:
    """Tell whether a marker's holder runs, as far as this machine can know.

    Examples
    --------
    >>> holder_alive(read(render(this_process(), "t")))
    True
    >>> holder_alive(read(b"")) is None
    True
    """
    holder = marker.holder
    if holder is None:
        return None
    if marker.kind == "bare":
        return is_alive(holder.pid)
    if is_gone(holder):
        return False
    me = this_process()
    if not holder.is_place(me) or (holder.boot, holder.pidns) != (me.boot, me.pidns):
        return None
    return is_alive(holder.pid, holder.start)


def lock_path(snapshot: str | os.PathLike[str]) -> Path:
    """Name the lock of a snapshot as it is named, whatever it links to: bmux does so too.

    Examples
    --------
    >>> lock_path("/nowhere/snap.json").name
    'snap.json.lock'
    """
    folder, name = os.path.split(os.path.abspath(snapshot))  # noqa: PTH100 - Path would be slower
    return Path(os.path.realpath(folder), name + ".lock")


def links_of(snapshot: str | os.PathLike[str]) -> tuple[Path, ...]:
    """List every name of a snapshot along its symbolic links, the real file last.

    Whoever edits it by one of them locks that name, so an edit has to lock all.

    Examples
    --------
    >>> [path.name for path in links_of("/nowhere/snap.json")]
    ['snap.json']
    """
    path = lock_path(snapshot).with_name(Path(snapshot).name)
    found = [path]
    while path.is_symlink() and len(found) <= _MOST_LINKS:
        path = path.parent / path.readlink()
        path = Path(os.path.realpath(path.parent), path.name)
        if path in found:
            break
        found.append(path)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Seen:
    """A lock as it was seen at one moment.

    Parameters
    ----------
    marker : Marker
        What its content says; "folder" or "strange" for what is no file.
    status : os.stat_result
        Its inode, owner and times.
    content : bytes
        What was read of it.
    """

    marker: Marker
    status: os.stat_result
    content: bytes

    @property
    def age(self) -> float:
        """Seconds since it was made."""
        return max(0.0, time.time() - self.status.st_mtime)

    def is_still(self, other: Seen) -> bool:
        """Tell whether both are one marker: the same inode with the same content."""
        mine, its = self.status, other.status
        return (mine.st_dev, mine.st_ino, mine.st_mtime_ns, self.content) == (
            its.st_dev,
            its.st_ino,
            its.st_mtime_ns,
            other.content,
        )


def look(folder: Folder, name: str, fd: int | None = None) -> Seen | None:
    """Look at a lock without following a link or waiting for a FIFO; None when there is none."""
    try:
        status = folder.status(name) if fd is None else os.fstat(fd)
        if stat.S_ISDIR(status.st_mode):
            return Seen(Marker("folder", None), status, b"")
        if not stat.S_ISREG(status.st_mode):
            return Seen(Marker("strange", None), status, b"")
        if fd is not None:
            return _read_open(fd)
        fd = folder.open(name, READ)
        try:
            return _read_open(fd)
        finally:
            os.close(fd)
    except FileNotFoundError:
        return None
    except PermissionError:
        return Seen(Marker("strange", None), status, b"")


def _read_open(fd: int) -> Seen:
    os.lseek(fd, 0, os.SEEK_SET)
    content = os.read(fd, LARGEST + 1)
    return Seen(read(content), os.fstat(fd), content)
