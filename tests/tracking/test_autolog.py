"""Autolog: what is recorded where, and that nothing of it is felt."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_backend
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import accuracy_score, f1_score, fbeta_score, mean_squared_error, roc_auc_score, silhouette_score
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import mlops_nb
from mlops_nb.errors import BadArgument
from mlops_nb.tracking import service

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 4))
y = (X[:, 0] + 0.5 * RNG.normal(size=80) > 0).astype(int)
X_train, X_test, y_train, y_test = X[:60], X[60:], y[:60], y[60:]


@pytest.fixture
def on(folder):
    yield mlops_nb.autolog("on")
    mlops_nb.autolog("off")


def metrics(ref):
    return {metric.name: metric.value for metric in mlops_nb.show(ref).metrics}


def params(ref):
    return {param.name: param.value for param in mlops_nb.show(ref).params}


def children(ref):
    return [(part.name, part.kind, part.status) for part in mlops_nb.show(ref).parts]


def test_only_model_of_a_run_is_the_run_s_own(on):
    with mlops_nb.run("one") as run:
        model = LogisticRegression(C=0.5).fit(StandardScaler().fit_transform(X_train), y_train)
        predicted = model.predict(X_test)
        accuracy = accuracy_score(y_test, predicted)
    found = mlops_nb.show(run.id)
    assert params(run.id)["C"] == 0.5
    assert metrics(run.id)["accuracy_score_X_test"] == accuracy
    assert [one.name for one in found.estimators] == ["LogisticRegression"]
    assert children(run.id) == [("StandardScaler", "fit", "FINISHED")]


def test_several_models_of_a_run_are_child_runs_each_with_its_own_settings_and_metrics(on):
    scores = {}
    with mlops_nb.run("three", tags={"kind": "try"}) as run:
        mlops_nb.log_params({"seed": 1})
        for C in (0.1, 1.0, 10.0):
            scores[C] = LogisticRegression(C=C).fit(X_train, y_train).score(X_test, y_test)
    assert (params(run.id), metrics(run.id)) == ({"seed": 1}, {})
    assert children(run.id) == [("LogisticRegression", "fit", "FINISHED")] * 3
    parts = [mlops_nb.show(child) for child in mlops_nb.show(run.id).children]
    by_setting = {params(part.id)["C"]: metrics(part.id)["score_X_test"] for part in parts}
    assert by_setting == scores
    assert {one.fingerprint for part in parts for one in part.data if one.name == "X_train"} == {
        parts[0].data[0].fingerprint
    }
    assert [len(part.estimators) for part in parts] == [1, 1, 1]
    assert 0 < sum(part.duration for part in parts) <= mlops_nb.show(run.id).duration
    assert [part.started for part in parts] == sorted(part.started for part in parts)


def test_what_was_named_stands_over_what_autolog_saw(on):
    with mlops_nb.run("named") as run:
        mlops_nb.log_params({"C": "mine"})
        mlops_nb.log(score_X_test=0.123)
        LogisticRegression(C=0.5).fit(X_train, y_train)
    assert params(run.id)["C"] == "mine"
    assert metrics(run.id)["score_X_test"] == 0.123


def test_fit_outside_a_run_is_a_run_named_by_its_estimator(on):
    make_pipeline(StandardScaler(), LogisticRegression()).fit(X_train, y_train)
    run = mlops_nb.show("Pipeline(LogisticRegression)")
    assert (run.kind, run.status, run.parent) == ("fit", "FINISHED", None)
    assert run.environment is not None


def test_metric_computed_later_goes_to_the_estimator_it_is_of(on):
    first = LogisticRegression(C=0.01).fit(X_train, y_train)
    second = LogisticRegression(C=100).fit(X_train, y_train)
    of_first, of_second = first.predict(X_test), second.predict(X_test)
    assert f1_score(y_test, of_second) == metrics(2)["f1_score_X_test"]
    assert f1_score(y_pred=of_first, y_true=y_test) == metrics(1)["f1_score_X_test"]
    assert roc_auc_score(y_test, first.predict_proba(X_test)[:, 1]) == metrics(1)["roc_auc_score_X_test"]
    assert roc_auc_score(y_train, second.decision_function(X_train)) == metrics(2)["roc_auc_score_X_train"]
    assert accuracy_score(y_test, of_first) == metrics(1)["accuracy_score_X_test"]
    assert first.score(X_train, y_train) == metrics(1)["score_X_train"]


def test_metric_is_named_by_what_makes_it_another_one(on):
    predicted = LogisticRegression().fit(X_train, y_train).predict(X_test)
    f1_score(y_test, predicted, average="macro")
    fbeta_score(y_test, predicted, beta=2)
    f1_score(y_test[:15], LogisticRegression().fit(X_train, y_train).predict(X_test[:15]))
    assert {"f1_score_macro_X_test", "fbeta_score_beta_2_X_test"} <= set(metrics(1))
    assert set(metrics(2)) == {"n_iter", "f1_score"}


def test_metric_of_something_else_is_nobody_s(on):
    model = LogisticRegression().fit(X_train, y_train)
    model.predict(X_test)
    accuracy_score(y_test, np.zeros_like(y_test))
    f1_score(y_test, y_test)
    assert set(metrics(1)) == {"n_iter"}


def test_labels_of_a_clustering_are_its_predictions(on):
    found = KMeans(2, n_init=1, random_state=0).fit(X)
    assert silhouette_score(X, found.labels_) == metrics(1)["silhouette_score"]
    labels = KMeans(3, n_init=1, random_state=0).fit_predict(X)
    assert silhouette_score(X, labels) == metrics(2)["silhouette_score"]
    assert metrics(2)["inertia"] > 0


@pytest.mark.parametrize("jobs", [None, 2])
def test_search_has_each_candidate_as_a_trial_and_the_best_marked(on, jobs):
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 1.0, 10.0]}, cv=3, n_jobs=jobs).fit(X_train, y_train)
    run = mlops_nb.show(1)
    assert children(1) == [("Ridge", "trial", "FINISHED")] * 3
    assert metrics(1)["best_score"] == search.best_score_
    best = mlops_nb.show(int(run.tags["best_trial"]))
    assert (best.environment, best.code) == (run.environment, run.code)
    assert best.environment is not None
    assert best.tags == {"best": "yes"}
    assert params(best.id) == search.best_params_
    assert metrics(best.id)["mean_test_score"] == search.best_score_
    assert run.parts[0].id == best.id
    results = {params(part.id)["alpha"]: metrics(part.id) for part in run.parts}
    for place, alpha in enumerate((0.1, 1.0, 10.0)):
        for name in ("mean_test_score", "std_test_score", "rank_test_score", "mean_fit_time"):
            assert results[alpha][name] == search.cv_results_[name][place]
    folds = next(one for one in best.metrics if one.name == "test_score")
    assert folds.count == 3
    search.best_estimator_.score(X_test, y_test)
    assert "score_X_test" in metrics(1)


def test_search_of_pipelines_by_several_scores_reads_well(on):
    search = RandomizedSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression()),
        {"logisticregression": [LogisticRegression(C=2), Ridge], "logisticregression__C": [1, 2]},
        n_iter=2,
        scoring=["accuracy", "f1"],
        refit="f1",
        cv=2,
        random_state=3,
        error_score=np.nan,
    )
    search.set_params(param_distributions={"logisticregression__C": [1, 2]}).fit(X_train, y_train)
    run = mlops_nb.show(1)
    assert [part.params for part in run.parts].count({"logisticregression__C": 2}) == 1
    assert {"mean_test_f1", "mean_test_accuracy", "rank_test_f1"} <= set(run.parts[0].metrics)


def test_halving_search_and_a_search_at_a_pipeline_s_end_have_trials(on):
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingGridSearchCV

    HalvingGridSearchCV(Ridge(), {"alpha": [0.1, 1, 10]}, cv=2, min_resources=20, random_state=0).fit(X, y)
    make_pipeline(StandardScaler(), GridSearchCV(Ridge(), {"alpha": [1, 2]}, cv=2)).fit(X, y)
    assert {part.kind for part in mlops_nb.show(1).parts} == {"trial"}
    assert "n_resources" in mlops_nb.show(1).parts[0].metrics
    assert len(mlops_nb.show("Pipeline(GridSearchCV(Ridge))").children) == 2


def test_candidate_that_could_not_be_fitted_is_failed(on):
    with pytest.warns(match="fits failed"), pytest.warns(match="non-finite"):
        GridSearchCV(Fussy(), {"is_bad": [True, False]}, cv=2).fit(X, y)
    assert sorted(part.status for part in mlops_nb.show(1).parts) == ["FAILED", "FINISHED"]


class Fussy(RegressorMixin, BaseEstimator):
    def __init__(self, is_bad=False):
        self.is_bad = is_bad

    def fit(self, X, y):
        if self.is_bad:
            raise ValueError("no such fit")
        self.mean_ = float(np.mean(y))
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


def test_cross_validation_has_its_folds_their_mean_and_deviation(on):
    scores = cross_val_score(LogisticRegression(C=0.5), X, y, cv=4)
    found = cross_validate(Ridge(), X, y, cv=3, scoring=["r2", "neg_mean_squared_error"], return_train_score=True)
    assert metrics(1) == {
        "mean_test_score": pytest.approx(scores.mean(), abs=1e-15),
        "std_test_score": pytest.approx(scores.std(), abs=1e-15),
    }
    assert params(1)["C"] == 0.5
    assert [metrics(part)["test_score"] for part in mlops_nb.show(1).children] == list(scores)
    second = mlops_nb.show("Ridge")
    assert [part.kind for part in second.parts] == ["fold"] * 3
    assert metrics("Ridge")["mean_train_r2"] == pytest.approx(found["train_r2"].mean(), abs=1e-15)
    assert (second.tags, second.name) == ({"evaluation": "cross_validate"}, "Ridge")


def test_prediction_of_a_cross_validation_is_followed(on):
    predicted = cross_val_predict(LogisticRegression(), X, y, cv=3)
    assert accuracy_score(y, predicted) == metrics(1)["accuracy_score_X"]
    assert len(mlops_nb.runs()) == 1


def test_model_evaluated_and_then_fitted_in_a_run_is_one_model(on):
    with mlops_nb.run("one") as run:
        model = LogisticRegression()
        cross_val_score(model, X_train, y_train, cv=3)
        model.fit(X_train, y_train).score(X_test, y_test)
    assert {"mean_test_score", "score_X_test"} <= set(metrics(run.id))
    assert [part.kind for part in mlops_nb.show(run.id).parts] == ["fold"] * 3


def test_partial_fits_are_one_run(on):
    model = SGDClassifier(random_state=0)
    for place in range(4):
        model.partial_fit(X[place * 20 : place * 20 + 20], y[place * 20 : place * 20 + 20], classes=[0, 1])
    assert list(mlops_nb.runs()["name"]) == ["SGDClassifier"]
    (rows,) = [metric for metric in mlops_nb.show(1).metrics if metric.name == "rows_seen"]
    assert (rows.value, rows.step, rows.count) == (80.0, 4, 3)


def test_fit_that_raises_is_failed_and_raises_the_same(on):
    with pytest.raises(ValueError, match="no such fit") as caught:
        Fussy(True).fit(X, y)
    run = mlops_nb.show(1)
    assert (run.status, run.error.type, run.error.message) == ("FAILED", "ValueError", "no such fit")
    assert "watching.py" not in run.error.traceback
    ours = [entry for entry in caught.traceback if "mlops_nb/tracking" in str(entry.path)]
    assert len(ours) == 1
    assert ours[0].frame.f_locals["__tracebackhide__"]
    Fussy().fit(X, y)
    assert mlops_nb.show(2).status == "FINISHED"


def test_interrupt_inside_a_fit_is_the_user_s_and_the_run_interrupted(on):
    class Slow(Fussy):
        def fit(self, X, y):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(10)

    with pytest.raises(KeyboardInterrupt):
        Slow().fit(X, y)
    assert mlops_nb.show(1).status == "INTERRUPTED"
    Fussy().fit(X, y)
    assert mlops_nb.show(2).status == "FINISHED"


def test_interrupt_while_the_fit_is_recorded_waits_until_it_is(on):
    class Late(Fussy):
        @property
        def labels_(self):
            return None

        def __sklearn_tags__(self):
            if hasattr(self, "mean_"):
                os.kill(os.getpid(), signal.SIGINT)
            return super().__sklearn_tags__()

    with pytest.raises(KeyboardInterrupt):
        Late().fit(X, y)
    assert mlops_nb.show(1).status == "FINISHED"


@pytest.mark.parametrize("name", ["get_params", "__repr__", "__sklearn_tags__", "__eq__", "__getattr__", "__reduce__"])
def test_estimator_whose_own_methods_raise_is_fitted_and_recorded(on, name):
    def broken(*_, **__):
        raise RuntimeError(f"no {name}")

    Odd = type("Odd", (Fussy,), {name: broken, **({"__hash__": None} if name == "__eq__" else {})})
    model = Odd()
    assert model.fit(X, y) is model
    assert model.mean_ == y.mean()
    run = mlops_nb.show(1)
    assert (run.name, run.status) == ("Odd", "FINISHED")
    if name == "get_params":
        assert "parameters not recorded: RuntimeError" in run.warnings[0]


@pytest.mark.parametrize(
    "value", [object(), threading.Lock(), lambda x: x, np.arange(1000), {"a": [Ridge()]}, float("nan")]
)
def test_parameter_of_any_kind_is_kept_or_described(on, value):
    class Holding(Fussy):
        def __init__(self, held=None):
            self.held = held

        is_bad = False

    Holding(value).fit(X, y)
    run = mlops_nb.show(1)
    assert (run.status, run.warnings, len(run.params)) == ("FINISHED", (), 1)
    assert " at 0x" not in str(run.params[0].value)


def test_estimator_and_data_die_when_the_user_lets_go_of_them(on):
    data, model = X.copy(), LogisticRegression()

    def work(model, data):
        predicted = model.fit(data, y).predict(data)
        accuracy_score(y, predicted)
        return weakref.ref(predicted)

    gone = [work(model, data), weakref.ref(model), weakref.ref(data)]
    with mlops_nb.run("held"):
        held = clone(model).fit(data, y)
        gone.append(weakref.ref(held))
    del data, model, held
    gc.collect()
    assert [one() for one in gone] == [None] * 4


def test_local_name_can_be_freed_inside_the_function_that_fits(on):
    def work():
        data = X.copy()
        there = weakref.ref(data)
        Ridge().fit(data, y)
        del data
        return there()

    assert work() is None


def test_class_made_in_a_cell_again_does_not_keep_the_earlier_one(on):
    def made():
        class Mine(Fussy):
            def fit(self, X, y):
                return super().fit(X, y)

        Mine().fit(X, y)
        return weakref.ref(Mine)

    earlier = made()
    gc.collect()
    assert earlier() is None


def test_fits_in_several_threads_are_each_a_run_with_its_own_metrics(on):
    def work(C):
        model = LogisticRegression(C=C).fit(X_train, y_train)
        return C, accuracy_score(y_test, model.predict(X_test))

    settings = [0.001, 0.01, 0.1, 1, 10, 100]
    with ThreadPoolExecutor(3) as pool:
        expected = dict(pool.map(work, settings))
    found = {params(row)["C"]: metrics(row)["accuracy_score_X_test"] for row in mlops_nb.runs().index}
    assert found == expected


def test_fits_in_threads_that_a_fit_starts_are_part_of_it(on):
    class Parallelly(Fussy):
        def fit(self, X, y):
            with ThreadPoolExecutor(2) as pool:
                self.models_ = list(pool.map(lambda a: Ridge(a).fit(X, y), [1, 2]))
            deeper = threading.Thread(target=lambda: threading.Thread(target=Ridge(3).fit, args=(X, y)).start())
            deeper.start()
            deeper.join()
            return super().fit(X, y)

    Parallelly().fit(X, y)
    time.sleep(0.2)
    assert list(mlops_nb.runs()["name"]) == ["Parallelly"]


@pytest.mark.parametrize("backend", ["threading", "loky", "multiprocessing"])
def test_workers_of_joblib_are_unaffected(on, backend):
    with parallel_backend(backend, n_jobs=2):
        GridSearchCV(Ridge(), {"alpha": [1, 2]}, cv=2).fit(X, y)
    Parallel(n_jobs=2, backend=backend)(delayed(clone(Ridge(3)).fit)(X, y) for _ in range(2))
    assert sorted(mlops_nb.runs()["kind"]) == ["fit", "trial", "trial"]


def test_results_of_workers_are_what_they_are_without_autolog(folder):
    def found():
        search = GridSearchCV(Ridge(), {"alpha": [0.1, 1, 10]}, cv=3, n_jobs=2).fit(X, y)
        return search.cv_results_["mean_test_score"].tobytes(), search.predict(X).tobytes()

    plain = found()
    with mlops_nb.autolog():
        assert found() == plain


def test_library_s_own_calls_are_not_runs(on):
    from sklearn.inspection import permutation_importance
    from sklearn.metrics import log_loss
    from sklearn.preprocessing import label_binarize

    label_binarize([0, 1, 2], classes=[0, 1, 2])
    model = LogisticRegression().fit(X_train, y_train)
    permutation_importance(model, X_test, y_test, n_repeats=2)
    log_loss(y_test, model.predict_proba(X_test))
    assert list(mlops_nb.runs()["name"]) == ["LogisticRegression"]
    assert set(metrics(1)) == {"n_iter", "log_loss_X_test"}


def test_nothing_is_recorded_when_it_is_off_or_for_what_was_fitted_before(folder):
    early = LogisticRegression().fit(X_train, y_train)
    with mlops_nb.autolog():
        accuracy_score(y_test, early.predict(X_test))
    early.fit(X_train, y_train)
    assert mlops_nb.runs().empty


def test_context_brings_back_what_was_before(folder):
    mlops_nb.autolog("on", models=True)
    with mlops_nb.autolog(library="sklearn") as inner:
        assert not inner.models
    from mlops_nb.tracking.autolog.service import autologging

    assert autologging().models
    mlops_nb.autolog("off")
    with mlops_nb.autolog():
        assert autologging().is_on
    assert not autologging().is_on


@pytest.mark.parametrize(
    ("given", "fix"),
    [({"library": "sklern"}, "--library sklearn"), ({"switch": "onn"}, "mlops_nb.autolog('on')")],
)
def test_unknown_library_or_switch_is_refused_with_the_way_out(folder, given, fix):
    with pytest.raises(BadArgument) as caught:
        mlops_nb.autolog(**given)
    assert fix in caught.value.fix


def test_store_that_fails_is_told_in_a_line_and_the_fit_goes_on(on, folder, capsys):
    (folder / ".mlops").write_text("not a folder")
    model = Ridge().fit(X, y)
    assert mean_squared_error(y, model.predict(X)) < 1
    told = capsys.readouterr().err
    assert "run 'Ridge' was not recorded" in told
    assert told.count("\n") == 1


def test_fit_killed_halfway_is_a_killed_run_with_its_settings(folder):
    code = """
        import mlops_nb, os, signal
        from sklearn.base import BaseEstimator
        class Deadly(BaseEstimator):
            def __init__(self, depth=3):
                self.depth = depth
            def fit(self, X, y=None):
                os.kill(os.getpid(), signal.SIGKILL)
        mlops_nb.autolog()
        Deadly(7).fit([[1]])
    """
    assert subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False).returncode == -signal.SIGKILL
    run = mlops_nb.show("Deadly")
    assert (run.status, params(run.id)) == ("KILLED", {"depth": 7})


def test_autolog_waits_for_the_library_and_does_not_import_it(folder):
    code = """
        import sys, mlops_nb
        assert mlops_nb.autolog().waiting == ("sklearn",)
        assert not {"sklearn", "numpy", "pandas", "sqlite3"} & set(sys.modules)
        import importlib.util
        importlib.util.find_spec("sklearn.base")
        from sklearn.metrics import accuracy_score
        from sklearn.linear_model import LogisticRegression
        import sklearn.base
        for loader in (sklearn.base.__loader__, sklearn.base.__spec__.loader):
            assert type(loader).__name__ == "SourceFileLoader"
        X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
        accuracy_score(y, LogisticRegression().fit(X, y).predict(X))
        assert mlops_nb.show(1).metrics[0].name == "accuracy_score_X"
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


