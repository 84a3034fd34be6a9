"""Do the same to many things at once, where the system does nothing but wait.

Bringing a file to the disk is waiting. One after another, every file waits for a flush of
its own; asked at the same time, they share a few.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")
R = TypeVar("R")

_THREADS: Final = 8
_NAME: Final = "bmux-forensics-waits"


def at_once(step: Callable[[T], R], things: Sequence[T]) -> list[R]:
    """Take a step with each of some things, in a few threads, and return the results in order.

    Nothing of it runs any more when this returns or raises.

    Parameters
    ----------
    step : callable
        What is done; it mostly waits.
    things : sequence
        With what.

    Raises
    ------
    Exception
        What a step raised; then some of the others were not taken.

    Examples
    --------
    >>> at_once(abs, [1, -2, 3])
    [1, 2, 3]
    """
    threads = min(len(things), _THREADS)
    if threads < 2:  # noqa: PLR2004 - one has nobody to share with
        return [step(thing) for thing in things]
    with ThreadPoolExecutor(threads, _NAME) as pool:
        shares = [pool.submit(_each, step, things[i::threads]) for i in range(threads)]
    done = [share.result() for share in shares]
    return [done[i % threads][i // threads] for i in range(len(things))]


def _each(step: Callable[[T], R], things: Sequence[T]) -> list[R]:
    return [step(thing) for thing in things]
