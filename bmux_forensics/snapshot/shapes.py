"""Validators of every payload, compiled from the pydantic models ahead of time.

Building pydantic's models takes longer than reading a snapshot, so what pydantic
makes of them is stored beside this module (``shapes.json``) and handed straight to
its engine. The models stay the one source: `compile_shapes` makes the file, a test
holds it current, and where another version of the engine is installed than the one
that made the file, the models are built as usual.

``python -m bmux_forensics.snapshot.shapes`` writes the file anew.
"""

from __future__ import annotations

from functools import cache
from inspect import signature
from pathlib import Path
from typing import Any, Final

import orjson
import pydantic_core
from pydantic_core import core_schema

from bmux_forensics.snapshot.sections import BY_NAME

STORE: Final = Path(__file__).with_name("shapes.json")
ENVELOPE: Final = "EnvelopeRecord"
"""The model of the envelope itself."""

_DROPPED: Final = frozenset(
    {"cls", "config", "custom_init", "root_model", "metadata", "computed_fields", "model_name"}
    | {"default_factory_takes_data", "from_attributes", "serialization"}
)

_STOPPING: Final = tuple(
    name
    for name in ("list", "dict", "set")
    if "fail_fast" in signature(getattr(core_schema, f"{name}_schema")).parameters
)
"""What ends at its first mistake: only that is told, and a hostile payload may have a million."""


def validator(model: str) -> pydantic_core.SchemaValidator:
    """Return what checks a payload against a model, by the model's name.

    Its result is of no use (members without their models); what counts is whether it
    raises `pydantic_core.ValidationError`.

    Examples
    --------
    >>> validator("Workspaces").validate_python([{"id": 7, "name": "x"}])
    Traceback (most recent call last):
    ...
    pydantic_core._pydantic_core.ValidationError: ...
    """
    return _compiled(model) or _built(model)


def payload_validator(section: str, version: int) -> pydantic_core.SchemaValidator:
    """Return what checks the payload of a section, by its short name and version."""
    return validator(BY_NAME[section].models[version])


def shape(model: str) -> dict[str, Any]:
    """Return the shape of a model as data: pydantic's schema of its members."""
    found: dict[str, Any] = _stored()["models"][model]
    return found


@cache
def _compiled(model: str) -> pydantic_core.SchemaValidator | None:
    shapes = _stored()
    if shapes["pydantic_core"] != pydantic_core.__version__:
        return None
    return pydantic_core.SchemaValidator(shapes["models"][model])


@cache
def _stored() -> dict[str, Any]:
    shapes: dict[str, Any] = orjson.loads(STORE.read_bytes())
    return shapes


@cache
def _built(model: str) -> pydantic_core.SchemaValidator:
    return pydantic_core.SchemaValidator(_shape(model))


def compile_shapes() -> bytes:
    """Return what `STORE` shall hold for the models as they are and the engine installed."""
    names = {name for spec in BY_NAME.values() for name in spec.models.values()} | {ENVELOPE}
    shapes = {name: _shape(name) for name in sorted(names | {"OlderPaneRuntime"})}
    document = {"pydantic_core": pydantic_core.__version__, "models": shapes}
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"


def _shape(model: str) -> Any:
    from pydantic import TypeAdapter  # noqa: PLC0415 - what this module is there to avoid

    from bmux_forensics.snapshot import models  # noqa: PLC0415 - as above

    adapter: TypeAdapter[Any] = TypeAdapter(getattr(models, model))
    adapter.rebuild(force=True)
    return _plain(adapter.core_schema)


def _plain(node: Any) -> Any:
    """Reduce pydantic's schema of a model to one of its members, without the classes."""
    if isinstance(node, list | tuple):
        return [_plain(child) for child in node]
    if not isinstance(node, dict):
        return node
    if node.get("type") == "model":
        return _plain_model(node)
    plain = {key: _plain(child) for key, child in node.items() if key not in _DROPPED}
    if plain.get("type") in _STOPPING:
        plain["fail_fast"] = True
    if "default_factory" in plain:
        plain["default"] = plain.pop("default_factory")()
    if "schema_ref" in plain:
        plain["schema_ref"] = _name(plain["schema_ref"])
    if plain.get("type") == "definitions":
        for definition, source in zip(plain["definitions"], node["definitions"], strict=True):
            definition["ref"] = _name(source["ref"])
    return plain


def _plain_model(node: dict[str, Any]) -> dict[str, Any]:
    members: dict[str, Any] = _plain(node["schema"])
    members["extra_behavior"] = node["config"]["extra_fields_behavior"]
    return members


def _name(reference: str) -> str:
    # pydantic numbers its references by the address of the class: another one each run.
    return reference.rpartition(".")[2].partition(":")[0]


if __name__ == "__main__":
    STORE.write_bytes(compile_shapes())
