"""Panels: a record in, something to look at out. Nothing here queries.

theme.py        Panel (static HTML and text, live widget), numbers, times, colours
blocks.py       what a panel is made of, as HTML and as text
wording.py      numbers, times and names as people read them
run_card.py     the card under a captured cell
runs.py         the runs table with its plot; runs_view.py its values, runs_plot.py its picture,
                runs_live.py its widget
live.py         what live panels share; follow.py what keeps them up to date
pipelines.py    a pipeline's steps and past; pipelines_live.py its widget
curves.py       series as curves, for a run, a comparison and a card
run.py          one run, whole
annotated.py    a run's tags and note, after they were changed
parts.py        child runs and fitted estimators of a run, for its card and its panel
comparison.py   two or more runs, only what differs
causes.py       why two runs differ
sweep.py        a sweep and its trials
lineage.py      what led to a run; lineage_figure.py draws it
status.py       the store
autolog.py      whether fits are recorded
secrets.py      what is taken for a secret
carried.py      runs that were pushed to MLflow or pulled from it
export.py       the exported script and its verification
runs_file.py    a file that runs were written to
artifacts.py    the artifacts of a run, and what can be seen of them
deletion.py     runs that were deleted or brought back
collection.py   what gc would remove, or has removed
backup.py       a backup, or the store that was made from one
space.py        what takes the space in the store
help.py         what there is to type
models.py       the registered models
model.py        one of them; model_figure.py draws which version stood where, when
model_version.py  a version, whole
model_change.py what was done to a model
event_log.py    the registry's log, looked through
signature_check.py  data beside what a version takes
quality.py      the quality of data
performance.py  a model's performance beside the reference
watch.py        a stream and the places where it changed
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops_nb.panels.theme import Panel
    from mlops_nb.record import Record

PANELS = {
    "mlops_nb.tracking.runs.Run": "run",
    "mlops_nb.tracking.compare.Comparison": "comparison",
    "mlops_nb.tracking.causes.Causes": "causes",
    "mlops_nb.tracking.lineage.LineageGraph": "lineage",
    "mlops_nb.tracking.notebook_graph.NotebookGraph": "cell_graph",
    "mlops_nb.tracking.runs.StoreStatus": "status",
    "mlops_nb.tracking.autolog.service.Autologging": "autolog",
    "mlops_nb.tracking.runs.SecretsReport": "secrets",
    "mlops_nb.notebook.records.Export": "export",
    "mlops_nb.tracking.mlflow.words.Carried": "carried",
    "mlops_nb.tracking.artifacts.previews.ArtifactList": "artifacts",
    "mlops_nb.tracking.housekeeping.records.Deletion": "deletion",
    "mlops_nb.tracking.housekeeping.records.Collection": "collection",
    "mlops_nb.tracking.housekeeping.records.Backup": "backup",
    "mlops_nb.tracking.housekeeping.records.Space": "space",
    "mlops_nb.registry.versions.ModelList": "models",
    "mlops_nb.registry.versions.RegisteredModel": "model",
    "mlops_nb.registry.versions.ModelVersion": "model_version",
    "mlops_nb.registry.versions.Change": "model_change",
    "mlops_nb.registry.versions.LogCheck": "event_log",
    "mlops_nb.registry.fitting.SignatureCheck": "signature_check",
    "mlops_nb.monitoring.streams.Watch": "watch",
    "mlops_nb.monitoring.findings.Quality": "quality",
    "mlops_nb.monitoring.model_records.PerformanceReport": "performance",
}
"""Records that a function returns, and the file of the panel each is shown as."""


def panel_of(record: Record) -> Panel:
    """The panel of a record."""
    kind = type(record)
    name = PANELS[f"{kind.__module__}.{kind.__qualname__}"]
    panel: Panel = getattr(import_module(f"{__name__}.{name}"), f"{name}_panel")(record)
    return panel
