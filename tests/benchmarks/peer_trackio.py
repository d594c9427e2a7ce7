"""The same work with trackio's SQLite store; prints one JSON line a figure: name, CPU milliseconds."""

from __future__ import annotations

import contextlib
import io
import json
import os
import statistics
import sys
import tempfile

from tests.benchmarks.measured import METRICS, PARAMS, cpu, imported

QUIET = {"embed": False, "auto_log_cpu": False, "auto_log_gpu": False}


def single_calls():
    """One run, ten single calls: parameters are given when it begins."""
    import trackio

    def one():
        trackio.init("bench", config=PARAMS, **QUIET)
        for name, value in METRICS.items():
            trackio.log({name: value})
        trackio.finish()

    return statistics.median([cpu(one) for _ in range(12)][2:])


def captured():
    """One run, one call: the quickest way trackio has."""
    import trackio

    def one():
        trackio.init("bench", config=PARAMS, **QUIET)
        trackio.log(METRICS)
        trackio.finish()

    return statistics.median([cpu(one) for _ in range(12)][2:])


def series():
    """5,000 single calls; they are on disk when the run is finished, not before."""
    import trackio

    def calls():
        for step in range(5000):
            trackio.log({"loss": step * 0.1}, step=step)
        trackio.finish()

    trackio.init("bench", config={}, **QUIET)
    return cpu(calls)


def to_frame():
    """A loop over the runs, from 500 of them: there is no table of runs."""
    import pandas as pd
    import trackio
    from trackio.sqlite_storage import SQLiteStorage

    for number in range(500):
        values = {name: value + number for name, value in METRICS.items()}
        SQLiteStorage.bulk_log(project="q", run=f"r{number}", metrics_list=[values], steps=[0], config=PARAMS)

    def frame():
        rows = []
        for run in trackio.Api().runs("q"):
            logged = SQLiteStorage.get_logs("q", run.name)
            rows.append({**(run.config or {}), **(logged[-1] if logged else {}), "run": run.name})
        return pd.DataFrame(rows)

    assert frame().shape[0] == 500
    return cpu(frame) * 10


WORKS = {
    "import mlops_nb": imported("trackio"),
    "one captured run, 10 parameters + 10 metrics (what the magic adds to the cell)": captured,
    "one run, 10 parameters + 10 metrics, 20 single calls": single_calls,
    "5,000 single log(metric=..., step=...) calls": series,
    "5,000 runs to a DataFrame": to_frame,
}

if __name__ == "__main__":
    for name in sys.argv[1:]:
        if name not in WORKS:
            continue
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            os.chdir(folder)
            os.environ |= {"TRACKIO_DIR": folder, "HF_HUB_OFFLINE": "1"}
            with contextlib.redirect_stdout(io.StringIO()):
                figure = WORKS[name]()
            print(json.dumps([name, figure]), flush=True)
            os.chdir("/")
