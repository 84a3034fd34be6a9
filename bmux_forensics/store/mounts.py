"""Whether a folder is on a disk of this machine: a process number of another one proves nothing."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

_LOCAL = frozenset(
    {"apfs", "bcachefs", "btrfs", "ecryptfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "hfs", "jfs"}
    | {"msdos", "nilfs2", "ntfs", "ntfs3", "overlay", "ramfs", "reiserfs", "tmpfs", "ufs", "vfat"}
    | {"xfs", "zfs"}
)
_OCTAL = re.compile(r"\\([0-7]{3})")


def is_local(path: str | os.PathLike[str]) -> bool:
    """Tell whether only processes of this machine can have made files there.

    A kind of file system that is not known for it counts as shared.

    Examples
    --------
    >>> is_local("/proc")
    False
    """
    try:
        return _kind(os.path.realpath(path)) in _LOCAL
    except OSError:
        return False


def _kind(path: str) -> str:
    if sys.platform == "linux":
        text = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
        mounts = [_mount(line) for line in text.splitlines()]
    else:
        import psutil  # noqa: PLC0415 - costs 20 ms, and Linux never needs it

        mounts = [(part.mountpoint, part.fstype) for part in psutil.disk_partitions(all=True)]
    over = [(point, kind) for point, kind in mounts if _is_over(point, path)]
    # The longest one is the nearest; of two at one place the later hides the earlier.
    return max(reversed(over), key=lambda mount: len(mount[0]), default=("", ""))[1]


def _mount(line: str) -> tuple[str, str]:
    left, _, right = line.partition(" - ")
    point = _OCTAL.sub(lambda match: chr(int(match[1], 8)), left.split()[4])
    return point, right.split()[0]


def _is_over(point: str, path: str) -> bool:
    return path == point or path.startswith(point.rstrip("/") + "/")
