"""What a redaction does with each column: facts only. What is not here is text like any other."""

from __future__ import annotations

from typing import Final

from bmux_forensics.snapshot.sections import SECTIONS
from bmux_forensics.tables.catalog import TABLES
from bmux_forensics.tables.walk import steps

PLAIN: Final = "plain"
"""Our own words, numbers and hashes: they stay."""
VOCABULARY: Final = "vocabulary"
"""A word of the format stays; the file may hold any other text there."""
WORDS: Final = "words"
"""Ids and places stay, other text does not."""
POINTER: Final = "pointer"
"""A JSON pointer."""
ARGUMENTS: Final = "arguments"
"""JSON: its numbers stay."""
MESSAGE: Final = "message"
"""A sentence that may quote the file: masked."""
SNAPSHOT: Final = "snapshot"
"""The name of a snapshot: a path."""

_OWN: Final = (
    *("sha256", "section_type", "session_id_type", "pgid_type", "layout_type", "viewport_type"),
    *("status", "table", "tables", "column", "columns", "action", "rule", "severity", "fix"),
    *("ref_table", "event", "subject", "what", "target", "because", "parent", "parent_columns"),
    *("on_kill", "on_scrub"),
)

BY_COLUMN: Final[dict[str, str]] = {
    **dict.fromkeys(_OWN, PLAIN),
    **dict.fromkeys(("snapshot", "previous", "path"), SNAPSHOT),
    **dict.fromkeys(("error", "reason", "message", "detail"), MESSAGE),
    **dict.fromkeys(("shell", "launch_program", "active_command"), "command"),
    **dict.fromkeys(("launch_cwd", "last_known_cwd"), "folder"),
    **dict.fromkeys(
        ("kind", "direction", "active_command_source", "resume_policy"),
        VOCABULARY,
    ),
    **dict.fromkeys(
        ("launch_args", "execution_token", "padding_override", "scope", "layer", "viewport"),
        ARGUMENTS,
    ),
    "json_pointer": POINTER,
    "name": "name",
    "host": "host",
}
"""The rule of a column by its name; any other word is what stands in front of a pseudonym."""

BY_TABLE: Final[dict[tuple[str, str], str]] = {
    ("sections", "name"): PLAIN,
    **{(table, "path"): POINTER for table in ("layout", "older_layout")},
    **{(table, "scope"): WORDS for table in ("tab_scopes", "tab_orders")},
}
"""Where a column of that name means something else."""

_MEMBERS: Final = {
    step.name
    for table in TABLES
    for _, template in table.pointers
    for step in steps(template)
    if not step.each
} | {member for table in TABLES for column in table.columns for member in column.path}
_INSETS: Final = {f"{side}_inset" for side in ("top", "right", "bottom", "left")}

MEMBERS: Final[dict[str, frozenset[str]]] = {
    "kind": frozenset({"leaf", "split"}),
    "direction": frozenset({"vertical", "horizontal"}),
    "active_command_source": frozenset({"verbatim", "inspection"}),
    "resume_policy": frozenset({"resumable", "nonresumable"}),
    "member": frozenset(
        {"", "sections", "bytes", "version", "checksum", "first", "second", "bmux.session_id"}
        | {spec.name for spec in SECTIONS}
        | _INSETS
        | {f"status_{side}" for side in ("top_inset", "bottom_inset")}
        | _MEMBERS
    ),
}
"""The words that may stay: of a column, and (``member``) of the format's own objects."""
