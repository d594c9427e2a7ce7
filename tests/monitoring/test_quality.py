"""Data quality: each fault is found and named, nothing where nothing changed, and every column is accounted for."""

from __future__ import annotations

import datetime
import decimal
import json
import random

import numpy as np
import pandas as pd
import pandera.pandas as pa
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlops_nb
from mlops_nb.errors import BadArgument, GateFailed
from mlops_nb.monitoring.column_checks import fences
from mlops_nb.monitoring.quality import examined
from mlops_nb.monitoring.row_checks import _copies
from mlops_nb.monitoring.schemas import write_schema
from mlops_nb.monitoring.units import FACTORS, unit_change
from mlops_nb.record import json_value


def flights(seed: int, rows: int = 2_000) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "flight_id": np.arange(rows) + seed * rows,
            "distance": rng.gamma(2, 400, rows),
            "air_time": rng.normal(150, 40, rows),
            "temp": rng.normal(12, 8, rows),
            "seats": rng.integers(50, 300, rows),
            "carrier": rng.choice(["AA", "UA", "DL"], rows),
            "is_late": rng.random(rows) < 0.2,
            "when": pd.date_range("2026-01-01", periods=rows, freq="min", tz="UTC"),
        }
    )


JANUARY, JUNE = flights(0), flights(1)


def found(reference, current, **options) -> set[tuple[str, str, str]]:
    return {(one.column, one.what, one.severity) for one in examined(reference, current, **options)[1]}


def changed(**columns) -> pd.DataFrame:
    """June with other columns; a function is given the old one."""
    return JUNE.assign(**{name: each(JUNE[name]) if callable(each) else each for name, each in columns.items()})


def some(values: pd.Series, rows: int, value: object) -> pd.Series:
    values = values.copy()
    values.iloc[:rows] = value
    return values


