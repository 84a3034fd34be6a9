"""Print figures beside their bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured ratio and the most it may be."""

    name: str
    value: float
    bound: float

    @property
    def holds(self) -> bool:
        """Whether the ratio is within its bound."""
        return self.value <= self.bound


def show(title: str, figures: Sequence[Figure]) -> bool:
    """Print the figures; tell whether all are within their bounds."""
    print(f"{title}:")
    for figure in figures:
        verdict = "ok" if figure.holds else "OVER"
        print(f"  {figure.value:6.2f}  (at most {figure.bound:.2f})  {verdict:4}  {figure.name}")
    return all(figure.holds for figure in figures)
