"""`%%mlops sweep`: the cell's statements in a loop over combinations, each pass a run of its own.

The body is put into the loop as a syntax tree before IPython compiles the cell, so `await` works in it and a
traceback names the cell's own lines.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from mlops_nb.errors import BadUsage
from mlops_nb.notebook.cells import CellNames, read_cell, without_fixed
from mlops_nb.panels.wording import count, duration, number, one_line, setting
from mlops_nb.tracking.metrics import lower_is_better
from mlops_nb.tracking.runs import Status
from mlops_nb.tracking.sweeps.combinations import Axis, Scalar, axis

if TYPE_CHECKING:
    from mlops_nb.notebook.progress import Progress
    from mlops_nb.tracking.service import ActiveRun
    from mlops_nb.tracking.sweeps.trials import GoingSweep

TRIAL = "__mlops_trial__"
"""The name that the loop gives the trial."""

_AXIS = re.compile(r"--param[\s=]+['\"]?([^\W\d]\w*)\s*=")


def swept_names(arguments: str) -> set[str]:
    """The names that a `%%mlops sweep` line varies, as far as its text tells.

    >>> sorted(swept_names("forest --param depth=range(3, 9) --param=lr=0.1,1 --metric f1"))
    ['depth', 'lr']
    """
    return set(_AXIS.findall(arguments))


def put_in_loop(tree: ast.Module, place: int, names: Collection[str], trials: str, show: str) -> None:
    """Put what follows the statement at `place` into a loop over trials.

    What gives one of `names` a fixed value there is taken out, since the trial gives it one, and what the last
    expression is worth is shown.

    Args:
        tree: the cell; changed.
        place: of the statement that begins the sweep.
        names: that the sweep varies.
        trials: the expression that is looped over.
        show: the function that shows a value.
    """
    begin = tree.body[place]
    body = without_fixed(tree.body[place + 1 :], names)
    if body and isinstance(last := body[-1], ast.Expr):
        shown = ast.Call(_expression(show), [last.value], [])
        body[-1] = ast.copy_location(ast.Expr(ast.copy_location(shown, last)), last)
    loop = ast.parse(f"for {TRIAL} in {trials}:\n    with {TRIAL}:\n        pass").body[0]
    assert isinstance(loop, ast.For)
    assert isinstance(loop.body[0], ast.With)
    for node in ast.walk(loop):
        if hasattr(node, "lineno"):
            ast.copy_location(node, begin)
    loop.body[0].body = body or loop.body[0].body
    tree.body[place + 1 :] = [loop]
    ast.fix_missing_locations(tree)


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


class Host(Protocol):
    """What a sweep needs of the capture it runs in."""

    shell: Any

    def begin_trial(self, run: ActiveRun, metrics: Sequence[str], source: str) -> object:
        """Record the block that begins as this run."""

    def end_trial(self, going: object, raised: BaseException | None) -> None:
        """End it."""

    def end_sweep(self, sweep: CellSweep) -> None:
        """Show what came of it."""


@dataclass(frozen=True, slots=True)
class EndedTrial:
    """A trial that ran elsewhere and is in the store."""

    run: int
    metrics: Mapping[str, float]
    raised: BaseException | None


class CellSweep:
    """The sweep of a cell that is executing.

    Args:
        host: the shell's capture.
        going: its run and what is left to try.
        source: the cell.
        progress: says how far it is.
        elsewhere: gives the trials as they end, where they do not run in this kernel.
    """

    def __init__(
        self,
        host: Host,
        going: GoingSweep,
        source: str,
        progress: Progress,
        elsewhere: Iterator[EndedTrial] | None = None,
    ) -> None:
        self.host, self.going, self.source, self.progress = host, going, source, progress
        self.elsewhere = elsewhere
        self.finished = 0
        self.best: tuple[str, float] | None = None
        self.failures: list[BaseException] = []

    def trials(self) -> Iterator[Trial]:
        """A trial for each combination that is left; ends the sweep after the last."""
        try:
            if self.elsewhere is not None:
                self._try_elsewhere(self.elsewhere)
            else:
                for place, params in enumerate(self.going.left):
                    self.progress.say(self._line(place, params))
                    yield Trial(self, params)
        except BaseException as raised:
            self.end(_status(raised), None if isinstance(raised, GeneratorExit) else raised)
            raise
        self.end("FINISHED" if self.finished or not self.failures else "FAILED")

    def _try_elsewhere(self, ended: Iterator[EndedTrial]) -> None:
        """Note the trials as they come back."""
        with closing(ended):  # type: ignore[type-var]
            for place, trial in enumerate(ended, 1):
                self.note(trial.metrics)
                if not self.ended_trial(trial.raised):
                    assert trial.raised is not None
                    raise trial.raised
                self.progress.say(self._line(place))

    def end(self, status: Status, raised: BaseException | None = None) -> None:
        """End the sweep, once."""
        if self.going.status == "RUNNING":
            self.going.notes += self._failures()
            self.going.finish(status, raised)
            self.host.end_sweep(self)

    def ended_trial(self, raised: BaseException | None) -> bool:
        """Whether the sweep goes on after a trial that ended so.

        A failure before any trial has finished is the cell's own, and ends the sweep: nothing is tried in vain.
        """
        if raised is None:
            self.finished += 1
            return True
        if not isinstance(raised, Exception) or not self.finished:
            self.end(_status(raised), raised)
            return False
        self.failures.append(raised)
        return True

    def note(self, metrics: Mapping[str, float]) -> None:
        """A trial has measured this; the progress tells the best."""
        name = self.best[0] if self.best else next(iter([*self.going.metrics, *metrics]), "")
        value = metrics.get(name, math.nan)
        if not math.isfinite(value):
            return
        sign = 1 if lower_is_better(name) else -1
        if self.best is None or sign * value < sign * self.best[1]:
            self.best = name, value

    def _failures(self) -> list[str]:
        if not self.failures:
            return []
        last = self.failures[-1]
        return [f"{count(len(self.failures), 'trial')} failed; the last with {type(last).__name__}: {_message(last)}"]

    def _line(self, place: int, params: Mapping[str, Scalar] | None = None) -> str:
        whole, before = len(self.going.planned), len(self.going.planned) - len(self.going.left)
        done = before + place
        bar = "█" * (done * 20 // whole)
        line = f"{bar:░<20} {done} of {whole} tried"
        if self.best is not None:
            line += f" · best {one_line(self.best[0], 30)} {number(self.best[1])}"
        left = self.going.seconds_left(place)
        line += f" · about {duration(left)} left" if left is not None and left >= 1 else ""
        return f"{line} · now {settings(params)}" if params else line


def settings(params: Mapping[str, Scalar]) -> str:
    """Parameters as they would be typed.

    >>> settings({"lr": 0.1, "solver": "saga"})
    'lr=0.1, solver=saga'
    """
    return ", ".join(f"{one_line(name, 30)}={setting(value, 30)}" for name, value in params.items())


def _message(raised: BaseException) -> str:
    try:
        return one_line(str(raised), 120)
    except Exception:  # a user's __str__ may raise anything
        return ""


def _status(raised: BaseException) -> Status:
    from mlops_nb.tracking.service import status_of

    return "INTERRUPTED" if isinstance(raised, GeneratorExit) else status_of(raised)


class Trial:
    """One pass of the cell: its outputs go to its run instead of under the cell.

    Args:
        sweep: the sweep it is a part of.
        params: the names and values it is run with.
    """

    def __init__(self, sweep: CellSweep, params: Mapping[str, Scalar]) -> None:
        self.sweep, self.params = sweep, params
        self.run = sweep.going.trial(params)
        self._quiet = ExitStack()
        self._going: object = None

    def __enter__(self) -> Trial:
        from IPython.utils.capture import capture_output

        self.sweep.host.shell.user_ns.update(self.params)
        try:
            self._quiet.enter_context(capture_output())
            self._going = self.sweep.host.begin_trial(self.run, self.sweep.going.metrics, self.sweep.source)
        except BaseException:
            self._quiet.close()
            raise
        return self

    def __exit__(self, kind: object, raised: BaseException | None, trace: TracebackType | None) -> bool:
        try:
            self.sweep.host.end_trial(self._going, raised)
        finally:
            self._quiet.close()
        self.sweep.note(self.run.measured())
        return self.sweep.ended_trial(raised) and raised is not None


def planned_axes(texts: Sequence[str], names: CellNames) -> list[Axis]:
    """The axes of a sweep over a cell.

    Raises:
        BadArgument: one cannot be read.
        BadUsage: the cell computes one of them itself.
    """
    axes = [axis(text) for text in texts]
    for one in axes:
        if one.name in names.writes and one.name not in names.literals and one.name not in names.reads:
            raise BadUsage(
                f"the cell gives {one.name} a value of its own, so the sweep's would not be used",
                f"take `{one.name} = ...` out of the cell",
            )
    return axes


def unread_axes(axes: Sequence[Axis], source: str, namespace: Mapping[str, object]) -> list[str]:
    """A note for each axis that neither the cell nor a function it may call reads."""
    reads = set(read_cell(source).reads)
    for value in list(namespace.values()):
        code = getattr(value, "__code__", None)
        if code is not None and getattr(value, "__globals__", None) is namespace:
            reads |= set(code.co_names)
    return [f"nothing in the cell reads {one.name}" for one in axes if one.name not in reads]
