"""Pipeline scripts that run as a person runs them: in a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

NUMBERS = '''"""Numbers."""

from pathlib import Path

from helpers import total
from mlops_nb.pipelines import pipeline, step

OFFSET = 1


def mean_of(data):
    return total(data) / len(data)


@step
def load(path: str):
    """Read the data."""
    data = [int(line) for line in Path(path).read_text().split()]
    return data


@step(metrics=("mean",))
def measure(data, scale: float):
    mean = scale * mean_of(data) + OFFSET
    print("the mean is", mean)
    return mean


@step
def report(mean):
    Path("out").mkdir(exist_ok=True)
    Path("out/report.txt").write_text(f"mean {mean}")


@pipeline("numbers")
def numbers(path: str = "numbers.txt", scale: float = 2.0):
    """Numbers about numbers."""
    data = load(path)
    mean = measure(data, scale)
    report(mean)
    return mean


if __name__ == "__main__":
    numbers.main()
'''

HELPERS = '''"""What the script calls."""


def total(data):
    return sum(data)
'''


def written(folder: Path, text: str = NUMBERS, name: str = "count.py") -> Path:
    """The script, with the module and the data that it reads beside it."""
    (folder / "helpers.py").write_text(HELPERS)
    (folder / "numbers.txt").write_text("1 2 3")
    path = folder / name
    path.write_text(text)
    return path


def ran(script: Path, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The script run with these arguments."""
    command = [sys.executable, str(script), *arguments]
    return subprocess.run(
        command, cwd=script.parent, capture_output=True, text=True, check=False, env={**os.environ, **(env or {})}
    )


def became(script: Path, *arguments: str, env: Mapping[str, str] | None = None) -> dict[str, str]:
    """By step, why it ran; of one whose kept result was taken, `kept`."""
    done = ran(script, *arguments, "--json", "--quiet", env=env)
    assert done.returncode == 0, done.stderr
    steps = json.loads(done.stdout.strip().split("\n")[-1])["steps"]
    return {each["name"]: "kept" if each["is_cached"] else each["reason"] for each in steps}


def planned(script: Path, *arguments: str, env: Mapping[str, str] | None = None) -> dict[str, str]:
    """By step, what would become of it and why."""
    done = ran(script, *arguments, "--plan", "--json", env=env)
    assert done.returncode == 0, done.stderr
    steps = json.loads(done.stdout.strip().split("\n")[-1])["steps"]
    return {
        each["step"]: "kept" if each["verdict"] == "kept" else f"{each['verdict']}: {each['reason']}" for each in steps
    }


ALL_KEPT = {"load": "kept", "measure": "kept", "report": "kept"}
