"""Which of the folders and shells that a snapshot names are on this machine.

The names are evidence: they may be anything. Each is asked about with one `stat`,
which opens nothing; no text makes this raise.
"""

from __future__ import annotations

import errno
import os
import shutil
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

# Errors that prove that nothing can be there. Any other, a refusal above all, proves
# nothing, and what is not proven gone is not reported gone.
_PROOF_OF_ABSENCE: Final = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL}
)


def exists(paths: Iterable[str]) -> dict[str, bool]:
    """Say for each path whether something may be there; each is looked at once.

    Parameters
    ----------
    paths : iterable of str
        Folders and programs, as a snapshot spells them. A bare name, with no folder in
        it, is looked for where the shell would look for a program.

    Returns
    -------
    dict of str to bool
        In the order given, without repeats. False only where it is certain that
        nothing is there; True where the system refuses to say, for a relative path
        (nobody knows relative to what), and for a network path on Windows, which is
        not touched, for asking would send the user's credentials. Links are followed,
        so a dangling one is False. Empty when nothing is asked.

    Examples
    --------
    >>> exists(["/", "/no/such/folder", "nul" + chr(0), "x" * 5000])["/no/such/folder"]
    False
    """
    return {path: _may_exist(path) for path in dict.fromkeys(paths)}


def _may_exist(path: str) -> bool:
    try:
        if not os.path.isabs(path):  # noqa: PTH117  # evidence is text; a Path would reshape it
            return bool(path) and (os.path.basename(path) != path or _is_program(path))  # noqa: PTH119  # as above
        if _is_network_path(path):
            return True
        os.stat(path)  # noqa: PTH116  # as above
    except OSError as error:
        return error.errno not in _PROOF_OF_ABSENCE
    except ValueError:  # a NUL, or text that no file name can be
        return False
    return True


def _is_program(name: str) -> bool:
    return shutil.which(name) is not None


def _is_network_path(path: str) -> bool:
    return os.name == "nt" and path.startswith(("\\\\", "//"))
