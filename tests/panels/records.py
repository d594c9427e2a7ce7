"""Made-up records, pleasant and hostile."""

from __future__ import annotations

import math
from html.parser import HTMLParser

from mlops_nb.notebook.flow.history import HistoryNote
from mlops_nb.pipelines.records import PastRun, PipelineHistory, StepState
from mlops_nb.registry.fitting import Misfit, SignatureCheck
from mlops_nb.registry.log import Event
from mlops_nb.registry.signature import Column, Signature
from mlops_nb.registry.versions import Change, LogCheck, Manifest, ModelSummary, ModelVersion, Origin, RegisteredModel
from mlops_nb.reproducibility.records import CodeVersion, DataFingerprint, Environment
from mlops_nb.tracking.artifacts.names import ConfusionMatrix
from mlops_nb.tracking.artifacts.previews import (
    ArtifactList,
    ArtifactView,
    NoPreview,
    PicturePreview,
    TablePreview,
    TextPreview,
)
from mlops_nb.tracking.causes import Cause, Causes
from mlops_nb.tracking.code import CellChange, ChangedLines
from mlops_nb.tracking.compare import CodeDifference, Comparison, Difference
from mlops_nb.tracking.housekeeping.records import Backup, Collection, Deletion, Part, RunName, RunSpace, Space, Waste
from mlops_nb.tracking.lineage import LineageEdge, LineageNode, Stale
from mlops_nb.tracking.mlflow.words import Carried, CarriedRun
from mlops_nb.tracking.notebook_graph import NotebookGraph
from mlops_nb.tracking.runs import (
    Artifact,
    Metric,
    Output,
    Param,
    Run,
    RunCard,
    RunError,
    RunSummary,
    RunTable,
    StoreStatus,
)

NOW = 1_790_000_000.0

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "🦄 emoji 日本語",
    "two\nlines\r\x1b[31mred\x1b]0;title\x07",
    "\u202egnp.exe\u2066",
    "x" * 10_000,
    "$\\href{javascript:alert(1)}{x}$",
    "<b>bold</b><br>&amp;",
    "\ud800 lone",
    "",
]


def a_run(number: int = 7, **fields) -> Run:
    whole = {
        "id": number,
        "uid": f"{number:032x}",
        "name": "rf-baseline",
        "kind": "cell",
        "status": "FINISHED",
        "started": NOW,
        "duration": 12.3,
        "notebook": "late_flights.ipynb",
        "source": "model.fit(X, y)",
        "params": (Param("n_estimators", 300), Param("criterion", "gini", inferred=True)),
        "metrics": (Metric("accuracy", 0.912), Metric("rmse", 1.25, inferred=True)),
        "tags": {"kind": "baseline"},
        "outputs": (Output("stream", "stdout", {"text/plain": "fitting\n"}),),
        "data": (DataFingerprint("X", "DataFrame", (100, 3), {"a": "int64"}, "9f" * 16, True),),
        "artifacts": (Artifact("model.skops", "ab" * 32, 12_345),),
        "code": CodeVersion("4f2a91c0ffee", "main", True),
        "environment": Environment("3.11.7", "Linux", {"pandas": "3.1"}),
    }
    return Run(**{**whole, **fields})


def a_card(**fields) -> RunCard:
    return RunCard(a_run(**fields), {"accuracy": 0.9, "rmse": 1.25}, {"accuracy": 0.92, "rmse": 1.25}, 5)


def a_comparison(left: Run | None = None, right: Run | None = None, **differences) -> Comparison:
    parts = ("metrics", "params", "code", "data", "packages", "seeds", "hardware", "surroundings", "resources")
    return Comparison((left or a_run(5), right or a_run(7)), **{**dict.fromkeys(parts, ()), **differences})


def a_code_difference(diff: str, run: int = 7) -> CodeDifference:
    return CodeDifference(run, CellChange("the run's cell", 0, 0, diff, (ChangedLines(("a",), ("b",), 1, 1),)))


