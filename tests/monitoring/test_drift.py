"""`mlops_nb.drift` on frames as people have them, whole and broken."""

from __future__ import annotations

import datetime
import decimal
import json

import numpy as np
import pandas as pd
import polars
import pytest

import mlops_nb
from mlops_nb.errors import BadArgument
from mlops_nb.panels.drift import drift_panel

N = 1_000


def frame(seed: int, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    words = ["good", "bad", "late", "rain", "sun", "snow"]
    return pd.DataFrame(
        {
            "number": rng.normal(shift, 1, N),
            "whole": pd.array(rng.integers(0, 5, N), dtype="Int64"),
            "arrow": pd.Series(rng.normal(size=N)).astype("double[pyarrow]"),
            "decimal": [decimal.Decimal(int(each)) for each in rng.integers(0, 50, N)],
            "flag": rng.random(N) < 0.3,
            "nullable flag": pd.array(rng.random(N) < 0.3, dtype="boolean"),
            "category": rng.choice(list("abc"), N),
            "categorical": pd.Categorical(rng.choice(["x", "y"], N), categories=["x", "y", "never"]),
            "time": pd.date_range("2024-01-01", periods=N, freq="37min", tz="Europe/Berlin"),
            "date": [datetime.date(2024, 1, 1) + datetime.timedelta(days=int(each)) for each in rng.integers(0, 70, N)],
            "period": pd.period_range("2024-01", periods=N, freq="D"),
            "span": pd.to_timedelta(rng.exponential(100, N), unit="s"),
            "text": [" ".join(rng.choice(words, 6)) for _ in range(N)],
            "constant": 1.0,
            "nothing": np.nan,
            "name": [f"id{seed}-{place}" for place in range(N)],
            "mixed": [1, "a", 2.5, None] * (N // 4),
            "lists": [[1]] * N,
            "infinite": np.where(rng.random(N) < 0.01, np.inf, rng.normal(size=N)),
            "complex": rng.normal(size=N) + 1j,
        }
    )


def test_every_column_has_a_row_or_a_reason():
    report = mlops_nb.drift(frame(1), frame(2))
    assert {each.name for each in report.columns} == set(frame(1).columns)
    reasons = {each.name: each.reason for each in report.columns if each.verdict == "skipped"}
    assert set(reasons) == {"name", "lists", "complex"}
    assert all(reasons.values())
    assert not report.is_alarming


@pytest.mark.parametrize(
    ("column", "changed", "decided_by"),
    [
        ("number", lambda c: c + 0.6, "values"),
        ("whole", lambda c: c + 2, "values"),
        ("arrow", lambda c: c * 3, "values"),
        ("decimal", lambda c: c.map(lambda each: each + 20), "values"),
        ("flag", lambda c: ~c, "values"),
        ("category", lambda c: c.replace("a", "new"), "values"),
        ("categorical", lambda c: pd.Categorical(["x"] * N), "values"),
        ("time", lambda c: c.dt.normalize() + pd.Timedelta("8h"), "hour"),
        ("date", lambda c: [datetime.date(2024, 1, 1)] * N, "weekday"),
        ("span", lambda c: c * 3, "values"),
        ("text", lambda c: c + " and so on and on", "length in words"),
        ("number", lambda c: c.where(np.arange(N) % 10 < 4), "missing values"),
        ("constant", lambda c: c + 1, "values"),
        ("mixed", lambda c: ["a"] * N, "values"),
    ],
)
def test_a_change_of_any_kind_of_column_is_drift_of_that_column_alone(column, changed, decided_by):
    current = frame(2)
    current[column] = changed(current[column])
    report = mlops_nb.drift(frame(1), current)
    assert [(each.name, each.decided_by) for each in report.of("drifted")] == [(column, decided_by)]
    assert report.columns[0].name == column


def test_missing_columns_and_other_types_are_alarms_and_new_columns_are_said():
    current = frame(2).drop(columns="flag").assign(number="text", new=1)
    report = mlops_nb.drift(frame(1), current)
    assert {each.name for each in report.broken} == {"flag", "number"}
    assert report.is_alarming
    assert report.warnings == ("only in the current data, not compared: new",)
    words = drift_panel(report).text()
    assert "2 columns missing or of another type" in words


def test_new_and_vanished_categories_and_values_out_of_range_are_told():
    one = pd.DataFrame({"a": ["x"] * 50 + ["y"] * 50, "n": np.arange(100.0)})
    other = pd.DataFrame({"a": ["x"] * 90 + ["z"] * 10, "n": np.arange(100.0) + 10})
    notes = {each.name: each.notes for each in mlops_nb.drift(one, other).columns}
    assert notes["a"] == ("new: 'z' (10.0% of the current rows)", "vanished: 'y' (50.0% of the reference rows)")
    assert notes["n"] == ("10 of 100 values lie above 99, the end of the reference",)


def test_too_few_rows_are_not_enough_to_say():
    rng = np.random.default_rng(0)
    report = mlops_nb.drift({"a": rng.normal(size=15)}, {"a": rng.normal(0.4, 1, 12)})
    assert report.columns[0].verdict == "unsure"
    assert "not enough data to say" in drift_panel(report).text()


@pytest.mark.parametrize(
    "current",
    [pd.DataFrame({"a": []}, dtype=float), pd.DataFrame({"a": [1.0]}), pd.DataFrame({"a": [np.nan] * 5})],
    ids=["no rows", "one row", "all missing"],
)
def test_hardly_any_data_has_an_answer(current):
    (found,) = mlops_nb.drift({"a": np.arange(50.0)}, current).columns
    assert found.verdict in ("skipped", "unsure", "drifted")
    drift_panel(mlops_nb.drift({"a": np.arange(50.0)}, current)).html()


def test_columns_of_one_name_are_told_apart():
    one = pd.DataFrame([[1.0, 2.0]] * 30, columns=["a", "a"])
    assert {each.name for each in mlops_nb.drift(one, one).columns} == {"a", "a#2"}


def test_many_categories_are_compared_in_bounded_space():
    rng = np.random.default_rng(0)
    one, other = (pd.DataFrame({"a": rng.integers(0, 100_000, 200_000).astype(str)}) for _ in range(2))
    (found,) = mlops_nb.drift(one, other).columns
    assert found.verdict in ("stable", "unsure", "skipped", "changed")
    assert len(json.dumps(found.to_dict())) < 10_000


def test_polars_arrow_files_patterns_and_sql_are_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = frame(1)[["number", "category"]]
    for place in range(2):
        one.iloc[place::2].to_parquet(tmp_path / f"part-{place}.parquet")
    one.to_csv(tmp_path / "all.csv", index=False)
    everything = [polars.from_pandas(one), "part-*.parquet", "all.csv", "select * from 'part-*.parquet'"]
    found = [mlops_nb.drift(one, each).columns for each in everything]
    assert {each.verdict for columns in found for each in columns} == {"stable"}
    assert all(columns[0].rows == (N, N) for columns in found)


def test_a_broken_file_of_a_pattern_is_named(tmp_path):
    frame(1)[["number"]].to_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(BadArgument, match=r"b\.parquet cannot be read"):
        mlops_nb.drift(frame(1)[["number"]], str(tmp_path / "*.parquet"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"columns": ["nmber"]}, "no column 'nmber'"),
        ({"threshold": 2}, "threshold == 2"),
        ({"alpha": 0}, "alpha == 0"),
        ({"correction": "bonf"}, "correction == 'bonf'"),
        ({"thresholds": {"x": 0.2}}, "thresholds has 'x'"),
    ],
)
def test_what_makes_no_sense_is_refused(options, said):
    with pytest.raises(BadArgument, match=said):
        mlops_nb.drift(frame(1)[["number"]], frame(2)[["number"]], **options)


