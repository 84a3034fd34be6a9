from __future__ import annotations

from bmux_forensics.snapshot import shapes


def test_stored_shapes_are_what_the_models_say() -> None:
    stored = shapes.STORE.read_bytes()
    assert stored == shapes.compile_shapes(), "run python -m bmux_forensics.snapshot.shapes"