FAULTS = {
    "missing": (changed(temp=lambda x: x.where(np.arange(len(x)) >= 1200)), ("temp", "missing values", "alert")),
    "a few missing": (changed(temp=lambda x: x.where(np.arange(len(x)) >= 60)), ("temp", "missing values", "note")),
    "all missing": (changed(temp=np.nan), ("temp", "missing values", "alert")),
    "missing texts": (
        changed(carrier=lambda x: x.where(np.arange(len(x)) >= 400)),
        ("carrier", "missing values", "alert"),
    ),
    "a column less": (JUNE.drop(columns="temp"), ("temp", "missing column", "alert")),
    "a column more": (changed(gate=1), ("gate", "added column", "alert")),
    "numbers as texts": (changed(seats=lambda x: x.astype(str)), ("seats", "type", "alert")),
    "texts as numbers": (changed(carrier=1), ("carrier", "type", "alert")),
    "not whole": (changed(seats=lambda x: x + 0.5), ("seats", "type", "alert")),
    "whole as floats": (changed(seats=lambda x: x.astype(float)), ("seats", "type", "note")),
    "no zone": (changed(when=lambda x: x.dt.tz_localize(None)), ("when", "type", "alert")),
    "flags as numbers": (changed(is_late=lambda x: x.astype(int)), ("is_late", "type", "alert")),
    "minutes as seconds": (changed(air_time=lambda x: x * 60), ("air_time", "unit", "alert")),
    "kilometres": (changed(distance=lambda x: x / 1000), ("distance", "unit", "alert")),
    "bytes": (changed(distance=lambda x: x * 1024), ("distance", "unit", "alert")),
    "fahrenheit": (changed(temp=lambda x: x * 1.8 + 32), ("temp", "unit", "alert")),
    "a far value": (changed(temp=lambda x: some(x, 1, 1e6)), ("temp", "range", "note")),
    "many far values": (changed(temp=lambda x: some(x, 60, 900.0)), ("temp", "outliers", "alert")),
    "out of range": (changed(temp=lambda x: some(x, 60, 55.0)), ("temp", "range", "alert")),
    "negative": (changed(distance=lambda x: some(x, 1, -1.0)), ("distance", "range", "note")),
    "infinite": (changed(temp=lambda x: some(x, 3, np.inf)), ("temp", "infinite values", "alert")),
    "constant": (changed(temp=7.0), ("temp", "constant", "alert")),
    "constant text": (changed(carrier="AA"), ("carrier", "constant", "alert")),
    "nearly constant": (changed(seats=lambda x: some(x, 1995, 100)), ("seats", "constant", "note")),
    "one time": (changed(when=pd.Timestamp("2026-01-01", tz="UTC")), ("when", "constant", "alert")),
    "new category": (changed(carrier=lambda x: some(x, 100, "B6")), ("carrier", "new categories", "alert")),
    "seldom new category": (changed(carrier=lambda x: some(x, 1, "B6")), ("carrier", "new categories", "note")),
    "a key twice": (changed(flight_id=lambda x: some(x, 2, x.iloc[9])), ("flight_id", "key", "alert")),
    "a key missing": (changed(flight_id=lambda x: some(x.astype("Int64"), 2, pd.NA)), ("flight_id", "key", "alert")),
    "copies": (pd.concat([JUNE, JUNE.iloc[:100]]), ("", "duplicate rows", "alert")),
    "a few copies": (pd.concat([JUNE, JUNE.iloc[:18]]), ("", "duplicate rows", "note")),
    "no rows": (JUNE.iloc[:0], ("", "rows", "alert")),
    "one name twice": (pd.concat([JUNE, JUNE[["temp"]]], axis=1), ("", "column names", "alert")),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_found_and_named(name):
    current, expected = FAULTS[name]
    assert expected in found(JANUARY, current)
    columns = {one.column for one in examined(JANUARY, current)[1]} - {expected[0], "temp#2"}
    assert columns <= {"", "flight_id"}, "and nothing in a column that did not change"


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("rows", [40, 2_000, 30_000])
def test_nothing_is_found_where_nothing_changed(seed, rows):
    one, other = flights(2 * seed, rows), flights(2 * seed + 1, rows // 2)
    alerts = [each for each in examined(one, other)[1] if each.severity == "alert"]
    assert alerts == []


def test_what_the_reference_has_as_well_is_no_alert():
    gaps = {"temp": lambda x: x.where(np.arange(len(x)) % 2 == 0), "old": 1.0}
    one = JANUARY.assign(temp=gaps["temp"](JANUARY.temp), old=1.0)
    two = JUNE.assign(temp=gaps["temp"](JUNE.temp), old=1.0)
    one, two = pd.concat([one, one.iloc[:200]]), pd.concat([two, two.iloc[:200]])
    one, two = one.drop(columns="flight_id"), two.drop(columns="flight_id")  # no row is twice where each has its number
    assert {each for each in found(one, two) if each[2] == "alert"} == set()
    assert ("temp", "missing values", "note") in found(one, two)


def test_data_is_looked_at_alone():
    alone = JUNE.assign(temp=JUNE.temp.where(np.arange(2000) > 400), old=1.0, distance=some(JUNE.distance, 1, np.inf))
    kinds = found(None, pd.concat([alone, alone.iloc[:5]]), key=["flight_id"])
    assert kinds == {
        ("temp", "missing values", "alert"),
        ("old", "constant", "note"),
        ("distance", "infinite values", "alert"),
        ("distance", "outliers", "note"),
        ("", "duplicate rows", "note"),
        ("flight_id", "key", "alert"),
    }


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("seed", range(4))
def test_a_unit_change_is_told_by_its_factor_through_noise(factor, seed):
    rng = np.random.default_rng(seed)
    one, other = rng.lognormal(3, 0.6, 800), rng.lognormal(3.03, 0.6, 500)
    centred, again = rng.normal(0, 1, 800), rng.normal(0, 1, 800)
    for said, verb in (
        (unit_change(one, other * factor), "multiplied by "),
        (unit_change(one, other / factor), "divided by "),
        (unit_change(centred, again * factor), "multiplied by "),
    ):
        assert said.startswith(verb)
        assert f"{factor:,.0f}" in said.removeprefix(verb).split(" or ")


def test_enough_values_tell_1000_from_1024():
    rng = np.random.default_rng(0)
    one, other = rng.normal(100, 5, 60_000), rng.normal(100, 5, 60_000)
    assert unit_change(one, other * 1000) == "multiplied by 1,000"
    assert unit_change(one, other * 1024) == "multiplied by 1,024"


@pytest.mark.parametrize(
    ("there", "here", "said"),
    [
        (lambda c: c, lambda c: c * 1.8 + 32, "converted from °C to °F"),
        (lambda c: c * 1.8 + 32, lambda c: c, "converted from °F to °C"),
        (lambda c: c, lambda c: c + 273.15, "converted from °C to K"),
        (lambda c: c + 273.15, lambda c: c, "converted from K to °C"),
    ],
)
def test_a_temperature_in_another_scale_is_told(there, here, said):
    rng = np.random.default_rng(0)
    assert unit_change(there(rng.normal(15, 7, 3000)), here(rng.normal(15.5, 7, 3000))) == said


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 9999), st.floats(0.3, 5), st.floats(-3, 3), st.sampled_from(["normal", "lognormal", "uniform"]))
def test_real_drift_is_not_called_a_change_of_unit(seed, scale, shift, kind):
    rng = np.random.default_rng(seed)
    one, other = (getattr(rng, kind)(size=400) for _ in range(2))
    assert unit_change(one, other * scale + shift) == ""


