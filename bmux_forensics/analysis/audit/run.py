"""The audit: every check over a whole batch, in one pass."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import pandas as pd

from bmux_forensics.analysis.audit import (
    envelopes,
    fields,
    machine,
    naming,
    pane_rows,
    panes,
    references,
)
from bmux_forensics.analysis.audit.evidence import Evidence
from bmux_forensics.analysis.audit.findings import Found, Noted, frame_of
from bmux_forensics.analysis.rules.book import rule_of
from bmux_forensics.analysis.rules.model import TARGETS
from bmux_forensics.errors import UsageError
from bmux_forensics.tables.build import Tables


def audit(
    tables: Tables,
    *,
    target: str = "alpha4",
    rules: Collection[str] | None = None,
    host: machine.Asked | None = None,
) -> pd.DataFrame:
    """Find everything that is wrong with some snapshots, or worth knowing.

    A section that is missing or that the server does not read has one finding, which
    stands for all that would refer to it. No environment value is ever shown; other text
    of the snapshot may be, as it is.

    Parameters
    ----------
    tables : Tables
        The tables of the snapshots.
    target : str
        The server to judge for: ``alpha4`` or ``alpha1``.
    rules : collection of str, optional
        Only findings of these rules.
    host : mapping or callable, optional
        Which folders and shells exist here: a mapping from path to bool, or a function
        that gives one for some paths. Without it nothing is said about them.

    Returns
    -------
    DataFrame
        One row a finding: ``snapshot`` category; ``rule`` str, its id; ``severity`` str,
        for the target; ``table``, ``key`` (which row, in its own words), ``column``,
        ``value`` (what is wrong), ``ref_table`` (where a reference leads), ``message``,
        ``fix``, ``section_id`` (null for the envelope), ``json_pointer`` (in the section's
        payload, or in the envelope), all str. By snapshot, from worst to least. Empty,
        with the same columns, when there is nothing to say.

    Raises
    ------
    UsageError
        There is no such target or rule.

    Examples
    --------
    >>> from bmux_forensics.snapshot.document import read_snapshot
    >>> torn = audit(Tables([read_snapshot(b"{", "torn.json")]))
    >>> torn["rule"].tolist()
    ['envelope-unreadable']
    """
    require_target(target)
    wanted = None if rules is None else {rule_of(rule).id for rule in rules}
    evidence = Evidence(tables, target)
    found = (f for f in _checks(evidence, host) if wanted is None or f.rule in wanted)
    return frame_of(evidence, found)


def require_target(target: str) -> None:
    """Raise `UsageError` for a server that is not known."""
    if target not in TARGETS:
        raise UsageError("target", f"{target!r}", expected=" or ".join(TARGETS))


def _checks(evidence: Evidence, host: machine.Asked | None) -> Iterator[Found | Noted]:
    yield from envelopes.envelopes(evidence)
    yield from envelopes.sections(evidence)
    yield from envelopes.missing(evidence)
    yield from envelopes.older_panes(evidence)
    yield from fields.all_unknown(evidence)
    moot = pane_rows.moot_rows(evidence)
    yield from references.dangling_references(evidence, moot)
    yield from pane_rows.bad_rows(evidence)
    yield from pane_rows.without_panes(evidence)
    yield from pane_rows.shared_pane_ids(evidence, moot)
    yield from panes.bad_cells(evidence)
    yield from panes.bad_layouts(evidence, moot)
    yield from naming.sessions(evidence)
    yield from naming.contexts(evidence)
    yield from naming.tabs(evidence)
    yield from naming.workspaces(evidence)
    yield from naming.ghosts(evidence)
    yield from machine.gone(evidence, host)
