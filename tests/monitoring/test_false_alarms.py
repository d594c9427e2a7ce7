"""How often a column is called drifted, or tested as changed, where nothing changed; how often where something did."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pytest

from mlops_nb.monitoring.columns import Column
from mlops_nb.monitoring.comparison import Rules, compared

SIMULATIONS = 1_000
ALONE = Rules(correction="none")

CONTINUOUS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "lognormal": lambda rng, n: rng.lognormal(size=n),
    "heavy tails": lambda rng, n: rng.standard_t(2, size=n),
}
DISCRETE: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "five values": lambda rng, n: rng.integers(0, 5, n).astype(float),
    "counts": lambda rng, n: rng.poisson(3, n).astype(float),
    "mostly zero": lambda rng, n: np.where(rng.random(n) < 0.7, 0.0, rng.exponential(size=n)),
}


def numbers(values: np.ndarray, missing: int = 0) -> Column:
    return Column("x", "float64", len(values) + missing, missing, "number", numbers=values)


def categories(counts: np.ndarray) -> Column:
    labels = pd.Index(np.arange(len(counts)).astype(str))
    return Column("x", "str", int(counts.sum()), 0, "category", labels=labels[counts > 0], counts=counts[counts > 0])


def rates(pairs: Iterator[tuple[Column, Column]]) -> tuple[float, float]:
    """The shares of columns with p < 0.05, and called drifted."""
    found = compared(list(pairs), ALONE, np.random.default_rng(1))
    return float(np.mean([each.p_value < 0.05 for each in found])), np.mean(
        [each.verdict == "drifted" for each in found]
    )


def simulated(draw: Callable, n: int, m: int, shift: float = 0.0, count: int = SIMULATIONS) -> tuple[float, float]:
    rng = np.random.default_rng(n)
    return rates((numbers(draw(rng, n)), numbers(draw(rng, m) + shift)) for _ in range(count))


@pytest.mark.parametrize("kind", CONTINUOUS)
@pytest.mark.parametrize(("n", "m"), [(97, 101), (200, 200), (1_000, 400)])
def test_numbers_that_did_not_change_are_found_changed_in_one_of_twenty_comparisons(kind, n, m):
    tested, drifted = simulated(CONTINUOUS[kind], n, m)
    assert 0.03 <= tested <= 0.07
    assert drifted <= 0.05


def test_many_numbers_that_did_not_change_are_found_changed_in_one_of_twenty_comparisons():
    tested, drifted = simulated(CONTINUOUS["normal"], 100_000, 100_000)
    assert 0.03 <= tested <= 0.07
    assert drifted == 0


@pytest.mark.parametrize("kind", DISCRETE)
@pytest.mark.parametrize("n", [60, 200, 1_000])
def test_numbers_with_ties_are_not_found_changed_more_often(kind, n):
    tested, drifted = simulated(DISCRETE[kind], n, n, count=600)
    assert tested <= 0.07
    assert drifted <= 0.05
    if kind != "mostly zero":
        assert tested >= 0.025


@pytest.mark.parametrize("n", [200, 1_000, 100_000])
@pytest.mark.parametrize("cells", [2, 5, 20, 200])
@pytest.mark.parametrize("is_even", [True, False])
def test_categories_that_did_not_change_are_found_changed_in_at_most_one_of_fourteen_comparisons(n, cells, is_even):
    rng = np.random.default_rng(cells)
    shares = np.ones(cells) if is_even else 1 / np.arange(1, cells + 1)
    shares /= shares.sum()
    many = SIMULATIONS if cells < 200 or n > 1_000 else SIMULATIONS // 4  # random tables of 200 cells take their time
    pairs = ((categories(rng.multinomial(n, shares)), categories(rng.multinomial(n, shares))) for _ in range(many))
    tested, drifted = rates(pairs)
    assert tested <= 0.07
    assert drifted <= 0.05


@pytest.mark.parametrize("missing", [0.02, 0.5])
def test_missing_values_that_did_not_change_do_not_add_to_that(missing):
    rng = np.random.default_rng(3)

    def one() -> Column:
        absent = int(rng.binomial(400, missing))
        return numbers(rng.normal(size=400 - absent), absent)

    tested, drifted = rates((one(), one()) for _ in range(SIMULATIONS))
    assert 0.02 <= tested <= 0.07
    assert drifted <= 0.05


def test_of_many_columns_that_did_not_change_hardly_ever_one_is_called_drifted():
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(60):
        pairs = [(numbers(rng.normal(size=500)), numbers(rng.normal(size=500))) for _ in range(40)]
        alarms += any(each.verdict == "drifted" for each in compared(pairs, Rules(), rng))
    assert alarms <= 6


@pytest.mark.parametrize(
    ("shift", "n", "least_tested", "least_drifted"),
    [(0.5, 200, 0.9, 0.85), (0.5, 1_000, 0.999, 0.999), (0.2, 1_000, 0.9, 0.0), (0.2, 100_000, 0.999, 0.0)],
)
def test_a_shift_is_found_and_called_drift_only_where_it_is_large(shift, n, least_tested, least_drifted):
    tested, drifted = simulated(CONTINUOUS["normal"], n, n, shift, count=300)
    assert tested >= least_tested
    assert drifted >= least_drifted
    if shift == 0.2 and n == 100_000:  # certain, and too small to matter: a distance of 0.08
        assert drifted == 0


def test_sixty_percent_of_missing_values_is_drift():
    rng = np.random.default_rng(0)
    pair = (numbers(rng.normal(size=1_000)), numbers(rng.normal(size=400), 600))
    (found,) = compared([pair], Rules(), rng)
    assert (found.verdict, found.decided_by, found.effect) == ("drifted", "missing values", 0.6)
