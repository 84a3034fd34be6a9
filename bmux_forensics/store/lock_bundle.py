"""The locks of many snapshots at once: one marker, which is each of their locks by a hard link.

A marker says whose it is and no more, so the same one serves for every lock that a process
holds. It is written and brought to the disk once for each folder; a lock is then a link to
it, and gone when that link is. Whoever looks at a lock, or breaks it, finds what it finds
in any other of ours.
"""

from __future__ import annotations

import os
import secrets
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bmux_forensics.store.folder import MAKE, Folder, write_all
from bmux_forensics.store.leftovers import temp_name
from bmux_forensics.store.lock import left_error, release_of
from bmux_forensics.store.marker import links_of, lock_path, render
from bmux_forensics.store.process import this_process
from bmux_forensics.store.refusals import NO_LINKS, writing
from bmux_forensics.store.waiting import remove_own

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Self


class LockBundle:
    """Takes locks that are free at once; use it as a context manager around all of them."""

    def __init__(self) -> None:
        self._markers: dict[Path, _Marker] = {}
        self._folders: dict[str, str] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Hand the bundle to the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the markers; the locks are let go of by then."""
        self._stack.close()

    @contextmanager
    def locked(self, snapshot: Path) -> Iterator[Callable[[], bool] | None]:
        """Hold the locks of a snapshot's every name, in the protocol of `lock.locked`.

        Yields
        ------
        callable or None
            Tells whether they are still ours; None when one is not free at this moment, or
            this file system has no links: then nothing is held, and waiting is due.

        Raises
        ------
        WriteError
            No lock can be made here.
        """
        with ExitStack() as stack:
            held: list[Callable[[], bool]] = []
            for path in self._lock_paths(snapshot):
                with writing(path, "making the lock"):
                    marker = self._marker(path)
                    if marker.is_at(path.name):
                        break  # ours already, by another name of this file: not ours to let go
                    # First: a signal may come as soon as it is taken.
                    stack.push(release_of(partial(marker.let_go, path)))
                    if not marker.take(path.name):
                        break
                held.append(partial(marker.is_at, path.name))
            else:
                yield lambda: all(is_ours() for is_ours in held)
                return
        yield None

    def _lock_paths(self, snapshot: Path) -> list[Path]:
        """Name the locks of a snapshot's every name; each folder is looked up once."""
        folder, name = os.path.split(os.path.abspath(snapshot))  # noqa: PTH100 - as in `lock_path`
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        path = os.path.join(self._folders[folder], name)  # noqa: PTH118 - of every file
        if os.path.islink(path):  # noqa: PTH114 - as above
            return [lock_path(each) for each in sorted(links_of(snapshot))]
        return [Path(path + ".lock")]

    def _marker(self, path: Path) -> _Marker:
        if path.parent not in self._markers:
            self._markers[path.parent] = self._stack.enter_context(_Marker(path))
        return self._markers[path.parent]


class _Marker:
    """The one marker of a folder, open as long as a lock may be a link to it."""

    def __init__(self, path: Path) -> None:
        self._folder = Folder(path.parent)
        self._name = temp_name(path.name, "lock")
        self._fd = -1

    def __enter__(self) -> Self:
        content = render(this_process(), secrets.token_hex(8))
        try:
            self._fd = self._folder.open(self._name, MAKE, 0o644)
            write_all(self._fd, content)
            os.fsync(self._fd)  # a power cut must not leave a lock that does not say whose it was
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._close()

    def _close(self) -> None:
        self._folder.discard(self._name)
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
        self._folder.close()

    def take(self, name: str) -> bool:
        try:
            self._folder.link(self._name, name)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno in NO_LINKS:
                return False
            raise
        return True

    def is_at(self, name: str) -> bool:
        try:
            return os.path.samestat(self._folder.status(name), os.fstat(self._fd))
        except OSError:
            return False

    def let_go(self, path: Path) -> None:
        try:
            remove_own(self._folder, path.name, self._fd)
        except OSError as error:
            raise left_error(str(path), error) from error
