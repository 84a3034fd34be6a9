"""Moments to write below an axis of time: round ones, a handful."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_STEPS: Final = (
    *(timedelta(seconds=n) for n in (1, 2, 5, 10, 15, 30)),
    *(timedelta(minutes=n) for n in (1, 2, 5, 10, 15, 30)),
    *(timedelta(hours=n) for n in (1, 2, 3, 6, 12)),
    *(timedelta(days=n) for n in (1, 2, 7, 14, 28, 91, 182, 365, 730, 3650)),
)
_MOST: Final = 7
_EPOCH: Final = datetime(2001, 1, 1, tzinfo=UTC)  # a Monday: weeks begin on one
_DAY: Final = timedelta(days=1)
_MINUTE: Final = timedelta(minutes=1)


def ticks(start: datetime, end: datetime) -> list[tuple[datetime, str]]:
    """Return round moments between two, at most seven, and how they are written.

    Examples
    --------
    >>> noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    >>> [word for _, word in ticks(noon, noon + timedelta(minutes=4))]
    ['12:00', '12:01', '12:02', '12:03', '12:04']
    >>> [word for _, word in ticks(noon, noon + timedelta(days=9))]
    ['11-24', '11-26', '11-28', '11-30']
    """
    step = next((s for s in _STEPS if (end - start) / s <= _MOST - 1), _STEPS[-1])
    first = _EPOCH + -(-(start - _EPOCH) // step) * step
    moments = [first + i * step for i in range(_MOST + 1)]
    return [(at, _word(at, step, start)) for at in moments if at <= end]


def _word(at: datetime, step: timedelta, start: datetime) -> str:
    if step >= timedelta(days=28):
        return f"{at:%Y-%m-%d}"
    if step >= _DAY:
        return f"{at:%m-%d}"
    clock = f"{at:%H:%M}" if step >= _MINUTE else f"{at:%H:%M:%S}"
    midnight = at.hour == at.minute == at.second == 0
    return f"{at:%m-%d}" if midnight and at.date() != start.astimezone(UTC).date() else clock
