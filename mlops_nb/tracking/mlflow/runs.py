"""A run as MLflow has it, from ours and back.

What MLflow has no place for goes along as `mlops_nb/run.json` among the run's artifacts: whoever pulls the run with
mlops_nb gets it whole. What MLflow itself says always comes first; the file only says what MLflow cannot.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from mlops_nb.errors import BadArgument
from mlops_nb.record import json_value, read
from mlops_nb.reproducibility.records import CodeVersion, DataFingerprint
from mlops_nb.tracking.artifacts.names import artifact_name
from mlops_nb.tracking.mlflow.words import (
    BRANCH,
    CODE,
    COMMIT,
    DETAILS,
    DIRTY,
    EXPERIMENT,
    KIND,
    LARGEST,
    LONGEST_DIGEST,
    LONGEST_NAME,
    LONGEST_PARAM,
    LONGEST_TAG,
    NOTE,
    OURS,
    PARENT,
    REMOTE,
    REQUIREMENTS,
    RUN_NAME,
    SOURCE,
    SOURCE_TYPE,
    UID,
    Dataset,
    MlflowRun,
    Point,
    Series,
    cut,
    milliseconds,
    mlflow_names,
    param_text,
    param_value,
)
from mlops_nb.tracking.runs import Artifact, Metric, Param, Run, Status
from mlops_nb.tracking.values import Value, bounded_text, encode_value

# ours, in MLflow's words


def carried(run: Run, series: Series, *, parent: str = "", home: bool = False) -> tuple[MlflowRun, tuple[str, ...]]:
    """A run in MLflow's words, and what these cannot say.

    Args:
        run: the run.
        series: all points of its metrics.
        parent: the id that its parent has there.
        home: whether the run was made there, and needs no tag to be known again.
    """
    faults: list[str] = []
    params = _carried_params(run.params, faults)
    tags = _carried_tags(run, parent, home, faults)
    points = _carried_series(run.metrics, series, faults)
    ended = None if run.duration is None else milliseconds(run.started + run.duration)
    status = "KILLED" if run.status == "INTERRUPTED" else run.status
    datasets = tuple(_dataset(one) for one in run.data) if not home else ()
    done = MlflowRun("", "", run.name, status, milliseconds(run.started), ended, params, tags, points, datasets)
    return replace(done, ended_ms=None if status == "RUNNING" else ended or done.started_ms), tuple(faults)


def _carried_params(params: Sequence[Param], faults: list[str]) -> dict[str, str]:
    names = mlflow_names(param.name for param in params)
    texts = {param.name: param_text(param.value) for param in params}
    for name, text in texts.items():
        if len(text) > LONGEST_PARAM:
            faults.append(f"parameter {name}: the first {LONGEST_PARAM:,} of its {len(text):,} characters")
    _say_renamed("parameter", names, faults)
    return {names[name]: cut(text, LONGEST_PARAM) for name, text in texts.items()}


def _say_renamed(what: str, names: Mapping[str, str], faults: list[str]) -> None:
    faults += [
        f"{what} {name}: MLflow does not allow the name, it is {new!r} there"
        for name, new in names.items()
        if name != new
    ]


def _carried_tags(run: Run, parent: str, home: bool, faults: list[str]) -> dict[str, str]:
    own = {name: value for name, value in run.tags.items() if name != EXPERIMENT}
    names = mlflow_names(own)
    _say_renamed("tag", names, faults)
    tags = {} if home else {UID: run.uid, KIND: run.kind, SOURCE_TYPE: "NOTEBOOK" if run.notebook else "LOCAL"}
    if run.notebook and not home:
        tags[SOURCE] = run.notebook
    if run.code is not None:
        tags |= {COMMIT: run.code.commit, BRANCH: run.code.branch, REMOTE: run.code.remote}
        tags |= {DIRTY: "true"} if run.code.dirty else {}
    tags |= {names[name]: value for name, value in own.items()}
    added = {NOTE: run.note, PARENT: parent}
    tags = {name: value for name, value in tags.items() if value or name in names.values()}
    tags |= {name: value for name, value in added.items() if value}
    for name, value in tags.items():
        if len(value) > LONGEST_TAG:
            what = "note" if name == NOTE else f"tag {name}"
            faults.append(f"{what}: the first {LONGEST_TAG:,} of its {len(value):,} characters")
    return {name: cut(value, LONGEST_TAG) for name, value in tags.items()}


def _carried_series(metrics: Sequence[Metric], series: Series, faults: list[str]) -> dict[str, tuple[Point, ...]]:
    names = mlflow_names(metric.name for metric in metrics)
    _say_renamed("metric", names, faults)
    found = {}
    for metric in metrics:
        given = [
            (place if step is None else step, _finite(value), milliseconds(time))
            for place, (step, value, time) in enumerate(series.get(metric.name, ()))
        ]
        points = tuple(dict.fromkeys(map(comparable, given)))
        if len(points) < len(given):
            less = len(given) - len(points)
            faults.append(f"metric {metric.name}: {less:,} of its values, equal to others of the same step and time")
        if list(points) != sorted(points, key=in_order):
            faults.append(f"metric {metric.name}: the order of its values; MLflow goes by time and step")
        found[names[metric.name]] = points
    return found


_NAN = math.nan


def comparable(point: Point) -> Point:
    """The point with the one NaN that is equal to itself in a tuple."""
    return (point[0], _NAN, point[2]) if point[1] != point[1] else point


def in_order(point: Point) -> tuple[int, int]:
    """What points are sorted by: time, then step."""
    return point[2], point[0]


def _finite(value: float) -> float:
    return math.copysign(LARGEST, value) if math.isinf(value) else value


_COLUMN_TYPES = {"int64": "long", "int32": "integer", "float64": "double", "float32": "float", "bool": "boolean"}


def _dataset(data: DataFingerprint) -> Dataset:
    columns = [
        {"type": _COLUMN_TYPES.get(kind, "datetime" if kind.startswith("datetime") else "string"), "name": name}
        for name, kind in data.types.items()
    ]
    profile = {"num_rows": data.shape[0] if data.shape else 0, "num_elements": math.prod(data.shape)}
    return Dataset(
        cut(data.name, 500),
        data.fingerprint[:LONGEST_DIGEST],
        "mlops_nb",
        json.dumps({"kind": data.kind, "exact": data.exact}),
        json.dumps({"mlflow_colspec": columns}),
        json.dumps(profile),
    )


def details(run: Run) -> bytes:
    """All of a run as JSON, but for what is a store's own: numbers of runs."""
    plain = json_value(run.to_dict())
    for name in ("id", "parent", "children"):
        del plain[name]
    plain["param_types"] = {param.name: encode_value(param.value)[0] for param in run.params}
    return json.dumps(plain, ensure_ascii=False, indent=1, sort_keys=True).encode()


