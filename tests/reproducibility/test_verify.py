from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_nb.reproducibility.verify import same_number, verification


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [(0.1 + 0.2, 0.3, False), (1.0, 1, True), (math.nan, math.nan, True), (math.inf, math.inf, True),
     (math.inf, -math.inf, False), (0.0, -0.0, True), (1.0, None, False), (math.nan, 1.0, False)],
)  # fmt: skip
def test_numbers_are_equal_to_the_last_bit(left: float, right: float | None, same: bool):
    assert same_number(left, right) is same


def test_every_captured_metric_is_checked():
    verdict = verification({"a": {"f1": 0.5, "acc": 0.9}}, {"a": {"f1": 0.5, "acc": 0.8, "more": 1.0}}, 2.0)
    assert [(each.metric, each.notebook, each.script, each.equal) for each in verdict.checks] == [
        ("f1", 0.5, 0.5, True),
        ("acc", 0.9, 0.8, False),
    ]
    assert not verdict.is_equal


def test_metric_that_the_script_lacks_differs():
    assert not verification({"a": {"f1": 0.5}}, {"a": {}}, 1.0).is_equal


def test_run_never_captured_or_never_repeated_is_missing():
    verdict = verification({"a": None, "b": {"f1": 1.0}, "c": {"f1": 1.0}}, {"a": {"f1": 1.0}, "c": {"f1": 1.0}}, 1.0)
    assert verdict.missing_runs == ("a", "b")
    assert not verdict.is_equal


def test_nothing_to_compare_is_not_equal():
    assert not verification({}, {}, 1.0).is_equal
    assert not verification({"a": {}}, {"a": {}}, 1.0).is_equal


@given(st.dictionaries(st.text(max_size=5), st.floats(), min_size=1))
def test_metrics_equal_themselves(metrics: dict[str, float]):
    assert verification({"a": metrics}, {"a": dict(metrics)}, 0.0).is_equal
