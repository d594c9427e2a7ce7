"""The records of tracking: a run and its parts, as they are read back from the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from mlops_nb.record import Record
from mlops_nb.reproducibility.records import CodeVersion, DataFingerprint, Environment, Usage
from mlops_nb.tracking.autolog.estimators import Estimator
from mlops_nb.tracking.series import Curve
from mlops_nb.tracking.values import Value

if TYPE_CHECKING:
    import pandas as pd

Status = Literal["RUNNING", "FINISHED", "FAILED", "INTERRUPTED", "KILLED"]
Kind = Literal["cell", "code", "pipeline", "step", "sweep", "trial", "fit", "fold"]
"""What made a run: a captured cell, a block of code, an exported script or a step of it, a sweep and each
combination it tried (those of a grid search, too), an estimator's fit, one fold of a cross-validation."""


@dataclass(frozen=True, slots=True)
class Param(Record):
    """A parameter of a run; `inferred` when nobody named it."""

    name: str
    value: Value
    inferred: bool = False


@dataclass(frozen=True, slots=True)
class Metric(Record):
    """A metric of a run, summed up over everything that was logged under its name.

    `value` is the last one logged, at `step` (None when logged without a step);
    `minimum`, `maximum` and `mean` are over the `count` values that were not NaN.
    """

    name: str
    value: float
    step: int | None = None
    count: int = 1
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    inferred: bool = False
    autologged: bool = False
    """Whether autolog recorded it: no script that is exported repeats it."""


@dataclass(frozen=True, slots=True)
class Output(Record):
    """One output as the notebook showed it.

    `kind` is that of the notebook format; `name` is the stream's, else empty.
    `data` maps MIME type to content (streams: `text/plain`); `cut_bytes` were left out.
    """

    kind: Literal["stream", "display_data", "execute_result", "error"]
    name: str
    data: Mapping[str, str]
    cut_bytes: int = 0


@dataclass(frozen=True, slots=True)
class RunError(Record):
    """The exception that ended a run."""

    type: str
    message: str
    traceback: str


ArtifactKind = Literal[
    "file", "folder", "bytes", "text", "json", "table", "array", "figure", "model", "confusion matrix", "object"
]


