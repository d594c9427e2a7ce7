"""The functions a notebook calls: they log to the run that is going on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_nb.tracking import service

if TYPE_CHECKING:
    import pandas as pd

    from mlops_nb.tracking.runs import Artifact


def log(step: int | None = None, **metrics: object) -> None:
    """Log metrics to the active run: `log(accuracy=0.93)`, or a series with `log(loss=0.1, step=3)`.

    Raises:
        NoActiveRun: no run is going on.
        BadArgument: a value is not a number, or the step not a whole one.
    """
    service.required_run("log").log_metrics(metrics, step)


def log_params(params: Mapping[str, object] | None = None, **named: object) -> None:
    """Log parameters to the active run; nested dicts are flattened with dots.

    Raises:
        NoActiveRun: no run is going on.
        BadArgument: `params` is not a dict.
    """
    run = service.required_run("log_params")
    if params is not None:
        run.log_params(params)
    if named:
        run.log_params(named)


def log_artifact(path: str | Path, name: str | None = None) -> Artifact:
    """Keep a copy of a file with the active run, under `name` (default: the file's own).

    Raises:
        NoActiveRun: no run is going on.
        BadArgument: there is no such file.
    """
    return service.required_run("log_artifact").log_artifact(path, name)


def set_tag(name: str, value: object) -> None:
    """Set a tag of the active run.

    Raises:
        NoActiveRun: no run is going on.
    """
    service.required_run("set_tag").set_tag(name, value)


def runs(
    name: str | None = None,
    *,
    status: str | None = None,
    kind: str | None = None,
    notebook: str | None = None,
    sort: str = "-started",
    limit: int | None = None,
) -> pd.DataFrame:
    """The runs as a DataFrame: index `id`; columns `params.*`, `metrics.*`, `tags.*` as they occur.

    Args:
        name: only runs of this name.
        status: only runs with this status.
        kind: only runs of this kind.
        notebook: only runs of this notebook.
        sort: started, duration, name, status or a metric's name; a leading `-` sorts downwards.
        limit: at most this many; None for all.

    Raises:
        BadArgument: an unknown status, kind or sort, or a limit below 1.
    """
    return service.runs(name, status=status, kind=kind, notebook=notebook, sort=sort, limit=limit).to_frame()
