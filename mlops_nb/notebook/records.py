"""A notebook as it is read, and what exporting it gave."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from mlops_nb.record import Record
from mlops_nb.reproducibility.records import Verification
from mlops_nb.tracking.values import Value


@dataclass(frozen=True, slots=True)
class CellOutput(Record):
    """What a cell printed in one go, or a value that it showed, as plain text; `cut` characters more are not kept."""

    kind: Literal["print", "value"]
    text: str
    cut: int = 0


@dataclass(frozen=True, slots=True)
class NotebookCell(Record):
    """One cell: its kind, source, id (may be empty), tags, the number beside it where it ran, and what it gave then.

    `outputs` is None where it is not known to have run; `raised` is the class of the error that ended its last run, or
    empty.
    """

    kind: Literal["code", "markdown", "raw"]
    source: str
    id: str = ""
    tags: tuple[str, ...] = ()
    execution_count: int | None = None
    outputs: tuple[CellOutput, ...] | None = None
    raised: str = ""


@dataclass(frozen=True, slots=True)
class Notebook(Record):
    """The cells of a notebook in order; `path` as it should be named to a reader."""

    path: str
    cells: tuple[NotebookCell, ...]
    language: str = "python"


@dataclass(frozen=True, slots=True)
class ScriptParameter(Record):
    """A parameter of an exported script.

    `type` is the text of its annotation, `default_text` the text of its default; `choices` are the only values
    allowed (empty for all), `low` and `high` the smallest and the largest.
    """

    name: str
    type: str
    default: Value
    help: str = ""
    choices: tuple[object, ...] = ()
    low: float | None = None
    high: float | None = None
    default_text: str = ""


@dataclass(frozen=True, slots=True)
class ScriptStep(Record):
    """A step function of an exported script; `run` is the captured run's name, `sweep` the sweep's, or empty.

    `cell` is the position of its first cell among all cells of the notebook, from 0, `cells` those of all.
    `stage` is empty where nothing suggests one; `is_guessed` when no tag gave it.
    """

    name: str
    cell: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    metrics: tuple[str, ...] = ()
    run: str = ""
    doc: str = ""
    sweep: str = ""
    cells: tuple[int, ...] = ()
    stage: str = ""
    is_guessed: bool = False


@dataclass(frozen=True, slots=True)
class LeftOut(Record):
    """A line or cell that is not in the script, and why."""

    cell: int
    line: str
    reason: str


@dataclass(frozen=True, slots=True)
class Export(Record):
    """An exported script: where it is, what is in it, what is not, and whether it was proved.

    `function` is its pipeline function, `shows` its function that shows a value; a standalone one needs nothing of
    ours. `requirements` are the packages that cells install, as they are typed; `beside` the files that were written
    with it.
    `target` is what it was written for, `files` all that were written for a target that is not the script itself, and
    `next` the command that runs them.
    """

    notebook: str
    path: str
    source: str = field(repr=False)
    parameters: tuple[ScriptParameter, ...]
    steps: tuple[ScriptStep, ...]
    left_out: tuple[LeftOut, ...]
    warnings: tuple[str, ...] = ()
    verification: Verification | None = None
    function: str = ""
    shows: str = ""
    is_standalone: bool = False
    requirements: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    target: str = "script"
    files: tuple[str, ...] = ()
    next: str = ""