def test_fences_are_tukeys():
    values = np.array([2, 4, 4, 5, 6, 7, 8, 9, 10.0])
    low, high = np.quantile(values, [0.25, 0.75])
    assert fences(values) == (low - 3 * (high - low), high + 3 * (high - low)) == (-8.0, 20.0)
    assert np.isnan(fences(np.ones(9))).all()


cells = st.one_of(st.none(), st.integers(-2, 2), st.sampled_from([0.0, -0.0, 1.5, float("nan")]), st.sampled_from("ab"))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), cells, st.sampled_from(["x", "y", None]), st.booleans()), max_size=30),
    st.randoms(use_true_random=False),
)
def test_as_many_rows_are_copies_as_pandas_counts_in_any_order(rows, chance):
    frame = pd.DataFrame(rows, columns=["a", "b", "c", "d"])
    assert _copies(frame) == int(frame.duplicated().sum())
    chance.shuffle(rows)
    assert _copies(pd.DataFrame(rows, columns=["a", "b", "c", "d"])) == _copies(frame)


ODD = {
    "nullable": pd.array([1, None, 3] * 40, dtype="Int64"),
    "large nullable": pd.array([2**60 + 1, 2**60, None] * 40, dtype="Int64"),
    "nullable bool": pd.array([True, None, False] * 40, dtype="boolean"),
    "arrow": pd.array([1.5, None, 3] * 40, dtype="float64[pyarrow]"),
    "arrow text": pd.array(["a", None, "b"] * 40, dtype="string[pyarrow]"),
    "arrow decimal": pd.Series([decimal.Decimal("1.5"), None, decimal.Decimal(3)] * 40),
    "category": pd.Categorical(["a", None, "b"] * 40, categories=["a", "b", "never"]),
    "ordered numbers": pd.Categorical([1, 2, 3] * 40, ordered=True),
    "zone": pd.date_range("2026-03-28", periods=120, freq="h", tz="Europe/Berlin"),
    "timedelta": pd.to_timedelta(list(range(120)), unit="s"),
    "period": pd.period_range("2020-01", periods=120, freq="M"),
    "interval": pd.interval_range(0, 120),
    "dates": [datetime.date(2026, 1, 1 + day % 28) for day in range(120)],
    "mixed": [1, "a", None, 2.5, b"x", (1, 2)] * 20,
    "unhashable": [[1], {"a": 1}, None] * 40,
    "all missing": [None] * 120,
    "complex": [1j, 2.0, 3.0] * 40,
    "float32": np.linspace(0, 1, 120, dtype="float32"),
    "sparse": pd.arrays.SparseArray([0.0, 1.0, np.nan] * 40),
    "long texts": ["many words that differ from row to row " + str(row) for row in range(120)],
    "ids": [f"id-{row}" for row in range(120)],
}


