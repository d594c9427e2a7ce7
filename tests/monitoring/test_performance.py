"""Metrics, intervals, calibration, estimates and kinds of drift against libraries, published values and simulations."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics
from sklearn.calibration import calibration_curve
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from mlops_nb.monitoring import boosting, calibration, concept, estimation, intervals, performance
from mlops_nb.monitoring.performance import Answered, Predicted

VECTORS = {
    one["id"]: one for one in json.loads((Path(__file__).parents[1] / "reference/drift_vectors.json").read_text())
}


def answers(rows: int, rng: np.random.Generator, shift: float = 0.0, power: float = 1.0, bent: float = 0.0) -> Answered:
    """A classifier that knows the truth (power 1), whose x moved by `shift`; `bent` turns the truth away from it."""
    x = rng.normal(size=rows) + shift
    labels = (rng.random(rows) < 1 / (1 + np.exp(-1.5 * x + bent))).astype(np.int64)
    scores = 1 / (1 + np.exp(-1.5 * power * x))
    return Answered(labels, (scores > 0.5).astype(np.int64), scores, ("no", "yes"))


def many(rows: int, rng: np.random.Generator) -> Answered:
    chances = rng.dirichlet((1, 1, 1), size=rows)
    labels = (rng.random(rows)[:, None] > chances.cumsum(axis=1)).sum(axis=1).astype(np.int64)
    return Answered(labels, chances.argmax(axis=1).astype(np.int64), chances, ("a", "b", "c"))


def by_name(figures):
    return {each.name: each for each in figures}


@given(st.integers(0, 300), st.integers(1, 300))
def test_intervals_of_shares_are_those_of_statsmodels(successes, more):
    rows = successes + more
    low, high = proportion_confint(successes, rows, method="wilson")
    found = intervals.wilson(successes, rows)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-10), pytest.approx(high, abs=1e-10))


@given(st.integers(1, 80), st.integers(1, 80), st.integers(1, 80), st.integers(1, 80))
def test_intervals_of_differences_of_shares_are_newcombes(a, b, c, d):
    low, high = confint_proportions_2indep(c, c + d, a, a + b, method="newcomb", compare="diff")
    found = intervals.of_difference(intervals.wilson(a, a + b), intervals.wilson(c, c + d))
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-10), pytest.approx(high, abs=1e-10))


def test_published_intervals_of_newcombe_1998_come_out():
    found = intervals.wilson(15, 148)  # Statistics in Medicine 17, 857-872, table I, method 3
    assert (round(found.low, 4), round(found.high, 4)) == (0.0624, 0.1605)
    found = intervals.of_difference(intervals.wilson(48, 80), intervals.wilson(56, 70))  # 873-890, table II, (a), 10
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)


def test_the_error_of_an_area_is_delongs():
    rng = np.random.default_rng(1)
    labels = rng.random(80) < 0.4
    scores = np.round(rng.normal(size=80) + labels, 1)  # with ties
    above, below = scores[labels], scores[~labels]
    wins = (above[:, None] > below) + 0.5 * (above[:, None] == below)
    variance = np.var(wins.mean(axis=1), ddof=1) / len(above) + np.var(wins.mean(axis=0), ddof=1) / len(below)
    value = wins.mean()
    found = intervals.of_area(value, labels.astype(np.int64), scores)
    middle, reach = math.log(value / (1 - value)), 1.959964 * math.sqrt(variance) / (value * (1 - value))
    expected = [1 / (1 + math.exp(-end)) for end in (middle - reach, middle + reach)]
    assert [found.low, found.high] == pytest.approx(expected, abs=1e-6)


def test_an_area_of_1_is_not_taken_for_certain():
    found = intervals.of_area(1.0, np.repeat([0, 1], [30, 5]), np.arange(35.0))
    assert found.high == 1.0
    assert 0.4 < found.low < 0.7  # five positives


@pytest.mark.parametrize("make", [answers, many])
def test_figures_of_classifiers_are_those_of_scikit_learn(make):
    rng = np.random.default_rng(2)
    rows = make(500, rng)
    found = by_name(performance.classification(rows, rng))
    kind = {"average": "binary" if rows.is_binary else "macro"}
    expected = {
        "accuracy": metrics.accuracy_score(rows.labels, rows.predictions),
        "balanced_accuracy": metrics.balanced_accuracy_score(rows.labels, rows.predictions),
        "precision": metrics.precision_score(rows.labels, rows.predictions, **kind),
        "recall": metrics.recall_score(rows.labels, rows.predictions, **kind),
        "f1": metrics.f1_score(rows.labels, rows.predictions, **kind),
        "roc_auc": metrics.roc_auc_score(rows.labels, rows.scores, multi_class="ovr"),
        "pr_auc": metrics.average_precision_score(rows.labels, rows.scores),
        "log_loss": metrics.log_loss(rows.labels, rows.scores),
        "brier": metrics.brier_score_loss(rows.labels, rows.scores),
    }
    assert {name: each.value for name, each in found.items()} == pytest.approx(expected, abs=1e-10)
    assert all(each.low < each.value < each.high and each.method for each in found.values())


def test_figures_of_regressions_are_those_of_scikit_learn():
    rng = np.random.default_rng(3)
    labels = rng.normal(50, 5, size=400)
    rows = Predicted(labels, labels + rng.normal(1, 2, size=400))
    found = by_name(performance.regression(rows))
    expected = {
        "mae": metrics.mean_absolute_error(rows.labels, rows.predictions),
        "rmse": metrics.root_mean_squared_error(rows.labels, rows.predictions),
        "mape": metrics.mean_absolute_percentage_error(rows.labels, rows.predictions),
        "r2": metrics.r2_score(rows.labels, rows.predictions),
        "bias": (rows.predictions - rows.labels).mean(),
    }
    assert {name: each.value for name, each in found.items()} == pytest.approx(expected, abs=1e-10)
    bootstrapped = stats.bootstrap(
        (rows.labels, rows.predictions), metrics.r2_score, paired=True, vectorized=False, n_resamples=500, rng=rng
    ).confidence_interval
    assert (found["r2"].low, found["r2"].high) == pytest.approx(tuple(bootstrapped), abs=0.01)


def test_the_relative_error_of_labels_near_0_is_symmetric():
    labels = np.array([0.0, 1.0, 2.0])
    assert performance.relative_error(labels) == "smape"
    found = by_name(performance.regression(Predicted(labels, np.array([0.0, 3.0, 2.0])), relative="smape"))
    assert found["smape"].value == pytest.approx(1 / 3)  # 0, 2 * 2 / 4, 0


@given(st.integers(0, 2**32 - 1), st.integers(2, 200), st.booleans())
@settings(max_examples=40)
def test_figures_lie_within_their_intervals_and_do_not_depend_on_the_order_of_rows(seed, rows, is_many):
    rng = np.random.default_rng(seed)
    made = (many if is_many else answers)(rows, rng)
    order = rng.permutation(rows)
    found, again = (performance.classification(each, np.random.default_rng(0)) for each in (made, made.where(order)))
    for one, other in zip(found, again, strict=True):
        if one.reason:
            assert other.reason == one.reason
        else:
            assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high), abs=1e-9)
            assert one.low <= one.value + 1e-12
            assert one.value <= one.high + 1e-12


def test_rows_of_one_label_have_no_area_and_say_so():
    rng = np.random.default_rng(4)
    rows = answers(100, rng)
    found = by_name(performance.classification(rows.where(rows.labels == 0), rng))
    assert found["roc_auc"].reason == performance.ONE_CLASS
    assert math.isnan(found["roc_auc"].value)
    assert found["recall"].reason == "no row has the positive label"
    changed = by_name(performance.changes(performance.classification(rows, rng), tuple(found.values())))
    assert changed["roc_auc"].verdict == "skipped"


def test_a_model_that_got_worse_is_an_alert_and_one_that_did_not_is_none():
    rng = np.random.default_rng(5)
    before, same, worse = answers(3000, rng), answers(3000, rng), answers(3000, rng, bent=1.5)
    figures = [performance.classification(each, rng) for each in (before, same, worse)]
    assert "degraded" not in {each.verdict for each in performance.changes(figures[0], figures[1])}
    changed = by_name(performance.changes(figures[0], figures[2]))
    assert changed["accuracy"].verdict == "degraded"
    assert changed["accuracy"].high < 0
    assert changed["log_loss"].verdict == "degraded"
    assert changed["log_loss"].low > 0


def test_a_report_without_any_change_is_an_alert_at_most_one_time_in_twenty():
    rng = np.random.default_rng(6)
    alarms = 0
    for _ in range(100):
        one, other = (performance.classification(answers(200, rng), rng) for _ in range(2))
        alarms += any(each.verdict == "degraded" for each in performance.changes(one, other))
    assert alarms <= 9  # of 100; 5 on average at the most, and 9 or fewer then in 97 % of cases


def test_a_bias_is_worse_on_either_side_of_0():
    rng = np.random.default_rng(7)
    labels = rng.normal(size=2000)
    rows = [Predicted(labels, labels + rng.normal(move, 1, size=2000)) for move in (0.0, -0.5, 0.5)]
    figures = [performance.regression(each) for each in rows]
    for each in figures[1:]:
        assert by_name(performance.changes(figures[0], each))["bias"].verdict == "degraded"
    assert by_name(performance.changes(figures[1], figures[0]))["bias"].verdict == "improved"


def test_the_reliability_curve_is_that_of_scikit_learn_and_true_scores_are_calibrated():
    rng = np.random.default_rng(8)
    rows = answers(5000, rng)
    found = calibration.calibration(rows.labels == 1, rows.scores)
    shares, scores = calibration_curve(rows.labels, rows.scores, n_bins=10, strategy="quantile")
    assert [each.share for each in found.bins] == pytest.approx(shares)
    assert [each.score for each in found.bins] == pytest.approx(scores)
    assert found.error < 2 * found.noise
    assert found.slope_low < 1 < found.slope_high
    assert found.intercept_low < 0 < found.intercept_high


def test_slope_and_intercept_of_a_calibration_are_those_of_statsmodels():
    import statsmodels.api as sm

    rng = np.random.default_rng(9)
    rows = answers(800, rng, power=2.0)
    found = calibration.calibration(rows.labels == 1, rows.scores)
    fitted = sm.Logit(rows.labels, sm.add_constant(calibration.logits(rows.scores))).fit(disp=0)
    (low, high) = fitted.conf_int()[1]
    assert (found.intercept, found.slope) == pytest.approx(tuple(fitted.params), abs=1e-4)
    assert (found.slope_low, found.slope_high) == pytest.approx((low, high), abs=1e-3)
    assert found.slope_high < 1  # too extreme


@pytest.mark.parametrize(("name", "figure"), [("cbpe_accuracy", "accuracy"), ("cbpe_auroc", "roc_auc")])
def test_published_estimates_without_labels_come_out(name, figure):
    scores = np.array(VECTORS[name]["input"]["calibrated_proba"])
    wide = np.column_stack((1 - scores, scores))
    found = estimation.expected_figures(wide, (scores >= 0.5).astype(np.int64), wide)
    assert found[figure] == pytest.approx(VECTORS[name]["expected"], abs=VECTORS[name]["tol"])


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_under_covariate_shift_the_true_figures_lie_in_the_estimated_intervals(power):
    rng = np.random.default_rng(10)
    inside = []
    for _ in range(8):
        reference, current = answers(1500, rng, power=power), answers(1500, rng, 0.5, power=power)
        found = estimation.estimated_classification(reference, current, rng)
        true = by_name(performance.classification(current, rng))
        inside += [each.low <= true[each.name].value <= each.high for each in found.figures]
        assert found.is_trusted
    assert np.mean(inside) >= 0.8  # 40 figures, five to a data set that go together
    assert (found.recalibrated != "") == (power != 1.0)


def test_where_the_concept_drifts_an_estimate_is_wrong_and_its_words_warn():
    rng = np.random.default_rng(11)
    reference, current = answers(2000, rng), answers(2000, rng, bent=2.5)
    found = estimation.estimated_classification(reference, current, rng)
    accuracy = by_name(found.figures)["accuracy"]
    assert metrics.accuracy_score(current.labels, current.predictions) < accuracy.low - 0.1
    assert "a changed concept is not seen without labels" in found.condition


def test_an_estimate_of_many_classes_holds_and_adds_up():
    rng = np.random.default_rng(12)
    reference, current = many(1500, rng), many(1000, rng)
    found = estimation.estimated_classification(reference, current, rng)
    true = by_name(performance.classification(current, rng))
    assert all(each.low - 0.02 <= true[each.name].value <= each.high + 0.02 for each in found.figures)
    assert np.sum(found.confusion) == pytest.approx(1000)


def test_an_estimate_says_why_it_is_not_to_be_trusted():
    rng = np.random.default_rng(13)
    few = estimation.estimated_classification(answers(60, rng), answers(500, rng), rng)
    assert "too few to calibrate scores" in few.doubts[0]
    far = estimation.estimated_classification(answers(1000, rng), answers(500, rng, 4.0), rng)
    assert "outside those of the reference" in far.doubts[0]
    assert not far.is_trusted


def errors(rows: int, rng: np.random.Generator, shift: float = 0.0, slope: float = 2.0):
    x = rng.normal(size=(rows, 2))
    x[:, 0] += shift
    labels = slope * x[:, 0] + x[:, 1] + rng.normal(size=rows) * (0.5 + np.abs(x[:, 0]))
    predictions = 2 * x[:, 0] + x[:, 1]
    return Predicted(labels, predictions), np.column_stack((x, predictions))


NO_CODES = np.zeros(3, dtype=np.bool_)


def test_the_loss_of_a_regression_is_estimated_where_the_features_moved():
    rng = np.random.default_rng(14)
    inside, naive = [], []
    for _ in range(3):
        (reference, features), (current, currents) = errors(1500, rng), errors(1500, rng, 0.7)
        found = by_name(estimation.estimated_regression(reference, features, currents, NO_CODES).figures)["mae"]
        true = metrics.mean_absolute_error(current.labels, current.predictions)
        inside.append(found.low <= true <= found.high)
        naive.append(abs(found.value - true) < abs(metrics.mean_absolute_error(*_pair(reference)) - true))
    assert sum(inside) >= 2
    assert all(naive)  # nearer than the reference's own


def _pair(rows):
    return rows.labels, rows.predictions


def test_a_loss_beyond_what_the_reference_has_is_not_to_be_trusted():
    rng = np.random.default_rng(15)
    (reference, features), (_, currents) = errors(400, rng), errors(300, rng, 5.0)
    assert "beyond the reference" in estimation.estimated_regression(reference, features, currents, NO_CODES).doubts[0]


def test_trees_never_saw_the_rows_they_speak_of():
    rng = np.random.default_rng(16)
    noise, features = rng.normal(size=300), rng.normal(size=(300, 2))
    said = boosting.held_out(noise, features, np.zeros(2, dtype=np.bool_))
    assert abs(np.corrcoef(noise, said)[0, 1]) < 0.25  # what they learned by heart would give nearly 1


def looked_for(rng, *, shift=0.0, slope=2.0, rows=400):
    (one, features), (other, currents) = errors(rows, rng), errors(rows, rng, shift, slope)
    wrong = (one.predictions - one.labels, other.predictions - other.labels)
    return concept.changed_concept(wrong, (features, currents), NO_CODES, ("x", "z", "said"), rng)


def test_moved_features_are_no_changed_concept():
    rng = np.random.default_rng(17)
    found = [looked_for(rng, shift=0.5).p_value for _ in range(20)]
    assert np.mean(np.array(found) < 0.05) <= 0.15  # 3 of 20; at a true rate of .05 that holds in 98 % of cases


def test_a_changed_concept_is_found_and_where():
    found = looked_for(np.random.default_rng(18), slope=2.8)
    assert found.verdict == "drifted"
    assert found.detail.startswith("most where")
    assert "retraining" in found.cause


def test_few_rows_say_nothing_about_a_concept():
    found = looked_for(np.random.default_rng(19), rows=50)
    assert (found.verdict, found.reason) == ("skipped", "it takes at least 100 labelled rows of each, here are 50")


def prior_shifted(rows: int, share: float, rng: np.random.Generator):
    labels = rng.random(rows) < share
    logit = math.log(0.3 / 0.7) + 1.5 * (rng.normal(size=rows) + 1.5 * labels) - 1.125
    return labels, 1 / (1 + np.exp(-logit))


def test_shares_of_labels_are_found_without_labels_by_either_method():
    rng = np.random.default_rng(20)
    known, before = prior_shifted(3000, 0.3, rng)
    _, after = prior_shifted(2000, 0.55, rng)
    priors = np.array([0.7, 0.3])
    by_scores = concept.priors_by_scores(np.column_stack((1 - after, after)), priors, ("no", "yes"))
    table = performance.confusion(Answered(known.astype(np.int64), (before > 0.5).astype(np.int64), None, ("n", "y")))
    by_predictions = concept.priors_by_predictions(table, np.bincount(after > 0.5), ("no", "yes"))
    for found in (by_scores, by_predictions):
        assert found.low[1] < 0.55 < found.high[1]
        assert sum(found.current) == pytest.approx(1, abs=0.01)
        assert concept.shifted_priors(found).verdict == "drifted"
    assert by_scores.high[1] - by_scores.low[1] < by_predictions.high[1] - by_predictions.low[1]


def test_labels_that_did_not_move_are_not_said_to():
    rng = np.random.default_rng(21)
    _, after = prior_shifted(2000, 0.3, rng)
    found = concept.priors_by_scores(np.column_stack((1 - after, after)), np.array([0.7, 0.3]), ("no", "yes"))
    assert concept.shifted_priors(found).verdict == "stable"


def test_answers_that_moved_are_prediction_drift():
    rng = np.random.default_rng(22)
    moved = concept.moved_numbers("prediction drift", rng.normal(size=500), rng.normal(1, size=500))
    assert (moved.verdict, moved.test) == ("drifted", "Kolmogorov-Smirnov")
    one, other = rng.integers(0, 2, size=500), np.zeros(500, dtype=np.int64)
    classes = concept.moved_classes("label drift", one, other, ("no", "yes"), rng)
    assert classes.verdict == "drifted"
    assert classes.effect == pytest.approx(np.mean(one == 1))
    same = concept.moved_classes("label drift", one, one, ("no", "yes"), rng)
    assert (same.verdict, same.p_value) == ("stable", 1.0)
