"""What cleaning some snapshots does to each of them: one cascade for the whole batch.

What a wish means is decided file by file, as a kill would; the joins run over all of them
at once. A snapshot that can't be cleaned says why and stops no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import pandas as pd

from bmux_forensics.analysis.encoding import REWRITTEN, carry_out_edits
from bmux_forensics.analysis.plans import plan_kill
from bmux_forensics.analysis.repair.plan import plan_repair
from bmux_forensics.analysis.selectors import matches, resolve
from bmux_forensics.analysis.shares import Share, shares
from bmux_forensics.analysis.status import STATUSES, orphans
from bmux_forensics.errors import ForensicsError, ProofError, UsageError
from bmux_forensics.snapshot.document import Snapshot, read_snapshot
from bmux_forensics.snapshot.identifiers import canonical_id
from bmux_forensics.tables.build import Tables
from bmux_forensics.tables.graph import FOREIGN_KEYS
from bmux_forensics.tables.schema import ForeignKey, OnKill

_OF_ORPHANS: Final = (*REWRITTEN, "older_panes")

_SPEAKING: Final[tuple[ForeignKey, ...]] = tuple(
    replace(key, on_kill=key.on_scrub)
    if key.parent == "sessions" and key.on_kill is OnKill.NO_ACTION
    else key
    for key in FOREIGN_KEYS
)
"""The graph where whatever speaks of a session goes with it, so that none is left as lost."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be cleaned out of snapshots.

    Parameters
    ----------
    selectors : tuple of str
        Sessions by id, exact name or start of an id, resolved in each file.
    kinds : tuple of str
        Orphans of these statuses; also, whatever row speaks of such a session goes.
    all_sessions : bool
        Every session.
    repair : bool
        Also mend what is safe to mend, in every file.
    scrub : bool
        Also clean what bmux would leave dangling.

    Raises
    ------
    UsageError
        It is not exactly one of the first three, a selector is empty, or a kind unknown.
    """

    selectors: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    all_sessions: bool = False
    repair: bool = False
    scrub: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no wish."""
        given = [bool(self.selectors), bool(self.kinds), self.all_sessions]
        if sum(given) != 1:
            found = "several of them" if any(given) else "none of them"
            raise UsageError("clean", found, expected="sessions, orphans, or all sessions")
        if "" in self.selectors:
            raise UsageError("clean", "an empty selector", advice="name a session, or say all")
        for kind in self.kinds:
            if kind not in STATUSES:
                raise UsageError("kinds", f"{kind!r}", expected=", ".join(STATUSES))

    @property
    def may_be_ambiguous(self) -> bool:
        """Whether a selector may mean different sessions in different files."""
        return any(canonical_id(selector) is None for selector in self.selectors)


@dataclass(slots=True)
class Cleaning:
    """What cleaning does to one snapshot.

    Parameters
    ----------
    snapshot : Snapshot
        As it was read.
    session_ids, context_ids : tuple of str
        What goes: sessions in file order (with all sessions one a row), contexts sorted.
    after : Snapshot or None
        As it will be, proven; None when nothing changes, or where there is a problem.
    rows : list of tuple
        Table, action and key of each change.
    problem : ForensicsError or None
        Why it can't be cleaned.
    """

    snapshot: Snapshot
    session_ids: tuple[str, ...] = ()
    context_ids: tuple[str, ...] = ()
    after: Snapshot | None = None
    rows: list[tuple[str, str, str]] = field(default_factory=list)
    problem: ForensicsError | None = None

    @property
    def result(self) -> Snapshot:
        """The snapshot as it will be, changed or not."""
        return self.after or self.snapshot


@dataclass(frozen=True, slots=True)
class Sighting:
    """A session that a wish means in a file: which selector led to it, and its name there."""

    selector: str
    session_id: str
    name: str


Ids = Mapping[str, Sequence[str]]
"""Resolved session ids, by the name of the snapshot."""


def plan_cleaning(
    snapshots: Sequence[Snapshot], wish: Wish, bound: Ids | None = None
) -> tuple[list[Cleaning], list[Sighting]]:
    """Plan, carry out in memory, and prove the cleaning of some snapshots.

    Parameters
    ----------
    snapshots : sequence of Snapshot
        The snapshots.
    wish : Wish
        What is to be cleaned out of them.
    bound : mapping, optional
        What the wish meant when somebody looked at it: these sessions go and no others.

    Returns
    -------
    tuple of (list of Cleaning, list of Sighting)
        One a snapshot, in order; and which sessions were meant, one a file and selector.
    """
    cleanings = [Cleaning(snapshot) for snapshot in snapshots]
    for cleaning in cleanings:
        _try(cleaning, lambda c: _require(c.snapshot, wish))
    sound = [c for c in cleanings if c.problem is None]
    tables = Tables([c.snapshot for c in sound])
    seen: list[Sighting] = []
    if bound is None:
        seen = _resolve(tables, sound, wish)
    else:
        for cleaning in sound:
            cleaning.session_ids = tuple(bound.get(cleaning.snapshot.name, ()))
    _remove(tables, sound, wish)
    if wish.repair:
        _mend([c for c in sound if c.problem is None])
    return cleanings, seen


def _try(cleaning: Cleaning, step: Callable[[Cleaning], object]) -> None:
    """Take a step for one snapshot; what speaks against it is its problem alone."""
    try:
        step(cleaning)
    except ForensicsError as problem:
        cleaning.problem = problem


def _require(snapshot: Snapshot, wish: Wish) -> None:
    """Refuse what can't be judged: for orphans every section that may speak of a session."""
    snapshot.require_envelope()
    for name in _OF_ORPHANS if wish.kinds else ("sessions",):
        if (reading := snapshot.reading(name)) is not None:
            reading.require()