@pytest.mark.parametrize("name", ODD)
def test_no_type_of_column_breaks_it_and_each_is_accounted_for(name):
    frame = pd.DataFrame({"x": pd.Series(ODD[name]), "y": range(120)})
    before = frame.copy(deep=True)
    for one, other in (
        (frame, frame),
        (None, frame),
        (frame, frame.iloc[:0]),
        (frame.iloc[:0], frame),
        (frame, frame[:1]),
    ):
        columns, _ = examined(one, other, key=["y"])
        assert [each.name for each in columns] == ["x", "y"]
        assert all(each.looked_at and (len(each.looked_at) > 2 or each.reason or one is None) for each in columns)
    alerts = {each for each in found(frame, frame) if each[2] == "alert"}
    assert alerts <= {("x", "missing values", "alert")} if name == "all missing" else alerts == set()
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("other", ["nullable", "mixed", "zone", "category", "unhashable", "all missing"])
def test_any_type_may_become_any_other(name, other):
    one, two = pd.DataFrame({"x": pd.Series(ODD[name])}), pd.DataFrame({"x": pd.Series(ODD[other])})
    columns, findings = examined(one, two)
    assert [each.name for each in columns] == ["x"]
    json.dumps(json_value([each.to_dict() for each in findings]), allow_nan=False)


@pytest.mark.parametrize("frame", [pd.DataFrame(), pd.DataFrame(index=range(3)), pd.DataFrame({"a": []})])
def test_an_empty_frame_is_said_to_be_empty(frame):
    for one, other in ((frame, JUNE), (JUNE, frame), (frame, frame), (None, frame)):
        columns, findings = examined(one, other)
        assert len(columns) == len({*map(str, other.columns), *([] if one is None else map(str, one.columns))})
        assert any(each.what == "rows" for each in findings) == (len(other) == 0)


def test_a_hundred_thousand_categories_are_compared_and_those_to_be_expected_are_no_finding():
    rng = np.random.default_rng(0)
    one, other = (pd.DataFrame({"user": rng.zipf(1.3, 200_000).astype(str)}) for _ in range(2))
    assert found(one, other) == set()


def test_nobodys_random_state_is_touched():
    random.seed(1)
    np.random.seed(1)
    state = random.getstate(), np.random.get_state()[1].tolist()
    examined(flights(0, 60_000), flights(1, 60_000))
    assert (random.getstate(), np.random.get_state()[1].tolist()) == state


# keys


def test_a_key_of_several_columns_and_foreign_keys_are_checked():
    orders = pd.DataFrame({"day": [1, 1, 2, 2], "number": [1, 2, 1, 1], "carrier": ["AA", "UA", "??", None]})
    result = mlops_nb.quality(
        orders, key=["day", "number"], foreign={"carrier": pd.DataFrame({"carrier": ["AA", "UA", "DL"], "name": 1})}
    )
    words = {one.what: one.words for one in result.alerts}
    assert words["key"] == "1 row with a key that was there before, first 2, 1 in row 3"
    assert words["foreign key"] == "1 value not found where the key belongs, first '??'"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"key": "flight"}, "flight_id"),
        ({"foreign": {"carier": ["AA"]}}, "carrier"),
        ({"foreign": {"carrier": pd.DataFrame({"Carrier": ["AA"], "b": 1})}}, "'Carrier'"),
        ({"missing": 5}, "missing == 5"),
        ({"schema": 7}, "7 is no schema"),
        ({"schema": "no.yaml"}, "no.yaml cannot be read"),
        ({"schema": {"temp": {"lo": 1}}}, "low"),
    ],
)
def test_what_cannot_be_done_is_said(folder, options, said):
    with pytest.raises(BadArgument) as caught:
        mlops_nb.quality(JANUARY, JUNE, **options)
    assert said in str(caught.value)


# schemas

SCHEMA = pa.DataFrameSchema(
    {
        "seats": pa.Column(int, pa.Check.in_range(50, 250)),
        "carrier": pa.Column(str, pa.Check.isin(["AA", "UA"])),
        "temp": pa.Column(float, nullable=False),
        "gate": pa.Column(int),
        "distance": pa.Column(int),
    }
)


