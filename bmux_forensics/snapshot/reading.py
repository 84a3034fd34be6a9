"""One section, read: its payload as a JSON tree, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson
from pydantic_core import ValidationError

from bmux_forensics.errors import (
    EvidenceError,
    NotRewritableError,
    SectionUndecodableError,
    UnknownVersionError,
)
from bmux_forensics.snapshot.envelope import Section
from bmux_forensics.snapshot.identifiers import are_canonical, canonical_id
from bmux_forensics.snapshot.json_text import (
    MAX_DEPTH,
    depth,
    has_repeated_keys,
    oversized_integer,
    repeated_keys,
)
from bmux_forensics.snapshot.parsing import brief
from bmux_forensics.snapshot.sections import BY_ID, SectionSpec
from bmux_forensics.snapshot.shapes import payload_validator

_MISSING = object()


@dataclass(frozen=True)
class Reading:
    """A section of one snapshot, decoded on demand.

    Parameters
    ----------
    where : str
        What to call the snapshot in an error.
    position : int
        The section's place in the envelope.
    section : Section
        The section itself.
    """

    where: str
    position: int
    section: Section

    @property
    def spec(self) -> SectionSpec | None:
        """The facts known of the section's id; None for an id that bmux does not know."""
        return BY_ID.get(self.section.id)

    @property
    def model_name(self) -> str | None:
        """The model of the payload; None for an id or a version that is not known."""
        spec = self.spec
        return spec.models.get(self.section.version) if spec else None

    def trust(self, tree: Any) -> None:
        """Take it from the caller that the payload has this tree, and that it is sound."""
        self.__dict__.update(
            _parsed=(tree, None), key_problem=None, shape_problem=None, problem=None, has_rows=True
        )

    @cached_property
    def _parsed(self) -> tuple[Any, EvidenceError | None]:
        nested = depth(self.section.payload)
        if nested > MAX_DEPTH:
            found = f"JSON nested {nested} levels deep"
            return _MISSING, self._undecodable(found, f"at most {MAX_DEPTH} levels")
        try:
            return orjson.loads(self.section.payload), None
        except orjson.JSONDecodeError as error:
            found = f"text that is not JSON ({error})" if self.section.payload else "no bytes"
            return _MISSING, self._undecodable(found)

    @property
    def json_problem(self) -> EvidenceError | None:
        """Why the payload is no JSON that bmux would take, or None."""
        return self._parsed[1]

    @property
    def version_problem(self) -> EvidenceError | None:
        """Why the version is not one that this tool knows, or None."""
        spec = self.spec
        if spec is None or self.section.version in spec.models:
            return None
        return UnknownVersionError(
            self.place,
            f"version {self.section.version}",
            expected=f"version {', '.join(map(str, spec.models))}",
            advice="a newer bmux_forensics may know it",
        )

    @cached_property
    def shape_problem(self) -> EvidenceError | None:
        """Why bmux's typed reader would not take the (valid JSON) payload, or None."""
        if self.spec is None or self.json_problem or self.version_problem:
            return None
        return self.key_problem or self._other_shape()

    @cached_property
    def problem(self) -> EvidenceError | None:
        """The first of: unknown version, no JSON, another shape; None for a sound section."""
        if self.spec is None:
            return None  # the bytes of a section that bmux does not know may be anything
        return self.version_problem or self.json_problem or self.shape_problem

    @property
    def place(self) -> str:
        """How messages name the section: the snapshot and the section's id."""
        return f"{self.where}, section {self.section.id}"

    @property
    def tree(self) -> Any:
        """The payload as plain Python objects; raises when it is no JSON bmux would take."""
        tree, problem = self._parsed
        if problem is not None:
            raise problem
        return tree

    @cached_property
    def has_rows(self) -> bool:
        """Whether tables are built from the section.

        Not from one of an unknown id or version, nor from one that does not decode;
        a pane section gives rows in any shape, for bmux's offline kill takes any.
        """
        if self.spec is None or self.version_problem or self.json_problem:
            return False
        return self.spec.any_shape or self.shape_problem is None

    def edited(self, tree: Any) -> Reading:
        """Return the section with another tree, trusted to have the shape where this one has to."""
        section = self.section.with_payload(self.encode(tree))
        reading = Reading(self.where, self.position, section)
        # What was decoded once and only edited need not be decoded again.
        reading.__dict__.update(_parsed=(tree, None))
        if not (self.spec and self.spec.any_shape):  # the others were never asked for theirs
            reading.__dict__.update(shape_problem=None)
        return reading

    def require(self) -> Any:
        """Return the tree that an offline edit works on; raise what makes bmux stop there."""
        problem = self.version_problem or self.json_problem
        if problem is None and not (self.spec and self.spec.any_shape):
            problem = self.shape_problem
        if problem is not None:
            raise problem
        return self.tree

    def require_rewritable(self) -> None:
        """Raise `NotRewritableError` when encoding the tree again would change a number."""
        number = oversized_integer(self.section.payload)
        if number is not None:
            raise NotRewritableError(
                self.place,
                f"the integer {brief(number)}",
                expected="integers of at most 64 bits",
                advice="writing it back would change it, so the file stays as it is",
            )

    def require_distinct_ids(self) -> None:
        """Raise `NotRewritableError` when two keys of a map spell one id in two ways.

        bmux takes the last and drops the others. A reader that keeps keys as spelled sees
        two rows that contradict each other, and no change could be true to both.
        """
        if self.spec is None or not self.spec.maps_by_id:
            return
        for member, rows in self.tree.items():
            if isinstance(rows, dict) and (twice := _spelled_twice(rows)) is not None:
                raise NotRewritableError(
                    self.place,
                    f"the id {twice} in two spellings at /{member}",
                    expected="each id once among the keys of a map",
                    advice="bmux would keep the last of them alone, so the file stays as it is",
                )

    def encode(self, tree: Any) -> bytes:
        """Return the payload for a changed tree, written the way bmux writes this section."""
        option = orjson.OPT_SORT_KEYS if self.spec and self.spec.sorts_keys else 0
        return orjson.dumps(tree, option=option)

    def model(self) -> Any:
        """Return the payload as the pydantic model of its version; raise what is wrong."""
        from pydantic import TypeAdapter  # noqa: PLC0415 - costs more than reading a snapshot

        from bmux_forensics.snapshot import models  # noqa: PLC0415 - as above

        if self.problem is not None:
            raise self.problem
        name = BY_ID[self.section.id].models[self.section.version]
        adapter: TypeAdapter[Any] = TypeAdapter(getattr(models, name))
        return adapter.validate_python(self.tree)

    @property
    def _is_as_encoded(self) -> bool:
        """Whether the payload is what its tree is written as: so nothing in it got lost."""
        return orjson.dumps(self.tree) == self.section.payload

    @cached_property
    def key_problem(self) -> EvidenceError | None:
        """The key that a record of the (valid JSON) payload has twice, or None."""
        spec = self.spec
        if spec is None or self.section.version < spec.records_since:
            return None
        if not spec.records or self._is_as_encoded or not has_repeated_keys(self.section.payload):
            return None
        for place, key in repeated_keys(self.section.payload):
            if any(_matches(place, record) for record in spec.records):
                found = f"the key {brief(key)} twice at /{'/'.join(place)}"
                return self._undecodable(found, "each key once in a record")
        return None

    def _other_shape(self) -> EvidenceError | None:
        spec = BY_ID[self.section.id]
        try:
            payload_validator(spec.name, self.section.version).validate_python(self.tree)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            pointer = "".join(f"/{part}" for part in first["loc"])
            # Environment values are private, and an error line goes far.
            value = "a value" if "env" in first["loc"] else brief(first["input"])
            return self._undecodable(
                f"{value} at {pointer or '/'} ({first['msg']})",
                "the shape that bmux writes",
            )
        return None

    def _undecodable(self, found: str, expected: str = "JSON") -> SectionUndecodableError:
        return SectionUndecodableError(self.place, found, expected=expected)


def _spelled_twice(keys: Collection[str]) -> str | None:
    if are_canonical(keys):
        return None
    seen: set[str | None] = set()
    for key in keys:
        identity = canonical_id(key)
        if identity is not None and identity in seen:
            return identity
        seen.add(identity)
    return None


def _matches(place: tuple[str, ...], record: tuple[str, ...]) -> bool:
    if record[-1:] == ("**",):
        place, record = place[: len(record) - 1], record[:-1]
    return len(place) == len(record) and all(
        r in ("*", p) for p, r in zip(place, record, strict=True)
    )
