"""Runs: what is told is what is read back."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import sqlite3
import threading

import numpy
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mlops_nb
from mlops_nb.errors import BadArgument, NoActiveRun, RunNotFound
from mlops_nb.store import connection, open_store
from mlops_nb.store import runs as rows
from mlops_nb.tracking import service
from mlops_nb.tracking.values import decode_value, encode_value


class Broken:
    def __repr__(self):
        raise RuntimeError("no repr")

    def __eq__(self, other):
        raise RuntimeError("no eq")

    __hash__ = None


def test_run_is_read_back_as_it_was_told(folder):
    (folder / "notes.txt").write_text("kept")
    with mlops_nb.run("first", tags={"kind": "baseline"}):
        mlops_nb.log_params({"depth": 3, "optimizer": {"lr": 0.1}}, seed=7)
        mlops_nb.log(accuracy=0.9)
        mlops_nb.log(step=1, loss=2.0)
        mlops_nb.log(step=2, loss=1.0)
        mlops_nb.set_tag("owner", "me")
        mlops_nb.log_artifact("notes.txt")
    run = mlops_nb.show("first")
    assert run.status == "FINISHED"
    assert {param.name: param.value for param in run.params} == {"depth": 3, "optimizer.lr": 0.1, "seed": 7}
    assert {metric.name: metric.value for metric in run.metrics} == {"accuracy": 0.9, "loss": 1.0}
    loss = run.metrics[1]
    assert (loss.step, loss.count, loss.minimum, loss.maximum, loss.mean) == (2, 2, 1.0, 2.0, 1.5)
    assert run.tags == {"kind": "baseline", "owner": "me"}
    assert [artifact.path for artifact in run.artifacts] == ["notes.txt"]
    assert run.environment.packages["pandas"] == pd.__version__


def test_series_keeps_every_value_in_order(folder):
    with mlops_nb.run("series") as run, mlops_nb.run("other") as other:
        for step in range(20):
            run.log(step, loss=step)
            other.log(step, loss=-step)
    assert [value for _, value, _ in rows.points(open_store(), run.id, "loss")] == list(range(20))


def test_raising_block_is_failed_with_its_traceback(folder):
    with pytest.raises(ZeroDivisionError), mlops_nb.run("bad"):
        _ = 1 / 0
    run = mlops_nb.show("bad")
    assert (run.status, run.error.type, run.error.message) == ("FAILED", "ZeroDivisionError", "division by zero")
    assert "service.py" not in run.error.traceback
    assert "1 / 0" in run.error.traceback


def test_interrupted_block_is_interrupted(folder):
    with pytest.raises(KeyboardInterrupt), mlops_nb.run("stopped"):
        raise KeyboardInterrupt
    assert mlops_nb.show("stopped").status == "INTERRUPTED"


def test_exception_whose_str_raises_is_recorded(folder):
    class Silent(Exception):
        def __str__(self):
            raise RuntimeError("no message")

    with pytest.raises(Silent), mlops_nb.run("silent"):
        raise Silent
    assert "cannot be shown" in mlops_nb.show("silent").error.message


def test_nested_runs_are_parent_and_children(folder):
    with mlops_nb.run("outer") as outer:
        with mlops_nb.run("inner"):
            pass
        with mlops_nb.run("inner"):
            pass
    whole = mlops_nb.show(outer.id)
    assert len(whole.children) == 2
    assert {mlops_nb.show(child).parent for child in whole.children} == {outer.id}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e308, 10**400, True])
def test_metric_keeps_any_number(folder, value):
    with mlops_nb.run("odd"):
        mlops_nb.log(m=value)
    found = mlops_nb.show("odd").metrics[0].value
    expected = math.inf if value == 10**400 else float(value)
    assert found == expected or (math.isnan(found) and math.isnan(expected))


@pytest.mark.parametrize(
    "value", ["0.9", None, [1, 2], 1j, Broken()], ids=["text", "none", "list", "complex", "broken"]
)
def test_metric_that_is_no_number_is_refused_with_the_way_out(folder, value):
    with mlops_nb.run("odd"), pytest.raises(BadArgument, match="must be a number") as caught:
        mlops_nb.log(m=value)
    assert "log_params" in caught.value.fix


@pytest.mark.parametrize(
    "name", ["quo'te\"s", "new\nline", "emoji 🚀", "<script>alert(1)</script>", "n" * 10_000, "", "\0", "\ud800"]
)
def test_any_name_is_kept_or_bounded(folder, name):
    with mlops_nb.run(name) as run:
        run.log_params({name: name})
        run.log_metrics({name: 1})
        run.set_tag(name, name)
    found = mlops_nb.show(run.id)
    assert found.status == "FINISHED"
    assert len(found.name) < 300


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, 2**80, Broken(), {1, 2}, object(), print, {"a": Broken()}, [[[[[[1]]]]]], b"x", ["\ud800"]],
)
def test_any_parameter_is_kept_or_described(folder, value):
    with mlops_nb.run("odd") as run:
        run.log_params({"value": value})
    assert len(mlops_nb.show("odd").params) == 1


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8"), max_size=50),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(PLAIN)
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_plain_parameter_survives_encoding(value):
    found = decode_value(*encode_value(value))
    assert repr(found) == repr(value) or isinstance(value, list | dict)


@given(st.lists(st.floats(), min_size=1, max_size=30))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_summary_agrees_with_pandas(folder, values):
    with mlops_nb.run("summed") as run:
        for value in values:
            run.log(x=value)
    metric = mlops_nb.show(run.id).metrics[0]
    series = pd.Series(values).dropna()
    if series.empty:
        assert metric.minimum is None
        return
    assert metric.minimum == series.min()
    assert metric.maximum == series.max()
    mean = sum(series) / len(series)
    assert metric.mean == (None if math.isnan(mean) else pytest.approx(mean))


def test_logging_outside_a_run_says_how_to_begin_one(folder):
    with pytest.raises(NoActiveRun) as caught:
        mlops_nb.log(accuracy=1)
    assert caught.value.fix.startswith("%%mlops run")


def test_unknown_run_offers_the_nearest(folder):
    with mlops_nb.run("baseline"):
        pass
    with pytest.raises(RunNotFound) as caught:
        mlops_nb.show("baselne")
    assert caught.value.fix == "%mlops show baseline"


def test_run_is_found_by_number_name_and_beginning_of_its_id(folder):
    with mlops_nb.run("a"):
        pass
    with mlops_nb.run("a") as newest:
        pass
    assert mlops_nb.show("a").id == mlops_nb.show(newest.id).id == mlops_nb.show(newest.uid[:12]).id == newest.id


def test_runs_is_a_frame_with_typed_columns(folder):
    for depth in (1, 2, 3):
        with mlops_nb.run(f"d{depth}") as run:
            run.log_params({"depth": depth, "only": "x"} if depth == 2 else {"depth": depth})
            run.log(accuracy=depth / 10)
    frame = mlops_nb.runs(sort="-accuracy")
    assert list(frame["params.depth"]) == [3, 2, 1]
    assert list(frame["metrics.accuracy"]) == [0.3, 0.2, 0.1]
    assert frame["params.only"].notna().sum() == 1
    assert str(frame["started"].dtype).endswith("UTC]")
    assert list(mlops_nb.runs("d2").index) == [2]


def test_runs_of_an_empty_store_is_an_empty_frame(folder):
    assert mlops_nb.runs().empty


@pytest.mark.parametrize(
    ("options", "said"),
    [({"status": "DONE"}, "status == 'DONE'"), ({"sort": "-acuracy"}, "no metric"), ({"limit": 0}, "must be >= 1")],
)
def test_bad_question_is_answered_with_the_rule(folder, options, said):
    with mlops_nb.run("a") as run:
        run.log(accuracy=1)
    with pytest.raises(BadArgument, match=said):
        mlops_nb.runs(**options)


def test_comparison_has_only_what_differs(folder):
    for depth in (1, 2):
        with mlops_nb.run("a", source=f"depth = {depth}\nfit()") as run:
            run.log_params({"depth": depth, "same": 1})
            run.log(accuracy=depth / 10, constant=1)
    found = mlops_nb.compare(1, 2)
    assert [(d.name, d.values) for d in found.params] == [("depth", (1, 2))]
    assert [d.name for d in found.metrics] == ["accuracy"]
    assert "-depth = 1\n+depth = 2" in found.code[0].cell.diff
    assert found.packages == ()
    assert mlops_nb.compare(1, 1).is_same


def test_card_knows_the_previous_and_the_best_run(folder):
    for loss in (0.3, 0.1, 0.2):
        with mlops_nb.run("a") as run:
            run.log(loss=loss)
    card = service.card(run.id, store=open_store())
    assert (card.previous, card.best, card.previous_id) == ({"loss": 0.1}, {"loss": 0.1}, 2)


@pytest.mark.parametrize("a_step_for", [100, 0])
def test_best_earlier_values_are_those_of_finished_runs_of_the_name(folder, monkeypatch, a_step_for):
    monkeypatch.setattr(rows, "A_STEP_FOR", a_step_for)
    for name, loss, accuracy in (("a", 0.3, 0.5), ("a", 0.2, math.nan), ("b", 0.0, 1.0), ("a", 0.4, 0.6)):
        with mlops_nb.run(name) as run:
            run.log(loss=loss, accuracy=accuracy, only=1)
    with pytest.raises(ZeroDivisionError), mlops_nb.run("a") as run:
        run.log(loss=0.1)
        _ = 1 / 0
    found = rows.best_earlier(open_store(), "a", run.id, ["loss", "accuracy", "new"], ["loss"])
    assert found == {"loss": 0.2, "accuracy": 0.6}


def test_status_counts(folder):
    with mlops_nb.run("a"):
        pass
    found = mlops_nb.status()
    assert (found.runs, found.by_status, found.last_run.name) == (1, {"FINISHED": 1}, "a")


def test_deleted_run_is_left_out_wherever_runs_are_listed_found_or_counted(folder):
    (folder / "file.txt").write_text("kept")
    with mlops_nb.run("outer") as outer, mlops_nb.run("outer") as gone:
        gone.log(only_here=1, accuracy=2)
        gone.log_artifact("file.txt")
    with mlops_nb.run("outer") as newest:
        newest.log(accuracy=1)
    store = open_store()
    with store.transaction() as connection:
        connection.execute("UPDATE runs SET deleted = 1.0 WHERE id = ?", [gone.id])
    assert {row.id for row in service.runs().rows} == {outer.id, newest.id}
    assert service.runs().total == 2
    assert rows.find_run(store, str(gone.id)) is rows.find_run(store, gone.uid) is None
    assert mlops_nb.show("outer").id == newest.id
    assert mlops_nb.show(outer.id).children == ()
    assert [number for number, _ in rows.names_and_ids(store)] == [newest.id, outer.id]
    assert rows.metric_names(store) == ["accuracy"]
    assert rows.previous_run(store, "outer", newest.id) == outer.id
    assert rows.best_earlier(store, "outer", newest.id, ["accuracy"], []) == {}
    assert service.status().runs == service.status().by_status["FINISHED"] == 2
    assert service.status().artifacts == 0


def logged() -> dict[str, dict[str, tuple[float | None, float | None, int]]]:
    return {
        row.name: {each.name: (each.minimum, each.maximum, each.count) for each in service.show(row.id).metrics}
        for row in service.runs().rows
    }


def test_runs_of_threads_are_each_its_own(folder):
    barrier = threading.Barrier(4)

    def work(number):
        barrier.wait()
        with service.run(f"thread {number}"):
            barrier.wait()
            for step in range(10):
                mlops_nb.log(step=step, value=number)
            barrier.wait()

    with service.run("outer"):
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        mlops_nb.log(own=1)
    expected = {f"thread {number}": {"value": (number, number, 10)} for number in range(4)}
    assert logged() == {"outer": {"own": (1, 1, 1)}, **expected}
    assert {row.parent for row in service.runs().rows} == {None, service.show("outer").id}


def test_runs_of_asyncio_tasks_are_each_its_own(folder):
    async def work(number):
        with service.run(f"task {number}"):
            for step in range(5):
                await asyncio.sleep(0)
                mlops_nb.log(step=step, value=number)

    async def works():
        await asyncio.gather(*(work(number) for number in range(3)))

    with service.run("outer"):
        asyncio.run(works())
        mlops_nb.log(own=1)
    assert logged() == {
        "outer": {"own": (1, 1, 1)},
        **{f"task {number}": {"value": (number, number, 5)} for number in range(3)},
    }


def test_task_that_outlives_its_run_does_not_log_into_the_next(folder):
    async def works():
        async def late():
            await gate.wait()
            mlops_nb.log(late=1)

        gate = asyncio.Event()
        with service.run("first"):
            task = asyncio.create_task(late())
            await asyncio.sleep(0)
        with service.run("second"):
            gate.set()
            with pytest.raises(NoActiveRun):
                await task

    asyncio.run(works())
    assert logged() == {"first": {}, "second": {}}


def test_interrupt_while_a_run_is_being_stored_ends_it(folder, monkeypatch):
    insert = rows.insert_run

    def interrupted(*values):
        monkeypatch.setattr(rows, "insert_run", insert)
        os.kill(os.getpid(), signal.SIGINT)
        return insert(*values)

    monkeypatch.setattr(rows, "insert_run", interrupted)
    with pytest.raises(KeyboardInterrupt), service.run("stopped"):
        raise AssertionError("the block ran")
    assert service.show("stopped").status == "INTERRUPTED"
    assert service.active_run() is None


def test_dict_inside_itself_and_long_lists_are_described(folder):
    config: dict[str, object] = {"depth": 3}
    config["self"] = config["again"] = config
    with service.run("odd") as run:
        run.log_params({"config": config, "long": list(range(1500)), "short": [1, 2]})
    params = {param.name: param.value for param in service.show("odd").params}
    assert (params["config.depth"], params["short"]) == (3, [1, 2])
    assert params["long"].startswith("list of 1,500 items, the first: [0, 1, 2,")


def test_array_of_one_number_is_a_metric(folder):
    with service.run("a") as run:
        run.log(loss=numpy.array([0.5]), other=numpy.array([[2]]))
        with pytest.raises(BadArgument):
            run.log(pair=numpy.array([1.0, 2.0]))
    assert [metric.value for metric in service.show("a").metrics] == [0.5, 2.0]


def test_run_whose_end_could_not_be_written_is_ended_with_the_next(folder, monkeypatch, capsys):
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.05)
    with mlops_nb.run("late"):
        mlops_nb.log(score=1)
        holder = sqlite3.connect(open_store().path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        mlops_nb.log(loss=2)
    assert "run 'late' was not recorded" in capsys.readouterr().err
    assert mlops_nb.show("late").status == "RUNNING"
    with mlops_nb.run("still locked"):
        pass
    holder.execute("ROLLBACK")
    with mlops_nb.run("next"):
        pass
    late = mlops_nb.show("late")
    assert (late.status, {one.name: one.value for one in late.metrics}) == ("FINISHED", {"loss": 2, "score": 1})
    assert list(mlops_nb.runs().name) == ["next", "late"]


def test_name_whose_text_raises_is_described(folder):
    class Odd:
        def __repr__(self):
            raise RuntimeError

    with mlops_nb.run("odd"):
        mlops_nb.log_params({Odd(): 1, "in": {Odd(): 2}})
        mlops_nb.set_tag(Odd(), "x")
    said = f"<{Odd.__module__}.{Odd.__qualname__}, whose repr raises>"
    run = mlops_nb.show("odd")
    assert {one.name: one.value for one in run.params} == {said: 1, f"in.{said}": 2}
    assert run.tags == {said: "x"}
