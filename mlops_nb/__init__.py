"""All of MLOps inside a Jupyter notebook.

    %load_ext mlops_nb
    %%mlops run baseline --param n_estimators --metric accuracy

In Python: `run`, `resume`, `log`, `log_params`, `log_artifact`, `set_tag`, `note`, `runs`, `show`, `compare`, `why`,
`lineage`, `status`, `register`, `load_model`, `promote`, `rollback`, `push`, `pull`, `export`, `graph`,
`cell_graph`, `gate`, `expect`, `quality`, `watch`, `performance`.
Everything is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PLACES = {
    "run": "mlops_nb.tracking.service",
    "resume": "mlops_nb.tracking.service",
    "sweep": "mlops_nb.tracking.sweeps.trials",
    "show": "mlops_nb.tracking.service",
    "compare": "mlops_nb.tracking.service",
    "why": "mlops_nb.tracking.service",
    "secrets": "mlops_nb.tracking.secrets.redaction",
    "status": "mlops_nb.tracking.service",
    "use_store": "mlops_nb.tracking.service",
    "log": "mlops_nb.tracking.logging",
    "log_params": "mlops_nb.tracking.logging",
    "log_artifact": "mlops_nb.tracking.logging",
    "log_text": "mlops_nb.tracking.logging",
    "log_confusion_matrix": "mlops_nb.tracking.logging",
    "load_artifact": "mlops_nb.tracking.artifacts.loading",
    "artifact_path": "mlops_nb.tracking.artifacts.loading",
    "save_artifacts": "mlops_nb.tracking.artifacts.loading",
    "artifacts": "mlops_nb.tracking.artifacts.loading",
    "delete": "mlops_nb.tracking.housekeeping.service",
    "restore": "mlops_nb.tracking.housekeeping.service",
    "gc": "mlops_nb.tracking.housekeeping.service",
    "backup": "mlops_nb.tracking.housekeeping.backups",
    "restore_backup": "mlops_nb.tracking.housekeeping.backups",
    "space": "mlops_nb.tracking.housekeeping.service",
    "set_tag": "mlops_nb.tracking.logging",
    "note": "mlops_nb.tracking.logging",
    "runs": "mlops_nb.tracking.logging",
    "autolog": "mlops_nb.tracking.autolog.service",
    "autolog_hook": "mlops_nb.tracking.autolog.service",
    "AutologHook": "mlops_nb.tracking.autolog.hooks",
    "register": "mlops_nb.registry.registering",
    "load_model": "mlops_nb.registry.service",
    "check": "mlops_nb.registry.service",
    "promote": "mlops_nb.registry.moving",
    "stage": "mlops_nb.registry.moving",
    "alias": "mlops_nb.registry.moving",
    "rollback": "mlops_nb.registry.moving",
    "unregister": "mlops_nb.registry.moving",
    "verify_log": "mlops_nb.registry.service",
    "lineage": "mlops_nb.notebook.service",
    "gate": "mlops_nb.pipelines.gating",
    "expect": "mlops_nb.pipelines.gating",
    "quality": "mlops_nb.monitoring.service",
    "watch": "mlops_nb.monitoring.streams",
    "performance": "mlops_nb.monitoring.performance_service",
    "cell_graph": "mlops_nb.notebook.flow.graph",
    "graph": "mlops_nb.notebook.service",
    "drift": "mlops_nb.monitoring.service",
    "push": "mlops_nb.tracking.mlflow.service",
    "pull": "mlops_nb.tracking.mlflow.service",
    "export": "mlops_nb.notebook.service",
    "MlopsError": "mlops_nb.errors",
}

_ROOMS = ("registry",)
"""Rooms whose functions are called by the room's name: `mlops_nb.registry.model("late-flight")`."""

__all__ = ["__version__", "load_ipython_extension", "unload_ipython_extension", *_PLACES, *_ROOMS]

if TYPE_CHECKING:
    from mlops_nb.errors import MlopsError as MlopsError
    from mlops_nb.monitoring.performance_service import performance as performance
    from mlops_nb.monitoring.service import drift as drift
    from mlops_nb.monitoring.service import quality as quality
    from mlops_nb.monitoring.streams import watch as watch
    from mlops_nb.notebook.flow.graph import cell_graph as cell_graph
    from mlops_nb.notebook.service import export as export
    from mlops_nb.notebook.service import graph as graph
    from mlops_nb.notebook.service import lineage as lineage
    from mlops_nb.pipelines.gating import expect as expect
    from mlops_nb.pipelines.gating import gate as gate
    from mlops_nb.registry.moving import alias as alias
    from mlops_nb.registry.moving import promote as promote
    from mlops_nb.registry.moving import rollback as rollback
    from mlops_nb.registry.moving import stage as stage
    from mlops_nb.registry.moving import unregister as unregister
    from mlops_nb.registry.registering import register as register
    from mlops_nb.registry.service import check as check
    from mlops_nb.registry.service import load_model as load_model
    from mlops_nb.registry.service import verify_log as verify_log
    from mlops_nb.tracking.artifacts.loading import artifact_path as artifact_path
    from mlops_nb.tracking.artifacts.loading import artifacts as artifacts
    from mlops_nb.tracking.artifacts.loading import load_artifact as load_artifact
    from mlops_nb.tracking.artifacts.loading import save_artifacts as save_artifacts
    from mlops_nb.tracking.autolog.hooks import AutologHook as AutologHook
    from mlops_nb.tracking.autolog.service import autolog as autolog
    from mlops_nb.tracking.autolog.service import autolog_hook as autolog_hook
    from mlops_nb.tracking.housekeeping.backups import backup as backup
    from mlops_nb.tracking.housekeeping.backups import restore_backup as restore_backup
    from mlops_nb.tracking.housekeeping.service import delete as delete
    from mlops_nb.tracking.housekeeping.service import gc as gc
    from mlops_nb.tracking.housekeeping.service import restore as restore
    from mlops_nb.tracking.housekeeping.service import space as space
    from mlops_nb.tracking.logging import log as log
    from mlops_nb.tracking.logging import log_artifact as log_artifact
    from mlops_nb.tracking.logging import log_confusion_matrix as log_confusion_matrix
    from mlops_nb.tracking.logging import log_params as log_params
    from mlops_nb.tracking.logging import log_text as log_text
    from mlops_nb.tracking.logging import note as note
    from mlops_nb.tracking.logging import runs as runs
    from mlops_nb.tracking.logging import set_tag as set_tag
    from mlops_nb.tracking.mlflow.service import pull as pull
    from mlops_nb.tracking.mlflow.service import push as push
    from mlops_nb.tracking.secrets.redaction import secrets as secrets
    from mlops_nb.tracking.service import compare as compare
    from mlops_nb.tracking.service import resume as resume
    from mlops_nb.tracking.service import run as run
    from mlops_nb.tracking.service import show as show
    from mlops_nb.tracking.service import status as status
    from mlops_nb.tracking.service import use_store as use_store
    from mlops_nb.tracking.service import why as why
    from mlops_nb.tracking.sweeps.trials import sweep as sweep


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _ROOMS:
        return import_module(f"mlops_nb.{name}")
    if name not in _PLACES:
        raise AttributeError(f"module 'mlops_nb' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_PLACES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(ipython: Any) -> None:
    """`%load_ext mlops_nb`."""
    from mlops_nb.notebook.magics import load

    load(ipython)


def unload_ipython_extension(ipython: Any) -> None:
    """`%unload_ext mlops_nb`."""
    from mlops_nb.notebook.magics import unload

    unload(ipython)
