"""What keeps a session from coming back: its ids or names are taken where it shall go."""

from __future__ import annotations

from collections.abc import Iterator

from bmux_forensics.analysis.resurrection.kept import NEEDED, Kept, State
from bmux_forensics.errors import AlreadyThereError, NotRewritableError, UsageError
from bmux_forensics.snapshot.identifiers import canonical_id
from bmux_forensics.snapshot.sections import BY_NAME


def require_room(kept: Kept, there: State, new_name: str | None) -> None:
    """Refuse a session that a snapshot can't take.

    Parameters
    ----------
    kept : Kept
        The session.
    there : State
        The snapshot that it shall come back to.
    new_name : str or None
        Its new name, where it gets one.

    Raises
    ------
    NotRewritableError
        A section that has to be there is not.
    AlreadyThereError
        One of its ids or names is taken.
    UsageError
        The new name is no name.
    """
    where = there.snapshot.name
    needed = (*NEEDED, "panes") if kept.rows else NEEDED
    for name in needed:
        if there.reading(name) is None:
            raise NotRewritableError(
                where,
                "no such section",
                expected=f"the section {BY_NAME[name].id}",
                advice="a server that can't bring back anything from it is no place for a session",
            )
    if new_name is not None and not new_name.strip():
        raise UsageError("--as", "a blank name", expected="a name")
    taken = next(_taken_ids(kept, there), None)
    if taken is not None:
        raise AlreadyThereError(where, taken, advice="an id can't be given to two; nothing changed")
    named = next(_taken_names(kept, there, new_name), None)
    if named is not None:
        found = f"the name {named!r} belongs to another there"
        raise AlreadyThereError(where, found, advice="give it another name with --as")


def _taken_ids(kept: Kept, there: State) -> Iterator[str]:
    if any(canonical_id(row["id"]) == kept.session_id for row in there.sessions):
        yield f"the session {kept.session_id} is there already"
    if any(canonical_id(row["session_id"]) == kept.session_id for row in there.rows()):
        yield f"a pane row of the session {kept.session_id} is there already"
    bindings, contexts = there.bindings, there.contexts
    for context, session in bindings.items():
        if session == kept.session_id:
            yield f"the context {context} is bound to the session {kept.session_id} already"
    for context in kept.bound:
        if context in contexts or context in bindings:
            yield f"the context {context} is there already"
    panes = {canonical_id(pane["id"]) for row in there.rows() for pane in row["panes"]}
    for row in kept.rows:
        for pane in row["panes"]:
            if canonical_id(pane["id"]) in panes:
                yield f"the pane {canonical_id(pane['id'])} is there already"


def _taken_names(kept: Kept, there: State, new_name: str | None) -> Iterator[str]:
    sessions = {row.get("name") for row in there.sessions} - {None}
    contexts = {row.get("name") for row in there.contexts.values()} - {None}
    if new_name is not None:
        if new_name in sessions | contexts:
            yield new_name
        return
    if kept.name in sessions:
        yield str(kept.name)
    yield from (row["name"] for row in kept.contexts.values() if row.get("name") in contexts)


def name_of_context(name: str | None, kept: Kept, there: State, new_name: str | None) -> str | None:
    """Return the name of a context that comes back: a tab that bears its session's follows it."""
    if new_name is None or name is None:
        return name
    taken = name in {row.get("name") for row in there.contexts.values()}
    return new_name if taken or name == kept.name else name
