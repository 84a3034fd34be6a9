"""The sections bmux knows, as data: one row of facts for each id."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class SectionSpec:
    """What is known of one section id.

    Parameters
    ----------
    name : str
        The short name that tables, findings and messages use.
    id : str
        The id in the envelope.
    models : dict of int to str
        The pydantic model of the payload for each version: a name of `snapshot.models`.
    records : tuple of tuple of str
        Where a repeated key is refused: paths to objects with fixed members, ``*``
        for any key or index, ``**`` at the end for everything below. A repeated key
        anywhere else is a map's: the last wins.
    records_since : int
        The version from which on `records` holds; before it the payload is a map.
    sorts_keys : bool
        bmux rewrites the section with the keys of every object sorted.
    maps_by_id : bool
        The payload's members are maps whose keys are ids.
    any_shape : bool
        bmux's offline kill takes any valid JSON, so rows are read from any shape.
        Its server does not: there such a section fails.
    """

    name: str
    id: str
    models: dict[int, str] = field(hash=False)
    records: tuple[tuple[str, ...], ...] = ()
    records_since: int = 1
    sorts_keys: bool = False
    maps_by_id: bool = False
    any_shape: bool = False


_RUNTIME: Final = ("sessions", "*")
_PANE: Final = (*_RUNTIME, "panes", "*")
_PANE_RECORDS: Final = (
    (),
    _RUNTIME,
    _PANE,
    (*_PANE, "launch_command"),
    (*_RUNTIME, "layout_root", "**"),
    (*_RUNTIME, "attach_viewport"),
    (*_RUNTIME, "floating_surfaces", "*"),
)

SECTIONS: Final = (
    SectionSpec(
        "sessions",
        "bmux.sessions/session-manager",
        {1: "Sessions"},
        records=(("*",),),
    ),
    SectionSpec(
        "contexts",
        "bmux.contexts/context-state",
        {1: "ContextState"},
        records=((), ("contexts", "*")),
        maps_by_id=True,
    ),
    SectionSpec(
        "clients",
        "bmux.clients/follow-state",
        {1: "FollowState"},
        records=((), ("follows", "*")),
        maps_by_id=True,
    ),
    SectionSpec(
        "panes",
        "bmux.pane_runtime/pane-runtime",
        dict.fromkeys((1, 2, 3), "PaneRuntime"),
        records=_PANE_RECORDS,
        sorts_keys=True,
        any_shape=True,
    ),
    SectionSpec(
        "older_panes",
        "bmux.server/pane-runtime",
        {1: "PaneRuntime"},
        records=_PANE_RECORDS,
        sorts_keys=True,
        any_shape=True,
    ),
    SectionSpec(
        "tabs",
        "bmux.tabs/arrangements",
        {1: "TabOrders", 2: "TabArrangements"},
        records=((),),
        records_since=2,
        any_shape=True,
    ),
    SectionSpec(
        "workspaces",
        "bmux.workspaces/catalog",
        {1: "Workspaces"},
        records=(("*",),),
    ),
)
"""Every section of the format, in the order bmux's documentation of it takes."""

BY_ID: Final = {spec.id: spec for spec in SECTIONS}
BY_NAME: Final = {spec.name: spec for spec in SECTIONS}
