"""Which combinations a sweep tries."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.model_selection import ParameterGrid

from mlops_nb.errors import BadArgument
from mlops_nb.tracking.sweeps.combinations import axis, combinations, left_to_try, same_combination

GRIDS = st.dictionaries(
    st.sampled_from("abcd"), st.lists(st.integers(-5, 5), min_size=1, max_size=4, unique=True), min_size=1
)


def axes_of(grid):
    return [axis(f"{name}={','.join(map(str, values))}") for name, values in grid.items()]


@given(GRIDS)
def test_all_combinations_are_those_of_a_parameter_grid(grid):
    found = combinations(axes_of(grid))
    assert sorted(map(str, found)) == sorted(map(str, ({n: each[n] for n in grid} for each in ParameterGrid(grid))))
    assert [tuple(each.values()) for each in found] == list(product(*grid.values()))


@given(GRIDS, st.integers(1, 300), st.integers(0, 99))
def test_sample_is_a_part_of_the_grid_without_repetition_and_repeatable(grid, sample, seed):
    everything = combinations(axes_of(grid))
    found = combinations(axes_of(grid), sample, seed)
    assert len(found) == min(sample, len(everything))
    assert len({str(each) for each in found}) == len(found)
    assert all(each in everything for each in found)
    assert found == combinations(axes_of(grid), sample, seed)


def test_drawn_values_follow_their_distribution():
    found = combinations([axis("u=uniform(-1,3)"), axis("g=loguniform(1e-4,1)")], sample=5000, seed=7)
    assert stats.kstest([each["u"] for each in found], stats.uniform(-1, 4).cdf).pvalue > 0.01
    assert stats.kstest([each["g"] for each in found], stats.loguniform(1e-4, 1).cdf).pvalue > 0.01


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a=1", (1,)),
        ("a=1,2.5,None,True,x y", (1, 2.5, None, True, "x y")),
        ("a=[1, 'b']", (1, "b")),
        ("a='1','2'", ("1", "2")),
        ("a=-1,1e-3", (-1, 0.001)),
        ("a = range( 3 )", (0, 1, 2)),
        ("a=range(9,3,-3)", (9, 6)),
        ("a=linspace(0,1,3)", (0.0, 0.5, 1.0)),
        ("a=1,1.0,True,1", (1, 1.0, True)),
        ("a=x=1,y=2", ("x=1", "y=2")),
    ],
)
def test_values_are_read_as_typed(text, values):
    found = axis(text).values
    assert [(type(each), each) for each in found] == [(type(each), each) for each in values]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("depth", "has no values"),
        ("depth=", "has no values"),
        ("2x=1", "not a name of Python"),
        ("a.b=1", "not a name of Python"),
        ("a=1,,2", "missing between"),
        ("a=[]", "no value"),
        ("a=[[1]]", "neither a number nor text"),
        ("a=range(0)", "0 values"),
        ("a=range(1.5)", "whole numbers"),
        ("a=range(100000)", "100,000 values"),
        ("a=logspace(0,1,3)", "above 0"),
        ("a=linspace(0,1)", "takes 3 numbers"),
        ("a=range(1,2,3,4)", "takes 1 to 3 numbers"),
        ("a=uniform(2,1)", "below the second"),
        ("a=uniform(a,b)", "takes 2 numbers"),
        ("a=loguniform(-1,1)", "above 0"),
    ],
)
def test_what_cannot_be_read_is_said_with_a_form_that_can(text, why):
    with pytest.raises(BadArgument, match=why) as caught:
        axis(text)
    assert "--param" in caught.value.fix


def test_sweep_that_cannot_be_planned_says_why():
    for axes, sample, why in (
        ([], None, "needs a parameter"),
        ([axis("a=1"), axis("a=2")], None, "comes twice"),
        ([axis("a=uniform(0,1)")], None, "how often"),
        ([axis("a=range(1000)"), axis("b=range(1000)")], None, "1,000,000 combinations"),
        ([axis("a=1,2")], 0, "must be 1 to"),
    ):
        with pytest.raises(BadArgument, match=why):
            combinations(axes, sample)


def test_a_million_combinations_are_sampled_without_making_them():
    axes = [axis(f"{name}=range(1000)") for name in "abcdef"]
    assert len(combinations(axes, sample=20, seed=1)) == 20


@given(GRIDS, st.data())
def test_what_is_left_and_what_is_done_are_the_plan(grid, data):
    plan = combinations(axes_of(grid))
    done = data.draw(st.lists(st.sampled_from(plan), unique_by=str))
    left = left_to_try(plan, done)
    assert [each for each in plan if each in left] == left
    assert all(any(same_combination(each, one) for one in done) != (each in left) for each in plan)
