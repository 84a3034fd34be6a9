"""Write the table of docs/promises.md from the figures of real runs.

    python -m tests.faults.promises soak-output/figures.json...

A kind of fault that stands in several files has the row of the last one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[2] / "docs" / "promises.md"
BEGIN = "<!-- table: written by `make soak` -->\n"
END = "<!-- end of the table -->\n"
HEAD = """\
| what was broken | tried | survived | losses | once more |
| --- | ---: | ---: | ---: | --- |
"""


def table(runs: Sequence[dict[str, Any]]) -> str:
    """Return the table, and when and where its runs were."""
    rows: dict[str, str] = {}
    for run in runs:
        for figure in run["figures"]:
            rows[figure["fault"]] = (
                f"| {figure['fault']} | {figure['tried']} {figure['unit']} | {figure['survived']}"
                f" | {figure['losses']} | `{figure['command']}` |\n"
            )
    return HEAD + "".join(rows.values()) + "\n" + _where(runs)


def _where(runs: Sequence[dict[str, Any]]) -> str:
    days = sorted({run["when"].partition("T")[0] for run in runs})
    places = sorted({f"Python {run['python']}, {run['system']}" for run in runs})
    said = f"Run on {' and '.join(days)} ({'; '.join(places)}).\n"
    skipped = sorted({reason for run in runs for reason in run["skipped"].values()})
    if skipped:
        said += "Not tried there: " + "; ".join(skipped) + ".\n"
    return said


def written(page: str, rows: str) -> str:
    """Return the page with another table in it."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{rows}\n{END}{after}"


def main(files: Iterable[str]) -> None:
    runs = [json.loads(Path(file).read_text()) for file in files]
    PAGE.write_text(written(PAGE.read_text(), table(runs)))


if __name__ == "__main__":
    main(sys.argv[1:])
