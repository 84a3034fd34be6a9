"""Every payload of a snapshot as a pydantic model, section by section and version by version.

A model says what the *typed* reader of bmux takes: which members are required,
which may be null or absent, which spellings an id has. Unknown members are kept
(pydantic's `model_extra`) except where bmux refuses them. Source of each fact: the format,
as measured on bmux 0.0.1-alpha.1 and alpha.4; integer widths that no recorded
case settles are those of terminal geometry (unsigned 16 bits, layers signed 32).

Models are built on first use: importing this module costs little.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictStr,
    StringConstraints,
)

from bmux_forensics.snapshot.identifiers import SPELLINGS

Id = Annotated[str, StringConstraints(strict=True, pattern=SPELLINGS)]
"""An id in any spelling that bmux reads; the text stays as it was spelled."""

I32 = Annotated[int, Field(strict=True, ge=-(2**31), le=2**31 - 1)]
U32 = Annotated[int, Field(strict=True, ge=0, le=2**32 - 1)]
U64 = Annotated[int, Field(strict=True, ge=0, le=2**64 - 1)]
U16 = Annotated[int, Field(strict=True, ge=0, le=2**16 - 1)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class Record(BaseModel):
    """An object whose unknown members are kept, as evidence."""

    model_config = ConfigDict(extra="allow", defer_build=True, hide_input_in_errors=True)


class ClosedRecord(BaseModel):
    """An object in which bmux refuses unknown members."""

    model_config = ConfigDict(extra="forbid", defer_build=True, hide_input_in_errors=True)


# --- the envelope ----------------------------------------------------------------------------


class SectionRecord(Record):
    """A section of the envelope; its array of byte values was read as bytes already."""

    id: StrictStr
    version: U32
    bytes: Annotated[bytes, Field(strict=True)]


class EnvelopeRecord(Record):
    """The envelope; its checksum is FNV-1a 64 over the compact JSON of its sections."""

    version: U32
    checksum: U64
    sections: list[SectionRecord]


# --- bmux.sessions/session-manager -----------------------------------------------------------


class Session(Record):
    """A session: an id, perhaps a name, and the clients last attached to it."""

    id: Id
    name: StrictStr | None = None
    clients: list[Id]


# --- bmux.contexts/context-state -------------------------------------------------------------


class Context(Record):
    """A context (what a tab shows); the attribute ``bmux.session_id`` repeats its session."""

    id: Id
    name: StrictStr | None = None
    attributes: dict[str, StrictStr]


class ContextState(Record):
    """All contexts, the session each is bound to, and which were used last."""

    contexts: dict[Id, Context]
    session_by_context: dict[Id, Id]
    selected_by_client: dict[Id, Id]
    mru_contexts: list[Id]


# --- bmux.clients/follow-state ---------------------------------------------------------------


class Follow(Record):
    """Whom a client follows, and whether across sessions."""

    leader_client_id: Id
    is_global: StrictBool = Field(alias="global")


class FollowState(Record):
    """What each client selected, follows and is attached to."""

    connected_clients: list[Id]
    selected_contexts: dict[Id, Id | None]
    selected_sessions: dict[Id, Id | None]
    follows: dict[Id, Follow]
    attached_stream_sessions: dict[Id, Id | None] = Field(default_factory=dict)
    attach_detach_allowed: dict[Id, StrictBool] = Field(default_factory=dict)


# --- bmux.pane_runtime/pane-runtime ----------------------------------------------------------


class LaunchCommand(Record):
    """The command a pane was started with; `env` is private."""

    program: StrictStr
    args: list[StrictStr] = Field(default_factory=list)
    cwd: StrictStr | None = None
    env: dict[str, StrictStr] = Field(default_factory=dict)


class Pane(Record):
    """A pane and the process group that its shell led when the snapshot was saved."""

    id: Id
    name: StrictStr | None = None
    shell: StrictStr
    launch_command: LaunchCommand | None = None
    process_group_id: I32 | None = None
    active_command: StrictStr | None = None
    active_command_source: Literal["verbatim", "inspection"] | None = None
    last_known_cwd: StrictStr | None = None
    resume_policy: Literal["resumable", "nonresumable"] = "resumable"
    execution_token: Any = None
    padding_override: Any = None


class Leaf(Record):
    """A leaf of the layout: one pane."""

    kind: Literal["leaf"]
    pane_id: Id


class Split(Record):
    """A split of the layout: two halves and the share of the first."""

    kind: Literal["split"]
    direction: Literal["vertical", "horizontal"]
    ratio: Number
    first: Layout
    second: Layout


Layout = Annotated[Leaf | Split, Discriminator("kind")]


class Viewport(Record):
    """The size of the screen a session was last drawn on, and its insets, in cells.

    alpha.4 takes the insets under either naming, and none as 0.
    """

    cols: U16
    rows: U16
    top_inset: U16 = 0
    right_inset: U16 = 0
    bottom_inset: U16 = 0
    left_inset: U16 = 0
    status_top_inset: U16 = 0
    status_bottom_inset: U16 = 0


class FloatingSurface(Record):
    """A pane that floats above the layout: its place in cells and its layer."""

    id: Id
    pane_id: Id
    anchor_pane_id: Id | None = None
    context_id: Id | None = None
    client_id: Id | None = None
    x: U16
    y: U16
    w: U16
    h: U16
    z: I32
    scope: Any = None
    layer: Any = None
    visible: StrictBool
    opaque: StrictBool
    accepts_input: StrictBool
    cursor_owner: StrictBool


class Runtime(Record):
    """A session's panes, which of them has the focus, and how they lie on the screen."""

    session_id: Id
    panes: list[Pane]
    focused_pane_id: Id | None = None
    zoomed_pane_id: Id | None = None
    layout_root: Layout | None = None
    attach_viewport: Viewport | None = None
    floating_surfaces: list[FloatingSurface] = Field(default_factory=list)


