"""What became of the mutants in their folder: printed, written down, and judged."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.utils.format_utils import orig_function_and_class_names_from_key

from tests.mutation.survivors import (
    EXPLAINED,
    Change,
    Mutant,
    Verdict,
    change_of,
    explanations,
    judged,
)
from tests.mutation.trying import FOLDER, known

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def run_of_mutants(explained: Iterable[Change]) -> Iterator[Mutant]:
    """Read what became of every mutant, and how each differs from the code as it stands.

    To find out how takes long: it is not done of what was noticed in a function of which
    nothing is explained.
    """
    became, of = known(), {(change.module, change.function) for change in explained}
    for meta in sorted((FOLDER / "bmux_forensics").rglob("*.py.meta")):
        module = str(meta.relative_to(FOLDER).with_suffix(""))
        for key in json.loads(meta.read_text())["exit_code_by_key"]:
            name, owner = orig_function_and_class_names_from_key(key)
            function = f"{owner}.{name}" if owner else name
            mutant = Mutant(Change(module, function, "", ""), became.get(key, "not tried"))
            if not mutant.noticed or (module, function) in of:
                diff = get_diff_for_mutant(key, path=module)
                mutant = replace(mutant, change=change_of(module, function, diff))
            yield mutant


def _told(verdict: Verdict) -> dict[str, Any]:
    return {
        "schema": 1,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "soak": True,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "figures": [asdict(figure) for figure in verdict.figures()],
        "skipped": {},
    }


def report(target: Path | None) -> int:
    """Print what a run shows, and write its figures down; 1 where something is left over."""
    explained = list(explanations(EXPLAINED.read_text()))
    verdict = judged(run_of_mutants(explained), explained)
    for mutant in verdict.unexplained:
        where, function, was, now = mutant.change
        print(f"{mutant.status}: {where} {function}\n- {was}\n+ {now}\n")  # noqa: T201 - its output
    for change in verdict.stale:
        print(f"explained, but not there: {change}")  # noqa: T201 - its output
    for figure in verdict.figures():
        print(f"{figure.fault}; {figure.losses} of {figure.tried} neither")  # noqa: T201 - its output
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(_told(verdict), indent=2) + "\n")
    return 0 if verdict.good else 1
