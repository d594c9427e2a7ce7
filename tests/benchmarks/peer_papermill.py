"""The same notebook with papermill; prints one JSON line a figure: name, CPU milliseconds.

papermill starts a kernel of the interpreter that the script of ours runs with, so that both have the same libraries.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.measured import cpu, print_figures
from tests.benchmarks.notebook_run import notebook


def whole_notebook() -> float:
    """The notebook, all of it: papermill's start, the kernel's, every cell, the notebook with its outputs."""
    specification = Path("kernels/python3")
    specification.mkdir(parents=True)
    argv = [os.environ["BENCH_PYTHON"], "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    described = {"argv": argv, "display_name": "Python 3", "language": "python"}
    (specification / "kernel.json").write_text(json.dumps(described))
    Path("whole.ipynb").write_text(json.dumps(notebook()))
    environment = {**os.environ, "JUPYTER_PATH": str(Path.cwd())}
    command = [sys.executable, "-m", "papermill", "whole.ipynb", "out.ipynb", "--no-progress-bar"]
    return statistics.median(
        cpu(lambda: subprocess.run(command, check=True, capture_output=True, env=environment)) for _ in range(5)
    )


WORKS = {"a notebook of two fits, run whole": whole_notebook}

if __name__ == "__main__":
    print_figures(WORKS)
