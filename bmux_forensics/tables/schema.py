"""The vocabulary in which tables and references are declared: frozen dataclasses, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What a column holds, and how a JSON value is read into it.

    A value of another JSON type becomes null: that is evidence, never an error.
    """

    ID = "id"
    """A UUID in canonical form (``str``); null when it is not text that parses."""
    OWNER = "owner"
    """Like `ID`, reading the form of 16 byte values too."""
    TEXT = "text"
    """JSON text (``str``)."""
    KEY = "key"
    """A map key as spelled in the file (``str``), never null."""
    JSON = "json"
    """Any value, as compact JSON (``str``); null where the member is absent or null."""
    PGID = "pgid"
    """A JSON integer that 32 signed bits hold (``Int64``)."""
    INTEGER = "integer"
    """A JSON integer that 64 signed bits hold (``Int64``)."""
    NUMBER = "number"
    """A JSON number (``Float64``)."""
    BOOLEAN = "boolean"
    """``true`` or ``false`` (``boolean``)."""
    COUNT = "count"
    """How many elements the member has (``Int64``); null when it is no array or object."""
    TYPE = "type"
    """The JSON type of the member (``str``): null, absent, boolean, number, text, array, object."""
    SECRET = "secret"  # noqa: S105 - a kind's name, no password
    """Text that is private (``str``): shown as `MASK` unless asked for."""


MASK: Final = "•••"
"""What stands for an environment value that nobody asked to see."""


@dataclass(frozen=True)
class Column:
    """A column: where its value stands in the row, and what it holds.

    Parameters
    ----------
    name : str
        The column's name.
    kind : Kind
        What it holds.
    path : tuple of str
        The members that lead to the value; empty for the row's own value.
    at : str, optional
        Take the value from the enclosing element of this place, not from the row.
    key_of : str, optional
        Take the value from the map key that this place column holds.
    """

    name: str
    kind: Kind
    path: tuple[str, ...] = ()
    at: str = ""
    key_of: str = ""


@dataclass(frozen=True)
class Table:
    """A table: which section its rows come from, and where they stand in the payload.

    Parameters
    ----------
    name : str
        The table's name.
    section : str
        The short name of its section.
    pointers : dict of int to str
        The JSON pointer template of a row, from the section version on that is given.
        ``{name:list}`` is an array index, ``{name:map}`` a key as spelled,
        ``{name:tree}`` the path of a layout node. These are the place columns.
    columns : tuple of Column
        The other columns, in order.
    key : tuple of str
        The columns that say which row it is, to a person.
    unique : tuple of tuple of str
        Column sets that should not repeat in a snapshot; a breach is a finding.
    meaning : str
        What a row means.
    """

    name: str
    section: str
    pointers: tuple[tuple[int, str], ...]
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    meaning: str
    unique: tuple[tuple[str, ...], ...] = ()

    def pointer(self, version: int) -> str:
        """Return the pointer template that holds in a section version."""
        return [template for since, template in self.pointers if since <= version][-1]


class OnKill(StrEnum):
    """What happens to a row whose referenced row goes."""

    CASCADE = "cascade"
    """The row goes too."""
    SET_NULL = "set-null"
    """The reference becomes null."""
    NO_ACTION = "no-action"
    """Nothing: bmux leaves the reference dangling, and so do we (and say so)."""


@dataclass(frozen=True)
class ForeignKey:
    """A reference from one table to another.

    Parameters
    ----------
    name : str
        What the reference is called, in findings and plans.
    table, columns : str, tuple of str
        The referring table and its columns.
    parent, parent_columns : str, tuple of str
        The table referred to and its columns.
    on_kill : OnKill
        What a kill does to the referring row.
    on_scrub : OnKill
        What ``--scrub`` does about a reference that a kill leaves dangling.
    contained : bool
        The row stands inside the parent's JSON element, so it goes without an edit.
    where : (str, str or None), optional
        Only rows whose column has this value refer (None: only rows where it is null).
    counts : bool
        False for references to clients: bmux leaves gone clients behind everywhere,
        so such a reference is information only and drives nothing.
    member : tuple of str
        The member of the row that holds the reference; empty for the row's own value.
    """

    name: str
    table: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    on_kill: OnKill
    on_scrub: OnKill = OnKill.NO_ACTION
    contained: bool = False
    where: tuple[str, str | None] | None = None
    counts: bool = True
    member: tuple[str, ...] = ()
