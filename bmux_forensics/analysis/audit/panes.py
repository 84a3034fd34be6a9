"""What can be wrong with panes and with the layouts that show them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bmux_forensics.analysis.audit.antijoin import having, lacking, repeated
from bmux_forensics.analysis.audit.evidence import Evidence, Mask, equals, is_null, rows_where
from bmux_forensics.analysis.audit.findings import Found
from bmux_forensics.analysis.audit.pane_rows import filled, in_rows

RATIO_MIN: Final = 0.1
RATIO_MAX: Final = 0.9

_PANE: Final = ("runtime", "pane_id")
_LEAF: Final = ("layout", _PANE)
_FLOATING: Final = ("floating_surfaces", _PANE)
_OWN: Final = ("panes", _PANE)


def bad_cells(evidence: Evidence) -> Iterator[Found]:
    """Find panes that keep their section from decoding, or from being restored."""
    counted, types = evidence.counted("panes"), evidence.column("panes", "pgid_type")
    none = is_null(evidence.column("panes", "pgid"))
    invalid = none & ~equals(types, "null") & ~equals(types, "absent") & counted
    shown = evidence.texts("panes", "pgid_type", rows_where(invalid))
    yield Found("pane-pgid-invalid", "panes", invalid, "pgid", shown=shown)
    policy = evidence.column("panes", "resume_policy")
    yield Found(
        "pane-nonresumable", "panes", equals(policy, "nonresumable") & counted, "resume_policy"
    )


def bad_layouts(evidence: Evidence, moot: Mask) -> Iterator[Found]:
    """Find layouts that do not show exactly the tiled panes, each once, in sound splits.

    Parameters
    ----------
    evidence : Evidence
        The tables.
    moot : Mask
        The pane rows that no server comes to lay out.
    """
    laid_out = ~in_rows(evidence, "layout", moot)
    leaves = equals(evidence.column("layout", "kind"), "leaf")
    own = having(evidence, _LEAF, _OWN) & leaves & laid_out
    floating = having(evidence, _LEAF, _FLOATING) & own
    yield Found("floating-pane-in-layout", "layout", floating, "pane_id")
    twice = repeated(evidence, _LEAF, own & ~floating)
    yield Found("layout-pane-twice", "layout", twice, "pane_id")
    yield Found("pane-outside-layout", "panes", _loose(evidence, moot), "pane_id")
    ratio = filled(evidence.column("layout", "ratio"), RATIO_MIN)
    outside = ((ratio < RATIO_MIN) | (ratio > RATIO_MAX)) & evidence.counted("layout")
    splits = equals(evidence.column("layout", "kind"), "split")
    yield Found("split-ratio-out-of-range", "layout", outside & splits & laid_out, "ratio")


def _loose(evidence: Evidence, moot: Mask) -> Mask:
    """Tell which panes are shown nowhere although their row has a layout; each id once."""
    loose = lacking(evidence, _OWN, _LEAF) & lacking(evidence, _OWN, _FLOATING)
    types = evidence.column("runtimes", "layout_type")
    laid_out = ~equals(types, "null") & ~equals(types, "absent") & ~moot
    loose &= in_rows(evidence, "panes", laid_out)
    return loose & ~repeated(evidence, _OWN, loose)
