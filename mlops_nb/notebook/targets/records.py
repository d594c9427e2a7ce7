"""What a target writes, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType

from mlops_nb.record import Record

SCRIPT = "script"
"""The target that is the pipeline script itself."""

TARGETS: Mapping[str, str] = {
    SCRIPT: "a Python script with command line, cache and store",
    "airflow": "an Airflow 3 DAG",
    "dagster": "a Dagster job",
    "dask": "a script that runs its steps on a Dask cluster",
    "dvc": "dvc.yaml, params.yaml and a script a stage",
    "kubeflow": "a pipeline for Kubeflow Pipelines and Vertex AI",
    "prefect": "a Prefect 3 flow",
    "zenml": "a ZenML pipeline",
    "github-actions": "a workflow that runs the script",
}
"""The targets by the name that is typed, each with what it writes."""


@dataclass(frozen=True, slots=True)
class TargetFile(Record):
    """A file: its path under the folder that is written to, and its text, Python's not yet formatted."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Place(Record):
    """Where a target's files will stand.

    Args:
        stem: what they are called: the file's name without its suffix.
        folder: the folder under the root of the repository, `.` for that itself.
        packages: requirements of the packages that the notebook needs: `scikit-learn==1.9.1`.
        present: files in that folder that the notebook names.
    """

    stem: str
    folder: str = "."
    packages: tuple[str, ...] = ()
    present: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Written(Record):
    """What a target gives: its files, the command to type next, and what is doubtful about it."""

    files: tuple[TargetFile, ...]
    command: str
    warnings: tuple[str, ...] = ()


def module_of(target: str) -> ModuleType:
    """The module that writes a target."""
    from importlib import import_module

    return import_module(f"{__package__}.{target.replace('-', '_')}")
