"""What a selector means: a UUID, else an exact name, else the start of an id.

The first step that matches decides. bmux takes the first session a step finds;
we refuse a selector that means more than one session, and an empty one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from bmux_forensics.errors import NoSuchSessionError, SelectorError, UsageError
from bmux_forensics.snapshot.identifiers import canonical_id


def matches(sessions: pd.DataFrame, selector: str) -> pd.DataFrame:
    """Return the rows of the sessions table that a selector means, perhaps of many snapshots.

    In each snapshot the first step that matches decides: a UUID in any spelling,
    the exact name, the start of the id in any letter case. An empty selector means nothing.

    Parameters
    ----------
    sessions : DataFrame
        The ``sessions`` table.
    selector : str
        What a person typed.

    Returns
    -------
    DataFrame
        The matching rows, in order; empty when there is none.
    """
    wanted = canonical_id(selector)
    if wanted is not None:
        return sessions[sessions["session_id"] == wanted]
    if not selector or not _is_text(selector):
        return sessions.iloc[:0]
    named = sessions["name"] == selector
    prefixed = sessions["session_id"].str.startswith(selector.lower()).fillna(value=False)
    in_named = sessions["snapshot"].isin(sessions.loc[named, "snapshot"].unique())
    return sessions[named | (prefixed & ~in_named)]


def _is_text(selector: str) -> bool:
    """Tell whether a name could be spelled like that; an argument may hold any byte."""
    try:
        selector.encode()
    except UnicodeEncodeError:
        return False
    return True


def listed(texts: Iterable[str], where: str) -> tuple[str, ...]:
    """Return what may be several texts; one alone is refused: each of its letters would count.

    Raises
    ------
    UsageError
        It is one text.

    Examples
    --------
    >>> listed(["ops", "3c54"], "kill")
    ('ops', '3c54')
    """
    if isinstance(texts, str):
        found = f"the text {texts!r}"
        raise UsageError(where, found, expected="a list", advice=f"write [{texts!r}]")
    return tuple(texts)


def resolve(sessions: pd.DataFrame, selectors: Sequence[str], where: str) -> list[str]:
    """Return the ids that the selectors mean in one snapshot, each once, in file order.

    Parameters
    ----------
    sessions : DataFrame
        The ``sessions`` table of one snapshot.
    selectors : sequence of str
        What a person typed; all are looked at before anything is raised.
    where : str
        What to call the snapshot in an error.

    Raises
    ------
    SelectorError
        One is empty, or means more than one session.
    NoSuchSessionError
        One means no session.
    """
    found: set[str] = set()
    missing: list[str] = []
    for selector in selectors:
        ids = list(dict.fromkeys(matches(sessions, selector)["session_id"]))
        if not selector or len(ids) > 1:
            raise _refusal(sessions, selector, ids, where)
        if ids:
            found.update(ids)
        else:
            missing.append(selector)
    if missing:
        raise NoSuchSessionError.of(missing, where)
    return [i for i in dict.fromkeys(sessions["session_id"]) if i in found]


def _refusal(sessions: pd.DataFrame, selector: str, ids: list[str], where: str) -> SelectorError:
    rows = sessions if not selector else sessions[sessions["session_id"].isin(ids)]
    pairs = zip(rows["session_id"], rows["name"].fillna(""), strict=True)
    candidates = tuple(dict.fromkeys(pairs))
    shown = ", ".join(f"{i} ({n})" if n else i for i, n in candidates[:5])
    rest = f" and {len(candidates) - 5} more" if len(candidates) > 5 else ""  # noqa: PLR2004 - five fit a line
    return SelectorError(
        where,
        f"{len(ids)} sessions for the selector {selector!r}" if selector else "an empty selector",
        expected="a selector that means one session",
        advice=f"name one by its id: {shown}{rest}" if candidates else "there is no session",
        candidates=candidates,
    )
