"""What is wrong with snapshots, what a server will make of them, who is orphaned: one or thousands.

Snapshots that are named one by one are opened here, and one that can't be read is an error.
Those of an archive are asked where they are read, a batch at a time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from bmux_forensics.actions import auditing
from bmux_forensics.archive.asking import archive_of, meant_by
from bmux_forensics.archive.batch import Batch
from bmux_forensics.archive.executors import Executor
from bmux_forensics.archive.loading import Archive, joined
from bmux_forensics.archive.spelling import means_one_file
from bmux_forensics.archive.stores import Options
from bmux_forensics.errors import UsageError
from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.tables.build import Tables

Source = str | os.PathLike[str] | Snapshot | Tables | Archive
"""A path, as in `load_archive`; a snapshot that is open, or the tables of some; or an archive."""

_SNAPSHOT = "snapshot"


def audit(
    *sources: Source,
    target: str = "alpha4",
    rules: Collection[str] | None = None,
    here: bool = False,
    executor: Executor | None = None,
    storage_options: Options | None = None,
) -> pd.DataFrame:
    """Find everything that is wrong with some snapshots, or worth knowing.

    Parameters
    ----------
    *sources : path-like, Snapshot, Tables or Archive
        The snapshots: files, folders, globs and URLs as in `load_archive`, or one archive;
        bmux's own without any. What can't be read of an archive has no findings: its
        status says so.
    target : str
        The server to judge for: ``alpha4``, ``alpha1``, or ``all`` for both; then each
        finding is there once, as bad as it is for the server that minds it most.
    rules : collection of str, optional
        Only findings of these rules.
    here : bool
        Ask this machine for the folders and shells that the snapshots name; bmux's own
        snapshot is always asked about.
    executor, storage_options
        As in `load_archive`.

    Returns
    -------
    DataFrame
        As `bmux_forensics.analysis.audit.run.audit`: one row a finding.

    Raises
    ------
    UsageError
        There is no such target or rule; an executor is to ask this machine; or what is
        given beside an archive is no path.
    EvidenceError
        A snapshot that is named by itself can't be read.

    Examples
    --------
    >>> audit("sample_snapshots/alpha4-day")["severity"].unique().tolist()
    ['info']
    """
    if here and executor is not None:
        raise UsageError("audit", "an executor that is to ask this machine", expected="one of them")
    _require_snapshots(sources)
    rules = None if rules is None else tuple(rules)
    told = {"target": target, "rules": rules, "here": here}
    return _asked(auditing.audit, sources, told, executor, storage_options)


def forecast(
    *sources: Source,
    target: str = "alpha4",
    executor: Executor | None = None,
    storage_options: Options | None = None,
) -> pd.DataFrame:
    """Foretell what a server makes of some snapshots when it starts on them.

    Parameters
    ----------
    *sources, executor, storage_options
        As in `audit`.
    target : str
        The server: ``alpha4``, ``alpha1``, or ``all`` for both.

    Returns
    -------
    DataFrame
        As `bmux_forensics.analysis.restore.forecast.forecast`: one row a snapshot and target.
    """
    _require_snapshots(sources)
    return _asked(auditing.forecast, sources, {"target": target}, executor, storage_options)


def session_status(
    *sources: Source,
    executor: Executor | None = None,
    storage_options: Options | None = None,
) -> pd.DataFrame:
    """Say of every session what it has and in one word how it is.

    Parameters
    ----------
    *sources, executor, storage_options
        As in `audit`.

    Returns
    -------
    DataFrame
        As `bmux_forensics.analysis.status.session_status`: one row a session.
    """
    return _asked(auditing.session_status, sources, {}, executor, storage_options)


def orphans(
    *sources: Source,
    kinds: Collection[str] = ("lost", "hollow"),
    executor: Executor | None = None,
    storage_options: Options | None = None,
) -> pd.DataFrame:
    """List the sessions that nothing leads to any more, with what shows it.

    Parameters
    ----------
    *sources, executor, storage_options
        As in `audit`.
    kinds : collection of str
        Which words of the status count.

    Returns
    -------
    DataFrame
        As `bmux_forensics.analysis.status.orphans`.
    """
    return _asked(auditing.orphans, sources, {"kinds": kinds}, executor, storage_options)


def _require_snapshots(sources: Sequence[Source]) -> None:
    """Refuse tables whose snapshots are gone: nothing would be found, and that would be no news."""
    if any(isinstance(source, Batch) for source in sources):
        found = "a batch, which has let go of its snapshots"
        raise UsageError("audit", found, expected="the archive itself")


@dataclass(frozen=True)
class _Question:
    """What is asked of every batch, where it is read."""

    of: Callable[..., pd.DataFrame]
    told: dict[str, Any] = field(default_factory=dict)

    def __call__(self, tables: Tables) -> pd.DataFrame:
        return self.of(tables, **self.told)


def _asked(
    of: Callable[..., pd.DataFrame],
    sources: Sequence[Source],
    told: dict[str, Any],
    executor: Executor | None,
    options: Options | None,
) -> pd.DataFrame:
    archive = _archive_of(sources, executor, options)
    if archive is None:
        return of(*sources, **told)
    question = _Question(of, told)
    return _together([question(Tables(())), *archive.ask(question)])


def _archive_of(
    sources: Sequence[Source], executor: Executor | None, options: Options | None
) -> Archive | None:
    """Return the archive that some sources make; None for snapshots that are named one by one."""
    paths = tuple(s for s in sources if isinstance(s, str | os.PathLike | Archive))
    archive, places = meant_by(paths)
    if archive is None and executor is None and all(map(means_one_file, places)):
        return None
    if len(paths) < len(sources):
        raise UsageError("archive", "open snapshots beside it", expected="paths, or one archive")
    return archive_of(paths, executor=executor, storage_options=options)


def _together(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put answers together; their ``snapshot`` has one category a file again, in order."""
    names = [name for part in parts for name in part[_SNAPSHOT].cat.categories]
    return joined(parts, pd.CategoricalDtype(pd.Index(names, dtype="str")))
