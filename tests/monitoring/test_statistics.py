"""Distances and tests against published values, scipy, and what must hold of them."""

from __future__ import annotations

import json
import math
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from mlops_nb.monitoring import categories, decision, numbers

VECTORS = {
    one["id"]: one for one in json.loads((Path(__file__).parents[1] / "reference/drift_vectors.json").read_text())
}

finite = st.floats(-1e6, 1e6, allow_subnormal=False)
samples = arrays(float, st.integers(1, 60), elements=finite | st.integers(-3, 3).map(float))
tables = st.integers(2, 8).flatmap(lambda cells: st.tuples(*[arrays(np.int64, cells, elements=st.integers(0, 40))] * 2))


def shares(*values: float) -> np.ndarray:
    return np.asarray(values, dtype=float)


def counted(values: list[str], labels: list[str]) -> np.ndarray:
    return np.array([values.count(label) for label in labels])


def ks(x: object, y: object) -> tuple[float, float]:
    x, y = np.sort(np.asarray(x, dtype=float)), np.sort(np.asarray(y, dtype=float))
    distance = numbers.kolmogorov_smirnov(*numbers.pair(x, y)).distance
    return distance, decision.exact_distance_p_value(distance, x, y)


def psi_with(reference: list[float], current: list[float], least: float) -> float:
    return categories.population_stability(*(np.maximum(shares(*each), least) for each in (reference, current)))


def contingency(reference: list[int], current: list[int]) -> list[float]:
    found = categories.chi_squared(np.array(reference), np.array(current), np.random.default_rng(0))
    return [found.statistic, found.p_value]


COMPUTED = {
    "psi_popmon": lambda p, q: categories.population_stability(shares(*p), shares(*q)),
    "psi_2bin": lambda ref_counts, cur_counts: categories.population_stability(
        categories.smoothed(np.array(ref_counts)), categories.smoothed(np.array(cur_counts))
    ),
    "psi_empty_bin_eps1e-4": lambda ref, cur, eps: psi_with(ref, cur, eps),
    "kl_popmon_1": lambda p, q: categories.kullback_leibler(shares(*p), shares(*q)),
    "kl_popmon_2": lambda p, q: categories.kullback_leibler(shares(*p), shares(*q)),
    "js_dist_scipy_2": lambda p, q, base: math.sqrt(categories.jensen_shannon(shares(*p), shares(*q)) * math.log(2)),
    "js_div_tfdv_buckets": lambda ref_hist, cur_hist, base: categories.jensen_shannon(
        shares(*ref_hist), shares(*cur_hist)
    ),
    "js_div_tfdv_nan_as_category": lambda ref, cur, base: categories.jensen_shannon(
        *(categories.shares(np.array([each["nan"], each["vals"]])) for each in (ref, cur))
    ),
    "hellinger_evidently": lambda ref_counts, cur_counts: categories.hellinger(
        categories.shares(np.array(ref_counts)), categories.shares(np.array(cur_counts))
    ),
    "linf_tfdv": lambda ref, cur: categories.largest_change(
        *(shares(*(each.get(label, 0.0) for label in "abc")) for each in (ref, cur))
    ),
    "linf_nannyml_total_change": lambda ref, cur: categories.largest_change(
        *(categories.shares(counted(each, ["a", "b", "c"])) for each in (ref, cur))
    ),
    "chi2_two_sample_same_data": lambda ref_counts, cur_counts, kind: contingency(ref_counts, cur_counts),
    "cramersv_deepchecks": lambda ref_counts, cur_counts: categories.cramers_v(
        np.array(ref_counts), np.array(cur_counts)
    ),
    "ks_scipy_two_vs_three_a": ks,
    "ks_scipy_two_vs_four": ks,
    "ks_scipy_two_vs_four_b": ks,
    "ks_ties_exact_p": lambda x, y: ks(x, y)[1],
    "emd_deepchecks_third": lambda u, v, scaling: (
        numbers.wasserstein(*numbers.pair(np.arange(100.0), np.arange(50.0, 150.0))) / 149
    ),
    "bh_1995": lambda p: decision.corrected(p).tolist(),
}


@pytest.mark.parametrize("name", COMPUTED)
def test_published_values_come_out(name):
    vector = VECTORS[name]
    given_ = vector["input"]
    found = COMPUTED[name](**given_)
    assert np.allclose(found, vector["expected"], rtol=0, atol=vector["tol"])


def test_chi_squared_of_the_published_table_without_the_random_tables():
    counts = [counted(VECTORS["chi2_frouros"]["input"][key], ["a", "b", "c"]) for key in ("ref", "cur")]
    found = categories.chi_squared(*counts, np.random.default_rng(0))
    statistic, p_value = VECTORS["chi2_frouros"]["expected"]
    assert (found.statistic, found.method) == (pytest.approx(statistic, abs=1e-6), "random tables")
    assert abs(found.p_value - p_value) < 0.05  # 12 rows: the asymptotic value is only near the exact one


