"""HTML out of templates in which every value is escaped."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("bmux_forensics.notebook"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def asset(name: str) -> Markup:
    """Return a script or a style sheet of ours; no evidence is in it."""
    environment = _templates()
    assert environment.loader is not None  # noqa: S101 - it is given one above
    text, _, _ = environment.loader.get_source(environment, name)
    return Markup(text)  # noqa: S704 - a file of this package


def filled(template: str, /, **values: Any) -> str:
    """Fill a template; whatever is no `Markup` of ours is escaped."""
    return _templates().get_template(template).render(**values)
