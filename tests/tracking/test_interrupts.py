"""Ctrl-C in the middle of each call: the store stays sound and free, and the call works the next time."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import threading
from contextlib import suppress

import pandas as pd
import pytest

import mlops_nb
from mlops_nb.store import open_store
from mlops_nb.tracking.service import ActiveRun

FRAME = pd.DataFrame({"a": range(1000), "b": "text"})


def make(name: str) -> None:
    with mlops_nb.run(name, source=f"{name} = 1", tags={"kind": "made"}) as run:
        run.log_params({"depth": 3})
        for step in range(5):
            run.log(step, loss=1 / (step + 1))
        mlops_nb.log_artifact(FRAME, "frame.csv")


def in_a_run(call):
    def whole() -> None:
        with mlops_nb.run("interrupted"):
            call()

    return whole


def resume() -> None:
    with mlops_nb.resume("one"):
        mlops_nb.log(loss=0.1)


def sweep() -> None:
    for trial in mlops_nb.sweep("swept", {"n": [1, 2]}):
        with trial as params:
            mlops_nb.log(score=params["n"])


def delete_and_restore() -> None:
    mlops_nb.delete("one")
    mlops_nb.restore("one")


def collect() -> None:
    make("gone")
    mlops_nb.delete("gone")
    mlops_nb.gc(yes=True)


CALLS = {
    "log": in_a_run(lambda: [mlops_nb.log(step, loss=0.5) for step in range(20)]),
    "log_params": in_a_run(lambda: mlops_nb.log_params({"depth": 3, "opt": {"lr": 0.1}})),
    "log_artifact": in_a_run(lambda: mlops_nb.log_artifact(FRAME, "frame.csv")),
    "log_confusion_matrix": in_a_run(lambda: mlops_nb.log_confusion_matrix([0, 1, 1], [0, 1, 0])),
    "set_tag and note": in_a_run(lambda: (mlops_nb.set_tag("a", "b"), mlops_nb.note("seen"))),
    "resume": resume,
    "sweep": sweep,
    "runs": lambda: mlops_nb.runs("metrics.loss > 0 and text match one"),
    "show": lambda: mlops_nb.show("one"),
    "compare": lambda: mlops_nb.compare("one", "two"),
    "why": lambda: mlops_nb.why("one", "two"),
    "lineage": lambda: mlops_nb.lineage("one"),
    "load_artifact": lambda: mlops_nb.load_artifact("one", "frame.csv"),
    "delete and restore": delete_and_restore,
    "gc": collect,
    "backup": lambda: mlops_nb.backup("backup.mlops", force=True),
    "space": mlops_nb.space,
}


def interrupt(call, after: float) -> None:
    """Make the call until a Ctrl-C comes, so many seconds after the first began."""
    timer = threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        timer.start()
        for _ in range(100_000):
            with suppress(mlops_nb.MlopsError):  # an earlier one left the run deleted
                call()
    timer.join()


def assert_sound() -> None:
    store = open_store()
    assert store.rows("PRAGMA integrity_check") == [("ok",)]
    assert store.rows("PRAGMA foreign_key_check") == []
    other = sqlite3.connect(store.path, timeout=0.2)
    other.execute("BEGIN IMMEDIATE")  # nobody holds it
    other.rollback()
    other.close()


# Between an `open` and its `with` a Ctrl-C leaves the file to the collector, which says so.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", CALLS)
def test_store_is_sound_and_free_after_an_interrupt_in_the_middle_of(folder, name):
    for each in ("one", "two"):
        make(each)
    call, rng = CALLS[name], random.Random(name)
    call()
    for _ in range(20):
        interrupt(call, rng.uniform(0, 0.02))
        assert_sound()
        with suppress(mlops_nb.MlopsError):
            mlops_nb.restore("one")
    call()
    assert {metric.name for metric in mlops_nb.show("one").metrics} == {"loss"}
    pd.testing.assert_frame_equal(mlops_nb.load_artifact("one", "frame.csv"), FRAME, check_dtype=False)


def test_an_interrupt_while_a_run_ends_leaves_no_run_going(folder, monkeypatch):
    times = iter([signal.SIGINT])

    def interrupted(run) -> None:
        for number in times:
            os.kill(os.getpid(), number)
        stop(run)

    stop = ActiveRun.stop_clock
    monkeypatch.setattr(ActiveRun, "stop_clock", interrupted)
    with pytest.raises(KeyboardInterrupt), mlops_nb.run("first"):
        mlops_nb.log(loss=0.5)
    with mlops_nb.run("second"):
        pass
    assert [(run.status, run.parent) for run in map(mlops_nb.show, (1, 2))] == [("FINISHED", None)] * 2
