"""Questions about all snapshots of an archive together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import tzinfo
from typing import Any, Final

import pandas as pd

from bmux_forensics.analysis import timeline as telling
from bmux_forensics.analysis.search import Search, gathered
from bmux_forensics.archive.executors import Executor
from bmux_forensics.archive.loading import Archive, load_archive
from bmux_forensics.archive.stores import Options
from bmux_forensics.errors import UsageError

Source = str | os.PathLike[str] | Archive
"""A path, as in `load_archive`, or an archive that is there already."""


_IN_TIME: Final = {"executor", "storage_options"}  # the latter may be meant for an output


def archive_of(sources: tuple[Source, ...], **options: Any) -> Archive:
    """Return the archive that is the only source, or that some paths make.

    The options are those of `load_archive`. An archive that is there already can still be
    read by another executor; everything else was settled when it was loaded.

    Raises
    ------
    UsageError
        As `meant_by`; or an option comes too late.
    """
    archive, paths = meant_by(sources)
    if archive is None:
        return load_archive(*paths, **options)
    for name, value in options.items():
        if value and name not in _IN_TIME:
            expected = "it where the archive is loaded"
            raise UsageError("archive", f"{name} beside an archive", expected=expected)
    executor = options.get("executor")
    return archive if executor is None else archive.read_by(executor)


def meant_by(sources: Sequence[Source]) -> tuple[Archive | None, list[str | os.PathLike[str]]]:
    """Return the archive that is the only source, or the paths that all of them are.

    Raises
    ------
    UsageError
        There is an archive beside something else: none of them may be left out in silence.
    """
    archives = [source for source in sources if isinstance(source, Archive)]
    if archives and len(sources) > 1:
        raise UsageError("archive", "an archive beside others", expected="one archive, or paths")
    paths = [source for source in sources if not isinstance(source, Archive)]
    return (archives[0] if archives else None), paths


def timeline(
    *sources: Source,
    tz: str | tzinfo | None = None,
    host_pattern: str | None = None,
    executor: Executor | None = None,
    storage_options: Options | None = None,
) -> pd.DataFrame:
    """Tell what happened to sessions and contexts, from one snapshot to the next.

    Parameters
    ----------
    *sources : path-like or Archive
        Paths, as in `load_archive`, or one archive; bmux's own snapshot without any.
    tz, host_pattern
        As in `load_archive`. Without a pattern all files are one history.
    executor, storage_options
        As in `load_archive`.

    Returns
    -------
    DataFrame
        As `bmux_forensics.analysis.timeline.timeline`: one row an event.

    Examples
    --------
    >>> events = timeline("sample_snapshots/alpha4-day")
    >>> events.loc[events["event"] == "vanished", "name"].tolist()
    ['ops']
    """
    archive = archive_of(
        sources,
        tz=tz,
        host_pattern=host_pattern,
        executor=executor,
        storage_options=storage_options,
    )
    parts = list(archive.ask(telling.facts))
    return telling.timeline(parts, archive.status)


def find(  # noqa: PLR0913 - one parameter a choice
    text: str,
    *sources: Source,
    what: str | None = None,
    tz: str | tzinfo | None = None,
    host_pattern: str | None = None,
    executor: Executor | None = None,
    storage_options: Options | None = None,
) -> pd.DataFrame:
    """Say which snapshots speak of something, and when it was there first and last.

    Parameters
    ----------
    text : str
        What to look for: anywhere in a text, in any letter case; an id by its beginning.
    *sources : path-like or Archive
        Paths, as in `load_archive`, or one archive; bmux's own snapshot without any.
    what : str, optional
        Look only in this: session, context, pane, command, folder, client, workspace.
    tz, host_pattern, executor, storage_options
        As in `load_archive`.

    Returns
    -------
    DataFrame
        As `bmux_forensics.analysis.search.gathered`: one row a thing that was found.

    Raises
    ------
    UsageError
        The text is empty, or `what` is none of these.

    Examples
    --------
    >>> found = find("ops", "sample_snapshots/alpha4-day", what="session")
    >>> found[["name", "count"]].values.tolist()
    [['ops', 1]]
    """
    search = Search(text, what)
    archive = archive_of(
        sources,
        tz=tz,
        host_pattern=host_pattern,
        executor=executor,
        storage_options=storage_options,
    )
    parts = list(archive.ask(search))
    return gathered(parts, archive.status)
