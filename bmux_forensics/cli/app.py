"""The command group: finds a verb when it is asked for, and turns refusals into exit codes."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TextIO

import click
from click.shell_completion import CompletionItem

from bmux_forensics._version import __version__
from bmux_forensics.cli.endings import (
    Interrupted,
    caught_by_others,
    ignore_signals,
    let_signals_unwind,
)
from bmux_forensics.cli.output import flush, mute, say
from bmux_forensics.errors import ForensicsError, WriteError

VERBS: Final = {
    "info": "Say what a snapshot is, what is in it and what is wrong with it.",
    "tables": "Show the tables of snapshots.",
    "audit": "Find what is wrong with snapshots, and what a server will make of them.",
    "diff": "Say what one snapshot says and another does not.",
    "timeline": "Tell what happened to sessions and contexts, from snapshot to snapshot.",
    "find": "Say which snapshots speak of something, and when first and last.",
    "report": "Write what is known of snapshots as one page of HTML.",
    "export": "Write all tables as parquet, CSV, JSON lines or an SQLite database.",
    "repair": "Mend a snapshot with the smallest change that makes a server take it.",
    "salvage": "Carve what is whole out of a damaged snapshot into a new one.",
    "kill": "Kill sessions in a snapshot, and everything that goes with them.",
    "resurrect": "Bring a session back from an older snapshot, with its panes and tab place.",
    "clean": "Clean sessions out of a whole archive of snapshots.",
    "processes": "Say whose the processes are that a snapshot names, and what has strayed.",
    "undo": "Take a change back: the exact old bytes, mode, owner and time.",
    "history": "Show every change that was made, and what became of it.",
    "verify": "Prove that the journal and every backup are whole.",
    "backups": "List the old bytes that are kept, and remove what nobody needs.",
    "unlock": "Look at a snapshot's lock, and break it when its holder is gone.",
}
"""Every verb and its one-line help; a verb's module is imported when it is used."""

_PROGRAM: Final = "bmux-forensics"


@contextmanager
def _no_collection() -> Iterator[None]:
    """Import without looking for garbage: there is none, and looking costs a twentieth."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class _LazyGroup(click.Group):
    """A group that knows its verbs by name, and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in VERBS:
            return None
        with _no_collection():
            module = importlib.import_module(f"bmux_forensics.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer the verbs without importing one."""
        verbs = [CompletionItem(v, help=h) for v, h in VERBS.items() if v.startswith(incomplete)]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name=_PROGRAM)
def group() -> None:
    """See, explain and safely edit the snapshots of the bmux terminal multiplexer.

    With no path, a verb means bmux's own snapshot. Nothing changes before it was shown
    and confirmed (or --yes), and every change keeps a backup.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with the documented code.

    Parameters
    ----------
    arguments : list of str, optional
        The arguments; by default the process's own.
    """
    _open_streams()
    for stream in (sys.stdout, sys.stderr):
        _spell_what_cannot_be_shown(stream)
    sys.exit(_run(arguments))


def _open_streams() -> None:
    """Give a program that was started with a stream closed an empty one.

    Otherwise the next file that is opened, a snapshot perhaps, would be standard output.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - for the whole run


def _spell_what_cannot_be_shown(stream: TextIO) -> None:
    """Evidence may hold what the locale can't show; spell it rather than fail."""
    if not hasattr(stream, "reconfigure"):
        return
    stream.reconfigure(errors="backslashreplace")
    values = (os.environ.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    if stream.isatty() and next(filter(None, values), None) in ("C", "POSIX"):
        # Python itself would send UTF-8 there; another encoding alone is a strict one again
        stream.reconfigure(encoding="ascii", errors="backslashreplace")


def _run(arguments: list[str] | None) -> int:
    try:
        let_signals_unwind()
        code: Any = group.main(arguments, prog_name=_PROGRAM, standalone_mode=False)
        flush()
    except ForensicsError as error:
        if (interruption := caught_by_others()) is not None:
            return interruption.exit_code
        say(f"{_PROGRAM}: {error}")
        for note in getattr(error, "__notes__", ()):  # what became of earlier changes
            say(note)
        return error.exit_code
    except click.ClickException as error:
        _tell_misuse(error)
        return error.exit_code
    except Interrupted as interruption:
        ignore_signals()
        return interruption.exit_code
    except OSError as error:  # click printed some help to where nothing can be written
        mute(sys.stdout)
        say(f"{_PROGRAM}: standard output: {error.strerror}")
        return WriteError.exit_code
    return code if isinstance(code, int) else 0


def _tell_misuse(error: click.ClickException) -> None:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else _PROGRAM
    if context and error.format_message() == context.get_help():
        click.echo(error.format_message(), err=True)  # no verb at all: the help is the answer
        return
    say(f"{path}: {error.format_message().rstrip('.')}; see `{path} --help`")
