"""Which rows of the pane section go, which become one, and where the older section's go."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bmux_forensics.analysis.audit.findings import ENVELOPE
from bmux_forensics.analysis.audit.refusals import other_refusal
from bmux_forensics.analysis.repair.changes import Change, copy_of, tree_of
from bmux_forensics.analysis.repair.pane_rows import Mend, Place
from bmux_forensics.analysis.restore.outcome import session_ids
from bmux_forensics.analysis.rules.pane_rules import PANE_RULES
from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.snapshot.identifiers import canonical_id, canonical_owner
from bmux_forensics.snapshot.reading import Reading
from bmux_forensics.snapshot.sections import BY_NAME

LEGACY: Final = "legacy-pane-section"

_PANE_RULES: Final = frozenset(rule.id for rule in PANE_RULES)

_OLDER_INSETS: Final = {"status_top_inset": "top_inset", "status_bottom_inset": "bottom_inset"}


@dataclass
class _Sorted:
    """The rows of a pane section: those that go, and why, and those of each session."""

    gone: list[tuple[Place, str, str]] = field(default_factory=list)
    kept: dict[str, list[Place]] = field(default_factory=dict)


def pane_changes(snapshot: Snapshot, wanted: Collection[str]) -> Iterator[Change]:
    """Yield every change of the pane sections that some rules ask for.

    Parameters
    ----------
    snapshot : Snapshot
        The snapshot.
    wanted : collection of str
        The rules whose findings are to be mended.
    """
    panes, older = snapshot.reading("panes"), snapshot.reading("older_panes")
    known = _sessions(snapshot)
    rows = _sorted(panes, known, wanted)
    if _PANE_RULES & set(wanted):
        yield from _mended(rows, wanted)
    if older is not None and LEGACY in wanted and _movable(older):
        if panes is None:
            yield _renamed(older)
            yield from _for_legacy(_mended(_sorted(older, known, wanted), wanted))
        elif panes.has_rows and other_refusal(panes, "alpha4") is None:
            yield from _moved(panes, older, rows, _sorted(older, known, wanted), wanted)


def _sessions(snapshot: Snapshot) -> frozenset[str] | None:
    """Return the ids of the sessions, or None where they are not known."""
    reading = snapshot.reading("sessions")
    if reading is None or reading.problem is not None:
        return None
    return frozenset(session_ids(reading))


def _sorted(
    reading: Reading | None, known: frozenset[str] | None, wanted: Collection[str]
) -> _Sorted:
    result = _Sorted()
    for place in _places(reading):
        fault = _fault(place.row, known)
        owner = canonical_owner(_member(place.row, "session_id"))
        if fault in wanted:
            result.gone.append((place, fault, owner or "?"))
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


def _fault(row: Any, known: frozenset[str] | None) -> str:
    """Return the rule for which a row can't stay, or nothing."""
    spelled = _member(row, "session_id")
    owner = canonical_owner(spelled)
    if owner is None:
        return "pane-row-id-not-text"
    if known is not None and owner not in known:
        text = canonical_id(spelled) is not None
        return "pane-row-without-session" if text else "pane-row-id-not-text"
    return "pane-row-without-panes" if _member(row, "panes") == [] else ""


def _mended(rows: _Sorted, wanted: Collection[str]) -> Iterator[Change]:
    for place, fault, owner in rows.gone:
        yield Change(place.section, "runtimes", owner, None, "delete", place.pointer, (fault,))
    for owner, places in rows.kept.items():
        yield from Mend(owner, places, wanted).changes()


# --- the older section -----------------------------------------------------------------------


def _movable(older: Reading) -> bool:
    """Tell whether the older section decodes, faults aside that are mended on the way."""
    return older.has_rows and other_refusal(older, "alpha4") is None


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
    if any(len(places) > 1 for places in moving.values()):
        return  # two rows in the older section alone: which one is meant is not ours to say
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