def added_files(run: Run) -> dict[str, Artifact | bytes]:
    """The files that a push puts beside a run's own artifacts."""
    files: dict[str, Artifact | bytes] = {DETAILS: details(run)}
    if run.source:
        files[CODE] = run.source.encode()
    if run.environment:
        files[REQUIREMENTS] = run.environment.lock.encode()
    return files


def read_details(text: bytes) -> Run | None:
    """The run that `details` wrote; None when the text is something else."""
    try:
        plain = json.loads(text)
        kinds = plain.pop("param_types", {})
        run: Run = read(Run, {**plain, "id": 0})
        params = tuple(replace(one, value=_of_kind(one.value, kinds.get(one.name))) for one in run.params)
        return replace(run, params=params)
    except (ValueError, AttributeError, TypeError, RecursionError):
        return None


def _of_kind(value: Value, kind: object) -> Value:
    return float(value) if kind == "float" and isinstance(value, str) else value


# MLflow's, in ours


def restored(
    theirs: MlflowRun, artifacts: Sequence[Artifact], told: Run | None, *, uid: str, is_parent_known: bool
) -> tuple[Run, dict[str, list[tuple[int | None, float, float]]]]:
    """A run of MLflow as one of ours, and the points of its metrics.

    Args:
        theirs: the run, with its whole series.
        artifacts: what was fetched of its artifacts.
        told: what the run's own `run.json` says, where it has one.
        uid: what it is called here.
        is_parent_known: whether the run it is a part of is here, too.
    """
    said = carried(told, {}, home=False)[0] if told else None
    params = _restored_params(theirs.params, told)
    tags, note = _restored_tags(theirs, told, said, is_parent_known)
    metrics, points = _restored_metrics(theirs.series, told)
    started = theirs.started_ms / 1000
    run = Run(0, uid, shortened(theirs.name), "code", status_of(theirs.status, told), started)
    if told is not None:
        run = replace(told, uid=uid, name=run.name, status=run.status, started=started)
        run = replace(run, started=told.started if milliseconds(told.started) == theirs.started_ms else started)
    return replace(
        run,
        duration=_duration(theirs, run, told),
        params=params,
        metrics=metrics,
        tags=tags,
        note=note,
        artifacts=tuple(known_artifact(one, told) for one in artifacts),
        code=told.code if told else _code(theirs.tags),
        data=told.data if told else tuple(_fingerprint(one) for one in theirs.datasets),
    ), points


