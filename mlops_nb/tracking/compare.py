"""What differs between two or more runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_nb.record import Record
from mlops_nb.reproducibility.records import DataFingerprint, Environment
from mlops_nb.tracking.code import CellChange, Origin, cell_changes
from mlops_nb.tracking.runs import Run
from mlops_nb.tracking.values import Value

HARDWARE = (
    *("os", "platform", "cpu", "cores", "memory_bytes", "gpus", "gpu_driver", "blas", "blas_core", "blas_threads"),
    *("thread_settings", "hash_seed"),
)
"""The fields of an Environment that say what a run was computed on."""


@dataclass(frozen=True, slots=True)
class Difference(Record):
    """One thing that differs, and what it is in each run; None in a run that lacks it.

    `lacking` are the places of those runs, since None may be a value, too.
    """

    name: str
    values: tuple[Value, ...]
    lacking: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class CodeDifference(Record):
    """A cell that led to a run, against its like that led to the first one."""

    run: int
    cell: CellChange


@dataclass(frozen=True, slots=True)
class Comparison(Record):
    """Two or more runs and only what differs between them.

    `data` has rows, columns, types and hashes; `code` compares each run's cells with those of the first.
    """

    runs: tuple[Run, ...]
    metrics: tuple[Difference, ...]
    params: tuple[Difference, ...]
    code: tuple[CodeDifference, ...]
    data: tuple[Difference, ...]
    packages: tuple[Difference, ...]
    seeds: tuple[Difference, ...]
    hardware: tuple[Difference, ...]
    surroundings: tuple[Difference, ...]
    """Python, git, notebook, name, tags, status."""
    resources: tuple[Difference, ...]
    """Time, CPU and memory: they differ between any two runs."""

    @property
    def is_same(self) -> bool:
        """Whether nothing that was recorded differs; what the runs took apart."""
        parts = (self.metrics, self.params, self.code, self.data, self.packages)
        return not any((*parts, self.seeds, self.hardware, self.surroundings))


def comparison(origins: Sequence[Origin]) -> Comparison:
    """Two or more runs, with what led to each, and only what differs.

    Packages and hardware are compared where they were recorded of all runs: of one that is going on they are not yet.
    """
    runs = [origin.run for origin in origins]
    environments = [run.environment for run in runs if run.environment]
    if len(environments) < len(runs):
        environments = []
    return Comparison(
        runs=tuple(runs),
        metrics=differences([{metric.name: metric.value for metric in run.metrics} for run in runs]),
        params=differences([{param.name: param.value for param in run.params} for run in runs]),
        code=tuple(
            CodeDifference(run.id, cell)
            for run, origin in zip(runs[1:], origins[1:], strict=True)
            for cell in cell_changes(origins[0].cells, origin.cells)
        ),
        data=data_differences([run.data for run in runs]),
        packages=differences([dict(one.packages) for one in environments]),
        seeds=differences([dict(run.seeds) for run in runs]),
        hardware=differences([_hardware(one) for one in environments]),
        surroundings=differences([_surroundings(run, is_whole=bool(environments)) for run in runs]),
        resources=differences([_resources(run) for run in runs]),
    )


def differences(sides: Sequence[Mapping[str, Value]]) -> tuple[Difference, ...]:
    """The names whose values differ, sorted; NaN equals NaN, and True is not 1.

    >>> [d.name for d in differences([{"a": 1, "b": 2}, {"b": 2, "c": 3}])]
    ['a', 'c']
    """
    names = sorted({name for side in sides for name in side})
    return tuple(
        Difference(
            name,
            tuple(side.get(name) for side in sides),
            tuple(place for place, side in enumerate(sides) if name not in side),
        )
        for name in names
        if any((name in side) != (name in sides[0]) for side in sides)
        or not all(_same(sides[0][name], side[name]) for side in sides)
    )


def _same(left: Value, right: Value) -> bool:
    both_nan = left != left and right != right
    return both_nan or (left == right and isinstance(left, bool) == isinstance(right, bool))


def data_differences(sides: Sequence[Iterable[DataFingerprint]]) -> tuple[Difference, ...]:
    """What differs in the data read: shapes, types, the columns that changed.

    Columns can be told apart by their hashes only where as many rows were hashed in the same way; else, and
    where nothing but the index or the order of columns differs, the whole's hash stands for them.
    """
    named = [{one.name: one for one in side} for side in sides]
    found: list[Difference] = []
    for name in sorted({name for side in named for name in side}):
        found += _of_one([side.get(name) for side in named], name)
    return tuple(found)


def _of_one(sides: Sequence[DataFingerprint | None], name: str) -> list[Difference]:
    there = [one for one in sides if one is not None]
    if len({(one.fingerprint, one.kind, one.shape) for one in there}) == 1 and len(there) == len(sides):
        return []
    found = list(differences([_shape(one, name) if one else {} for one in sides]))
    if len(there) < len(sides):
        return found
    found += differences([_types(one, name) for one in there])
    if len({(one.shape[:1], one.exact) for one in there}) == 1 and all(one.columns for one in there):
        found += differences([_columns(one, name, there) for one in there])
    elif len({one.shape for one in there}) < len({one.fingerprint for one in there}):
        found += differences([{f"{name}: content": _content(one)} for one in there])
    return found or list(differences([{f"{name}: content": _content(one)} for one in there]))


def _shape(one: DataFingerprint, name: str) -> dict[str, Value]:
    return {name: f"{one.kind} {' x '.join(f'{length:,}' for length in one.shape) or 'of one value'}"}


def _types(one: DataFingerprint, name: str) -> dict[str, Value]:
    return {f"{name}.{column}: type" if column else f"{name}: type": kind for column, kind in one.types.items()}


def _columns(one: DataFingerprint, name: str, there: Sequence[DataFingerprint]) -> dict[str, Value]:
    """The hashes of the columns that all have; those that some lack are seen by their type."""
    kept = [column for column in one.columns if all(column in each.columns for each in there)]
    return {f"{name}.{column}: content": one.columns[column] for column in kept}


def _content(one: DataFingerprint) -> str:
    return f"{one.fingerprint[:12]}{'' if one.exact else ' (sampled)'}"


def _hardware(environment: Environment) -> dict[str, Value]:
    found: dict[str, Any] = {name: getattr(environment, name) for name in HARDWARE}
    found |= {"gpus": ", ".join(found["gpus"]), "thread_settings": dict(found["thread_settings"])}
    return {name.replace("_", " "): value for name, value in found.items() if value not in ("", 0, None, {})}


def _surroundings(run: Run, *, is_whole: bool) -> dict[str, Value]:
    found: dict[str, Value] = {"status": run.status, "name": run.name}
    if run.notebook:
        found["notebook"] = run.notebook
    found.update({f"tag {name}": value for name, value in run.tags.items()})
    if is_whole and run.environment:
        found["python"] = run.environment.python
    if is_whole and run.code:
        found["git"] = f"{run.code.commit[:12]} on {run.code.branch}{', dirty' if run.code.dirty else ''}"
        found["git remote"] = run.code.remote
    return found


def _resources(run: Run) -> dict[str, Value]:
    return {
        "seconds": run.duration,
        "CPU seconds": run.usage.cpu_seconds if run.usage else None,
        "peak memory bytes": run.usage.peak_memory_bytes if run.usage else None,
    }
