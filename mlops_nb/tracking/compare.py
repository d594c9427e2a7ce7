"""What differs between two runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import unified_diff

from mlops_nb.record import Record
from mlops_nb.reproducibility.records import DataFingerprint
from mlops_nb.tracking.runs import Run
from mlops_nb.tracking.values import Value


@dataclass(frozen=True, slots=True)
class Difference(Record):
    """One thing that differs; None on the side that lacks it."""

    name: str
    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class Comparison(Record):
    """Two runs and only what differs between them; `code` is a unified diff, empty when equal."""

    left: Run
    right: Run
    metrics: tuple[Difference, ...]
    params: tuple[Difference, ...]
    data: tuple[Difference, ...]
    packages: tuple[Difference, ...]
    surroundings: tuple[Difference, ...]
    """Python, platform, git commit, notebook, tags, status."""
    code: str

    @property
    def is_same(self) -> bool:
        """Whether nothing that was recorded differs."""
        return not (self.metrics or self.params or self.data or self.packages or self.surroundings or self.code)


def comparison(left: Run, right: Run) -> Comparison:
    """Two runs side by side, and only what differs."""
    return Comparison(
        left=left,
        right=right,
        metrics=differences(
            {metric.name: metric.value for metric in left.metrics},
            {metric.name: metric.value for metric in right.metrics},
        ),
        params=differences(
            {param.name: param.value for param in left.params}, {param.name: param.value for param in right.params}
        ),
        data=differences(_data(left), _data(right)),
        packages=differences(_packages(left), _packages(right)),
        surroundings=differences(_surroundings(left), _surroundings(right)),
        code=code_difference(left, right),
    )


def differences(left: Mapping[str, Value], right: Mapping[str, Value]) -> tuple[Difference, ...]:
    """The names whose values differ, sorted; NaN equals NaN, and True is not 1.

    >>> [d.name for d in differences({"a": 1, "b": 2}, {"b": 2, "c": 3})]
    ['a', 'c']
    """
    names = sorted({*left, *right})
    return tuple(
        Difference(name, left.get(name), right.get(name))
        for name in names
        if (name in left) != (name in right) or not _same(left[name], right[name])
    )


def _same(left: Value, right: Value) -> bool:
    both_nan = left != left and right != right
    return both_nan or (left == right and isinstance(left, bool) == isinstance(right, bool))


def code_difference(left: Run, right: Run) -> str:
    """The unified diff of the two sources; empty when they are equal."""
    lines = unified_diff(
        left.source.splitlines(), right.source.splitlines(), f"run {left.id}", f"run {right.id}", lineterm="", n=2
    )
    return "\n".join(lines)


def _data(run: Run) -> dict[str, Value]:
    return {one.name: _data_words(one) for one in run.data}


def _data_words(one: DataFingerprint) -> str:
    size = " x ".join(f"{length:,}" for length in one.shape)
    return f"{one.kind} {size}, {one.fingerprint[:12]}{'' if one.exact else ' (sampled)'}"


def _packages(run: Run) -> dict[str, Value]:
    return dict(run.environment.packages) if run.environment else {}


def _surroundings(run: Run) -> dict[str, Value]:
    found: dict[str, Value] = {"status": run.status, "name": run.name}
    if run.notebook:
        found["notebook"] = run.notebook
    found.update({f"tag {name}": value for name, value in run.tags.items()})
    if run.environment:
        found.update({"python": run.environment.python, "platform": run.environment.platform})
    if run.code:
        found["git"] = f"{run.code.commit[:12]} on {run.code.branch}{', dirty' if run.code.dirty else ''}"
    return found