def shortened(text: str, limit: int = LONGEST_NAME) -> str:
    """A text of theirs as one of ours may be: storable, and not longer."""
    return bounded_text(text, limit)


def status_of(status: str, told: Run | None = None) -> Status:
    """The status here of a run that has that one there."""
    known: dict[str, Status] = {"FINISHED": "FINISHED", "FAILED": "FAILED", "KILLED": "KILLED"}
    if status == "KILLED" and told and told.status == "INTERRUPTED":
        return "INTERRUPTED"
    return known.get(status, "RUNNING")


def _duration(theirs: MlflowRun, run: Run, told: Run | None) -> float | None:
    if theirs.ended_ms is None:
        return None
    if told and told.duration is not None and milliseconds(run.started + told.duration) == theirs.ended_ms:
        return told.duration
    return max(0.0, (theirs.ended_ms - theirs.started_ms) / 1000)


def _restored_params(params: Mapping[str, str], told: Run | None) -> tuple[Param, ...]:
    names = {new: old for old, new in mlflow_names(param.name for param in told.params).items()} if told else {}
    known = {param.name: param for param in told.params} if told else {}
    found = []
    for name, text in params.items():
        one = known.get(names.get(name, ""))
        if one is None or cut(param_text(one.value), LONGEST_PARAM) != text:
            one = Param(shortened(name), param_value(bounded_text(text)))
        found.append(one)
    return tuple(found)


def _restored_tags(
    theirs: MlflowRun, told: Run | None, said: MlflowRun | None, is_parent_known: bool
) -> tuple[dict[str, str], str]:
    """The tags that are a person's own, and the note."""
    tags = dict(theirs.tags)
    for name in (UID, KIND, RUN_NAME, *((PARENT,) if is_parent_known else ())):
        tags.pop(name, None)
    note = tags.pop(NOTE, "")
    if told and cut(told.note, LONGEST_TAG) == note:
        note = told.note
    if told is None and COMMIT in tags:
        for name in (COMMIT, BRANCH, REMOTE, DIRTY):
            tags.pop(name, None)
    names = {new: old for old, new in mlflow_names(told.tags).items()} if told else {}
    found = {}
    for name, value in tags.items():
        if said and name not in names and said.tags.get(name) == value:
            continue  # one that the push added
        old = names.get(name, name)
        whole = told.tags[old] if told and name in names and cut(told.tags[old], LONGEST_TAG) == value else value
        found[shortened(old)] = bounded_text(whole)
    if told is None or theirs.experiment != experiment_of(told, ""):
        found[EXPERIMENT] = theirs.experiment
    return found, bounded_text(note)


