"""The mended form of a session's pane row, as changes of what was read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bmux_forensics.analysis.audit.refusals import is_pgid
from bmux_forensics.analysis.repair import layouts
from bmux_forensics.analysis.repair.changes import NOTHING, Change, copy_of
from bmux_forensics.snapshot.identifiers import canonical_id

_LAYOUT: Final = "layout_root"


@dataclass(frozen=True, slots=True)
class Place:
    """A pane row where it was read: its section's position, its index, and itself."""

    section: int
    index: int
    row: dict[str, Any] = field(repr=False)

    @property
    def pointer(self) -> str:
        """The JSON pointer of the row."""
        return f"/sessions/{self.index}"


@dataclass(frozen=True)
class Mend:
    """How the rows of one session become one sound row.

    Parameters
    ----------
    session_id : str
        The session.
    rows : sequence of Place
        Its rows, in file order: the first stays, the others are merged into it.
    wanted : collection of str
        The rules whose findings are mended.
    """

    session_id: str
    rows: Sequence[Place]
    wanted: Collection[str]

    @property
    def base(self) -> Place:
        """The row that stays."""
        return self.rows[0]

    def changes(self) -> Iterator[Change]:
        """Yield every change that the rows of the session need."""
        yield from self.identity()
        for place, index, pane in self._kept_panes():
            yield from self._cells(place, index, pane)
        yield from self._merge()
        layout, rules = self._layout()
        if rules:
            yield self._change(rules, _LAYOUT, "set", new=layout)
        elif layouts.is_layout(layout):
            yield from self._ratios(layout)
        yield from self._focus(layout)

    def _change(  # noqa: PLR0913 - one argument a fact
        self,
        rules: Collection[str],
        column: str,
        action: str,
        *,
        table: str = "runtimes",
        key: str = "",
        member: str = "",
        place: Place | None = None,
        new: Any = NOTHING,
    ) -> Change:
        place = place or self.base
        pointer = f"{place.pointer}/{member or column}"
        named = f"{self.session_id} {key}" if key else self.session_id
        return Change(place.section, table, named, column, action, pointer, rules, new)

    def identity(self) -> Iterator[Change]:
        """Yield the change of a session id that is no text."""
        spelled = canonical_id(self.base.row.get("session_id"))
        if spelled is None and "pane-row-id-not-text" in self.wanted:
            rules = ("pane-row-id-not-text",)
            yield self._change(rules, "session_id", "set", new=self.session_id)

    def _kept_panes(self) -> Iterator[tuple[Place, int, dict[str, Any]]]:
        """Yield the panes that the merged row has: the first row's, and new ones of the others."""
        seen: set[str | None] = set()
        for place in self.rows:
            fresh: list[str | None] = []
            for index, pane in enumerate(place.row["panes"]):
                if not isinstance(pane, dict):
                    continue
                pane_id = canonical_id(pane.get("id"))
                if place is self.base or pane_id not in seen:
                    fresh.append(pane_id)
                    yield place, index, pane
            seen.update(fresh)

    def _cells(self, place: Place, index: int, pane: dict[str, Any]) -> Iterator[Change]:
        key = canonical_id(pane.get("id")) or "?"
        if "pane-pgid-invalid" in self.wanted and not is_pgid(pane.get("process_group_id")):
            yield self._change(
                ("pane-pgid-invalid",),
                "pgid",
                "set-null",
                table="panes",
                key=key,
                member=f"panes/{index}/process_group_id",
                place=place,
            )
        if "pane-nonresumable" in self.wanted and pane.get("resume_policy") == "nonresumable":
            yield self._change(
                ("pane-nonresumable",),
                "resume_policy",
                "set",
                table="panes",
                key=key,
                member=f"panes/{index}/resume_policy",
                place=place,
                new="resumable",
            )

    def _merge(self) -> Iterator[Change]:
        """Yield the copies of panes and surfaces that only later rows have, and their deletion."""
        rules = ("pane-row-twice",)
        later = [(p, i, pane) for p, i, pane in self._kept_panes() if p is not self.base]
        for place, index, pane in later:
            source = copy_of(place.section, f"{place.pointer}/panes/{index}")
            key = canonical_id(pane.get("id")) or "?"
            yield self._change(
                rules, "pane_id", "insert", table="panes", key=key, member="panes/-", new=source
            )
        for place, index, surface in self._later_surfaces():
            source = copy_of(place.section, f"{place.pointer}/floating_surfaces/{index}")
            key = canonical_id(surface.get("id")) or "?"
            yield self._change(
                rules,
                "surface_id",
                "insert",
                table="floating_surfaces",
                key=key,
                member="floating_surfaces/-",
                new=source,
            )
        for place in self.rows[1:]:
            yield Change(
                place.section, "runtimes", self.session_id, None, "delete", place.pointer, rules
            )

    def _later_surfaces(self) -> Iterator[tuple[Place, int, dict[str, Any]]]:
        if not isinstance(self.base.row.get("floating_surfaces"), list):
            return  # no list to put them into: their panes are tiled
        for place in self.rows[1:]:
            moved = {
                canonical_id(p.get("id")) for home, _, p in self._kept_panes() if home is place
            }
            for index, surface in enumerate(_surfaces(place.row)):
                if canonical_id(surface.get("pane_id")) in moved:
                    yield place, index, surface

    def _ids(self) -> list[str]:
        """Return the panes of the merged row, each once."""
        ids = (canonical_id(pane.get("id")) for _, _, pane in self._kept_panes())
        return list(dict.fromkeys(i for i in ids if i is not None))

    def _layout(self) -> tuple[Any, set[str]]:
        """Return the layout as it should be, and the rules that a change of its leaves mends."""
        old = self.base.row.get(_LAYOUT)
        if not layouts.is_layout(old):
            return old, set()
        surfaces = [*_surfaces(self.base.row), *(s for _, _, s in self._later_surfaces())]
        floating = {canonical_id(surface.get("pane_id")) for surface in surfaces}
        ids = self._ids()
        tiled = [i for i in ids if i not in floating]
        rules: set[str] = set()
        new = layouts.pruned(old, _keep(ids, tiled, rules))
        shown = set(layouts.leaves(new)) if new else set()
        own = {canonical_id(pane.get("id")) for pane in _dicts(self.base.row["panes"])}
        loose = [i for i in tiled if i not in shown]
        rules |= {"pane-outside-layout" if i in own else "pane-row-twice" for i in loose}
        if not rules:
            return old, rules
        rules |= {"split-ratio-out-of-range" for _ in layouts.odd_ratios(old)}
        return layouts.completed(layouts.clamped(new) if new else None, tiled), rules

    def _ratios(self, layout: layouts.Tree) -> Iterator[Change]:
        for path, ratio in layouts.odd_ratios(layout):
            yield self._change(
                ("split-ratio-out-of-range",),
                "ratio",
                "set",
                table="layout",
                key=path,
                member=f"{_LAYOUT}{path}/ratio",
                new=layouts.clamp(ratio),
            )

    def _focus(self, layout: Any) -> Iterator[Change]:
        ids, row = self._ids(), self.base.row
        focus = canonical_id(row.get("focused_pane_id"))
        if focus is None or focus in ids or not ids:
            return
        zoomed = canonical_id(row.get("zoomed_pane_id"))
        shown = layouts.leaves(layout) if layouts.is_layout(layout) else []
        best = next(i for i in (zoomed, *shown, *ids) if i in ids)
        yield self._change(("focused-pane-missing",), "focused_pane_id", "set", new=best)


def _dicts(values: Any) -> list[dict[str, Any]]:
    return [v for v in values if isinstance(v, dict)] if isinstance(values, list) else []


def _surfaces(row: dict[str, Any]) -> list[dict[str, Any]]:
    values = row.get("floating_surfaces")
    whole = isinstance(values, list) and all(isinstance(v, dict) for v in values)
    return list(values) if whole else []  # type: ignore[arg-type]  # whole means a list


def _keep(ids: Sequence[str], tiled: Sequence[str], rules: set[str]) -> Any:
    """Return a judge of leaves that notes the rule each refused one breaks."""
    seen: set[str] = set()

    def keep(pane_id: str) -> bool:
        if pane_id not in ids:
            rules.add("layout-pane-missing")
        elif pane_id not in tiled:
            rules.add("floating-pane-in-layout")
        elif pane_id in seen:
            rules.add("layout-pane-twice")
        else:
            seen.add(pane_id)
            return True
        return False

    return keep
