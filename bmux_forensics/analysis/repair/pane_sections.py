"""Which rows of the pane section go, which become one, and where the older section's go."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bmux_forensics.analysis.audit.envelopes import version_refused
from bmux_forensics.analysis.audit.findings import ENVELOPE
from bmux_forensics.analysis.audit.refusals import other_refusal, sessions_of
from bmux_forensics.analysis.repair.changes import Change, copy_of, tree_of
from bmux_forensics.analysis.repair.pane_rows import Mend, Place
from bmux_forensics.analysis.rules.pane_rules import PANE_RULES
from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.snapshot.identifiers import canonical_id, canonical_owner
from bmux_forensics.snapshot.reading import Reading
from bmux_forensics.snapshot.sections import BY_NAME

LEGACY: Final = "legacy-pane-section"

_EMPTY: Final = "pane-row-without-panes"
_PANE_RULES: Final = frozenset(rule.id for rule in PANE_RULES)

_OLDER_INSETS: Final = {"status_top_inset": "top_inset", "status_bottom_inset": "bottom_inset"}


@dataclass
class _Sorted:
    """The rows of a pane section: those that go, and why, those of each session, and empty ones."""

    gone: list[tuple[Place, str, str]] = field(default_factory=list)
    kept: dict[str, list[Place]] = field(default_factory=dict)
    empty: list[tuple[str, Place]] = field(default_factory=list)


def pane_changes(snapshot: Snapshot, wanted: Collection[str], target: str) -> Iterator[Change]:
    """Yield every change of the pane sections that some rules ask for.

    Parameters
    ----------
    snapshot : Snapshot
        The snapshot.
    wanted : collection of str
        The rules whose findings are to be mended.
    target : str
        The server.
    """
    panes, older = snapshot.reading("panes"), snapshot.reading("older_panes")
    known = _known_sessions(snapshot, wanted)
    rows = _sorted(panes, known, wanted)
    if _PANE_RULES & set(wanted):
        yield from _mended(rows, wanted)
    single = not _stays_twice(snapshot, wanted, target)
    if older is not None and LEGACY in wanted and single and _movable(older, target, known):
        if panes is None:
            yield _renamed(older)
            if target == "alpha1":
                yield from _behind_the_sessions(snapshot, older)
            yield from _for_legacy(_mended(_sorted(older, known, wanted), wanted))
        elif not version_refused(panes, target) and other_refusal(panes, target, known) is None:
            yield from _moved(panes, older, rows, _sorted(older, known, wanted), wanted)


def _known_sessions(snapshot: Snapshot, wanted: Collection[str]) -> frozenset[str] | None:
    """Return the sessions that rows may belong to; None where more than one section lists some.

    Whose a row is can be told only once one of those sections is gone.
    """
    lists = [r for r in snapshot.readings if r.spec is not None and r.spec.name == "sessions"]
    if len(lists) > 1 and "duplicate-section" not in wanted:
        return None
    return sessions_of(snapshot)


def _behind_the_sessions(snapshot: Snapshot, older: Reading) -> Iterator[Change]:
    """Yield the move of a section that alpha.1 would meet before the sessions it speaks of."""
    sessions = snapshot.reading("sessions")
    if sessions is None or older.position > sessions.position:
        return
    place, key = f"/sections/{older.position}", older.section.id
    yield Change(ENVELOPE, "sections", key, None, "delete", place, (LEGACY,))
    source = copy_of(ENVELOPE, place)
    yield Change(ENVELOPE, "sections", key, None, "insert", "/sections/-", (LEGACY,), source)


def _sorted(
    reading: Reading | None, known: frozenset[str] | None, wanted: Collection[str]
) -> _Sorted:
    result = _Sorted()
    for place in _places(reading):
        fault, owner = _fault(place.row, known)
        if fault in wanted:
            result.gone.append((place, fault, owner or "?"))
        elif fault == _EMPTY and owner:
            result.empty.append((owner, place))  # a server that skips it need only read it
        elif not fault and owner and isinstance(place.row.get("panes"), list):
            result.kept.setdefault(owner, []).append(place)
    return result


def _places(reading: Reading | None) -> Iterator[Place]:
    if reading is None or not reading.has_rows:
        return
    tree = tree_of(reading)
    rows = tree.get("sessions") if isinstance(tree, dict) else None
    for index, row in enumerate(rows if isinstance(rows, list) else ()):
        yield Place(reading.position, index, row)


def _member(row: Any, name: str) -> Any:
    return row.get(name) if isinstance(row, dict) else None


def _fault(row: Any, known: frozenset[str] | None) -> tuple[str, str | None]:
    """Return the rule for which a row can't stay, or nothing; and whose the row is."""
    spelled = _member(row, "session_id")
    owner = canonical_owner(spelled)
    if owner is None:
        return "pane-row-id-not-text", None
    if known is not None and owner not in known:
        text = canonical_id(spelled) is not None
        return "pane-row-without-session" if text else "pane-row-id-not-text", owner
    return _EMPTY if _member(row, "panes") == [] else "", owner


