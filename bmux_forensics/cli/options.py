"""Options that several verbs share, so that they are spelled and explained alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from bmux_forensics.errors import UsageError, WriteError

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

SCHEMA: Final = 1
"""The version of every JSON object that is printed."""

PATHS: Final[Decorator] = click.argument("paths", nargs=-1, metavar="[PATH...]")
SNAPSHOT: Final[Decorator] = click.option(
    "--snapshot",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The snapshot file; by default bmux's own.",
)
JSON: Final[Decorator] = click.option(
    "--json", "as_json", is_flag=True, help="Print the verb's JSON object."
)
QUIET: Final[Decorator] = click.option(
    "-q", "--quiet", is_flag=True, help="No notes on standard error, only errors."
)
YES: Final[Decorator] = click.option("-y", "--yes", is_flag=True, help="Do it without asking.")
LOCK_TIMEOUT: Final[Decorator] = click.option(
    "--lock-timeout",
    type=click.FloatRange(min=0),
    default=3.0,
    show_default=True,
    metavar="S",
    help="Seconds to wait for the lock.",
)
SIZE_LIMIT: Final[Decorator] = click.option(
    "--size-limit",
    type=click.IntRange(min=0),
    default=1 << 30,
    show_default="1 GiB",
    metavar="BYTES",
    help="Refuse larger snapshots (decompressed); 0 lifts the limit.",
)
SHOW_ENV: Final[Decorator] = click.option(
    "--show-env", is_flag=True, help="Show the values of environment variables."
)


def write_output(path: Path, data: bytes, *, overwrite: bool) -> None:
    """Write a verb's output file; an existing one is refused without `overwrite`."""
    try:
        with path.open("wb" if overwrite else "xb") as file:
            file.write(data)
    except FileExistsError:
        raise UsageError(
            str(path), "a file of that name", expected="a new file", advice="add --overwrite"
        ) from None
    except OSError as error:
        raise WriteError(str(path), error.strerror or str(error)) from error
