"""Questions to the person at the terminal, and the refusal where there is none."""

from __future__ import annotations

import sys

import click

from bmux_forensics.errors import ConfirmationNeededError, printable


def confirm(question: str, refusal: ConfirmationNeededError) -> bool:
    """Ask a yes-or-no question on standard error; raise `refusal` when nobody can answer.

    Parameters
    ----------
    question : str
        What to ask; the answer is no unless somebody types yes.
    refusal : ConfirmationNeededError
        What to raise without a terminal.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise refusal
    return click.confirm(printable(question), err=True)