def _restored_metrics(
    series: Mapping[str, Sequence[Point]], told: Run | None
) -> tuple[tuple[Metric, ...], dict[str, list[tuple[int | None, float, float]]]]:
    names = {new: old for old, new in mlflow_names(metric.name for metric in told.metrics).items()} if told else {}
    known = {metric.name: metric for metric in told.metrics} if told else {}
    metrics, points = [], {}
    for name, given in series.items():
        ordered = sorted(given, key=in_order)
        if not ordered:
            continue
        old = names.get(name) or shortened(name)
        one = known.get(old)
        has_steps = one.step is not None if one else len(ordered) > 1 or ordered[0][0] != 0
        has_steps = has_steps or [step for step, _, _ in ordered] != list(range(len(ordered)))
        points[old] = [(step if has_steps else None, infinite(value), ms / 1000) for step, value, ms in ordered]
        step, value, _ = points[old][-1]
        metrics.append(Metric(old, value, step, len(ordered), inferred=bool(one and one.inferred)))
    return tuple(metrics), points


def infinite(value: float) -> float:
    """The value that MLflow's database keeps as the largest number."""
    return math.copysign(math.inf, value) if abs(value) == LARGEST else value


def known_artifact(one: Artifact, told: Run | None) -> Artifact:
    """The artifact with what is told of one of that path, if its content is still what it was."""
    known = {each.path: each for each in told.artifacts} if told else {}
    same = known.get(one.path)
    return replace(one, kind=same.kind, details=same.details) if same and same.sha256 == one.sha256 else one


def _code(tags: Mapping[str, str]) -> CodeVersion | None:
    if COMMIT not in tags:
        return None
    branch, remote, dirty = (bounded_text(tags.get(name, ""), 500) for name in (BRANCH, REMOTE, DIRTY))
    return CodeVersion(bounded_text(tags[COMMIT], 200), branch, dirty == "true", remote)


def _fingerprint(data: Dataset) -> DataFingerprint:
    profile, schema = _json_dict(data.profile), _json_dict(data.schema)
    given = schema.get("mlflow_colspec")
    columns = [one for one in given if isinstance(one, dict)][:10_000] if isinstance(given, list) else []
    types = {str(one.get("name", "")): str(one.get("type", "")) for one in columns}
    rows = profile.get("num_rows")
    shape = (rows, len(types)) if type(rows) is int else ()
    return DataFingerprint(shortened(data.name), bounded_text(data.source_type, 60), shape, types, data.digest, False)


def _json_dict(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def experiment_of(run: Run, otherwise: str) -> str:
    """The experiment that a run belongs in: where it was pulled from, else what its notebook is called."""
    return run.tags.get(EXPERIMENT) or run.notebook.removesuffix(".ipynb") or otherwise


def claimed_uid(theirs: MlflowRun) -> str:
    """What the run was called in the store it was pushed from, if it was."""
    uid = theirs.tags.get(UID, "")
    return uid if re.fullmatch(r"[0-9a-f]{32}", uid) else ""


def native_uid(theirs: MlflowRun) -> str:
    """What a run that was made in MLflow is called in every store it is pulled into."""
    return theirs.id if re.fullmatch(r"[0-9a-f]{32}", theirs.id) else sha256(theirs.id.encode()).hexdigest()[:32]


def kept_paths(listed: Mapping[str, int | None]) -> tuple[list[str], list[str]]:
    """Of the artifacts that are listed, those to fetch; and why the others cannot be kept."""
    paths, faults = [], []
    for path in listed:
        if path in OURS:
            continue
        try:
            if artifact_name(path) != path:
                raise BadArgument(f"{path!r} is not a plain path")
            paths.append(path)
        except BadArgument as error:
            faults.append(f"artifact {path}: {error.what}")
    return paths, faults