@dataclass(frozen=True, slots=True)
class Artifact(Record):
    """A file kept with a run, addressed by the SHA-256 of its content.

    `kind` says what it was made from; `details` its format, class, shape and what else belongs to the kind.
    """

    path: str
    sha256: str
    size_bytes: int
    kind: ArtifactKind = "file"
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FileUse(Record):
    """A file or address that a cell read or wrote, its size and time (seconds since the epoch) at the cell's end.

    `path` is relative to the folder that holds the store where the file is below it. `count` files of one
    folder may stand together: then `path` ends in `/`, `size_bytes` is their sum, `modified` the newest's.
    A cell that only replaces a file's content does not read it.
    """

    path: str
    is_read: bool = False
    is_written: bool = False
    size_bytes: int | None = None
    modified: float | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Run(Record):
    """One run, whole. Times are seconds since the epoch, durations seconds."""

    id: int
    uid: str
    name: str
    kind: Kind
    status: Status
    started: float
    duration: float | None = None
    parent: int | None = None
    notebook: str = ""
    cell_id: str = ""
    execution_count: int | None = None
    source: str = field(default="", repr=False)
    params: tuple[Param, ...] = ()
    metrics: tuple[Metric, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    outputs: tuple[Output, ...] = field(default=(), repr=False)
    data: tuple[DataFingerprint, ...] = ()
    read_from: Mapping[str, tuple[FileUse, ...]] = field(default_factory=dict)
    """By the name of `data`, the files and addresses read by the cells that led to it; under the empty name those that
    the run's own cell read into something else."""
    artifacts: tuple[Artifact, ...] = ()
    children: tuple[int, ...] = ()
    parts: tuple[RunSummary, ...] = field(default=(), repr=False)
    """The first of its child runs, summed up."""
    estimators: tuple[Estimator, ...] = ()
    """What autolog saw it fit."""
    error: RunError | None = None
    code: CodeVersion | None = None
    environment: Environment | None = field(default=None, repr=False)
    note: str = ""
    """What a person wrote about it."""
    warnings: tuple[str, ...] = ()
    """What could not be recorded, or was cut; one line each."""
    seeds: Mapping[str, Value] = field(default_factory=dict)
    """What the cell seeded, and with what: `numpy.random.seed`, `RandomForestClassifier.random_state`."""
    usage: Usage | None = None
    redacted: int = 0
    """How many secrets were replaced before it was stored."""
    curves: tuple[Curve, ...] = field(default=(), repr=False)
    """The metrics that were logged more than once, as they are drawn; in a run that was asked for to be looked at."""
    registered: tuple[str, ...] = ()
    """The model versions that it made, NAME/3; in a run that was asked for to be looked at."""


@dataclass(frozen=True, slots=True)
class RunSummary(Record):
    """One line of the runs table: what is needed to sort, filter, plot and pick a run."""

    id: int
    uid: str
    name: str
    kind: Kind
    status: Status
    started: float
    duration: float | None
    parent: int | None
    notebook: str
    params: Mapping[str, Value]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class RunTable(Record):
    """The runs that were asked for, newest first unless sorted, and how many there are in all."""

    rows: tuple[RunSummary, ...]
    total: int
    now: float
    store: str

    def to_frame(self) -> pd.DataFrame:
        """One row a run, index `id`; columns `params.*`, `metrics.*`, `tags.*` as they occur."""
        import pandas as pd

        plain = (
            *("uid", "name", "kind", "status", "started", "duration", "cpu_seconds", "peak_memory_bytes"),
            *("parent", "notebook"),
        )
        columns: dict[str, list[object]] = {name: [getattr(row, name) for row in self.rows] for name in plain}
        for group in ("params", "metrics", "tags"):
            found: dict[str, list[object]] = {}
            for position, row in enumerate(self.rows):
                for name, value in getattr(row, group).items():
                    if (column := found.get(name)) is None:
                        column = found[name] = [None] * len(self.rows)
                    column[position] = value
            columns.update({f"{group}.{name}": found[name] for name in sorted(found)})
        frame = pd.DataFrame(columns, index=pd.Index([row.id for row in self.rows], name="id"))
        frame["started"] = pd.to_datetime(frame["started"], unit="s", utc=True)
        return frame


@dataclass(frozen=True, slots=True)
class RunCard(Record):
    """A finished run beside its past: what stands under the cell.

    `previous` and `best` map metric name to the value in the previous run of that name and in
    the best earlier one; both empty for the first run of a name.
    """

    run: Run
    previous: Mapping[str, float]
    best: Mapping[str, float]
    previous_id: int | None = None


@dataclass(frozen=True, slots=True)
class StoreStatus(Record):
    """Where the store is and what it holds; sizes in bytes."""

    path: str
    size_bytes: int
    schema_version: int
    notebook: str
    tracking: bool
    runs: int
    cells: int
    sessions: int
    artifacts: int
    by_status: Mapping[str, int]
    last_run: RunSummary | None


@dataclass(frozen=True, slots=True)
class SecretsReport(Record):
    """Which secrets are replaced before a run is stored, and how many were: `replaced`, in so many `runs`.

    `variables` are the environment variables whose values are replaced wherever they turn up; `kinds` are the
    credentials known by their shape; `patterns` and `allowed` were added to the store. `changed` says in words what
    holds from now on, where something was just added or forgotten.
    """

    replaced: int
    runs: int
    variables: tuple[str, ...]
    kinds: tuple[str, ...]
    patterns: tuple[str, ...]
    allowed: tuple[str, ...]
    changed: str = ""