class PaneRuntime(Record):
    """The panes of every session, as alpha.4 reads them (versions 1, 2 and 3)."""

    sessions: list[Runtime]


class OlderLaunchCommand(Record):
    """A launch command as alpha.1 reads it: nothing but the folder has a default."""

    program: StrictStr
    args: list[StrictStr]
    cwd: StrictStr | None = None
    env: dict[str, StrictStr]


class OlderPane(Record):
    """A pane as alpha.1 reads it; the members that came later are unknown to it."""

    id: Id
    name: StrictStr | None = None
    shell: StrictStr
    launch_command: OlderLaunchCommand | None = None
    process_group_id: I32 | None = None
    active_command: StrictStr | None = None
    active_command_source: Literal["verbatim", "inspection"] | None = None
    last_known_cwd: StrictStr | None = None


class OlderViewport(Record):
    """A viewport as alpha.1 reads it: the insets under their older names only."""

    cols: U16
    rows: U16
    status_top_inset: U16
    status_bottom_inset: U16


class OlderSurface(Record):
    """A floating surface as alpha.1 reads it."""

    id: Id
    pane_id: Id
    x: U16
    y: U16
    w: U16
    h: U16
    z: I32
    visible: StrictBool
    opaque: StrictBool
    accepts_input: StrictBool
    cursor_owner: StrictBool


class OlderRuntime(Record):
    """A session's panes as alpha.1 reads them."""

    session_id: Id
    panes: list[OlderPane]
    focused_pane_id: Id | None = None
    layout_root: Layout | None = None
    attach_viewport: OlderViewport | None = None
    floating_surfaces: list[OlderSurface]


class OlderPaneRuntime(Record):
    """The panes of every session, as alpha.1 reads them (version 1 alone)."""

    sessions: list[OlderRuntime]


# --- bmux.tabs/arrangements and bmux.workspaces/catalog --------------------------------------


class TabArrangements(ClosedRecord):
    """The order of tabs in each scope, and tabs that wait for their context."""

    orders: dict[Id, list[Id]]
    pending: dict[Id, Id]


class Workspace(Record):
    """A workspace: an id and a name that is its own."""

    id: Id
    name: StrictStr


Sessions = list[Session]
TabOrders = dict[Id, list[Id]]
Workspaces = list[Workspace]
