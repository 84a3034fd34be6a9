"""What the journal keeps of a change: ids, numbers and hashes.

A word of a plan that is neither an id nor a number is hashed; of a process group only what
it takes to prove later that it is still the same one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

MOST_KEYS: Final = 500
"""Keys of one table and action that are listed; of more, their number and hash."""

GROUP_FACTS: Final = frozenset(
    {"session_id", "pane_id", "pgid", "sid", "pid", "leader_pid", "uid", "role", "verdict"}
    | {"started", "since_boot", "start", "boot", "pidns", "signals", "outcome", "ok", "survivors"}
)
"""What the journal keeps of a process group: no command, folder or variable."""

_PLAIN: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|-?[0-9]{1,20}|\?")


@dataclass(frozen=True)
class Deed:
    """What the journal is to say about a change, besides file, hashes and backup.

    Parameters
    ----------
    sessions : sequence of str
        The ids of the sessions that go.
    plan : mapping
        What is done to which rows, from `plan_facts`.
    groups : sequence of mapping
        Process groups that are to be ended once the file is changed: what it takes to
        prove later that they are still the same. Only `GROUP_FACTS` are kept.
    undoes : str, optional
        The id of the change that is taken back.
    discards : sequence of str
        Later changes that go with it.
    """

    sessions: Sequence[str] = ()
    plan: Mapping[str, Any] = field(default_factory=dict)
    groups: Sequence[Mapping[str, Any]] = ()
    undoes: str | None = None
    discards: Sequence[str] = ()

    def facts(self) -> dict[str, Any]:
        """Return the members of the journal's entry; what says nothing is left out."""
        facts = {
            "sessions": [plain(i) for i in self.sessions],
            "plan": dict(self.plan),
            "groups": group_facts(self.groups),
            "undoes": self.undoes,
            "discards": list(self.discards),
        }
        return {name: value for name, value in facts.items() if value}


def group_facts(groups: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return of process groups what the journal keeps.

    Examples
    --------
    >>> group_facts([{"pgid": 7, "command": "vi secret", "outcome": "ended"}])
    [{'pgid': 7, 'outcome': 'ended'}]
    """
    return [
        {name: value for name, value in group.items() if name in GROUP_FACTS} for group in groups
    ]


def plan_facts(plan: pd.DataFrame) -> dict[str, Any]:
    """Return a plan as counts and ids: `{table: {action: {"rows": n, "keys": [...]}}}`.

    Examples
    --------
    >>> plan_facts(pd.DataFrame({"table": ["panes"], "action": ["delete"], "key": ["my name"]}))
    {'panes': {'delete': {'rows': 1, 'keys': ['#038468518ad8122e #82a3537ff0dbce7e']}}}
    """
    columns = (plan[name].tolist() for name in ("table", "action", "key"))
    return row_facts(zip(*columns, strict=True))


def row_facts(rows: Iterable[tuple[str, str, object]]) -> dict[str, Any]:
    """Return table, action and key of plan rows as counts and ids; as `plan_facts`."""
    gathered: dict[str, dict[str, list[str]]] = {}
    for table, action, key in rows:
        gathered.setdefault(table, {}).setdefault(action, []).append(plain(key))
    return {
        table: {action: _counted(keys) for action, keys in actions.items()}
        for table, actions in gathered.items()
    }


def _counted(keys: list[str]) -> dict[str, Any]:
    if len(keys) <= MOST_KEYS:
        return {"rows": len(keys), "keys": keys}
    digest = hashlib.sha256("\n".join(keys).encode()).hexdigest()
    return {"rows": len(keys), "keys_sha256": digest}


def plain(key: object) -> str:
    """Return the words of a key, each that is no id and no number as a hash of it.

    Examples
    --------
    >>> plain("12 ?")
    '12 ?'
    >>> plain("secret")
    '#2bb80d537b1da3e3'
    """
    words = (key if isinstance(key, str) else "?").split(" ")
    return " ".join(word if _PLAIN.fullmatch(word) else _hash(word) for word in words)


def _hash(word: str) -> str:
    return "#" + hashlib.sha256(word.encode("utf-8", "surrogatepass")).hexdigest()[:16]
