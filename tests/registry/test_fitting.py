"""Whether data fits a signature: which column, what was expected, what came."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import pandas as frames
from sklearn.linear_model import LogisticRegression

import mlops_nb
from mlops_nb import terminal
from mlops_nb.errors import BadArgument
from mlops_nb.registry.fitting import misfits
from mlops_nb.registry.signature import Signature, signature_of, with_ranges

X = pd.DataFrame(
    {
        "delay": [1.0, 5.0, 2.5],
        "month": [1, 12, 3],
        "carrier": ["UA", "AA", "UA"],
        "day": pd.to_datetime(["2026-01-01", "2026-01-05", "2026-01-03"]),
        "late": [True, False, True],
    }
)
MOVED, AT = ["month", "delay", "carrier", "day", "late"], "T00:00:00"
TAKEN = with_ranges(signature_of(X), X)


def found(data, taken: Signature = TAKEN) -> list[tuple[str, str, str, str, bool]]:
    return [(one.column, one.what, one.expected, one.came, one.is_fault) for one in misfits(taken, data)]


def test_data_that_was_seen_fits():
    assert found(X) == found(X.iloc[:1]) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda x: x.drop(columns="month"), ("month", "missing", "int64", "no such column", True)),
        (lambda x: x.assign(extra=1.0), ("extra", "unexpected", "no such column", "float64", True)),
        (lambda x: x.assign(delay=["a", "b", "c"]), ("delay", "type", "float64", "str", True)),
        (lambda x: x.assign(carrier=[1, 2, 3]), ("carrier", "type", "str", "int64", True)),
        (
            lambda x: x[["month", "delay", "carrier", "day", "late"]],
            ("month", "order", "at place 2", "at place 1", True),
        ),
        (lambda x: x.assign(delay=[1.0, None, 2.0]), ("delay", "gaps", "no missing value", "missing values", False)),
        (lambda x: x.assign(month=[1, 13, 3]), ("month", "range", "1 to 12", "1 to 13", False)),
        (
            lambda x: x.assign(carrier=["XX", "UA", "YY"]),
            ("carrier", "categories", "one of 2 seen", "'XX', 'YY'", False),
        ),
        (
            lambda x: x.assign(day=pd.to_datetime(["2027-01-01"] * 3)),
            (
                "day",
                "range",
                "2026-01-01T00:00:00 to 2026-01-05T00:00:00",
                "2027-01-01T00:00:00 to 2027-01-01T00:00:00",
                False,
            ),
        ),
    ],
    ids=["missing", "unexpected", "number", "text", "order", "gaps", "range", "categories", "time"],
)
def test_each_misfit_says_which_column_what_was_expected_and_what_came(change, expected):
    assert found(change(X)) == [expected]


def test_whole_numbers_and_booleans_are_numbers_and_a_float_is_taken_for_a_whole_one():
    assert found(X.assign(delay=[1, 5, 2], month=[1.0, 12.0, 3.0])) == []


def test_what_the_model_cannot_take_comes_first():
    odd = X.assign(month=[1, 13, 3]).drop(columns="late")
    assert [one.is_fault for one in misfits(TAKEN, odd)] == [True, False]


def test_arrays_are_judged_by_their_width_and_type():
    taken = signature_of(np.zeros((3, 2)))
    assert found(np.ones((9, 2)), taken) == []
    assert found(np.ones((9, 3)), taken) == [("", "width", "2 columns", "3 columns", True)]
    assert found(np.array([["a", "b"]]), taken) == [("", "type", "float64", "<U1", True)]
    assert found(np.ones((9, 5))) == [("", "names", "columns by name", "a ndarray without names", False)]


def test_frame_of_polars_fits_what_was_learned_of_pandas():
    assert found(polars.from_pandas(X)) == []


@given(frames.data_frames([frames.column("a", elements=st.floats(-5, 5)), frames.column("b", dtype=int)]))
def test_data_always_fits_its_own_signature(frame):
    assert misfits(with_ranges(signature_of(frame), frame), frame) == ()


def test_command_checks_data_against_a_version_with_an_exit_code(folder, shell, capsys):
    with mlops_nb.run("forest"):
        model = LogisticRegression().fit(X[["delay", "month"]], X.late)
    mlops_nb.register(model, "late-flight", example=X[["delay", "month"]], alias="champion")
    whole = mlops_nb.check("late-flight@champion", X[["delay", "month"]])
    assert (whole.is_fit, whole.has_ranges, whole.rows) == (True, True, 3)
    shell.user_ns["X_new"] = X[["delay"]]
    shell.run_cell("%mlops check late-flight@champion X_new").raise_error()
    assert capsys.readouterr().out.startswith("✗ late-flight/1 cannot take these 3 rows: 1 fault.")
    X[["delay", "month"]].to_csv("new.csv", index=False)
    assert terminal.main(["check", "late-flight/1", "new.csv"]) == 0
    X[["month", "delay"]].to_csv("moved.csv", index=False)
    assert terminal.main(["check", "late-flight/1", "moved.csv"]) == 1
    plain = X[["delay", "month"]].to_numpy()
    mlops_nb.register(LogisticRegression().fit(plain, X.late), "late-flight", example=plain)
    assert not mlops_nb.check("late-flight/2", plain).has_ranges
    with pytest.raises(BadArgument, match="has no rows"):
        mlops_nb.check("late-flight/1", 3)
