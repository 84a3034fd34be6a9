"""A DataFrame's rows as plain dicts."""

from __future__ import annotations

from typing import Any, cast

import pandas as pd

Record = dict[str, Any]


def records(frame: pd.DataFrame) -> list[Record]:
    """Return a dict a row, by column.

    Examples
    --------
    >>> records(pd.DataFrame({"rule": ["ghost-client"]}))
    [{'rule': 'ghost-client'}]
    """
    return cast("list[Record]", frame.to_dict("records"))
