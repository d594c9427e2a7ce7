"""What is measured alike of all: the same run, the CPU of a call, an import."""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping

PARAMS = {f"p{i}": (i * 0.1 if i % 2 else f"v{i}") for i in range(10)}
METRICS = {f"m{i}": i * 0.5 for i in range(10)}


def cpu(function: Callable[[], object]) -> float:
    """CPU milliseconds of one call, its threads and children included."""
    gc.collect()
    before = os.times()
    fine = time.process_time()
    function()
    own = time.process_time() - fine
    after = os.times()
    children = after.children_user + after.children_system - before.children_user - before.children_system
    return (own + children) * 1e3


def imported(library: str) -> Callable[[], float]:
    """What an import costs in a fresh interpreter; the first time of four its files come from the disk."""
    code = f"import time; t = time.process_time(); import {library}; print((time.process_time() - t) * 1e3)"

    def measured() -> float:
        said = [
            subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(4)
        ]
        return statistics.median(float(one.stdout) for one in said[1:])

    return measured


def print_figures(works: Mapping[str, Callable[[], float]]) -> None:
    """Do the pieces of work that the command line names, each in a folder of its own: one JSON line a figure."""
    for name in sys.argv[1:]:
        if name in works:
            with tempfile.TemporaryDirectory() as folder:
                os.chdir(folder)
                print(json.dumps([name, works[name]()]), flush=True)
                os.chdir("/")
