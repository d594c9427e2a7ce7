"""The records of a pipeline: the steps it would run, and what a run of it gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mlops_nb.record import Record


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
    """A step that ran. `run` is the captured run it repeats, or empty; `id` its run in the store, or None.

    `outputs` are what it printed, showed and plotted, in order.
    """

    name: str
    run: str
    id: int | None
    status: str
    duration: float
    metrics: Mapping[str, float]
    outputs: tuple[Shown, ...] = ()


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
