"""What a fitted model tells of itself, and of what it gives for some data: its signature, what it is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from mlops_nb.errors import BadArgument
from mlops_nb.registry.signature import Signature, columns_of, with_ranges
from mlops_nb.tracking.autolog.estimators import Estimator, estimator_name
from mlops_nb.tracking.autolog.hooks import AutologHook, ScikitLearn
from mlops_nb.tracking.values import safe_repr

FEW = 5
"""Rows of an example that a model is asked to predict."""


def class_of(model: object) -> str:
    """The model's class with its module."""
    kind = type(model)
    return f"{kind.__module__}.{kind.__qualname__}"


def required_model(model: object) -> None:
    """Nothing, where a value can predict or transform.

    Raises:
        BadArgument: it can do neither.
    """
    can = {name for name in ("predict", "transform", "fit") if callable(getattr(model, name, None))}
    if isinstance(model, type) or not ("predict" in can or {"transform", "fit"} <= can):
        raise BadArgument(
            f"this {type(model).__name__} is no model: it can neither predict nor, once fitted, transform",
            'mlops_nb.log_artifact(it, "name")    (keeps anything with a run)',
        )


def signature_seen(model: Any, data: Any) -> Signature:
    """The signature of a fitted model, by what `data` is and what the model gives for its first rows.

    Raises:
        BadArgument: it gives nothing for them.
    """
    given = _given(model, _first_rows(data))
    hook = ScikitLearn() if callable(getattr(model, "get_params", None)) else AutologHook()
    found = hook.signature(model, data, given, given)
    return with_ranges(replace(found, inputs=found.inputs or columns_of(data)), data)


def _given(model: Any, few: Any) -> object:
    call = "predict" if callable(getattr(model, "predict", None)) else "transform"
    try:
        return getattr(model, call)(few)
    except Exception as error:  # the model is the user's own
        raise BadArgument(
            f"model.{call} of the example's first rows raises {type(error).__name__}: {str(error)[:300]}",
            "give an example of what it was fitted on: --example X_train",
        ) from None


def _first_rows(data: Any) -> Any:
    try:
        return data.iloc[:FEW] if hasattr(data, "iloc") else data[:FEW]
    except TypeError as error:
        raise BadArgument(
            f"example == {safe_repr(data, 60)}, must be a frame, an array or a list of rows: {error}",
            "--example X_train",
        ) from None


def recorded_signature(model: object, kind: str, fitted: Iterable[Estimator]) -> Signature | None:
    """The signature that autolog recorded of the model's fit; None where it cannot be told which one that is."""
    alike = [one for one in fitted if one.kind == kind and one.signature.inputs]
    width = getattr(model, "n_features_in_", None)
    alike = [one for one in alike if width in (None, one.signature.width)]
    named = [one for one in alike if model is not None and one.name == estimator_name(model)] or alike
    return named[0].signature if named and all(one.signature == named[0].signature for one in named) else None


def trained_on(model: Any, candidates: Mapping[str, Any]) -> str:
    """The name of the data that the model was fitted on, by its columns; of several a name with "train", the longest.

    An empty name where none fits.
    """
    width = getattr(model, "n_features_in_", None)
    names = getattr(model, "feature_names_in_", None)
    if width is None:
        return ""
    fitting = [
        name
        for name, data in candidates.items()
        if len(getattr(data, "shape", ())) == 2
        and data.shape[1] == width
        and (names is None or [str(each) for each in getattr(data, "columns", ())] == [str(each) for each in names])
    ]
    return max(fitting, key=lambda name: ("train" in name.lower(), candidates[name].shape[0], name), default="")


def module_roots(model: Any) -> tuple[str, ...]:
    """The top packages that the model and the estimators inside it come from; their classes' bases, too."""
    parts = [model]
    with suppress(Exception):  # an estimator's own method may raise anything
        parts += model.get_params(deep=True).values()
    kinds = [kind for part in parts if hasattr(type(part), "__module__") for kind in type(part).__mro__]
    roots = {kind.__module__.partition(".")[0] for kind in kinds}
    return tuple(sorted(roots - {"builtins", "__main__", "abc", "typing", "collections"}))
