"""A run that goes on: later, elsewhere, or in two places at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

import mlops_nb
from mlops_nb.errors import RunNotFound
from mlops_nb.store import open_store
from mlops_nb.store import runs as rows
from mlops_nb.store.sessions import session_id


def test_resumed_run_keeps_its_past_and_grows(folder):
    with mlops_nb.run("long", tags={"kind": "baseline"}) as first:
        first.log_params({"depth": 3})
        first.log(1, loss=2.0)
    before = mlops_nb.show("long")
    with mlops_nb.resume("long") as second:
        second.log(2, loss=1.0)
        second.log(accuracy=0.9)
    after = mlops_nb.show("long")
    assert (after.id, after.uid, after.started, after.status) == (before.id, before.uid, before.started, "FINISHED")
    assert after.duration > before.duration
    assert after.tags == before.tags
    assert after.params == before.params
    assert {metric.name: (metric.value, metric.count) for metric in after.metrics} == {
        "accuracy": (0.9, 1),
        "loss": (1.0, 2),
    }


def test_resumed_run_ends_as_its_last_block_does(folder):
    with pytest.raises(ZeroDivisionError), mlops_nb.run("retried"):
        _ = 1 / 0
    assert mlops_nb.show("retried").error is not None
    with mlops_nb.resume("retried"):
        assert mlops_nb.show("retried").status == "RUNNING"
    again = mlops_nb.show("retried")
    assert (again.status, again.error) == ("FINISHED", None)


def test_unknown_run_cannot_be_resumed(folder):
    with mlops_nb.run("forest"):
        pass
    with pytest.raises(RunNotFound, match="forst") as caught, mlops_nb.resume("forst"):
        pass
    assert caught.value.fix == "%mlops show forest"


def test_two_processes_that_write_series_to_one_run_lose_nothing(folder):
    with mlops_nb.run("shared"):
        pass
    code = (
        "import sys, mlops_nb\n"
        "with mlops_nb.resume('shared'):\n"
        "    for step in range(300):\n"
        "        mlops_nb.log(step, **{sys.argv[1]: step, 'both': step})\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, name]) for name in ("left", "right")]
    assert [writer.wait() for writer in writers] == [0, 0]
    run = mlops_nb.show("shared")
    assert run.status == "FINISHED"
    assert {metric.name: metric.count for metric in run.metrics} == {"left": 300, "right": 300, "both": 600}
    for name in ("left", "right"):
        assert [value for _, value, _ in rows.points(open_store(), run.id, name)] == list(range(300))
    both = [value for _, value, _ in rows.points(open_store(), run.id, "both")]
    assert sorted(both) == sorted([*range(300), *range(300)])


def test_run_of_another_store_becomes_one_of_this_with_all_it_has(folder):
    with mlops_nb.run("elsewhere", source="loss = 1", tags={"a": "b"}) as run:
        run.log_params({"depth": 3, "opt": {"lr": 0.1}})
        for step in range(4):
            run.log(step, loss=1 / (step + 1))
    there = mlops_nb.show("elsewhere")
    series = {"loss": rows.points(open_store(), there.id, "loss")}
    mlops_nb.use_store(folder / "other")
    store = open_store()
    session = session_id(store)
    with store.transaction() as connection:
        number = rows.insert_whole(connection, there, series, session=session)
    here = mlops_nb.show(number)
    assert here.to_dict() | {"id": 0} == there.to_dict() | {"id": 0}
    assert rows.points(store, number, "loss") == series["loss"]
