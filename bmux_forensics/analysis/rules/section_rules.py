"""Rules about the envelope, its sections, and the fields in them."""

from __future__ import annotations

from typing import Final

from bmux_forensics.analysis.rules.model import FixClass, Rule, severities

_ERROR: Final = severities("error", "error")
_INFO: Final = severities("info", "info")
_NEVER_SAVES: Final = "alpha.4 starts but refuses every later save"

SECTION_RULES: Final = (
    Rule(
        "envelope-unreadable",
        _ERROR,
        "{detail}",
        "The file is no envelope that bmux would take.",
        f"{_NEVER_SAVES}, and nothing comes back; alpha.1 starts empty and overwrites the "
        "file seconds later.",
        "`salvage` carves what is whole into a new file.",
    ),
    Rule(
        "checksum-mismatch",
        _ERROR,
        "{detail}",
        "The sections are not the ones that the checksum was made for: they were damaged, or "
        "edited by something that did not seal them.",
        f"{_NEVER_SAVES}, and nothing comes back; alpha.1 starts empty and overwrites the "
        "file seconds later.",
        "Make the checksum anew, where every section decodes. This gives up the only proof "
        "that the content is what bmux wrote: look at it first.",
        FixClass.OPT_IN,
    ),
    Rule(
        "duplicate-section",
        _ERROR,
        "the section {key} stands in the envelope again",
        "Two sections have the same id.",
        f"{_NEVER_SAVES}, and nothing comes back; alpha.1 applies both, and drops the "
        "sessions whose panes come twice.",
        "Drop the later one: the first with an id counts. What only the later one says is "
        "given up.",
        FixClass.OPT_IN,
    ),
    Rule(
        "unknown-section-version",
        _ERROR,
        "the section {key} has version {value}, which the server does not read",
        "A known section has a version that the server does not know.",
        f"{_NEVER_SAVES}; alpha.1 leaves the section out and overwrites it.",
        "Start the server version that wrote it.",
    ),
    Rule(
        "section-undecodable",
        _ERROR,
        "{detail}",
        "A known section is no JSON, is nested too deep, or has a shape that bmux refuses.",
        f"{_NEVER_SAVES}; alpha.1 leaves the section out and overwrites it.",
        "`salvage` carves every complete row into a new file.",
    ),
    Rule(
        "section-missing",
        _ERROR,
        "there is no section {key}",
        "A section that others are built on is not there.",
        "Without the sessions or the contexts section alpha.4 starts but refuses every later "
        "save; without the pane section every session comes back with nothing in it.",
        "None: an empty section in its place would be invented evidence.",
    ),
    Rule(
        "pane-section-before-sessions",
        severities(None, "error"),
        "the panes stand before the sessions that they belong to",
        "alpha.1 takes sections in file order.",
        "alpha.1 finds no session for any pane row, and loses all panes.",
        "Move the pane section behind the others.",
        FixClass.SAFE,
    ),
    Rule(
        "legacy-pane-section",
        _ERROR,
        "{value} pane rows stand under the section id that older builds used",
        "The panes stand under an older section id, which no newer server reads.",
        "The server skips the section: its panes do not come back and are gone with the next save.",
        "Move them to the new id and form. Where the new section has a row of the same "
        "session already, that row stays and the older one is dropped.",
        FixClass.OPT_IN,
    ),
    Rule(
        "unknown-section",
        _INFO,
        "the section {key} is not one that the server knows",
        "A section has an id that the server does not know: another build's, or a plugin's.",
        "The server ignores it, and drops it at the next save.",
        "Nothing needs mending; keep a copy if the section matters.",
    ),
    Rule(
        "unknown-field",
        _INFO,
        "the field {key} is not one that the server knows ({detail})",
        "A record has a field that the server does not know.",
        "The server ignores it, and drops it at the next save.",
        "Nothing needs mending; our own edits keep such fields.",
    ),
    Rule(
        "tabs-unknown-field",
        severities("error", None),
        "the tab arrangements have a field {key}, which alpha.4 refuses",
        "The tabs section has a field besides `orders` and `pending`.",
        f"{_NEVER_SAVES}, and no tab order comes back.",
        "Drop the field. What it holds is given up; no server of this version could read it.",
        FixClass.OPT_IN,
    ),
    Rule(
        "tab-listed-twice",
        severities("error", None),
        "the context {value} stands in the order of scope {detail} more than once",
        "An order of tabs names the same context again.",
        f"{_NEVER_SAVES}, and no tab order comes back.",
        "Drop the later one of the two equal entries.",
        FixClass.SAFE,
    ),
    Rule(
        "workspace-invalid",
        severities("error", None),
        "workspace {key}: {detail}",
        "A workspace's name is empty or white space, or its id or name is taken already.",
        f"{_NEVER_SAVES}, and no workspace comes back.",
        "Give a blank or taken name an ending of its own; drop a later row whose id is taken. "
        "The name or row as it was is given up.",
        FixClass.OPT_IN,
    ),
)
"""About the envelope and whole sections, unknown fields, tabs and workspaces."""
