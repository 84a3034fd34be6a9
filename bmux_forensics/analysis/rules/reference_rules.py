"""Rules about what names what: ids that clash, contradict each other or lead nowhere.

A rule of a foreign key is found by an anti-join that nobody wrote for it:
`REFERENCE_RULES` says for each reference of `tables.graph` which rule a row breaks
whose reference leads to nothing.
"""

from __future__ import annotations

from typing import Final

from bmux_forensics.analysis.rules.model import Rule, severities

_WARNING: Final = severities("warning", "warning")
_NEWER_WARNING: Final = severities("warning", None)
_INFO: Final = severities("info", "info")
_HARMLESS: Final = "The server takes it as it is; nothing is lost."
_NO_NEED: Final = "Nothing needs mending for a server to start."


def _dangling(rule: str, who: str, what: str, *, newer: bool = False) -> Rule:
    return Rule(
        rule,
        _NEWER_WARNING if newer else _WARNING,
        f"{who} {{key}} names the {what} {{value}}, which is not in {{ref_table}}",
        f"{who[:1].upper()}{who[1:]} leads to a {what} that does not exist.",
        _HARMLESS,
        _NO_NEED,
    )


NAMING_RULES: Final = (
    Rule(
        "context-unbound",
        _WARNING,
        "context {key} leads to no session",
        "A context is bound to no session.",
        _HARMLESS,
        _NO_NEED,
    ),
    _dangling("binding-without-session", "the binding of context", "session"),
    _dangling("binding-without-context", "the binding of context", "context"),
    Rule(
        "context-key-differs",
        _WARNING,
        "context {key} calls itself {value}",
        "A context stands under another id than the one it has inside.",
        _HARMLESS,
        _NO_NEED,
    ),
    Rule(
        "session-attribute-differs",
        _WARNING,
        "context {key} says that its session is {value}, but it is bound to {detail}",
        "The attribute `bmux.session_id` of a context names another session than its binding.",
        "The server goes by the binding.",
        _NO_NEED,
    ),
    Rule(
        "session-id-twice",
        _WARNING,
        "session {key} stands in the sessions section again",
        "Two rows of the sessions section have the same id.",
        "The server drops the later row.",
        _NO_NEED,
    ),
    Rule(
        "session-name-shared",
        _WARNING,
        "{detail} sessions are called {key}",
        "Several sessions have the same name.",
        "The server takes them all, but a command that goes by the name means the first.",
        "Nothing needs mending; select these sessions by id.",
    ),
    Rule(
        "session-without-context",
        _INFO,
        "session {key} has no context",
        "No context leads to the session: normal for one made from the command line.",
        _HARMLESS,
        _NO_NEED,
    ),
    Rule(
        "ghost-client",
        _INFO,
        "{value} clients are recorded; without a server every one of them is gone",
        "The snapshot lists clients: bmux keeps those that are long gone.",
        "The list grows at every restart; nothing else comes of it.",
        _NO_NEED,
    ),
)
"""About sessions, contexts and clients."""

DANGLING_RULES: Final = (
    _dangling("selected-context-missing", "the selection of client", "context"),
    _dangling("selected-session-missing", "the selection of client", "session"),
    _dangling("attached-session-missing", "the stream of client", "session"),
    _dangling("mru-context-missing", "the list of contexts used last, at", "context"),
    _dangling("follow-leader-missing", "the follower", "client"),
    _dangling("zoomed-pane-missing", "the zoom of session", "pane", newer=True),
    _dangling("floating-pane-missing", "the floating surface", "pane"),
    _dangling("floating-anchor-missing", "the anchor of floating surface", "pane", newer=True),
    _dangling("floating-context-missing", "the floating surface", "context", newer=True),
    _dangling("tab-context-missing", "the order of tabs, at", "context", newer=True),
    _dangling("pending-context-missing", "the pending tab", "context", newer=True),
    _dangling("tab-scope-missing", "the order of tabs of scope", "workspace", newer=True),
    _dangling("pending-scope-missing", "the pending tab", "workspace", newer=True),
)
"""About references that lead to nothing."""

REFERENCE_RULES: Final[dict[str, str | None]] = {
    "session-client": None,
    "binding-session": "binding-without-session",
    "binding-context": "binding-without-context",
    "context-bound": "context-unbound",
    "attribute-session": None,  # the binding says it, or session-attribute-differs does
    "mru-bound": None,  # a context that is there and unbound is said once, by context-unbound
    "mru-context": "mru-context-missing",
    "selection-bound": None,
    "selection-context": "selected-context-missing",
    "selection-client": None,
    "client-context-bound": None,
    "client-context": "selected-context-missing",
    "client-context-client": None,
    "client-session": "selected-session-missing",
    "client-session-client": None,
    "stream-session": "attached-session-missing",
    "stream-client": None,
    "permission-client": None,
    "follow-client": None,
    "follow-leader": "follow-leader-missing",
    "runtime-session": "pane-row-without-session",
    "runtime-owner": None,  # pane-row-id-not-text stands for it
    "focused-pane": "focused-pane-missing",
    "zoomed-pane": "zoomed-pane-missing",
    "layout-pane": "layout-pane-missing",
    "floating-pane": "floating-pane-missing",
    "floating-anchor": "floating-anchor-missing",
    "floating-context": "floating-context-missing",
    "floating-client": None,
    "tab-context": "tab-context-missing",
    "tab-scope": "tab-scope-missing",
    "pending-context": "pending-context-missing",
    "pending-scope": "pending-scope-missing",
}
"""The rule a dangling reference breaks, by the reference's name; None where another
finding stands for it. References to clients are the ghost-client line (but for a leader
who is followed); those under the older pane section are legacy-pane-section's."""
