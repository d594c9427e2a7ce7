"""`%%mlops sweep --engine dask`: the same trials on real workers of their own processes."""

from __future__ import annotations

import queue
import time
from contextlib import suppress

import nbformat
import psutil
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

import mlops_nb
from mlops_nb.errors import RunNotFound
from mlops_nb.store import open_store, search
from mlops_nb.store import runs as rows
from tests.cluster import cluster

SETUP = """
import os
import numpy as np
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
import mlops_nb

X, y = load_iris(return_X_y=True)

def fitted(C):
    return LogisticRegression(C=C, max_iter=200).fit(X, y)
"""
BODY = "accuracy = accuracy_score(y, fitted(C).predict(X))\nprint('fitted', C)\nmlops_nb.set_tag('pid', os.getpid())"


def trials(name):
    return search.children_of(open_store(), mlops_nb.show(name).id)


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """The address of a scheduler with two workers, three processes of their own."""
    with cluster(tmp_path_factory.mktemp("dask"), threads=2) as address:
        yield address


def sweep(shell, scheduler, line, body):
    return shell.run_cell(f"%%mlops sweep {line} --engine dask --scheduler {scheduler}\n{body}")


def test_workers_give_the_same_trials_as_this_kernel(shell, scheduler):
    shell.run_cell(SETUP)
    assert shell.run_cell(f"%%mlops sweep here --param C=0.001,0.1,1,10 --metric accuracy\n{BODY}").success
    assert sweep(shell, scheduler, "there --param C=0.001,0.1,1,10 --metric accuracy", BODY).success
    here, there = trials("here"), trials("there")
    by = {"key": lambda trial: trial.params["C"]}
    assert [(t.params, t.metrics, t.kind) for t in sorted(there, **by)] == [
        (t.params, t.metrics, t.kind) for t in sorted(here, **by)
    ]
    assert len({trial.tags["pid"] for trial in here}) == 1
    assert not {trial.tags["pid"] for trial in there} & {trial.tags["pid"] for trial in here}
    assert mlops_nb.show("there").status == "FINISHED"
    assert mlops_nb.show("there").metrics == mlops_nb.show("here").metrics


def test_series_and_artifacts_come_back_from_workers(shell, scheduler):
    shell.run_cell("import mlops_nb")
    body = "for step in range(20): mlops_nb.log(step, loss=n / (step + 1))\nmlops_nb.log_artifact({'n': n}, 'n.json')"
    assert sweep(shell, scheduler, "s --param n=1,2", body).success
    for trial in trials("s"):
        n = trial.params["n"]
        assert [value for _, value, _ in rows.points(open_store(), trial.id, "loss")] == [
            n / (k + 1) for k in range(20)
        ]
        assert mlops_nb.load_artifact(trial.id, "n.json") == {"n": n}


def test_failing_trial_of_a_worker_is_recorded_with_its_error(shell, scheduler, capsys):
    body = "import time\ntime.sleep(3 * (n == 0))\nscore = 1 / n"
    assert sweep(shell, scheduler, "s --param n=1,0,2 --metric score", body).success
    assert {trial.params["n"]: trial.status for trial in trials("s")} == {1: "FINISHED", 0: "FAILED", 2: "FINISHED"}
    failed = next(trial for trial in trials("s") if trial.status == "FAILED")
    assert mlops_nb.show(failed.id).error.type == "ZeroDivisionError"


def test_cell_that_fails_on_every_worker_fails_in_the_cell(shell, scheduler, capsys):
    result = sweep(shell, scheduler, "s --param n=1,2,3", "undefined + n")
    assert type(result.error_in_exec) is NameError
    assert mlops_nb.show("s").status == "FAILED"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("%time score = n", "plain Python"),
        ("import asyncio\nawait asyncio.sleep(0)\nscore = n", "awaits"),
        ("score = lock.locked() + n", "lock cannot be sent to Dask workers"),
    ],
)
def test_what_workers_cannot_run_is_said_before_anything_runs(shell, scheduler, capsys, body, why):
    shell.run_cell("import threading; lock = threading.Lock()")
    assert not sweep(shell, scheduler, "s --param n=1,2", body).success
    assert why in capsys.readouterr().out
    assert mlops_nb.runs().empty


