"""Pick a snapshot without typing its name: bmux's own, a sample, or one of any folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import ipywidgets

import bmux_forensics as bf
from bmux_forensics.errors import path_text
from bmux_forensics.notebook.text import counted
from bmux_forensics.notebook.widgets import controls, markup
from bmux_forensics.notebook.widgets.panel import Panel, handler
from bmux_forensics.notebook.widgets.places import Practice, offers, sample_folders, subfolders

_OWN: Final = "own"
_FOLDER: Final = "folder"
_ROWS: Final = 6


class SnapshotPicker(Panel):
    """Pick one snapshot; panels that are given the picker follow it.

    A sample is opened as a practice copy, in a folder that is removed when the kernel
    ends: the sample itself is never changed.

    Parameters
    ----------
    folder : path-like, optional
        Open this folder first; by default bmux's own snapshot, where there is one.

    Attributes
    ----------
    path : Path or None
        The snapshot that is picked.
    is_practice : bool
        It is a copy of a sample.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        super().__init__("Pick a snapshot", "picker")
        self.path: Path | None = None
        self.is_practice = False
        self._practice = Practice()
        self._followers: list[Callable[[], None]] = []
        self._busy = False
        self._source = controls.choice("From", _sources(), "Where to look for snapshots", "source")
        self._where = controls.wide(
            controls.named(
                ipywidgets.Combobox(
                    description="Folder",
                    placeholder="a folder: type it, or pick from the list",
                    tooltip="The folder to look in",
                    continuous_update=False,
                ),
                "folder",
            )
        )
        self._files = controls.wide(
            controls.named(
                ipywidgets.Select(
                    options=(), description="Snapshot", rows=_ROWS, tooltip="Snapshots, by time"
                ),
                "snapshot",
            )
        )
        self._arrange(self._source, self._where, self._files, self._message)
        self._start(folder)
        controls.on_value(self._source, self._look)
        controls.on_value(self._where, self._look)
        controls.on_value(self._files, self._pick)

    def follow(self, follower: Callable[[], None]) -> None:
        """Call something whenever another snapshot is picked, or the picked one was changed."""
        self._followers.append(follower)

    def tell(self) -> None:
        """Tell everybody that follows to look anew."""
        for follower in self._followers:
            follower()

    def _start(self, folder: str | Path | None) -> None:
        values = [value for _, value in self._source.options]
        self._where.value = str(Path(folder) if folder is not None else Path.cwd())
        own = _OWN if bf.has_own_snapshot() else None
        samples = next((value for value in values if isinstance(value, Path)), None)
        self._source.value = _FOLDER if folder is not None else own or samples or _FOLDER
        self._look()

    @handler
    def _look(self) -> None:
        """List the snapshots of the source that is chosen."""
        source = self._source.value
        controls.show(self._where, source == _FOLDER)
        controls.show(self._files, source != _OWN)
        self._busy = True  # that the list is a new one is no pick
        try:
            self._files.options = [(o.label, o.path) for o in self._offered(source)]
            self._files.value = None
        finally:
            self._busy = False
        self._picked(bf.find_paths().snapshot if source == _OWN else None)

    def _offered(self, source: Any) -> list[Any]:
        if source == _OWN:
            return []
        folder = Path(self._where.value) if source == _FOLDER else source
        if source == _FOLDER:
            self._where.options = tuple(subfolders(folder))
        return offers(folder)

    @handler
    def _pick(self) -> None:
        """Take the file that is chosen; of a sample, its practice copy."""
        if self._busy:
            return
        file = self._files.value
        sample = isinstance(self._source.value, Path)
        self._picked(self._practice.copy_of(file) if file and sample else file)

    def _picked(self, path: Path | None) -> None:
        self.path = path
        self.is_practice = path is not None and isinstance(self._source.value, Path)
        self._tell_what()
        self.tell()

    def _tell_what(self) -> None:
        if self.path is None:
            number = len(self._files.options)
            found = "pick one above" if number else "pick another folder"
            self._say("note", f"{counted(number, 'snapshot')} here: {found}")
        elif self.is_practice:
            line = (
                "A practice copy of a sample: do what you like with it, the sample stays as it is"
            )
            self._say("done", line, f"<br>{markup.code(path_text(self.path))}")
        else:
            own = " (bmux's own: a change here is a change of your sessions)"
            line = f"Picked{own if self._source.value == _OWN else ''}"
            self._say("done", line, f"<br>{markup.code(path_text(self.path))}")


def _sources() -> list[tuple[str, Any]]:
    own = "" if bf.has_own_snapshot() else " (there is none on this machine)"
    samples = [(f"sample: {folder.name}", folder) for folder in sample_folders()]
    return [(f"bmux's own snapshot{own}", _OWN), *samples, ("another folder", _FOLDER)]
