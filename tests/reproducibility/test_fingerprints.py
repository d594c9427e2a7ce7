"""Fingerprints: equal content, equal hash, in any process and any layout; any change is seen."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from hypothesis.extra import pandas as pdst

from mlops_nb.reproducibility.fingerprints import data_kind, fingerprint


def of(value: object, budget: int = 1 << 30) -> str:
    found = fingerprint("data", value, budget)
    assert found is not None
    return found.fingerprint


FRAMES = pdst.data_frames(
    [
        pdst.column("number", dtype=float, elements=st.floats(allow_nan=True)),
        pdst.column("count", dtype="int64"),
        pdst.column("text", elements=st.text(max_size=8)),
        pdst.column(
            "mixed", dtype=object, elements=st.one_of(st.none(), st.text(max_size=3), st.integers(), st.booleans())
        ),
        pdst.column("when", dtype="datetime64[ns]"),
    ],
    index=pdst.range_indexes(min_size=1, max_size=8),
)


@given(FRAMES)
def test_a_copy_of_a_frame_has_its_fingerprint(frame):
    assert of(frame) == of(frame.copy())


@given(FRAMES, st.data())
def test_a_change_of_one_value_is_seen(frame, data):
    row = data.draw(st.integers(0, len(frame) - 1))
    changed = frame.copy()
    column = data.draw(st.sampled_from(list(frame.columns)))
    values = changed[column].to_numpy(copy=True)
    old = values[row]
    new = {
        "number": 0.5 if old != 0.5 else 1.5,
        "count": 0 if old else 1,
        "text": f"{old}!",
        "mixed": (old,),
        "when": np.datetime64("2013-01-01", "ns") if old != np.datetime64("2013-01-01", "ns") else np.datetime64("NaT"),
    }[column]
    values[row] = new
    changed[column] = values
    assert of(frame) != of(changed)


PARTS = st.text(alphabet="a,\x1e\x1f", max_size=4)


@given(
    st.lists(st.tuples(PARTS, PARTS), min_size=1, max_size=4), st.lists(st.tuples(PARTS, PARTS), min_size=1, max_size=4)
)
def test_text_never_runs_from_one_value_or_column_into_the_next(one, other):
    left, right = (pd.DataFrame(rows, columns=["a", "b"], dtype=object) for rows in (one, other))
    assert (of(left) == of(right)) is (one == other)
    assert (of(left.to_numpy()) == of(right.to_numpy())) is (one == other)
    assert (of(pl.DataFrame(one, orient="row")) == of(pl.DataFrame(other, orient="row"))) is (one == other)


@given(npst.arrays(npst.scalar_dtypes(), npst.array_shapes(max_dims=3, max_side=5)))
def test_an_array_has_one_fingerprint_in_every_layout(array):
    assert of(array) == of(np.asfortranarray(array)) == of(np.repeat(array, 2, axis=0)[::2]) == of(array.copy())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.array([1, 2]), np.array([1.0, 2.0])),
        (np.array([1, 2]), np.array([[1, 2]])),
        (np.array([1, "1"], dtype=object), np.array(["1", 1], dtype=object)),
        (np.array([True, 1], dtype=object), np.array([1, True], dtype=object)),
        (np.array([None, "None"], dtype=object), np.array(["None", None], dtype=object)),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]})),
        (pd.DataFrame({1: [1]}), pd.DataFrame({"1": [1]})),
        (pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1, 2]}, index=[1, 0])),
        (
            pd.DataFrame({"a": [1]}, index=pd.Index([0], name="x")),
            pd.DataFrame({"a": [1]}, index=pd.Index([0], name="y")),
        ),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), pd.DataFrame([[2, 1]], columns=["a", "a"])),
        (pd.DataFrame([[1, 2]], columns=["a", "b"]), pd.DataFrame([[1, 2]], columns=["b", "a"])),
        (pd.Series(["a", np.nan]), pd.Series(["a", "nan"])),
        (pd.Series([1, None], dtype="Int64"), pd.Series([1, 0], dtype="Int64")),
        (pd.Series(["a", "b"], dtype="category"), pd.Series(["b", "a"], dtype="category")),
        (pd.Series(pd.Categorical(["a", None], ["a", "b"])), pd.Series(pd.Categorical(["a", "b"], ["a", "b"]))),
        (pd.Series(pd.Categorical([1, "1"])), pd.Series(pd.Categorical(["1", 1]))),
        (pd.Series(pd.to_datetime(["2013-01-01"], utc=True)), pd.Series(pd.to_datetime(["2013-01-02"], utc=True))),
        (pd.Series(pd.to_datetime(["2013-01-01"], utc=True)), pd.Series(pd.to_datetime(["2013-01-01"]))),
        (
            pd.Series(pd.period_range("2013-01", periods=1, freq="M")),
            pd.Series(pd.period_range("2013-02", periods=1, freq="M")),
        ),
        (pd.Series([[1, 2]]), pd.Series([[1, 3]])),
        (pd.Series([{1, 2}]), pd.Series([{1, 3}])),
        (pl.DataFrame({"a": [1, None]}), pl.DataFrame({"a": [1, 0]})),
        (pl.DataFrame({"a": [1.0, float("nan")]}), pl.DataFrame({"a": [1.0, None]})),
        (pl.DataFrame({"a": [2**53, None]}), pl.DataFrame({"a": [2**53 + 1, None]})),
        (pl.DataFrame({"a": ["x", None]}), pl.DataFrame({"a": ["x", "None"]})),
        (pl.Series("a", [True, None]), pl.Series("a", [True, False])),
        (pl.Series("a", [[1, 2]]), pl.Series("a", [[1, 3]])),
    ],
)
def test_what_is_not_the_same_differs(one, other):
    assert of(one) != of(other)


@pytest.mark.parametrize(
    "value",
    [
        np.longdouble([1, 2]),
        np.array(3),
        np.empty((0, 3)),
        np.empty(3, "S0"),
        np.array("x"),
        np.zeros(2, dtype=[("a", "i1"), ("b", "f8")]),
        np.zeros(2, dtype=np.dtype("i1,f8", align=True)),
        pd.DataFrame(),
        pd.DataFrame(index=[1, 2]),
        pd.Series(pd.interval_range(0, 3)),
        pd.Series(pd.arrays.SparseArray([0, 1])),
        pd.DataFrame({"a": [1]}, index=pd.MultiIndex.from_tuples([("x", 1)])),
        pd.Series(pd.timedelta_range("1h", periods=2)),
        pd.Series([1 + 2j]),
        pd.Series(["\ud800"], dtype=object),
        pd.DataFrame({("a", "b"): [1]}),
        pl.DataFrame(),
        pl.Series("a", [], dtype=pl.Date),
        pl.DataFrame({"a": [{"b": 1}]}),
        pl.Series("a", ["x"], dtype=pl.Categorical),
        pl.Series("a", [b"x"]),
    ],
)
def test_any_kind_of_frame_or_array_has_a_fingerprint(value):
    found = fingerprint("data", value)
    assert found.exact
    assert found.shape == value.shape
    assert of(value) == of(value.copy() if hasattr(value, "copy") else value.clone())


class Hostile:
    def __repr__(self):
        raise RuntimeError("no text")

    def __eq__(self, other):
        raise RuntimeError("no comparison")

    __hash__ = None


def test_objects_whose_methods_raise_do_no_harm():
    for value in (np.array([Hostile(), 1], dtype=object), pd.Series([Hostile(), [Hostile()]])):
        assert of(value) == of(value)


def test_what_is_no_frame_or_array_has_none():
    for value in (1, "text", [1, 2], {"a": 1}, None, Hostile(), np.float64(1), pd.Timestamp("2013")):
        assert data_kind(value) == ""
        assert fingerprint("data", value) is None


MADE = """
import numpy as np, pandas as pd, polars as pl
from mlops_nb.reproducibility.fingerprints import fingerprint
objects = {"tags": [{"x", "y", "z"}, {"q"}, set()], "o": [object(), len, {"k": {"m"}}]}
frame = pd.DataFrame({"id": ["b", "a", None], "n": [1.5, None, 2], **objects})
for value in (frame, pl.DataFrame({"a": ["x", None], "b": [1, None]})):
    print(fingerprint("data", value).fingerprint)
