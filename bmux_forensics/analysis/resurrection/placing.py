"""Where rows that come back stand: behind the neighbour they had, as far as it is still there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import Final

from bmux_forensics.snapshot.edits import APPEND

_END: Final = APPEND


def among(there: Sequence[str | None], new: str) -> str:
    """Return the place of an id in a list, as a pointer's last token.

    bmux writes its lists by id; one that is in another order gets the new id at its end.

    Examples
    --------
    >>> among(["a", "c"], "b"), among(["c", "a"], "b"), among(["a"], "b")
    ('1', '-', '-')
    """
    known = [value or "" for value in there]
    if any(a > b for a, b in pairwise(known)):
        return _END
    behind = sum(value <= new for value in known)
    return _token(behind, len(there))


def beside(
    there: Sequence[str | None], before: Sequence[str | None], new: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Yield the place in a list of every id that comes back, as a pointer's last token.

    Parameters
    ----------
    there : sequence of str
        The list as it is.
    before : sequence of str
        The list that they stood in; each occurrence comes back.
    new : collection of str
        The ids that come back.

    Examples
    --------
    >>> list(beside(["a", "c"], ["a", "b", "c", "b"], {"b"}))
    [('1', 'b'), ('-', 'b')]
    >>> list(beside(["x", "c"], ["b", "c"], {"b"}))
    [('1', 'b')]
    """
    at: int | None = None
    for number, value in enumerate(before):
        if value is not None and value in new:
            place = at if at is not None else _before_the_next(there, before[number + 1 :], new)
            yield _token(place, len(there)), value
        else:
            found = _index(there, value, at or 0)
            at = at if found is None else found + 1


def _before_the_next(
    there: Sequence[str | None], rest: Sequence[str | None], new: Collection[str]
) -> int:
    places = (_index(there, value, 0) for value in rest if value not in new)
    return next((place for place in places if place is not None), len(there))


def _index(there: Sequence[str | None], value: str | None, start: int) -> int | None:
    return next((i for i in range(start, len(there)) if there[i] == value), None)


def _token(place: int, size: int) -> str:
    return str(place) if place < size else _END
