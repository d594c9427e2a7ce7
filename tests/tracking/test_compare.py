"""Two or more runs: only what differs, and of data which rows, columns and types."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import mlops_nb
from mlops_nb.reproducibility.fingerprints import fingerprint
from mlops_nb.tracking.compare import data_differences, differences


def frame(**columns) -> pd.DataFrame:
    return pd.DataFrame({"a": [1, 2, 3], "b": [0.5, 1.5, 2.5], **columns})


def told(*frames: object, budget: int = 1 << 20) -> list[tuple[str, tuple[object, ...]]]:
    sides = [[fingerprint("X", each, budget)] if each is not None else [] for each in frames]
    return [(one.name, one.values) for one in data_differences(sides)]


def test_equal_data_do_not_differ():
    assert told(frame(), frame()) == []


def test_a_changed_column_is_named_and_no_other():
    ((name, values),) = told(frame(), frame(b=[0.5, 1.5, 3.5]))
    assert name == "X.b: content"
    assert values[0] != values[1]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (frame()[:2], [("X", ("DataFrame 3 x 2", "DataFrame 2 x 2"))]),
        (
            frame(c=["x", "y", "z"]),
            [("X", ("DataFrame 3 x 2", "DataFrame 3 x 3")), ("X.c: type", (None, "str"))],
        ),
        (
            frame()[["a"]],
            [("X", ("DataFrame 3 x 2", "DataFrame 3 x 1")), ("X.b: type", ("float64", None))],
        ),
        (None, [("X", ("DataFrame 3 x 2", None))]),
    ],
)
def test_rows_and_columns_that_came_or_went_are_told(other, expected):
    assert told(frame(), other) == expected


def test_a_changed_type_is_told_beside_the_content():
    found = dict(told(frame(), frame(a=[1.0, 2.0, 3.0])))
    assert found["X.a: type"] == ("int64", "float64")


def test_another_index_is_a_difference_of_the_whole():
    ((name, _),) = told(frame(), frame().set_index(pd.Index([3, 4, 5])))
    assert name == "X: content"


def test_an_array_has_shape_and_content():
    ((name, _),) = told(np.zeros(3), np.ones(3))
    assert name == "X: content"
    assert told(np.zeros(3), np.zeros((3, 1))) == [("X", ("array 3", "array 3 x 1"))]


def test_sampled_frames_of_different_length_say_nothing_of_columns():
    long = pd.DataFrame({"a": np.arange(200_000)})
    assert [name for name, _ in told(long, long[:-1], budget=1000)] == ["X"]


def test_what_one_of_many_lacks_differs():
    found = differences([{"a": 1, "n": float("nan")}, {"a": 1, "n": float("nan")}, {"a": True, "n": float("nan")}, {}])
    assert (found[0].name, found[0].values[2:]) == ("a", (True, None))
    assert differences([{"n": float("nan")}] * 3) == ()


def test_three_runs_are_compared_with_the_first_and_resources_are_kept_apart(folder):
    for depth in (1, 1, 2):
        with mlops_nb.run("a", source=f"depth = {depth}") as run:
            run.log_params({"depth": depth})
            run.log(accuracy=depth / 10)
    found = mlops_nb.compare(1, 2, 3)
    assert [one.values for one in found.params] == [(1, 1, 2)]
    assert [one.run for one in found.code] == [3]
    assert {one.name for one in found.resources} >= {"seconds", "CPU seconds"}
    assert mlops_nb.compare(1, 2).is_same


def test_seeds_and_hardware_are_groups_of_their_own(shell):
    for seed in (1, 2):
        shell.run_cell(f"%%mlops run a\nimport random\nrandom.seed({seed})\naccuracy = 0.5")
    found = mlops_nb.compare(1, 2)
    assert [(one.name, one.values) for one in found.seeds] == [("random.seed", (1, 2))]
    assert found.hardware == ()


def test_the_line_magic_and_the_terminal_take_more_than_two(shell, capsys):
    for _ in range(3):
        shell.run_cell("%%mlops run a\naccuracy = 0.5")
    capsys.readouterr()
    shell.run_cell("%mlops compare 1 2 3")
    assert "These 3 runs do not differ" in capsys.readouterr().out


def test_what_a_run_that_is_going_on_has_not_recorded_yet_does_not_differ(folder):
    with mlops_nb.run("done") as done:
        done.log(loss=1.0)
    with mlops_nb.run("going") as going:
        going.log(loss=2.0)
        found = mlops_nb.compare(done.id, going.id)
    assert (found.packages, found.hardware) == ((), ())
    assert {one.name for one in found.surroundings} == {"status", "name"}
