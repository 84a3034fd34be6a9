"""Fields that the server does not know, counted: one finding for each kind of field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from pydantic import BaseModel

from bmux_forensics.analysis.audit.evidence import Evidence
from bmux_forensics.analysis.audit.findings import ENVELOPE, Noted
from bmux_forensics.snapshot import models
from bmux_forensics.snapshot.reading import Reading
from bmux_forensics.tables.walk import place_columns, pointer_at, walk

ORDERS: Final = frozenset(models.TabArrangements.model_fields)
"""The members of the tabs section, in the version that has members."""

_ARRANGED: Final = 2


@dataclass(frozen=True)
class _Record:
    """Where records of one kind stand, and the models of each server that reads them."""

    section: str
    template: str
    readers: tuple[tuple[type[BaseModel], ...], tuple[type[BaseModel], ...]]


def _record(section: str, template: str, *kinds: type[BaseModel]) -> _Record:
    return _Record(section, template, (kinds, kinds))


_ROW: Final = "/sessions/{row:list}"
_RECORDS: Final = (
    _record("sessions", "/{row:list}", models.Session),
    _record("contexts", "", models.ContextState),
    _record("contexts", "/contexts/{context:map}", models.Context),
    _record("clients", "", models.FollowState),
    _record("clients", "/follows/{client:map}", models.Follow),
    _Record("panes", "", ((models.PaneRuntime,), (models.OlderPaneRuntime,))),
    _Record("panes", _ROW, ((models.Runtime,), (models.OlderRuntime,))),
    _Record("panes", _ROW + "/panes/{pane:list}", ((models.Pane,), (models.OlderPane,))),
    _Record(
        "panes",
        _ROW + "/panes/{pane:list}/launch_command",
        ((models.LaunchCommand,), (models.OlderLaunchCommand,)),
    ),
    _record("panes", _ROW + "/layout_root{path:tree}", models.Leaf, models.Split),
    _Record("panes", _ROW + "/attach_viewport", ((models.Viewport,), (models.OlderViewport,))),
    _Record(
        "panes",
        _ROW + "/floating_surfaces/{surface:list}",
        ((models.FloatingSurface,), (models.OlderSurface,)),
    ),
    _record("workspaces", "/{row:list}", models.Workspace),
)


@cache
def _known(kinds: tuple[type[BaseModel], ...]) -> frozenset[str]:
    return frozenset(
        info.alias or name for kind in kinds for name, info in kind.model_fields.items()
    )


def unknown_fields(evidence: Evidence) -> Iterator[Noted]:
    """Count the fields that the target does not know, by snapshot, kind of record and name."""
    for record in _RECORDS:
        codes = np.flatnonzero(evidence.usable(record.section)).tolist()
        readings = [_reading(evidence, code, record.section) for code in codes]
        rows = walk([reading.tree for reading in readings], record.template)
        known = _known(record.readers[evidence.target == "alpha1"])
        strange = [
            i
            for i, node in enumerate(rows.nodes)
            if isinstance(node, dict) and not node.keys() <= known
        ]
        counts: dict[tuple[int, str], list[int]] = {}
        for i in strange:
            for name in rows.nodes[i].keys() - known:
                counts.setdefault((rows.tree[i], name), []).append(i)
        for (tree, name), hits in counts.items():
            places = {place: values[hits[0]] for place, values in rows.places.items()}
            pointer = pointer_at(record.template, places)
            section = (codes[tree], readings[tree].position)
            yield _noted(section, record, pointer, name, count=len(hits))
    yield from _envelope_fields(evidence)


def _noted(
    section: tuple[int, int], record: _Record, pointer: str, name: str, *, count: int
) -> Noted:
    stars = dict.fromkeys(place_columns(record.template), "*")
    shape = pointer_at(record.template, {**stars, "path": ""})
    detail = f"in {count} records" if count > 1 else "in one record"
    return Noted(
        "unknown-field",
        *section,
        record.section,
        key=f"{shape}/{name}",
        value=str(count),
        detail=detail,
        pointer=f"{pointer}/{_escaped(name)}",
    )


def _envelope_fields(evidence: Evidence) -> Iterator[Noted]:
    for code, snapshot in enumerate(evidence.tables.snapshots):
        envelope = snapshot.envelope
        if envelope is None:
            continue
        places = [("", envelope.extra)]
        places += [(f"/sections/{i}", s.extra) for i, s in enumerate(envelope.sections)]
        for place, extra in places:
            for name in extra:
                pointer = f"{place}/{_escaped(name)}"
                yield Noted(
                    "unknown-field",
                    code,
                    ENVELOPE,
                    "snapshots",
                    key=pointer,
                    value="1",
                    detail="in the envelope",
                    pointer=pointer,
                )


def unknown_arrangements(evidence: Evidence) -> Iterator[Noted]:
    """Find members of the tabs section that alpha.4 refuses it for."""
    for code in np.flatnonzero(evidence.usable("tabs")).tolist():
        reading = _reading(evidence, code, "tabs")
        for name in strangers(reading):
            yield Noted(
                "tabs-unknown-field",
                code,
                reading.position,
                "tab_orders",
                key=name,
                pointer=f"/{_escaped(name)}",
            )


def strangers(reading: Reading) -> list[str]:
    """Return the members of a tabs section that alpha.4 refuses it for, sorted."""
    tree: Any = reading.tree
    if reading.section.version != _ARRANGED or not isinstance(tree, dict):
        return []
    return sorted(tree.keys() - ORDERS)


def _reading(evidence: Evidence, code: int, section: str) -> Reading:
    reading = evidence.tables.snapshots[code].reading(section)
    assert reading is not None  # noqa: S101 - a usable section is there
    return reading


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def all_unknown(evidence: Evidence) -> Iterable[Noted]:
    """Find every field that the target does not know."""
    yield from unknown_fields(evidence)
    yield from unknown_arrangements(evidence)
