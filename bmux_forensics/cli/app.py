"""The command group: finds a verb when it is asked for, and turns refusals into exit codes."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

import click

from bmux_forensics._version import __version__
from bmux_forensics.cli.output import say
from bmux_forensics.errors import ForensicsError

VERBS: Final = {
    "info": "Say what a snapshot is, what is in it and what is wrong with it.",
    "tables": "Show the tables of snapshots.",
    "kill": "Kill sessions in a snapshot, and everything that goes with them.",
    "unlock": "Look at a snapshot's lock, and break it when its holder is gone.",
}
"""Every verb and its one-line help; a verb's module is imported when it is used."""

_PROGRAM: Final = "bmux-forensics"
_ENDING_SIGNALS: Final = ("SIGINT", "SIGTERM", "SIGHUP")


class Interrupted(BaseException):
    """A signal asked the program to end; the way out releases whatever is held."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


class _LazyGroup(click.Group):
    """A group that knows its verbs by name, and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"bmux_forensics.cli.{cmd_name}")
        command: click.Command = module.command
        return command

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
    # Evidence may hold what the locale can't show; spell it rather than fail.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(_run(arguments))


def _run(arguments: list[str] | None) -> int:
    try:
        with _ending_signals():
            code: Any = group.main(arguments, prog_name=_PROGRAM, standalone_mode=False)
            sys.stdout.flush()
            return code if isinstance(code, int) else 0
    except ForensicsError as error:
        say(f"{_PROGRAM}: {error}")
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return 128 + signal.SIGINT
    except Interrupted as interruption:
        return interruption.exit_code
    except BrokenPipeError:
        # The reader has what it wanted. Python would complain once more when it
        # flushes at exit, so there is nothing left to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


@contextmanager
def _ending_signals() -> Iterator[None]:
    """Let signals that end a program unwind it instead, so that it lets go of its lock."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        del frame
        for name in _ENDING_SIGNALS:
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_IGN)
        raise Interrupted(number)

    for name in _ENDING_SIGNALS:
        # Whoever started us with a signal ignored (nohup) wants it ignored.
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) != signal.SIG_IGN:
            signal.signal(getattr(signal, name), interrupt)
    yield
