"""What a report says, as DataFrames: asked of every snapshot where it is read, then redacted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

import bmux_forensics as bf
from bmux_forensics.errors import ForensicsError
from bmux_forensics.notebook.evidence import Evidence, records

if TYPE_CHECKING:
    from collections.abc import Sequence

IN_FULL: Final = 3
"""How many snapshots are told in full: the latest ones."""

_SNAPSHOT: Final = "snapshot"
WORST: Final = ("error", "warning", "info")
"""Severities, the worst first."""


@dataclass(frozen=True)
class Answers:
    """What some snapshots say: findings, forecasts, how their sessions are, what they are."""

    findings: pd.DataFrame
    forecast: pd.DataFrame
    status: pd.DataFrame
    snapshots: pd.DataFrame


def questions(tables: bf.Tables) -> Answers:
    """Ask of some snapshots what a report says of each; runs where they are read."""
    return Answers(
        bf.audit(tables),
        bf.forecast(tables, target="all"),
        bf.session_status(tables),
        tables["snapshots"],
    )


@dataclass(frozen=True)
class Gathered:
    """Everything a report is made of.

    Parameters
    ----------
    files : DataFrame
        As `Archive.status`, and of each file ``sessions``, ``panes``, ``error``,
        ``warning``, ``info`` Int64, how many, and ``checksum`` str, whether it fits.
    findings : DataFrame
        As `bmux_forensics.audit`, for every snapshot.
    forecast : DataFrame
        For every snapshot and target: ``snapshot``, ``target`` str; ``sound`` bool, the
        server starts, saves and loses nothing; ``forecast`` str, in a line.
    events : DataFrame
        As `bmux_forensics.timeline`.
    in_full : tuple of Evidence
        The snapshots that are told in full, the latest first.
    redacted : bool
        Whether what is private was replaced.
    """

    files: pd.DataFrame
    findings: pd.DataFrame
    forecast: pd.DataFrame
    events: pd.DataFrame
    in_full: tuple[Evidence, ...]
    redacted: bool


def gather(
    archive: bf.Archive, *, redaction: bf.Redaction | None = None, show_env: bool = False
) -> Gathered:
    """Read the files of an archive, and ask them everything a report says."""
    gathered = _of_one(archive) if len(archive) == 1 else _of_several(archive, show_env=show_env)
    return gathered if redaction is None else _redacted(gathered, redaction)


def _of_one(archive: bf.Archive) -> Gathered:
    """Read the one file of an archive once: standard input can't be read again."""
    read = [tables for tables in archive.ask(_themselves) if tables.snapshots]
    answers = _together([questions(tables) for tables in read])
    return Gathered(
        _counted(archive.status, answers),
        answers.findings,
        _forecast(answers.forecast),
        bf.timeline(bf.Archive(())),  # one snapshot has no history
        tuple(Evidence.of(tables) for tables in read),
        redacted=False,
    )


def _themselves(tables: bf.Tables) -> bf.Tables:
    return tables


def _of_several(archive: bf.Archive, *, show_env: bool) -> Gathered:
    answers = _together(list(archive.ask(questions)))
    files = _counted(archive.status, answers)
    return Gathered(
        files,
        answers.findings,
        _forecast(answers.forecast),
        bf.timeline(archive),
        tuple(_in_full(files, show_env=show_env)),
        redacted=False,
    )


def _together(parts: Sequence[Answers]) -> Answers:
    parts = parts or [questions(bf.Tables(()))]
    names = ("findings", "forecast", "status", "snapshots")
    frames = [[getattr(part, name) for part in parts] for name in names]
    return Answers(*(_stacked(several) for several in frames))


def _stacked(frames: list[pd.DataFrame]) -> pd.DataFrame:
    plain = [frame.astype({_SNAPSHOT: "str"}) for frame in frames]
    return pd.concat(plain, ignore_index=True)


def _counted(status: pd.DataFrame, answers: Answers) -> pd.DataFrame:
    """Put beside each file how much is in it and how much is wrong with it."""
    sessions = answers.status.groupby(_SNAPSHOT).agg(
        sessions=("session_id", "size"), panes=("panes", "sum")
    )
    found = pd.crosstab(answers.findings[_SNAPSHOT], answers.findings["severity"])
    found = found.reindex(columns=list(WORST), fill_value=0)
    snapshots = answers.snapshots.set_index(_SNAPSHOT)
    fits = (snapshots["checksum"] == snapshots["computed_checksum"]).fillna(value=False)
    words = fits.map({True: "fits", False: "does not fit"}).rename("checksum")
    readable = set(snapshots.index)
    files = status.join(sessions, on="path").join(found, on="path").join(words, on="path")
    counts = ["sessions", "panes", *WORST]
    known = files["path"].isin(readable)
    files[counts] = (
        files[counts].astype("Int64").where(~known, files[counts].fillna(0).astype("Int64"))
    )
    return files


def _forecast(forecast: pd.DataFrame) -> pd.DataFrame:
    """Put forecasts into words: numbers and our own names alone."""
    lost = forecast["lost_at_next_save"].map(bool).astype(bool)
    return pd.DataFrame(
        {
            _SNAPSHOT: forecast[_SNAPSHOT],
            "target": forecast["target"],
            "sound": forecast["server_starts"] & ~forecast["saves_blocked"] & ~lost,
            "forecast": [bf.forecast_line(row) for row in records(forecast)],
        }
    )


def _in_full(files: pd.DataFrame, *, show_env: bool) -> Iterator[Evidence]:
    readable = files[files["status"] != "unreadable"]
    latest = readable.sort_values("captured_at", kind="stable", ascending=False, na_position="last")
    for path in latest["path"].head(IN_FULL):
        try:
            yield Evidence.of(bf.load_tables(path, show_env=show_env))
        except ForensicsError:  # gone since it was read: the other parts say what it was
            continue


def _redacted(gathered: Gathered, redaction: bf.Redaction) -> Gathered:
    return Gathered(
        redaction.frame(gathered.files),
        redaction.frame(gathered.findings),
        gathered.forecast.assign(snapshot=gathered.forecast[_SNAPSHOT].map(redaction.snapshot)),
        redaction.frame(gathered.events),
        tuple(evidence.redacted(redaction) for evidence in gathered.in_full),
        redacted=True,
    )


def worst(findings: pd.DataFrame) -> dict[str, int]:
    """Return how many findings there are of each severity."""
    found: Counter[Any] = Counter(findings["severity"])
    return {severity: found[severity] for severity in WORST}