def test_a_schema_of_pandera_gives_a_finding_for_each_rule_that_pandera_finds_broken():
    current = changed(temp=lambda x: some(x, 3, np.nan))
    result = mlops_nb.quality(current, schema=SCHEMA)
    words = {one.column: one.words for one in result.alerts if one.what == "schema"}
    with pytest.raises(pa.errors.SchemaErrors) as caught:
        SCHEMA.validate(current, lazy=True)
    cases = caught.value.failure_cases
    assert set(words) == {*cases["column"].dropna()} | {"gate"} - {"DataFrameSchema"} == {
        "seats", "carrier", "temp", "gate", "distance",
    }  # fmt: skip
    for column in ("seats", "carrier", "temp"):
        assert f"fails for {(cases['column'] == column).sum():,} value" in words[column]
    assert words["gate"] == "there is no column gate"
    assert words["distance"] == "distance is not dtype('int64')"


def test_expect_takes_the_same_schema_and_says_the_same(folder, capsys):
    with pytest.raises(GateFailed) as caught:
        mlops_nb.expect(JUNE, SCHEMA)
    said = {one.words for one in mlops_nb.quality(JUNE, schema=SCHEMA).alerts}
    failed = {check.words for check in caught.value.verdict.checks if not check.passed}
    assert failed == said
    passing = pa.DataFrameSchema({"seats": pa.Column(int), "carrier": pa.Column(str)})
    assert mlops_nb.expect(JUNE, passing) is JUNE
    assert "✓ gate frame passed: seats is as expected; carrier is as expected" in capsys.readouterr().out


def test_rules_as_for_expect_are_a_schema_too():
    result = mlops_nb.quality(JUNE, schema={"seats": range(60, 300), "gate": str})
    assert {one.column for one in result.alerts} == {"seats", "gate"}


def test_a_models_class_is_a_schema_too():
    class Flight(pa.DataFrameModel):
        seats: int = pa.Field(ge=100)

    assert [one.column for one in mlops_nb.quality(JUNE, schema=Flight).alerts] == ["seats"]


def test_an_inferred_schema_is_written_edited_and_checked(folder):
    path = write_schema(JANUARY, "flights.yaml")
    assert mlops_nb.quality(JANUARY, schema=path).alerts == ()
    broken = mlops_nb.quality(changed(seats=900, flight_id=7), schema=path).alerts
    assert {"seats", "flight_id"} <= {one.column for one in broken}
    text = path.read_text()
    assert "299" in text
    path.write_text(text.replace("299", "120"))
    result = mlops_nb.quality(JANUARY, schema="flights.yaml")
    assert [one.column for one in result.alerts] == ["seats"]
    assert result.schema_file == "flights.yaml"
    with pytest.raises(BadArgument, match="is there already"):
        write_schema(JANUARY, path)
    path.write_text("a: [")
    with pytest.raises(BadArgument, match="no schema of pandera"):
        mlops_nb.quality(JANUARY, schema=path)


@pytest.mark.parametrize("name", [name for name in ODD if name not in ("period", "interval", "sparse")])
def test_a_schema_of_any_type_of_column_can_be_written_and_fits_what_it_is_of(folder, name):
    frame = pd.DataFrame({"x": pd.Series(ODD[name])})
    path = write_schema(frame, "x.yaml")
    assert [one for one in mlops_nb.quality(frame, schema=path).findings if one.what == "schema"] == []


# sources and results


def test_frames_of_other_libraries_and_files_give_the_same(folder):
    JANUARY.drop(columns="when").to_csv("january.csv", index=False)
    changed(temp=lambda x: x * 1.8 + 32).to_parquet("june.parquet")
    expected = [("temp", "unit"), ("when", "added column")]
    for each in ("june.parquet", "june.*", pl.read_parquet("june.parquet"), "select * from 'june.parquet'"):
        result = mlops_nb.quality("january.csv", each)
        assert [(one.column, one.what) for one in result.alerts] == expected
    assert (result.reference, result.reference_rows, result.rows) == ("january.csv", 2000, 2000)


def test_a_result_is_plain_values_and_a_frame():
    result = mlops_nb.quality(JANUARY, changed(temp=7.0))
    plain = json.loads(json.dumps(json_value(result.to_dict()), allow_nan=False))
    assert plain["findings"][0]["column"] == "temp"
    assert list(result.to_frame()["what"]) == [one.what for one in result.findings]
    assert [one.name for one in result.columns] == list(JANUARY.columns)
