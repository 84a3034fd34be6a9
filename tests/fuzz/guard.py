"""A process that may look but not touch: whatever changes something is refused, and told."""

from __future__ import annotations

import os
import resource
import sys
from typing import Any, Final

_CHANGES: Final = frozenset(
    {"os.chmod", "os.chown", "os.kill", "os.killpg", "os.link", "os.mkdir", "os.remove"}
    | {"os.rename", "os.rmdir", "os.setxattr", "os.symlink", "os.truncate", "os.utime"}
    | {"os.exec", "os.posix_spawn", "os.system", "pty.spawn", "subprocess.Popen"}
    | {"socket.bind", "socket.connect", "urllib.Request", "shutil.rmtree"}
)
_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class ForbiddenError(BaseException):
    """Something was to be changed; no handler of the code under test may hide it."""


def forbid_changes() -> None:
    """Refuse, from now on and for good, whatever changes something outside this process."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITES
    if writes or event in _CHANGES:
        message = f"{event}{arguments!r}"
        raise ForbiddenError(message)


def limit(*, cpu_seconds: int) -> None:
    """End this process when it has used that much CPU time: a hang is no waiting."""
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
