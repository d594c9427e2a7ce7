"""What a run consists of: its child runs as a table, and the estimators that it fitted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from mlops_nb.panels.blocks import Table, Words
from mlops_nb.panels.theme import number_span
from mlops_nb.panels.wording import count, duration, listed, numbers, one_line, setting, status_words
from mlops_nb.registry.signature import Signature
from mlops_nb.tracking.metrics import is_by_the_way, is_metric_name
from mlops_nb.tracking.runs import Metric, Param, Run, RunSummary

_KINDS = {
    "fit": ("fit", "fits"),
    "trial": ("combination", "combinations"),
    "fold": ("fold", "folds"),
    "step": ("step", "steps"),
}


def parts_table(run: Run, most: int) -> Table:
    """The child runs of a run: what differs in their parameters, and their main metric."""
    parts = run.parts[:most]
    differing = _differing(parts)
    metric = _main_metric(parts)
    names = {part.name for part in run.parts}
    columns = ("run", *(["with"] if differing else []), *([one_line(metric, 40)] if metric else []), "took")
    shown = numbers([part.metrics.get(metric) for part in parts])
    rows = tuple(
        tuple(_row(part, differing, metric, value, is_named=len(names) > 1))
        for part, value in zip(parts, shown, strict=True)
    )
    right = frozenset(range(len(columns) - (2 if metric else 1), len(columns)))
    hidden = len(run.children) - len(parts)
    more = f"+{hidden:,} more: mlops_nb.show({run.id}).children" if hidden > 0 else ""
    return Table(_caption(run, names), columns, rows, right, more)


def _caption(run: Run, names: set[str]) -> str:
    kinds = {part.kind for part in run.parts}
    one, several = _KINDS.get(run.parts[0].kind, ("", "")) if len(kinds) == 1 else ("", "")
    of = f" of {one_line(next(iter(names)), 60)}" if len(names) == 1 else ""
    is_judged = any(part.tags.get("best") == "yes" for part in run.parts)
    return f"{count(len(run.children), one or 'child run', several)}{of}{', best first' if is_judged else ''}"


def _row(part: RunSummary, differing: Sequence[str], metric: str, value: str, *, is_named: bool) -> Iterator[Words]:
    name = f" {one_line(part.name, 60)}" if is_named else ""
    state = "" if part.status == "FINISHED" else f", {status_words(part.status)}"
    yield f"{part.id}{name}{', best' if part.tags.get('best') == 'yes' else ''}{state}"
    if differing:
        given = [name for name in differing if name in part.params]
        shown = (f"{one_line(_short(name, differing), 40)}={setting(part.params[name], 24)}" for name in given)
        yield ", ".join([*islice(shown, 3), *([f"{len(given) - 3} more"] if len(given) > 3 else [])])
    if metric:
        yield number_span(part.metrics[metric], value) if metric in part.metrics else ""
    yield duration(part.duration)


def _short(name: str, names: Sequence[str]) -> str:
    """The last part of a nested parameter's name, two where one is not enough.

    >>> _short("a__scaler__copy", ["a__scaler__copy", "a__pca__copy"]), _short("a__C", ["a__C"])
    ('scaler__copy', 'C')
    """
    parts = name.split("__")
    last = [each.split("__")[-1] for each in names]
    return "__".join(parts[-1:] if last.count(parts[-1]) == 1 else parts[-2:])


def _differing(parts: Sequence[RunSummary]) -> tuple[str, ...]:
    """The parameters that tell parts of one name apart."""
    by_name: dict[str, list[RunSummary]] = {}
    for part in parts:
        by_name.setdefault(part.name, []).append(part)
    found: dict[str, None] = {}
    for alike in by_name.values():
        for name in dict.fromkeys(name for part in alike for name in part.params):
            if len({repr(part.params.get(name)) for part in alike}) > 1:
                found[name] = None
    return tuple(found)


def _main_metric(parts: Sequence[RunSummary]) -> str:
    """A cross-validation's mean where there is one, else the metric that most of the parts have."""
    counted = Counter(name for part in parts for name in part.metrics)
    return max(
        sorted(counted),
        key=lambda name: (name.startswith("mean_test_"), counted[name], is_metric_name(name)),
        default="",
    )


def estimators_table(run: Run) -> Table:
    """The estimators that a run fitted: what each takes and gives."""
    rows = tuple((one_line(one.name, 60), takes(one.signature), gives(one.signature)) for one in run.estimators)
    return Table(count(len(rows), "fitted estimator"), ("estimator", "takes", "gives"), rows)


def takes(signature: Signature) -> str:
    """What a model takes, in words."""
    if not signature.inputs:
        return ""
    kinds = listed(dict.fromkeys(one_line(column.type, 40) for column in signature.inputs), 3)
    if signature.width is None:
        return kinds
    named = " by name" if signature.inputs[0].name else ""
    return f"{count(signature.width, 'column')}{named} ({kinds})"


def gives(signature: Signature) -> str:
    """What a model gives, in words."""
    match signature.gives:
        case "class" if signature.classes_count:
            classes = listed((setting(each, 24) for each in signature.classes), 4)
            return f"one of {count(signature.classes_count, 'class', 'classes')} ({classes})"
        case "class":
            return "classes"
        case "number":
            wide = signature.output_width or 1
            return "a number" if wide == 1 else f"{wide:,} numbers"
        case "cluster":
            return "the number of a cluster"
        case "outlier":
            return "inlier or outlier"
        case "columns":
            return count(signature.output_width, "column") if signature.output_width else "columns"
    return one_line(signature.output_type, 40)


def quality_first(run: Run) -> list[Metric]:
    """The metrics, what was found beside them and is no measure of quality (`n_iter`) last."""
    return sorted(run.metrics, key=lambda metric: is_by_the_way(metric.name, inferred=metric.inferred))


def told_apart(run: Run) -> tuple[tuple[Param, ...], frozenset[str]]:
    """The parameters, those that somebody set first, and the names of those left at their class's default."""
    defaults = frozenset(name for one in run.estimators for name in one.defaults)
    return tuple(sorted(run.params, key=lambda param: param.name in defaults)), defaults
