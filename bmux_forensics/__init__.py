"""See, explain, mend and safely edit the snapshots of the bmux terminal multiplexer.

Everything a notebook, a script or the command line needs is a name of this package;
the rooms below it may change. A name is imported when it is first used, so that
``import bmux_forensics`` costs next to nothing.

Examples
--------
>>> import bmux_forensics as bf
>>> "open_snapshot" in dir(bf)
True
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from bmux_forensics._version import __version__

if TYPE_CHECKING:
    from bmux_forensics.actions.comparing import diff
    from bmux_forensics.actions.door import Passage
    from bmux_forensics.actions.history import history
    from bmux_forensics.actions.kill import (
        KillOutcome,
        apply_kill,
        is_beyond_reading,
        kill,
        preview_kill,
    )
    from bmux_forensics.actions.kill_plan import KillPlan, Reach, plan_of_kill
    from bmux_forensics.actions.opening import has_own_snapshot, open_snapshot
    from bmux_forensics.actions.processes import ProcessScene, processes
    from bmux_forensics.actions.pruning import backups, prune_backups
    from bmux_forensics.actions.redacting import own_redaction
    from bmux_forensics.actions.repair import (
        RepairOutcome,
        RepairPlan,
        apply_repair,
        plan_of_repair,
        preview_repair,
        repair,
    )
    from bmux_forensics.actions.resuming import Resumed, resume
    from bmux_forensics.actions.resurrect import (
        ResurrectionOutcome,
        ResurrectionPlan,
        apply_resurrection,
        plan_of_resurrection,
        preview_resurrection,
        resurrect,
    )
    from bmux_forensics.actions.salvaging import SalvageOutcome, preview_salvage, salvage
    from bmux_forensics.actions.tables import load_tables
    from bmux_forensics.actions.undo import UndoPlan, apply_undo, plan_undo, undo
    from bmux_forensics.actions.unlocking import LockState, inspect_lock, unlock
    from bmux_forensics.actions.verifying import verify
    from bmux_forensics.analysis.masked import masked_json
    from bmux_forensics.analysis.redaction import Redaction
    from bmux_forensics.analysis.restore.words import forecast_line
    from bmux_forensics.analysis.rules.book import RULES, explain
    from bmux_forensics.archive.asking import find, timeline
    from bmux_forensics.archive.auditing import audit, forecast, orphans, session_status
    from bmux_forensics.archive.cleaning import (
        CleanOutcome,
        CleanPlan,
        apply_clean,
        clean,
        preview_clean,
    )
    from bmux_forensics.archive.each import open_each
    from bmux_forensics.archive.executors import Executor, cluster
    from bmux_forensics.archive.exporting import Export, export
    from bmux_forensics.archive.loading import Archive, load_archive
    from bmux_forensics.archive.sessions import archive_sessions
    from bmux_forensics.archive.spelling import means_one_file
    from bmux_forensics.errors import ForensicsError
    from bmux_forensics.host.paths import BmuxPaths, find_paths
    from bmux_forensics.notebook.display import ShownTable, register_display, show_table
    from bmux_forensics.notebook.pictures.cascade_drawing import draw_cascade
    from bmux_forensics.notebook.pictures.processes_drawing import draw_processes
    from bmux_forensics.notebook.pictures.screen_drawing import draw_screen
    from bmux_forensics.notebook.pictures.session_map_drawing import draw_session_map
    from bmux_forensics.notebook.pictures.sheet import Picture
    from bmux_forensics.notebook.pictures.timeline_drawing import draw_timeline
    from bmux_forensics.notebook.report.writing import report
    from bmux_forensics.notebook.widgets.archive_panel import ArchivePanel
    from bmux_forensics.notebook.widgets.audit_panel import AuditPanel
    from bmux_forensics.notebook.widgets.kill_panel import KillPanel
    from bmux_forensics.notebook.widgets.picker import SnapshotPicker
    from bmux_forensics.snapshot.document import Snapshot, read_snapshot
    from bmux_forensics.snapshot.salvage import Salvage
    from bmux_forensics.snapshot.summary import Summary, summarize
    from bmux_forensics.tables.build import Tables
    from bmux_forensics.tables.catalog import TABLES
    from bmux_forensics.tables.graph import relations
    from bmux_forensics.tables.texts import csv_text, records, rows_of

_HOMES: Final = {
    "actions.comparing": ("diff",),
    "actions.door": ("Passage",),
    "actions.history": ("history",),
    "actions.kill": (
        "KillOutcome",
        "apply_kill",
        "is_beyond_reading",
        "kill",
        "preview_kill",
    ),
    "actions.kill_plan": ("KillPlan", "Reach", "plan_of_kill"),
    "actions.opening": ("has_own_snapshot", "open_snapshot"),
    "actions.pruning": ("backups", "prune_backups"),
    "actions.processes": ("ProcessScene", "processes"),
    "actions.redacting": ("own_redaction",),
    "actions.repair": (
        "RepairOutcome",
        "RepairPlan",
        "apply_repair",
        "plan_of_repair",
        "preview_repair",
        "repair",
    ),
    "actions.resurrect": (
        "ResurrectionOutcome",
        "ResurrectionPlan",
        "apply_resurrection",
        "plan_of_resurrection",
        "preview_resurrection",
        "resurrect",
    ),
    "actions.resuming": ("Resumed", "resume"),
    "actions.salvaging": ("SalvageOutcome", "preview_salvage", "salvage"),
    "actions.tables": ("load_tables",),
    "actions.undo": ("UndoPlan", "apply_undo", "plan_undo", "undo"),
    "actions.unlocking": ("LockState", "inspect_lock", "unlock"),
    "actions.verifying": ("verify",),
    "analysis.masked": ("masked_json",),
    "analysis.restore.words": ("forecast_line",),
    "analysis.redaction": ("Redaction",),
    "analysis.rules.book": ("RULES", "explain"),
    "archive.asking": ("find", "timeline"),
    "archive.auditing": ("audit", "forecast", "orphans", "session_status"),
    "archive.each": ("open_each",),
    "archive.executors": ("Executor", "cluster"),
    "archive.spelling": ("means_one_file",),
    "archive.cleaning": (
        "CleanOutcome",
        "CleanPlan",
        "apply_clean",
        "clean",
        "preview_clean",
    ),
    "archive.exporting": ("Export", "export"),
    "archive.loading": ("Archive", "load_archive"),
    "errors": ("ForensicsError",),
    "host.paths": ("BmuxPaths", "find_paths"),
    "notebook.display": ("ShownTable", "register_display", "show_table"),
    "notebook.pictures.cascade_drawing": ("draw_cascade",),
    "notebook.pictures.processes_drawing": ("draw_processes",),
    "notebook.pictures.screen_drawing": ("draw_screen",),
    "notebook.pictures.session_map_drawing": ("draw_session_map",),
    "notebook.pictures.sheet": ("Picture",),
    "notebook.pictures.timeline_drawing": ("draw_timeline",),
    "notebook.widgets.audit_panel": ("AuditPanel",),
    "notebook.widgets.kill_panel": ("KillPanel",),
    "notebook.widgets.picker": ("SnapshotPicker",),
    "notebook.report.writing": ("report",),
    "notebook.widgets.archive_panel": ("ArchivePanel",),
    "archive.sessions": ("archive_sessions",),
    "snapshot.document": ("Snapshot", "read_snapshot"),
    "snapshot.salvage": ("Salvage",),
    "snapshot.summary": ("Summary", "summarize"),
    "tables.build": ("Tables",),
    "tables.catalog": ("TABLES",),
    "tables.graph": ("relations",),
    "tables.texts": ("csv_text", "records", "rows_of"),
}
_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "RULES",
    "TABLES",
    "Archive",
    "ArchivePanel",
    "AuditPanel",
    "BmuxPaths",
    "CleanOutcome",
    "CleanPlan",
    "Executor",
    "Export",
    "ForensicsError",
    "KillOutcome",
    "KillPanel",
    "KillPlan",
    "LockState",
    "Passage",
    "Picture",
    "ProcessScene",
    "Reach",
    "Redaction",
    "RepairOutcome",
    "RepairPlan",
    "Resumed",
    "ResurrectionOutcome",
    "ResurrectionPlan",
    "Salvage",
    "SalvageOutcome",
    "ShownTable",
    "Snapshot",
    "SnapshotPicker",
    "Summary",
    "Tables",
    "UndoPlan",
    "__version__",
    "apply_clean",
    "apply_kill",
    "apply_repair",
    "apply_resurrection",
    "apply_undo",
    "archive_sessions",
    "audit",
    "backups",
    "clean",
    "cluster",
    "csv_text",
    "diff",
    "draw_cascade",
    "draw_processes",
    "draw_screen",
    "draw_session_map",
    "draw_timeline",
    "explain",
    "export",
    "find",
    "find_paths",
    "forecast",
    "forecast_line",
    "has_own_snapshot",
    "history",
    "inspect_lock",
    "is_beyond_reading",
    "kill",
    "load_archive",
    "load_tables",
    "masked_json",
    "means_one_file",
    "open_each",
    "open_snapshot",
    "orphans",
    "own_redaction",
    "plan_of_kill",
    "plan_of_repair",
    "plan_of_resurrection",
    "plan_undo",
    "preview_clean",
    "preview_kill",
    "preview_repair",
    "preview_resurrection",
    "preview_salvage",
    "processes",
    "prune_backups",
    "read_snapshot",
    "records",
    "register_display",
    "relations",
    "repair",
    "report",
    "resume",
    "resurrect",
    "rows_of",
    "salvage",
    "session_status",
    "show_table",
    "summarize",
    "timeline",
    "undo",
    "unlock",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Import a name of the facade when it is first used."""
    if name not in _HOME_OF:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the facade."""
    return __all__
