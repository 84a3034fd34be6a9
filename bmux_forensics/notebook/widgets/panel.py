"""What every panel is: something to show, and one place where its errors go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from bmux_forensics.errors import ForensicsError
from bmux_forensics.notebook.widgets import controls, markup
from bmux_forensics.notebook.widgets.progress import Progress


class Panel:
    """Something to show in a notebook, driven by its controls.

    Attributes
    ----------
    last_error : Exception or None
        What went wrong in the last thing that was asked of it; None when all was well.
    widget : ipywidgets.VBox
        What is shown.
    """

    def __init__(self, title: str, name: str) -> None:
        self.last_error: Exception | None = None
        self._title = title
        self._message = controls.html("message")
        self._progress = Progress()
        self.widget = controls.column()
        self.widget.add_class("bf-panel")
        self.widget.add_class(f"bf-{name}")

    def __repr__(self) -> str:
        """Name the kind of panel: the same in every run."""
        return f"<{type(self).__name__}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Show it in a notebook, with a text that is the same in every run."""
        bundle = self.widget._repr_mimebundle_(**kwargs)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        data["text/plain"] = repr(self)
        return bundle

    def _arrange(self, *parts: Any) -> None:
        style = controls.html("style", controls.STYLE)
        style.layout.display = "none"
        title = controls.html("title", f"<h3>{markup.text(self._title)}</h3>")
        self.widget.children = (style, title, *parts)

    def _say(self, kind: str, line: str, more: str = "") -> None:
        self._message.value = markup.note(kind, line, more=more)

    def _work(self, what: str) -> None:
        """Say what is being done, and show that it is, until the handler is through."""
        self._say("note", f"{what} …")
        self._progress.begin(what)

    def _clear(self) -> None:
        self._message.value = ""

    def _fail(self, error: Exception, hint: str, line: str) -> None:
        self.last_error = error
        below = [line] if hint else []
        below += getattr(error, "__notes__", [])  # what became of earlier changes
        small = "".join(f'<br><span class="bf-muted">{markup.text(b, 1000)}</span>' for b in below)
        self._say("failed", hint or line, small)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Show what goes wrong inside, in one line; a fault of ours goes on its way too."""
        self.last_error = None
        self._clear()
        try:
            yield
        except ForensicsError as error:
            self._fail(error, self._hint(error), str(error))
        except Exception as error:
            hint = "This is a fault of bmux_forensics: please report it."
            self._fail(error, hint, f"{type(error).__name__}: {error}")
            raise
        finally:
            self._progress.done()

    def _hint(self, error: ForensicsError) -> str:
        """Say in plain words what is the matter, and what to press; empty: the error does."""
        del error
        return ""


def handler(method: Callable[[Any], None]) -> Callable[..., None]:
    """Make a method what a control calls: its refusals are shown, and kept on `last_error`.

    A second click that waited while the first was being worked on finds its button
    disabled, and does nothing. What is no refusal is shown and raised all the same, so
    that nothing is swallowed where a panel is driven by a program.
    """

    @wraps(method)
    def run(self: Panel, event: Any = None) -> None:
        if getattr(event, "disabled", False):
            return
        with self._told():
            method(self)

    return run
