"""What changed on which side since a run was last the same on both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mlops_nb.record import Record
from mlops_nb.tracking.mlflow.runs import comparable, in_order, infinite, shortened
from mlops_nb.tracking.mlflow.words import (
    BRANCH,
    COMMIT,
    DIRTY,
    KIND,
    NOTE,
    PARENT,
    REMOTE,
    RUN_NAME,
    UID,
    Agreed,
    MlflowRun,
    Point,
    cut,
    mlflow_names,
    param_value,
    short_hash,
)
from mlops_nb.tracking.runs import Run
from mlops_nb.tracking.values import Value, bounded_text


@dataclass(frozen=True, slots=True)
class Changes(Record):
    """What one side lacks of the other; `tags_gone` are those that were taken away."""

    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    tags_gone: tuple[str, ...] = ()
    is_renamed: bool = False
    is_ended_otherwise: bool = False
    conflicts: tuple[str, ...] = ()


def changes(source: MlflowRun, target: MlflowRun, agreed: Agreed) -> Changes:
    """What the target lacks of the source; what only the target changed since they agreed is its own.

    MLflow never changes a parameter: one that differs stays, and is told.
    """
    params = {name: text for name, text in source.params.items() if name not in target.params}
    differ = [name for name, text in source.params.items() if target.params.get(name, text) != text]
    tags = {
        name: value
        for name, value in source.tags.items()
        if target.tags.get(name) != value and agreed.tags.get(name) != short_hash(value)
    }
    gone = tuple(name for name in agreed.tags if name not in source.tags and name in target.tags)
    ended = (source.status, source.ended_ms)
    return Changes(
        params,
        tags,
        gone,
        is_renamed=source.name not in (target.name, agreed.name),
        is_ended_otherwise=ended not in ((target.status, target.ended_ms), (agreed.status, agreed.ended_ms)),
        conflicts=tuple(
            f"parameter {name}: it is {cut(source.params[name], 60)} now; a parameter of MLflow cannot be changed"
            for name in differ
        ),
    )


@dataclass(frozen=True, slots=True)
class News(Record):
    """What a run here lacks of the run there, in our words; `note` is None where it stays."""

    params: Mapping[str, Value]
    tags: Mapping[str, str]
    tags_gone: tuple[str, ...]
    note: str | None
    points: tuple[tuple[str, int | None, float, float], ...]


def news(run: Run, changed: Changes, points: Mapping[str, Sequence[Point]]) -> News:
    """What changed there, in the words of the run here."""
    tags = {new: old for old, new in mlflow_names(run.tags).items()}
    metrics = {new: old for old, new in mlflow_names(metric.name for metric in run.metrics).items()}
    fixed = (UID, KIND, NOTE, PARENT, RUN_NAME, COMMIT, BRANCH, REMOTE, DIRTY)
    note = "" if NOTE in changed.tags_gone else changed.tags.get(NOTE)
    found = [
        (metrics.get(name) or shortened(name), step, infinite(value), ms / 1000)
        for name, given in points.items()
        for step, value, ms in sorted(given, key=in_order)
    ]
    return News(
        {shortened(name): param_value(bounded_text(text)) for name, text in changed.params.items()},
        {
            shortened(tags.get(name, name)): bounded_text(value)
            for name, value in changed.tags.items()
            if name not in fixed
        },
        tuple(tags.get(name, name) for name in changed.tags_gone if name not in fixed),
        None if note is None else bounded_text(note),
        tuple(found),
    )


def missing_points(points: Sequence[Point], have: Iterable[Point]) -> list[Point]:
    """The points that are not there yet."""
    there = {comparable(each) for each in have}
    return [each for each in points if comparable(each) not in there]


def theirs_hash(theirs: MlflowRun, listed: Mapping[str, int | None]) -> str:
    """A hash of all that a listing of MLflow tells of a run."""
    return short_hash([replace(theirs, artifact_uri="").to_dict(), dict(listed)])


def agreement(
    ours: MlflowRun,
    theirs: MlflowRun,
    artifacts: Mapping[str, tuple[str, int]],
    before: Agreed,
    *,
    ours_is: str,
    theirs_is: str,
) -> Agreed:
    """What both sides have now; where they differ, what ours had before, so that the other way sees it changed."""
    now = {name: short_hash(value) for name, value in ours.tags.items() if theirs.tags.get(name) == value}
    differ = {name: before.tags.get(name, short_hash(value)) for name, value in ours.tags.items() if name not in now}
    ends_alike = (ours.status, ours.ended_ms) == (theirs.status, theirs.ended_ms)
    return Agreed(
        ours_is,
        theirs_is,
        ours.name if ours.name == theirs.name else before.name,
        ours.status if ends_alike else before.status,
        ours.ended_ms if ends_alike else before.ended_ms,
        now | differ,
        {name: short_hash(points) for name, points in ours.series.items()},
        dict(artifacts),
    )
