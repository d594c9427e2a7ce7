"""What a notebook does by itself and a script must be told: show a value, keep a plot, note a metric without a name."""

from __future__ import annotations

import inspect
import io
import re
import sys
import time
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal, TypeVar

from mlops_nb.pipelines.pretty import pretty
from mlops_nb.pipelines.records import Shown

T = TypeVar("T")
_LOCAL = re.compile(r"\b(\w+)\.<locals>\.")

PLOTS = "plots"
"""The folder, in the working directory, that plots are saved in."""

MOST_CHARACTERS = 256 << 10
"""Characters of a step's outputs that are kept."""

TELL_SECONDS = 1.0
"""So long at least lies between two times that a step's outputs are told while it runs."""

_noted: ContextVar[dict[str, float] | None] = ContextVar("mlops_nb_noted", default=None)
_heard: ContextVar[_Recorder | None] = ContextVar("mlops_nb_heard", default=None)
_listening: list[_Recorder] = []


class Markup:
    """Something whose `data` a notebook renders and a script prints."""

    data = ""


def show(*values: object, **_: object) -> None:
    """Print values as the end of a notebook's cell shows them; None shows nothing, a figure is saved to a file."""
    recorder = _recorder()
    for value in values:
        if value is None:
            continue
        if recorder is not None and _is_figure(value):
            recorder.save(value)
            recorder.shown = value
            continue
        text = shown_text(value)
        if recorder is None or not isinstance(sys.stdout, _Tee):  # somebody keeps what is printed
            print(text)
        else:
            text = recorder.as_if_in_a_cell(text)
            recorder.add("value", text)
            recorder.through(f"{text}\n")


def shown_text(value: object) -> str:
    """The text form of a value: what a notebook keeps as its `text/plain`, of what is only markup the markup.

    >>> shown_text("a"), shown_text(0.5)
    ("'a'", '0.5')
    """
    if isinstance(value, Markup):
        return value.data
    data = getattr(value, "data", None) if type(value).__module__ == "IPython.core.display" else None
    return data if isinstance(data, str) else pretty(value)


def metric(name: str, value: T) -> T:
    """The value, noted as a metric of the step that is running when it is a number."""
    noted = _noted.get()
    if noted is not None and (number := plain_number(value)) is not None:
        noted[name] = number
    return value


@contextmanager
def noting() -> Iterator[dict[str, float]]:
    """Metrics noted by `metric` in the block."""
    noted: dict[str, float] = {}
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)


