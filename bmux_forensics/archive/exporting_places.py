"""The folder or URL of an export: what of it is there already, and making room."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from bmux_forensics.archive.spelling import plain_path
from bmux_forensics.archive.stores import Destination, file_system, meaning, shown
from bmux_forensics.errors import UsageError, WriteError
from bmux_forensics.tables.build import table_names

T = TypeVar("T")

FILES: Final = "files"
"""The table of what became of each file."""
ABOUT: Final = "_EXPORT"
"""What says of an export that it is whole: its tables, their keys and references, as JSON."""
DATABASE: Final = "snapshots.sqlite"
"""The database of an export to SQLite."""

UNFINISHED: Final = ".unfinished"
"""The folder of files that are being written."""

_PRIVATE: Final = 0o600  # as the parts have it: names, folders and commands are in them
_TABLES: Final = "|".join((*table_names(), FILES))
_OURS: Final = re.compile(
    rf"{ABOUT}|(?:{re.escape(UNFINISHED)}/)?(?:{re.escape(DATABASE)}|(?:{_TABLES})\.(?:csv|jsonl))"
    rf"|(?:{_TABLES})/(?:day=[^/]+/)?part-[^/]+\.(?:parquet|csv|jsonl)"
)
"""The names of all files that any export writes: nothing else is ever removed."""


@dataclass(frozen=True)
class Place:
    """Where an export goes.

    Parameters
    ----------
    target : Destination
        The folder or the URL.
    """

    target: Destination

    def make_room(self, *, overwrite: bool) -> None:
        """Remove what an earlier export left, or refuse where there is some.

        Raises
        ------
        UsageError
            An export is there and is not to be replaced, or a file stands in its place.
        WriteError
            It can't be looked at, or not be removed.
        """
        ours = self._told(lambda: sorted(n for n in self._names() if _OURS.fullmatch(n)))
        if ours and not overwrite:
            where = shown(os.fspath(self.target.where))
            raise UsageError(where, "an export", expected="a new folder", advice="add --overwrite")
        for name in ours:
            self._told(partial(self._remove, name))

    def _told(self, step: Callable[[], T]) -> T:
        """Do something, and say in our own words what a store has against it."""
        try:
            return step()
        except UsageError:
            raise
        except Exception as error:
            found = (getattr(error, "strerror", None) or "").lower() or meaning(error)
            where = shown(os.fspath(self.target.where))
            raise WriteError(where, found, advice="write elsewhere") from error

    @property
    def folder(self) -> Path:
        """The folder, where it is a local one."""
        return Path(plain_path(os.fspath(self.target.where)))

    @contextmanager
    def whole(self, *names: str) -> Iterator[list[Path]]:
        """Give paths to write files at; once all are whole, each gets its name."""
        if self.target.is_remote:
            with tempfile.TemporaryDirectory() as scratch:
                paths = [Path(scratch, name) for name in names]
                yield paths
                for path, name in zip(paths, names, strict=True):
                    found, place = file_system(self.target.place(name), self.target.options)
                    found.put_file(str(path), place)
            return
        scratch_folder = self.folder / UNFINISHED
        made = [f for f in (self.folder, *self.folder.parents) if not f.exists()]
        self.folder.mkdir(parents=True, exist_ok=True)
        scratch_folder.mkdir(mode=0o700, exist_ok=True)
        paths = [scratch_folder / name for name in names]
        try:
            yield paths
            for path, name in zip(paths, names, strict=True):
                path.chmod(_PRIVATE)
                path.replace(self.folder / name)
        finally:
            for path in paths:
                path.unlink(missing_ok=True)
            with suppress(OSError):  # up to the first that is not empty, or not ours
                for folder in (scratch_folder, *made):
                    folder.rmdir()

    def _names(self) -> Iterator[str]:
        if not self.target.is_remote:
            root = self.folder
            if root.exists() and not root.is_dir():
                raise UsageError(str(root), "a file", expected="a folder")
            yield from (path.relative_to(root).as_posix() for path in root.rglob("*"))
            return
        found, path = file_system(os.fspath(self.target.where), self.target.options)
        start = path.rstrip("/") + "/"
        found.invalidate_cache()
        if found.exists(path):
            yield from (name.removeprefix(start) for name in found.find(path))

    def _remove(self, name: str) -> None:
        if self.target.is_remote:
            found, path = file_system(self.target.place(name), self.target.options)
            found.rm(path)
        else:
            Path(self.target.place(name)).unlink(missing_ok=True)
