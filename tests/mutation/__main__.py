"""Change the code in small ways, and say which changes no test notices.

    python -m tests.mutation [--figures FILE] [--again] [NAME...]

A name may hold wildcards: `bmux_forensics.store.*`. With `--again` the mutants of the run
before are kept, and only those tried that were not noticed then. Changed code may do anything:
run this in a PID namespace of its own, as `make mutants` does.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from tests.mutation.trying import FOLDER, generate, names, remember, still_open, try_all


def _told(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - how it shows that it is alive


def main() -> int:
    """Try what is asked, and judge what is known then."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("--figures", type=Path)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    if not asked.again:
        shutil.rmtree(FOLDER, ignore_errors=True)
    generate()
    mutants = names(asked.names)
    if asked.again:
        mutants = list(still_open(mutants))
    _told(f"{len(mutants)} mutants")
    remember(try_all(mutants, _told))
    # Not before: pytest wants to be the first to import what it has as a plugin.
    from tests.mutation.report import report  # noqa: PLC0415 - see above

    return report(asked.figures)


if __name__ == "__main__":
    sys.exit(main())
