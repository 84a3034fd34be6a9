"""A plan says of each row why it goes, and how far that is from what was asked."""

from __future__ import annotations

import bmux_forensics as bf
from tests.actions.scenes import ALPHA, CONTEXT, world

PLAN = [
    ("sessions", "delete", False, "asked", 0),
    ("bindings", "delete", False, f"binding-session: sessions {ALPHA}", 1),
    ("contexts", "delete", False, f"context-bound: bindings {CONTEXT}", 2),
    ("context_attributes", "delete", True, f"context_attributes-inside: contexts {CONTEXT}", 3),
    ("mru_contexts", "delete", False, f"mru-bound: bindings {CONTEXT}", 2),
    ("runtimes", "delete", False, f"runtime-session: sessions {ALPHA}", 1),
    ("panes", "delete", True, f"panes-inside: runtimes {ALPHA}", 2),
    ("panes", "delete", True, f"panes-inside: runtimes {ALPHA}", 2),
    ("pane_environment", "delete", True, f"pane_environment-inside: panes {ALPHA} {ALPHA}", 3),
]


def test_each_row_has_its_cause_and_its_distance() -> None:
    changes = bf.plan_of_kill(world().snapshot(), [ALPHA]).changes
    columns = ["table", "action", "contained", "cause", "depth"]
    assert list(changes[columns].itertuples(index=False, name=None)) == PLAN