def _mended(rows: _Sorted, wanted: Collection[str]) -> Iterator[Change]:
    for place, fault, owner in rows.gone:
        yield Change(place.section, "runtimes", owner, None, "delete", place.pointer, (fault,))
    for owner, places in rows.kept.items():
        yield from Mend(owner, places, wanted).changes()
    for owner, place in rows.empty:
        yield from Mend(owner, [place], wanted).identity()


# --- the older section -----------------------------------------------------------------------


def _stays_twice(snapshot: Snapshot, wanted: Collection[str], target: str) -> bool:
    """Tell whether there are two older sections, and both will stay."""
    several = sum(r.section.id == BY_NAME["older_panes"].id for r in snapshot.readings) > 1
    return several and not (target == "alpha4" and "duplicate-section" in wanted)


def _movable(older: Reading, target: str, known: frozenset[str] | None) -> bool:
    """Tell whether the older section decodes, faults aside that are mended on the way."""
    return older.has_rows and other_refusal(older, target, known) is None


def _renamed(older: Reading) -> Change:
    pointer = f"/sections/{older.position}/id"
    new = BY_NAME["panes"].id
    key = older.section.id
    return Change(ENVELOPE, "sections", key, "section_id", "set", pointer, (LEGACY,), new)


def _for_legacy(changes: Iterable[Change]) -> Iterator[Change]:
    """Yield changes of the older section: it is its finding that names them, too."""
    for change in changes:
        yield replace(change, rules={*change.rules, LEGACY})


def _moved(
    panes: Reading, older: Reading, there: _Sorted, rows: _Sorted, wanted: Collection[str]
) -> Iterator[Change]:
    """Yield what moves rows behind those of the new section, and drops the older one.

    A session that has a row there already keeps that one.
    """
    moving = {owner: places for owner, places in rows.kept.items() if owner not in there.kept}
    for owner, places in moving.items():
        yield from _for_legacy(Mend(owner, places, wanted).changes())
        yield from _newer_form(panes, places[0], owner)
        source = copy_of(older.position, places[0].pointer)
        yield Change(
            panes.position, "runtimes", owner, None, "insert", "/sessions/-", (LEGACY,), source
        )
    pointer = f"/sections/{older.position}"
    yield Change(ENVELOPE, "sections", older.section.id, None, "delete", pointer, (LEGACY,))


def _newer_form(panes: Reading, place: Place, owner: str) -> Iterator[Change]:
    """Yield the change of a viewport whose insets have names that came to be known otherwise."""
    viewport = place.row.get("attach_viewport")
    if panes.section.version == 1 or not isinstance(viewport, dict):
        return
    new = {_OLDER_INSETS.get(name, name): value for name, value in viewport.items()}
    if new != viewport:
        pointer = f"{place.pointer}/attach_viewport"
        yield Change(
            place.section, "older_runtimes", owner, "viewport", "set", pointer, (LEGACY,), new
        )
