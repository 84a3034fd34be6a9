"""How a run ends early: a signal unwinds it, so that whatever is held is let go of."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Any, ClassVar, Final

from bmux_forensics.errors import ForensicsError

_ENDING_SIGNALS: Final = ("SIGINT", "SIGTERM", "SIGHUP")


class Interrupted(BaseException):
    """A signal asked the program to end; the way out releases whatever is held."""

    kind: ClassVar[str] = "interrupted"

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number
        self._name = signal.Signals(number).name

    def __str__(self) -> str:
        """Name the signal."""
        return f"ended by {self._name}"


REFUSALS: Final = (ForensicsError, Interrupted)
"""Whatever ends a verb early; with --json it is told as `failure` puts it."""


_came: Final[list[Interrupted]] = []


def caught_by_others() -> Interrupted | None:
    """Return the interruption that came, if one did, whoever caught it.

    Compiled code that calls back into Python can't let it through: it drops it, or
    takes it for a failure of what it asked for, and that is no finding about a file.
    """
    return _came[0] if _came else None


def failure(error: BaseException | None) -> dict[str, Any]:
    """Return the members ``exit_code`` and ``error`` that every JSON object has.

    Examples
    --------
    >>> failure(None)
    {'exit_code': 0, 'error': None}
    >>> from bmux_forensics.errors import UsageError
    >>> failure(UsageError("kill", "neither"))
    {'exit_code': 2, 'error': {'kind': 'usage', 'message': 'kill: neither'}}
    """
    if error is not None:
        error = caught_by_others() or error
    if isinstance(error, REFUSALS):
        told = {"kind": error.kind, "message": str(error)}
        return {"exit_code": error.exit_code, "error": told}
    return {"exit_code": 0, "error": None}


def let_signals_unwind() -> None:
    """Turn the first signal that would end the program into `Interrupted`.

    The others are ignored from then on, so that nothing disturbs the way out.
    """
    _came.clear()
    complain = sys.unraisablehook

    def interrupt(number: int, frame: FrameType | None) -> None:
        del frame
        if not _came:
            _came.append(Interrupted(number))
            raise _came[0]

    def keep_quiet(unraisable: sys.UnraisableHookArgs) -> None:
        if not isinstance(unraisable.exc_value, Interrupted):
            complain(unraisable)

    sys.unraisablehook = keep_quiet

    for name in _ENDING_SIGNALS:
        # Whoever started us with a signal ignored (nohup) wants it ignored.
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) != signal.SIG_IGN:
            signal.signal(getattr(signal, name), interrupt)


def ignore_signals() -> None:
    """Let no second signal end the program on the last steps of its way out."""
    for name in _ENDING_SIGNALS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
