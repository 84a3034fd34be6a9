"""The JSON that a finding or a change points at, fit to be shown: private values are masked."""

from __future__ import annotations

from typing import Any, Final

import orjson

from bmux_forensics.errors import ForensicsError
from bmux_forensics.snapshot.document import Snapshot
from bmux_forensics.snapshot.edits import resolve, tokens
from bmux_forensics.tables.schema import MASK

_PRIVATE: Final = "env"


def masked_json(snapshot: Snapshot, section_id: str, json_pointer: str) -> str | None:
    """Return what stands at a JSON pointer, as indented JSON, environment values masked.

    Parameters
    ----------
    snapshot : Snapshot
        The snapshot.
    section_id : str
        The section; of several with one id the first in which the pointer leads somewhere.
    json_pointer : str
        The pointer, as findings and plans have it.

    Returns
    -------
    str or None
        None where the section is not there, does not decode, or the pointer leads nowhere.

    Examples
    --------
    >>> from bmux_forensics.snapshot.document import read_snapshot
    >>> masked_json(read_snapshot(b"torn", "torn.json"), "bmux.workspaces/catalog", "/0") is None
    True
    """
    for reading in snapshot.readings:
        if reading.section.id != section_id or reading.json_problem is not None:
            continue
        try:
            found = resolve(reading.tree, json_pointer)
        except ForensicsError:
            continue
        hidden = _PRIVATE in tokens(json_pointer)
        return orjson.dumps(masked(found, hidden=hidden), option=orjson.OPT_INDENT_2).decode()
    return None


def masked(tree: Any, *, hidden: bool = False) -> Any:
    """Return a JSON tree with the values of environment variables masked.

    Parameters
    ----------
    tree : Any
        The tree.
    hidden : bool
        It is, or stands in, such a value itself.

    Examples
    --------
    >>> masked({"program": "vim", "env": {"TOKEN": "secret"}})
    {'program': 'vim', 'env': {'TOKEN': '•••'}}
    """
    if isinstance(tree, dict):
        return {k: masked(v, hidden=hidden or k == _PRIVATE) for k, v in tree.items()}
    if isinstance(tree, list):
        return [masked(v, hidden=hidden) for v in tree]
    return MASK if hidden and tree is not None else tree
