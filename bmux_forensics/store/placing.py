"""Give a finished file its final name without ever replacing what has that name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from bmux_forensics.store.folder import MAKE
from bmux_forensics.store.refusals import NO_LINKS

if TYPE_CHECKING:
    from bmux_forensics.store.folder import Folder


def place(folder: Folder, name: str, final: str) -> None:
    """Rename inside a folder; a final name that is taken is an error, never overwritten.

    A hard link refuses a taken name by itself. Where links don't exist, an empty
    file is made first, which refuses it too, and that one of ours is renamed over.

    Raises
    ------
    FileExistsError
        Something has the final name already; nothing was changed.
    OSError
        The system refused; the file has its first name.
    """
    try:
        folder.link(name, final)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        os.close(folder.open(final, MAKE))
        try:
            folder.replace(name, final)
        except OSError:
            folder.discard(final)
            raise
        return
    try:
        folder.unlink(name)
    except OSError:
        folder.discard(final)
        raise


def same_bytes(fd: int, data: bytes) -> bool:
    """Tell whether an open file holds exactly these bytes, reading it from the start.

    Comparing pieces proves as much as comparing two hashes of the whole, takes a
    tenth of the time and never holds the file in memory a second time.
    """
    os.lseek(fd, 0, os.SEEK_SET)
    place_in_data = 0
    while piece := os.read(fd, 1 << 20):
        if data[place_in_data : place_in_data + len(piece)] != piece:
            return False
        place_in_data += len(piece)
    return place_in_data == len(data)
