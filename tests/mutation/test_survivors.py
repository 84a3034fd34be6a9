"""What is left over of a run is never passed over, and an explanation is of code that is there."""

from __future__ import annotations

import pytest

from tests.mutation.survivors import (
    EXPLAINED,
    Change,
    Mutant,
    change_of,
    explanations,
    judged,
)

DIFF = """\
--- a.py
+++ a.py
@@ -1,3 +1,3 @@
 def f(x):
-    return x + 1
+    return x - 1
"""
CHANGE = Change("a.py", "f", "return x + 1", "return x - 1")
TEXT = """
[[explained]]
module = "a.py"
function = "f"
why = "{why}"
changes = [["return x + 1", "return x - 1"]]
"""


def test_a_change_is_its_lines_without_what_stands_around_them() -> None:
    assert change_of("a.py", "f", DIFF) == CHANGE


@pytest.mark.parametrize("status", ["noticed", "endless"])
def test_what_a_test_noticed_needs_no_explanation(status: str) -> None:
    verdict = judged([Mutant(CHANGE, status)], [])
    assert verdict.good
    (figure,) = verdict.figures()
    assert (figure.tried, figure.survived, figure.losses) == (1, 1, 0)


@pytest.mark.parametrize("status", ["survived", "unreached", "not tried", "broken"])
def test_what_no_test_noticed_is_left_over_until_it_is_explained(status: str) -> None:
    missed = Mutant(CHANGE, status)
    assert judged([missed], []).unexplained == [missed]
    assert not judged([missed], []).good
    assert judged([missed], []).figures()[0].losses == 1
    explained = judged([missed], explanations(TEXT.format(why="no difference")))
    assert explained.good
    assert "a.py: 0 noticed by a test, 1 explained" in explained.figures()[0].fault


def test_an_explanation_of_code_that_is_gone_is_told() -> None:
    other = Mutant(CHANGE._replace(was="return 2 * x"), "noticed")
    verdict = judged([other], [CHANGE])
    assert verdict.stale == [CHANGE]
    assert not verdict.good


def test_nothing_tried_is_not_good() -> None:
    assert not judged([], []).good


def test_every_explanation_says_why_and_of_which_lines() -> None:
    found = list(explanations(EXPLAINED.read_text()))
    assert len(set(found)) == len(found)
    for change in found:
        source = (EXPLAINED.parents[2] / change.module).read_text()
        assert f"def {change.function.rpartition('.')[2]}(" in source, change
        assert change.was != change.now
    with pytest.raises(AssertionError):
        list(explanations(TEXT.format(why=" ")))
