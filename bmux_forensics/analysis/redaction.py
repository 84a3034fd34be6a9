"""Tables to share: names, folders and commands become pseudonyms, the same one everywhere.

What is not known to be harmless is replaced: a column that nobody declared, and a value that
a declared one should not hold. Ids, numbers, moments and hashes stay, so that a redacted table
joins and counts like the real one.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
import pandas as pd

from bmux_forensics.analysis.redaction_facts import (
    ARGUMENTS,
    BY_COLUMN,
    BY_TABLE,
    MEMBERS,
    MESSAGE,
    PLAIN,
    POINTER,
    SNAPSHOT,
    VOCABULARY,
    WORDS,
)
from bmux_forensics.snapshot.identifiers import canonical_id
from bmux_forensics.snapshot.sections import BY_ID
from bmux_forensics.tables.schema import MASK

_DIGITS: Final = 5  # bytes: a million names have a chance of one in two to hold one pair alike
_DIGITS_OF_A_SNAPSHOT: Final = 8  # two of them alike would make two snapshots one
_NUMBER: Final = re.compile(r"-?[0-9]{1,20}|[?-]")
_KEY_SIZE: Final = 32


def _new_key() -> bytes:
    return secrets.token_bytes(_KEY_SIZE)


@dataclass(frozen=True)
class Redaction:
    """Replaces whatever is private by a pseudonym that depends on it and on a key.

    With the same key the same text gets the same pseudonym in every table, snapshot and run;
    without the key nobody can try out names.

    Parameters
    ----------
    key : bytes
        A secret; by default a new one, so that only what one redaction makes belongs together.

    Examples
    --------
    >>> redaction = Redaction(b"a secret")
    >>> redaction.text("ops") == redaction.text("ops") != redaction.text("web")
    True
    >>> redaction.text("ops", "name").partition("-")[0]
    'name'
    """

    key: bytes = field(default_factory=_new_key, repr=False)

    def text(self, value: str, kind: str = "text") -> str:
        """Return the pseudonym of a text; nothing, a mask and an id stay what they are.

        Parameters
        ----------
        value : str
            The text.
        kind : str
            What stands in front of the pseudonym. The digits depend on the text alone.
        """
        if value in ("", MASK) or canonical_id(value) is not None:
            return value
        return self._pseudonym(value, kind)

    def tables(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        """Return all tables, redacted, as `frame` does it."""
        return {name: self.frame(tables[name], name) for name in tables}

    def frame(self, frame: pd.DataFrame, table: str = "") -> pd.DataFrame:
        """Return a table, findings, a plan, a timeline or a status with nothing private in it.

        Parameters
        ----------
        frame : DataFrame
            Rows as this package makes them.
        table : str
            Which table it is, where it is one of the format.

        Returns
        -------
        DataFrame
            The same rows, columns and dtypes; a category's names are other ones.
        """
        done = {str(name): self._column(frame[name], table) for name in frame.columns}
        return pd.DataFrame(done, index=frame.index)

    def _column(self, column: pd.Series[Any], table: str) -> pd.Series[Any]:
        name = str(column.name)
        replace = self._rule(BY_TABLE.get((table, name)) or BY_COLUMN.get(name, WORDS), name)
        if isinstance(column.dtype, pd.CategoricalDtype):
            return column.cat.rename_categories([replace(c) for c in column.cat.categories])
        if column.dtype == object:
            values = [self._tree(value) for value in column]
            return pd.Series(values, index=column.index, dtype="object", name=name)
        if not isinstance(column.dtype, pd.StringDtype):
            return column
        mapping = {value: replace(value) for value in column.dropna().unique()}
        return column.map(mapping).astype(column.dtype)

    def _rule(self, rule: str, column: str) -> Callable[[str], str]:
        special: dict[str, Callable[[str], str]] = {
            PLAIN: lambda value: value,
            MESSAGE: lambda value: MASK if value else value,
            SNAPSHOT: self.snapshot,
            POINTER: self.pointer,
            ARGUMENTS: self.json,
            WORDS: self._words,
            VOCABULARY: lambda value: value if value in MEMBERS[column] else self.text(value),
        }
        return special.get(rule) or (lambda value: self.text(value, rule))

    def snapshot(self, name: str) -> str:
        """Return the pseudonym of a snapshot's name, which is a path."""
        return self._pseudonym(name, "snapshot", _DIGITS_OF_A_SNAPSHOT)

    def pointer(self, pointer: str) -> str:
        """Return a JSON pointer whose keys are ids, places and members of the format alone."""
        return "/".join(self._token(token) for token in pointer.split("/"))

    def _token(self, token: str) -> str:
        plain = token in MEMBERS["member"] or _NUMBER.fullmatch(token)
        return token if plain else self.text(token, "key")

    def _words(self, value: str) -> str:
        """Replace every word of a row's key that is neither an id nor a place."""
        if value in BY_ID or value in MEMBERS["member"]:
            return value
        words = value.split(" ")
        if all(canonical_id(w) or _NUMBER.fullmatch(w) for w in words):
            return value
        return self.text(value)

    def json(self, value: str) -> str:
        """Return JSON text whose strings, and keys that are not the format's, are pseudonyms."""
        return orjson.dumps(self._tree(orjson.loads(value), "argument")).decode()

    def _tree(self, node: Any, kind: str = "text") -> Any:
        if isinstance(node, dict):
            return {self._token(str(key)): self._tree(v, kind) for key, v in node.items()}
        if isinstance(node, list | tuple):
            return [self._tree(value, kind) for value in node]
        if isinstance(node, str):
            return node if node in BY_ID else self.text(node, kind)
        return node

    def _pseudonym(self, value: str, kind: str, size: int = _DIGITS) -> str:
        data = value.encode("utf-8", "surrogatepass")
        return f"{kind}-{hashlib.blake2b(data, key=self.key[:64], digest_size=size).hexdigest()}"