"""


def test_the_same_data_has_one_fingerprint_in_every_process():
    def made(seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        return subprocess.run(
            [sys.executable, "-c", MADE], env=environment, capture_output=True, text=True, check=True
        ).stdout

    assert made("1") == made("2") != ""


def test_data_above_the_budget_is_sampled_and_says_so():
    array = np.arange(1_000_000)
    found = fingerprint("data", array, 1000)
    assert not found.exact
    assert found.fingerprint == of(array.copy(), 1000)
    array[0] += 1
    assert found.fingerprint != of(array, 1000)
    assert found.fingerprint != of(np.arange(1_000_001), 1000)


def test_fingerprint_imports_no_library_of_frames():
    code = "import sys; from mlops_nb.reproducibility.fingerprints import fingerprint as f; f('a', 1); import json; " \
           "print(json.dumps([name for name in ('pandas', 'numpy', 'polars') if name in sys.modules]))"  # fmt: skip
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@given(FRAMES, st.data())
def test_the_columns_that_changed_are_known_by_their_hashes(frame, data):
    chosen = data.draw(st.sets(st.sampled_from(["number", "count"])))
    changed = frame.assign(
        **{name: frame[name].map(lambda value: value - 1 if abs(value) < 1e9 else 0.0) for name in chosen}
    )
    before, after = (fingerprint("data", each).columns for each in (frame, changed))
    differing = {name for name in chosen if not frame[name].equals(changed[name])}
    assert {name for name in before if before[name] != after[name]} == differing


def test_columns_have_the_same_hashes_in_every_layout_frame_and_order():
    numbers = np.random.default_rng(0).random((300_000, 3))
    whole = pd.DataFrame(numbers, columns=list("abc"))
    scattered = pd.DataFrame(numbers, columns=list("abc"), copy=False)
    one = fingerprint("data", whole).columns
    assert one == fingerprint("data", scattered).columns == fingerprint("data", pl.from_pandas(whole)).columns
    assert one == fingerprint("data", whole[["c", "a", "b"]]).columns
    assert of(whole) != of(whole[["c", "a", "b"]])


def test_two_columns_of_one_name_keep_a_hash_each_and_very_wide_frames_none():
    twice = pd.DataFrame([[1, 2, 2]], columns=["a", "a", "b"])
    found = fingerprint("data", twice).columns
    assert found["a#2"] == found["b"] != found["a"]
    assert fingerprint("data", pd.DataFrame(np.zeros((1, 2001)))).columns == {}


def test_subclass_of_a_frame_or_array_is_data():
    class Frame(pd.DataFrame):
        @property
        def _constructor(self):
            return Frame

    class Array(np.ndarray):
        pass

    plain, array = pd.DataFrame({"a": [1, 2]}), np.arange(3)
    assert of(Frame(plain)) == of(plain)
    assert of(array.view(Array)) == of(array)
    assert of(np.ma.array([1, 2], mask=[False, True])) != of(np.ma.array([1, 2], mask=[True, False]))


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "bsr", "dia"])
def test_sparse_matrix_has_a_fingerprint_of_its_content(form):
    import scipy.sparse

    dense = np.eye(5)
    first, again = (scipy.sparse.coo_array(dense).asformat(form) for _ in range(2))
    other = scipy.sparse.coo_array(dense * 2).asformat(form)
    moved = scipy.sparse.coo_array(dense[::-1]).asformat(form)
    prints = [fingerprint("m", each) for each in (first, again, other, moved)]
    assert prints[0].kind == f"{form} matrix"
    assert prints[0].fingerprint == prints[1].fingerprint
    assert len({one.fingerprint for one in prints}) == 3


TEXTS = ["a", "", None, "naïve", "日本語", "x" * 300, *(f"v{number}" for number in range(70_000))]


def kept(storage: str, texts: list[str | None]) -> pd.Series:
    return pd.Series(texts, dtype=pd.StringDtype(storage, na_value=np.nan))


@pytest.mark.parametrize(
    "other",
    [
        kept("python", TEXTS),
        pd.concat([kept("pyarrow", TEXTS[:5]), kept("pyarrow", TEXTS[5:])], ignore_index=True),
        kept("pyarrow", ["before", None, *TEXTS, "behind"])[2:-1].reset_index(drop=True),
    ],
    ids=["Python's objects", "two chunks", "a slice"],
)
def test_strings_have_one_fingerprint_however_they_are_kept(other):
    assert fingerprint("s", other).fingerprint == fingerprint("s", kept("pyarrow", TEXTS)).fingerprint


@pytest.mark.parametrize("storage", ["pyarrow", "python"])
def test_strings_that_differ_in_a_value_a_boundary_or_a_missing_one_differ(storage):
    texts = [["ab", "c", ""], ["a", "bc", ""], ["ab", "c", None], ["ab", "", "c"], ["ab", "d", ""]]
    hashes = {fingerprint("s", kept(storage, each)).fingerprint for each in texts}
    assert len(hashes) == len(texts)


def test_neither_strings_nor_scattered_arrays_are_copied():
    frame = pd.DataFrame({"s": kept("pyarrow", [f"a long text of number {number}" for number in range(200_000)])})
    array = np.zeros((2_000_000, 8))[::3, ::2]
    for data in (frame, array):
        fingerprint("warm", data)
        tracemalloc.start()
        fingerprint("data", data)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4 << 20
