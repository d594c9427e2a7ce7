"""How autolog is taught a library: one class says what its estimators look like; nothing here records anything.

Everything that derives from scikit-learn's `BaseEstimator` is known through `ScikitLearn`, so XGBoost's, LightGBM's
and your own estimators are, too. For another library derive from `AutologHook` and register it:

    class Tiny(mlops_nb.AutologHook):
        library = "tiny"
        base = "tiny.models:Model"
        fits = ("train",)
        metrics = ("tiny.metrics:accuracy",)

    mlops_nb.autolog_hook(Tiny())
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from mlops_nb.record import Record
from mlops_nb.registry.signature import Gives, Signature, signature_of
from mlops_nb.tracking.autolog.estimators import estimator_name, readable
from mlops_nb.tracking.metrics import SKLEARN_METRICS
from mlops_nb.tracking.values import metric_number


@dataclass(frozen=True, slots=True)
class Part(Record):
    """What a fit or an evaluation consists of: a combination that a search tried, or one fold."""

    kind: Literal["trial", "fold"]
    name: str
    duration: float = 0.0
    params: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    series: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Metrics with a value for each fold."""
    has_failed: bool = False
    is_best: bool = False


@dataclass(frozen=True, slots=True)
class Evaluation(Record):
    """What a cross-validation found: numbers of the whole, and its folds."""

    metrics: Mapping[str, float] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()


class AutologHook:
    """What autolog must know of a library. Every method has a meaning already; override what is different.

    The library is not imported: autolog waits until somebody does. Whatever a method raises is noted on the
    run in one line, and never reaches the cell.

    Attributes:
        library: the name that `--library` takes.
        base: the class its estimators derive from, as `module:Class`.
        fitted_base: the class of what a fit returns, where predictions are asked of that (see `fitted`).
        fits: methods that learn. The first argument is the data, the second what to predict.
        predictions: methods whose results a metric may be computed of.
        scores: methods that return a metric.
        metrics: functions that compute a number of predictions, as `module:function`.
        evaluations: functions that fit copies of an estimator given as `estimator`, as `module:function`.
        internals: packages whose own calls are not the user's.
    """

    library: str = ""
    base: str = ""
    fitted_base: str = ""
    fits: Sequence[str] = ("fit", "fit_transform", "fit_predict", "partial_fit")
    predictions: Sequence[str] = ("predict", "predict_proba", "predict_log_proba", "decision_function")
    scores: Sequence[str] = ("score",)
    metrics: Sequence[str] = ()
    evaluations: Sequence[str] = ()
    internals: Sequence[str] = ()

    def name(self, estimator: Any) -> str:
        """What a run of the estimator is called."""
        return estimator_name(estimator)

    def params(self, estimator: Any) -> Mapping[str, object]:
        """Its settings, those of estimators inside it as `name__setting`."""
        found: Mapping[str, object] = estimator.get_params(deep=True) if hasattr(estimator, "get_params") else {}
        return found

    def predicts(self, estimator: Any) -> bool:
        """Whether it is a model, which a run is about, rather than a step that prepares data."""
        return any(hasattr(estimator, name) for name in self.predictions)

    def fitted(self, estimator: Any, result: object) -> object:
        """What predictions and scores are asked of afterwards: the estimator itself, or what its fit returned."""
        return estimator

    def related(self, estimator: Any) -> Iterable[object]:
        """Other objects that predict as the estimator does."""
        return ()

    def predicted(self, estimator: Any) -> Iterable[object]:
        """Predictions of the training data that the fit left behind."""
        return ()

    def signature(self, estimator: Any, data: object, target: object, result: object) -> Signature:
        """What it takes and gives; `result` is what the fit returned, unless that is the estimator."""
        return signature_of(data, target, output=result)

    def measured(self, estimator: Any) -> Mapping[str, float]:
        """Metrics that the fit computed by itself."""
        return {}

    def parts(self, estimator: Any) -> Sequence[Part]:
        """The combinations that a search tried."""
        return ()

    def evaluation(self, function: str, estimator: Any, result: Any) -> Evaluation:
        """What one of `evaluations` found."""
        return Evaluation()


_GIVES: Mapping[str, Gives] = {
    "classifier": "class",
    "regressor": "number",
    "clusterer": "cluster",
    "outlier_detector": "outlier",
    "transformer": "columns",
}
_MEASURED = ("best_score_", "oob_score_", "n_iter_", "inertia_", "loss_", "best_loss_", "lower_bound_", "converged_")
_VALIDATION = "sklearn.model_selection:"


