"""Buttons that belong to what is on the screen, and go with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bmux_forensics.notebook.widgets import controls


class Buttons:
    """A row of buttons that is made anew for each plan.

    A click that was on its way while something else came on the screen belongs to a
    button that is gone by then, and does nothing: nobody applies a plan unseen, or
    undoes twice what was to be undone once.
    """

    def __init__(self) -> None:
        self.widget = controls.row()

    def renew(self, *buttons: tuple[Any, Callable[..., None]]) -> None:
        """Put buttons, each with what it does, in the place of those that were there."""
        for old in self.widget.children:
            old.close()
        for button, do in buttons:
            button.on_click(do)
        self.widget.children = tuple(button for button, _ in buttons)
