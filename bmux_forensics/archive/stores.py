"""Places that a URL names: anything that fsspec can reach, for reading and for writing.

``s3://bucket/folder``, ``memory://folder``, ``simplecache::https://host/file``. What a
store is told (keys, an endpoint) comes from `storage_options`, from fsspec's own
configuration, or from where the store's library looks by itself. ``file://`` is no store:
such a file is a local one and is read like every other.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from bmux_forensics.archive.spelling import is_url, plain_path
from bmux_forensics.errors import FileMissingError, FileUnreadableError, UsageError, WriteError
from bmux_forensics.store.folder import MAKE, Folder, write_all
from bmux_forensics.store.leftovers import sweep, temp_name

Options = Mapping[str, Any]
"""What fsspec is told about a store: ``storage_options``, as pandas and Dask call them."""

_PASSWORD: Final = re.compile(r"(//[^/@:]*):[^/@]*@")
_EXTRAS: Final = {"s3": "s3", "s3a": "s3"}


def shown(url: str) -> str:
    """Return a URL as it may be shown: without a password.

    Examples
    --------
    >>> shown("sftp://me:secret@host/a.json")
    'sftp://me:•••@host/a.json'
    """
    return _PASSWORD.sub(r"\1:•••@", url)


def file_system(url: str, options: Options | None = None) -> tuple[Any, str]:
    """Return fsspec's file system for a URL, and the path that the URL names in it.

    Raises
    ------
    FileUnreadableError
        There is no such kind of store, what it needs is not installed, or it can't be
        reached with these options.
    """
    from fsspec.core import url_to_fs  # noqa: PLC0415 - for those who have URLs

    try:
        found, path = url_to_fs(url, **(options or {}))
    except ImportError as error:
        extra = _EXTRAS.get(url.partition("://")[0].rpartition("::")[2].lower())
        advice = f"pip install 'bmux-forensics[{extra}]'" if extra else "install what it names"
        raise FileUnreadableError(shown(url), meaning(error), advice=advice) from None
    except Exception as error:  # noqa: BLE001 - every store has errors of its own
        raise FileUnreadableError(shown(url), meaning(error)) from None
    return found, str(path)


def meaning(error: BaseException) -> str:
    """Say in a few words what a store's error means; every store has errors of its own."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    if isinstance(error, IsADirectoryError):
        return "a folder"
    text = str(error).strip().partition("\n")[0] or "no reason given"
    return f"the store said: {text[:200]} ({type(error).__name__})"


@dataclass(frozen=True)
class Destination:
    """A folder or a URL to write files into, each under a name that is known beforehand.

    It can be sent to a worker process. A file that is written once more is the same as
    before, so work that was lost half-way is simply done again. In a local folder a file
    appears whole or not at all; an object store keeps that promise by itself.

    Parameters
    ----------
    where : path-like
        The folder or the URL.
    options : dict, optional
        As in `Options`.

    Examples
    --------
    >>> target = Destination("memory://out")
    >>> target.put("day=1/part-0.bin", b"abc")
    'memory://out/day=1/part-0.bin'
    >>> target.get("day=1/part-0.bin"), target.get("part-1.bin")
    (b'abc', None)
    """

    where: str | os.PathLike[str]
    options: Options | None = field(default=None, repr=False, compare=False)

    @property
    def is_remote(self) -> bool:
        """Whether it is a URL that fsspec reaches."""
        return is_url(os.fspath(self.where))

    def place(self, name: str) -> str:
        """Return the path or the URL of a file in it.

        Raises
        ------
        UsageError
            The name leads out of the destination.
        """
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts or "\0" in name:
            raise UsageError(str(self.where), f"the name {name!r}", expected="a name inside it")
        if not self.is_remote:
            return str(Path(plain_path(os.fspath(self.where)), name))
        head, chained, rest = os.fspath(self.where).partition("::")
        if "://" not in head:  # simplecache::s3://bucket
            return f"{head}{chained}{rest.rstrip('/')}/{name}"
        return f"{head.rstrip('/')}/{name}{chained}{rest}"

    def put(self, name: str, data: bytes) -> str:
        """Write a file, replacing what has its name, and return its path or URL.

        Raises
        ------
        UsageError
            The name leads out of the destination.
        WriteError
            It can't be written; what had the name is still there.
        """
        place = self.place(name)
        try:
            if self.is_remote:
                found, path = file_system(place, self.options)
                if "/" in path.strip("/"):
                    found.makedirs(path.rpartition("/")[0], exist_ok=True)
                found.pipe_file(path, data)
            else:
                _put_locally(Path(place), data)
        except UsageError:
            raise
        except Exception as error:
            text = (getattr(error, "strerror", None) or "").lower() or getattr(error, "found", None)
            raise WriteError(
                shown(place), text or meaning(error), advice="write elsewhere"
            ) from error
        return shown(place)

    def tidy(self, names: Iterable[str]) -> None:
        """Remove what killed writers left where files of these names are.

        Whose process is not proven gone may still be writing: its file stays. So does what
        somebody else made. In a store nothing half-written is ever left.
        """
        if self.is_remote:
            return
        for path in {Path(self.place(name)).parent for name in names}:
            with suppress(OSError), Folder(path) as folder:
                sweep(folder)

    def get(self, name: str) -> bytes | None:
        """Return the bytes of a file that is there already; None when there is none.

        Raises
        ------
        FileUnreadableError
            It is there, or may be, and can't be read.
        """
        place = self.place(name)
        try:
            if not self.is_remote:
                return Path(place).read_bytes()
            found, path = file_system(place, self.options)
            return bytes(found.cat_file(path))
        except (FileNotFoundError, NotADirectoryError, FileMissingError):
            return None
        except FileUnreadableError:
            raise
        except Exception as error:
            raise FileUnreadableError(shown(place), meaning(error)) from error


def _put_locally(path: Path, data: bytes) -> None:
    """Write a file that appears whole or not at all: its bytes are on the disk before its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temp_name(path.name, "copy")
    with Folder(path.parent) as folder:
        try:
            descriptor = folder.open(temporary, MAKE)
            try:
                write_all(descriptor, data)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            folder.replace(temporary, path.name)
        except BaseException:
            folder.discard(temporary)
            raise