def some_causes(name: str = "depth", **fields) -> Causes:
    whole = {
        "left_run": 5,
        "left_name": "rf-baseline",
        "right_run": 7,
        "right_name": "deeper",
        "metric": Difference("accuracy", (0.912, 0.881)),
        "other_metrics": ("f1",),
        "causes": (
            Cause("code", "cell [2] (load)", "x = f()", "x = g()", "line 3 of cell [2] (load)", ("X: 9 rows fewer",)),
            Cause("parameter", name, "3", "5", f"parameter {name} 3 → 5"),
        ),
        "unlikely": (Cause("package", name, "1", "2", f"package {name} 1 → 2"),),
        "equal": ("the code of 3 cells", name),
        "left": (),
    }
    return Causes(**{**whole, **fields})


def hostile_causes(name: str) -> Causes:
    one = tuple(Cause(kind, name, name, name, name, (name,)) for kind in ("code", "data", "package"))
    return Causes(5, name, 7, name, Difference(name, (1.0, None)), (name,), one, one, (name,), (name,))


def a_status(**fields) -> StoreStatus:
    whole = {
        "path": "/home/ann/.mlops",
        "size_bytes": 1_200_000,
        "schema_version": 1,
        "notebook": "late_flights.ipynb",
        "tracking": False,
        "runs": 42,
        "cells": 100,
        "sessions": 3,
        "artifacts": 1,
        "by_status": {"FINISHED": 40, "FAILED": 2},
        "last_run": a_row(42),
    }
    return StoreStatus(**{**whole, **fields})


def a_row(number: int, **fields) -> RunSummary:
    whole = {
        "id": number,
        "uid": f"{number:032x}",
        "name": f"rf-{number % 7}",
        "kind": "cell",
        "status": "FINISHED",
        "started": NOW - 97.0 * number,
        "duration": 0.37 * number,
        "parent": None,
        "notebook": "late_flights.ipynb",
        "params": {"n_estimators": number % 5 * 100, "criterion": ("gini", "entropy")[number % 2]},
        "metrics": {"accuracy": 0.8 + math.sin(number) / 10, "f1": 0.7 + math.cos(number) / 9},
        "tags": {"team": "delays"},
    }
    return RunSummary(**{**whole, **fields})


def a_table(length: int = 25, rows: tuple[RunSummary, ...] = ()) -> RunTable:
    rows = rows or tuple(a_row(number) for number in range(length, 0, -1))
    return RunTable(rows, len(rows), NOW, ".mlops")


def hostile_table() -> RunTable:
    odd = (float("nan"), float("inf"), -float("inf"), 1e308)
    return a_table(
        rows=tuple(
            a_row(
                place + 1,
                name=name,
                params={name: name, "k": (place, None, 10**400, [name], {name: name}, float("nan"))[place % 6]},
                metrics={name: float(place), "score": odd[place % 4] if place % 2 else place / 3},
                tags={name: name},
                status=("FAILED", "KILLED", "RUNNING", "INTERRUPTED", "FINISHED")[place % 5],
            )
            for place, name in enumerate(HOSTILE)
        )
    )


def hostile_run(name: str) -> Run:
    return a_run(
        name=name,
        status="FAILED",
        notebook=name,
        cell_id=name,
        source=name,
        params=(Param(name, name), Param("nested", {name: [name]})),
        metrics=(Metric(name, float("nan")), Metric("loss", float("inf"), 3, 4, None, float("inf"), None)),
        tags={name: name},
        outputs=(
            Output("stream", name, {"text/plain": name}),
            Output("display_data", "", {"text/html": name}),
            Output("display_data", "", {"image/png": name, "text/plain": name}),
            Output("execute_result", "", {name: name}, 10_000),
        ),
        data=(DataFingerprint(name, name, (), {name: name}, name, False),),
        artifacts=(Artifact(name, name, 10),),
        error=RunError(name, name, name),
        code=CodeVersion(name, name, True),
        environment=Environment(name, name, {name: name}),
        note=name,
        warnings=(name,),
    )


def hostile_comparison(name: str) -> Comparison:
    left, right = hostile_run(name), hostile_run(name + "2")
    one = (Difference(name, (name, None)), Difference("score", (1.0, float("nan"))))
    code = (CodeDifference(7, CellChange(name, 0, 0, f"--- a\n+++ b\n-{name}\n+{name}", ())),)
    return Comparison((left, right), one, one, code, one, one, one, one, one, one)


