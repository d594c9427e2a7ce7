"""What a pipeline tells on stderr while it runs: a line a step, and a table at the end."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from mlops_nb.pipelines.records import NOT_KEPT, PipelineRun, Shown, StepRun

_SHOWN = 48


class Progress:
    """Says which step runs, how long it took and what it measured; nothing at all when `quiet`.

    On a terminal the last line says what goes on; what a step prints meanwhile begins a line of its own.

    Args:
        stream: where it is said; stderr by default.
        quiet: say nothing.
    """

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self.stream = stream
        self.quiet = quiet
        self.total = 0
        self.step = ""
        self.number = 0
        self._over = 0
        self._going: list[tuple[int, str]] = []
        self._is_open = False
        """Whether the last line of the terminal says what goes on."""

        self._is_within_line = False
        """Whether somebody printed the beginning of a line there."""

        self._terminal: TextIO | None = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """While the block runs, what is printed to the terminal by others makes no mess of what is said there."""
        if self.quiet or self.stream is not None or not self._is_tty():
            yield
            return
        before = sys.stdout, sys.stderr
        self._terminal = sys.stderr
        mine = [_Watched(each, self) if each.isatty() else each for each in before]
        sys.stdout, sys.stderr = mine
        try:
            yield
        finally:
            self.give_way()
            sys.stdout = before[0] if sys.stdout is mine[0] else sys.stdout
            sys.stderr = before[1] if sys.stderr is mine[1] else sys.stderr

    def started(self, step: str) -> None:
        """A step begins."""
        self.step, self.number = step, self.number + 1
        self._going.append((self.number, step))
        self._say_what_goes_on()

    def is_at(self, step: str, number: int) -> None:
        """Of those that go on side by side, it is this one that counts."""
        self.step, self.number = step, number

    def note(self, text: str) -> None:
        """Something about a step that one should know."""
        self._say(f"{self._place(self.number)} {text}")

    def finished(self, run: StepRun) -> None:
        """A step is over."""
        sign = "kept" if run.is_cached else "ok" if run.status == "FINISHED" else run.status.lower()
        measured = "  ".join(f"{name} {number_text(value)}" for name, value in list(run.metrics.items())[:6])
        self._over += 1
        _, is_not_kept, why = run.reason.partition(NOT_KEPT)
        note = f"  (not kept: {why})" if is_not_kept else ""
        line = f"{self._place(self._over)} {run.name}  {sign}  {seconds_text(run.duration)}  {measured}".rstrip() + note
        self._leave(run.name)
        self._say(line)
        self._say_what_goes_on()

    def begins_again(self, step: str) -> None:
        """A step that went on is begun anew."""
        self._leave(step)
        self.number -= 1

    def runs_after_all(self, step: str, why: str) -> None:
        """A step that was over is begun anew."""
        self.note(f"{step} runs after all: {why}")
        self.number -= 1
        self._over -= 1

    def _leave(self, step: str) -> None:
        first = next((each for each in self._going if each[1] == step), None)
        self._going = [each for each in self._going if each is not first]

    def ended(self, run: PipelineRun) -> None:
        """The pipeline is over."""
        self._write("".join(f"{line}\n" for line in summary(run)))

    def give_way(self) -> None:
        """Somebody else prints to the terminal: what goes on stays on the line above."""
        if self._is_open:
            self._is_open = False
            self._write("\n")

    def printed(self, text: str) -> None:
        """Somebody else printed this to the terminal."""
        self._is_within_line = not text.endswith("\n")

    def _say(self, line: str) -> None:
        """A line for good; on a terminal in the place of what goes on."""
        before = "\r\x1b[2K" if self._is_open else "\n" if self._is_within_line else ""
        self._is_open = self._is_within_line = False
        self._write(f"{before}{line}\n")

    def _say_what_goes_on(self) -> None:
        if not self._going or not self._is_tty():
            return
        before = "\r\x1b[2K" if self._is_open else "\n" if self._is_within_line else ""
        names = ", ".join(name for _, name in self._going)
        self._is_open, self._is_within_line = True, False
        self._write(f"{before}{self._place(self._going[-1][0])} {names} ...")

    def _place(self, number: int) -> str:
        return f"[{number}/{max(self.total, number)}]"

    def _is_tty(self) -> bool:
        stream = self.stream or sys.stderr
        return bool(getattr(stream, "isatty", lambda: False)())

    def _write(self, text: str) -> None:
        if not self.quiet:
            stream = self.stream or self._terminal or sys.stderr
            sys.stdout.flush()
            stream.write(text)
            stream.flush()


class _Watched:
    """A stream to a terminal on which progress is shown, too; everything else about it is the stream's own."""

    def __init__(self, stream: TextIO, progress: Progress) -> None:
        self.stream, self._progress = stream, progress

    def write(self, text: str) -> int:
        if text:
            self._progress.give_way()
            self._progress.printed(text)
        return self.stream.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def number_text(value: float) -> str:
    """A number with four significant digits.

    >>> number_text(0.912345), number_text(12.0), number_text(1234567.0)
    ('0.9123', '12', '1.235e+06')
    """
    return f"{value:.4g}"


def seconds_text(seconds: float) -> str:
    """A duration as people say it.

    >>> seconds_text(0.0123), seconds_text(4.2), seconds_text(187)
    ('12 ms', '4.2 s', '3 min 7 s')
    """
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"


def summary(run: PipelineRun) -> list[str]:
    """The table at the end of a run."""
    rows = [
        (
            step.name,
            f"kept, saved {seconds_text(step.saved)}" if step.is_cached else step.status.lower(),
            seconds_text(step.duration),
            _measured(step.metrics, step.outputs),
        )
        for step in run.steps
    ]
    rows = [("step", "status", "took", "gave"), *rows]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    where = f"run {run.id}" if run.id is not None else "not recorded"
    ended = f"{run.pipeline}: {run.status.lower()} in {seconds_text(run.duration)} ({where})"
    return ["", *(_row(row, widths) for row in rows), ended]


def _measured(metrics: Mapping[str, float], outputs: Sequence[Shown]) -> str:
    """A step's metrics, the values that it showed as far as a line holds them, and its plots."""
    measured = [f"{name} {number_text(value)}" for name, value in metrics.items()]
    return "  ".join([*measured, *(_on_one_line(each) for each in outputs if each.kind != "print")])


def _on_one_line(output: Shown) -> str:
    lines = output.text.split("\n")
    text = " ".join(" ".join(lines[:3]).split())
    return text if len(text) <= _SHOWN and len(lines) <= 3 else f"{text[:_SHOWN].rstrip()} …"


def _row(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3])).rstrip()