def test_functions_imported_before_are_seen_too(folder):
    code = """
        from sklearn.metrics import accuracy_score as how_good
        from sklearn.model_selection import cross_val_score
        from sklearn.linear_model import LogisticRegression
        model = LogisticRegression()
        import mlops_nb
        mlops_nb.autolog()
        X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
        how_good(y, model.fit(X, y).predict(X))
        cross_val_score(model, X, y, cv=2)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)
    assert "accuracy_score_X" in metrics(1)
    assert "mean_test_score" in metrics(2)


TINY = """
class Model:
    def __init__(self, rate=0.1):
        self.rate = rate
    def train(self, rows, labels):
        self.mean = sum(labels) / len(labels)
        return Trained(self.mean)
class Trained:
    def __init__(self, mean):
        self.mean = mean
    def answer(self, rows):
        return Answers(self.mean for _ in rows)
class Answers(list):
    pass
def error(labels, answers):
    return sum(abs(a - b) for a, b in zip(labels, answers))
"""


def test_library_is_taught_by_a_class_of_a_few_lines(folder, monkeypatch):
    Path("tiny.py").write_text(TINY)
    monkeypatch.syspath_prepend(str(folder))

    class Tiny(mlops_nb.AutologHook):
        library = "tiny"
        base = "tiny:Model"
        fitted_base = "tiny:Trained"
        fits = ("train",)
        predictions = ("answer",)
        metrics = ("tiny:error",)

        def params(self, model):
            return vars(model)

        def fitted(self, model, result):
            return result

    from mlops_nb.tracking.autolog import service as autolog

    monkeypatch.setattr(autolog, "_hooks", dict(autolog._hooks))
    mlops_nb.autolog_hook(Tiny())
    with mlops_nb.autolog(library="tiny"):
        import tiny

        error = tiny.error
        trained = tiny.Model(0.3).train([1, 2], [0, 1])
        assert error([0, 1], trained.answer([1, 2])) == 1
    assert tiny.error is error.__wrapped__
    assert (mlops_nb.show("Model").kind, params("Model"), metrics("Model")) == ("fit", {"rate": 0.3}, {"error": 1})


def test_hook_that_names_no_class_is_refused(folder):
    class Half(mlops_nb.AutologHook):
        library = "half"

    with pytest.raises(BadArgument, match="base == ''"):
        mlops_nb.autolog_hook(Half())


def test_lightgbm_and_xgboost_work_without_special_code(on):
    import lightgbm
    import xgboost

    for model in (
        lightgbm.LGBMClassifier(n_estimators=3, verbose=-1),
        xgboost.XGBClassifier(n_estimators=3),
        lightgbm.LGBMRegressor(n_estimators=3, verbose=-1),
        xgboost.XGBRegressor(n_estimators=3),
    ):
        accuracy_score(y_test, model.fit(X_train, y_train).predict(X_test) > 0.5)
        model.score(X_test, y_test)
        run = mlops_nb.show(type(model).__name__)
        assert (run.kind, run.status, run.warnings) == ("fit", "FINISHED", ())
        assert params(run.id)["n_estimators"] == 3
        assert "n_estimators" not in run.estimators[0].defaults
        assert "score_X_test" in metrics(run.id)
        assert run.estimators[0].signature.width == 4
    assert len(mlops_nb.runs()) == 4


def test_model_is_kept_when_asked_and_predicts_the_same(folder):
    with mlops_nb.autolog(models=True):
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X_train, y_train)
    run = mlops_nb.show(1)
    (artifact,) = run.artifacts
    assert artifact.kind == "model"
    assert np.array_equal(mlops_nb.load_artifact(1, artifact.path).predict(X), model.predict(X))


def test_model_that_cannot_be_kept_is_a_note_and_no_fault(folder, capsys):
    class Locked(ClassifierMixin, Fussy):
        def fit(self, X, y):
            self.rows_ = (row for row in X)
            return super().fit(X, y)

    with mlops_nb.autolog(models=True):
        Locked().fit(X, y)
    run = mlops_nb.show(1)
    assert (run.status, run.artifacts) == ("FINISHED", ())
    assert "model not recorded" in run.warnings[0]
    assert capsys.readouterr().err == ""


def test_run_in_a_thread_is_the_parent_of_what_the_thread_fits(on):
    with mlops_nb.run("outer") as run:
        thread = threading.Thread(target=lambda: Ridge().fit(X, y))
        thread.start()
        thread.join()
    assert service.show(run.id).estimators[0].name == "Ridge"


def test_search_followed_by_another_model_keeps_its_trials(on):
    with mlops_nb.run("two") as run:
        GridSearchCV(Ridge(), {"alpha": [1, 2]}, cv=2).fit(X, y)
        LogisticRegression().fit(X, y)
    found = mlops_nb.show(run.id)
    assert sorted(part.name for part in found.parts) == ["GridSearchCV(Ridge)", "LogisticRegression"]
    search = mlops_nb.show("GridSearchCV(Ridge)")
    assert [part.kind for part in search.parts] == ["trial", "trial"]
    assert (int(search.tags["best_trial"]), found.tags) == (search.parts[0].id, {})


def test_trials_of_a_sweep_have_their_models_and_stay_the_sweep_s(on):
    for trial in mlops_nb.sweep("tried", {"C": [0.1, 1.0]}):
        with trial as chosen:
            LogisticRegression(**chosen).fit(X_train, y_train).score(X_test, y_test)
    sweep = mlops_nb.show(1)
    assert [(part.kind, part.params["max_iter"]) for part in sweep.parts] == [("trial", 100)] * 2
    assert all("score_X_test" in part.metrics for part in sweep.parts)
    assert not any(mlops_nb.show(part.id).children for part in sweep.parts)
