"""Where snapshots are to be had: bmux's own, the samples, and any folder."""

from __future__ import annotations

import glob
import shutil
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import bmux_forensics as bf
from bmux_forensics.errors import path_text
from bmux_forensics.notebook.text import clipped, plain

_SAMPLES: Final = "sample_snapshots"
_DAMAGED: Final = "notebooks/damaged"
_ENDINGS: Final = ("json", "json.gz", "json.xz", "json.zst")


@dataclass(frozen=True)
class Offer:
    """A snapshot file that can be picked.

    Parameters
    ----------
    label : str
        Its name, when it was saved, and its size.
    path : Path
        The file.
    """

    label: str
    path: Path


def sample_folders() -> list[Path]:
    """Return the folders of snapshots to learn on: in the checkout, or above where we are."""
    here = Path.cwd()
    roots = (Path(__file__).parents[3], here, *here.parents)
    top = next((root for root in roots if (root / _SAMPLES).is_dir()), None)
    if top is None:
        return []
    days = sorted(p for p in (top / _SAMPLES).iterdir() if p.is_dir())
    return [*days, *(p for p in (top / _DAMAGED,) if p.is_dir())]


def offers(folder: Path) -> list[Offer]:
    """Return the snapshots that lie in a folder itself, oldest first; nothing is opened."""
    stem = glob.escape(str(folder))
    patterns = [f"{stem}/*.{ending}" for ending in _ENDINGS]
    found = [file for file in bf.load_archive(*patterns).files if not file.problem]
    found.sort(key=lambda file: (str(file.captured_at or ""), file.name))
    return [
        Offer(_label(file.name, file.captured_at, file.size), Path(file.path)) for file in found
    ]


def _label(name: str, moment: object, size: int) -> str:
    when = f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment is not None else "time unknown"
    return (
        f"{when} · {max(1, size // 1000):,} kB · {clipped(plain(path_text(Path(name).name)), 80)}"
    )


def subfolders(folder: Path) -> list[str]:
    """Return the folder above and those inside, to choose from."""
    try:
        inside = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError:
        inside = []  # what can't be listed offers nothing; picking in it says why
    return [str(p) for p in (folder.parent, *inside)]


class Practice:
    """Copies of samples to practise on, gone when the notebook's kernel ends."""

    @cached_property
    def _folder(self) -> tempfile.TemporaryDirectory[str]:
        return tempfile.TemporaryDirectory(prefix="bmux-practice-")

    def copy_of_day(self, day: Path) -> Path:
        """Return the copies of all samples of a folder, in one folder."""
        for sample in day.glob("*.json"):
            self.copy_of(sample)
        return Path(self._folder.name) / day.name

    def copy_of(self, sample: Path) -> Path:
        """Return the copy of a sample; the same one every time, with what was done to it."""
        copy = Path(self._folder.name) / sample.parent.name / sample.name
        if not copy.exists():
            copy.parent.mkdir(exist_ok=True)
            shutil.copy2(sample, copy)  # its time is evidence
        return copy