@given(samples, samples)
def test_distances_of_numbers_are_those_of_scipy(x, y):
    one, other = numbers.pair(x, y)
    distance = stats.ks_2samp(x, y, method="asymp").statistic if len(x) + len(y) > 2 else float(x[0] != y[0])
    assert numbers.kolmogorov_smirnov(one, other).distance == pytest.approx(distance, abs=1e-10)
    expected = stats.wasserstein_distance(x, y)
    assert numbers.wasserstein(one, other) == pytest.approx(expected, rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("n", [6_000, 150_000])
@pytest.mark.parametrize("shift", [0.0, 0.3])
@pytest.mark.parametrize("kind", ["normal", "lognormal", "whole", "rounded", "pareto", "zeros"])
def test_large_samples_are_compared_as_exactly_as_small_ones(n, shift, kind):
    rng = np.random.default_rng(3)
    draw = {
        "normal": lambda size: rng.normal(size=size),
        "lognormal": lambda size: rng.lognormal(size=size),
        "whole": lambda size: rng.poisson(40, size=size).astype(float),
        "rounded": lambda size: rng.normal(size=size).round(2),
        "pareto": lambda size: rng.pareto(0.7, size=size),
        "zeros": lambda size: np.where(rng.random(size) < 0.6, 0.0, rng.exponential(size=size)),
    }[kind]
    x, y = draw(n), draw(n - n // 9) + (round(shift) if kind == "whole" else shift)
    one, other = numbers.pair(x, y)
    found = numbers.kolmogorov_smirnov(one, other)
    assert found.distance == pytest.approx(stats.ks_2samp(x, y, method="asymp").statistic, abs=1e-12)
    assert found.reference_share == np.mean(x <= found.at)
    scale = numbers.spread(one)
    assert numbers.wasserstein(one, other) == pytest.approx(
        stats.wasserstein_distance(x, y), abs=2e-3 * scale, rel=1e-9
    )
    edges = numbers.bin_edges(one)
    expected = np.diff([0, *(np.count_nonzero(y <= edge) for edge in edges), len(y)])
    assert numbers.bin_counts(other, edges).tolist() == expected.tolist()
    shares = (0.0, 0.011, 0.5, 0.9, 1.0)
    assert numbers.quantiles(one, shares) == pytest.approx(np.quantile(x, shares), rel=1e-12)


def test_infinite_values_are_the_largest():
    x, y = np.array([0.0, 1.0, np.inf, -np.inf]), np.array([0.0, 1.0, 2.0, -np.inf])
    one, other = numbers.pair(x, y)
    assert numbers.kolmogorov_smirnov(one, other).distance == 0.25
    assert numbers.wasserstein(one, other) == math.inf
    assert numbers.wasserstein(one, one) == 0.0


@pytest.mark.parametrize("outlier", [1e6, -1e6, np.inf])
def test_one_outlier_moves_no_statistic_of_bins_or_ranks_by_a_hundredth(outlier):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=5000), rng.normal(0.6, size=5000)

    def found(reference: np.ndarray) -> np.ndarray:
        one, other = numbers.pair(reference, y)
        edges = numbers.bin_edges(one)
        counts = [numbers.bin_counts(each, edges) for each in (one, other)]
        return np.array(
            [
                numbers.kolmogorov_smirnov(one, other).distance,
                categories.population_stability(*map(categories.smoothed, counts)),
                categories.jensen_shannon(*map(categories.shares, counts)),
            ]
        )

    spoilt = x.copy()
    spoilt[17] = outlier
    assert np.abs(found(spoilt) / found(x) - 1).max() < 0.01


@given(st.integers(1, 12), st.integers(1, 12), st.data())
@settings(max_examples=60, deadline=None)
def test_exact_p_value_is_that_of_all_splits_of_the_pooled_values(n, m, data):
    pooled = np.array(data.draw(st.lists(st.integers(0, 4), min_size=n + m, max_size=n + m)), dtype=float)
    if math.comb(n + m, n) > 500:
        return
    x, y = pooled[:n], pooled[n:]
    distance = numbers.kolmogorov_smirnov(*numbers.pair(x, y)).distance
    splits = [set(each) for each in combinations(range(n + m), n)]
    distances = [
        numbers.kolmogorov_smirnov(
            *numbers.pair(pooled[list(each)], pooled[[i for i in range(n + m) if i not in each]])
        ).distance
        for each in splits
    ]
    expected = np.mean([each >= distance - 1e-9 for each in distances])
    assert decision.exact_distance_p_value(distance, x, y) == pytest.approx(expected, abs=1e-9)


@given(samples, samples)
def test_asymptotic_p_value_is_that_of_scipy(x, y):
    if len(x) * len(y) < 2:
        return
    expected = stats.ks_2samp(x, y, method="asymp")
    found = decision.distance_p_values([expected.statistic], [len(x)], [len(y)])[0]
    assert found == pytest.approx(expected.pvalue, abs=1e-10)


@pytest.mark.parametrize("n", [1_000, 5_000, 200_000])
def test_p_value_of_large_samples_is_near_the_distribution(n):
    distances = np.linspace(0.5, 2.2, 12) / math.sqrt(n * (n + 1) / (2 * n + 1))
    expected = stats.kstwo.sf(distances, round(n * (n + 1) / (2 * n + 1)))
    found = decision.distance_p_values(distances, np.full(12, n), np.full(12, n + 1))
    assert np.abs(found - expected).max() < 2e-5


@given(tables)
def test_statistics_of_counts_are_those_of_scipy(table):
    one, other = table
    if not one.sum() or not other.sum():
        return
    there = (one + other) > 0
    if there.sum() > 1:
        both = np.array([one[there], other[there]])
        expected = stats.chi2_contingency(both, correction=False)
        found = categories.chi_squared(one, other, np.random.default_rng(0))
        assert (found.statistic, found.freedom) == (pytest.approx(expected.statistic, abs=1e-9), expected.dof)
        if found.method == "asymptotic":
            assert found.p_value == pytest.approx(expected.pvalue, abs=1e-10)
        likelihood = stats.chi2_contingency(both, correction=False, lambda_="log-likelihood").statistic
        assert categories.g_test(one, other, np.random.default_rng(0)).statistic == pytest.approx(likelihood, abs=1e-9)
        assert categories.cramers_v(one, other) == pytest.approx(math.sqrt(expected.statistic / both.sum()), abs=1e-10)
    p, q = categories.shares(one), categories.shares(other)
    from scipy.spatial.distance import jensenshannon

    assert math.sqrt(categories.jensen_shannon(p, q)) == pytest.approx(np.nan_to_num(jensenshannon(p, q, 2)), abs=1e-7)


@given(tables)
def test_distances_of_counts_are_symmetric_bounded_and_do_not_depend_on_the_order(table):
    one, other = table
    order = np.random.default_rng(0).permutation(len(one))
    for distance in (categories.jensen_shannon, categories.hellinger, categories.largest_change):
        p, q = categories.shares(one), categories.shares(other)
        if not one.sum() or not other.sum():
            continue
        found = distance(p, q)
        assert -1e-9 <= found <= 1 + 1e-9
        assert found == pytest.approx(distance(q, p), abs=1e-12)
        assert found == pytest.approx(distance(p[order], q[order]), abs=1e-12)
        assert distance(p, p) == pytest.approx(0.0, abs=1e-7)


def test_constants_and_empty_samples_have_answers():
    constant = np.full(50, 3.0)
    one, other = numbers.pair(constant, constant)
    assert (
        numbers.kolmogorov_smirnov(one, other).distance == numbers.wasserstein(one, other) == numbers.spread(one) == 0
    )
    edges = numbers.bin_edges(one)
    assert numbers.bin_counts(other, edges).tolist() == [0, 50, 0]
    assert numbers.bin_counts(numbers.Sorted(np.array([2.0, 3.0, 4.0])), edges).tolist() == [1, 1, 1]
    assert categories.chi_squared(np.array([50]), np.array([50]), np.random.default_rng(0)).p_value == 1.0
    assert decision.distance_p_values([0.0], [50], [50]).tolist() == [1.0]
    nothing, _ = numbers.pair(np.empty(0), constant)
    assert math.isnan(numbers.kolmogorov_smirnov(nothing, one).distance)


def test_random_state_of_the_process_is_left_alone():
    before = np.random.get_state()[1].copy()
    numbers.kolmogorov_smirnov(*numbers.pair(np.arange(9000.0), np.arange(9000.0) + 0.5))
    categories.chi_squared(np.array([1, 2]), np.array([2, 1]), np.random.default_rng(0))
    assert (np.random.get_state()[1] == before).all()


@pytest.mark.parametrize(("sizes", "cells"), [((500, 500), 5), ((2000, 700), 12), ((20_000, 20_000), 50)])
@pytest.mark.parametrize("moved", [0.0, 0.03, 0.15])
def test_interval_of_a_divergence_holds_the_true_one_about_nineteen_times_in_twenty(sizes, cells, moved):
    rng = np.random.default_rng(5)
    p = rng.dirichlet(np.full(cells, 5.0))
    q = p + moved * (np.roll(p, 1) - p)
    true = categories.jensen_shannon(p, q)
    inside = 0
    for _ in range(400):
        counts = [rng.multinomial(size, each) for size, each in zip(sizes, (p, q), strict=True)]
        found = categories.jensen_shannon(*map(categories.shares, counts))
        _, low, high = decision.divergence_interval(found, cells, *sizes)
        inside += low - 1e-12 <= true <= high + 1e-12
    assert 0.92 <= inside / 400 <= 0.995
