"""What a path says by its spelling alone: a local file, a URL, a glob. Costs nothing to import."""

from __future__ import annotations

import glob
import os
import re
from typing import Final

_URL: Final = re.compile(r"(?:[a-z][a-z0-9+.-]+::)*[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_LOCAL: Final = re.compile(r"(?:file|local)://", re.IGNORECASE)


def is_url(path: str) -> bool:
    """Tell whether a path names something that fsspec reaches and not a local file.

    Examples
    --------
    >>> is_url("s3://bucket/a.json"), is_url("C:/a.json"), is_url("file:///a.json")
    (True, False, False)
    """
    return _URL.match(path) is not None and not _LOCAL.match(path)


def plain_path(path: str) -> str:
    """Return a path without the ``file://`` that a local one may have in front.

    Examples
    --------
    >>> plain_path("file:///var/a.json"), plain_path("a.json")
    ('/var/a.json', 'a.json')
    """
    return _LOCAL.sub("", path, count=1)


def means_one_file(path: str | os.PathLike[str]) -> bool:
    """Tell whether a path names a local file by itself, there or not: no folder, glob or URL.

    Examples
    --------
    >>> means_one_file("a.json"), means_one_file("*.json"), means_one_file("memory://a.json")
    (True, False, False)
    """
    text = os.fspath(path)
    if is_url(text) or text != plain_path(text) or os.path.isdir(text):  # noqa: PTH112 - the path may hold what no Path likes
        return False
    return not glob.has_magic(text) or os.path.lexists(text)
