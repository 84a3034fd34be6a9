"""The sessions of a whole archive: in how many snapshots each is, and when first and last."""

from __future__ import annotations

import pandas as pd

from bmux_forensics.archive.asking import Source, archive_of


def archive_sessions(*sources: Source) -> pd.DataFrame:
    """List every session that any snapshot of an archive lists.

    Parameters
    ----------
    *sources : path-like or Archive
        Paths, as in `load_archive`, or one archive; bmux's own snapshot without any.

    Returns
    -------
    DataFrame
        One row a session, the one that was seen last first: ``session_id`` str; ``name``
        str, the last one it had; ``snapshots`` int64, how many list it; ``first``, ``last``
        datetime64[us, UTC], of their captures, null where unknown; ``last_snapshot`` str,
        the newest that lists it; ``is_in_newest`` bool. Empty, with the same columns, when
        there is none.

    Examples
    --------
    >>> day = archive_sessions("sample_snapshots/alpha4-day")
    >>> day.loc[~day["is_in_newest"], ["name", "snapshots"]].values.tolist()
    [['ops', 1]]
    """
    archive = archive_of(sources)
    rows = archive.table("sessions")[["snapshot", "session_id", "name"]]
    rows = rows.dropna(subset="session_id").astype({"snapshot": "str"})
    status = archive.status[["path", "captured_at"]].rename(columns={"path": "snapshot"})
    rows = rows.merge(status, on="snapshot", how="left")
    rows = rows.sort_values("captured_at", kind="stable", na_position="first")
    newest = _newest(archive.status)
    found = rows.groupby("session_id", sort=False).agg(
        name=("name", "last"),
        snapshots=("snapshot", "nunique"),
        first=("captured_at", "min"),
        last=("captured_at", "max"),
        last_snapshot=("snapshot", "last"),
    )
    found["is_in_newest"] = found.index.isin(rows.loc[rows["snapshot"] == newest, "session_id"])
    found = found.sort_values("last", ascending=False, kind="stable", na_position="last")
    return found.reset_index()


def _newest(status: pd.DataFrame) -> str | None:
    """Return the snapshot that was captured last, of those that could be read."""
    read = status[status["status"] != "unreadable"].dropna(subset="captured_at")
    return None if read.empty else str(read.sort_values("captured_at")["path"].iloc[-1])
