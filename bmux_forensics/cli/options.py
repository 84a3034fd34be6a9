"""Options that several verbs share, so that they are spelled and explained alike."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

import bmux_forensics as bf
from bmux_forensics.errors import UsageError, WriteError

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _is_sha256(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    del ctx, param
    if value is not None and not re.fullmatch("[0-9a-fA-F]{64}", value):
        raise click.BadParameter("a SHA-256 has 64 hex digits")
    return value


SCHEMA: Final = 1
"""The version of every JSON object that is printed."""
STDIN: Final = "-"
"""The path that means standard input, which may be the terminal itself."""

PATHS: Final[Decorator] = click.argument("paths", nargs=-1, metavar="[PATH...]")
SNAPSHOT: Final[Decorator] = click.option(
    "--snapshot",
    type=click.Path(readable=False, path_type=Path),
    metavar="FILE",
    help="The snapshot file; by default bmux's own.",
)
JSON: Final[Decorator] = click.option(
    "--json", "as_json", is_flag=True, help="Print the verb's JSON object."
)
EXPECT_SHA256: Final[Decorator] = click.option(
    "--expect-sha256", metavar="HEX", callback=_is_sha256, help="Refuse any other bytes than these."
)
QUIET: Final[Decorator] = click.option(
    "-q", "--quiet", is_flag=True, help="No notes on standard error, only errors."
)


class Seconds(click.FloatRange):
    """A number of seconds: not negative, and one that passes."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Refuse what is no finite number; nan is neither below nor above any bound."""
        seconds: float = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value!r} is no number of seconds", param, ctx)
        return seconds


ASSUME_NO_SERVER: Final[Decorator] = click.option(
    "--assume-no-server", is_flag=True, help="Go ahead where a server can't be ruled out."
)
DRY_RUN: Final[Decorator] = click.option(
    "-n", "--dry-run", is_flag=True, help="Show the plan and change nothing."
)
YES: Final[Decorator] = click.option("-y", "--yes", is_flag=True, help="Do it without asking.")
LOCK_TIMEOUT: Final[Decorator] = click.option(
    "--lock-timeout",
    type=Seconds(min=0),
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
FORMATS: Final = ("table", "csv", "json", "jsonl", "parquet")
"""How a verb's one main table can be printed."""

REDACT: Final[Decorator] = click.option(
    "--redact", is_flag=True, help="Replace names, folders and commands by stable pseudonyms."
)
SHOW_ENV: Final[Decorator] = click.option(
    "--show-env", is_flag=True, help="Show the values of environment variables."
)


def nothing_here() -> str:
    """Say that bmux has no snapshot, where it would be, why there, and what to try."""
    paths = bf.find_paths()
    return (
        f"no bmux snapshot at {paths.snapshot} (because of {paths.data_rule}); "
        "try `bmux-forensics info sample_snapshots/alpha4-day/*.json`"
    )


def write_output(path: Path, data: bytes, *, overwrite: bool) -> None:
    """Write a verb's output file; an existing one is refused without `overwrite`."""
    try:
        file = path.open("wb" if overwrite else "xb")
    except FileExistsError:
        raise UsageError(
            str(path), "a file of that name", expected="a new file", advice="add --overwrite"
        ) from None
    except OSError as error:
        raise _output_error(path, error) from error
    try:
        with file:
            file.write(data)
    except OSError as error:
        if not overwrite:
            path.unlink(missing_ok=True)  # half a table is worse than none
        raise _output_error(path, error) from error


def _output_error(path: Path, error: OSError) -> WriteError:
    return WriteError(str(path), (error.strerror or str(error)).lower(), advice="write elsewhere")
