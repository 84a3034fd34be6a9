"""Where bmux keeps its files on this machine, and which rule decided it.

The rules stand in the order in which bmux asks them. They are data: each says
which variable it reads and what it makes of it, and the one that answered is kept
beside the path, so that a person who finds nothing can see why we looked there.
Nothing here touches the disk except `BmuxPaths.runtimes`, which lists one folder.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

APP: Final = "bmux"
SNAPSHOT_NAME: Final = "bmux-snapshot-v1.json"
DEFAULT_RUNTIME: Final = "default"
RUNTIMES: Final = "runtimes"


class _Rule(NamedTuple):
    """A variable that decides a path when it is set, and what is appended to it."""

    variable: str
    suffix: tuple[str, ...]
    absolute_only: bool = False  # the XDG specification: a relative value is to be ignored


_OWN_DATA: Final = _Rule("BMUX_DATA_DIR", ())

_DATA_RULES: Final[Mapping[str, tuple[_Rule, ...]]] = {
    "linux": (
        _OWN_DATA,
        _Rule("XDG_DATA_HOME", (APP,), absolute_only=True),
        _Rule("HOME", (".local", "share", APP)),
    ),
    "darwin": (_OWN_DATA, _Rule("HOME", ("Library", "Application Support", APP))),
    "win32": (_OWN_DATA, _Rule("APPDATA", (APP,))),
}

_RUNTIME_RULES: Final = (
    _Rule("BMUX_RUNTIME_DIR", ()),
    _Rule("XDG_RUNTIME_DIR", (APP,)),
)

# What the standard library of bmux's own language takes for the temporary folder.
_TEMPORARY_RULES: Final[Mapping[str, tuple[_Rule, ...]]] = {
    "posix": (_Rule("TMPDIR", (APP,)),),
    "nt": (_Rule("TMP", (APP,)), _Rule("TEMP", (APP,))),
}


@dataclass(frozen=True, slots=True)
class BmuxPaths:
    """Every path of one bmux, each with the variable or rule that decided it.

    Parameters
    ----------
    data : pathlib.Path
        The data folder.
    data_rule : str
        What decided it: the name of a variable, or ``platform default``.
    runtime_base : pathlib.Path
        The runtime folder of the runtime ``default``; the others lie under it.
    runtime_rule : str
        What decided it: the name of a variable, or ``platform default``.
    runtime_name : str
        The current runtime's name.
    runtime_name_rule : str
        ``BMUX_RUNTIME_NAME``, or ``platform default``.
    """

    data: Path
    data_rule: str
    runtime_base: Path
    runtime_rule: str
    runtime_name: str
    runtime_name_rule: str

    @property
    def snapshot(self) -> Path:
        """The snapshot that a server with these settings owns."""
        return self.data / "runtime" / SNAPSHOT_NAME

    @property
    def lock(self) -> Path:
        """The lock file that bmux's offline edits take."""
        return self.snapshot.with_name(f"{SNAPSHOT_NAME}.lock")

    @property
    def runtime(self) -> Path:
        """The current runtime's folder."""
        return runtime_folder(self.runtime_base, self.runtime_name)

    def runtimes(self) -> tuple[tuple[str, Path], ...]:
        """List every runtime by name and folder: the base first, then the others by name.

        The base and the current runtime are listed whether or not they exist.

        Returns
        -------
        tuple of (str, pathlib.Path)
            At least the base.

        Raises
        ------
        OSError
            The folder of named runtimes is there, but can't be listed.
        """
        names = {entry.name for entry in _folders_in(self.runtime_base / RUNTIMES)}
        named = sorted((names | {self.runtime_name}) - {DEFAULT_RUNTIME})
        rows = [(DEFAULT_RUNTIME, self.runtime_base)]
        rows += [(name, self.runtime_base / RUNTIMES / name) for name in named]
        return tuple(rows)

    def decisions(self) -> tuple[tuple[str, str, str], ...]:
        """List what was decided, its value, and the variable or rule that decided it.

        Examples
        --------
        >>> for row in find_paths({"HOME": "/home/ada"}, platform="linux").decisions():
        ...     print(*row, sep=" | ")
        data folder | /home/ada/.local/share/bmux | HOME
        snapshot | /home/ada/.local/share/bmux/runtime/bmux-snapshot-v1.json | HOME
        runtime folder | /tmp/bmux | platform default
        runtime name | default | platform default
        """
        return (
            ("data folder", str(self.data), self.data_rule),
            ("snapshot", str(self.snapshot), self.data_rule),
            ("runtime folder", str(self.runtime_base), self.runtime_rule),
            ("runtime name", self.runtime_name, self.runtime_name_rule),
        )


