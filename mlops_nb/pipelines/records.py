"""The records of a pipeline: the steps it would run, what a run of it gave, what is kept of a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mlops_nb.record import Record
from mlops_nb.tracking.runs import Status

EngineName = Literal["local", "process", "dask"]
ENGINES: tuple[EngineName, ...] = ("local", "process", "dask")


DISCARDED = "discarded"
"""The tag of a step's run that was run again, and why: a pipeline's past leaves it out."""

STEPS = "steps"
"""The tag of a pipeline's run with the names of the steps that it calls, in order."""

NOT_KEPT = "; not kept: "
"""In the reason of a step that ran, between why it ran and why its result is not kept."""


@dataclass(frozen=True, slots=True)
class StepCall(Record):
    """One call of a step in a pipeline function; `is_conditional` when it stands in a branch or a loop."""

    step: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    is_conditional: bool = False


@dataclass(frozen=True, slots=True)
class Shown(Record):
    """What a step printed in one go, a value it showed, or a plot it saved (`text` is then the file).

    `line` is the line of the script in which it did so, or 0; `cut` characters of the text were left out.
    """

    kind: Literal["print", "value", "plot"]
    text: str
    line: int = 0
    cut: int = 0


@dataclass(frozen=True, slots=True)
class StepRun(Record):
    """A step that ran, or whose kept result was taken (`is_cached`) and the step that made it took `saved` seconds.

    `run` is the captured run it repeats, or empty; `id` its run in the store, or None; `reason` why it ran or did not.
    `outputs` are what it printed, showed and plotted, in order.
    """

    name: str
    run: str
    id: int | None
    status: str
    duration: float
    metrics: Mapping[str, float]
    outputs: tuple[Shown, ...] = ()
    is_cached: bool = False
    reason: str = ""
    saved: float = 0.0


@dataclass(frozen=True, slots=True)
class PipelineRun(Record):
    """A pipeline that ran; `id` is its run in the store, or None where it could not be recorded."""

    pipeline: str
    id: int | None
    status: str
    duration: float
    parameters: Mapping[str, object]
    metrics: Mapping[str, float]
    steps: tuple[StepRun, ...]
    error: str = ""


@dataclass(frozen=True, slots=True)
class Options(Record):
    """How a pipeline is run.

    Args:
        first: the step to begin with; of those before it the kept results are taken. Empty for all.
        last: the step after which to stop; empty for none.
        force: run steps though their results are kept.
        cache: take and keep results of steps.
        engine: where the steps run: local, one after the other in this process; process, side by side in
            processes of this machine; dask, on the workers of a cluster.
        jobs: how many steps run side by side; None for one for each core.
        scheduler: the address of a Dask cluster; empty for workers of this machine.
    """

    first: str = ""
    last: str = ""
    force: bool = False
    cache: bool = True
    engine: EngineName = "local"
    jobs: int | None = None
    scheduler: str = ""


EVERYTHING = Options()
"""Every step, in order, taken as kept where nothing changed."""


@dataclass(frozen=True, slots=True)
class PlannedStep(Record):
    """What would become of a step: `run`, `kept` (its result is taken), `left out`, or `open` until others have run."""

    step: str
    verdict: Literal["run", "kept", "left out", "open"]
    reason: str
    saved: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan(Record):
    """What a pipeline would do with these parameters, and why."""

    pipeline: str
    parameters: Mapping[str, object]
    steps: tuple[PlannedStep, ...]


@dataclass(frozen=True, slots=True)
class StepState(Record):
    """A step of a run in the store: `cached_from` is the run whose result it took, which took `saved` seconds.

    `needs` are the places, among the run's steps, of those whose results it is given, with the names that flow.
    A step that the run has not reached has neither `id` nor `status`.
    """

    id: int | None
    name: str
    status: Status | None
    duration: float | None
    metrics: Mapping[str, float]
    stage: str = ""
    cached_from: int | None = None
    saved: float = 0.0
    gates: tuple[str, ...] = ()
    needs: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    started: float | None = None


@dataclass(frozen=True, slots=True)
class PastRun(Record):
    """A run of a pipeline in the store: how many steps it had, and of how many the kept result was taken."""

    id: int
    status: Status
    started: float
    duration: float | None
    steps: int
    cached: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class PipelineHistory(Record):
    """A pipeline's runs, the newest first, and the steps of one of them; `others` are the pipelines beside it.

    `error` is what ended the run, `failed` the step in which that was; `now` is when this was read.
    """

    pipeline: str
    run: int | None
    steps: tuple[StepState, ...] = ()
    past: tuple[PastRun, ...] = ()
    total: int = 0
    others: tuple[str, ...] = ()
    error: str = ""
    failed: str = ""
    now: float = 0.0


@dataclass(frozen=True, slots=True)
class KeptFile(Record):
    """A file that a step read or wrote: size and hash of its content, and when it was changed last.

    `path` is relative to the folder that holds the store where it is below it. `sha256` is that of its copy in the
    store, for a file that was written.
    """

    path: str
    size_bytes: int
    modified: float
    hash: str
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Draws(Record):
    """A global random generator that a step used: a hash of its state before (empty where the step seeded it), and
    its state after."""

    before: str
    after: object
