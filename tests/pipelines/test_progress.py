"""What a pipeline says on a terminal while it runs."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipelines.scripts import written

TALKS = """
import sys
from mlops_nb.pipelines import pipeline, show, step

@step
def load():
    print("first line")
    print("second line")
    return 1

@step
def quiet(a):
    return a

@step
def half(a):
    print("no end of line", end="")
    return a

@step
def warns(a):
    print("a warning", file=sys.stderr)
    show("a value")
    return a

@step
def breaks(a):
    raise ValueError("broken")

@pipeline
def flow(fails: bool = False):
    a = load()
    b = quiet(a)
    c = half(b)
    d = warns(c)
    if fails:
        breaks(d)

if __name__ == "__main__":
    flow.main()
"""


def on_a_terminal(script: Path, *arguments: str) -> list[str]:
    """What stands on a terminal at the end, line by line; durations as `0 ms`."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(script), *arguments], cwd=script.parent, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    said = b""
    try:
        while chunk := os.read(ours, 4096):
            said += chunk
    except OSError:  # the other end is closed
        pass
    process.wait()
    os.close(ours)
    return [re.sub(r"\d+(\.\d+)? m?s\b", "0 ms", line.rstrip()) for line in screen(said.decode()).split("\n")]


def screen(said: str) -> str:
    """What a terminal shows of a text with carriage returns and erased lines."""
    lines = []
    for line in said.replace("\r\n", "\n").split("\n"):
        shown = ""
        for part in line.split("\r"):
            part = part.rpartition("\x1b[2K")[2] if "\x1b[2K" in part else part + shown[len(part) :]
            shown = part
        lines.append(shown)
    return "\n".join(lines)


def test_what_a_step_prints_begins_a_line_of_its_own_and_nothing_is_erased(folder: Path):
    lines = on_a_terminal(written(folder, TALKS, "flow.py"))
    assert lines[: lines.index("")] == [
        "[1/5] load ...",
        "first line",
        "second line",
        "[1/5] load  ok  0 ms",
        "[2/5] quiet  ok  0 ms",
        "[3/5] half ...",
        "no end of line",
        "[3/5] half  ok  0 ms",
        "[4/5] warns ...",
        "a warning",
        "'a value'",
        "[4/5] warns  ok  0 ms",
    ]


@pytest.mark.parametrize("engine", [(), ("--engine", "process", "--jobs", "2")])
def test_what_a_kept_step_printed_stands_on_lines_of_its_own_too(folder: Path, engine: tuple[str, ...]):
    script = written(folder, TALKS, "flow.py")
    on_a_terminal(script, *engine)
    lines = on_a_terminal(script, *engine)
    assert "[3/5] half  kept  0 ms" in lines
    assert [line for line in lines if line.startswith("no end")] == ["no end of line"]
    assert [line for line in lines if "..." in line and "line" in line] == []


def test_failure_leaves_the_terminal_at_the_beginning_of_a_line(folder: Path):
    lines = on_a_terminal(written(folder, TALKS, "flow.py"), "--fails")
    assert "[5/5] breaks  failed  0 ms" in lines
    assert "Traceback (most recent call last):" in lines
