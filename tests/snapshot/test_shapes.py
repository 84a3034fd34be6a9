from __future__ import annotations

from typing import Any

import pytest
from pydantic_core import ValidationError

from bmux_forensics.snapshot import shapes
from tests.worlds import clients_tree


def test_stored_shapes_are_what_the_models_say() -> None:
    stored = shapes.STORE.read_bytes()
    assert stored == shapes.compile_shapes(), "run python -m bmux_forensics.snapshot.shapes"


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("sessions", [{"id": 7}] * 1000),
        ("panes", {"sessions": [{}] * 1000}),
        ("tabs", {f"{number}": [] for number in range(1000)}),
        ("clients", clients_tree(selected_sessions={f"{n}": 7 for n in range(1000)})),
    ],
)
def test_a_payload_of_a_thousand_mistakes_is_judged_by_its_first(name: str, payload: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        shapes.payload_validator(name, 1).validate_python(payload)
    assert caught.value.error_count() < 5
