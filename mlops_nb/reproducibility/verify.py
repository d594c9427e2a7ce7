"""Captured metrics against those of the exported script."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_nb.reproducibility.records import MetricCheck, Verification

Metrics = Mapping[str, float]


def verification(captured: Mapping[str, Metrics | None], script: Mapping[str, Metrics], seconds: float) -> Verification:
    """The verdict: every captured metric of every run against the script's, bit for bit.

    A run that was never captured (None), or that the script did not repeat, is missing; NaN equals NaN.

    Args:
        captured: run name to the metrics of its newest captured run; None where there is none.
        script: run name to the metrics of the step that repeats it.
        seconds: how long the script took.

    >>> verification({"rf": {"f1": 0.5}}, {"rf": {"f1": 0.5}}, 1.0).is_equal
    True
    """
    missing = [name for name, metrics in captured.items() if metrics is None or name not in script]
    checks = [
        metric_check(run, name, metrics.get(name), script[run].get(name))
        for run, metrics in captured.items()
        if metrics is not None and run in script
        for name in metrics
    ]
    return Verification(tuple(checks), tuple(missing), seconds)


def metric_check(run: str, metric: str, notebook: float | None, script: float | None) -> MetricCheck:
    """One metric on both sides.

    >>> metric_check("rf", "f1", float("nan"), float("nan")).equal, metric_check("rf", "f1", 0.5, None).equal
    (True, False)
    """
    return MetricCheck(run, metric, notebook, script, notebook is not None and same_number(notebook, script))


def same_number(left: float, right: float | None) -> bool:
    """Whether two numbers are equal to the last bit that matters: no tolerance, NaN equals NaN."""
    return right is not None and (left == right or (left != left and right != right))