def some_artifacts(name: str = "forest", length: int = 3) -> ArtifactList:
    previews = (
        TextPreview(name, True),
        TablePreview((name, "b"), ((name,), (name, name, name)), 7, 30),
        PicturePreview("png", "aGVsbG8="),
        ConfusionMatrix((name, 1, True), ((5, 1, 0), (0, 0, 0), (2, 0, 9))),
        ConfusionMatrix((), ()),
        NoPreview(name),
        None,
    )
    details = {"class": name, "shape": [3, 4], "format": name}
    views = tuple(
        ArtifactView(Artifact(f"{number}{name}", name, 10**number, "table", details), one)
        for number, one in enumerate(previews[: length or None])
    )
    return ArtifactList(7, name, views, (name, name))


def a_deletion(name: str = "forest", *, is_undone: bool = False) -> Deletion:
    return Deletion((RunName(3, name),), (RunName(4, name), RunName(5, name)), is_undone)


def a_collection(name: str = "forest", *, is_done: bool = False) -> Collection:
    return Collection((Waste("deleted runs", 3, 10_000),), (RunName(3, name),), 12_000, is_done, (name,))


def a_backup(name: str = "store.zip", *, is_restored: bool = False) -> Backup:
    return Backup(name, name, 1_000_000, 12, 3, 1.5, (name,), is_restored)


def a_space(name: str = "forest") -> Space:
    parts = (Part("files of artifacts", 3, 900_000), Part("full-text index", None, 10))
    return Space(name, 900_010, parts, (RunSpace(3, name, 500_000, True),), 1_000)


def a_push(name: str = "forest") -> Carried:
    refused = CarriedRun(None, name, name, name, "refused", (name, name))
    return Carried("push", name, (CarriedRun(3, name, "c" * 32, name, "new", (name,)), refused), 1.5)


