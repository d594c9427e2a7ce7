from __future__ import annotations

import math
import subprocess
import sys

import pytest

import mlops_nb
from mlops_nb.errors import BadArgument
from mlops_nb.pipelines import metric, pipeline, show, step
from mlops_nb.tracking import service


@step
def load(n: int):
    """Read the data."""
    data = list(range(n))
    return data


@step(run="mean", metrics=("mean", "nothing"), tags={"kind": "baseline"})
def measure(data, scale: float = 2.0):
    mean = scale * sum(data) / len(data) if data else math.nan
    nothing = None
    return mean, nothing


@step(stage="evaluate")
def evaluate(data):
    mlops_nb.log(spread=max(data) - min(data))
    metric("size_score", len(data))
    metric("text", "no number")
    return data


@pipeline("numbers")
def numbers(n: int = 4, tail: bool = True):
    """Numbers about numbers."""
    data = load(n)
    mean, nothing = measure(data)
    if tail:
        evaluate(data)
    return mean


@step
def fail(n: int):
    raise ValueError(f"bad {n}")


@pipeline("failing")
def failing(n: int = 1):
    load(n)
    fail(n)


def test_step_is_an_ordinary_function_outside_a_pipeline():
    assert load(2) == [0, 1]
    assert load.__doc__ == "Read the data."
    assert not service.runs(kind="step").rows


def test_pipeline_called_as_a_function_runs_and_records():
    assert numbers(n=3) == 2.0
    run = service.show("numbers")
    assert (run.kind, run.status) == ("pipeline", "FINISHED")
    assert {each.name: each.value for each in run.params} == {"n": 3, "tail": True}
    steps = [service.show(number) for number in sorted(run.children)]
    assert [(each.name, each.kind, each.status) for each in steps] == [
        ("load", "step", "FINISHED"),
        ("measure", "step", "FINISHED"),
        ("evaluate", "step", "FINISHED"),
    ]
    assert steps[1].tags == {"kind": "baseline", "run": "mean"}
    assert steps[2].tags == {"stage": "evaluate"}
    assert "def measure" in steps[1].source


def test_metrics_of_steps_are_the_pipelines_too():
    numbers(n=3)
    assert {each.name: each.value for each in service.show("numbers").metrics} == {
        "mean": 2.0,
        "spread": 2.0,
        "size_score": 3.0,
    }
    assert [each.metrics for each in numbers.last.steps] == [{}, {"mean": 2.0}, {"spread": 2.0, "size_score": 3.0}]


def test_metric_of_several_steps_bears_the_steps_name():
    @step(metrics=("loss",))
    def first():
        loss = 0.5
        return loss

    @step(metrics=("loss",))
    def second():
        loss = math.nan
        return loss

    @pipeline
    def two():
        first()
        second()

    two()
    assert sorted(two.last.metrics) == ["first.loss", "second.loss"]
    assert math.isnan(two.last.metrics["second.loss"])


def test_plain_arguments_of_a_step_are_its_parameters():
    numbers()
    run = service.show("measure")
    assert {each.name: each.value for each in run.params} == {"scale": 2.0}


def test_failed_step_fails_the_pipeline_and_the_error_goes_on():
    with pytest.raises(ValueError, match="bad 1"):
        failing()
    assert [service.show(name).status for name in ("load", "fail", "failing")] == ["FINISHED", "FAILED", "FAILED"]
    assert failing.last.error == "ValueError: bad 1"


def test_interrupted_step_is_interrupted():
    @step
    def stop():
        raise KeyboardInterrupt

    @pipeline
    def stopping():
        stop()

    with pytest.raises(KeyboardInterrupt):
        stopping()
    assert [service.show(name).status for name in ("stop", "stopping")] == ["INTERRUPTED", "INTERRUPTED"]


def test_unknown_parameter_is_refused_before_anything_runs():
    with pytest.raises(BadArgument, match="no parameter 'm'"):
        numbers(m=3)
    assert not service.runs().rows


def test_steps_are_read_from_the_functions_syntax_tree():
    assert [(each.step, each.is_conditional) for each in numbers.steps()] == [
        ("load", False),
        ("measure", False),
        ("evaluate", True),
    ]


def test_pipeline_runs_when_the_store_cannot_be_used(folder, capsys):
    (folder / "file").write_text("")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLOPS_NB_STORE", str(folder / "file"))
        assert numbers(n=3) == 2.0
    assert "was not recorded" in capsys.readouterr().err


def test_show_prints_the_text_form(capsys):
    show("a", None, [1])
    assert capsys.readouterr().out == "'a'\n[1]\n"


def test_metric_hands_its_value_on_outside_a_step():
    assert metric("f1", 0.5) == 0.5


def test_import_is_cheap():
    code = (
        "import sys; before = set(sys.modules); import mlops_nb.pipelines; "
        "heavy = {'pandas', 'numpy', 'IPython', 'plotly', 'ipywidgets', 'sqlite3', 'sqlite_utils', 'nbformat'}; "
        "print(*(heavy & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("\n", "")