def test_the_same_data_give_the_same_report_and_leave_the_random_state():
    state = np.random.get_state()[1].copy()
    found = [{**mlops_nb.drift(frame(1), frame(2)).to_dict(), "made": 0} for _ in range(2)]
    assert json.dumps(found[0], default=str) == json.dumps(found[1], default=str)
    assert (np.random.get_state()[1] == state).all()


def test_report_is_a_table_and_json():
    report = mlops_nb.drift(frame(1), frame(2, 1.0))
    table = report.to_frame().set_index("name")
    assert table.loc["number", "verdict"] == "drifted"
    assert table.loc["number", "psi"] > 0.2
    assert json.loads(report.to_json())["columns"][0]["name"] == "number"


def test_names_of_columns_and_categories_are_data():
    hostile = "<script>alert(1)</script>"
    one, other = pd.DataFrame({hostile: ["a"] * 60}), pd.DataFrame({hostile: ["a"] * 30 + [hostile] * 30})
    assert "<script>" not in drift_panel(mlops_nb.drift(one, other)).html()


def test_five_hundred_columns_are_shown_in_two_hundred_kilobytes():
    rng = np.random.default_rng(0)
    one, other = (pd.DataFrame(rng.normal(size=(200, 500))).add_prefix("column ") for _ in range(2))
    html = drift_panel(mlops_nb.drift(one, other)).html()
    assert len(html) < 200_000
    assert "+440 more" in html
