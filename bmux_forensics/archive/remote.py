"""Files that a URL names: find them, as `finding` does for local ones, and fetch their bytes.

A store's listing tells sizes and times at once, and many files are fetched together: a
store answers slowly, but it answers many.
"""

from __future__ import annotations

import glob
import posixpath
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from bmux_forensics.archive.stores import Options, file_system, meaning, shown
from bmux_forensics.errors import FileMissingError, FileUnreadableError, ForensicsError

if TYPE_CHECKING:
    from bmux_forensics.archive.finding import Found

Fetched = bytes | ForensicsError
"""The bytes of a file, or why there are none."""

_TIMES: Final = ("LastModified", "mtime", "last_modified", "updated", "created")
_FOLDER: Final = "directory"


def remote_files(
    url: str, options: Options | None, taken: Callable[[str], bool], blank: Found
) -> Iterator[Found]:
    """Return every file that a URL means, by path: a file, a folder's files, a glob's.

    Parameters
    ----------
    url : str
        The URL.
    options : dict or None
        What the store is told.
    taken : callable
        Whether a file of that name is taken from a folder.
    blank : Found
        What to fill in; returned with its problem when there is nothing to read.
    """
    blank = replace(blank, name=shown(url), path=url)
    try:
        store, path = file_system(url, options)
        store.invalidate_cache()
        entries = _listed(store, path, taken)
    except ForensicsError as error:
        yield replace(blank, problem=error.found + (f"; {error.advice}" if error.advice else ""))
        return
    except Exception as error:  # noqa: BLE001 - every store has errors of its own
        yield replace(blank, problem=meaning(error))
        return
    if entries is None:
        yield replace(blank, problem="no file matches" if glob.has_magic(path) else "no such file")
        return
    names = _Names(url, store)
    for entry in sorted(entries, key=lambda e: str(e["name"])):
        where = str(entry["name"])
        name = blank.name if where == path else names.of(where)
        size = int(entry.get("size") or 0)
        yield replace(
            blank, name=name, path=where, captured_at=_moment(entry), size=size, store=store
        )


def _listed(store: Any, path: str, taken: Callable[[str], bool]) -> list[dict[str, Any]] | None:
    """Return what a store says of each file that a path of it means; None when there is none."""
    try:
        entry = store.info(path)
    except FileNotFoundError as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError):
            raise cause from None  # nobody answered: that says nothing about the file
        if not glob.has_magic(path):
            return None
        matches = store.glob(path, detail=True)
        found: list[dict[str, Any]] = []
        for match in matches.values():
            if not _is_hidden(match["name"], _fixed(path)):
                found += _below(store, match, taken)
        return list({e["name"]: e for e in found}.values()) if matches else None
    return _below(store, entry, taken)


def _below(store: Any, entry: dict[str, Any], taken: Callable[[str], bool]) -> list[dict[str, Any]]:
    """Return an entry itself, or the files below it when it is a folder."""
    if entry["type"] != _FOLDER:
        return [entry]
    folder = str(entry["name"])
    return [
        each
        for each in store.find(folder, detail=True).values()
        if taken(posixpath.basename(each["name"])) and not _is_hidden(each["name"], folder)
    ]


def _is_hidden(path: str, folder: str) -> bool:
    return "/." in "/" + path[len(folder) :].lstrip("/")


def _fixed(pattern: str) -> str:
    """Return the folder in front of the first wildcard."""
    first = next(i for i, c in enumerate(pattern) if c in "*?[")
    return pattern[:first].rpartition("/")[0]


class _Names:
    """What the files of one URL are called: the URL as the user wrote it, as far as it goes."""

    def __init__(self, url: str, store: Any) -> None:
        front, self._end = url, ""
        head, chained, rest = url.partition("::")
        if chained and "://" in head:  # zip://*.json::s3://bucket/all.zip
            front, self._end = head, chained + rest
        scheme, _, path = front.partition("://")
        if glob.has_magic(path):
            path = _fixed(path)
        self._front = f"{scheme}://{path.rstrip('/')}"
        self._base = str(store._strip_protocol(self._front)).rstrip("/")  # noqa: SLF001 - fsspec's way to say which path a URL is

    def of(self, path: str) -> str:
        """Return the URL of a file."""
        if not path.startswith(self._base):
            return shown(path + self._end)
        slash = "" if self._front.endswith("/") else "/"
        return shown(self._front + slash + path[len(self._base) :].lstrip("/") + self._end)


def _moment(entry: dict[str, Any]) -> datetime | None:
    value = next((entry[name] for name in _TIMES if entry.get(name)), None)
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, int | float):
            value = datetime.fromtimestamp(value, UTC)
        if isinstance(value, datetime):
            aware = value if value.tzinfo else value.replace(tzinfo=UTC)
            return aware.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        pass  # a store may say what no calendar has
    return None


def fetched(files: Sequence[Found], limit: int | None) -> dict[str, Fetched]:
    """Return the bytes of files in stores by their names, each store asked for all at once.

    Parameters
    ----------
    files : sequence of Found
        Files with a store.
    limit : int or None
        Refuse larger files.
    """
    done: dict[str, Fetched] = {}
    stores: dict[int, list[Found]] = {}
    for file in files:
        if limit is not None and file.size > limit:
            done[file.name] = _too_large(file, limit)
        else:
            stores.setdefault(id(file.store), []).append(file)
    for group in stores.values():
        for file, data in zip(group, _together(group), strict=True):
            done[file.name] = _judged(file, data, limit)
    return done


def _together(files: list[Found]) -> list[Any]:
    store = files[0].store
    try:
        # Not `cat`: that takes the wildcards in a file's name for wildcards.
        return list(store.cat_ranges([f.path for f in files], None, None, on_error="return"))
    except Exception as error:  # noqa: BLE001 - every store has errors of its own
        return [error] * len(files)


def _judged(file: Found, data: Any, limit: int | None) -> Fetched:
    if isinstance(data, FileNotFoundError):
        return FileMissingError(file.name, meaning(data))
    if isinstance(data, BaseException):
        return FileUnreadableError(file.name, meaning(data))
    if limit is not None and len(data) > limit:
        return _too_large(file, limit)
    return bytes(data)


def _too_large(file: Found, limit: int) -> FileUnreadableError:
    size = f"{file.size} bytes" if file.size > limit else "more than that"
    advice = "raise the size limit to read it all the same"
    return FileUnreadableError(file.name, size, expected=f"at most {limit} bytes", advice=advice)
