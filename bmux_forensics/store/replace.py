"""Replace a file in one step, so that every moment shows the old bytes or the new ones.

Staging does everything that can fail: a new file beside the target under a name
of its own, written to the last byte, given the old one's owner, permissions,
times and attributes, and brought to the disk. Committing looks one last time
whether the target is still the file that was read, renames, brings the folder's
names to the disk, and reads back what stands there now. Where the system can, the rename
is an exchange: see `swapping`.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bmux_forensics.errors import ProofError, SnapshotChangedError, WriteError
from bmux_forensics.store.attributes import carry
from bmux_forensics.store.folder import MAKE, READ, Folder, set_out, write_all
from bmux_forensics.store.leftovers import sweep, temp_name
from bmux_forensics.store.placing import place, same_bytes
from bmux_forensics.store.reading import Digest, FileIdentity
from bmux_forensics.store.refusals import NotDurableError, meaning, write_error, writing
from bmux_forensics.store.swapping import give_back, swap

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self


def stage(
    target: FileIdentity | Path,
    data: bytes,
    *,
    like: FileIdentity | None = None,
    eager: bool = True,
) -> Staged:
    """Write new bytes beside a target and hold them ready; use it as a context manager.

    Parameters
    ----------
    target : FileIdentity or Path
        The file to replace, as it was read; or the path of a new file, where
        nothing may be yet.
    data : bytes
        The new content.
    like : FileIdentity, optional
        Whose owner, permissions and time of change the new file gets; the target's
        by default. A new file is for its owner alone.
    eager : bool
        Bring the bytes to the disk when they are written; else `Staged.settle` does,
        and before that is called nothing can be committed. Whoever stages many files
        writes all of them first: the system then takes them to the disk together.

    Returns
    -------
    Staged
        Entering it writes the bytes, its `commit` puts them in place, and leaving
        it without a commit leaves no trace.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     path = Path(name, "snap.json")
    ...     with stage(path, b"one") as staged:
    ...         identity = staged.commit()
    ...     with stage(identity, b"two") as staged:
    ...         _ = staged.commit()
    ...     path.read_bytes()
    b'two'
    """
    if isinstance(target, FileIdentity):
        return Staged(target.path, target, data, like or target, eager=eager)
    return Staged(Path(os.path.realpath(target)), None, data, like, eager=eager)


class Staged:
    """New bytes, safe on the disk beside their target, and not yet in its place.

    Made by `stage`, which documents the parameters.

    Attributes
    ----------
    path : Path
        The target.
    temp : Path
        Where the new bytes are until the commit.
    digest : Digest
        Of the new bytes; it may still be running.
    """

    def __init__(
        self,
        path: Path,
        target: FileIdentity | None,
        data: bytes,
        like: FileIdentity | None,
        *,
        eager: bool,
    ) -> None:
        self.path = path
        self._eager = eager
        self._fd = -1
        self.temp = path.parent / temp_name(path.name, "stage")
        self.digest = Digest(data)
        self._target = target
        self._data = data
        self._like = like
        self._folder: Folder
        self._inode = (0, 0)
        self._held = ""

    @property
    def sha256(self) -> str:
        """The SHA-256 of the new bytes."""
        return self.digest.hexdigest()

    def __enter__(self) -> Self:
        """Write the bytes.

        Raises
        ------
        WriteError
            The system would not let us; the old file is untouched.
        SnapshotChangedError
            The target is not the file that was read.
        """
        with writing(self.path, "opening its folder"):
            self._folder = Folder(self.path.parent)
        try:
            sweep(self._folder, self.path.name)
            self._write()
            if self._eager:
                self.settle()
        except BaseException:
            self._clean_up()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the new file if it was not put in place."""
        self._clean_up()

    def settle(self) -> None:
        """Bring the staged bytes to the disk.

        Raises
        ------
        WriteError
            The system would not; the old file is untouched.
        """
        with writing(self.path, "writing the new bytes beside it"):
            os.fsync(self._fd)
        self._close()

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _clean_up(self) -> None:
        self._folder.discard(self.temp.name)  # after a commit the name is not there any more
        if self._held:
            with suppress(OSError):
                status = self._folder.status(self._held)
                # What is neither ours nor the old file is somebody's save, and may be the only one.
                if self._is_new(status) or (self._target and self._target.is_still(status)):
                    self._folder.unlink(self._held)
        self._close()  # not before: who is ours is told by an inode that nobody else can have yet
        self._folder.close()

    def _is_new(self, status: os.stat_result) -> bool:
        return (status.st_dev, status.st_ino) == self._inode

    def is_waiting(self) -> bool:
        """Tell whether the new bytes still wait beside the file, and so are not in its place."""
        for name in (self.temp.name, self._held):
            with suppress(OSError):
                if name and self._is_new((self.path.parent / name).lstat()):
                    return True
        return False

    def _write(self) -> None:
        source = None if self._target is None else self._open_target()
        try:
            with writing(self.path, "writing the new bytes beside it"):
                self._fd = self._folder.open(self.temp.name, MAKE)
                self._fill(self._fd, source)
        finally:
            if source is not None:
                os.close(source)

    def _fill(self, fd: int, source: int | None) -> None:
        write_all(fd, self._data)
        if self._like is not None:
            carry(fd, self._like, source)
        if not self._eager:
            set_out(fd)
        status = os.fstat(fd)
        self._inode = (status.st_dev, status.st_ino)

    def _open_target(self) -> int:
        """Open the file that is to be replaced, in the folder that we hold, and look who it is."""
        self._refuse_changed()
        with writing(self.path, "looking at the file"):
            if not self._folder.may_write(self.path.name):
                self._folder.refuse_read_only()
                raise WriteError(
                    str(self.path), "no permission to write it", advice="make it writable first"
                )
            try:
                return self._folder.open(self.path.name, READ)
            except OSError as error:
                if error.errno in (errno.ELOOP, errno.ENOENT):
                    raise _changed(self.path, "the file was swapped") from error
                raise

    def _refuse_changed(self) -> None:
        if self._target is None:
            return
        try:
            same = self._target.is_still(self._folder.status(self.path.name))
        except FileNotFoundError:
            raise _changed(self.path, "the file is gone") from None
        except OSError as error:
            raise write_error(self.path, "looking at the file once more", error) from error
        if not same:
            raise _changed(self.path, "somebody else changed the file since it was read")

    def commit(self, last_look: Callable[[], None] | None = None) -> FileIdentity:
        """Put the new bytes in place and prove it.

        Parameters
        ----------
        last_look : callable, optional
            Called right before the rename; whatever it raises stops the commit.

        Returns
        -------
        FileIdentity
            The file that now stands at the path.

        Raises
        ------
        SnapshotChangedError
            The target is not the file that was read, and was left alone; or
            somebody replaced the new one at once.
        WriteError
            The rename was refused; nothing was changed.
        ProofError
            What was read back is not what was written.
        NotDurableError
            The new bytes are there; the folder could not be brought to the disk.
        """
        if last_look is not None:
            last_look()
        self.put()
        problem = None
        try:
            self.sync_folder()
        except NotDurableError as error:
            problem = error
        identity = self.prove()
        if problem is not None:
            problem.identity = identity
            raise problem
        return identity

    def sync_folder(self) -> None:
        """Bring the folder's names to the disk; raises `NotDurableError` as `commit`."""
        try:
            self._folder.sync()
        except OSError as error:
            found = f"the new bytes are in place, but not on the disk: {meaning(error)[0]}"
            raise NotDurableError(str(self.path), found) from error

    def put(self) -> None:
        """Rename and no more: part of `commit`, for whoever commits many files together.

        Raises
        ------
        SnapshotChangedError, WriteError
            As `commit`; the target was left alone.
        """
        assert self._fd < 0  # noqa: S101 - the bytes are on the disk
        self._refuse_changed()
        with writing(self.path, "putting the new file in place"):
            self._rename()

    def _rename(self) -> None:
        if self._target is not None:
            self._exchange(self._target)
            return
        try:
            place(self._folder, self.temp.name, self.path.name)
        except FileExistsError:
            raise SnapshotChangedError(
                str(self.path), "something is there already", advice="name another file"
            ) from None

    def _exchange(self, target: FileIdentity) -> None:
        """Take the old file into our hand, so that a save that came between is not destroyed."""
        folder, name = self._folder, self.path.name
        self._held = temp_name(name, "swap", self._inode[1])
        folder.replace(self.temp.name, self._held)
        # Held open: a save over our file frees its inode else, and the next may be made in it.
        self._fd = folder.open(self._held, READ)
        try:
            if not swap(folder, self._held, name):
                folder.replace(self._held, name)
                self._close()
                return
        except FileNotFoundError:
            raise _changed(self.path, "the file is gone") from None
        if target.is_still(folder.status(self._held)):
            folder.discard(self._held)
            self._close()
            return
        give_back(folder, self._held, name, self._inode[1])
        raise _changed(self.path, "somebody else saved it at this very moment")

    def prove(self) -> FileIdentity:
        """Read back what stands under the name; only then is it done. Raises as `commit`."""
        fd = -1
        try:
            fd = self._folder.open(self.path.name, READ)
            status = os.fstat(fd)
            if not self._is_new(status):
                raise _changed(self.path, "somebody else replaced the new file at once")
            if same_bytes(fd, self._data):
                return FileIdentity.of(self.path, status)
        except OSError as error:
            found = f"the new file can't be read back: {meaning(error)[0]}"
            raise ProofError(
                str(self.path), found, advice="the backup has the old bytes"
            ) from error
        finally:
            if fd >= 0:
                with suppress(OSError):
                    os.close(fd)
        raise ProofError(
            str(self.path),
            "other bytes",
            expected=f"the new bytes with sha256 {self.sha256}",
            advice="somebody wrote at the same moment; the backup has the old bytes",
        )


def _changed(path: Path, found: str) -> SnapshotChangedError:
    return SnapshotChangedError(str(path), found, advice="read it again and plan anew")
