"""A secret of this user, made once and kept in the state folder."""

from __future__ import annotations

import os
import secrets
from typing import Final

from bmux_forensics.errors import WriteError
from bmux_forensics.store.folder import MAKE, READ, Folder, write_all
from bmux_forensics.store.placing import place
from bmux_forensics.store.refusals import writing
from bmux_forensics.store.state import open_state

SIZE: Final = 32
"""Bytes of a secret."""


def kept_secret(name: str) -> bytes:
    """Return the secret of that name, which is made when it is first asked for.

    Raises
    ------
    WriteError
        The state folder can't be used, or what has that name is no secret.
    """
    with open_state() as folder, writing(folder.path / name, "keeping a secret"):
        found = _read(folder, name)
        if found is None:
            _make(folder, name)
            found = _read(folder, name)
        if found is None or len(found) != SIZE:
            size = 0 if found is None else len(found)
            raise WriteError(
                str(folder.path / name),
                f"{size} bytes",
                expected=f"{SIZE} bytes",
                advice="remove it, and a new one is made",
            )
        return found


def _read(folder: Folder, name: str) -> bytes | None:
    try:
        descriptor = folder.open(name, READ)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read(SIZE + 1)


def _make(folder: Folder, name: str) -> None:
    temporary = f".{name}.{secrets.token_hex(8)}"
    descriptor = folder.open(temporary, MAKE)
    try:
        try:
            write_all(descriptor, secrets.token_bytes(SIZE))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        place(folder, temporary, name)
    except FileExistsError:
        folder.discard(temporary)  # another process was quicker: that one counts
    except OSError:
        folder.discard(temporary)
        raise
