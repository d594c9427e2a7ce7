"""The same work with MLflow's SQLite store; prints one JSON line a figure: name, CPU milliseconds."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import statistics
import sys
import tempfile
import uuid

from tests.benchmarks.fits import FITS, added
from tests.benchmarks.measured import METRICS, PARAMS, cpu, imported

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
logging.disable(logging.WARNING)


def single_calls():
    """One run, 20 single calls."""
    import mlflow

    def one():
        with mlflow.start_run():
            for name, value in PARAMS.items():
                mlflow.log_param(name, value)
            for name, value in METRICS.items():
                mlflow.log_metric(name, value)

    return statistics.median([cpu(one) for _ in range(12)][2:])


def captured():
    """One run, batched calls: the quickest way MLflow has."""
    import mlflow

    def one():
        with mlflow.start_run():
            mlflow.log_params(PARAMS)
            mlflow.log_metrics(METRICS)

    return statistics.median([cpu(one) for _ in range(12)][2:])


def series():
    """5,000 single calls, from 1,000 of them."""
    import mlflow

    def calls():
        for step in range(1000):
            mlflow.log_metric("loss", step * 0.1, step=step)

    with mlflow.start_run():
        return cpu(calls) * 5


def _stored(path, runs):
    import mlflow

    with mlflow.start_run() as run:
        mlflow.log_params(PARAMS)
        mlflow.log_metrics(METRICS)
    base = sqlite3.connect(path)
    base.row_factory = sqlite3.Row
    ids = [uuid.uuid4().hex for _ in range(runs - 1)]
    for table in ("runs", "params", "metrics", "latest_metrics", "tags"):
        rows = [dict(row) for row in base.execute(f"SELECT * FROM {table} WHERE run_uuid = ?", (run.info.run_id,))]
        columns = list(rows[0])
        marks = ",".join("?" * len(columns))
        for number, uid in enumerate(ids, 2):
            for row in rows:
                changed = {**row, "run_uuid": uid}
                if table in ("metrics", "latest_metrics"):
                    changed["value"] = row["value"] + number
                values = [changed[column] for column in columns]
                base.execute(f"INSERT INTO {table} ({','.join(columns)}) VALUES ({marks})", values)
    base.commit()
    base.close()


def to_frame():
    """search_runs into a DataFrame."""
    import mlflow

    _stored("m.db", 5000)
    assert mlflow.search_runs(max_results=10_000).shape[0] == 5000
    return statistics.median(cpu(lambda: mlflow.search_runs(max_results=10_000)) for _ in range(3))


def top_ten():
    """The top 10 by a metric."""
    import mlflow

    _stored("m.db", 5000)
    return statistics.median(
        cpu(lambda: mlflow.search_runs(order_by=["metrics.m1 DESC"], max_results=10)) for _ in range(3)
    )


def to_frame_of_many():
    """search_runs into a DataFrame, once: it takes a minute."""
    import mlflow

    _stored("m.db", 50_000)
    return cpu(lambda: mlflow.search_runs(max_results=50_000))


def top_ten_of_many():
    """The top 10 by a metric."""
    import mlflow

    _stored("m.db", 50_000)
    return cpu(lambda: mlflow.search_runs(order_by=["metrics.m1 DESC"], max_results=10))


def query():
    """The same two conditions."""
    import mlflow

    _stored("m.db", 50_000)

    def asked():
        return mlflow.search_runs(filter_string="metrics.m1 > 25000 and params.p2 = 'v2'", max_results=100)

    assert asked().shape[0] == 100
    return statistics.median(cpu(asked) for _ in range(3))


def autologged(name):
    """Its autolog for scikit-learn without the model, which is its quickest; the fit is the same."""

    def added_by_autolog():
        import mlflow.sklearn

        return added(
            name,
            lambda: mlflow.sklearn.autolog(log_models=False, max_tuning_runs=24, silent=True),
            lambda: mlflow.sklearn.autolog(disable=True, silent=True),
            times=5,
        )

    return added_by_autolog


WORKS = {
    **{f"autolog: what it adds to a fit of {name}": autologged(name) for name in FITS},
    "import mlops_nb": imported("mlflow"),
    "one captured run, 10 parameters + 10 metrics (what the magic adds to the cell)": captured,
    "one run, 10 parameters + 10 metrics, 20 single calls": single_calls,
    "5,000 single log(metric=..., step=...) calls": series,
    "5,000 runs to a DataFrame": to_frame,
    "the top 10 of 5,000 runs by a metric": top_ten,
    "50,000 runs to a DataFrame": to_frame_of_many,
    "the top 10 of 50,000 runs by a metric": top_ten_of_many,
    "metrics.m1 > 25000 and params.p2 = 'v2' among 50,000 runs, the newest 100": query,
}

if __name__ == "__main__":
    for name in sys.argv[1:]:
        if name not in WORKS:
            continue
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            if name != "import mlops_nb":
                import mlflow

                mlflow.set_tracking_uri(f"sqlite:///{folder}/m.db")
                mlflow.set_experiment("bench")
            print(json.dumps([name, WORKS[name]()]), flush=True)
            os.chdir("/")