def test_cluster_that_is_not_there_is_said_and_the_sweep_failed(shell, capsys):
    shell.run_cell("%%mlops sweep s --param n=1,2 --engine dask --scheduler tcp://127.0.0.1:1\nscore = n")
    assert "cannot be reached" in capsys.readouterr().out
    assert mlops_nb.show("s").status == "FAILED"


def test_workers_of_this_machine_are_started_and_gone_afterwards(folder):
    body = "mlops_nb.set_tag('pid', os.getpid())\nscore = n"
    sources = [
        "%load_ext mlops_nb\nimport os, mlops_nb",
        f"%%mlops sweep s --param n=1,2,3 --engine dask --workers 1\n{body}",
        "import psutil\n[' '.join(c.cmdline()) for c in psutil.Process().children(recursive=True)]",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    assert "3 combinations tried" in notebook.cells[1].outputs[0].data["text/plain"]
    assert [trial.metrics for trial in trials("s")] == [{"score": n} for n in (1, 2, 3)]
    pids = {int(trial.tags["pid"]) for trial in trials("s")}
    assert len(pids) == 1
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert "spawn_main" not in notebook.cells[2].outputs[0].data["text/plain"]


def test_interrupted_sweep_on_workers_keeps_what_came_back_and_goes_on(folder):
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(folder), extra_arguments=["--log-level=CRITICAL"])
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        client.execute_interactive("%load_ext mlops_nb\nimport time", timeout=60)
        body = "time.sleep(0 if n < 3 else wait)\nscore = n"
        client.execute_interactive("wait = 600", timeout=60)
        line = "%%mlops sweep s --param n=range(1,5) --metric score --engine dask --workers 1"
        client.execute(f"{line}\n{body}")
        until = time.monotonic() + 90
        while len(finished()) < 2 and time.monotonic() < until:
            time.sleep(0.2)
        manager.interrupt_kernel()
        reply = client.get_shell_msg(timeout=60)
        assert reply["content"]["ename"] == "KeyboardInterrupt"
        assert mlops_nb.show("s").status == "INTERRUPTED"
        assert "Dask Worker process" not in printed(client)
        client.execute_interactive("wait = 0", timeout=60)
        client.execute_interactive(f"{line} --resume\n{body}", timeout=120)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert mlops_nb.show("s").status == "FINISHED"
    assert sorted(trial.params["n"] for trial in finished()) == [1, 2, 3, 4]


def printed(client) -> str:
    """All that the kernel has printed since somebody looked."""
    said = []
    with suppress(queue.Empty):
        while True:
            said.append(client.get_iopub_msg(timeout=1)["content"].get("text", ""))
    return "".join(said)


def finished():
    try:
        return [trial for trial in trials("s") if trial.status == "FINISHED"]
    except RunNotFound:
        return []


def test_functions_of_the_notebook_see_what_the_sweep_varies_and_what_the_cell_binds(shell, scheduler):
    shell.run_cell("n = 9\ndef inner():\n    return n * scale\ndef measured():\n    return inner()")
    cell = f"%%mlops sweep s --param n=1,2 --metric score --engine dask --scheduler {scheduler}\n"
    shell.run_cell(cell + "scale = 10\nscore = measured()").raise_error()
    found = sorted(trials("s"), key=lambda trial: trial.params["n"])  # they come back as they end
    assert [dict(trial.metrics) for trial in found] == [{"score": 10.0}, {"score": 20.0}]


def test_autolog_that_does_not_reach_the_workers_is_said(shell, scheduler):
    cell = f"%%mlops sweep s --param n=1,2 --metric score --engine dask --scheduler {scheduler}\nscore = n"
    with mlops_nb.autolog():
        shell.run_cell(cell).raise_error()
    assert [note for note in mlops_nb.show("s").warnings if "autolog does not reach Dask workers" in note]
    shell.run_cell(cell).raise_error()
    assert not mlops_nb.show("s").warnings
