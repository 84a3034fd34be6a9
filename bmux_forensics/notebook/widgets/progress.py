"""How far a panel's work has come: a bar where something is counted, else one that moves."""

from __future__ import annotations

from typing import Any

from bmux_forensics.notebook.widgets import controls, markup


class Progress:
    """A bar, with a name for those who can't see it; there while something is being done.

    It is the browser's own: it moves while Python is busy, and screen readers know it.

    Attributes
    ----------
    widget : ipywidgets.HTML
        The bar.
    """

    def __init__(self) -> None:
        self.widget: Any = controls.html("progress")
        self._what = ""
        self.done()

    def begin(self, what: str) -> None:
        """Show that something is being done; nobody can tell how much of it is left."""
        self._what = what
        self._show(markup.bar(what))

    def count(self, done: int, total: int) -> None:
        """Show how much of it is done."""
        self._show(markup.bar(self._what, done, total) if total else markup.bar(self._what))

    def done(self) -> None:
        """Take the bar off the screen."""
        self.widget.value = ""
        controls.show(self.widget, shown=False)

    def _show(self, bar: str) -> None:
        self.widget.value = bar
        controls.show(self.widget, shown=True)
