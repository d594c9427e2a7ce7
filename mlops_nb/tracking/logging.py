"""The functions a notebook calls: they log to the run that is going on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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


def log_artifact(what: object, name: str | None = None, *, pickle: bool = False) -> Artifact | None:
    """Keep a file, a folder or a value with the active run; what had that name before is replaced.

    None where the store cannot take it, which one line on stderr says; the cell goes on.

    Args:
        what: a file or folder (its path), a DataFrame, an array, a Matplotlib or Plotly figure, a fitted
            model, a dict or list, bytes, or anything at all when `pickle` is True.
        name: may have folders in it; for a value it gets the ending of its form, and may choose the form
            by one (`.csv` or `.parquet`, `.png` or `.svg`). A file or folder has its own name by default.
        pickle: keep a value as a pickle, which is loaded only when asked to.

    Raises:
        NoActiveRun: no run is going on.
        BadArgument: it is not there, cannot be kept, or the name is not allowed.
        MissingExtra: its form needs a library that is not installed.
    """
    return service.required_run("log_artifact").log_artifact(what, name, pickle=pickle)


def log_text(text: str, name: str) -> Artifact | None:
    """Keep a text with the active run, under a name that ends in .txt unless it has another ending of a text.

    Raises:
        NoActiveRun: no run is going on.
        BadArgument: the name is not allowed.
    """
    return service.required_run("log_text").log_text(text, name)


def log_confusion_matrix(
    y_true: Iterable[object],
    y_pred: Iterable[object],
    *,
    labels: Iterable[object] | None = None,
    name: str = "confusion_matrix",
) -> Artifact | None:
    """Keep the confusion matrix of two columns of labels with the active run; `%mlops artifacts` draws it.

    Args:
        y_true: the true labels.
        y_pred: the predicted ones.
        labels: their order; pairs of others are left out. By default all there are, sorted.
        name: what it is kept under.

    Raises:
        NoActiveRun: no run is going on.
        BadArgument: unequal lengths, more than one value a row, a missing label, or too many labels.
    """
    run = service.required_run("log_confusion_matrix")
    return run.log_confusion_matrix(y_true, y_pred, labels=labels, name=name)


def set_tag(name: str, value: object, *, run: int | str | None = None) -> None:
    """Set a tag of the active run, or of any `run`, named as for `show`.

    Raises:
        NoActiveRun: no run is going on, and none is named.
        RunNotFound: no run is called that.
    """
    if run is None:
        service.required_run("set_tag").set_tag(name, value)
    else:
        service.annotate(run, tags={name: value})


def note(text: str, *, run: int | str | None = None) -> None:
    """Write what there is to say about the active run, or about any `run`, in place of what was written before.

    Raises:
        NoActiveRun: no run is going on, and none is named.
        RunNotFound: no run is called that.
    """
    if run is None:
        service.required_run("note").set_note(text)
    else:
        service.annotate(run, note=str(text))


def runs(
    query: str | None = None,
    *,
    search: str | None = None,
    status: str | None = None,
    kind: str | None = None,
    notebook: str | None = None,
    sort: str = "-started",
    limit: int | None = None,
    parts: Sequence[str] = (),
) -> pd.DataFrame:
    """The runs as a DataFrame: index `id`; columns `params.*`, `metrics.*`, `tags.*` as they occur.

        mlops_nb.runs("metrics.accuracy > 0.9 and params.depth <= 5", sort="-metrics.accuracy")

    Args:
        query: which runs, in the words of `mlops_nb.tracking.search.query`; or just a run's name.
        search: words that must all occur in a run's name, note or code.
        status: only runs with this status.
        kind: only runs of this kind.
        notebook: only runs of this notebook.
        sort: an attribute such as started or duration, a metric's name, `metrics.loss.min`, `params.depth` or
            `tags.kind`; a leading `-` sorts downwards. Runs that do not have what is sorted by are left out.
        limit: at most this many; None for all.
        parts: of each metric also its `min`, `max`, `mean`, `best` or `count`, as columns `metrics.NAME.min` and so on.

    Raises:
        BadQuery: the query cannot be read, or names what no run has.
        BadArgument: an unknown status, kind, sort or part, or a limit below 1.
    """
    return service.runs(
        query, search=search, status=status, kind=kind, notebook=notebook, sort=sort, limit=limit, parts=parts
    ).to_frame()
