"""What the runtime folders say about servers, as a DataFrame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bmux_forensics.host.server import ServerFinding

DTYPES: Final[Mapping[str, str]] = {
    "runtime_name": "str",
    "folder": "str",
    "state": "str",
    "reason": "str",
    "pid": "Int64",
    "uid": "Int64",
    "evidence": "str",
}


def servers_frame(findings: Iterable[ServerFinding]) -> pd.DataFrame:
    """Return one row for each runtime folder that was looked at.

    Parameters
    ----------
    findings : iterable of ServerFinding
        As `host.server.find_servers` or `ServerVerdict.findings` gives them.

    Returns
    -------
    pandas.DataFrame
        Columns ``runtime_name``, ``folder``, ``state`` (live, none or cannot-tell),
        ``reason`` and ``evidence`` (str), ``pid`` and ``uid`` (Int64, null when not
        known). With no finding it is empty, with the same columns and dtypes.

    Examples
    --------
    >>> servers_frame([]).dtypes["pid"]
    Int64Dtype()
    """
    rows = [
        (f.runtime_name, str(f.folder), f.state, f.reason, f.pid, f.uid, f.evidence)
        for f in findings
    ]
    return pd.DataFrame(rows, columns=list(DTYPES), dtype=object).astype(dict(DTYPES))
