"""A model's performance from frames and files: in Python, in a notebook, in a terminal, and what goes wrong."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import mlops_nb
from mlops_nb import terminal
from mlops_nb.errors import BadArgument, MlopsError
from mlops_nb.panels.performance import performance_panel


def flights(rows: int, seed: int, bent: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    wind = rng.normal(size=rows)
    late = rng.random(rows) < 1 / (1 + np.exp(-1.5 * wind + bent))
    chance = 1 / (1 + np.exp(-1.5 * wind))
    return pd.DataFrame(
        {
            "wind": wind,
            "origin": rng.choice(["EWR", "JFK", "LGA"], rows),
            "y": np.where(late, "late", "ontime"),
            "p": np.where(chance > 0.5, "late", "ontime"),
            "s": chance,
            "flight": rng.permutation(rows),
        }
    )


CLASSIFIER = {"target": "y", "prediction": "p", "score": "s", "positive": "late"}


def by_name(found):
    return {each.name: each for each in found.metrics}


def kinds(found):
    return {each.kind: each for each in found.kinds}


def test_a_changed_concept_makes_a_model_worse_and_is_named():
    found = mlops_nb.performance(flights(1500, 1), flights(1500, 2, 1.5), **CLASSIFIER, by="origin")
    assert found.is_alarming
    assert by_name(found)["accuracy"].verdict == "degraded"
    assert kinds(found)["concept drift"].verdict == "drifted"
    assert {each.value for each in found.segments} == {"EWR", "JFK", "LGA"}
    assert found.worse_segments
    text, html = performance_panel(found).text(), performance_panel(found).html()
    assert text.startswith("✗ The model is worse than on the reference")
    assert "Usual cause: what the features mean for the label has changed" in text.replace("\n", " ")
    assert "<svg" in html
    assert len(html) < 200_000
    assert max(map(len, text.split("\n"))) <= 80


def test_the_same_world_alarms_nobody():
    found = mlops_nb.performance(flights(1500, 1), flights(1500, 3), **CLASSIFIER)
    assert not found.is_alarming
    assert kinds(found)["concept drift"].verdict != "drifted"


def test_without_labels_metrics_are_estimated_and_the_condition_is_said():
    found = mlops_nb.performance(flights(1500, 1), flights(1500, 2, 1.5).drop(columns="y"), **CLASSIFIER)
    assert found.estimate is not None
    assert kinds(found)["concept drift"].reason == "without labels it cannot be seen"
    assert "a changed concept is not seen without labels" in performance_panel(found).text().replace("\n", " ")


def test_late_labels_are_joined_by_id_and_missing_ones_counted():
    current = flights(1000, 2)
    late = current[["flight", "y"]].sample(400, random_state=0)
    extra = pd.DataFrame({"flight": [-1], "y": ["late"]})
    labels = pd.concat((late, extra))
    found = mlops_nb.performance(flights(1000, 1), current.drop(columns="y"), **CLASSIFIER, labels=labels, id="flight")
    assert (found.labelled[1], found.awaits_labels) == (400, 600)
    assert "1 of 401 labels belong to no current row" in found.notes
    at_once = mlops_nb.performance(flights(1000, 1), current[current.flight.isin(late.flight)], **CLASSIFIER)
    assert by_name(found)["accuracy"].current.value == by_name(at_once)["accuracy"].current.value


def test_an_id_with_two_labels_is_refused():
    current = flights(100, 2)
    labels = pd.DataFrame({"flight": [1, 1], "y": ["late", "ontime"]})
    with pytest.raises(BadArgument, match="id 1 has two different labels"):
        mlops_nb.performance(flights(500, 1), current.drop(columns="y"), **CLASSIFIER, labels=labels, id="flight")


def regression(rows: int, seed: int, noise: float = 1.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    return pd.DataFrame({"x": x, "y": 20 + 2 * x + noise * rng.normal(size=rows), "p": 20 + 2 * x})


def test_a_regression_is_told_from_its_labels_measured_and_estimated():
    found = mlops_nb.performance(regression(800, 1), regression(800, 2, 1.5), target="y", prediction="p")
    assert found.task == "regression"
    assert by_name(found)["rmse"].verdict == "degraded"
    found = mlops_nb.performance(regression(800, 1), regression(800, 2)[["x", "p"]], target="y", prediction="p")
    assert set(by_name(found)) == {"mae", "rmse"}
    assert not found.is_alarming


def test_many_classes_take_a_score_for_each():
    def made(seed):
        rng = np.random.default_rng(seed)
        chances = rng.dirichlet((1, 1, 1), size=600)
        labels = (rng.random(600)[:, None] > chances.cumsum(axis=1)).sum(axis=1)
        names = np.array(["a", "b", "c"])
        scores = {f"p_{name}": chances[:, place] for place, name in enumerate(names)}
        return pd.DataFrame({"y": names[labels], "p": names[chances.argmax(axis=1)], **scores})

    score = {name: f"p_{name}" for name in "abc"}
    found = mlops_nb.performance(made(1), made(2), target="y", prediction="p", score=score)
    assert not found.is_alarming
    assert by_name(found)["roc_auc"].current.value > 0.7
    with pytest.raises(BadArgument, match="one score does not do for 3 labels"):
        mlops_nb.performance(made(1), made(2), target="y", prediction="p", score="p_a")


def test_labels_0_and_1_are_the_same_as_numbers_floats_and_booleans():
    one, other = flights(500, 1), flights(500, 2)
    one["y"], one["p"] = (one.y == "late").astype(int), (one.p == "late").astype(int)
    other["y"], other["p"] = (other.y == "late"), (other.p == "late").astype(float)
    found = mlops_nb.performance(one, other, target="y", prediction="p", score="s")
    assert (found.task, found.positive) == ("classification", "1")
    assert by_name(found)["accuracy"].current.value == np.mean(other.y == (other.p == 1))


FAULTS = {
    "column": (lambda one, other: (one.rename(columns={"y": "yy"}), other), "no column 'y'", "--target yy"),
    "scores": (
        lambda one, other: (one, other.assign(s=other.s.where(other.s > 0.1))),
        "scores 's' of the current",
        "dropna",
    ),
    "range": (lambda one, other: (one.assign(s=one.s * 3), other), "must lie between 0 and 1", "predict_proba"),
    "labels": (lambda one, other: (one.assign(y="late"), other), "labels are all 'late'", "both labels"),
    "predictions": (lambda one, other: (one.assign(p="late"), other), "all predictions of the reference are late", ""),
    "none": (lambda one, other: (one, other.assign(p=None)), "has no row with a prediction", ""),
    "empty": (lambda one, other: (one, other.iloc[:0]), "has no row with a prediction", ""),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_with_the_data_is_said_with_the_way_out(fault):
    spoil, what, fix = FAULTS[fault]
    one, other = spoil(flights(300, 1), flights(300, 2))
    with pytest.raises(MlopsError) as caught:
        mlops_nb.performance(one, other, **CLASSIFIER)
    assert what in caught.value.what
    assert fix in caught.value.fix


def test_current_labels_of_one_class_have_no_area_and_the_rest_is_measured():
    other = flights(300, 2)
    found = mlops_nb.performance(flights(500, 1), other[other.y == "late"], **CLASSIFIER)
    assert by_name(found)["roc_auc"].current.reason == "all rows have one label"
    assert by_name(found)["recall"].current.value > 0
    assert "all rows have one label" in performance_panel(found).html()


def test_hostile_names_are_data():
    name = "<script>alert(1)</script>\x1b[31m"
    one, other = (flights(400, seed).rename(columns={"y": name}).assign(origin=name) for seed in (1, 2))
    found = mlops_nb.performance(one, other, **{**CLASSIFIER, "target": name}, by="origin")
    panel = performance_panel(found)
    assert "<script>" not in panel.html()
    assert "\x1b" not in panel.text()


def test_the_magic_shows_the_panel(shell):
    shell.user_ns.update(before=flights(400, 1), after=flights(400, 2))
    answer = shell.run_cell("%mlops performance before after --target y --prediction p --score s --positive late")
    assert answer.success


def test_the_terminal_ends_with_1_on_an_alert_and_2_on_bad_usage(folder, capsys):
    flights(1000, 1).to_parquet("one.parquet")
    flights(1000, 3).to_csv("same.csv", index=False)
    flights(1000, 2, 1.5).to_csv("worse.csv", index=False)
    columns = "--target y --prediction p --score s --positive late".split()
    assert terminal.main(["performance", "one.parquet", "same.csv", *columns]) == 0
    assert terminal.main(["performance", "one.parquet", "worse.csv", *columns, "--json"]) == 1
    printed = capsys.readouterr().out
    assert json.loads(printed[printed.index("{") :])["is_alarming"] is True
    assert terminal.main(["performance", "one.parquet", "same.csv", "--target", "y"]) == 2
    assert "performance needs --prediction" in capsys.readouterr().err
