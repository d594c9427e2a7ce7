"""What keeping the results of a pipeline's steps costs: scripts in processes of their own."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

TOP = """
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from mlops_nb.pipelines import pipeline, step
"""

STEPS = (
    '@step\ndef s0(n: int):\n    frame = pd.DataFrame({"a": np.arange(n), "b": np.arange(n) / 2})\n    return frame\n'
    + "".join(
        f"@step\ndef s{number}(frame):\n    frame = frame.assign(c{number}=frame.a + {number})\n    return frame\n"
        for number in range(1, 9)
    )
    + '@step(metrics=("total",))\ndef s9(frame):\n    total = float(frame.sum().sum())\n    return total\n'
    + "@pipeline\ndef flow(n: int = 10_000):\n    frame = s0(n)\n"
    + "".join(f"    frame = s{number}(frame)\n" for number in range(1, 9))
    + "    total = s9(frame)\n    return total\n"
)
MAIN = 'if __name__ == "__main__":\n    flow.main()\n'

SMALL = (
    "from mlops_nb.pipelines import pipeline, step\n"
    + "".join(f"@step\ndef s{n}(x: int):\n    y = x + 1\n    return y\n" for n in range(50))
    + "@pipeline\ndef flow(n: int = 1):\n    x = n\n"
    + "".join(f"    x = s{n}(x)\n" for n in range(50))
    + "    return x\n"
)
"""Fifty steps that do nothing worth it: what is left is what recording and keeping cost."""


def _cpu(script: Path, *arguments: str) -> float:
    """CPU milliseconds of a script's process; its bytecode is written, as anybody's is."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(script.parent / "config")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    before = os.times()
    subprocess.run(
        [sys.executable, str(script), *arguments], env=environment, check=True, capture_output=True, cwd=script.parent
    )
    after = os.times()
    return (after.children_user + after.children_system - before.children_user - before.children_system) * 1e3


def cached_pipeline() -> float:
    """A second run of ten kept steps, less what importing what the script imports at its top takes."""
    with tempfile.TemporaryDirectory() as folder:
        script, imports = Path(folder) / "flow.py", Path(folder) / "imports.py"
        script.write_text(TOP + STEPS + MAIN)
        imports.write_text(TOP)
        for each in (script, imports):
            _cpu(each)
        whole = statistics.median(_cpu(script) for _ in range(7))
        return whole - statistics.median(_cpu(imports) for _ in range(7))


def step_overhead() -> float:
    """A step that runs and is kept, beyond calling its function: fifty of them in this process."""
    return _in_process("'force': True, 'cache': True")


def kept_step() -> float:
    """A step whose kept result is taken."""
    return _in_process("")


def _in_process(options: str) -> float:
    code = (
        "import time, statistics\n"
        f"chosen = flow.with_options(**{{{options}}})\n"
        "chosen()\nfound = []\nfor _ in range(5):\n    clock = time.process_time()\n    chosen()\n"
        "    found.append((time.process_time() - clock) / 50 * 1e3)\n"
        "print(statistics.median(found))\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "small.py"
        script.write_text(
            SMALL + "if __name__ == '__main__':\n" + "".join(f"    {line}\n" for line in code.splitlines())
        )
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(Path(folder) / "config")}
        said = subprocess.run(
            [sys.executable, str(script)], env=environment, check=True, capture_output=True, text=True, cwd=folder
        )
        return float(said.stdout.strip().splitlines()[-1])
