"""DataFrames as a notebook shows them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

import bmux_forensics as bf
from bmux_forensics.errors import UsageError
from bmux_forensics.notebook.cells import WIDEST, rows_of
from tests.report.hostile import NAMES
from tests.report.test_report import LAST, Reader

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ID = "03b1affc-f02c-424c-a52e-4d8c8db37ead"


def cell_of(value: object, name: str = "x", now: datetime | None = NOW) -> tuple[str, str]:
    ((cell,),) = rows_of(pd.DataFrame({name: pd.Series([value], dtype="object")}), now=now)
    return cell.text, cell.whole


def test_ids_are_short_and_keep_the_whole() -> None:
    assert cell_of(ID) == ("03b1affc", ID)


def test_times_are_relative_and_keep_the_exact_one() -> None:
    moment = pd.Timestamp(NOW - timedelta(minutes=3))
    assert cell_of(moment) == ("3 minutes ago", "2026-11-22 11:57:00Z")
    assert cell_of(moment, now=None) == ("2026-11-22 11:57:00Z", "")


def test_moments_that_would_read_the_same_are_shown_exactly() -> None:
    near = [pd.Timestamp(NOW - timedelta(hours=3, seconds=seconds)) for seconds in (5, 7)]
    rows = list(rows_of(pd.DataFrame({"at": [*near, pd.NaT, near[0]]}), now=NOW))
    first = ("2026-11-22 08:59:55Z", "3 hours ago")
    told = [(cell.text, cell.whole) for (cell,) in rows]
    assert told == [first, ("2026-11-22 08:59:53Z", "3 hours ago"), ("", ""), first]
    same = list(rows_of(pd.DataFrame({"at": [near[0]] * 2}), now=NOW))
    assert [cell.text for (cell,) in same] == ["3 hours ago"] * 2


def test_wide_texts_are_clipped_and_paths_keep_their_end() -> None:
    text, whole = cell_of("w" * 500)
    assert len(text) == WIDEST
    assert whole == "w" * 500
    assert cell_of("/home/user/a/snap.json", "snapshot") == ("snap.json", "/home/user/a/snap.json")


@pytest.mark.parametrize("nothing", [None, pd.NA, pd.NaT, float("nan")])
def test_nothing_is_nothing(nothing: object) -> None:
    assert cell_of(nothing) == ("", "")


def test_plain_values() -> None:
    assert cell_of(value=True)[0] == "yes"
    assert cell_of(12)[0] == "12"
    assert cell_of(["a", "b"])[0] == "a, b"
    assert cell_of({"a": 1})[0] == "a: 1"


def test_a_table_shows_every_row_and_says_what_it_leaves_out() -> None:
    frame = pd.DataFrame({"number": range(50)})
    whole = Reader(bf.show_table(frame, name="numbers")._repr_html_())
    assert whole.tables == {"numbers": 50}
    part = bf.show_table(frame, limit=10, name="numbers")._repr_html_()
    assert Reader(part).tables == {"numbers": 10}
    assert "the first 10 of 50 rows" in part


def test_small_tables_have_no_pages_and_empty_ones_their_columns() -> None:
    small = bf.show_table(pd.DataFrame({"number": range(5)}))._repr_html_()
    assert 'data-page="0"' in small
    empty = bf.show_table(bf.load_tables(LAST)["pending_tabs"])._repr_html_()
    assert ">scope_id<" in empty


def test_an_index_that_says_something_is_a_column() -> None:
    frame = pd.DataFrame({"x": [1]}, index=pd.Index(["row"], name="key"))
    assert [t for t in Reader(bf.show_table(frame)._repr_html_()).text if t == "key"]
    frame.index.name = None
    assert [t for t in Reader(bf.show_table(frame)._repr_html_()).text if t == "index"]


def test_hostile_cells_are_text() -> None:
    shown = bf.show_table(pd.DataFrame({"name": NAMES, "<b>": NAMES}))._repr_html_()
    tags = [tag for tag, _ in Reader(shown).elements]
    assert tags.count("script") == 1
    assert "img" not in tags
    assert "b" not in tags


def test_every_frame_of_a_notebook_can_be_shown_that_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shell: Any = InteractiveShell()  # type: ignore[no-untyped-call]  # IPython's own
    bf.register_display(shell)
    assert capsys.readouterr().out == "pictures follow the theme of JupyterLab\n"
    data, _ = shell.display_formatter.format(bf.load_tables(LAST)["sessions"])
    assert "bf-table" in data["text/html"]
    assert "5 rows" in data["text/plain"]


def test_texts_are_as_wide_as_the_notebook_asks_pandas_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shell: Any = InteractiveShell()  # type: ignore[no-untyped-call]  # IPython's own
    bf.register_display(shell)
    frame = pd.DataFrame({"text": ["x" * 90]})
    for width, shown in ((20, "x" * 59 + "…"), (100, "x" * 90), (None, "x" * 90)):
        with pd.option_context("display.max_colwidth", width):
            data, _ = shell.display_formatter.format(frame)
        assert f">{shown}<" in data["text/html"]


def test_misuse_is_told() -> None:
    with pytest.raises(UsageError, match="page: expected 0 or more"):
        bf.show_table(pd.DataFrame(), page=-1)
    with pytest.raises(UsageError, match="a notebook's kernel"):
        bf.register_display()
