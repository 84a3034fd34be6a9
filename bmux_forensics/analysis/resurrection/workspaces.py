"""Which workspace a tab comes back to: that of its id, else of its name, else its own, anew."""

from __future__ import annotations

import uuid
from functools import cached_property
from typing import Final

from bmux_forensics.analysis.resurrection.kept import Kept, Order, State

DEFAULT: Final = str(uuid.UUID(int=0))
"""The scope that is always there."""

ATTRIBUTE: Final = "workspace"
"""The attribute of a context that names its workspace, in newer snapshots."""


class Scopes:
    """The scopes of one snapshot as those of another.

    Parameters
    ----------
    source : State
        Where tabs come from.
    there : State
        Where they go.
    """

    def __init__(self, source: State, there: State) -> None:
        self.source = source
        self.there = there

    @cached_property
    def _by_name(self) -> dict[str, str]:
        return {name: identity for identity, name in self.there.workspaces.items()}

    def scope(self, scope: str) -> str:
        """Return the scope that one of the source becomes."""
        if scope == DEFAULT or scope in self.there.workspaces:
            return scope
        return self._by_name.get(self.source.workspaces.get(scope, ""), scope)

    def attributes(self, attributes: dict[str, str]) -> dict[str, str]:
        """Return a context's attributes with the name that its workspace has there.

        A snapshot of an older server names none; there the tab is one of the default workspace.
        """
        name = attributes.get(ATTRIBUTE)
        if name is None:
            default = self.there.workspaces.get(DEFAULT)
            newer = self.there.reading("workspaces") is not None
            if self._is_older and newer and default is not None:
                return {**attributes, ATTRIBUTE: default}
            return attributes
        for identity, known in self.source.workspaces.items():
            if known == name:
                there = self.there.workspaces.get(self.scope(identity), name)
                return {**attributes, ATTRIBUTE: there}
        return attributes

    @property
    def _is_older(self) -> bool:
        """Whether the source is of a server that knew neither tabs nor workspaces."""
        return self.source.reading("tabs") is None and self.source.reading("workspaces") is None

    def orders(self, kept: Kept) -> dict[str, Order]:
        """Return the orders in which a session's tabs stand, by the scope that each becomes."""
        if self.source.reading("tabs") is None:
            return {DEFAULT: kept.bound} if kept.bound else {}
        return {
            self.scope(scope): order
            for scope, (_, order) in self.source.orders.items()
            if set(order) & set(kept.bound)
        }

    def pending(self, kept: Kept) -> dict[str, str]:
        """Return the scope of each tab of a session that waits for its context."""
        waiting = self.source.pending
        scopes = {context: waiting.get(context) for context in kept.bound}
        return {context: self.scope(s) for context, s in scopes.items() if s is not None}

    def needed(self, kept: Kept) -> dict[str, str]:
        """Return the id and name of the workspaces that a session's tabs need and that are missing.

        Those are the ones that their orders, their places in wait and their attributes name.
        """
        source, there = self.source.workspaces, self.there.workspaces
        names = {record["attributes"].get(ATTRIBUTE) for record in kept.contexts.values()}
        scopes = {*self.orders(kept), *self.pending(kept).values()}
        return {
            identity: name
            for identity, name in source.items()
            if (identity in scopes or name in names)
            and self.scope(identity) == identity
            and identity not in there
        }