class ScikitLearn(AutologHook):
    """scikit-learn, and every library whose estimators derive from its `BaseEstimator`."""

    library = "sklearn"
    base = "sklearn.base:BaseEstimator"
    metrics = tuple(f"sklearn.metrics:{name}" for name in sorted(SKLEARN_METRICS))
    evaluations = tuple(
        f"{_VALIDATION}{name}"
        for name in ("cross_validate", "cross_val_score", "cross_val_predict", "learning_curve", "validation_curve")
    )
    internals = ("sklearn",)

    def predicts(self, estimator: Any) -> bool:
        """Whether it has a way to predict, or finds clusters, outliers or a density."""
        return (
            hasattr(estimator, "predict") or hasattr(estimator, "fit_predict") or _type_of(estimator) in _GIVES_MODELS
        )

    def related(self, estimator: Any) -> Iterable[object]:
        """A search's best estimator."""
        best = vars(_search(estimator)).get("best_estimator_")
        return () if best is None else (best,)

    def predicted(self, estimator: Any) -> Iterable[object]:
        """A clustering's labels."""
        labels = vars(estimator).get("labels_")
        return () if labels is None else (labels,)

    def signature(self, estimator: Any, data: object, target: object, result: object) -> Signature:
        """The columns, and a classifier's classes."""
        gives = _GIVES.get(_type_of(estimator) or "", "")
        if not gives and hasattr(estimator, "transform"):
            gives = "columns"
        classes = getattr(estimator, "classes_", ()) if gives == "class" else ()
        width = getattr(estimator, "n_features_in_", None)
        return signature_of(
            data,
            None if gives in ("columns", "cluster", "outlier") else target,
            gives=gives,
            width=width if isinstance(width, int) else None,
            classes=() if isinstance(classes, list) else classes,
            output=vars(estimator).get("labels_") if result is None else result,
        )

    def measured(self, estimator: Any) -> Mapping[str, float]:
        """Numbers that the fit left: best_score, oob_score, n_iter, inertia, loss."""
        kept = {**vars(estimator), **vars(_search(estimator))}
        found = {name.rstrip("_"): metric_number(_largest(kept[name])) for name in _MEASURED if name in kept}
        return {name: number for name, number in found.items() if number is not None}

    def parts(self, estimator: Any) -> Sequence[Part]:
        """The candidates of a GridSearchCV, a RandomizedSearchCV or a halving one, in the order tried."""
        search = _search(estimator)
        results = vars(search).get("cv_results_")
        if not isinstance(results, Mapping) or "params" not in results:
            return ()
        name, best = estimator_name(search.estimator), vars(search).get("best_index_")
        return [
            _trial(results, place, name, is_best=place == best, folds=getattr(search, "n_splits_", 1))
            for place in range(len(results["params"]))
        ]

    def evaluation(self, function: str, estimator: Any, result: Any) -> Evaluation:
        """The folds of a cross-validation, the mean and the standard deviation of what they measured."""
        if function == "cross_val_score":
            result = {"test_score": result}
        if function not in ("cross_val_score", "cross_validate") or not isinstance(result, Mapping):
            return Evaluation()
        scores = {name: list(map(float, values)) for name, values in result.items() if _is_score(name)}
        times = [list(map(float, result[name])) for name in ("fit_time", "score_time") if name in result]
        parts = tuple(
            Part(
                "fold",
                f"fold {place + 1}",
                sum(each[place] for each in times),
                metrics={name: values[place] for name, values in scores.items()},
                has_failed=all(math.isnan(values[place]) for values in scores.values()),
            )
            for place in range(min(map(len, scores.values()), default=0))
        )
        return Evaluation(
            {f"{word}_{name}": number for name, values in scores.items() for word, number in _mean_and_std(values)},
            parts,
        )


_GIVES_MODELS = ("classifier", "regressor", "clusterer", "outlier_detector", "density_estimator")


def _type_of(estimator: Any) -> str | None:
    with suppress(Exception):  # tags are computed by code of the estimator's author
        return str(estimator.__sklearn_tags__().estimator_type)
    return getattr(estimator, "_estimator_type", None)


def _search(estimator: Any) -> Any:
    """The search that an estimator is, or that a pipeline ends in."""
    steps = vars(estimator).get("steps")
    return steps[-1][1] if isinstance(steps, list) and steps and hasattr(steps[-1][1], "__dict__") else estimator


def _trial(results: Mapping[str, Any], place: int, name: str, *, is_best: bool, folds: int) -> Part:
    metrics = {
        key: float(values[place])
        for key, values in results.items()
        if key.startswith(("mean_test_", "std_test_", "rank_test_", "mean_train_", "mean_fit_time", "n_resources"))
    }
    names = {key.partition("_")[2] for key in results if key.startswith("split0_test_")}
    series = {each: [float(results[f"split{fold}_{each}"][place]) for fold in range(folds)] for each in sorted(names)}
    seconds = float(results["mean_fit_time"][place] + results["mean_score_time"][place]) * folds
    params = {str(key): readable(value) for key, value in results["params"][place].items()}
    has_failed = bool(series) and all(math.isnan(value) for values in series.values() for value in values)
    return Part("trial", name, seconds, params, metrics, series, has_failed, is_best)


def _largest(value: Any) -> object:
    """The value; of an array, one iteration count for each class say, the largest."""
    return value.max() if getattr(value, "size", 0) and hasattr(value, "max") else value


def _is_score(name: str) -> bool:
    return name.startswith(("test_", "train_"))


def _mean_and_std(values: Sequence[float]) -> tuple[tuple[str, float], tuple[str, float]]:
    """The mean and the standard deviation over the folds (NumPy's, divided by n), as scikit-learn reports them."""
    mean = math.fsum(values) / len(values) if values else math.nan
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values)) if values else math.nan
    return ("mean", mean), ("std", spread)