def plain_number(value: object) -> float | None:
    """A real number of Python or NumPy as a float; None for anything else, booleans too.

    >>> plain_number(3), plain_number(True), plain_number("3")
    (3.0, None, None)
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float) or type(value).__module__.partition(".")[0] == "numpy":
        from mlops_nb.tracking.values import metric_number

        return metric_number(value)
    return None


class captured:
    """A block whose prints are kept and not shown: what `%%capture` is in a notebook.

    >>> with captured() as kept:
    ...     print("quiet")
    >>> kept.stdout
    'quiet\\n'
    """

    def __init__(self) -> None:
        self._out, self._err = io.StringIO(), io.StringIO()
        self._redirected = ExitStack()

    def __enter__(self) -> captured:
        self._redirected.enter_context(redirect_stdout(self._out))
        self._redirected.enter_context(redirect_stderr(self._err))
        return self

    def __exit__(self, *_: object) -> None:
        self._redirected.close()

    @property
    def stdout(self) -> str:
        """What was printed."""
        return self._out.getvalue()

    @property
    def stderr(self) -> str:
        """What was printed to stderr."""
        return self._err.getvalue()

    def show(self) -> None:
        """Print it now."""
        print(self.stdout, end="")

    __call__ = show

    def __str__(self) -> str:
        return self.stdout


@contextmanager
def recording(
    function: Callable[..., object], name: str, heard: Callable[[Sequence[Shown]], object] = lambda outputs: None
) -> Iterator[list[Shown]]:
    """What the block prints to stdout, shows and plots, by the line of the function; a plot is saved to a file.

    Args:
        function: the step's function, whose lines are meant.
        name: what its plots are called.
        heard: is told what there is so far, at most once a second.
    """
    _as_in_a_notebook()
    recorder = _Recorder(function, name, heard)
    token = _heard.set(recorder)
    _listening.append(recorder)
    if not isinstance(sys.stdout, _Tee):
        sys.stdout = _Tee(sys.stdout)
    undo = _show_saves(recorder)
    try:
        yield recorder.outputs
        recorder.save_open_figures()
    finally:
        undo()
        _listening.remove(recorder)
        _heard.reset(token)
        if not _listening and isinstance(sys.stdout, _Tee):
            sys.stdout = sys.stdout.stream


def _recorder() -> _Recorder | None:
    """The recorder of the step that is running; a thread that a step began is heard when no other step runs."""
    return _heard.get() or (_listening[0] if len(_listening) == 1 else None)


class _Tee:
    """Standard output that is listened to; everything else about it is the stream's own."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        recorder = _recorder()
        if recorder is not None and text:
            recorder.add("print", text)
        return int(self.stream.write(text))

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class _Recorder:
    def __init__(self, function: Callable[..., object], name: str, heard: Callable[[Sequence[Shown]], object]) -> None:
        self.heard = heard
        self.told = time.monotonic()
        code = getattr(function, "__code__", None)
        inner = [each for each in code.co_consts if isinstance(each, types.CodeType)] if code else []
        self.codes = {code, *(each for each in inner if each.co_flags & inspect.CO_COROUTINE)}
        self.names = getattr(function, "__globals__", {})
        self.name = name
        self.outputs: list[Shown] = []
        self.kept = 0
        self.plots = 0
        self.shown: object = None

    def add(self, kind: Literal["print", "value", "plot"], text: str) -> None:
        line = self._line()
        kept = text[: max(0, MOST_CHARACTERS - self.kept)]
        self.kept += len(kept)
        cut = len(text) - len(kept)
        last = self.outputs[-1] if self.outputs else None
        if kind == "print" and last is not None and (last.kind, last.line) == (kind, line):
            self.outputs[-1] = Shown(kind, last.text + kept, line, last.cut + cut)
        else:
            self.outputs.append(Shown(kind, kept, line, cut))
        is_whole = kind != "print" or text.endswith("\n")  # print writes a line in several pieces
        if is_whole and time.monotonic() - self.told >= TELL_SECONDS:
            self.told = time.monotonic()
            self.heard(tuple(self.outputs))

    def _line(self) -> int:
        frame = sys._getframe(2)
        while frame is not None and frame.f_code not in self.codes:
            frame = frame.f_back  # type: ignore[assignment]
        return frame.f_lineno if frame is not None else 0

    def as_if_in_a_cell(self, text: str) -> str:
        """The text with classes and functions that a step defines named as a cell's."""
        return _LOCAL.sub(lambda match: "" if type(self.names.get(match[1])).__name__ == "Step" else match[0], text)

    def through(self, text: str) -> None:
        stream = sys.stdout
        (stream.stream if isinstance(stream, _Tee) else stream).write(text)

    def save(self, figure: Any) -> None:
        """Save one figure to a file of its own."""
        self.plots += 1
        number = f"-{self.plots}" if self.plots > 1 else ""
        path = Path(PLOTS) / f"{re.sub(r'[^A-Za-z0-9_-]', '_', self.name)}{number}.png"
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, bbox_inches="tight")
        self.add("plot", path.as_posix())

    def save_open_figures(self) -> None:
        """Save the figures that are open and close them, as a notebook does at the end of a cell."""
        pyplot: Any = sys.modules.get("matplotlib.pyplot")
        for number in pyplot.get_fignums() if pyplot else ():
            figure = pyplot.figure(number)
            if figure.axes and figure is not self.shown:
                self.save(figure)
        if pyplot:
            pyplot.close("all")


def _is_figure(value: object) -> bool:
    return type(value).__name__ == "Figure" and type(value).__module__ == "matplotlib.figure"


def _show_saves(recorder: _Recorder) -> Callable[[], None]:
    """Make `plt.show()` save and close the open figures; gives the function that undoes it."""
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return lambda: None
    original = pyplot.show

    def save(*_: object, **__: object) -> None:
        recorder.save_open_figures()

    pyplot.show = save

    def undo() -> None:
        if pyplot.show is save:
            pyplot.show = original

    return undo


def _as_in_a_notebook() -> None:
    """Frames as wide as in a notebook, where nobody said otherwise; plots that need no screen."""
    if (pandas := sys.modules.get("pandas")) and pandas.get_option("display.max_columns") == 0:
        pandas.set_option("display.max_columns", 20)
    matplotlib = sys.modules.get("matplotlib")
    if matplotlib and not isinstance(dict.__getitem__(matplotlib.rcParams, "backend"), str):  # asking would choose one
        matplotlib.use("agg")
