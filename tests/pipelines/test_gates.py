from __future__ import annotations

import json
import math
import pickle

import numpy as np
import pandas as pd
import pytest

import mlops_nb
from mlops_nb.errors import BadArgument, GateFailed
from mlops_nb.gates import frame_verdict, threshold_verdict
from mlops_nb.store import open_store
from mlops_nb.tracking import service
from tests.pipelines.scripts import ran, written

FLIGHTS = pd.DataFrame(
    {
        "month": [1, 2, 12],
        "delay": [0.5, -3.0, math.nan],
        "carrier": ["AA", "B6", "AA"],
        "late": [True, False, True],
        "at": pd.to_datetime(["2026-01-01"] * 3),
    }
)


@pytest.mark.parametrize(
    ("value", "bounds", "words"),
    [
        (0.9, {"at_least": 0.8}, "gate m passed: 0.9 is at least 0.8"),
        (np.float64(0.8), {"at_least": 0.8}, "gate m passed: 0.8 is at least 0.8"),
        (0.79, {"at_least": 0.8}, "gate m failed: 0.79 is below 0.8"),
        (3, {"at_most": 2}, "gate m failed: 3 is above 2"),
        (1, {"at_least": 0, "at_most": 2}, "gate m passed: 1 is at least 0; 1 is at most 2"),
        (math.nan, {"at_least": 0}, "gate m failed: nan is not a number"),
        ("0.9", {"at_least": 0}, "gate m failed: '0.9' is not a number"),
        (math.inf, {"at_least": 0}, "gate m passed: inf is at least 0"),
    ],
)
def test_number_passes_within_its_bounds(value, bounds, words):
    assert threshold_verdict("m", value, **bounds).words() == words


@pytest.mark.parametrize("bounds", [{}, {"at_least": math.nan}, {"at_least": 2, "at_most": 1}])
def test_bounds_that_judge_nothing_are_refused(bounds):
    with pytest.raises(BadArgument):
        threshold_verdict("m", 1, **bounds)


def test_frame_as_expected_passes_and_is_given_back(capsys):
    schema = {
        "month": range(1, 13),
        "delay": {"type": float, "low": -60, "missing": 0.5},
        "carrier": ["AA", "B6"],
        "late": bool,
        "at": "datetime",
    }
    assert mlops_nb.expect(FLIGHTS, schema, rows=3, name="flights") is FLIGHTS
    assert capsys.readouterr().out.startswith("✓ gate flights passed: 3 rows, at least 3; month is as expected")


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"month": range(1, 12)}, "month has 1 value above 11 (first 12 in row 2)"),
        ({"month": float}, ""),
        ({"month": bool}, "month is int64, not true or false"),
        ({"delay": float}, "delay lacks 1 of 3 values (first in row 2)"),
        ({"delay": {"low": 0, "missing": 1}}, "delay has 1 value below 0 (first -3.0 in row 1)"),
        ({"carrier": {"AA"}}, "carrier has 1 value not allowed (first 'B6' in row 1)"),
        ({"carrier": {"unique": True}}, "carrier has 1 value twice (first 'AA' in row 2)"),
        ({"carrier": int}, "carrier is str, not whole numbers"),
        ({"late": int}, "late is bool, not whole numbers"),
        ({"carier": str}, "there is no column carier (there is carrier)"),
    ],
)
def test_what_a_column_lacks_is_said_with_its_first_row(schema, words):
    verdict = frame_verdict(FLIGHTS.astype({"carrier": "str"}), schema, "flights")
    assert (verdict.passed, words in verdict.words()) == (not words, True)


@pytest.mark.parametrize("rule", ["no kind", 3, {"typo": int}])
def test_rule_that_cannot_be_read_is_refused(rule):
    with pytest.raises(BadArgument, match="month"):
        frame_verdict(FLIGHTS, {"month": rule}, "flights")


def test_empty_frame_lacks_rows_and_nothing_else():
    assert frame_verdict(FLIGHTS[:0], {"month": range(1, 13)}, "flights", rows=1).words() == (
        "gate flights failed: 0 rows, fewer than 1"
    )


def test_what_is_no_frame_is_refused():
    with pytest.raises(BadArgument, match="expect takes a pandas DataFrame, not a list"):
        mlops_nb.expect([1], {})


def test_verdict_is_a_tag_of_the_run(folder):
    with mlops_nb.run("judged") as run:
        assert mlops_nb.gate("accuracy", 0.9, at_least=0.8).passed
    assert service.show(run.id).tags == {"gate.accuracy": "gate accuracy passed: 0.9 is at least 0.8"}


def test_failure_can_be_sent_from_another_process():
    with pytest.raises(GateFailed) as caught:
        mlops_nb.gate("accuracy", 0.7, at_least=0.8)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.verdict.passed) == (str(caught.value), False)


GATED = """
import pandas as pd
import mlops_nb
from mlops_nb.pipelines import pipeline, step

@step(stage="ingest")
def load(n: int):
    return pd.DataFrame({"month": [1] * n})

@step(stage="validate")
def validate(frame):
    mlops_nb.expect(frame, {"month": range(1, 13)}, rows=2, name="flights")

@step(metrics=("accuracy",))
def evaluate(frame, accuracy: float):
    return accuracy

@step(stage="validate")
def good_enough(accuracy):
    mlops_nb.gate("accuracy", accuracy, at_least=0.8)

@step(stage="deploy")
def deploy(frame):
    print("deployed")

@pipeline
def flow(n: int = 3, accuracy: float = 0.9):
    frame = load(n)
    validate(frame)
    found = evaluate(frame, accuracy)
    good_enough(found)
    deploy(frame)

if __name__ == "__main__":
    flow.main()
"""


@pytest.mark.parametrize("engine", [(), ("--engine", "process", "--jobs", "1")])
def test_failed_gate_stops_the_pipeline_with_its_verdict_and_exit_code_1(folder, engine):
    one = written(folder, GATED, "flow.py")
    done = ran(one, "--accuracy", "0.75", *engine)
    assert done.returncode == 1
    assert "GateFailed: gate accuracy failed: 0.75 is below 0.8" in done.stderr
    assert "step 'good_enough' (4 of 5) failed" in done.stderr
    assert "deployed" not in done.stdout
    run = service.show("good_enough", store=open_store(folder))
    assert (run.status, run.tags["gate.accuracy"]) == ("FAILED", "gate accuracy failed: 0.75 is below 0.8")
    assert ran(one, "--n", "1", *engine).returncode == 1


def test_gate_that_passed_is_kept_and_one_that_failed_is_asked_again(folder):
    one = written(folder, GATED, "flow.py")
    first, second = ran(one, "--json"), ran(one, "--json")
    assert (first.returncode, second.returncode) == (0, 0)
    assert [each["is_cached"] for each in json.loads(second.stdout.split("\n")[-2])["steps"]] == [True] * 5
    assert "✓ gate accuracy passed" in second.stdout
    assert [ran(one, "--accuracy", "0.1").returncode for _ in range(2)] == [1, 1]