def _resolve(tables: Tables, sound: list[Cleaning], wish: Wish) -> list[Sighting]:
    """Say of every file which sessions are meant, in its order."""
    sessions = tables["sessions"]
    if wish.all_sessions:
        _assign(sound, sessions, distinct=False)
        return _sightings(sessions)
    if wish.kinds:
        found = orphans(tables, wish.kinds)
        _assign(sound, found)
        return _sightings(found)
    parts = {selector: matches(sessions, selector) for selector in dict.fromkeys(wish.selectors)}
    for part in parts.values():
        ids = part["session_id"].groupby(part["snapshot"].cat.codes).nunique()
        for code in ids.index[ids > 1]:
            rows = sessions[sessions["snapshot"].cat.codes == code]
            _try(sound[code], partial(_refuse, rows=rows, wish=wish))
    together = pd.concat(parts.values()).sort_index()
    _assign(sound, together[~together.index.duplicated()])
    return [seen for selector, part in parts.items() for seen in _sightings(part, selector)]


def _refuse(cleaning: Cleaning, rows: pd.DataFrame, wish: Wish) -> None:
    """Raise what `kill` would raise for a selector that is ambiguous in one file."""
    resolve(rows, wish.selectors, cleaning.snapshot.name)


def _assign(sound: list[Cleaning], found: pd.DataFrame, *, distinct: bool = True) -> None:
    """Give every file its sessions among some rows."""
    by_code: dict[int, list[str]] = {}
    for code, session_id in zip(found["snapshot"].cat.codes, found["session_id"], strict=True):
        by_code.setdefault(code, []).append(session_id)
    for code, ids in by_code.items():
        if sound[code].problem is None:
            sound[code].session_ids = tuple(dict.fromkeys(ids) if distinct else ids)


def _sightings(found: pd.DataFrame, selector: str = "") -> list[Sighting]:
    """Return which sessions some rows are of, one a file."""
    once = found.drop_duplicates(["snapshot", "session_id"], keep="last")
    names = once["name"].fillna("")
    return [Sighting(selector, i, n) for i, n in zip(once["session_id"], names, strict=True)]


def _remove(tables: Tables, sound: list[Cleaning], wish: Wish) -> None:
    """Carry out the removals, and prove that nothing is left to remove."""
    for cleaning in sound:
        if cleaning.session_ids and cleaning.problem is None:
            _try(cleaning, lambda c: _require_rewritten(c.snapshot))
    going = [c for c in sound if c.session_ids and c.problem is None]
    if not going:
        return
    plan = _plan(tables, going, wish)
    numbers = {cleaning.snapshot.name: code for code, cleaning in enumerate(sound)}
    found = shares(plan)
    for cleaning in going:
        share = found.get(numbers[cleaning.snapshot.name], Share({}, []))
        cleaning.context_ids, cleaning.rows = tuple(share.contexts), share.rows
        _try(cleaning, partial(_carry_out, share=share))
    _prove([c for c in going if c.problem is None], wish)


def _require_rewritten(snapshot: Snapshot) -> None:
    for name in REWRITTEN:
        if (reading := snapshot.reading(name)) is not None:
            reading.require()


def _carry_out(cleaning: Cleaning, share: Share) -> None:
    cleaning.after = carry_out_edits(cleaning.snapshot, share.edits, rewrite=REWRITTEN)


def _plan(
    tables: Tables, going: Iterable[Cleaning], wish: Wish, *, contexts: bool = False
) -> pd.DataFrame:
    sessions = [(c.snapshot.name, i) for c in going for i in c.session_ids]
    bound = [(c.snapshot.name, i) for c in going for i in c.context_ids]
    return plan_kill(
        tables,
        pd.DataFrame(sessions, columns=["snapshot", "session_id"]),
        contexts=pd.DataFrame(bound, columns=["snapshot", "context_id"]) if contexts else None,
        scrub=wish.scrub,
        contained=False,
        brief=True,
        references=_SPEAKING if wish.kinds else FOREIGN_KEYS,
    )


def _prove(done: list[Cleaning], wish: Wish) -> None:
    left = _plan(Tables([c.result for c in done]), done, wish, contexts=True)
    names = set(left["snapshot"].astype(object)) if len(left) else set()
    for cleaning in done:
        if cleaning.snapshot.name in names:
            cleaning.after, cleaning.problem = None, _unproven(cleaning, "go")


def _unproven(cleaning: Cleaning, what: str) -> ProofError:
    return ProofError(
        cleaning.snapshot.name,
        f"something is left to {what} after the plan",
        expected="nothing",
        advice="this is a fault of bmux_forensics: please report it",
    )


def _mend(sound: list[Cleaning]) -> None:
    """Mend what is safe to mend in the snapshots as they will be, and prove it."""
    tables = Tables([c.result for c in sound])
    for code, share in shares(plan_repair(tables)).items():
        cleaning = sound[code]
        cleaning.rows += share.rows
        _try(cleaning, partial(_carry_out_mend, share=share))
    mended = [c for c in sound if c.problem is None]
    left = plan_repair(Tables([c.result for c in mended]))
    for code in set(left["snapshot"].cat.codes):
        mended[code].after, mended[code].problem = None, _unproven(mended[code], "mend")


def _carry_out_mend(cleaning: Cleaning, share: Share) -> None:
    changed = carry_out_edits(cleaning.result, share.edits)
    name, saved_at = cleaning.snapshot.name, cleaning.snapshot.saved_at
    cleaning.after = read_snapshot(changed.raw, name, saved_at=saved_at)
    cleaning.after.require_envelope()