class Markup(HTMLParser):
    """The elements and attributes that a browser would make of some HTML, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def is_inert(self) -> bool:
        active = {"script", "iframe", "object", "embed", "link", "meta", "base", "form", "a", "b", "br"} & set(
            self.tags
        )
        acting = [name for name, _ in self.attributes if name.startswith("on")]
        sources = [value for name, value in self.attributes if name in ("src", "href")]
        return not active and not acting and all((one or "").startswith("data:image/png;base64,") for one in sources)


def a_version(number: int = 3, name: str = "late-flight", stage: str = "None", **fields) -> ModelVersion:
    columns = (
        Column(name, "float64", -1.5, 12.0, has_missing=True),
        Column("carrier", "str", categories=(name, "UA"), categories_count=12, has_missing=False),
    )
    manifest = {
        "model": name,
        "version": number,
        "created": NOW + 3_600 * number,
        "kind": f"sklearn.{name}",
        "format": "skops",
        "files": (Artifact(f"{name or 'x'}.skops", "ab" * 32, 194_000, "model", {"class": name}),),
        "signature": Signature(columns, 2, "class", "int64", 1, (name, 1), 2),
        "requirements": (f"{name}==1.0", "numpy==2.4.6"),
        "python": "3.11.7",
        "origin": Origin(7, "f" * 32, name, name, name, 3, "cd" * 32, name),
        "data": (DataFingerprint(name, "DataFrame", (60, 2), {}, "ef" * 16, True),),
    }
    manifest |= {key: fields.pop(key) for key in list(fields) if key in Manifest.__slots__}
    given = {"tags": {name: name}, "note": name, "who": name, "metrics": {name: 0.91, "auc": 0.8}, **fields}
    return ModelVersion(Manifest(**manifest), "ab" * 32, stage, NOW + 3_600 * number, **given)


def an_event(number: int, kind: str, name: str = "late-flight", **fields) -> Event:
    return Event(number, NOW + 3_600 * number, name, kind, name, note=name, **fields)


def a_model(name: str = "late-flight", length: int = 3, **fields) -> RegisteredModel:
    versions = [
        a_version(number, name, "Production" if number == length else "Archived" if number == length - 1 else "None")
        for number in range(length, 0, -1)
    ]
    events = [an_event(number, "registered", name, version=number) for number in range(1, length + 1)]
    moves = (("Production", length - 1), ("Archived", length - 1), ("Production", length))
    events += [
        an_event(length + place, "stage", name, version=version, was="None", now=stage)
        for place, (stage, version) in enumerate(moves, 1)
    ]
    events.append(an_event(length + 4, "alias", name, version=1, slot=name, now="1"))
    given = {"aliases": {name: 1}, "events": tuple(events), "now": NOW + 10_000 * length, **fields}
    return RegisteredModel(name, tuple(versions), **given)


def a_cell_graph(name: str = "flights.ipynb", *, is_recorded: bool = False) -> NotebookGraph:
    """Three cells that need each other, one stale; one that never ran; one of which not all can be known."""
    stale = (Stale(name, 9, 9, name, at_run=False),)
    nodes = (
        LineageNode("cell:0", "cell", name, execution_count=9, source=name),
        LineageNode("cell:1", "cell", name, execution_count=2, source=name, stale=stale, state="edited"),
        LineageNode("cell:2", "cell", "exec(text)", source="exec(text)"),
        LineageNode("missing:3", "cell", name, source=name, state="never ran"),
    )
    edges = (LineageEdge("cell:0", "cell:1", (name, "x")), LineageEdge("cell:1", "cell:2", ("x",)))
    notes = (HistoryNote(3, "never ran", f"cell 4 never ran and is left out {name}"),)
    return NotebookGraph(name, nodes, edges, ("cell:2",), notes, is_recorded)


def a_pipeline_history(name: str = "late-flights") -> PipelineHistory:
    """Steps that were kept, ran and failed, one of them beside the others; a run before."""
    steps = (
        StepState(18, name, "FINISHED", 0.0, {}, name, 4, 12.5),
        StepState(19, f"{name} 2", "FINISHED", 2.5, {name: 0.91}, gates=(name,), needs={0: (name, "y")}),
        StepState(20, "evaluate", "FAILED", None, {}, needs={0: ("y",), 1: ("model",)}),
    )
    past = (
        PastRun(17, "FAILED", NOW, 3.0, 3, 1, {name: 0.91}),
        PastRun(3, "FINISHED", NOW - 600, None, 3, 0, {}),
    )
    return PipelineHistory(name, 17, steps, past, 40, (name,), f"ValueError: {name}", "evaluate")


def a_change(name: str = "late-flight") -> Change:
    model = a_model(name)
    return Change(model.events[4:6], model)


def a_model_summary(name: str = "late-flight", **fields) -> ModelSummary:
    given = {"versions": 3, "newest": 3, "production": 3, "staging": (2,), "aliases": {name: 1}, "changed": NOW}
    return ModelSummary(name, **(given | fields))


def a_log_check(name: str = "") -> LogCheck:
    return LogCheck(8, 3, 3, name or "ab" * 32, (name, "event 3 was changed") if name else ())


def a_signature_check(name: str = "delay", *, is_fault: bool = True) -> SignatureCheck:
    found = (Misfit(name, "missing", name, name, True),) if is_fault else ()
    return SignatureCheck(f"{name}/3", 60, (*found, Misfit(name, "range", "0 to 1", name, False)))


def a_quality(name: str = "temp", *, alerts: int = 2):
    from mlops_nb.monitoring.findings import ColumnQuality, Finding, Quality

    found = tuple(Finding(name, "schema", "alert", name, name, name, 3) for _ in range(alerts))
    columns = (ColumnQuality(name, name, name, 0.5, 0.1, ("missing values",), name),)
    return Quality(
        name, name, 100, 200, columns, (*found, Finding("", "rows", "note", name)), {"missing": 0.05}, NOW, name
    )


def a_watch(name: str = "latency", *, alarms: int = 1):
    from mlops_nb.monitoring.streams import Alarm, Slice, Watch, Zone

    found = tuple(Alarm(99 * (place + 1), 9.0, 90 * (place + 1), 1.0, 8.5, 80) for place in range(alarms))
    slices = tuple(Slice(place, 1, 1, float(place), float(place), float(place)) for place in range(100))
    return Watch(name, "ddm", {"warm_start": 30}, 0, 100, 2, 3.0, found, (Zone(5, 7),), None, (name,), slices)
