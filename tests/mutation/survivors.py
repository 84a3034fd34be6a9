"""Say which changes of the code no test noticed, and which of those are explained.

A change that can't be told from the code as it stands is explained in `explained.toml`, by
its lines and not by its number, which moves with every edit. Whatever else was not noticed
is printed as a diff and fails the run; so does an explanation of code that is no longer there.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.figures import Figure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

EXPLAINED: Final = Path(__file__).with_name("explained.toml")
NOTICED: Final = frozenset({"noticed", "endless"})
"""What becomes of a changed program that a test has noticed: it fails, or never ends."""


class Change(NamedTuple):
    """A small change of the code: where, the lines as they stand, and as they were tried."""

    module: str
    function: str
    was: str
    now: str


@dataclass(frozen=True)
class Mutant:
    """A change that was tried, and what became of it."""

    change: Change
    status: str

    @property
    def noticed(self) -> bool:
        """Whether a test failed."""
        return self.status in NOTICED


@dataclass(frozen=True)
class Verdict:
    """What a run shows: how many changes of each module, and those that nobody accounts for."""

    tried: Mapping[str, int]
    noticed: Mapping[str, int]
    explained: Mapping[str, int]
    unexplained: Sequence[Mutant]
    stale: Sequence[Change]

    @property
    def good(self) -> bool:
        """Whether something was tried, and nothing is left over."""
        return bool(self.tried) and not self.unexplained and not self.stale

    def figures(self) -> list[Figure]:
        """Return a figure for each module; a change that nobody accounts for is a loss."""
        lost = Counter(mutant.change.module for mutant in self.unexplained)
        return [
            Figure(
                f"the code itself, {module}: {self.noticed.get(module, 0)} noticed by a test, "
                f"{self.explained.get(module, 0)} explained",
                count,
                count - lost[module],
                lost[module],
                "changes",
                "make mutants",
            )
            for module, count in self.tried.items()
        ]


def judged(mutants: Iterable[Mutant], explained: Iterable[Change]) -> Verdict:
    """Hold what became of the changes against the explanations."""
    known, every = set(explained), list(mutants)
    missed = [mutant for mutant in every if not mutant.noticed]
    return Verdict(
        tried=Counter(mutant.change.module for mutant in every),
        noticed=Counter(mutant.change.module for mutant in every if mutant.noticed),
        explained=Counter(m.change.module for m in missed if m.change in known),
        unexplained=[mutant for mutant in missed if mutant.change not in known],
        stale=sorted(known - {mutant.change for mutant in every}),
    )


def explanations(text: str) -> Iterator[Change]:
    """Read the changes that are explained; every explanation has to say why."""
    for entry in tomllib.loads(text).get("explained", []):
        assert entry["why"].strip(), entry
        for was, now in entry["changes"]:
            yield Change(entry["module"], entry["function"], was, now)


def change_of(module: str, function: str, diff: str) -> Change:
    """Return a change by its diff: the lines that differ, without what surrounds them."""
    lines = [line for line in diff.splitlines() if not line.startswith(("---", "+++"))]
    was, now = ([line[1:].strip() for line in lines if line.startswith(mark)] for mark in "-+")
    return Change(module, function, "\n".join(was), "\n".join(now))
