"""One notebook, run whole: as an exported script, and its cells alone as plain Python."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks.measured import cpu

ROOT = Path(__file__).resolve().parents[2]
CELLS = (
    "import numpy as np\nimport pandas as pd\nfrom sklearn.datasets import load_digits\n"
    "from sklearn.ensemble import RandomForestClassifier\nfrom sklearn.linear_model import LogisticRegression\n"
    "from sklearn.metrics import accuracy_score\nfrom sklearn.model_selection import train_test_split",
    "digits = load_digits(as_frame=True)\ndata = digits.frame\ndata.shape",
    "data.describe().round(2)",
    "data.groupby('target').mean().iloc[:, 20:24]",
    "X = data.drop(columns='target')\ny = data['target']",
    "X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)\nlen(X_train), len(X_test)",
    "forest = RandomForestClassifier(n_estimators=300, random_state=0)\nforest.fit(X_train, y_train)",
    "forest_accuracy = accuracy_score(y_test, forest.predict(X_test))\nprint(f'forest {forest_accuracy:.4f}')",
    "linear = LogisticRegression(max_iter=300, C=0.1)\nlinear.fit(X_train / 16, y_train)",
    "linear_accuracy = accuracy_score(y_test, linear.predict(X_test / 16))\nprint(f'linear {linear_accuracy:.4f}')",
    "rng = np.random.default_rng(0)\nscores = []\nfor _ in range(15):\n"
    "    rows = rng.integers(0, len(y_test), len(y_test))\n"
    "    scores.append(accuracy_score(y_test.iloc[rows], forest.predict(X_test.iloc[rows])))",
    "best = max(forest_accuracy, linear_accuracy)\nbest",
)
"""What people write: a frame looked at, two models, their scores, a bootstrap."""


def notebook() -> dict[str, object]:
    """The notebook as its file holds it."""
    cells = [
        {"cell_type": "code", "source": one, "metadata": {}, "outputs": [], "execution_count": None, "id": f"c{at}"}
        for at, one in enumerate(CELLS)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": cells}


def exported_script() -> float:
    """The exported script, all of it: the interpreter's start, imports, a new store, every step recorded."""
    return _median(_exported(), "--no-cache")


def exported_script_that_keeps() -> float:
    """The same, and what each step gives is kept for the next run."""
    return _median(_exported())


def _exported() -> str:
    from mlops_nb.notebook.service import formatted_script, notebook_record

    return formatted_script(notebook_record(notebook(), "run_whole.ipynb")).source


def cells_alone() -> float:
    """The cells one after the other in one file, each last value laid out as text."""
    return _median("\n".join(_with_shown_value(one) for one in CELLS))


def _with_shown_value(cell: str) -> str:
    *lines, last = cell.split("\n")
    is_value = not last.startswith((" ", "print", "from", "import")) and " = " not in last
    return "\n".join([*lines, f"print(repr(({last})))" if is_value else last])


def _median(source: str, *options: str) -> float:
    return statistics.median(_in_a_new_folder(lambda: _run(source, options)) for _ in range(5))


def _run(source: str, options: Sequence[str]) -> float:
    Path("whole.py").write_text(source)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(Path("config").absolute())}
    command = [sys.executable, "whole.py", *options]
    return cpu(lambda: subprocess.run(command, check=True, capture_output=True, env=environment))


def _in_a_new_folder(work: Callable[[], float]) -> float:
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            return work()
        finally:
            os.chdir(before)
