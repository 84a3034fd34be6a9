"""The snapshots of an archive one after another, without tables and without pandas."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bmux_forensics.actions.compression import decompressed
from bmux_forensics.actions.opening import SIZE_LIMIT, STDIN, open_snapshot
from bmux_forensics.archive.spelling import means_one_file
from bmux_forensics.errors import FileMissingError, FileUnreadableError, ForensicsError
from bmux_forensics.snapshot.document import Snapshot, read_snapshot

if TYPE_CHECKING:
    from bmux_forensics.archive.finding import Found
    from bmux_forensics.archive.remote import Fetched


def open_each(
    *paths: str | os.PathLike[str], size_limit: int | None = SIZE_LIMIT
) -> Iterator[Snapshot | ForensicsError]:
    """Open the snapshots that some paths mean; each is let go of when the next one comes.

    Parameters
    ----------
    *paths : path-like
        As in `bmux_forensics.load_archive`; bmux's own snapshot without any.
    size_limit : int or None
        Refuse larger snapshots, decompressed; None lifts the limit.

    Yields
    ------
    Snapshot or ForensicsError
        In the order of `load_archive`; of a file that can't be read what is wrong with it.
        Nothing where there are no files.

    Examples
    --------
    >>> [type(one).__name__ for one in open_each("sample_snapshots/alpha4-day", "absent.json")][-2:]
    ['Snapshot', 'FileMissingError']
    """
    if all(map(means_one_file, paths)):
        for path in paths or (None,):
            try:
                yield open_snapshot(None if path is None else Path(path), size_limit=size_limit)
            except ForensicsError as error:
                yield error
        return
    yield from _found(paths, size_limit)


def _found(
    paths: tuple[str | os.PathLike[str], ...], size_limit: int | None
) -> Iterator[Snapshot | ForensicsError]:
    # What one file needs nothing of: it would double the time that `info` takes to start.
    from bmux_forensics.archive.chunks import chunked  # noqa: PLC0415
    from bmux_forensics.archive.finding import find_files  # noqa: PLC0415
    from bmux_forensics.archive.remote import fetched  # noqa: PLC0415

    for chunk in chunked(find_files(paths)):
        remote = fetched([f for f in chunk if f.store is not None and not f.problem], size_limit)
        for file in chunk:
            try:
                yield _opened(file, remote.pop(file.name, None), size_limit)
            except ForensicsError as error:
                yield error


def _opened(file: Found, data: Fetched | None, size_limit: int | None) -> Snapshot:
    if file.problem:
        missing = file.problem.startswith("no ")
        raise (FileMissingError if missing else FileUnreadableError)(file.name, file.problem)
    if isinstance(data, ForensicsError):
        raise data
    if data is not None:
        raw = decompressed(data, file.name, size_limit)
        return read_snapshot(raw, file.name, saved_at=file.captured_at)
    try:
        place = file.path if file.path == STDIN else Path(file.path)
        return open_snapshot(place, size_limit=size_limit, name=file.name)
    except ForensicsError as error:
        if error.where == file.path:
            error.where = file.name  # as it was named, not as a worker would need it
        raise
