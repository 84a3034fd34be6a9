"""Rules about the rows of the pane-runtime section."""

from __future__ import annotations

from typing import Final

from bmux_forensics.analysis.rules.model import FixClass, Rule, severities

_ERROR: Final = severities("error", "error")
_WARNING: Final = severities("warning", "warning")
_REFUSED: Final = (
    "alpha.4 starts without any panes and refuses every later save; alpha.1 drops the whole "
    "session and saves without it."
)
_SECTION_FAILS: Final = (
    "The section does not decode: alpha.4 starts without any panes and refuses every later "
    "save; alpha.1 loses all panes."
)

PANE_RULES: Final = (
    Rule(
        "pane-row-without-session",
        _ERROR,
        "the pane row {key} names a session that is not in the sessions section",
        "A pane row belongs to no session.",
        "alpha.4 starts without any panes and refuses every later save; alpha.1 loses the "
        "row's panes.",
        "Drop the row: it belongs to nobody.",
        FixClass.SAFE,
    ),
    Rule(
        "pane-row-without-panes",
        severities("error", "warning"),
        "the pane row of session {key} has no panes",
        "A session's pane row is empty.",
        "alpha.4 starts without any panes and refuses every later save; alpha.1 skips the row.",
        "Drop the row; the session comes back with nothing in it.",
        FixClass.SAFE,
    ),
    Rule(
        "pane-row-twice",
        _ERROR,
        "session {key} has more than one pane row",
        "Two pane rows belong to the same session.",
        _REFUSED,
        "Merge them: the first row stays and takes over the panes that only a later one has.",
        FixClass.SAFE,
    ),
    Rule(
        "pane-row-id-not-text",
        _ERROR,
        "the session id of a pane row is {detail}",
        "A pane row names its session by something that is no text which parses as an id.",
        _SECTION_FAILS,
        "Write an id of 16 byte values as text; drop a row whose id can't be read at all, for "
        "it belongs to nobody.",
        FixClass.SAFE,
    ),
    Rule(
        "pane-pgid-invalid",
        _ERROR,
        "the process group of pane {key} is no whole number of 32 bits",
        "A pane's process group id is something that no process group can have.",
        _SECTION_FAILS,
        "Set it to null: it names no process.",
        FixClass.SAFE,
    ),
    Rule(
        "focused-pane-missing",
        _ERROR,
        "session {key} has the focus on pane {value}, which its row lacks",
        "The focus points at a pane that the row does not have.",
        _REFUSED,
        "Point the focus at a pane that exists: the zoomed one, else the first.",
        FixClass.SAFE,
    ),
    Rule(
        "layout-pane-missing",
        _ERROR,
        "the layout of session {key} shows pane {value}, which its row lacks",
        "A leaf of the layout names a pane that the row does not have.",
        "Where the row has a viewport alpha.4 panics and does not start at all; else it starts "
        "without any panes and refuses every later save. alpha.1 drops the whole session.",
        "Prune the leaf and lift its sibling.",
        FixClass.SAFE,
    ),
    Rule(
        "pane-outside-layout",
        _ERROR,
        "pane {key} is neither in the layout of its session nor floating",
        "A pane is shown nowhere although its row has a layout.",
        _REFUSED,
        "Put the pane back into the layout, beside the leaf nearest to the root.",
        FixClass.SAFE,
    ),
    Rule(
        "layout-pane-twice",
        _ERROR,
        "the layout of session {key} shows pane {value} more than once",
        "Two leaves of a layout name the same pane.",
        _REFUSED,
        "Prune the later leaf and lift its sibling.",
        FixClass.SAFE,
    ),
    Rule(
        "floating-pane-in-layout",
        _ERROR,
        "the layout of session {key} shows pane {value}, which floats",
        "A pane floats and is a leaf of the layout too.",
        _REFUSED,
        "Prune the leaf and lift its sibling; the pane goes on floating.",
        FixClass.SAFE,
    ),
    Rule(
        "split-ratio-out-of-range",
        _ERROR,
        "the split {key} has the ratio {value}",
        "A split's ratio is outside 0.1 to 0.9.",
        _REFUSED,
        "Set the ratio to the nearer end of the range.",
        FixClass.SAFE,
    ),
    Rule(
        "pane-nonresumable",
        severities("error", None),
        "pane {key} is marked nonresumable",
        "A pane runs something that must not be started a second time.",
        "alpha.4 starts without any panes and refuses every later save until somebody decides.",
        "Mark the pane resumable: it comes back as a shell. Its command will not be replayed.",
        FixClass.OPT_IN,
    ),
    Rule(
        "pane-id-twice",
        _WARNING,
        "{detail} panes have the id {key}",
        "Two panes have the same id, in one row or in two.",
        "In one row the server keeps one of them; in two rows it takes both.",
        "Nothing needs mending for a server to start.",
    ),
    Rule(
        "session-without-panes",
        _WARNING,
        "session {key} has no panes",
        "No pane row belongs to the session.",
        "The session comes back with nothing in it.",
        "Nothing needs mending; `kill` removes the session if nobody wants it.",
    ),
    Rule(
        "folder-gone",
        severities("info", "info"),
        "pane {key} was in the folder {value}, which is not there",
        "A pane's folder does not exist on this machine.",
        "The pane comes back in another folder.",
        "Make the folder again before the server starts.",
    ),
    Rule(
        "shell-gone",
        severities("info", "info"),
        "pane {key} ran the shell {value}, which is not there",
        "A pane's shell does not exist on this machine.",
        "The pane comes back without a running shell.",
        "Install the shell before the server starts.",
    ),
)
"""About pane rows, their panes and layouts."""
