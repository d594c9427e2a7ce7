"""Parameters and metrics that nobody named: read from the cell's syntax and the namespace after it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping

from mlops_nb.notebook.cells import CellNames
from mlops_nb.tracking.metrics import SKLEARN_METRICS, is_metric_name
from mlops_nb.tracking.values import metric_number, plain_value

OBSERVER = "__mlops_observe__"
"""The name under which a captured cell finds the function that sees its metrics."""

_SETTINGS = 200


def inferred_params(
    names: CellNames,
    namespace: Mapping[str, object],
    parameters: Mapping[str, object],
    made: Iterable[str],
    *,
    is_whole: bool = True,
) -> dict[str, object]:
    """The parameters of a cell that names none.

    They are the simple literals that the `parameters` cell (`parameters`: its names and values) and the cell
    assign, with their values after the cell, and `name.setting` of every estimator among the names that it `made`.
    A cell that did not run as a whole (`is_whole`) may not have come to an assignment: what is not there is none then.
    """
    found = {name: namespace.get(name, value) for name, value in parameters.items()}
    found |= {
        name: namespace.get(name, value)
        for name, value in names.literals.items()
        if not name.startswith("_") and not is_metric_name(name) and (is_whole or name in namespace)
    }
    for name in made:
        if name in namespace and not name.startswith("_"):
            found |= {f"{name}.{setting}": value for setting, value in estimator_settings(namespace[name]).items()}
    return found


def estimator_settings(value: object) -> dict[str, object]:
    """The simple settings of an object with scikit-learn's `get_params`; empty for anything else, never raises."""
    if issubclass(type(value), type) or not callable(getattr(type(value), "get_params", None)):
        return {}
    try:
        settings = value.get_params(deep=True)  # type: ignore[attr-defined]
    except Exception:  # a user's estimator may raise anything
        return {}
    if not isinstance(settings, dict):
        return {}
    simple = {str(name): plain_value(setting) for name, setting in settings.items() if _is_simple(setting)}
    return dict(list(simple.items())[:_SETTINGS])


def _is_simple(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def inferred_metrics(
    names: CellNames, namespace: Mapping[str, object], observed: Mapping[str, float]
) -> dict[str, float]:
    """The metrics of a cell that names none.

    They are the numbers it assigns to names that are a metric's or computes with a function of
    `sklearn.metrics`; `observed` are the results of such functions that were assigned to no name.
    """
    found: dict[str, float] = {}
    for name in names.writes:
        computed = names.results.get(name, "").rpartition(".")[2] in SKLEARN_METRICS
        if name in namespace and name not in names.imports and (computed or is_metric_name(name)):
            number = metric_number(namespace[name]) if is_number(namespace[name]) else None
            if number is not None:
                found[name] = number
    return found | {name: value for name, value in observed.items() if name not in found}


def is_number(value: object) -> bool:
    """Whether a value is a number that could be a metric; truth values are none."""
    kind = type(value)  # not isinstance: an object may raise anything when it is asked
    return kind.__name__ not in ("bool", "bool_") and (
        issubclass(kind, int | float) or kind.__module__.partition(".")[0] == "numpy"
    )


class MetricObserver(ast.NodeTransformer):
    """Wraps calls of scikit-learn's metric functions, so that a result that is only printed is seen.

    `f1_score(y, p)` becomes `observe("f1_score", f1_score(y, p))`: evaluated first and handed on as it is, so
    neither value nor traceback changes. Functions and lambdas, which may run later, are left alone, and so is
    what is assigned to a plain name, which `inferred_metrics` sees.
    """

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """A function may run later: left alone."""
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        """A function may run later: left alone."""
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        """A lambda may run later: left alone."""
        return node

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:
        """A generator may run later: left alone."""
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        """A result assigned to a plain name is seen without us."""
        if isinstance(node.value, ast.Call) and all(isinstance(target, ast.Name) for target in node.targets):
            return node
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """A call of a metric function hands its result to the observer."""
        self.generic_visit(node)
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name not in SKLEARN_METRICS:
            return node
        observer = ast.Call(ast.Name(OBSERVER, ast.Load()), [ast.Constant(name), node], [])
        return ast.fix_missing_locations(ast.copy_location(observer, node))


def observer_of(observed: dict[str, float]) -> Callable[[str, object], object]:
    """A function that notes a metric's value under its function's name and hands it on."""

    def observe(name: str, value: object) -> object:
        number = metric_number(value) if is_number(value) else None
        if number is not None:
            observed[name] = number
        return value

    return observe
