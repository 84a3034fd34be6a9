from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from bmux_forensics.host.filesystem import exists

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_there_and_what_is_not(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "fifo")
    asked = {
        str(tmp_path): True,
        str(tmp_path / "fifo"): True,
        str(tmp_path / "no"): False,
        str(tmp_path / "fifo" / "below"): False,
        str(tmp_path / "dangling"): False,
        str(tmp_path / "loop"): False,
        "/" + "x" * 300: False,
        "/" + "x/" * 5000: False,
        "/nul\0": False,
        "/lone\ud800": False,
        "": False,
        "sh": True,
        "no-such-program-anywhere": False,
        "some/relative": True,
    }
    assert exists(asked) == asked
    assert exists([]) == {}
    assert list(exists(["/b", "/a", "/b"])) == ["/b", "/a"]


@given(st.lists(st.text()))
def test_no_text_raises(paths: list[str]) -> None:
    assert set(exists(paths)) == set(paths)
