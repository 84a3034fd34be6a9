"""Questions to the person at the terminal, and the refusal where there is none."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

import click

from bmux_forensics.cli.endings import Interrupted
from bmux_forensics.errors import ConfirmationNeededError, printable


def confirm(
    question: str, refusal: ConfirmationNeededError, show: Callable[[], None] | None = None
) -> bool:
    """Ask a yes-or-no question on standard error; raise `refusal` when nobody can answer.

    Parameters
    ----------
    question : str
        What to ask; the answer is no unless somebody types yes.
    refusal : ConfirmationNeededError
        What to raise without a terminal.
    show : callable, optional
        Shows what the question is about, once it is known that there is a person.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise refusal
    if show is not None:
        show()
    try:
        answer = _answer(f"{printable(question)} [y/N]: ")
    except OSError as gone:
        # The terminal hung up, and its signal may still be on the way.
        raise Interrupted(signal.SIGHUP) from gone
    return answer.strip().lower() in ("y", "yes")


def _answer(question: str) -> str:
    click.echo(question, nl=False, err=True)
    answer = ""
    try:
        answer = sys.stdin.readline()
    finally:
        if not answer.endswith("\n"):
            click.echo(err=True)
    return answer
