"""One open folder, and names inside it: a path that is swapped in the middle leads nowhere else.

A path is looked up again at every system call, and whoever may rename one of its
folders can make two calls mean two places. So a folder is opened once and all
names are taken relative to the descriptor. Where the platform has no such calls,
the path is joined instead.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bmux_forensics.store.refusals import NO_FOLDER_SYNC

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_RELATIVE = {os.open, os.stat, os.unlink, os.rename, os.link} <= os.supports_dir_fd
_LINK_ITSELF = os.link in os.supports_follow_symlinks
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)

READ = os.O_RDONLY | _NOFOLLOW | _CLOEXEC | _NONBLOCK
"""Open what stands under a name, never what a link points to, and never wait for a FIFO."""

MAKE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _CLOEXEC
"""Make a file that was not there; a planted name, link or not, is an error."""

APPEND = READ | os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0)
"""Open a file that is only ever added to."""

_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _CLOEXEC


class Folder:
    """A folder held open, so that every name is looked up in this one and no other.

    Parameters
    ----------
    path : path-like
        The folder; symbolic links on the way to it are followed, once.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name, Folder(name) as folder:
    ...     folder.names()
    []
    """

    def __init__(self, path: str | os.PathLike[str], *, fd: int | None = None) -> None:
        self.path = path if isinstance(path, Path) else Path(path)
        self._fd: int | None = None
        if _RELATIVE:
            self._fd = os.open(path, _FOLDER) if fd is None else fd

    def __enter__(self) -> Self:
        """Hand the open folder to the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the descriptor; nothing on disk changes."""
        self.close()

    def close(self) -> None:
        """Close the descriptor, once."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    @property
    def fd(self) -> int | None:
        """The descriptor, for calls that Python has not; None where names are joined."""
        return self._fd

    def _name(self, name: str) -> str:
        return name if self._fd is not None else str(self.path / name)

    def sub(self, name: str) -> Folder:
        """Open a folder inside this one, refusing a symbolic link in its place."""
        if self._fd is None:
            return Folder(self.path / name)
        fd = os.open(name, _FOLDER | _NOFOLLOW, dir_fd=self._fd)
        return Folder(self.path / name, fd=fd)

    def make_sub(self, name: str) -> bool:
        """Make a folder that only its owner may enter; False when the name is taken."""
        try:
            os.mkdir(self._name(name), 0o700, dir_fd=self._fd)
        except FileExistsError:
            return False
        return True

    def open(self, name: str, flags: int, mode: int = 0o600) -> int:
        """Open a file by its name in this folder."""
        return os.open(self._name(name), flags, mode, dir_fd=self._fd)

    def status(self, name: str = "") -> os.stat_result:
        """Look at a name without following a link, or at the folder itself."""
        if not name:
            return self.path.stat() if self._fd is None else os.fstat(self._fd)
        return os.stat(self._name(name), dir_fd=self._fd, follow_symlinks=False)

    def may_write(self, name: str) -> bool:
        """Ask whether this process may write the file of that name."""
        effective = os.access in os.supports_effective_ids
        return os.access(self._name(name), os.W_OK, dir_fd=self._fd, effective_ids=effective)

    def refuse_read_only(self) -> None:
        """Raise the system's own error where the whole file system is read-only."""
        if self._fd is not None and os.fstatvfs(self._fd).f_flag & os.ST_RDONLY:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    def names(self) -> list[str]:
        """List the names in the folder, in no order."""
        return os.listdir(self.path if self._fd is None else self._fd)  # noqa: PTH208 - a descriptor

    def link(self, name: str, new: str, into: Folder | None = None) -> None:
        """Give a file a second name; a name that is taken is an error."""
        other = into or self
        os.link(
            self._name(name),
            other._name(new),  # noqa: SLF001 - another folder of this very class
            src_dir_fd=self._fd,
            dst_dir_fd=other._fd,  # noqa: SLF001 - the same
            # Not every platform can link a link; there the caller's look at the inode decides.
            follow_symlinks=not _LINK_ITSELF,
        )

    def replace(self, name: str, new: str) -> None:
        """Rename within the folder, in one step, over whatever has the new name."""
        os.replace(self._name(name), self._name(new), src_dir_fd=self._fd, dst_dir_fd=self._fd)

    def unlink(self, name: str) -> None:
        """Remove a name."""
        os.unlink(self._name(name), dir_fd=self._fd)

    def discard(self, name: str) -> None:
        """Remove a name if that is possible; a failure to clean up hides no other error."""
        with suppress(OSError):
            self.unlink(name)

    def own(self, uid: int, gid: int) -> None:
        """Hand the folder itself to another owner."""
        os.chown(self.path if self._fd is None else self._fd, uid, gid)

    def take_in(self, fd: int) -> None:
        """Let an open file belong to the folder's owner: root may have made it for a user."""
        owner = self.status()
        if os.fstat(fd).st_uid != owner.st_uid:
            os.fchown(fd, owner.st_uid, owner.st_gid)

    def restrict(self, mode: int) -> None:
        """Set the permissions of the folder itself."""
        os.chmod(self.path if self._fd is None else self._fd, mode)  # noqa: PTH101 - a descriptor

    def sync(self) -> None:
        """Bring the folder's names to the disk, where the file system can do that."""
        if self._fd is None:
            return
        try:
            os.fsync(self._fd)
        except OSError as error:
            if error.errno not in NO_FOLDER_SYNC:
                raise


def open_log(folder: Folder, name: str) -> int:
    """Open a file that is only ever added to, making it, private and the folder owner's, first."""
    try:
        return folder.open(name, APPEND)
    except FileNotFoundError:
        with suppress(FileExistsError):  # somebody else's first entry came before ours
            _make_log(folder, name)
        return folder.open(name, APPEND)


def _make_log(folder: Folder, name: str) -> None:
    fd = folder.open(name, MAKE)
    try:
        folder.take_in(fd)
    finally:
        os.close(fd)
    folder.sync()


def read_at(fd: int, offset: int, size: int) -> bytes:
    """Read some bytes of an open file, or as many of them as there are."""
    os.lseek(fd, offset, os.SEEK_SET)
    pieces = []
    while size > 0 and (piece := os.read(fd, size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def set_out(fd: int) -> None:
    """Let written bytes set out for the disk already; a later fsync waits for them."""
    if hasattr(os, "posix_fadvise"):
        with suppress(OSError):  # advice may be refused
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)


def write_all(fd: int, data: bytes) -> None:
    """Write every byte, however short the single writes turn out.

    Raises
    ------
    OSError
        The system refused, or took nothing at all: asking again would never end.
    """
    rest = memoryview(data)
    while rest:
        written = os.write(fd, rest)
        if not written:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        rest = rest[written:]
