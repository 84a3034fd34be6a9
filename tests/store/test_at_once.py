"""Steps that wait are taken at once: all of them, in order, and nothing runs on behind us."""

from __future__ import annotations

import threading

import pytest

from bmux_forensics.store.at_once import at_once


@pytest.mark.parametrize("count", [0, 1, 2, 7, 8, 9, 50])
def test_results_come_in_order(count: int) -> None:
    assert at_once(str, list(range(count))) == [str(i) for i in range(count)]


def test_steps_wait_for_one_another() -> None:
    together = threading.Barrier(8, timeout=10)
    assert at_once(lambda _: together.wait() >= 0, list(range(8))) == [True] * 8


def test_what_fails_is_raised_when_nothing_runs_any_more() -> None:
    taken = []

    def step(number: int) -> None:
        if number == 1:
            message = "the disk is full"
            raise OSError(message)
        taken.append(number)

    with pytest.raises(OSError, match="the disk is full"):
        at_once(step, list(range(8)))
    assert sorted(taken) == [0, 2, 3, 4, 5, 6, 7]
    assert not [t for t in threading.enumerate() if t.name.startswith("bmux-forensics-waits")]
