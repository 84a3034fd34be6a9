"""The vocabulary of the rules: severities, targets, fix classes, and the rule itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

TARGETS: Final = ("alpha4", "alpha1")
"""The server versions that a snapshot can be judged for, the default first."""

SEVERITIES: Final = ("error", "warning", "info")
"""From worst to least.

``error``: a server will not start, will refuse to save, or loses sessions or panes.
``warning``: something dangles or contradicts itself. ``info``: worth knowing.
"""


class FixClass(StrEnum):
    """Whether `repair` mends what a rule finds."""

    SAFE = "safe"
    """Yes, unasked: nothing that anybody could still use is given up."""
    OPT_IN = "opt-in"
    """Only when the rule is named: something is given up, and the fix says what."""
    NONE = "none"
    """No: nothing needs mending, or no mend is possible without inventing rows."""


@dataclass(frozen=True)
class Rule:
    """One kind of finding.

    Parameters
    ----------
    id : str
        What the rule is called.
    severity : mapping of str to str
        How bad it is for each target server; a target that is absent is not concerned.
    says : str
        The message of a finding: a format with ``key``, ``value``, ``ref_table`` and
        ``detail``.
    meaning : str
        What it means.
    effect : str
        What bmux does about it.
    fix : str
        What can be done.
    fix_class : FixClass
        Whether `repair` does it.
    """

    id: str
    severity: Mapping[str, str] = field(hash=False)
    says: str
    meaning: str
    effect: str
    fix: str
    fix_class: FixClass = FixClass.NONE


def severities(alpha4: str | None, alpha1: str | None) -> dict[str, str]:
    """Return the severity for each target that is concerned.

    Examples
    --------
    >>> severities("error", None)
    {'alpha4': 'error'}
    """
    given = {"alpha4": alpha4, "alpha1": alpha1}
    return {target: severity for target, severity in given.items() if severity}