PLATFORM_DEFAULT: Final = "platform default"
"""The rule that is named where no variable decided."""


def find_paths(
    environ: Mapping[str, str] | None = None, *, platform: str = sys.platform
) -> BmuxPaths:
    """Return where bmux's files are for this environment; nothing is looked up on disk.

    Parameters
    ----------
    environ : mapping of str to str, optional
        The variables that decide; by default this process's own. An empty value
        counts as not set.
    platform : str
        As `sys.platform`.

    Returns
    -------
    BmuxPaths
        Always; whether anything is there is another question.

    Examples
    --------
    >>> paths = find_paths({"BMUX_DATA_DIR": "/srv/b", "BMUX_RUNTIME_DIR": "/run/b",
    ...                     "BMUX_RUNTIME_NAME": "work"}, platform="linux")
    >>> paths.snapshot.as_posix(), paths.data_rule
    ('/srv/b/runtime/bmux-snapshot-v1.json', 'BMUX_DATA_DIR')
    >>> paths.runtime.as_posix()
    '/run/b/runtimes/work'
    """
    values = os.environ if environ is None else environ
    data, data_rule = _decide(_data_rules(platform), values) or (
        _platform_data_folder(),
        PLATFORM_DEFAULT,
    )
    base, runtime_rule = _decide(_RUNTIME_RULES, values) or (
        temporary_runtime_base(values, platform=platform),
        PLATFORM_DEFAULT,
    )
    name = values.get("BMUX_RUNTIME_NAME") or ""
    return BmuxPaths(
        data=data,
        data_rule=data_rule,
        runtime_base=base,
        runtime_rule=runtime_rule,
        runtime_name=name or DEFAULT_RUNTIME,
        runtime_name_rule="BMUX_RUNTIME_NAME" if name else PLATFORM_DEFAULT,
    )


def runtime_folder(base: Path, name: str) -> Path:
    """Return the folder of the runtime `name` under `base`.

    Examples
    --------
    >>> runtime_folder(Path("/run/bmux"), "default").as_posix()
    '/run/bmux'
    """
    return base if name == DEFAULT_RUNTIME else base / RUNTIMES / name


def temporary_runtime_base(environ: Mapping[str, str], *, platform: str = sys.platform) -> Path:
    """Return the runtime folder that bmux falls back to, under the temporary folder."""
    family = "nt" if platform == "win32" else "posix"
    decided = _decide(_TEMPORARY_RULES[family], environ)
    # The literal is bmux's own last resort; nothing is ever created there.
    return decided[0] if decided else Path("/tmp") / APP  # noqa: S108


def _data_rules(platform: str) -> tuple[_Rule, ...]:
    return _DATA_RULES.get(platform, _DATA_RULES["linux"])


def _decide(rules: Iterable[_Rule], values: Mapping[str, str]) -> tuple[Path, str] | None:
    for rule in rules:
        value = values.get(rule.variable)
        if value and not (rule.absolute_only and not Path(value).is_absolute()):
            return Path(value).joinpath(*rule.suffix), rule.variable
    return None


def _platform_data_folder() -> Path:
    # No variable answered, not even HOME: platformdirs also asks the user database.
    import platformdirs  # noqa: PLC0415  # rarely needed, and the command line counts milliseconds

    return platformdirs.user_data_path(APP, appauthor=False, roaming=True)


def _folders_in(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if entry.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
